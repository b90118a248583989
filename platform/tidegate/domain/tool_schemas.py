"""Does a tool take every call that its earlier version took?

Two JSON Schemas are compared rule by rule. The comparison errs on one side only: what it does not
find, is not there, but it may name a change that harms no call, where keywords are combined in ways
that it does not take apart.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from tidegate.domain.json_schema import (
    DEFINITIONS,
    TUPLES,
    Schema,
    UnreadableSchema,
    assertions,
    check_followable,
    dialect,
    is_local,
    same,
    target,
)
from tidegate.domain.json_values import canonical
from tidegate.domain.schema_rules import VALUE_RULES
from tidegate.domain.schema_walk import Narrowing, Rule, Walk


def narrowings(before: Schema, after: Schema) -> tuple[Narrowing, ...]:
    """Every way in which `after` may refuse arguments that `before` accepts.

    Args:
        before: JSON Schema of the arguments, as the earlier version has it.
        after: as the later version has it.

    Returns:
        None means: every object that is valid under `before` is valid under `after`.

    Raises:
        UnreadableSchema: one of them cannot be understood, so nothing can be said.

    Guarantee:
        With no narrowing found, no call is refused that was accepted, but for one case meant so: an
        optional argument that is new may have any type, where the earlier schema listed its
        arguments and said nothing of others. Saying `additionalProperties: true` is a promise to
        take others, and then a new argument with a type is a narrowing.

    >>> narrowings({"type": "number"}, {"type": "integer"})[0].what
    'the arguments must now be a whole number'
    >>> narrowings({"type": "integer"}, {"type": "number"})
    ()
    """
    old, new = assertions(before), assertions(after)
    if same(old, new):
        return ()
    for schema in (before, after):
        check_followable(schema)
    if dialect(before) != dialect(after):
        raise UnreadableSchema(f"$schema changed from {dialect(before)} to {dialect(after)}")
    return tuple(dict.fromkeys(_compare(old, new, Walk.of(old, new))))


def _compare(before: Schema, after: Schema, walk: Walk) -> Iterator[Narrowing]:
    """Narrowings from one schema to another, references followed."""
    if walk.means_the_same(before, after):
        return
    walk = walk.deeper()
    old, new = _followed(before, walk.roots[0]), _followed(after, walk.roots[1])
    if old is not before or new is not after:
        pair = canonical(old), canonical(new)
        if pair in walk.pairs:
            return
        walk = msgspec.structs.replace(walk, pairs=walk.pairs | {pair})
    yield from _compare_followed(old, new, walk)


def _compare_followed(before: Schema, after: Schema, walk: Walk) -> Iterator[Narrowing]:
    if before is False or after is True:
        return
    if isinstance(after, bool):
        yield walk.found("can no longer be given")
        return
    if isinstance(before, bool):
        before = {}
    if (alternatives := _alternatives(before)) is not None:
        for alternative in alternatives:
            yield from _compare(alternative, after, walk)
    elif (choices := _alternatives(after)) is not None:
        yield from _into_choices(before, choices, walk)
    else:
        for rule in _RULES:
            yield from rule(before, after, walk)


def _into_choices(before: dict[str, Any], choices: list[Schema], walk: Walk) -> Iterator[Narrowing]:
    """Each type of the old schema must be taken by one of the new alternatives."""
    types = before.get("type", [])
    parts = [before | {"type": [each]} for each in types] if len(types) > 1 else [before]
    for part in parts:
        if not any(next(_compare(part, choice, walk), None) is None for choice in choices):
            yield walk.found("may match none of its alternatives any more", part, choices)


def _followed(schema: Schema, root: Schema) -> Schema:
    """A schema that is nothing but a reference, or a list of one, replaced by what it means."""
    met: list[Schema] = []
    while isinstance(schema, dict):
        keys = set(schema) - set(DEFINITIONS)
        if keys == {"$ref"} and is_local(schema["$ref"]):
            following = target(root, schema["$ref"])
        elif keys == {"allOf"} and len(schema["allOf"]) == 1:
            following = schema["allOf"][0]
        else:
            return schema
        met.append(schema)
        schema = following
        if schema in met:
            raise UnreadableSchema("a $ref leads to itself")
    return schema


def _alternatives(schema: dict[str, Any]) -> list[Schema] | None:
    """The alternatives of a schema that is nothing but alternatives."""
    return schema["anyOf"] if set(schema) - set(DEFINITIONS) == {"anyOf"} else None


def _required(before: dict[str, Any], after: dict[str, Any], walk: Walk) -> Iterator[Narrowing]:
    for name in after.get("required", []):
        if name not in before.get("required", []):
            yield walk.property(name).found("must now be given", "optional", "required")


def _properties(before: dict[str, Any], after: dict[str, Any], walk: Walk) -> Iterator[Narrowing]:
    old, new = before.get("properties", {}), after.get("properties", {})
    for name in old | new:
        inside = walk.property(name)
        if name in old and name in new:
            yield from _compare(old[name], new[name], inside)
        elif name in old and old[name] is not False:
            yield inside.found("is gone", old[name])
        elif name not in old and (new[name] is False or not _is_lenient(before)):
            others = True if "patternProperties" in before else _others(before)
            yield from _compare(others, new[name], inside)


def _is_lenient(schema: dict[str, Any]) -> bool:
    """Whether a schema lists its arguments and says nothing of others."""
    return "properties" in schema and not {"additionalProperties", "patternProperties"} & set(
        schema
    )


def _others(schema: dict[str, Any]) -> Schema:
    others: Schema = schema.get("additionalProperties", True)
    return others


def _other_properties(
    before: dict[str, Any], after: dict[str, Any], walk: Walk
) -> Iterator[Narrowing]:
    old, new = before.get("patternProperties"), after.get("patternProperties")
    loose = new is None and _others(after) in (True, {})
    if not loose and not walk.means_the_same(old, new):
        yield walk.found("must keep to other patterns of names", old, new)
    if _others(after) is False and _others(before) is not False:
        yield walk.found("can no longer have others than those listed")
    else:
        yield from _compare(_others(before), _others(after), walk.property("*"))


def _items(before: dict[str, Any], after: dict[str, Any], walk: Walk) -> Iterator[Narrowing]:
    old, new = ({key: each[key] for key in TUPLES if key in each} for each in (before, after))
    if all(
        set(each) <= {"items"} and not isinstance(each.get("items"), list) for each in (old, new)
    ):
        yield from _compare(old.get("items", True), new.get("items", True), walk.items())
    elif new and not walk.means_the_same(old, new):
        yield walk.found("may have other items", old, new)


_RULES: Final[tuple[Rule, ...]] = (
    *VALUE_RULES,
    _required,
    _properties,
    _other_properties,
    _items,
)
