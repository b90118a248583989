"""What is no JSON Schema, or says things that are not followed."""

from typing import Any

import pytest

from tidegate.domain.json_schema import UnreadableSchema, parse_schema
from tidegate.domain.tool_schemas import narrowings


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        pytest.param({"type": "text"}, "type is", id="an unknown type"),
        pytest.param({"type": []}, "type is", id="no type"),
        pytest.param({"type": 5}, "type is 5", id="a number as type"),
        pytest.param(
            {"properties": []}, "properties is [], must be a mapping", id="a list of properties"
        ),
        pytest.param(
            {"properties": {"a": 1}}, "properties.a is 1, must be a schema", id="no schema"
        ),
        pytest.param({"required": True}, "required is true", id="the form of draft 3"),
        pytest.param(
            {"exclusiveMinimum": True}, "exclusiveMinimum is true", id="the form of draft 4"
        ),
        pytest.param({"minimum": "1"}, 'minimum is "1"', id="a text as limit"),
        pytest.param({"anyOf": []}, "anyOf is []", id="no alternative"),
        pytest.param({"anyOf": {}}, "anyOf is {}", id="a mapping of alternatives"),
        pytest.param({"enum": "x"}, 'enum is "x"', id="a text as list"),
        pytest.param({"uniqueItems": 1}, "uniqueItems is 1", id="a number as flag"),
        pytest.param({"pattern": 1}, "pattern is 1", id="a number as pattern"),
        pytest.param({"items": 1}, "items is 1", id="a number as items"),
        pytest.param({"$ref": 1}, "$ref is 1", id="a number as reference"),
        pytest.param({"$ref": "#/$defs/x"}, "'#/$defs/x' leads nowhere", id="a lost reference"),
        pytest.param({"$ref": "#/enum", "enum": [1]}, "$ref", id="a reference to values"),
        pytest.param({"$ref": "#"}, "leads to itself", id="a reference to itself"),
        pytest.param({"$ref": "#name"}, "'#name' is no path", id="a reference by name"),
        pytest.param({"properties": {"a": {"$anchor": "x"}}}, "uses $anchor", id="a named place"),
        pytest.param({"properties": {"a": {"$id": "x"}}}, "uses $id below", id="another base"),
        pytest.param(
            {"$schema": "http://json-schema.org/draft-04/schema#"},
            "$schema changed",
            id="another draft",
        ),
    ],
)
def test_schema_that_is_not_understood_is_not_taken_for_harmless(schema: Any, why: str) -> None:
    other = {"type": "object"}
    for pair in ((schema, other), (other, schema)):
        try:
            found = narrowings(*pair)
        except UnreadableSchema as unreadable:
            assert why in str(unreadable)  # noqa: PT017 - one of the two orders may see it as a change
        else:
            assert found


def test_schemas_that_double_at_each_reference_are_given_up() -> None:
    def doubling(leaf: Any) -> dict[str, Any]:
        names = [f"d{level}" for level in range(40)]
        pairs = {
            name: {"properties": {each: {"$ref": f"#/$defs/{below}"} for each in "xy"}}
            for name, below in zip(names, [*names[1:], "leaf"], strict=True)
        }
        return {"$ref": "#/$defs/d0", "$defs": pairs | {"leaf": leaf}}

    with pytest.raises(UnreadableSchema, match="too intricate"):
        narrowings(doubling({"type": "integer"}), doubling({"type": "number"}))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b"", "no JSON", id="empty"),
        pytest.param(b"type: object", "no JSON", id="YAML"),
        pytest.param(b"\xff", "no JSON", id="not UTF-8"),
        pytest.param(b'{"a": 1e999}', "no JSON", id="an endless number"),
        pytest.param(b"[" * 100_000, "no JSON", id="endless nesting"),
        pytest.param(b"[" * 100 + b"]" * 100, "nested deeper", id="deep nesting"),
        pytest.param(b"[]", "must be a schema", id="a list"),
        pytest.param(b"null", "must be a schema", id="null"),
    ],
)
def test_file_that_is_no_schema_is_unreadable_and_says_why(content: bytes, why: str) -> None:
    with pytest.raises(UnreadableSchema, match=why):
        parse_schema(content)


def test_file_with_a_schema_is_read() -> None:
    assert parse_schema(b'{"type": "object"}') == {"type": "object"}
    assert parse_schema(b"true") is True
