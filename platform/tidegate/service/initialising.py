"""`init`: the first files of a manifest repository."""

from pathlib import PurePosixPath
from typing import Final

from tidegate.domain import manifest_files as files
from tidegate.domain.agent_version import AgentVersion
from tidegate.domain.canary import Canary
from tidegate.domain.default_ramps import DEFAULT_STEPS
from tidegate.domain.document import Document
from tidegate.domain.errors import RepositoryError
from tidegate.domain.installation import Installation
from tidegate.domain.intent import AgentRelease, Strategy
from tidegate.domain.metrics import SAFETY_KINDS, Metrics
from tidegate.service.schemas import schema_files, schema_name

SCHEMA_FOLDER: Final = ".tidegate/schemas"
FIRST_VERSION: Final = "v1"
HOOK_PATH: Final = ".githooks/pre-commit"
"""Executable; git runs it once `core.hooksPath` says .githooks."""

_HOOK: Final = b"""#!/bin/sh
# Refuses a commit with problems. To use it: git config core.hooksPath .githooks
if ! command -v tidegate >/dev/null; then
  echo 'tidegate is not on PATH, so nothing could be looked at and nothing is committed.' >&2
  echo 'Add the folder where it is installed: export PATH="FOLDER:$PATH"' >&2
  echo 'To commit all the same: git commit --no-verify' >&2
  exit 1
fi
exec tidegate lint
"""
_ATTRIBUTES: Final = b"""\
# Files are pinned by the digest of their bytes, so git must not change line ends.
* -text
"""
_OF_INSTALLATION: Final = "What holds for the whole repository."
_OF_VERSION: Final = """\
Everything that can change how the agent behaves, pinned: code, prompts, model, tools, memory.
Never edited once committed: a change is a new version. Nothing is pinned in this one yet, so
`tidegate diff` and the guardrail unexpected_tool know nothing of it. In the next, for example:
  components:
    code: {repo: https://git.example.com/agent.git, commit: <40 hex digits>}
    prompts:
      - {name: system, path: agents/%(agent)s/prompts/system.md, sha256: <sha256sum of the file>}
    model: {provider: example, model: answers-large, pin: 2026-02}
"""
_OF_METRICS: Final = """\
What must not get worse. Goals are added as kind: outcome, such as
  - {name: goal, kind: outcome}
"""
_WINDOW: Final = b"""\
# How long an outcome is waited for once a unit has met a version; then the unit counts without one.
# Longer than the slowest task; with blueGreen shorter than postPromotion.duration.
window: 10m
"""
_SAFETY: Final = "".join(("guardrails:\n", *(f"- name: {n}\n" for n in SAFETY_KINDS))).encode()
"""Said although it is what the absence of the key says: this is where people add to it."""
_OF_INTENT: Final = """\
INTENT: the version that you want, and how it shall come. `tidegate deploy %(agent)s VERSION`
changes it. A step lasts until minUnits users have met the version; one that certifies waits until
every guardrail is shown to be within its margin.
"""


def check_names(agent: str, environment: str) -> None:
    """Refuse names that cannot be part of a path.

    Raises:
        RepositoryError: one of them cannot.
    """
    for what, name in (("an agent", agent), ("an environment", environment)):
        if not files.is_name(name):
            raise RepositoryError(
                f"{name!r} is no name for {what}: letters, digits and . _ - only, 100 at most, and "
                "a letter or digit first"
            )


def first_files(agent: str, environment: str) -> dict[str, bytes]:
    """The files of a new manifest repository, by path."""
    canary = Canary(steps=DEFAULT_STEPS["model"])
    documents: tuple[tuple[str, Document, str], ...] = (
        (files.INSTALLATION_PATH, Installation(environments=(environment,)), _OF_INSTALLATION),
        (
            files.version_path(agent, FIRST_VERSION),
            AgentVersion(agent=agent, version=FIRST_VERSION),
            _OF_VERSION,
        ),
        (files.metrics_path(agent), Metrics(agent=agent), _OF_METRICS),
        (
            files.intent_path(environment, agent),
            AgentRelease(agent=agent, version=FIRST_VERSION, strategy=Strategy(canary=canary)),
            _OF_INTENT,
        ),
    )
    made = {path: _with_head(path, each, head % {"agent": agent}) for path, each, head in documents}
    made[files.metrics_path(agent)] += _WINDOW + _SAFETY
    schemas = {f"{SCHEMA_FOLDER}/{name}": content for name, content in schema_files().items()}
    return made | schemas | {HOOK_PATH: _HOOK, ".gitattributes": _ATTRIBUTES}


def _with_head(path: str, document: Document, head: str) -> bytes:
    up = "../" * (len(PurePosixPath(path).parts) - 1)
    schema = f"{up}{SCHEMA_FOLDER}/{schema_name(type(document))}"
    comment = "\n".join(f"# {line}" for line in head.splitlines())
    said = f"# yaml-language-server: $schema={schema}\n{comment}\n"
    return said.encode() + files.render(document)
