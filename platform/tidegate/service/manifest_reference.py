"""docs/manifest-reference.md: every key of every file, made from the schemas."""

from collections.abc import Iterator
from typing import Any, Final

from tidegate.domain.document_places import PLACES, Place
from tidegate.service.schemas import schema

_HEAD: Final = """# Every file of a manifest repository, key by key

Made by `make schemas` from the documents that the service reads; edit those. A key without a
default may be left out and then says nothing, unless it is marked as required. Shares are `"5%"` or
whole numbers in parts per million, durations are such as `90s`, `10m`, `72h` or `7d`. A key that is
not listed is an error. `tidegate schema KIND` prints the same for editors.
"""
_WRITERS: Final = {
    "people": "People write it.",
    "commands": "`tidegate pause`, `resume` and `promote` write it, and so may people.",
    "engine": "Only the engine writes it.",
}
_WORDS: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
    "null": "nothing",
}


def manifest_reference() -> str:
    """The reference, in Markdown."""
    shown: set[str] = set()
    sections = (section for place in PLACES for section in _of_place(place, shown))
    return "\n".join((_HEAD, *sections))


def _of_place(place: Place, shown: set[str]) -> Iterator[str]:
    if place.document is None:
        return
    made = schema(place.kind)
    yield f"## {place.kind}\n"
    yield f"`{place.pattern}`. {_WRITERS[place.writer]}\n"
    root = made["$ref"].rpartition("/")[2]
    for name, definition in _in_order_of_use(made, root):
        if name in shown:
            continue
        shown.add(name)
        if name != root:
            yield f"### {name}\n"
        yield f"{definition.get('description', '')}\n"
        yield from _table(definition)


def _in_order_of_use(made: dict[str, Any], root: str) -> list[tuple[str, dict[str, Any]]]:
    """The definitions of a schema, each after the first that refers to it."""
    waiting, found = [root], {}
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = made["$defs"][name]
            waiting = [*_references(found[name]), *waiting]
    return list(found.items())


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"].rpartition("/")[2]
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


def _table(definition: dict[str, Any]) -> Iterator[str]:
    if "enum" in definition:
        yield f"One of {_type(definition)}.\n"
        return
    required = definition.get("required", ())
    yield "| key | what it is | default | meaning |"
    yield "|---|---|---|---|"
    for key, entry in definition.get("properties", {}).items():
        default = "required" if key in required else _default(entry)
        cells = (f"`{key}`", _type(entry), default, entry.get("description", ""))
        yield f"| {' | '.join(each.replace('|', chr(92) + '|') for each in cells)} |"
    yield ""


def _default(entry: dict[str, Any]) -> str:
    default = entry.get("default")
    if default in (None, [], {}):
        return ""
    if isinstance(default, dict | list):
        return "see there"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _type(entry: dict[str, Any]) -> str:
    """What a key holds, in words."""
    if "$ref" in entry:
        name = entry["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in entry:
        return ", ".join(f"`{each}`" for each in entry["enum"])
    if "anyOf" in entry:
        kinds = (_type(each) for each in entry["anyOf"] if each.get("type") != "null")
        return " or ".join(dict.fromkeys(kinds))
    return _plain_type(entry)


def _plain_type(entry: dict[str, Any]) -> str:
    kind = entry.get("type", "")
    if kind == "array":
        parts = entry.get("prefixItems")
        if parts:
            return "list of " + " and ".join(_type(each) for each in parts)
        return f"list of {_type(entry.get('items', {})) or 'anything'}"
    inner = entry.get("additionalProperties")
    if kind == "object" and isinstance(inner, dict) and inner:
        return f"names, each with {_type(inner)}"
    if entry.get("format") == "date":
        return "date"
    if entry.get("format") == "date-time":
        return "instant"
    return _WORDS.get(kind, "anything")
