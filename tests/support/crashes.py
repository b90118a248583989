"""An engine that dies at a chosen call to the outside world, and what it must have left there."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rivals import at_once, decisions_in_git, served_versions
from tidegate.adapters import git_command
from worlds import ManualClock, World

CHANGES = frozenset(
    {
        "repository.fetch",
        "repository._make",
        "git push",
        "git pushed",
        "repository.remember",
        "control.add_look",
        "control.add_decision",
        "control.note_push",
        "control.add_override",
        "control.settle_override",
        "manifest.halt",
    }
)
"""Calls that leave something behind. Between two of them only things are read."""


class Crash(BaseException):
    """The process is killed: nothing catches it."""


@dataclass
class Recorder:
    """Every call that an engine makes, in order; it dies at one of them if told to.

    Attributes:
        dies_at: index of the call at which it dies; it records only if None.
    """

    dies_at: int | None = None
    calls: list[str] = field(default_factory=list)
    is_over: bool = False

    def pass_by(self, label: str) -> None:
        if self.is_over:
            return
        self.calls.append(label)
        if self.dies_at is not None and len(self.calls) > self.dies_at:
            raise Crash(f"at call {self.dies_at}, {label}")

    def listen(self, world: World) -> None:
        """Hear every call of the engine's ports, and of what it serves."""
        for part in ("repository", "control", "events", "manifest"):
            thing = getattr(world, part)
            for name in dir(type(thing)):
                is_call = callable(getattr(type(thing), name))
                if is_call and (not name.startswith("_") or name == "_make"):
                    setattr(thing, name, self._heard(f"{part}.{name}", getattr(thing, name)))

    @contextmanager
    def pushing(self) -> Iterator[None]:
        """Hear pushes: before they leave, and when the remote has them but we do not know yet."""
        push = git_command.push

        def heard(*arguments: Any, **more: Any) -> None:
            self.pass_by("git push")
            push(*arguments, **more)
            self.pass_by("git pushed")

        git_command.push = heard
        try:
            yield
        finally:
            git_command.push = push
            self.is_over = True

    def _heard(self, label: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def heard(*arguments: Any, **more: Any) -> Any:
            self.pass_by(label)
            return call(*arguments, **more)

        return heard

    @property
    def points(self) -> list[int]:
        """One call for each state of the world on disk: every change, and what follows the last.

        To die at a call that only reads leaves the same behind as to die at the next change.
        """
        changes = [number for number, call in enumerate(self.calls) if call in CHANGES]
        return [*changes, changes[-1] + 1]


@dataclass(frozen=True)
class Outcome:
    """All that is left when everything is done.

    Attributes:
        tree: every file of the manifest at head.
        decisions: ids and subjects of the engine's commits, oldest first.
        indexed: the commits in the index of decisions.
        own: the engine's commits in git.
    """

    tree: str
    decisions: tuple[tuple[str, str], ...]
    indexed: tuple[str, ...]
    own: tuple[str, ...]
    overrides: tuple[str, ...]
    problems: dict[str, str]
    served: frozenset[str]
    phases: tuple[str, ...]
    is_head: bool
    last_seq: int


def outcome(world: World) -> Outcome:
    """What is left in a world."""
    own = world.git("log", "--reverse", "--format=%H", "--grep=^Tidegate-Decision:", "main")
    return Outcome(
        tree=world.git("rev-parse", "main^{tree}").strip(),
        decisions=tuple(decisions_in_git(world)),
        indexed=tuple(each.commit for each in world.control.decisions()),
        own=tuple(own.split()),
        overrides=tuple(world.control.open_overrides()),
        problems=dict(world.manifest.current.problems),
        served=frozenset(served_versions(world, 400)),
        phases=tuple(each.phase for each in world.views.all()),
        is_head=world.release.commit == world.head(),
        last_seq=world.events.last_seq(),
    )


def copied(template: World, folder: Path) -> World:
    """A world like another one, which is closed."""
    shutil.copytree(template.folder, folder)
    remote = SimpleNamespace(remote=folder / "manifest.git")
    return World(folder, remote, clock=ManualClock(template.clock.instant))


def turn_until_quiet(world: World) -> None:
    """Turns until the engine has nothing more to do, and the last one shows it."""
    for _ in range(20):
        head = world.head()
        at_once(world)
        world.turn()
        if world.head() == head and not world.control.open_overrides():
            return
    raise AssertionError(f"no end of it: {world.subjects()[:10]}")
