"""A schema with no narrowing takes every call that was taken; `jsonschema` is the judge."""

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tidegate.domain.json_schema import UnreadableSchema
from tidegate.domain.tool_schemas import narrowings

EVERYTHING, NOTHING = True, False
NAMING = ("properties", "patternProperties", "$defs")
TYPES = ["null", "boolean", "object", "array", "string", "integer", "number"]
SCALARS = [None, True, False, 0, 1, 2, 1.5, -1, "", "a", "ab", "abc"]
LISTS = [[], [1], ["a"], [1, "a"], [1, 1], ["a", "b", 1], [None], [[1.5]]]
OBJECTS = [
    {name: value for name, value in (("a", a), ("b", b)) if value != "absent"}
    for a in ("absent", 0, "a", 1.5, True)
    for b in ("absent", 1, "ab", [1, "a"], {"a": 1}, {"b": "x"})
]
CALLS: list[Any] = [
    *SCALARS,
    *LISTS,
    *OBJECTS,
    {"c": 1},
    {"a": {"a": {"a": "x"}}},
    {"b": 2, "c": 0},
]

LEAVES = st.sampled_from(
    [True, False, {}, {"const": 1}, {"enum": ["a", 1, None]}, {"type": "integer", "minimum": 1}]
    + [{"type": each} for each in TYPES]
    + [{"type": ["string", "null"]}, {"$ref": "#/$defs/x"}, {"$ref": "#/$defs/y"}]
)
SMALL = st.integers(0, 2)
PLAIN = st.one_of(
    st.builds(lambda each: {"type": each}, st.sampled_from(TYPES)),
    st.builds(
        lambda some: {"type": some},
        st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique=True),
    ),
    st.builds(
        lambda some: {"enum": some}, st.lists(st.sampled_from(SCALARS), min_size=1, max_size=3)
    ),
    st.builds(
        lambda key, limit: {key: limit},
        st.sampled_from(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]),
        st.sampled_from([0, 1, 1.5, 2]),
    ),
    st.builds(
        lambda key, limit: {key: limit},
        st.sampled_from(["minLength", "maxLength", "minItems", "maxItems", "minProperties"]),
        SMALL,
    ),
    st.builds(lambda each: {"multipleOf": each}, st.sampled_from([1, 2, 4, 0.5])),
    st.builds(lambda each: {"pattern": each}, st.sampled_from(["^a", "b$"])),
    st.builds(lambda each: {"uniqueItems": each}, st.booleans()),
    st.builds(lambda each: {"title": each}, st.sampled_from("xy")),
    st.just({"dependentRequired": {"a": ["b"]}}),
)


def _with_parts(schemas: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Keywords that hold schemas, and a few that do not beside them.

    What is said of other properties is always said: the one leniency, towards an object that lists
    its properties and is silent on others, has tests of its own.
    """
    named = st.dictionaries(st.sampled_from(["a", "b"]), schemas, max_size=2)
    some = st.lists(schemas, min_size=1, max_size=2)
    held = st.one_of(
        st.builds(
            lambda listed, others, required: {
                "properties": listed,
                "additionalProperties": others,
                "required": sorted(required & set(listed)),
            },
            named,
            schemas,
            st.sets(st.sampled_from(["a", "b"])),
        ),
        st.builds(lambda each: {"items": each}, schemas),
        st.builds(lambda each, rest: {"prefixItems": each, "items": rest}, some, schemas),
        st.builds(lambda each: {"patternProperties": {"^a": each}}, schemas),
        st.builds(lambda each, low: {"contains": each, "minContains": low}, schemas, SMALL),
        st.builds(lambda each: {"not": each}, schemas),
        st.builds(lambda each, then: {"if": each, "then": then}, schemas, schemas),
        st.builds(lambda each: {"propertyNames": each}, schemas),
        st.builds(lambda each: {"unevaluatedProperties": each}, schemas),
        st.builds(
            lambda key, each: {key: each}, st.sampled_from(["anyOf", "allOf", "oneOf"]), some
        ),
    )
    beside = st.lists(PLAIN, max_size=2)
    return st.builds(lambda first, rest: _merged([*rest, first]), held, beside)


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {key: value for part in parts for key, value in part.items()}


OF_OBJECTS = st.one_of(
    st.builds(lambda names: {"required": names}, st.sampled_from([[], ["a"], ["b"], ["a", "b"]])),
    st.builds(lambda others: {"additionalProperties": others}, LEAVES),
    st.builds(
        lambda listed, others: {"properties": listed, "additionalProperties": others},
        st.dictionaries(st.sampled_from("abc"), LEAVES, max_size=2),
        LEAVES,
    ),
)
SCHEMAS = st.recursive(LEAVES | PLAIN, _with_parts, max_leaves=5)
# A definition that refers to itself does so one property further in, so that it has an end.
TREE = {
    "properties": {"a": {"$ref": "#/$defs/x"}, "b": {"type": "integer"}},
    "additionalProperties": True,
}
FLAT = st.one_of(PLAIN, st.just(TREE), st.just(TREE | {"required": ["b"]}))


@st.composite
def _tools(draw: st.DrawFn) -> dict[str, Any]:
    schema = draw(_with_parts(SCHEMAS))
    return {**schema, "$defs": {"x": draw(FLAT), "y": draw(FLAT)}}


@st.composite
def _changed(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A schema, and the same with one to three places changed."""
    before = draw(_tools())
    after: Any = before
    for _ in range(draw(st.integers(1, 3))):
        after = _edited(after, draw(st.just(()) | st.sampled_from(_places(after))), draw)
    return before, after


def _places(schema: Any) -> list[tuple[Any, ...]]:
    """The paths of all schemas inside a schema; a mapping of names to schemas is none itself."""
    found: list[tuple[Any, ...]] = [()] if isinstance(schema, dict) else []
    for key, value in _items(schema):
        inside = _places(value)
        found += [(key, *rest) for rest in inside if rest or key not in NAMING]
    return found


def _items(schema: Any) -> list[tuple[Any, Any]]:
    if isinstance(schema, dict):
        return [(key, value) for key, value in schema.items() if key != "dependentRequired"]
    return list(enumerate(schema)) if isinstance(schema, list) else []


def _edited(schema: Any, place: tuple[Any, ...], draw: st.DrawFn) -> Any:
    if place:
        key, *rest = place
        copy = list(schema) if isinstance(schema, list) else dict(schema)
        copy[key] = _edited(schema[key], tuple(rest), draw)
        return copy
    kind = draw(st.sampled_from(["drop", "set", "null too", "replace"]))
    if kind == "drop" and schema:
        gone = draw(st.sampled_from(sorted(schema)))
        return {key: value for key, value in schema.items() if key != gone}
    if kind == "null too" and "$defs" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    if kind == "replace" and "$defs" not in schema:
        return draw(SCHEMAS)
    return {**schema, **draw(PLAIN | OF_OBJECTS)}


@settings(max_examples=300)
@given(pair=_changed())
def test_schema_without_narrowings_takes_every_call_that_was_taken(
    pair: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    before, after = pair
    assume(before != after)
    try:
        assume(narrowings(before, after) == ())
    except UnreadableSchema:
        assume(False)  # noqa: FBT003 - no such pair counts
    old, new = Draft202012Validator(before), Draft202012Validator(after)
    refused = [call for call in CALLS if old.is_valid(call) and not new.is_valid(call)]
    assert refused == []


@settings(max_examples=50)
@given(schema=_tools())
def test_schema_has_no_narrowing_towards_itself_or_everything(schema: dict[str, Any]) -> None:
    assert narrowings(schema, schema) == ()
    assert narrowings(schema, EVERYTHING) == ()
    assert narrowings(NOTHING, schema) == ()


@settings(max_examples=50)
@given(schema=_tools(), words=st.text(max_size=5))
def test_words_of_a_schema_never_narrow_it(schema: dict[str, Any], words: str) -> None:
    assert narrowings(schema, {**schema, "description": words, "x-words": words}) == ()
