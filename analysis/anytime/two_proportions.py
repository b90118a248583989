"""Is the candidate's success rate lower, or not much lower, than the baseline's?

The two-sample Bernoulli e-process for known assignment probabilities. One unit is a pair (arm,
outcome); its arm is the candidate with probability p, the share of its stage. For an alternative
(a, b) of success rates on candidate and baseline, the e-variable of the unit is

    likelihood under (a, b) / likelihood under (a*, b*),

where (a*, b*) is the point of the null hypothesis nearest to (a, b) in Kullback-Leibler divergence.
The null sets used here are convex, so this ratio has expectation at most 1 under every point of the
null (reverse information projection), even when the rates drift from unit to unit. Products over
units and stages and averages over alternatives keep that property, and they depend on the data only
through the counts of each stage.

Source: Turner, Ly and Gruenwald (2021), "Generic e-variables for exact sequential k-sample tests
that allow for optional stopping"; Turner and Gruenwald (2023), "Exact anytime-valid confidence
intervals for contingency tables and beyond".
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from anytime.errors import InvalidMargin
from anytime.mixture import Vector, log_uniform_mixture
from anytime.strata import OutcomeStratum, check_stratum

BASELINE_RATES = (0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95)
"""Baseline success rates of the alternatives; coarse, for what is tested is the difference."""

LOWER_ODDS_RATIOS = (0.8, 0.65, 0.5, 0.3, 0.1)
"""Odds ratios (candidate to baseline) of the alternatives mixed for harm."""

NON_INFERIOR_ODDS_RATIOS = (0.9, 1.0, 1.5, 3.0)
"""Odds ratios of the alternatives mixed for non-inferiority; those inside the null are left out."""

_BISECTIONS = 60  # halves an interval of length 1 to below the spacing of doubles


class _Bets(NamedTuple):
    """Log-likelihood-ratio of one unit by arm and outcome, each of shape (J,)."""

    candidate_success: Vector
    candidate_failure: Vector
    baseline_success: Vector
    baseline_failure: Vector


def log_e_lower(strata: Iterable[OutcomeStratum]) -> float:
    """Log e-value against "the candidate succeeds at least as often as the baseline".

    Args:
        strata: one entry per stage, in any order; units whose outcome is known, each unit once.

    Returns:
        The natural logarithm of the e-value; exactly 0 for no unit.

    Raises:
        InvalidCount, InvalidShare: a stratum cannot be.

    Guarantee:
        Under the null, P(ever >= log(1/alpha)) <= alpha at any sequence of looks (Ville).
    """
    return _log_mixture(strata, margin=0.0, odds_ratios=LOWER_ODDS_RATIOS)


def log_e_non_inferior(strata: Iterable[OutcomeStratum], *, margin: float) -> float:
    """Log e-value against "the candidate's success rate is lower by `margin` or more".

    Args:
        strata: one entry per stage, in any order; units whose outcome is known, each unit once.
        margin: the absolute loss of success rate that must be excluded, in (0, 1).

    Returns:
        The natural logarithm of the e-value; exactly 0 for no unit.

    Raises:
        InvalidCount, InvalidShare: a stratum cannot be.
        InvalidMargin: the margin is not strictly between 0 and 1.

    Guarantee:
        If the loss is `margin` or more, P(ever >= log(1/alpha)) <= alpha at any looks (Ville).
    """
    if not 0.0 < margin < 1.0:
        raise InvalidMargin(f"margin == {margin}, must lie strictly between 0 and 1")
    return _log_mixture(strata, margin=margin, odds_ratios=NON_INFERIOR_ODDS_RATIOS)


def _log_mixture(
    strata: Iterable[OutcomeStratum], *, margin: float, odds_ratios: tuple[float, ...]
) -> float:
    log_ratios = np.zeros(_alternatives(margin, odds_ratios)[0].shape)
    for stratum in strata:
        check_stratum(stratum)
        bets = _bets(stratum.share, margin, odds_ratios)
        for count, log_ratio in zip(stratum[:-1], bets, strict=True):
            log_ratios = log_ratios + count * log_ratio
    return log_uniform_mixture(log_ratios)


@lru_cache(maxsize=256)
def _bets(share: float, margin: float, odds_ratios: tuple[float, ...]) -> _Bets:
    candidate, baseline = _alternatives(margin, odds_ratios)
    null_baseline = _projection(candidate, baseline, share, margin)
    null_candidate = null_baseline - margin
    return _Bets(
        candidate_success=np.log(candidate / null_candidate),
        candidate_failure=np.log((1.0 - candidate) / (1.0 - null_candidate)),
        baseline_success=np.log(baseline / null_baseline),
        baseline_failure=np.log((1.0 - baseline) / (1.0 - null_baseline)),
    )


def _alternatives(margin: float, odds_ratios: tuple[float, ...]) -> tuple[Vector, Vector]:
    """Success rates (candidate, baseline), each of shape (J,), of the alternatives to mix."""
    baseline = np.repeat(BASELINE_RATES, len(odds_ratios))
    odds = np.tile(odds_ratios, len(BASELINE_RATES)) * baseline / (1.0 - baseline)
    candidate = odds / (1.0 + odds)
    # For harm (margin 0) every alternative lies below the diagonal; for non-inferiority it must lie
    # clearly above the null's edge, or its projection would be itself and the bet would be no bet.
    useful = candidate > baseline - 0.9 * margin if margin > 0.0 else candidate < baseline
    return candidate[useful], baseline[useful]


def _projection(candidate: Vector, baseline: Vector, share: float, margin: float) -> Vector:
    """Baseline rate t of the null point (t - margin, t) nearest to each alternative, shape (J,).

    Minimises share KL(a || t - margin) + (1 - share) KL(b || t), convex in t, by bisection of its
    derivative. With margin 0 the minimum is the pooled rate, share a + (1 - share) b.
    """
    if margin == 0.0:
        return share * candidate + (1.0 - share) * baseline
    low, high = np.full_like(baseline, margin), np.ones_like(baseline)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        shifted = middle - margin
        slope = share * (shifted - candidate) / (shifted * (1.0 - shifted)) + (1.0 - share) * (
            middle - baseline
        ) / (middle * (1.0 - middle))
        low, high = np.where(slope < 0.0, middle, low), np.where(slope < 0.0, high, middle)
    return 0.5 * (low + high)
