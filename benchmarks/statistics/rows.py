"""One line of the campaign's table: what was promised, what was measured, and how surely.

A promise of an error rate holds when the measured rate is at most the nominal one plus three
standard errors of that many paths at the nominal rate. A target of an average is met when the
average itself meets it. A row without a bound promises nothing: it stands beside another.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

ERRORS = 3.0
"""Standard errors by which a measured rate may exceed a promised one."""


class Row(NamedTuple):
    """What one simulation says about one promise.

    Attributes:
        method: of the list S1 to S11.
        case: what was simulated.
        measure: what was measured.
        nominal: the promise, the limit that no test can beat, or the figure asked for; None for a
            row that stands beside another.
        measured: the rate, or the mean.
        standard_error: of a promised rate at the nominal one, of anything else as measured.
        paths: how many were simulated; 0 for a figure that was computed.
        wanted: "at most" or "at least" the bound; "" without one.
        bound: what decides; None without a promise.
        ok: whether it is met; None without a promise.
    """

    method: str
    case: str
    measure: str
    nominal: float | None
    measured: float
    standard_error: float
    paths: int
    wanted: str
    bound: float | None
    ok: bool | None


class Case(NamedTuple):
    """The first three columns of a row, to which a measurement is added."""

    method: str
    case: str
    measure: str

    def rate(self, hits: ArrayLike, *, at_most: float | None = None) -> Row:
        """The share of paths that something happened to, promised or beside.

        Args:
            hits: shape (paths,), booleans.
            at_most: the promised rate.
        """
        flags = np.asarray(hits, dtype=bool)
        measured, paths = float(flags.mean()), flags.size
        level = measured if at_most is None else at_most
        error = math.sqrt(level * (1.0 - level) / paths)
        bound = None if at_most is None else at_most + ERRORS * error
        return self._row(at_most, measured, error, paths, ("at most", bound))

    def mean(
        self,
        values: ArrayLike,
        *,
        nominal: float | None = None,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> Row:
        """An average over paths, with a target or beside a nominal figure.

        Args:
            values: shape (paths,).
            nominal: the figure it stands beside.
            at_most: the target that it must not exceed.
            at_least: the figure that it must not fall short of by more than three standard errors.
        """
        numbers = np.asarray(values, dtype=np.float64)
        error = float(numbers.std() / math.sqrt(numbers.size))
        wanted: tuple[str, float | None] = ("at most", at_most)
        if at_least is not None:
            wanted = ("at least", at_least - ERRORS * error)
        return self._row(nominal, float(numbers.mean()), error, numbers.size, wanted)

    def median(self, values: ArrayLike, *, at_most: float | None = None) -> Row:
        """A median over paths, its error from the ranks next to the middle.

        Args:
            values: shape (paths,).
            at_most: the target that it must not exceed.
        """
        ordered = np.sort(np.asarray(values, dtype=np.float64))
        half, step = ordered.size // 2, math.ceil(0.5 * math.sqrt(ordered.size))
        error = 0.5 * float(ordered[min(half + step, ordered.size - 1)] - ordered[half - step])
        middle = float(np.median(ordered))
        return self._row(None, middle, error, ordered.size, ("at most", at_most))

    def expectation(self, values: ArrayLike, *, at_most: float) -> Row:
        """A promised average over paths, which it may exceed by three standard errors.

        Args:
            values: shape (paths,).
            at_most: the promise.
        """
        beside = self.mean(values)
        bound = at_most + ERRORS * beside.standard_error
        found = (beside.standard_error, beside.paths)
        return self._row(at_most, beside.measured, *found, ("at most", bound))

    def ratio(
        self, above: ArrayLike, below: ArrayLike, *, nominal: float, at_most: float | None = None
    ) -> Row:
        """A ratio of two averages over the same paths, its error by the delta method.

        Args:
            above: shape (paths,).
            below: shape (paths,), or one number that is known.
            nominal: the figure it stands beside.
            at_most: the target that it must not exceed.
        """
        one, other = np.asarray(above, np.float64), np.asarray(below, np.float64)
        measured = float(one.mean() / other.mean())
        error = float(np.std(one - measured * other) / other.mean() / math.sqrt(one.size))
        return self._row(nominal, measured, error, one.size, ("at most", at_most))

    def average(self, rows: Sequence[Row], *, nominal: float, at_most: float) -> Row:
        """The average of rows of independent simulations, with a target."""
        measured = math.fsum(row.measured for row in rows) / len(rows)
        error = math.hypot(*(row.standard_error for row in rows)) / len(rows)
        paths = sum(row.paths for row in rows)
        return self._row(nominal, measured, error, paths, ("at most", at_most))

    def figure(
        self, measured: float, *, nominal: float | None = None, at_most: float | None = None
    ) -> Row:
        """A figure that was computed, with no chance in it."""
        return self._row(nominal, measured, 0.0, 0, ("at most", at_most))

    def _row(
        self,
        nominal: float | None,
        measured: float,
        error: float,
        paths: int,
        wanted: tuple[str, float | None],
    ) -> Row:
        word, bound = wanted
        ok = None
        if bound is not None:
            ok = measured <= bound if word == "at most" else measured >= bound
        word = "" if bound is None else word
        return Row(*self, nominal, measured, error, paths, word, bound, ok)


def any_missed(rows: list[Row]) -> list[Row]:
    """The rows whose promise is not met."""
    return [row for row in rows if row.ok is False]
