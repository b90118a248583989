"""S1 over the ramp: harm in an A/A, margins, and the sequence of ratios."""

import math
from collections.abc import Sequence

import numpy as np
from incident_paths import (
    RAMP,
    SHARES,
    Ramp,
    harm,
    incidents_over_ramp,
    logrank,
    non_inferior,
    stages_along,
)
from mixtures import LOG_20, ever
from rows import Case, Counts, Flags, Numbers, Row

from anytime.paths import IncidentPath, log_e_harm
from anytime.safe_logrank import SEQUENCE_RATIOS, UNIFORM_HARM_MIXTURE

MARGINS = (1.2, 1.5, 2.0)
FINE = Ramp(looks=200, units=100)
"""The same rollout looked at more often: for units until harm is seen."""

DRIFTING = "A/A over the ramp 1/5/25/50 %, base rate drifting 0.5 to 3 %"
DETECTED = "mean units until harm is seen, 20,000 a stage"


def ramp_rows(paths: int) -> list[Row]:
    """False alarms and false certificates over the ramp, and what pooling would do."""
    counts, measure = incidents_over_ramp(paths, seed=101, ratio=1.0), "false alarms"
    equal = ever(logrank(*counts, harm(UNIFORM_HARM_MIXTURE)))
    pooled = Case("S1", f"{DRIFTING}; totals pooled over stages, which is never done", measure)
    return [
        Case("S1", DRIFTING, measure).rate(ever(logrank(*counts, harm())), at_most=0.05),
        Case("S1", f"{DRIFTING}; equal weights", measure).rate(equal, at_most=0.05),
        pooled.rate(pooled_log_e(*counts) >= LOG_20),
        *(_margin(paths, margin) for margin in MARGINS),
        *(_coverage(paths, ratio) for ratio in (1.0, 2.0)),
        *(row for ratio in (1.5, 2.0) for row in _fresh(max(paths // 5, 100), ratio)),
    ]


def pooled_log_e(candidate: Counts, baseline: Counts) -> Numbers:
    """Log e-value of totals over all stages, at the end, with the share of all units together."""
    totals = candidate.sum(axis=1), baseline.sum(axis=1)
    return log_e_harm([IncidentPath(*totals, float(RAMP.shares.mean()))])


def _margin(paths: int, margin: float) -> Row:
    counts = incidents_over_ramp(paths, seed=103, ratio=margin)
    case = Case(
        "S1", f"truth exactly at the margin {margin:g}, over the ramp", "false certificates"
    )
    return case.rate(ever(logrank(*counts, non_inferior(margin))), at_most=0.05)


def _coverage(paths: int, ratio: float) -> Row:
    counts = incidents_over_ramp(paths, seed=106, ratio=ratio)
    case = Case("S1", f"ratio_sequence, true ratio {ratio:g}, over the ramp", "ever misses")
    return case.rate(outside_sequence(*counts, ratio).any(axis=1), at_most=0.05)


def outside_sequence(candidate: Counts, baseline: Counts, ratio: float) -> Flags:
    """Whether `ratio_sequence` at level 5 % leaves the ratio out, shape (paths, looks).

    It does where the harm test with the ratio as null rejects, or its mirror image does.
    """
    grid, threshold = dict.fromkeys(SEQUENCE_RATIOS, 1.0), LOG_20 + math.log(2.0)
    too_high = harm(grid, null_ratio=ratio)
    mirrored = harm(grid, null_ratio=1.0 / ratio)

    def too_low(strata: Sequence[IncidentPath]) -> Numbers:
        return mirrored([IncidentPath(b, c, 1.0 - share) for c, b, share in strata])

    found = [logrank(candidate, baseline, question) for question in (too_high, too_low)]
    return np.asarray(np.max(found, axis=0) >= threshold)


def _fresh(paths: int, ratio: float) -> list[Row]:
    """A test for each stage, with a quarter of the budget each, beside one for all."""
    counts = incidents_over_ramp(paths, seed=107, ratio=ratio, ramp=FINE)
    one = _first(logrank(*counts, harm()) >= LOG_20)
    fresh = _first(fresh_logrank(*counts) >= LOG_20 + math.log(len(SHARES)))
    case = f"{ratio:g} times the incidents over the ramp"
    return [
        Case("S1", case, DETECTED).mean(one),
        Case("S1", f"{case}; a fresh test in each stage", DETECTED).mean(fresh),
        Case("S1", f"{case}; fresh tests to one", "ratio of mean units").ratio(
            fresh, one, nominal=1.0
        ),
    ]


def fresh_logrank(candidate: Counts, baseline: Counts) -> Numbers:
    """Log e-value of each stage's own test after each look, shape (paths, looks)."""
    stages = stages_along(IncidentPath, (candidate, baseline))
    return np.concatenate([log_e_harm(strata[-1:]) for strata in stages], axis=1)


def _first(crossed: Flags) -> Numbers:
    """Units until the first look that rejects; all of them if none does."""
    looks = np.where(crossed.any(axis=1), crossed.argmax(axis=1) + 1, crossed.shape[1])
    return np.asarray(looks * float(FINE.units))
