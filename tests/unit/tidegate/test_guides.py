"""What the guides show can be written and typed: every YAML block, and every command."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from release_files import version_file
from tidegate.cli import main
from tidegate.domain import manifest_files as files
from tidegate.domain.document_places import place_of
from tidegate.domain.intent import AgentRelease
from tidegate.domain.linting import manifest_of
from tidegate.domain.rulebook import RULES

GUIDES = Path(__file__).parents[3] / "docs" / "guides"
STRATEGIES = ("ab", "blue-green", "canary", "flags")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"\A# (\S+\.yaml)\n")
_VERSION = re.compile(r"version: (v\d+)")
_INSTALLATION = "kind: Tidegate\nenvironments: [production]\n"


class Shown(NamedTuple):
    """One file as a guide shows it."""

    guide: str
    path: str
    content: str


def _blocks(guide: str, language: str) -> list[str]:
    text = (GUIDES / f"{guide}.md").read_text()
    return [body for said, body in _BLOCK.findall(text) if said == language]


def _shown(guide: str) -> Iterator[Shown]:
    for body in _blocks(guide, "yaml"):
        named = _PATH.match(body)
        yield Shown(guide, named[1] if named is not None else "", body)


SHOWN = [each for guide in STRATEGIES for each in _shown(guide)]
COMMANDS = [
    pytest.param(line, id=line)
    for guide in STRATEGIES
    for block in _blocks(guide, "sh")
    for line in block.splitlines()
    if line.startswith("tidegate ")
]


def _named(shown: Shown) -> str:
    return f"{shown.guide}: {shown.path}"


@pytest.mark.parametrize("shown", SHOWN, ids=_named)
def test_every_yaml_block_says_where_it_lies_and_can_be_read_as_that(shown: Shown) -> None:
    place = place_of(shown.path)
    assert place is not None, f"no file of a manifest lies at {shown.path!r}"
    assert place.document is not None
    files.parse(shown.path, shown.content.encode(), place.document)


@pytest.mark.parametrize("shown", SHOWN, ids=_named)
def test_every_yaml_block_fits_the_other_files_of_its_guide(shown: Shown) -> None:
    """Guardrails, segments, layers and versions that one file names are in the others."""
    contents = {"tidegate.yaml": _INSTALLATION}
    contents |= {other.path: other.content for other in _shown(shown.guide)}
    contents |= {shown.path: shown.content}
    for path, content in list(contents.items()):
        contents |= _versions_of(path, content)
    manifest = manifest_of(contents, lambda path: contents.get(path, "").encode() or None)
    found = [*manifest.files[shown.path].findings]
    found += [each for rule in RULES for each in rule(manifest)]
    assert [str(each) for each in found] == []


def _versions_of(path: str, content: str) -> dict[str, str]:
    """A file for each version that an INTENT names."""
    place = place_of(path)
    if place is None or place.document is not AgentRelease:
        return {}
    agent = (place.names(path) or {})["agent"]
    found: dict[str, str] = {}
    for version in _VERSION.findall(content):
        found |= version_file(version, agent)
    return found


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_one_that_there_is_with_arguments_that_it_takes(line: str) -> None:
    _, name, *arguments = shlex.split(line)
    with main.commands[name].make_context(name, arguments) as context:
        assert context.args == []


def test_every_strategy_has_a_guide_that_begins_with_a_question() -> None:
    for guide in STRATEGIES:
        headings = re.findall(r"^## (.*)$", (GUIDES / f"{guide}.md").read_text(), re.MULTILINE)
        assert headings[0].endswith("?")
        assert headings[-1].startswith("What do I do when")
    assert {shown.guide for shown in SHOWN} == set(STRATEGIES)
