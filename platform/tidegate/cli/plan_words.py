"""How `tidegate plan` puts sections and figures into words, for a terminal and for Markdown."""

import re
from collections.abc import Sequence
from typing import NamedTuple

_HOURS, _MINUTES = 24, 1440  # in a day
_FEW = 10  # units, below which a fraction tells something


class Section(NamedTuple):
    """A heading with sentences, and a table if there is one.

    Attributes:
        columns, rows: the table; no columns if there is none.
    """

    heading: str
    sentences: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def markdown(title: str, first: str | None, sections: Sequence[Section]) -> str:
    """The report as a comment on a pull request."""
    parts = [f"### {_escaped(title)}"]
    if first is not None:
        parts.append(f"**{_escaped(first)}**")
    for section in sections:
        parts.append(f"#### {_escaped(section.heading)}")
        parts += [_escaped(sentence) for sentence in section.sentences]
        if section.columns:
            lines = [section.columns, ("---",) * len(section.columns), *section.rows]
            cells = [[_escaped(cell) for cell in line] for line in lines]
            parts.append("\n".join(f"| {' | '.join(line)} |" for line in cells))
    return "\n\n".join(parts)


def part(share: float) -> str:
    """A share in percent, to three digits."""
    return f"{100 * share:.3g} %"


def time(days: float) -> str:
    """A time in the unit that people would use for it."""
    if days >= 1.0:
        return f"{days:.1f} days"
    if days * _HOURS >= 1.0:
        return f"{days * _HOURS:.1f} hours"
    return f"{days * _MINUTES:.0f} minutes"


def count(units: float) -> str:
    """A number of units: a whole one, unless it is so small that a fraction tells something."""
    return f"{units:,.0f}" if units >= _FEW else f"{units:.2g}"


def _escaped(text: str) -> str:
    """Text as it stands, on one line, in Markdown and in a cell of its tables."""
    return re.sub(r"([\\`*_{}\[\]<>|#~])", r"\\\1", " ".join(text.split()))
