"""The table in the documentation, made from the campaign's JSON and nothing else.

Run as a script, it writes `docs/statistics-validation.md` anew.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "statistics.json"
DOCUMENT = ROOT / "docs" / "statistics-validation.md"
TITLE = """# Every statistical method against its promise

Made by `benchmarks/statistics/table.py` from `benchmarks/results/statistics.json`, which
`make validate` writes (`pytest -m validation -k campaign`; one family: `-k "campaign and S8"`). Do
not edit it.

A promised rate of error (the *nominal* one) is kept when the measured rate is at most the nominal
rate plus three standard errors of that many simulated paths. A target of an average is met when
the average itself meets it. Rows without a bound promise nothing: they stand beside others, many of
them to show what a shortcut costs. Standard errors of promised rates are those at the nominal rate.
"""
HEAD = ("method", "case", "measure", "nominal", "measured", "± error", "paths", "bound", "met")
_WORDS = {"at most": "≤", "at least": "≥"}
_MARKS = {True: "yes", False: "**no**", None: ""}
_THOUSANDS = 1000.0  # from here on, figures are whole

Entry = Mapping[str, Any]


def markdown(families: Mapping[str, Sequence[Entry]]) -> str:
    """The document of all families.

    Args:
        families: rows by family, as the JSON has them.
    """
    entries = [entry for rows in families.values() for entry in rows]
    parts = [TITLE, _summary(entries)]
    for name, rows in families.items():
        parts += [f"## {name}\n", _table(rows)]
    return "\n".join(parts)


def _summary(entries: Sequence[Entry]) -> str:
    promised = [entry for entry in entries if entry["ok"] is not None]
    missed = [entry for entry in promised if not entry["ok"]]
    lines = [f"**{len(promised) - len(missed)} of {len(promised)} promises and targets are met.**"]
    lines += [
        f"Not met: {entry['method']}, {entry['case']}: {entry['measure']} "
        f"{figure(entry['measured'])}, wanted {_bound(entry)}."
        for entry in missed
    ]
    return "\n\n".join(lines) + "\n"


def _table(rows: Sequence[Entry]) -> str:
    lines = [_line(HEAD), _line(["---"] * len(HEAD)), *(_line(_cells(row)) for row in rows)]
    return "\n".join(lines) + "\n"


def _cells(entry: Entry) -> list[str]:
    chance = entry["paths"] > 0
    return [
        entry["method"],
        entry["case"],
        entry["measure"],
        figure(entry["nominal"]),
        figure(entry["measured"]),
        figure(entry["standard_error"]) if chance else "",
        f"{entry['paths']:,}" if chance else "",
        _bound(entry),
        _MARKS[entry["ok"]],
    ]


def _bound(entry: Entry) -> str:
    return f"{_WORDS[entry['wanted']]} {figure(entry['bound'])}" if entry["wanted"] else ""


def figure(value: float | None) -> str:
    """A figure as a reader wants it: whole where large, three digits where small."""
    if value is None:
        return ""
    if abs(value) >= _THOUSANDS:
        return f"{value:,.0f}"
    return f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) < 1.0 else f"{value:.4g}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    DOCUMENT.write_text(markdown(json.loads(RESULTS.read_text())))
