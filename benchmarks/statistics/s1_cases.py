"""S1 in the nine canary cases: false alarms, and how soon harm is seen beside other methods."""

import math

import numpy as np
from canary_streams import (
    EQUAL,
    GROWTHBOOK,
    HORIZONS,
    ORACLE,
    OURS,
    Canary,
    units_until_harm_is_seen,
)
from incident_paths import harm, rejecting_counts
from mixtures import LOG_20, divergence
from rows import Case, Flags, Row

MEAN_TARGET, LARGEST_TARGET = 1.20, 1.30
"""Of the mean units until harm is seen, as a multiple of the oracle's."""

_AT_ONCE = 500  # paths held in memory


def case_rows(paths: int) -> list[Row]:
    """Each case by all methods, and the average over the cases."""
    rows = [row for case in HORIZONS for row in _case(case, paths)]
    ratios = [row for row in rows if row.measure.startswith("ratio")]
    average = Case("S1", "average over the nine cases", "ratio of mean units to the oracle's")
    return [
        *(_false_alarms(case, paths) for case in HORIZONS),
        *rows,
        average.average(ratios, nominal=1.0, at_most=MEAN_TARGET),
    ]


def _false_alarms(case: Canary, paths: int) -> Row:
    name = (
        f"A/A at {100 * case.baseline:g} %, share {100 * case.share:g} %, {HORIZONS[case]:,} units"
    )
    alarms = [
        alarms_in_a_a(case, min(_AT_ONCE, paths), seed) for seed in range(-(-paths // _AT_ONCE))
    ]
    return Case("S1", name, "false alarms").rate(np.concatenate(alarms), at_most=0.05)


def alarms_in_a_a(case: Canary, paths: int, seed: int) -> Flags:
    """Whether harm is ever seen within the case's horizon when there is none, shape (paths,)."""
    rng = np.random.default_rng([121, seed])
    incidents = rng.binomial(HORIZONS[case], case.baseline, paths)
    most = int(incidents.max())
    on_candidate = np.cumsum(rng.random((paths, most)) < case.share, axis=1, dtype=np.int32)
    seen = on_candidate >= rejecting_counts(case.share, most, harm())[1:]
    return np.asarray((seen & (np.arange(most) < incidents[:, None])).any(axis=1))


def _case(case: Canary, paths: int) -> list[Row]:
    seed = 1220 + list(HORIZONS).index(case)
    units = units_until_harm_is_seen(case, paths, 8 * HORIZONS[case], seed)
    least = LOG_20 / (case.pooled * divergence(case.share * case.harmed / case.pooled, case.share))
    mean, ratio = "mean units until harm is seen", "ratio of mean units to the oracle's"
    return [
        Case("S1", case.name, mean).mean(units[OURS], nominal=math.ceil(least), at_least=least),
        Case("S1", f"{case.name}; equal weights", mean).mean(units[EQUAL]),
        Case("S1", f"{case.name}; an oracle that knows both rates", mean).mean(units[ORACLE]),
        Case("S1", f"{case.name}; GrowthBook's sequential test", mean).mean(units[GROWTHBOOK]),
        Case("S1", case.name, ratio).ratio(
            units[OURS], units[ORACLE], nominal=1.0, at_most=LARGEST_TARGET
        ),
    ]
