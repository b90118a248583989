"""The safe logrank test: does the candidate cause more incidents than its concurrent baseline?

Each unit enters at most once, by its first incident in the whole rollout. Given that an incident
happened in a stage with candidate share p, and that incidents are h times as frequent on the
candidate, it falls on the candidate with probability

    theta(h) = h p / (h p + 1 - p).

This is the form for units that are one task each: they leave the risk set when the task is over,
and h is the ratio of incident rates. Under h = 1 the arm of an incident is the assignment's own
coin, whatever the incident rate does over time, so the test is exact by randomisation alone.

Source: ter Schure, Perez-Ortiz, Ly and Gruenwald (2020), "The safe logrank test: error control
under optional stopping, continuation and prior misspecification"; Lindon and Malek (2022),
"Anytime-valid inference for multinomial count data". Mixing over h outside the product over stages
keeps one e-process for the whole rollout.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from anytime.errors import InvalidMargin
from anytime.mixture import Vector, log_mixture
from anytime.multiplicity import check_alpha
from anytime.strata import IncidentStratum, check_stratum

HARM_MIXTURE: Mapping[float, float] = MappingProxyType(
    {1.25: 1.0, 1.5: 2.0, 2.0: 4.0, 3.0: 3.0, 5.0: 3.0, 10.0: 3.0, 20.0: 1.0}
)
"""The alternatives mixed for harm: relative weight by ratio, as a multiple of the null ratio.

Heavier in the middle, where neighbours share the work of finding a harm between them; on the nine
canary cases it needs some 4 % fewer units than equal weights, and never many more. The weights are
fixed beforehand, so any would be valid; `docs/statistics-validation.md` has both.
"""

UNIFORM_HARM_MIXTURE: Mapping[float, float] = MappingProxyType(dict.fromkeys(HARM_MIXTURE, 1.0))
"""The same alternatives with equal weights."""

SEQUENCE_RATIOS = (1.05, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
"""The alternatives of the confidence sequence, as multiples of the ratio that is tried; closer ones
than for harm, or the limits would stop closing in."""

_WIDEST_LOG_RATIO = 1600.0  # of a limit: wider than any counts and shares can make it
_LARGEST_LOG = 709.0  # of a number in double precision; a lower limit may stop there


def log_e_harm(
    strata: Iterable[IncidentStratum],
    *,
    null_ratio: float = 1.0,
    mixture: Mapping[float, float] = HARM_MIXTURE,
) -> float:
    """Log e-value against "incidents are at most `null_ratio` times as frequent on the candidate".

    Args:
        strata: one entry per stage, in any order.
        null_ratio: h0, the largest rate ratio that is no harm, above 0.
        mixture: relative weight of each alternative, by its multiple of h0; the multiples are
            finite and above 1, the weights finite and above 0.

    Returns:
        The natural logarithm of the e-value; exactly 0 when there is no incident.

    Raises:
        InvalidCount, InvalidShare: a stratum cannot be.
        InvalidMargin: h0, an alternative, their product or a weight is out of range.

    Guarantee:
        Under the null, P(ever >= log(1/alpha)) <= alpha at any sequence of looks (Ville).

    Example:
        >>> strata = [IncidentStratum(candidate=5, baseline=15, share=0.05)]
        >>> round(log_e_harm(strata, mixture=UNIFORM_HARM_MIXTURE), 8)
        3.35747014
    """
    if not 0.0 < null_ratio < math.inf:
        raise InvalidMargin(f"null_ratio == {null_ratio}, must be a finite ratio above 0")
    _check_mixture(mixture)
    alternatives = [null_ratio * ratio for ratio in mixture]
    return _log_mixture(strata, null_ratio, alternatives, list(mixture.values()))


def log_e_non_inferior(strata: Iterable[IncidentStratum], *, margin: float) -> float:
    """Log e-value against "incidents are at least `margin` times as frequent on the candidate".

    The mirror image of `log_e_harm`: a large value certifies that the ratio is below the margin.

    Args:
        strata: one entry per stage, in any order.
        margin: the rate ratio that must be excluded, above 0 (usually above 1).

    Returns:
        The natural logarithm of the e-value; exactly 0 when there is no incident.

    Raises:
        InvalidCount, InvalidShare: a stratum cannot be.
        InvalidMargin: the margin is not above 0, or so small that nothing is below it.

    Guarantee:
        If the rate ratio is `margin` or more, P(ever >= log(1/alpha)) <= alpha (Ville).
    """
    if not 0.0 < margin < math.inf:
        raise InvalidMargin(f"margin == {margin}, must be a finite ratio above 0")
    below = [ratio for ratio in (0.5, 0.8, 1.0, math.sqrt(margin)) if ratio < margin]
    return _log_mixture(strata, margin, below or [margin / 2.0])


def ratio_sequence(
    strata: Iterable[IncidentStratum], *, alpha: float = 0.05
) -> tuple[float, float]:
    """The confidence sequence for the ratio of incident rates, candidate to baseline.

    A ratio lies below the lower limit when the harm test rejects it as h0, and above the upper one
    when the mirrored test, with the arms exchanged, does. Both grids are multiples of h0, so both
    e-values are monotone in h0 and one crossing each is the limit. (The alternatives of
    `log_e_non_inferior` do not move with the margin; near a limit the two may disagree.)

    Args:
        strata: one entry per stage, in any order.
        alpha: the chance that the ratio is ever outside, in (0, 1), half of it on each side.

    Returns:
        (lower, upper), 0 <= lower < upper <= inf; (0, inf) with no incident.

    Raises:
        InvalidCount, InvalidShare: a stratum cannot be.
        InvalidMargin: alpha is out of range.

    Guarantee:
        For a ratio that is the same in all stages, P(it is ever outside) <= alpha at any looks; the
        intersection of the intervals of all looks holds as well.

    Example:
        >>> lower, upper = ratio_sequence([IncidentStratum(candidate=60, baseline=20, share=0.5)])
        >>> 1.0 < lower < 3.0 < upper
        True
    """
    check_alpha(alpha)
    check_alpha(alpha / 2.0)  # of the least number, half is 0
    known = list(strata)
    lower = _lowest_ratio(known, alpha / 2.0)
    exchanged = [IncidentStratum(b, c, 1.0 - share) for c, b, share in known]
    inverse = _lowest_ratio(exchanged, alpha / 2.0)
    return lower, 1.0 / inverse if inverse else math.inf


def _lowest_ratio(strata: Sequence[IncidentStratum], alpha: float) -> float:
    """The ratio below which the harm test rejects every h0 at level alpha; 0 if it rejects none."""
    for stratum in strata:
        check_stratum(stratum)
    table = np.asarray(strata, dtype=np.float64).reshape(-1, 3, 1)
    on_candidate, on_baseline, share = table[:, 0], table[:, 1], table[:, 2]
    multiples = np.asarray(SEQUENCE_RATIOS)
    if log_mixture(np.sum(on_candidate, axis=0) * np.log(multiples)) <= -math.log(alpha):
        return 0.0  # not even a ratio of 0+ is rejected
    log_odds_of_share = np.log(share) - np.log1p(-share)

    def surplus(log_ratio: float) -> float:
        # The chance of each arm by itself: a difference from 1 would lose its digits.
        log_odds = log_ratio + log_odds_of_share
        won = -on_candidate * np.log1p(-(1.0 - 1.0 / multiples) * expit(-log_odds))
        lost = on_baseline * np.log1p((multiples - 1.0) * expit(log_odds))
        return log_mixture(np.sum(won - lost, axis=0)) + math.log(alpha)

    found = brentq(surplus, -_WIDEST_LOG_RATIO, _WIDEST_LOG_RATIO, xtol=1e-12)
    return math.exp(min(found, _LARGEST_LOG))


def _check_mixture(mixture: Mapping[float, float]) -> None:
    ratios_are_harm = all(1.0 < ratio < math.inf for ratio in mixture)
    weights_are_positive = all(0.0 < weight < math.inf for weight in mixture.values())
    if not (mixture and ratios_are_harm and weights_are_positive):
        raise InvalidMargin(
            f"mixture == {dict(mixture)}, must hold at least one ratio, each finite and above 1, "
            "with weights finite and above 0"
        )


def _log_mixture(
    strata: Iterable[IncidentStratum],
    null_ratio: float,
    alternatives: Sequence[float],
    weights: Sequence[float] | None = None,
) -> float:
    if not all(0.0 < ratio < math.inf for ratio in alternatives):
        raise InvalidMargin(f"alternatives == {alternatives}, must be finite and above 0")
    grid = np.asarray(alternatives, dtype=np.float64)
    log_ratios = np.zeros_like(grid)
    for stratum in strata:
        check_stratum(stratum)
        log_ratios += _log_likelihood_ratios(stratum, null_ratio, grid)
    return log_mixture(log_ratios, weights)


def _log_likelihood_ratios(stratum: IncidentStratum, null_ratio: float, grid: Vector) -> Vector:
    """Shape (J,): sum over incidents of log theta(h_j)/theta(h0), and of its complement."""
    share = stratum.share
    on_candidate = np.log(grid / null_ratio)
    normaliser = np.log((grid * share + 1.0 - share) / (null_ratio * share + 1.0 - share))
    total = stratum.candidate + stratum.baseline
    return np.asarray(stratum.candidate * on_candidate - total * normaliser, dtype=np.float64)
