"""What the documents say is there: every command, and every file that they lead to."""

import re
from pathlib import Path

import pytest

from tidegate.cli import main

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted((ROOT / "README.md", *(ROOT / "docs").rglob("*.md")))
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"`(?:tidegate )?(\w+)")


def _targets(document: Path) -> list[str]:
    """Where the links of a document lead inside the project."""
    found = _LINK.findall(_CODE.sub("", document.read_text()))
    inside = (each for each in found if "://" not in each and not each.startswith(("#", "mailto:")))
    return [each.partition("#")[0] for each in inside]


def test_table_of_commands_has_every_command_and_no_other() -> None:
    rows = re.findall(r"^\| (`tidegate [^|]*)\|", (ROOT / "docs/cli.md").read_text(), re.MULTILINE)
    assert sorted(name for row in rows for name in _COMMAND.findall(row)) == sorted(main.commands)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_to_a_file(document: Path) -> None:
    missing = [each for each in _targets(document) if not (document.parent / each).exists()]
    assert missing == []


def test_links_are_found() -> None:
    """So that the test above cannot hold for want of any."""
    assert "docs/cli.md" in _targets(ROOT / "README.md")
