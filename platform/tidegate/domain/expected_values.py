"""What may stand at a place of a document: said where something else was found there."""

import re
from difflib import get_close_matches
from typing import Any, Final

import msgspec
from msgspec import inspect

from tidegate.domain.document import Document
from tidegate.domain.document_words import meanings

_PLACE: Final = re.compile(r" - at `\$([^`]*)`$")
_STEP: Final = re.compile(r"\.?([^.\[\]]+)|\[[^\]]*\]")
_UNKNOWN: Final = re.compile(r"contains unknown field `([^`]+)`")
_MISSING: Final = re.compile(r"missing required field `([^`]+)`")
_WANTED: Final = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_BARE: Final = ("int", "float", "bool", "date", "datetime")


class Misfit(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a document, and where.

    Attributes:
        key: the place, such as "strategy.canary.steps[1].setWeight"; empty for the whole document.
        problem: what is wrong there, and what may stand there.
    """

    key: str
    problem: str


def misfit(kind: type[Document], message: str) -> Misfit:
    """The message of a refused document, with what would have been accepted.

    Args:
        kind: what the document was to be.
        message: msgspec's, which ends with the place unless that is the whole document.
    """
    place = _PLACE.search(message)
    key = place[1].removeprefix(".") if place else ""
    bare = message[: place.start()] if place else message
    return _explained(kind, key, bare)


def _explained(kind: type[Document], key: str, message: str) -> Misfit:
    around = _type_at(inspect.type_info(kind), key)
    if unknown := _UNKNOWN.search(message):
        return Misfit(key=_joined(key, unknown[1]), problem=_unknown_key(around, unknown[1]))
    if missing := _MISSING.search(message):
        return Misfit(key=key, problem=_missing_key(around, missing[1]))
    if message.startswith(("Invalid enum value", "Invalid value")):
        wanted = ", ".join(map(str, _choices(around, kind, key)))
        return Misfit(key=key, problem=f"{_lower(message)}; allowed: {wanted}")
    if wrong := _WANTED.search(message):
        return Misfit(key=key, problem=_wrong_type(kind, key, wrong[1], wrong[2]))
    return Misfit(key=key, problem=message)


def _unknown_key(around: inspect.Type | None, key: str) -> str:
    known = _keys(around)
    close = get_close_matches(key, known, n=1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    return f"unknown key {key!r}{meant}; allowed: {', '.join(known)}"


def _missing_key(around: inspect.Type | None, key: str) -> str:
    struct = _struct_of(around)
    meaning = "" if struct is None else _meaning(struct, key)
    return f"the key {key!r} is missing{meaning and f' ({meaning})'}"


def _wrong_type(kind: type[Document], key: str, wanted: str, found: str) -> str:
    said = f"must be {_in_words(wanted)}, not {_in_words(found)}"
    if wanted == "str" and found in _BARE:
        return f'{said}: put quotes around it, such as "1.10"'
    holder, _, name = key.rpartition(".")
    struct = _struct_of(_type_at(inspect.type_info(kind), holder))
    meaning = "" if struct is None else _meaning(struct, name)
    return f"{said}{meaning and f': {meaning}'}"


def _meaning(struct: inspect.StructType, key: str) -> str:
    name = next((field.name for field in struct.fields if field.encode_name == key), "")
    return meanings(struct.cls).get(name, "").removesuffix(".")


_WORDS: Final = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}


def _in_words(types: str) -> str:
    """Types in the words of YAML: "int | str" -> "a whole number or a text"."""
    return " or ".join(_WORDS.get(each, each) for each in types.split(" | "))


def _joined(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _type_at(found: inspect.Type | None, key: str) -> inspect.Type | None:
    """The type at a place; None if there is none."""
    for step in _STEP.finditer(key):
        found = _inside(found, step[1])
    return found


def _inside(found: inspect.Type | None, name: str | None) -> inspect.Type | None:
    """The type of one entry of a list or mapping, or of one key."""
    for each in _members(found):
        if name is None and isinstance(each, inspect.VarTupleType | inspect.ListType):
            return each.item_type
        if name is None and isinstance(each, inspect.DictType):
            return each.value_type
        if name is not None and isinstance(each, inspect.StructType):
            return next((field.type for field in each.fields if field.encode_name == name), None)
    return None


def _members(found: inspect.Type | None) -> tuple[inspect.Type, ...]:
    if found is None:
        return ()
    return found.types if isinstance(found, inspect.UnionType) else (found,)


def _struct_of(found: inspect.Type | None) -> inspect.StructType | None:
    return next((each for each in _members(found) if isinstance(each, inspect.StructType)), None)


def _keys(found: inspect.Type | None) -> list[str]:
    struct = _struct_of(found)
    if struct is None:
        return []
    tag = [] if struct.tag_field is None else [struct.tag_field]
    return tag + [field.encode_name for field in struct.fields]


def _choices(found: inspect.Type | None, kind: type[Document], key: str) -> list[Any]:
    """What a key with a fixed list of values may say."""
    if key == "kind":
        return [kind.__struct_config__.tag]
    choices: list[Any] = []
    for each in _members(found):
        if isinstance(each, inspect.LiteralType):
            choices += each.values
        elif isinstance(each, inspect.EnumType):
            choices += [member.value for member in each.cls]
    return choices
