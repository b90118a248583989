"""Made-up traffic: what happens to units on either version, as running counts at every look.

Two streams, one law. `UnitByUnit` draws every unit and looks at each incident; `InBatches` draws
what happened between two looks, so that a rollout of a million units costs no more looks than one
of ten thousand.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Counts: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
Rates: TypeAlias = NDArray[np.float64]

OUTCOMES_A_LOOK = 25
"""Units from one look to the next where outcomes count: each unit is news."""

UNITS_A_LOOK = 250
"""Units from one look to the next where only incidents are news, besides a look at each of them."""

_FIRST_PIECE = 4096  # units of a stage that are drawn at once; each further piece doubles them
_WORTH_A_PIECE = 512  # units before a mark that are worth being drawn by themselves
_COARSEST = 0.01  # of a stage's units so far: how far apart the looks of batches grow


class Looks(NamedTuple):
    """Running counts of one stage after each of L looks, for K guardrails.

    Attributes:
        units: shape (L,), units of both arms in the stage so far, rising.
        candidate: shape (L,), of these, on the candidate.
        candidate_hits: shape (K, L), units of the candidate with the incident, or the success.
        baseline_hits: shape (K, L), units of the baseline with it.
    """

    units: Counts
    candidate: Counts
    candidate_hits: Counts
    baseline_hits: Counts

    def only(self, which: NDArray[np.intp]) -> "Looks":
        """Some of the looks, by their places."""
        return Looks(*(counts[..., which] for counts in self))


class Truth(NamedTuple):
    """The true rates of K guardrails: of incidents, or of successes.

    Attributes:
        baseline, candidate: shape (K, 1), or (K, units) where rates drift; each in [0, 1].
    """

    baseline: Rates
    candidate: Rates


class Stream(Protocol):
    """One made-up stream of units.

    Attributes:
        units: how many there are.
    """

    units: int

    def stage(self, first: int, share: float, marks: Sequence[int]) -> Iterator[Looks]:
        """The looks of a stage that begins at unit `first`, in pieces, up to the stream's end.

        Args:
            first: units before the stage.
            share: the candidate's share, in (0, 1).
            marks: units of the stage at which there must be a look, whatever happens.
        """


class UnitByUnit:
    """Each unit with its place in the population and a fate for each guardrail.

    Args:
        truth: what is true.
        units: how many.
        look_every: units from one look to the next, at least 1.
        look_at_hits: whether to look at each incident as well.
        generator: of the places and fates; they do not depend on the plan that is tried on them.
    """

    def __init__(
        self,
        truth: Truth,
        units: int,
        *,
        look_every: int,
        look_at_hits: bool,
        generator: np.random.Generator,
    ) -> None:
        self.units = units
        self._truth, self._look_every, self._look_at_hits = truth, look_every, look_at_hits
        self._place = generator.random(units)
        self._fates = generator.random((len(truth.baseline), units))

    def fates(self, first: int, last: int, share: float) -> tuple[Mask, Mask]:
        """Units `first` to `last`: who is on the candidate, (n,), and who is hit, (K, n)."""
        on_candidate = self._place[first:last] < share
        baseline, candidate = (_between(rates, first, last) for rates in self._truth)
        return on_candidate, self._fates[:, first:last] < np.where(
            on_candidate, candidate, baseline
        )

    def stage(self, first: int, share: float, marks: Sequence[int]) -> Iterator[Looks]:
        """The looks of a stage; see `Stream`."""
        before = _nothing(len(self._fates))
        for start, stop in _pieces(self.units - first, marks):
            on_candidate, hits = self.fates(first + start, first + stop, share)
            ends = np.arange(start + 1, stop + 1)
            running = _running(
                before, ends, on_candidate, hits & on_candidate, hits & ~on_candidate
            )
            yield running.only(self._places(first, ends, hits, marks))
            before = running.only(np.array([-1]))

    def _places(
        self, first: int, ends: Counts, hits: Mask, marks: Sequence[int]
    ) -> NDArray[np.intp]:
        """After which units of a piece there is a look; the stream's last unit is one of them."""
        looked = np.zeros(len(ends), bool)
        if self._look_at_hits:
            looked |= hits.any(axis=0)
        looked[-ends[0] % self._look_every :: self._look_every] = True
        forced = [mark for mark in (*marks, self.units - first) if ends[0] <= mark <= ends[-1]]
        looked[np.array(forced, np.intp) - ends[0]] = True
        return np.flatnonzero(looked)


class InBatches:
    """What happened between looks, drawn at once; looks grow rarer as a stage grows longer.

    Args:
        truth: what is true; rates that do not drift.
        units: how many at most.
        look_every: units from one look to the next at a stage's beginning, at least 1.
        generator: of everything.
    """

    def __init__(
        self, truth: Truth, units: int, *, look_every: int, generator: np.random.Generator
    ) -> None:
        self.units = units
        self._truth, self._look_every, self._generator = truth, look_every, generator

    def stage(self, first: int, share: float, marks: Sequence[int]) -> Iterator[Looks]:
        """The looks of a stage; see `Stream`."""
        before = _nothing(len(self._truth.baseline))
        for start, stop in _pieces(self.units - first, marks):
            ends = self._ends(start, stop, marks)
            sizes = np.diff(ends, prepend=start)
            on_candidate = self._generator.binomial(sizes, share)
            found = _running(
                before,
                ends,
                on_candidate,
                self._generator.binomial(on_candidate, self._truth.candidate),
                self._generator.binomial(sizes - on_candidate, self._truth.baseline),
            )
            yield found
            before = found.only(np.array([-1]))

    def _ends(self, start: int, stop: int, marks: Sequence[int]) -> Counts:
        """Units of the stage after which there is a look, in (start, stop], with its end."""
        gap = max(self._look_every, math.ceil(_COARSEST * start))
        regular = np.arange(start + gap, stop, gap)
        return np.unique([*regular, *(mark for mark in marks if start < mark <= stop), stop])


def _pieces(length: int, marks: Sequence[int]) -> Iterator[tuple[int, int]]:
    """From unit, to unit: each piece doubles the stage, but ends where the step may be over."""
    start = 0
    while start < length:
        stop = max(_FIRST_PIECE, 2 * start)
        worth = (mark for mark in marks if start < mark < stop and mark >= _WORTH_A_PIECE)
        stop = min(worth, default=stop)
        yield start, min(stop, length)
        start = stop


def _nothing(guardrails: int) -> Looks:
    none = np.zeros((guardrails, 1), np.int64)
    return Looks(none[0], none[0], none, none)


def _running(
    before: Looks,
    units: Counts,
    candidate: Counts | Mask,
    candidate_hits: Counts | Mask,
    baseline_hits: Counts | Mask,
) -> Looks:
    """Running counts after those before them; `units` is already running, the rest is news."""
    return Looks(
        units,
        before.candidate + np.cumsum(candidate),
        before.candidate_hits + np.cumsum(candidate_hits, axis=1),
        before.baseline_hits + np.cumsum(baseline_hits, axis=1),
    )


def _between(rates: Rates, first: int, last: int) -> Rates:
    return rates if rates.shape[-1] == 1 else rates[:, first:last]
