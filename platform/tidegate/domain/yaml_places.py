"""On which line of a YAML file does a key stand?"""

import re
from typing import Final

import yaml

_PART: Final = re.compile(r"\.?([^.\[\]`$]+)|\[(\d+)\]")
_PLACE: Final = re.compile(r"`(\$[^`]*)`$")
_UNKNOWN: Final = re.compile(r"unknown field `([^`]+)`")
_FIRST_WORD: Final = re.compile(r"^(\w[\w.\[\]]*) ")


def line_of(content: bytes, key: str) -> int | None:
    r"""The line of a key, or of the nearest thing around it that is there.

    Args:
        content: the file.
        key: such as `components.tools[0].sha256`.

    Returns:
        The line, counted from 1; None if the file is no YAML mapping.

    >>> line_of(b"a: 1\nb:\n  - c: 2\n", "b[0].c")
    3
    """
    node = _composed(content)
    line = None
    for name, index in _PART.findall(key):
        found = _inside(node, name, index)
        if found is None:
            break
        line, node = found
    return line


def line_of_problem(content: bytes, problem: str) -> int | None:
    """The line that the message of a refused document is about.

    Args:
        content: the file.
        problem: the message; it ends with the place, and may begin with the key that stands there.
    """
    place = _PLACE.search(problem)
    if place is None:
        return None
    named = _UNKNOWN.search(problem) or _FIRST_WORD.search(problem)
    return line_of(content, f"{place[1]}.{named[1]}" if named else place[1])


def text_of(content: bytes, key: str) -> str | None:
    r"""What stands at a key, as it was written; None if there is nothing, or more than a word.

    >>> text_of(b"expires: 30.06.2027\n", "expires")
    '30.06.2027'
    """
    node = _composed(content)
    for name, index in _PART.findall(key):
        found = _inside(node, name, index)
        node = None if found is None else found[1]
    return str(node.value) if isinstance(node, yaml.ScalarNode) else None


def _composed(content: bytes) -> yaml.Node | None:
    try:
        return yaml.compose(content, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return None


def _inside(node: yaml.Node | None, name: str, index: str) -> tuple[int, yaml.Node] | None:
    """The line and the value of one entry of a mapping or a list."""
    if index and isinstance(node, yaml.SequenceNode) and int(index) < len(node.value):
        item = node.value[int(index)]
        return item.start_mark.line + 1, item
    if name and isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == name:
                return key.start_mark.line + 1, value
    return None
