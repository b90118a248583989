"""Which changes of a tool's schema refuse calls that were taken."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas import INTEGER, NUMBER, PERSON, STRING, TREE, of, tool
from tidegate.domain.tool_schemas import narrowings

NARROWER = [
    pytest.param(
        tool(a=STRING),
        tool(("a",), a=STRING),
        "a",
        "`a` must now be given",
        {},
        id="a known argument is required",
    ),
    pytest.param(
        tool(a=STRING),
        tool(("b",), a=STRING, b=STRING),
        "b",
        "`b` must now be given",
        {},
        id="a new argument is required",
    ),
    pytest.param(
        tool(a=tool(b=STRING)),
        tool(a=tool(("b",), b=STRING)),
        "a.b",
        "`a.b` must now be given",
        {"a": {}},
        id="required deep inside",
    ),
    pytest.param(tool(a=STRING), tool(), "a", "`a` is gone", None, id="an argument is gone"),
    pytest.param(
        of(**NUMBER),
        of(**INTEGER),
        "a",
        "must now be a whole number",
        {"a": 1.5},
        id="number to integer",
    ),
    pytest.param(
        of(type=["string", "null"]),
        of(**STRING),
        "a",
        "can no longer be of type null",
        {"a": None},
        id="null is gone",
    ),
    pytest.param(
        of(),
        of(**STRING),
        "a",
        "must now be of type string",
        {"a": 1},
        id="a type where there was none",
    ),
    pytest.param(
        of(enum=[1, True, "x"]),
        of(type=["integer", "boolean"]),
        "a",
        "of type integer or boolean",
        {"a": "x"},
        id="a type that a listed value lacks",
    ),
    pytest.param(
        of(enum=["x", "y"]),
        of(enum=["x"]),
        "a",
        'can no longer be "y"',
        {"a": "y"},
        id="a listed value is gone",
    ),
    pytest.param(
        of(enum=[1]), of(enum=[True]), "a", "can no longer be 1", {"a": 1}, id="true is no 1"
    ),
    pytest.param(
        of(**STRING),
        of(type="string", enum=["x"]),
        "a",
        "only have listed values",
        {"a": "y"},
        id="values are listed",
    ),
    pytest.param(
        of(enum=["x", "y"]),
        of(const="x"),
        "a",
        'can no longer be "y"',
        {"a": "y"},
        id="a constant",
    ),
    pytest.param(
        of(**NUMBER),
        of(type="number", minimum=1),
        "a",
        "a tighter minimum",
        {"a": 0},
        id="a minimum",
    ),
    pytest.param(
        of(minimum=1),
        of(exclusiveMinimum=1),
        "a",
        "a tighter minimum",
        {"a": 1},
        id="a strict minimum",
    ),
    pytest.param(
        of(maximum=9), of(maximum=8), "a", "a tighter maximum", {"a": 9}, id="a lower maximum"
    ),
    pytest.param(
        of(maximum=9),
        of(maximum=9, exclusiveMaximum=9),
        "a",
        "a tighter maximum",
        {"a": 9},
        id="a strict maximum",
    ),
    pytest.param(
        of(**STRING),
        of(type="string", minLength=1),
        "a",
        "tighter minLength",
        {"a": ""},
        id="a shortest text",
    ),
    pytest.param(
        of(maxLength=5),
        of(maxLength=4),
        "a",
        "tighter maxLength",
        {"a": "abcde"},
        id="a longest text",
    ),
    pytest.param(of(), of(minItems=1), "a", "tighter minItems", {"a": []}, id="fewest items"),
    pytest.param(
        of(),
        of(maxProperties=0),
        "a",
        "tighter maxProperties",
        {"a": {"x": 1}},
        id="most properties",
    ),
    pytest.param(
        of(multipleOf=2),
        of(multipleOf=3),
        "a",
        "multiple of another",
        {"a": 2},
        id="another multiple",
    ),
    pytest.param(
        of(), of(uniqueItems=True), "a", "hold an item twice", {"a": [1, 1]}, id="items once only"
    ),
    pytest.param(
        of(**STRING),
        of(type="string", pattern="^x"),
        "a",
        "another pattern",
        {"a": "y"},
        id="a pattern",
    ),
    pytest.param(
        of(pattern="x"),
        of(pattern="^x"),
        "a",
        "another pattern",
        {"a": "yx"},
        id="another pattern",
    ),
    pytest.param(of(), of(format="date"), "a", "another format", None, id="a format"),
    pytest.param(
        of(type="array", items=NUMBER),
        of(type="array", items=INTEGER),
        "a[]",
        "`a[]` must now be a whole number",
        {"a": [1.5]},
        id="items of a list",
    ),
    pytest.param(
        of(type="array", items=tool(b=STRING)),
        of(type="array", items=tool(b=NUMBER)),
        "a[].b",
        "can no longer be of type string",
        {"a": [{"b": "x"}]},
        id="a property of an item",
    ),
    pytest.param(
        of(prefixItems=[STRING]),
        of(prefixItems=[NUMBER]),
        "a",
        "may have other items",
        {"a": ["x"]},
        id="the first item",
    ),
    pytest.param(
        of(prefixItems=[STRING], items=False),
        of(items=False),
        "a",
        "other items",
        {"a": ["x"]},
        id="no first item where no other may be",
    ),
    pytest.param(
        tool() | {"additionalProperties": True},
        tool() | {"additionalProperties": False},
        "",
        "the arguments can no longer have others",
        {"x": 1},
        id="others are refused",
    ),
    pytest.param(
        tool(),
        tool() | {"additionalProperties": False},
        "",
        "can no longer have others",
        {"x": 1},
        id="others are refused that were not spoken of",
    ),
    pytest.param(
        tool() | {"additionalProperties": NUMBER},
        tool() | {"additionalProperties": INTEGER},
        "*",
        "must now be a whole number",
        {"x": 1.5},
        id="others of a narrower type",
    ),
    pytest.param(
        tool() | {"additionalProperties": True},
        tool(a=STRING) | {"additionalProperties": True},
        "a",
        "must now be of type string",
        {"a": 1},
        id="a type for what was promised to be open",
    ),
    pytest.param(
        {"type": "object"},
        tool(a=STRING),
        "a",
        "must now be of type string",
        {"a": 1},
        id="a type in an object that listed nothing",
    ),
    pytest.param(
        tool(),
        tool(a=False),
        "a",
        "can no longer be given",
        {"a": 1},
        id="an argument is forbidden",
    ),
    pytest.param(
        tool() | {"patternProperties": {"^x": True}, "additionalProperties": False},
        tool() | {"additionalProperties": False},
        "",
        "other patterns of names",
        {"x1": 1},
        id="a pattern of names is gone",
    ),
    pytest.param(
        tool(),
        tool() | {"patternProperties": {"^x": STRING}},
        "",
        "other patterns",
        {"x1": 1},
        id="a pattern of names",
    ),
    pytest.param(
        of(anyOf=[STRING, {"type": "null"}]),
        of(**STRING),
        "a",
        "type null",
        {"a": None},
        id="an alternative is gone",
    ),
    pytest.param(
        of(**NUMBER),
        of(anyOf=[INTEGER, {"type": "null"}]),
        "a",
        "none of its alternatives",
        {"a": 1.5},
        id="alternatives that are all narrower",
    ),
    pytest.param(
        of(oneOf=[STRING]),
        of(oneOf=[STRING, {"minLength": 1}]),
        "a",
        "another oneOf",
        {"a": "x"},
        id="one more of which only one may match",
    ),
    pytest.param(of(), of(**{"not": STRING}), "a", "another not", {"a": "x"}, id="an exception"),
    pytest.param(
        of(contains=STRING, minContains=0),
        of(contains=STRING),
        "a",
        "another contains",
        {"a": [1]},
        id="contents that need not be there",
    ),
    pytest.param(
        of(),
        of(allOf=[STRING, {"minLength": 1}]),
        "a",
        "another allOf",
        {"a": 1},
        id="more conditions",
    ),
    pytest.param(
        of(unevaluatedProperties=False, properties={"x": True}),
        of(unevaluatedProperties=False),
        "a",
        "unevaluatedProperties",
        {"a": {"x": 1}},
        id="what is not evaluated",
    ),
    pytest.param(
        tool(a={"$ref": "#/$defs/person"}) | PERSON,
        tool(a={"$ref": "#/$defs/person"}) | {"$defs": {"person": tool(("name",), name=STRING)}},
        "a.name",
        "`a.name` must now be given",
        {"a": {}},
        id="behind a reference",
    ),
    pytest.param(
        tool(a={"anyOf": [{"$ref": "#/$defs/person"}], "minProperties": 1}) | PERSON,
        tool(a={"anyOf": [{"$ref": "#/$defs/person"}], "minProperties": 1})
        | {"$defs": {"person": tool(name=NUMBER)}},
        "a",
        "another anyOf",
        {"a": {"name": "x"}},
        id="behind an equal reference",
    ),
    pytest.param(
        {"$ref": "#/$defs/node"} | TREE,
        {
            "$ref": "#/$defs/node",
            "$defs": {
                "node": tool(
                    value=STRING, children={"type": "array", "items": {"$ref": "#/$defs/node"}}
                )
            },
        },
        "value",
        "can no longer be of type integer",
        {"children": [{"value": 1}]},
        id="in a schema that contains itself",
    ),
    pytest.param(
        of(nullable=True, type="string"),
        of(type="string"),
        "a",
        "another nullable",
        None,
        id="a keyword that is not known",
    ),
    pytest.param(
        of(**{"$ref": "common.json"}),
        of(**{"$ref": "other.json"}),
        "a",
        "another $ref",
        None,
        id="another file",
    ),
]


@pytest.mark.parametrize(("before", "after", "at", "what", "example"), NARROWER)
def test_narrower_schema_is_found_by_argument_and_rule(
    before: Any, after: Any, at: str, what: str, example: Any
) -> None:
    found = narrowings(before, after)
    assert [each for each in found if each.at == at and what in each.what], found
    if example is not None:
        assert Draft202012Validator(before).is_valid(example)
        assert not Draft202012Validator(after).is_valid(example)


def test_every_narrowing_of_a_schema_is_listed_once() -> None:
    before = tool(("a",), a=NUMBER, b=STRING, c={"type": ["string", "null"]})
    after = tool(("a", "c"), a=INTEGER, b=STRING | {"maxLength": 3}, c=STRING)
    assert [each.what for each in narrowings(before, after)] == [
        "`c` must now be given",
        "`a` must now be a whole number",
        "`b` must keep to a tighter maxLength",
        "`c` can no longer be of type null",
    ]


def test_narrowing_shows_the_rule_before_and_after() -> None:
    (found,) = narrowings(of(maximum=9), of(maximum=8))
    assert (found.before, found.after) == ('{"maximum":9}', '{"maximum":8}')
