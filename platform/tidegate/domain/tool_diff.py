"""Changes of an agent's tools: which calls of the earlier version the later one still takes."""

from collections.abc import Iterator
from typing import Any

import msgspec

from tidegate.domain.agent_version import Tool
from tidegate.domain.json_schema import Schema, UnreadableSchema, assertions, parse_schema, same
from tidegate.domain.tool_schemas import narrowings
from tidegate.domain.version_change import Change, Risk
from tidegate.domain.version_checks import Read, sha256

_NOT_CALLED = "the earlier version was not allowed to call it, so no call can break"


def tool_changes(before: Tool | None, after: Tool | None, read: Read) -> Iterator[Change]:
    """Changes of one tool.

    Reading a tool as new is no break: no earlier call meant it. A tool that only read and now
    writes is one, although its arguments are the same: a call that could be repeated, or made on a
    guess, now changes the world, and no rollback takes that back.
    """
    if before is None and after is not None:
        yield _tool_change(after.name, None, _in_words(after), "tool-compatible", _why_new(after))
    elif before is not None and after is None:
        risk: Risk = "tool-breaking" if before.allowed else "tool-compatible"
        why = "it is gone: calls to it fail" if before.allowed else _NOT_CALLED
        yield _tool_change(before.name, _in_words(before), None, risk, why)
    elif before is not None and after is not None:
        yield from _allowance(before, after)
        yield from _side_effects(before, after)
        yield from _schema(before, after, read)


def _tool_change(name: str, before: str | None, after: str | None, risk: Risk, why: str) -> Change:
    return Change(component="tools", name=name, before=before, after=after, risk=risk, why=why)


def _why_new(tool: Tool) -> str:
    if not tool.allowed:
        return "it is new, and the agent may not call it"
    effects = "reads" if tool.side_effects == "read" else "changes the world"
    return f"it is new and {effects}; no earlier call is touched"


def _in_words(tool: Tool) -> str:
    return f"{tool.side_effects}, {_permission(tool)}"


def _permission(tool: Tool) -> str:
    return "allowed" if tool.allowed else "not allowed"


def _allowance(before: Tool, after: Tool) -> Iterator[Change]:
    if before.allowed == after.allowed:
        return
    risk: Risk = "tool-breaking" if before.allowed else "tool-compatible"
    why = "calls to it are now unexpected" if before.allowed else _NOT_CALLED
    yield _tool_change(before.name, _permission(before), _permission(after), risk, why)


def _side_effects(before: Tool, after: Tool) -> Iterator[Change]:
    if before.side_effects == after.side_effects:
        return
    risk: Risk = "tool-compatible"
    why = "calls no longer change anything"
    if after.side_effects == "write":
        risk = "tool-breaking" if before.allowed else "tool-compatible"
        why = "calls that only read now change the world" if before.allowed else _NOT_CALLED
    yield _tool_change(before.name, before.side_effects, after.side_effects, risk, why)


def _schema(before: Tool, after: Tool, read: Read) -> Iterator[Change]:
    if _has_same_pin(before, after):
        return
    pins = _pin(before), _pin(after)
    if not before.allowed:
        yield _tool_change(before.name, *pins, "tool-compatible", _NOT_CALLED)
        return
    try:
        old, new = _schema_of(before, read), _schema_of(after, read)
        yield from _schema_changes(before.name, pins, (old, new))
    except UnreadableSchema as unreadable:
        why = f"its schemas cannot be told apart, which counts as breaking: {unreadable}"
        yield _tool_change(before.name, *pins, "tool-breaking", why)


def _schema_changes(
    name: str, pins: tuple[str, str], schemas: tuple[Schema, Schema]
) -> Iterator[Change]:
    old, new = schemas
    found = narrowings(old, new)
    for each in found:
        yield _tool_change(name, each.before, each.after, "tool-breaking", each.what)
    if not found and not same(old, new):
        is_wording = same(assertions(old), assertions(new))
        why = (
            "only descriptions changed" if is_wording else "every call taken before is still taken"
        )
        yield _tool_change(name, *pins, "tool-compatible", why)


def _has_same_pin(before: Tool, after: Tool) -> bool:
    if before.sha256 is not None or after.sha256 is not None:
        return before.sha256 == after.sha256
    return same(before.parameters, after.parameters)


def _pin(tool: Tool) -> str:
    return tool.sha256 if tool.sha256 is not None else _json(tool.parameters)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _schema_of(tool: Tool, read: Read) -> Schema:
    """The schema that a version pinned, and no other that has its path today."""
    if tool.parameters is not None:
        return tool.parameters
    content = None if tool.schema is None else read(tool.schema)
    if content is None:
        raise UnreadableSchema(f"{tool.schema} is not here")
    if sha256(content) != tool.sha256:
        raise UnreadableSchema(f"{tool.schema} is no longer the file that was pinned")
    try:
        return parse_schema(content)
    except UnreadableSchema as unreadable:
        raise UnreadableSchema(f"{tool.schema}: {unreadable}") from unreadable
