"""Random histories of people, engines and a git host, played on real repositories beside a model.

An operation is plain data that means something in any world, so that a history that fails can be
made shorter by leaving operations out.
"""

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from comparing import Mismatch, compare
from playing import ENGINES as _NAMES
from playing import Play, prepare
from serving_model import AGENTS, MISSING, VERSIONS

ENGINES = tuple(_NAMES)


class Operation(NamedTuple):
    """Something that somebody does.

    Attributes:
        act: the name of a method of `Play`.
        words: its arguments.
        then: for an engine's turn, what others do between its decision and its push.
    """

    act: str
    words: tuple[object, ...] = ()
    then: "Operation | None" = None

    def __str__(self) -> str:
        said = " ".join(str(word) for word in (self.act.replace("_", " "), *self.words) if word)
        return said if self.then is None else f"{said}, overtaken by: {self.then}"

    def play(self, world: Play) -> None:
        then = self.then
        others = () if then is None else (lambda: then.play(world),)
        getattr(world, self.act)(*self.words, *others)


def random_operation(rng: random.Random) -> Operation:
    """One operation; engines act about as often as people."""
    maker = rng.choices(list(_MAKERS), weights=list(_MAKERS.values()))[0]
    return maker(rng)


def random_history(seed: int, length: int) -> list[Operation]:
    """A history that a seed decides."""
    rng = random.Random(seed)
    return [random_operation(rng) for _ in range(length)]


def _engine(rng: random.Random) -> str:
    return rng.choices(ENGINES, weights=(4, 1))[0]


def _version(rng: random.Random) -> str:
    return rng.choice(VERSIONS)


def _turn(rng: random.Random) -> Operation:
    return Operation("turn", (_engine(rng),))


def _ride(rng: random.Random) -> Operation:
    return Operation("ride", (_engine(rng), rng.choice(AGENTS)))


def _race(rng: random.Random) -> Operation:
    engine = _engine(rng)
    (other,) = set(ENGINES) - {engine}
    others = [Operation("turn", (other,)), _by_people(rng), _by_people(rng)]
    return Operation("turn", (engine,), rng.choice(others))


def _by_people(rng: random.Random) -> Operation:
    maker = rng.choice([_deploy, _revert, _revert, _order, _notes, _break])
    return maker(rng)


def _deploy(rng: random.Random) -> Operation:
    how = rng.choice(["", "", "edited", "with force", "with force"])
    return Operation("deploy", (rng.choice(AGENTS), _version(rng), how))


def _deploy_more(rng: random.Random) -> Operation:
    version = _version(rng)
    return rng.choice(
        [
            Operation("deploy_both", (version,)),
            Operation("merge_a_deploy", (rng.choice(AGENTS), version)),
            Operation("deploy", (rng.choice(AGENTS), MISSING, "")),
        ]
    )


def _revert(rng: random.Random) -> Operation:
    return Operation("revert_the_deploy", (rng.choice(AGENTS),))


def _order(rng: random.Random) -> Operation:
    return Operation("order", (rng.choice(AGENTS), rng.choice(["pause", "resume", "step", "full"])))


def _notes(rng: random.Random) -> Operation:
    return Operation(rng.choice(["write_notes", "merge_notes"]))


def _break(rng: random.Random) -> Operation:
    what = ["break_intent", "break_metrics", *["mend_metrics"] * 3]
    return Operation(rng.choice(what), (rng.choice(AGENTS),))


def _feed(rng: random.Random) -> Operation:
    return Operation("healthy_units", (_engine(rng), rng.choice(AGENTS)))


def _harm(rng: random.Random) -> Operation:
    return Operation("harm", (_engine(rng), rng.choice(AGENTS)))


def _host(rng: random.Random) -> Operation:
    return Operation(rng.choice(["cut_off", "connect", "connect"]), (_engine(rng),))


def _restart(rng: random.Random) -> Operation:
    return Operation("restart", (_engine(rng),))


def _wait(rng: random.Random) -> Operation:
    return Operation("wait_minutes", (rng.choice([1, 11]),))


_MAKERS: dict[Callable[[random.Random], Operation], int] = {
    _turn: 20,
    _ride: 26,
    _feed: 6,
    _deploy: 8,
    _race: 10,
    _wait: 4,
    _harm: 5,
    _revert: 3,
    _order: 4,
    _host: 5,
    _deploy_more: 2,
    _break: 2,
    _restart: 2,
    _notes: 1,
}


class Histories:
    """Plays histories, each from the same beginning.

    Args:
        folder: where worlds are made.

    Attributes:
        happened: what engines wrote, by rule, and how often pushes and remotes failed them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self.happened: Counter[str] = Counter()
        self._template = folder / "template"
        prepare(self._template)

    def problem(self, history: list[Operation]) -> str | None:
        """What went otherwise than the model says, and after which operation."""
        with self._world() as world:
            for number, operation in enumerate(history):
                try:
                    operation.play(world)
                    compare(world)
                except Mismatch as mismatch:
                    return f"after {number + 1}, {operation}: {mismatch}"
            try:
                world.end()
            except Mismatch as mismatch:
                return f"at the end: {mismatch}"
        return None

    def check(self, history: list[Operation]) -> None:
        """Play a history; fail with the shortest one found that still goes wrong."""
        found = self.problem(history)
        if found is not None:
            shortest = self.shortened(history)
            lines = "\n".join(f"  {number}. {each}" for number, each in enumerate(shortest, 1))
            told = self.problem(shortest)
            raise AssertionError(f"{told}\nThe shortest history that was found:\n{lines}")

    def shortened(self, history: list[Operation]) -> list[Operation]:
        """A history from which no part, and in the end no operation, can be left out."""
        size = max(1, len(history) // 2)
        while True:
            smaller = self._without_a_part(history, size)
            if smaller is not None:
                history = smaller
            elif size == 1:
                return history
            else:
                size = max(1, size // 2)

    def _without_a_part(self, history: list[Operation], size: int) -> list[Operation] | None:
        for start in range(0, len(history), size):
            candidate = history[:start] + history[start + size :]
            if candidate and self.problem(candidate) is not None:
                return candidate
        return None

    @contextmanager
    def _world(self) -> Iterator[Play]:
        self._number += 1
        folder = self._folder / f"world-{self._number}"
        shutil.copytree(self._template, folder)
        world = Play(folder)
        try:
            yield world
            self.happened += world.happened
        finally:
            world.close()
            shutil.rmtree(folder)
