"""The page on git's failures names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_every_row_of_the_page_names_a_test_that_is_there() -> None:
    rows = (ROOT / "docs" / "git-failures.md").read_text().splitlines()[6:]
    named = [re.findall(r"`(test_\w+)`", row) for row in rows if row.startswith("|")][2:]
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert all(named)
    assert {name for row in named for name in row} - defined == set()
