"""People with checkouts of one manifest repository, and an engine whose part a test acts."""

import json
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from tidegate.adapters.git_manifest import GitManifest
from tidegate.cli import main
from tidegate.demo.sample_manifest import SampleManifest
from tidegate.domain import manifest_files as files
from tidegate.domain.commits import PlannedCommit
from tidegate.domain.state import Phase, ReleaseState
from worlds import AGENT, Person

INTENT = "envs/production/support.yaml"
STATE = "envs/production/state/support.yaml"
ORDERS = "envs/production/orders/support.yaml"
STARTED = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class Team:
    """v1 is live; v2 and v3 are committed as versions. One person has a checkout."""

    folder: Path
    people: dict[str, Person] = field(default_factory=dict)

    def __post_init__(self) -> None:
        engineer = SampleManifest(self.folder, AGENT)
        engineer.begin("v1")
        for version in ("v2", "v3"):
            engineer.add_version(version)
        self.remote = engineer.remote
        self.clone = GitManifest(self.folder / "engine.git", str(self.remote))
        self.person = self.joined("ada")

    def joined(self, name: str) -> Person:
        """One more person with a checkout."""
        person = Person(self.folder / name, self.remote)
        person.git("config", "user.name", name.capitalize())
        self.people[name] = person
        return person

    def run(self, *arguments: str, person: Person | None = None) -> Result:
        """A command in a person's checkout."""
        return run((person or self.person).folder, *arguments)

    def done(self, *arguments: str, person: Person | None = None) -> dict[str, Any]:
        """What a command that must succeed says in JSON."""
        result = self.run(*arguments, "--json", person=person)
        assert result.exit_code == 0, result.output
        return dict(json.loads(result.stdout))

    def refusal(self, *arguments: str, person: Person | None = None) -> str:
        """What a command that must be refused says; it must have changed nothing."""
        folder = (person or self.person).folder
        before = _standing(folder), self.head()
        result = self.run(*arguments, person=person)
        assert result.exit_code == 1, result.output
        assert (_standing(folder), self.head()) == before
        return result.stderr.removeprefix("Error: ").strip()

    def commit(self, path: str, content: str, message: str) -> str:
        """The person pulls, and then commits and pushes one file by hand."""
        self.person.pull()
        return self.person.commit(path, content, message)

    def head(self) -> str:
        return self.git("rev-parse", "main").strip()

    def subjects(self) -> list[str]:
        """Subjects of the remote's history, newest first."""
        return self.git("log", "--format=%s", "main").splitlines()

    def file(self, path: str) -> str:
        """A file as the remote has it."""
        return self.git("show", f"main:{path}")

    def git(self, *arguments: str) -> str:
        """The real git, in the remote."""
        return _git(self.remote, *arguments)

    def engine_writes(self, phase: Phase, stable: str = "v1", **facts: Any) -> str:
        """A decision of the engine on the present attempt: STATE in a commit with its trailer."""
        self.clone.fetch()
        head = self.clone.head()
        assert head is not None
        attempt = facts.pop("attempt", None) or self.clone.last_change(head, INTENT)
        state = ReleaseState(agent=AGENT, attempt=attempt, phase=phase, stable=stable, **facts)
        message = f"support: {phase.value}\n\nTidegate-Decision: {head[:16]}"
        contents = {STATE: files.render(state)}
        return self.clone.publish(head, [PlannedCommit(message=message, contents=contents)])[-1]

    def canary_runs(self, version: str = "v2", step: int = 1, **facts: Any) -> str:
        """A canary of a version is at a step, 5 % if not said otherwise."""
        return self.engine_writes(
            facts.pop("phase", Phase.PROGRESSING),
            candidate=version,
            step=step,
            weight=facts.pop("weight", 50_000),
            salt="salt",
            reason=facts.pop("reason", "a new attempt"),
            started=STARTED,
            step_started=STARTED,
            window=facts.pop("window", ("v1",)),
            **facts,
        )


def run(folder: Path, *arguments: str) -> Result:
    """A command in a checkout."""
    command, *rest = arguments
    return CliRunner().invoke(main, [command, "--manifest", str(folder), *rest])


def _standing(folder: Path) -> tuple[str, str]:
    """What is changed in a checkout, and which commits are only there."""
    changed = ["status", "--porcelain=v2", "--untracked-files=all"]
    unpushed = ["rev-list", "HEAD", "--not", "--remotes"]
    return _git(folder, *changed), _git(folder, *unpushed)


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    ).stdout
