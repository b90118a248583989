"""Small JSON Schemas of tools, as tests write them down."""

from typing import Any

STRING, NUMBER, INTEGER = {"type": "string"}, {"type": "number"}, {"type": "integer"}


def tool(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """A tool with these arguments."""
    return {"type": "object", "properties": properties, "required": list(required)}


def of(**keywords: Any) -> dict[str, Any]:
    """A tool with one argument, `a`."""
    return tool(a=keywords)


PERSON = {"$defs": {"person": tool(name=STRING)}}
TREE = {
    "$defs": {
        "node": tool(value=INTEGER, children={"type": "array", "items": {"$ref": "#/$defs/node"}})
    }
}
