"""Where is a quantile of latency or cost, at any look?

Method S5. For the p-quantile q, whether an observation lies at or below q is a coin of bias p (for
a distribution with atoms: at least p at or below, at most p strictly below). Two one-sided
beta-binomial mixtures, each at alpha/2, bound these counts at every time; order statistics turn
the bounds on counts into an interval for q.

The state is incremental, mergeable and of bounded memory: counts in 4168 fixed bins of 1 % relative
width from 1e-6 to 1e12, the first and the last for what lies outside. Limits are rounded outwards
to the edges of bins, so the interval is valid as it stands, and wider by at most 1 % at each end.

Source: Howard and Ramdas (2022), "Sequential estimation of quantiles with applications to A/B
testing and best-arm identification", Theorem 1 (a fixed quantile), beta-binomial boundary,
tuned as in Howard, Ramdas, McAuliffe and Sekhon (2021) and the package confseq.
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaln

from anytime.errors import InvalidCount, InvalidShape, InvalidValue
from anytime.mean_difference import check_level
from anytime.moments import Vector, as_table
from anytime.strata import check_share

LOWEST, HIGHEST = 1e-6, 1e12
"""Between these two, bins have a constant relative width."""

WIDTH = 0.01
"""Relative width of a bin."""

_SHARPEST = 1e10  # units that a mixture is worth; a sharper one would but lose its digits


@dataclass(frozen=True, slots=True)
class ValueCounts:
    """How many values fell into each bin; batches merge with `+`, in any order.

    Attributes:
        bins: pairs (index of a bin, count at least 1), sorted by index; plain integers.

    Raises:
        InvalidCount: a count is not a whole number of at least 1.
        InvalidValue: an index is no bin, or indices are not increasing.
    """

    bins: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        indices, counts = np.asarray(self.bins, dtype=np.float64).reshape(-1, 2).T
        inside = not self.bins or (indices[0] >= 0 and indices[-1] < len(_edges()) - 1)
        if not inside or (np.diff(indices) <= 0).any():
            raise InvalidValue("bins must be increasing indices of existing bins")
        whole = np.isfinite(counts) & (counts >= 1) & (counts == np.floor(counts))
        if not whole.all():
            index, count = self.bins[int(np.argmin(whole))]
            raise InvalidCount(f"bins[{index}] == {count}, must be a whole number above 0")

    def __add__(self, other: "ValueCounts") -> "ValueCounts":
        merged = Counter(dict(self.bins)) + Counter(dict(other.bins))
        return ValueCounts(tuple(sorted(merged.items())))

    @property
    def units(self) -> int:
        """How many values were counted."""
        return sum(count for _, count in self.bins)


class QuantileSequence(NamedTuple):
    """A quantile with the confidence sequence's interval at this look.

    Attributes:
        estimate: the sample quantile, to 1 %; None for no value.
        lower: lower limit, at least 0; 0 while nothing is known.
        upper: upper limit; inf while nothing is known.
        units: values seen.
    """

    estimate: float | None
    lower: float
    upper: float
    units: int


class QuantileComparison(NamedTuple):
    """How a quantile on the candidate compares with that on the baseline, at this look.

    Attributes:
        difference_lower: lower limit of candidate minus baseline; may be -inf.
        difference_upper: upper limit of it; may be inf.
        ratio_lower: lower limit of candidate / baseline, at least 0.
        ratio_upper: upper limit of it; may be inf.
        candidate: the candidate's own interval, at half the error level.
        baseline: the baseline's own interval, at half the error level.
    """

    difference_lower: float
    difference_upper: float
    ratio_lower: float
    ratio_upper: float
    candidate: QuantileSequence
    baseline: QuantileSequence


def value_counts(values: ArrayLike) -> ValueCounts:
    """The state of one batch.

    Args:
        values: shape (n,), finite and at least 0, one value a unit: a latency, a cost, a count.

    Raises:
        InvalidShape: the values are not of one dimension.
        InvalidValue: a value is not finite, or negative.
    """
    if np.ndim(values) != 1:
        raise InvalidShape(f"values of shape {np.shape(values)}, must be (n,)")
    column = as_table(values)[:, 0]
    if (column < 0.0).any():
        raise InvalidValue("values must be at least 0")
    places = np.searchsorted(_edges(), column, side="right") - 1
    index, count = np.unique(places, return_counts=True)
    return ValueCounts(tuple(zip(index.tolist(), count.tolist(), strict=True)))


def quantile_sequence(
    counts: ValueCounts, *, at: float, planned: float, alpha: float = 0.05
) -> QuantileSequence:
    """Confidence sequence of one quantile of one arm in one stage.

    Args:
        counts: the values seen so far: independent, of one distribution (one arm, one stage).
        at: which quantile, in (0, 1); 0.95 for the 95th percentile.
        planned: the values at which the interval is to be narrowest, above 0.
        alpha: the chance of ever missing, two-sided, in (0, 1).

    Returns:
        The interval at this look; [0, inf] for no value.

    Raises:
        InvalidLevel: `at`, 1 - `at` or alpha is not strictly between 0 and 1.
        InvalidValue: `planned` is not finite and above 0.

    Guarantee:
        P(the interval ever misses the quantile) <= alpha at any looks, for every sample size and
        distribution, with atoms too (Ville; Howard and Ramdas 2022, Theorem 1).
    """
    check_quantile(at)
    check_level("alpha", alpha)
    if not 0.0 < planned < math.inf:
        raise InvalidValue(f"planned == {planned}, must be finite and above 0")
    units = counts.units
    if units == 0:
        return QuantileSequence(None, 0.0, math.inf, 0)
    # Of the true quantile fewer than `most` values are strictly below, so it is at most the value
    # of that rank; as for the lower limit, seen from above.
    most = _too_many(units, at, planned, alpha)
    least = units + 1 - _too_many(units, 1.0 - at, planned, alpha)
    return QuantileSequence(
        estimate=sample_quantile(counts, at),
        lower=float(_edges()[_bin_of(counts, least)]) if least >= 1 else 0.0,
        upper=float(_edges()[_bin_of(counts, most) + 1]) if most <= units else math.inf,
        units=units,
    )


def sample_quantile(counts: ValueCounts, at: float) -> float:
    """The quantile of the values seen, to 1 %; `at` in (0, 1), at least one value.

    Raises:
        InvalidCount: there is no value.
        InvalidLevel: `at` is not strictly between 0 and 1.
    """
    check_quantile(at)
    if not counts.bins:
        raise InvalidCount("units == 0, must be at least 1 for a sample quantile")
    middle = _bin_of(counts, max(1, math.ceil(counts.units * at)))
    low, high = float(_edges()[middle]), float(_edges()[middle + 1])
    return math.sqrt(low * high) if math.isfinite(high) else low


def quantile_comparison(
    candidate: ValueCounts,
    baseline: ValueCounts,
    *,
    at: float,
    share: float,
    planned: float,
    alpha: float = 0.05,
) -> QuantileComparison:
    """Difference and ratio of a quantile, candidate against baseline, in one stage.

    Each arm gets half of the error level (union bound). Stages are not merged: quantiles of
    different stages are different numbers, and pooled ones would be Simpson's paradox.

    Args:
        candidate: values of the units assigned to the candidate in this stage.
        baseline: values of the units assigned to the baseline in this stage.
        at: which quantile, in (0, 1).
        share: the share of units assigned to the candidate in this stage, in (0, 1).
        planned: N*, the units (both arms) at which the intervals are to be narrowest, above 0.
        alpha: the chance that either limit ever misses, in (0, 1).

    Raises:
        InvalidShare, InvalidLevel, InvalidValue: an argument is out of range.

    Guarantee:
        P(either interval ever misses) <= alpha at any looks.
    """
    check_share(share)
    mine = quantile_sequence(candidate, at=at, planned=planned * share, alpha=0.5 * alpha)
    other = quantile_sequence(baseline, at=at, planned=planned * (1.0 - share), alpha=0.5 * alpha)
    return QuantileComparison(
        difference_lower=-math.inf if math.isinf(other.upper) else mine.lower - other.upper,
        difference_upper=mine.upper - other.lower,
        ratio_lower=mine.lower / other.upper,
        ratio_upper=mine.upper / other.lower if other.lower > 0.0 else math.inf,
        candidate=mine,
        baseline=other,
    )


def check_quantile(at: float) -> None:
    """Refuse a quantile outside the open unit interval, or nearer to 0 than to be told from it.

    Raises:
        InvalidLevel: so it is.
    """
    check_level("at", at)
    check_level("1 - at", 1.0 - at)


@lru_cache(maxsize=1)
def _edges() -> Vector:
    """Shape (4169,): bin i is [edge i, edge i + 1); the first starts at 0, the last ends at inf."""
    steps = math.ceil(math.log(HIGHEST / LOWEST) / math.log1p(WIDTH))
    inner = LOWEST * np.exp(np.arange(steps + 1) * math.log1p(WIDTH))
    edges = np.concatenate([[0.0], inner, [np.inf]])
    edges.flags.writeable = False  # shared by all callers
    return edges


def _bin_of(counts: ValueCounts, rank: int) -> int:
    """Index of the bin of the value of a rank, 1 to all units."""
    ranks = np.cumsum([count for _, count in counts.bins], dtype=np.float64)
    return counts.bins[int(np.searchsorted(ranks, rank))][0]


@lru_cache(maxsize=4096)
def _too_many(units: int, rate: float, planned: float, alpha: float) -> int:
    """The least count of `units` that rejects "the rate is at most `rate`" at level alpha / 2."""
    log_e = _log_e_above(units, rate, planned, alpha)
    threshold = math.log(2.0 / alpha)
    low, high = math.floor(units * rate), units + 1  # not enough, and more than there can be
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if log_e(middle) >= threshold else (middle, high)
    return high


def _log_e_above(
    units: int, rate: float, planned: float, alpha: float
) -> Callable[[ArrayLike], Vector]:
    """Log e-value against "the rate is at most `rate`" as a function of the count, or of many."""
    spread = rate * (1.0 - rate)
    spent = -2.0 * math.log(alpha)
    # The mixture's precision that is best at the planned units; it may not be nothing.
    best = min(planned * spread / (spent + math.log1p(spent)), _SHARPEST * spread)
    precision = max(best - spread, 1e-3 * spread)
    prior = precision / (1.0 - rate), precision / rate

    def log_mass(successes: Vector, failures: Vector) -> Vector:
        """Log integral of the likelihood times the prior over rates above the null's."""
        with np.errstate(divide="ignore"):
            above = np.log(betainc(failures, successes, 1.0 - rate))
        return np.asarray(betaln(successes, failures) + above, dtype=np.float64)

    start = log_mass(np.asarray(prior[0]), np.asarray(prior[1]))
    # Far below the null the integral is only polynomially small, but its tail underflows. Of the
    # mixture's mass at most 1/units of (1 - rate) above the rate, no count makes less than this.
    fewest = max(units, 2)
    beyond = betainc(prior[1], prior[0], (1.0 - rate) * (1.0 - 1.0 / fewest))
    near = 1.0 - beyond / betainc(prior[1], prior[0], 1.0 - rate)
    least = units * math.log1p(-1.0 / fewest) + (math.log(near) if near > 0.0 else -math.inf)

    def log_e(count: ArrayLike) -> Vector:
        successes = np.asarray(count, dtype=np.float64)
        under_null = successes * math.log(rate) + (units - successes) * math.log1p(-rate)
        mass = log_mass(prior[0] + successes, prior[1] + (units - successes))
        return np.maximum(mass - start - under_null, least)

    return log_e
