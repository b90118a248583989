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
from anytime.mixture import Vector, log_mixture
from anytime.strata import OutcomeStratum, check_stratum

BASELINE_RATES = (0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95)
"""Baseline success rates of the alternatives; coarse, for what is tested is the difference."""

LOWER_ODDS_RATIOS = (0.8, 0.65, 0.5, 0.3, 0.1)
"""Odds ratios (candidate to baseline) of the alternatives mixed for harm."""

NON_INFERIOR_ODDS_RATIOS = (0.9, 1.0, 1.5, 3.0)
"""Odds ratios of the alternatives mixed for non-inferiority; those inside the null are left out."""

_BISECTIONS = 120  # enough for all digits of a distance of 1e-12 and less


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
    return log_mixture(log_ratios)


@lru_cache(maxsize=256)
def _bets(share: float, margin: float, odds_ratios: tuple[float, ...]) -> _Bets:
    candidate, baseline = _alternatives(margin, odds_ratios)
    null_success, null_failure = _projection(candidate, baseline, share, margin)
    return _Bets(
        candidate_success=np.log(candidate / null_success),
        candidate_failure=np.log((1.0 - candidate) / (margin + null_failure)),
        baseline_success=np.log(baseline / (margin + null_success)),
        baseline_failure=np.log((1.0 - baseline) / null_failure),
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


def _projection(
    candidate: Vector, baseline: Vector, share: float, margin: float
) -> tuple[Vector, Vector]:
    """The null point nearest to each alternative: (success on candidate, failure on baseline).

    Both of shape (J,); they add up to 1 - margin. Minimises share KL(a || s) + (1 - share)
    KL(b || s + margin), convex in s, by bisection of its derivative. The nearest point may lie very
    close to either end (at a share of 1 ppm, say), so what is searched is the distance from the
    nearer end: a difference from 1 would lose its digits. With margin 0 it is the pooled rate.
    """
    if margin == 0.0:
        failure = share * (1.0 - candidate) + (1.0 - share) * (1.0 - baseline)
        return share * candidate + (1.0 - share) * baseline, failure
    length = 1.0 - margin

    def slope(success: Vector, failure: Vector) -> Vector:
        of_candidate = (success - candidate) / (success * (margin + failure))
        of_baseline = (margin + success - baseline) / ((margin + success) * failure)
        return share * of_candidate + (1.0 - share) * of_baseline

    middle = np.full_like(baseline, 0.5 * length)
    from_start = slope(middle, middle) > 0.0
    low, high = np.zeros_like(baseline), middle
    for _ in range(_BISECTIONS):
        near = 0.5 * (low + high)
        far = length - near
        rising = np.where(from_start, slope(near, far), -slope(far, near)) > 0.0
        low, high = np.where(rising, low, near), np.where(rising, near, high)
    near = 0.5 * (low + high)
    return np.where(from_start, near, length - near), np.where(from_start, length - near, near)
