"""GrowthBook's sequential test of two proportions, to compare with; all paths at once.

The asymptotic confidence sequence on the absolute difference of proportions, with the delta-method
variance and the tuning parameter that GrowthBook sets unless told otherwise.

Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), "Time-uniform central limit theory
and asymptotic confidence sequences", equation 9; the formula of gbstats 0.8.0.
"""

import math
from typing import NamedTuple

import numpy as np
from rows import Counts, Flags, Numbers

TUNING = 5000.0


class Totals(NamedTuple):
    """Units and those of them with an incident, by arm; arrays of one shape."""

    candidate: Counts
    candidate_incidents: Counts
    baseline: Counts
    baseline_incidents: Counts


def interval(totals: Totals, alpha: float = 0.05) -> tuple[Numbers, Numbers]:
    """Limits of candidate minus baseline; the whole line while an arm's variance is 0."""
    counts, incidents = np.stack(totals[::2]), np.stack(totals[1::2])
    units = np.maximum(counts, 1)
    rates = incidents / units
    spreads = rates * (1.0 - rates)
    total = np.maximum(counts.sum(axis=0), 1)
    spent = -2.0 * math.log(alpha)
    scaled = total * (spent + math.log1p(spent)) / TUNING
    factor = 2.0 * (scaled + 1.0) / (scaled * total) * np.log(np.sqrt(scaled + 1.0) / alpha)
    width = np.sqrt(total * (spreads / units).sum(axis=0) * factor)
    width = np.where((spreads > 0.0).all(axis=0), width, np.inf)
    difference = rates[0] - rates[1]
    return difference - width, difference + width


def harm_seen(totals: Totals) -> Flags:
    """Whether the interval at 5 % lies above 0."""
    return np.asarray(interval(totals)[0] > 0.0)
