"""JSON Schemas as the comparison of tools reads them: what they assert, nothing else.

Drafts 6 to 2020-12 are understood alike. What cannot be understood raises, so that nobody takes it
for harmless.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

import msgspec

from tidegate.domain.json_values import canonical, check_json

Schema: TypeAlias = dict[str, Any] | bool

TYPES: Final = ("null", "boolean", "object", "array", "string", "integer", "number")
DEFINITIONS: Final = ("$defs", "definitions")
TUPLES: Final = ("items", "prefixItems", "additionalItems")
"""Keywords on the items of a list; each changes what the others mean."""
_ANNOTATIONS = frozenset(
    ("$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated")
) | {"readOnly", "writeOnly"}
_UNFOLLOWED = frozenset(
    ("$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef")
)
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class UnreadableSchema(ValueError):
    """A text is no JSON Schema, or one that says things which are not followed here."""


def parse_schema(content: bytes) -> Schema:
    """The JSON Schema in a file.

    Raises:
        UnreadableSchema: it is no JSON, or no schema.
    """
    try:
        schema = msgspec.json.decode(content)
        check_json("it", schema)
    except (ValueError, RecursionError) as error:  # msgspec's own errors are ValueErrors
        raise UnreadableSchema(f"it is no JSON: {error}") from error
    return _schema("it", schema)


def assertions(schema: Schema) -> Schema:
    """The same schema without what only describes: titles, defaults, examples, `x-` keys.

    Raises:
        UnreadableSchema: it is malformed, or too deep.
    """
    try:
        check_json("it", schema)
    except ValueError as error:
        raise UnreadableSchema(str(error)) from error
    return _asserting("it", schema)


def check_followable(schema: Schema) -> None:
    """Refuse schemas whose references depend on more than paths inside the schema.

    Raises:
        UnreadableSchema: it moves the base of its references, or names their targets.
    """
    for depth, each in _mappings(schema):
        named = sorted(_UNFOLLOWED & set(each))
        if depth and isinstance(each.get("$id"), str):
            named.append("$id below the top")
        if named:
            raise UnreadableSchema(f"it uses {named[0]}, which is not followed")


def dialect(schema: Schema) -> str:
    """The draft that a schema says it is written in."""
    said = schema.get("$schema", _DIALECT) if isinstance(schema, dict) else _DIALECT
    return str(said).rstrip("#")


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in a value, wherever it stands."""
    for _depth, each in _mappings(value):
        if isinstance(each.get("$ref"), str):
            yield each["$ref"]


def is_local(reference: str) -> bool:
    """Whether a reference stays in its own schema."""
    return reference.startswith("#")


def target(root: Schema, reference: str) -> Schema:
    """What a local reference leads to.

    Raises:
        UnreadableSchema: it leads nowhere, or to something that is no schema.
    """
    first, *parts = reference.split("/")
    node: Any = root
    for part in parts:
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and name.isdecimal() and int(name) < len(node):
            node = node[int(name)]
        elif isinstance(node, dict) and name in node:
            node = node[name]
        else:
            raise UnreadableSchema(f"$ref {reference!r} leads nowhere")
    if first != "#":
        raise UnreadableSchema(f"$ref {reference!r} is no path")
    return _schema(f"$ref {reference!r}", node)


def same(before: Any, after: Any) -> bool:
    """Whether two values are one by JSON's rules."""
    return canonical(before) == canonical(after)


def _mappings(value: Any, depth: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
    if isinstance(value, dict):
        yield depth, value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from _mappings(each, depth + 1)


def _asserting(key: str, schema: Any) -> Schema:
    schema = _schema(key, schema)
    if isinstance(schema, bool):
        return schema
    return {
        name: _READERS.get(name, _plain)(name, value)
        for name, value in schema.items()
        if name not in _ANNOTATIONS and not name.startswith("x-")
    }


def _schema(key: str, value: Any) -> Schema:
    if isinstance(value, dict | bool):
        return value
    raise UnreadableSchema(f"{key} is {_short(value)}, must be a schema")


def _plain(_key: str, value: Any) -> Any:
    return value


def _by_name(key: str, value: Any) -> dict[str, Schema]:
    if not isinstance(value, dict):
        raise UnreadableSchema(f"{key} is {_short(value)}, must be a mapping of schemas")
    return {name: _asserting(f"{key}.{name}", each) for name, each in value.items()}


def _listed(key: str, value: Any) -> list[Schema]:
    if not isinstance(value, list) or not value:
        raise UnreadableSchema(f"{key} is {_short(value)}, must be a list of schemas")
    return [_asserting(key, each) for each in value]


def _items(key: str, value: Any) -> Schema | list[Schema]:
    return _listed(key, value) if isinstance(value, list) else _asserting(key, value)


def _names(key: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise UnreadableSchema(f"{key} is {_short(value)}, must be a list of names")
    return value


def _types(key: str, value: Any) -> list[str]:
    types = [value] if isinstance(value, str) else _names(key, value)
    unknown = [each for each in types if each not in TYPES]
    if unknown or not types:
        raise UnreadableSchema(f"{key} is {_short(value)}, must be of {', '.join(TYPES)}")
    return types


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnreadableSchema(f"{key} is {_short(value)}, must be a number")
    return value


def _values(key: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise UnreadableSchema(f"{key} is {_short(value)}, must be a list of values")
    return value


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UnreadableSchema(f"{key} is {_short(value)}, must be a text")
    return value


def _flag(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise UnreadableSchema(f"{key} is {_short(value)}, must be true or false")
    return value


def _short(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004 - about a line


_READERS: Final[dict[str, Callable[[str, Any], Any]]] = (
    dict.fromkeys((*DEFINITIONS, "properties", "patternProperties", "dependentSchemas"), _by_name)
    | dict.fromkeys(("anyOf", "allOf", "oneOf", "prefixItems"), _listed)
    | dict.fromkeys(("additionalProperties", "propertyNames", "contains", "not"), _asserting)
    | dict.fromkeys(("if", "then", "else", "additionalItems"), _asserting)
    | dict.fromkeys(("unevaluatedProperties", "unevaluatedItems"), _asserting)
    | dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _number)
    | dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "multipleOf"), _number)
    | dict.fromkeys(("minProperties", "maxProperties"), _number)
    | {"items": _items, "required": _names, "type": _types, "enum": _values, "uniqueItems": _flag}
    | {"$ref": _text, "pattern": _text}
)
