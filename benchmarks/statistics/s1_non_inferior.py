"""S1's certificate that a candidate is not much worse: units needed when the rates are equal."""

import math

import numpy as np
from incident_paths import certifying_counts, non_inferior
from mixtures import LOG_20, divergence
from rows import Case, Numbers, Row
from scipy.optimize import minimize_scalar

CASES = ((0.01, 2.0), (0.01, 1.5), (0.05, 1.2))
"""Incident rate of both arms, and the margin that is usual there."""

TARGET = 1.35
"""Mean units, as a multiple of the limit."""

_HALF = 0.5  # the candidate's share
_AT_ONCE = 500  # paths held in memory
_HORIZON = 8.0  # multiples of the limit


def non_inferior_rows(paths: int) -> list[Row]:
    """Mean and median units beside the limit that no test can beat on average."""
    return [row for rate, margin in CASES for row in _rows(rate, margin, paths)]


def _rows(rate: float, margin: float, paths: int) -> list[Row]:
    least = limit(rate, margin)
    units = np.concatenate(
        [
            units_until_certified(rate, margin, min(paths, _AT_ONCE), [131, seed])
            for seed in range(-(-paths // _AT_ONCE))
        ]
    )
    name = f"non-inferiority at margin {margin:g}, both arms at {100 * rate:g} %, share 50 %"
    ratio = Case("S1", name, "ratio of mean units to the limit")
    return [
        Case("S1", name, "mean units until certified").mean(units, nominal=round(least)),
        Case("S1", name, "median units until certified").median(units),
        ratio.ratio(units, least, nominal=1.0, at_most=TARGET),
    ]


def limit(rate: float, margin: float) -> float:
    """Mean units below which no test of level 5 % certifies, both arms at one rate, half each.

    ln 20 over the least divergence from the equal rates to any pair on the margin (Wald 1945).
    """

    def distance(base: float) -> float:
        return 0.5 * (divergence(rate, margin * base) + divergence(rate, base))

    nearest = minimize_scalar(distance, bounds=(rate / margin, rate), method="bounded")
    return LOG_20 / float(nearest.fun)


def units_until_certified(rate: float, margin: float, paths: int, seed: list[int]) -> Numbers:
    """Units until the margin is certified, looked at after each incident, shape (paths,)."""
    rng = np.random.default_rng(seed)
    most = math.ceil(_HORIZON * limit(rate, margin) * rate)
    on_candidate = np.cumsum(rng.random((paths, most)) < _HALF, axis=1, dtype=np.int32)
    units = np.cumsum(rng.geometric(rate, (paths, most)), axis=1)
    certified = on_candidate <= certifying_counts(_HALF, most, non_inferior(margin))[1:]
    last = np.where(certified.any(axis=1), certified.argmax(axis=1), most - 1)
    return np.take_along_axis(units, last[:, None], axis=1)[:, 0].astype(float)
