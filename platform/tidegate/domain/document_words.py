"""What the docstring of a document says about it and about each of its keys.

Schemas, the reference and lint speak of a key in the words in which it is defined.
"""

import inspect
import re
from functools import cache
from typing import Final

from tidegate.domain.document import Document

_SECTION: Final = re.compile(r"^([A-Z][a-z]+):$", re.MULTILINE)
_ENTRY: Final = re.compile(r"^    ((?:\w+, )*\w+): ", re.MULTILINE)
_PATH: Final = re.compile(r"^`[^`]*`[:,] ")
_SNAKE: Final = re.compile(r"`[a-z]+(?:_[a-z]+)+`")
_COMMON: Final = {
    "api_version": "the form that this file has.",
    "agent": "the agent's name, as in the path.",
    "environment": "the environment's name, as in the path.",
    "segment": "the segment's name, as in the path.",
    "version": "the agent version's name.",
}


@cache
def summary(kind: type[Document]) -> str:
    """What a document is: its docstring, without the path that it begins with and the sections."""
    text = _one_paragraph(_PATH.sub("", _SECTION.split(_docstring(kind))[0]))
    return text[:1].upper() + text[1:]


@cache
def meanings(kind: type[Document]) -> dict[str, str]:
    """What each field means, by its name in Python; those that nobody described are left out."""
    parts = _SECTION.split(_docstring(kind))
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    entries = _ENTRY.split(sections.get("Attributes", ""))
    found = {
        name: _one_paragraph(text)
        for names, text in zip(entries[1::2], entries[2::2], strict=True)
        for name in names.split(", ")
    }
    return {name: _COMMON[name] for name in kind.__struct_fields__ if name in _COMMON} | found


def _docstring(kind: type[Document]) -> str:
    return inspect.cleandoc(kind.__doc__ or "")


def _one_paragraph(text: str) -> str:
    """A text in one line, keys in it as they are written in the file."""
    return _SNAKE.sub(lambda found: _camel(found[0]), " ".join(text.split()))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))
