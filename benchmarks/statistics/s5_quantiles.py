"""S5: quantiles of latency, with and without atoms, peeked at after every batch.

Whether an interval misses depends only on how many values lie in bins below that of the true
quantile, in it, and above it: three bins say it to the production function, all paths at once.
"""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from rows import Case, Counts, Flags, Numbers, Row
from scipy.special import ndtri

from anytime.quantile_sequence import (
    LOWEST,
    WIDTH,
    ValueCounts,
    quantile_sequence,
    value_counts,
)

LOOKS, UNITS = 20, 250
TIMEOUT, TIMED_OUT = 30.0, 0.03
"""Seconds after which a request is given up, and the part of requests that are."""

STEP = 0.05
"""Clocks are coarse: latencies are whole multiples of this, in seconds."""

Draw: TypeAlias = Callable[[np.random.Generator, tuple[int, int]], Numbers]


def quantile_rows(paths: int) -> list[Row]:
    """Misses of the interval at any look."""
    atoms = "latency to 50 ms with 3 % timeouts"
    return [
        *(_row(atoms, latencies, at, paths) for at in (0.5, 0.95, 0.99)),
        *(_row("log-normal latency", smooth, at, paths) for at in (0.5, 0.95)),
    ]


def _row(name: str, draw: Draw, at: float, paths: int) -> Row:
    truth = latency_quantile(at) if draw is latencies else smooth_quantile(at)
    case = Case("S5", f"{name}, quantile {at:g}, 20 looks of 250 units", "ever misses")
    return case.rate(quantile_misses(draw, paths, at, truth), at_most=0.05)


def quantile_misses(draw: Draw, paths: int, at: float, truth: float) -> Flags:
    """Whether the interval ever leaves the true quantile out, shape (paths,)."""
    rng = np.random.default_rng(501)
    bin_, missed = bin_of(truth), np.zeros(paths, dtype=bool)
    below, within = np.zeros((2, paths), dtype=np.int64)
    for look in range(1, LOOKS + 1):
        values = draw(rng, (paths, UNITS))
        below += (values < lower_edge(bin_)).sum(axis=1)
        within += ((values >= lower_edge(bin_)) & (values < lower_edge(bin_ + 1))).sum(axis=1)
        above = look * UNITS - below - within
        missed |= _miss(bin_, np.stack([below, within, above], axis=1), at, truth)
    return missed


def _miss(bin_: int, counts: Counts, at: float, truth: float) -> Flags:
    distinct, place = np.unique(counts, axis=0, return_inverse=True)
    found = [_misses_one(bin_, each.tolist(), at, truth) for each in distinct]
    return np.array(found)[place.ravel()]


def _misses_one(bin_: int, counts: list[int], at: float, truth: float) -> bool:
    bins = zip(range(bin_ - 1, bin_ + 2), counts, strict=True)
    seen = ValueCounts(tuple(each for each in bins if each[1]))
    found = quantile_sequence(seen, at=at, planned=LOOKS * UNITS)
    return not found.lower <= truth <= found.upper


def bin_of(value: float) -> int:
    """The bin that a value falls into."""
    return value_counts([value]).bins[0][0]


def lower_edge(bin_: int) -> float:
    """Where a bin begins."""
    return LOWEST * math.exp((bin_ - 1) * math.log1p(WIDTH))


def latencies(rng: np.random.Generator, shape: tuple[int, int]) -> Numbers:
    """Seconds: log-normal, up to the next step of the clock, some given up."""
    served = STEP * np.ceil(np.exp(rng.standard_normal(shape)) / STEP)
    given_up = rng.random(shape) < TIMED_OUT
    return np.where(given_up, TIMEOUT, np.minimum(served, TIMEOUT))


def latency_quantile(at: float) -> float:
    """The true quantile of `latencies`."""
    served = at / (1.0 - TIMED_OUT)
    if served >= 1.0:
        return TIMEOUT
    return min(TIMEOUT, STEP * math.ceil(smooth_quantile(served) / STEP))


def smooth(rng: np.random.Generator, shape: tuple[int, int]) -> Numbers:
    """Seconds: log-normal."""
    return rng.lognormal(size=shape)


def smooth_quantile(at: float) -> float:
    """The true quantile of `smooth`."""
    return math.exp(float(ndtri(at)))
