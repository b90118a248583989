"""Which changes of a tool's schema refuse no call that was taken."""

from typing import Any

import pytest

from schemas import INTEGER, NUMBER, PERSON, STRING, TREE, of, tool
from tidegate.domain.tool_schemas import narrowings

WIDER = [
    pytest.param(tool(a=STRING), tool(a=STRING, b=STRING), id="a new argument may be given"),
    pytest.param(
        {"properties": {}},
        tool(a=INTEGER) | {"type": ["object", "null", "string", "number", "boolean", "array"]},
        id="the first argument",
    ),
    pytest.param(tool(("a",), a=STRING), tool(a=STRING), id="an argument need not be given"),
    pytest.param(of(**INTEGER), of(**NUMBER), id="integer to number"),
    pytest.param(of(**STRING), of(type=["null", "string"]), id="null too"),
    pytest.param(of(**STRING), of(anyOf=[STRING, {"type": "null"}]), id="null as an alternative"),
    pytest.param(
        of(type=["string", "null"]),
        of(anyOf=[STRING, {"type": "null"}]),
        id="a list of types as alternatives",
    ),
    pytest.param(
        of(anyOf=[STRING, INTEGER]),
        of(anyOf=[NUMBER, {"type": "null"}, STRING]),
        id="more and wider alternatives",
    ),
    pytest.param(
        of(anyOf=[STRING, INTEGER]),
        of(type=["string", "number"]),
        id="alternatives as a list of types",
    ),
    pytest.param(of(const="x"), of(enum=["x", "y"]), id="a constant to a list"),
    pytest.param(of(enum=["x"]), of(**STRING), id="a list to its type"),
    pytest.param(of(enum=["x"]), of(type="string", enum=["y", "x"]), id="one more listed value"),
    pytest.param(of(enum=[1]), of(enum=[1.0, 2]), id="a number written otherwise"),
    pytest.param(of(minimum=2), of(minimum=1), id="a lower minimum"),
    pytest.param(of(exclusiveMinimum=1), of(minimum=1), id="a minimum that may be reached"),
    pytest.param(of(minimum=2), of(exclusiveMinimum=1), id="a strict minimum far below"),
    pytest.param(of(maxLength=5), of(minLength=0), id="no longest text"),
    pytest.param(of(multipleOf=6), of(multipleOf=3), id="a divisor"),
    pytest.param(of(uniqueItems=True), of(uniqueItems=False), id="items twice"),
    pytest.param(of(pattern="^x", format="date"), of(), id="no pattern"),
    pytest.param(of(type="array", items=INTEGER), of(type="array", items=NUMBER), id="wider items"),
    pytest.param(of(type="array", items=INTEGER), of(type="array"), id="items of any type"),
    pytest.param(
        tool() | {"additionalProperties": False}, tool(a=STRING), id="others may be given"
    ),
    pytest.param(
        tool(a=STRING) | {"additionalProperties": False},
        tool(a=STRING, b=INTEGER) | {"additionalProperties": False},
        id="one more of a closed list",
    ),
    pytest.param(tool() | {"patternProperties": {"^x": STRING}}, tool(), id="no pattern of names"),
    pytest.param(tool(a=False), tool(), id="what was forbidden is not spoken of"),
    pytest.param(of(oneOf=[STRING]), of(), id="no condition"),
    pytest.param(
        of(title="A", description="of old", default=1, examples=[1], **{"x-order": 1}),
        of(title="B", description="new", deprecated=True),
        id="only words",
    ),
    pytest.param(
        tool(title=STRING),
        tool(title=STRING, description=INTEGER),
        id="an argument that is called like a keyword",
    ),
    pytest.param(
        tool(a=tool(name=STRING)),
        tool(a={"$ref": "#/$defs/person"}) | PERSON,
        id="written out, then referred to",
    ),
    pytest.param(
        tool(a={"$ref": "#/$defs/person"}) | PERSON,
        tool(a=tool(name={})),
        id="referred to, then written out and wider",
    ),
    pytest.param(of(**STRING), of(allOf=[STRING], description="wrapped"), id="a list of one"),
    pytest.param(
        {"$ref": "#/$defs/node"} | TREE,
        {
            "$ref": "#/$defs/node",
            "$defs": {
                "node": tool(
                    value=NUMBER, children={"type": "array", "items": {"$ref": "#/$defs/node"}}
                )
            },
        },
        id="wider in a schema that contains itself",
    ),
    pytest.param(
        tool(a={"$ref": "#/definitions/p%7E1q"})
        | {"definitions": {"p~1q": STRING, "p/q": INTEGER}},
        of(**NUMBER),
        id="a reference with escapes",
    ),
    pytest.param(False, tool(("a",), a=STRING), id="nothing was accepted"),
    pytest.param(tool(a=STRING), True, id="everything is accepted"),
    pytest.param(True, {}, id="everything, written otherwise"),
    pytest.param(
        of(**{"$ref": "common.json"}, minLength=1),
        of(**{"$ref": "common.json"}),
        id="the same other file",
    ),
]


@pytest.mark.parametrize(("before", "after"), WIDER)
def test_wider_schema_has_no_narrowing(before: Any, after: Any) -> None:
    assert narrowings(before, after) == ()
