"""Change single values in a YAML file and leave every other byte as a person wrote it."""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import yaml

from tidegate.domain.errors import InvalidManifest

Value: TypeAlias = str | bool
_PART: Final = re.compile(r"[^.]+")
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_BOM: Final = "\ufeff"


def with_values(path: str, content: bytes, values: Mapping[str, Value]) -> bytes:
    r"""A YAML mapping with some of its values replaced; comments and layout stay.

    Args:
        path: the file, for messages.
        content: a mapping in UTF-8.
        values: key -> new value. Keys inside mappings are joined by dots. A key that is not there
            yet gets a line of its own below that of `version`.

    Raises:
        InvalidManifest: the file is written in a way that a change of single values would break.

    >>> with_values("x.yaml", b"version: v1  # live\n", {"version": "v2", "force": True})
    b'version: v2  # live\nforce: true\n'
    """
    text = _text(path, content)
    root = yaml.compose(text.removeprefix(_BOM), Loader=yaml.SafeLoader)
    offset = len(text) - len(text.removeprefix(_BOM))
    edits = []
    for key, value in values.items():
        node = _node(root, key)
        if node is None:
            edits.append(_added(path, text, key, value))
        elif isinstance(node, yaml.ScalarNode):
            start, stop = node.start_mark.index + offset, node.end_mark.index + offset
            edits.append((start, stop, _scalar(value, node.style)))
        else:
            raise InvalidManifest(path, f"{key} is no single value; change it by hand")
    after = _applied(text, edits).encode()
    _check(path, content, after, values)
    return after


def _text(path: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidManifest(path, "is not UTF-8; save it as such") from error


def _node(root: yaml.Node | None, key: str) -> yaml.Node | None:
    node = root
    for name in _PART.findall(key):
        if not isinstance(node, yaml.MappingNode):
            return None
        node = next((value for each, value in node.value if each.value == name), None)
    return node


def _added(path: str, text: str, key: str, value: Value) -> tuple[int, int, str]:
    """A line for a new key, below that of `version`."""
    first = re.search(r"^version:.*?(\r?\n|$)", text, re.MULTILINE)
    if first is None or "." in key:
        raise InvalidManifest(path, f"has no place for {key}; add {key}: {_scalar(value)} by hand")
    ending = first[1] or "\n"
    before = "" if first[1] else ending
    return first.end(), first.end(), f"{before}{key}: {_scalar(value)}{ending}"


def _scalar(value: Value, style: str | None = None) -> str:
    """A value as YAML, in the quotes that the one before had."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if style == "'":
        return f"'{value}'"
    is_plain = _PLAIN.fullmatch(value) and yaml.safe_load(value) == value
    return value if is_plain and style != '"' else f'"{value}"'


def _applied(text: str, edits: list[tuple[int, int, str]]) -> str:
    for start, stop, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[stop:]
    return text


def _check(path: str, before: bytes, after: bytes, values: Mapping[str, Value]) -> None:
    """Refuse an edit that changed anything else: an alias, or a value with an anchor."""
    wanted: Any = yaml.safe_load(before)
    for key, value in values.items():
        *outer, last = _PART.findall(key)
        holder = wanted
        for name in outer:
            holder = holder[name]
        holder[last] = value
    try:
        found = yaml.safe_load(after)
    except yaml.YAMLError:
        found = None
    if found != wanted:
        said = ", ".join(f"{key}: {_scalar(value)}" for key, value in values.items())
        raise InvalidManifest(path, f"cannot be changed in place; write {said} by hand")
