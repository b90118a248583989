"""Rules on what a value may be, none of which looks into its parts.

Each takes two schemas, `$ref` followed, and yields what the later one refuses that the earlier one
accepts.
"""

from collections.abc import Hashable, Iterator
from typing import Any, Final

import msgspec

from tidegate.domain.json_schema import DEFINITIONS, TUPLES, TYPES
from tidegate.domain.json_values import canonical
from tidegate.domain.schema_walk import Narrowing, Rule, Walk

_LIMITS: Final = (
    # keyword, its strict twin, +1 where a higher value narrows, what its absence means
    ("minimum", "exclusiveMinimum", 1, None),
    ("maximum", "exclusiveMaximum", -1, None),
    ("minLength", None, 1, 0),
    ("maxLength", None, -1, None),
    ("minItems", None, 1, 0),
    ("maxItems", None, -1, None),
    ("minProperties", None, 1, 0),
    ("maxProperties", None, -1, None),
)
_AS_A_WHOLE: Final = (
    # Keywords that are compared together: one word changed in any of them may narrow.
    ("pattern",),
    ("format",),
    ("allOf",),
    ("anyOf",),
    ("oneOf",),
    ("not",),
    ("if", "then", "else"),
    ("contains", "minContains", "maxContains"),
    ("dependentRequired",),
    ("dependentSchemas",),
    ("dependencies",),
    ("propertyNames",),
    ("contentEncoding", "contentMediaType", "contentSchema"),
)
_KNOWN: Final = frozenset(
    [key for limit in _LIMITS for key in limit[:2] if key]
    + [key for group in _AS_A_WHOLE for key in group]
    + [*TUPLES, *DEFINITIONS, "$ref", "type", "enum", "const", "required", "properties"]
    + ["additionalProperties", "patternProperties", "unevaluatedProperties", "unevaluatedItems"]
    + ["multipleOf", "uniqueItems"]
)


def _types(before: dict[str, Any], after: dict[str, Any], walk: Walk) -> Iterator[Narrowing]:
    missing = _taken(before) - _allowed(after)
    if not missing:
        return
    if missing == {"number"}:
        what = "must now be a whole number"
    elif "type" not in before:
        what = f"must now be of type {' or '.join(after['type'])}"
    else:
        named = " or ".join(each for each in TYPES if each in missing)
        what = f"can no longer be of type {named}"
    yield walk.found(what, *(" or ".join(each.get("type", ["any"])) for each in (before, after)))


def _allowed(schema: dict[str, Any]) -> set[str]:
    """The types that a schema names, all if it names none; a whole number is a number."""
    types = set(schema.get("type", TYPES))
    return types | {"integer"} if "number" in types else types


def _taken(schema: dict[str, Any]) -> set[str]:
    """The types that a value may really have, also by the values that are listed."""
    types, values = _allowed(schema), _finite(schema)
    return types if values is None else types & {_type_of(value) for value in values.values()}


def _type_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
    return "object" if isinstance(value, dict) else "array"


def _finite(schema: dict[str, Any]) -> dict[Hashable, Any] | None:
    """The values that a schema lists by `enum` and `const`; None if it lists none."""
    values = {canonical(each): each for each in schema["enum"]} if "enum" in schema else None
    if "const" not in schema:
        return values
    constant = {canonical(schema["const"]): schema["const"]}
    return constant if values is None else {k: v for k, v in constant.items() if k in values}


def _listed_values(
    before: dict[str, Any], after: dict[str, Any], walk: Walk
) -> Iterator[Narrowing]:
    old, new = _finite(before), _finite(after)
    if new is None:
        return
    if old is None:
        yield walk.found("may now only have listed values", None, list(new.values()))
    elif old.keys() - new.keys():
        gone = [value for key, value in old.items() if key not in new]
        yield walk.found(
            f"can no longer be {', '.join(msgspec.json.encode(each).decode() for each in gone)}",
            list(old.values()),
            list(new.values()),
        )


def _limits(before: dict[str, Any], after: dict[str, Any], walk: Walk) -> Iterator[Narrowing]:
    for key, strict, sign, absent in _LIMITS:
        old, new = (_limit(each, key, strict, sign) for each in (before, after))
        if old is None and absent is not None:
            old = (absent, 0)
        if new is not None and (old is None or new > old):
            yield walk.found(
                f"must keep to a tighter {key}",
                *({k: each[k] for k in (key, strict) if k in each} for each in (before, after)),
            )


def _limit(
    schema: dict[str, Any], key: str, strict: str | None, sign: int
) -> tuple[float, int] | None:
    """The limit in force: the higher, the narrower."""
    given = [(sign * schema[key], 0)] if key in schema else []
    if strict in schema:
        given.append((sign * schema[strict], 1))
    return max(given, default=None)


def _multiples(before: dict[str, Any], after: dict[str, Any], walk: Walk) -> Iterator[Narrowing]:
    old, new = before.get("multipleOf"), after.get("multipleOf")
    if new is None or old == new:
        return
    if not (isinstance(old, int) and isinstance(new, int) and new and old % new == 0):
        yield walk.found("must be a multiple of another number", old, new)


def _uniqueness(before: dict[str, Any], after: dict[str, Any], walk: Walk) -> Iterator[Narrowing]:
    if after.get("uniqueItems") and not before.get("uniqueItems"):
        yield walk.found("can no longer hold an item twice")


def _wholes(before: dict[str, Any], after: dict[str, Any], walk: Walk) -> Iterator[Narrowing]:
    for group in _AS_A_WHOLE:
        old, new = ({key: each[key] for key in group if key in each} for each in (before, after))
        if new and not walk.means_the_same(old, new):
            yield walk.found(f"must keep to another {group[0]}", old or None, new)


def _not_told_apart(
    before: dict[str, Any], after: dict[str, Any], walk: Walk
) -> Iterator[Narrowing]:
    """Keywords whose every change counts, since what they refer to may be anything."""
    for key in ("unevaluatedProperties", "unevaluatedItems"):
        if after.get(key, True) is not True:
            yield walk.found(f"has {key}, whose meaning depends on all that changed")
    unknown = sorted((set(before) | set(after)) - _KNOWN)
    for key in [*unknown, "$ref"]:
        old, new = ({key: each[key]} if key in each else {} for each in (before, after))
        if not walk.means_the_same(old, new):
            yield walk.found(
                f"has another {key}, which cannot be told apart", old or None, new or None
            )


VALUE_RULES: Final[tuple[Rule, ...]] = (
    _types,
    _listed_values,
    _limits,
    _multiples,
    _uniqueness,
    _wholes,
    _not_told_apart,
)
