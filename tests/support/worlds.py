"""A world of real git, DuckDB and SQLite to put an engine into, with no HTTP around it."""

import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tidegate.adapters.control_database import ControlDatabase
from tidegate.adapters.duckdb_events import DuckDBEvents
from tidegate.adapters.git_manifest import GitManifest
from tidegate.demo.sample_manifest import SampleManifest
from tidegate.domain.assignment import Assignment
from tidegate.domain.events import Event, Kind, attribute
from tidegate.domain.record import DecisionRecord, from_json
from tidegate.domain.release import Release
from tidegate.domain.switch import Health
from tidegate.service.assigning import Assigner
from tidegate.service.engine import Engine
from tidegate.service.rollout_views import RolloutViews
from tidegate.service.served_manifest import ServedManifest

AGENT = "support"


@dataclass
class ManualClock:
    """A clock that a test moves."""

    instant: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant

    def advance(self, **passed: float) -> None:
        self.instant += timedelta(**passed)


@dataclass
class ManualProbe:
    """What each environment's health address answers, as a test sets it."""

    answers: dict[str, Health] = field(default_factory=dict)

    def ask(self, address: str) -> Health:
        return self.answers.get(address, Health(well=False, detail="gave no answer"))


@dataclass
class World:
    """A manifest repository with a release engineer, and an engine with its stores, no HTTP."""

    folder: Path
    engineer: SampleManifest
    clock: ManualClock = field(default_factory=ManualClock)
    probe: ManualProbe = field(default_factory=ManualProbe)

    def __post_init__(self) -> None:
        self.remote = self.engineer.remote
        self.open()

    def open(self) -> None:
        self.repository = GitManifest(self.folder / "clone.git", str(self.remote))
        self.control = ControlDatabase(f"sqlite:///{self.folder / 'control.db'}")
        self.events = DuckDBEvents(self.folder / "events.duckdb")
        self.manifest = ServedManifest(self.repository, self.control, "production")
        self.engine = Engine(
            self.repository, self.manifest, self.events, self.control, self.clock, self.probe
        )
        self.assigner = Assigner(self.manifest, self.events, self.control, self.clock)
        self.views = RolloutViews(
            self.repository, self.manifest, self.events, self.control, self.clock
        )

    def close(self) -> None:
        self.events.close()
        self.control.close()

    def restart(self) -> None:
        self.close()
        self.open()
        self.engine.refresh()

    def turn(self) -> None:
        """One turn of the engine: fetch, then look."""
        self.engine.refresh()
        self.engine.look()

    @property
    def release(self) -> Release:
        return self.manifest.release(AGENT)

    def assigned(self, unit: str, conversation: str | None = None) -> Assignment:
        """What the service answers to a unit that asks."""
        return self.assigner.assign(AGENT, unit, {}, conversation).assignment

    def expose(self, units: list[str]) -> None:
        """Units meet whatever version is served to them now."""
        release = self.release
        self.store(
            [_event(unit, "exposure", f"{release.attempt}/{release.step}") for unit in units]
        )

    def report(self, units: list[str], kind: Kind, name: str, value: float | None = None) -> None:
        self.store([_event(unit, kind, name, value) for unit in units])

    def store(self, events: list[Event]) -> None:
        stored = [attribute(event, self.release) for event in events]
        self.events.append([stored], self.clock.now())

    def units(self, arm: str, count: int, prefix: str = "u") -> list[str]:
        """The first `count` unit names that are in an arm of the release now served."""
        release, found, number = self.release, [], 0
        while len(found) < count:
            unit = f"{prefix}{number}"
            if release.arm(unit) == arm:
                found.append(unit)
            number += 1
        return found

    def harm(self, guardrail: str = "prompt_injection", count: int = 8) -> None:
        """Enough harm on the candidate to roll any candidate back."""
        units = self.units("candidate", count, prefix="harmed-")
        self.expose(units)
        self.report(units, "safety", guardrail)

    def git(self, *arguments: str) -> str:
        """The real git, in the remote."""
        return subprocess.run(
            ["git", "-C", str(self.remote), *arguments], capture_output=True, text=True, check=True
        ).stdout

    def head(self) -> str:
        return self.git("rev-parse", "main").strip()

    def subjects(self) -> list[str]:
        """Subjects of the history, newest first."""
        return self.git("log", "--format=%s", "main").splitlines()

    def person(self, name: str = "person") -> "Person":
        return Person(self.folder / name, self.remote)

    def records(self) -> dict[str, DecisionRecord]:
        """The record of every decision commit, by commit."""
        found = {}
        for line in self.git(
            "log", "--format=%H %(trailers:key=Tidegate-Release,valueonly)"
        ).splitlines():
            commit, _, release = line.partition(" ")
            if release.strip():
                path = "envs/{}/evidence/{}.json".format(*release.strip().split("/"))
                found[commit] = from_json(self.git("show", f"{commit}:{path}").encode())
        return found


class Person:
    """Someone with an ordinary clone and the ordinary git command."""

    def __init__(self, folder: Path, remote: Path) -> None:
        self.folder = folder
        subprocess.run(["git", "clone", "--quiet", str(remote), str(folder)], check=True)
        self.git("config", "user.name", "Person")
        self.git("config", "user.email", "person@example.invalid")

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(self.folder), *arguments],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def pull(self) -> None:
        self.git("pull", "--quiet", "--ff-only")

    def commit(self, path: str, content: str, message: str) -> str:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(content)
        self.git("add", path)
        self.git("commit", "--quiet", "-m", message)
        return self.push()

    def revert(self, commit: str) -> str:
        self.git("revert", "--no-edit", commit)
        return self.push()

    def push(self) -> str:
        self.git("push", "--quiet")
        return self.git("rev-parse", "HEAD").strip()


def _event(unit: str, kind: Kind, name: str, value: float | None = None) -> Event:
    event_id = f"{unit}/{kind}/{name}"
    return Event(
        event_id=event_id,
        unit=unit,
        agent=AGENT,
        kind=kind,
        name="" if kind == "exposure" else name,
        value=value,
    )
