"""The same log e-values at many looks at once: arrays of counts in, arrays of log e-values out.

For simulations, and for many guardrails in one look: what `safe_logrank`, `two_proportions`,
`bernoulli` and `sample_ratio` say of one set of counts, said of whole arrays of them. A stage that
is over has one number for each count, the stage under way has one for each look; they meet by
NumPy's rules of broadcasting, and InvalidShape says that they do not. Tests hold every function
here to its scalar twin.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, expit, xlogy

from anytime import safe_logrank
from anytime.bernoulli import (
    BELOW_FRACTIONS,
    LIMIT_FRACTIONS,
    LIMIT_MULTIPLES,
    alternatives_above,
)
from anytime.errors import InvalidCount, InvalidMargin, InvalidShape
from anytime.mixture import Vector
from anytime.safe_logrank import HARM_MIXTURE, SEQUENCE_RATIOS
from anytime.sample_ratio import CONCENTRATION
from anytime.strata import check_share
from anytime.two_proportions import (
    LOWER_ODDS_RATIOS,
    NON_INFERIOR_ODDS_RATIOS,
    _bets,  # the bets themselves: their projections must not be computed in two ways
)

Counts: TypeAlias = int | NDArray[np.integer]
"""A count at every look, shape (L,), or one number for all looks; at least 0."""


_Path = TypeVar("_Path", "IncidentPath", "OutcomePath")


class IncidentPath(NamedTuple):
    """Units whose first incident fell into one stage, by arm, after each look.

    Attributes:
        candidate: incidents on the candidate.
        baseline: incidents on the baseline.
        share: the share of units assigned to the candidate in this stage, in (0, 1).
    """

    candidate: Counts
    baseline: Counts
    share: float


class OutcomePath(NamedTuple):
    """Units of one stage whose binary outcome is known, by arm, after each look.

    Attributes:
        candidate_successes: units on the candidate that succeeded.
        candidate_failures: units on the candidate that did not.
        baseline_successes: units on the baseline that succeeded.
        baseline_failures: units on the baseline that did not.
        share: the share of units assigned to the candidate in this stage, in (0, 1).
    """

    candidate_successes: Counts
    candidate_failures: Counts
    baseline_successes: Counts
    baseline_failures: Counts
    share: float


def log_e_harm(
    strata: Iterable[IncidentPath], *, mixture: Mapping[float, float] = HARM_MIXTURE
) -> Vector:
    """`safe_logrank.log_e_harm` at every look.

    Args:
        strata: one entry per stage, in any order.
        mixture: relative weight of each alternative, by its rate ratio, above 1.

    Returns:
        Shape (L,), log e-values against "incidents are no more frequent on the candidate".

    Raises:
        InvalidCount, InvalidShare: a stratum cannot be.
        InvalidMargin: an alternative or a weight is out of range.

    Example:
        >>> strata = [IncidentPath(candidate=np.array([0, 5]), baseline=15, share=0.05)]
        >>> [round(float(each), 3) for each in log_e_harm(strata)]
        [-1.212, 3.556]
    """
    safe_logrank.log_e_harm((), mixture=mixture)  # refuses what is no question there
    return _log_e_ratio(strata, 1.0, list(mixture), list(mixture.values()))


def log_e_non_inferior_incidents(strata: Iterable[IncidentPath], *, margin: float) -> Vector:
    """`safe_logrank.log_e_non_inferior` at every look.

    Args:
        strata: one entry per stage, in any order.
        margin: the rate ratio that must be excluded, above 0.

    Returns:
        Shape (L,), log e-values against "incidents are `margin` times as frequent, or more".

    Raises:
        InvalidCount, InvalidShare: a stratum cannot be.
        InvalidMargin: the margin is not above 0.
    """
    safe_logrank.log_e_non_inferior((), margin=margin)  # refuses what is no question there
    below = [ratio for ratio in (0.5, 0.8, 1.0, math.sqrt(margin)) if ratio < margin]
    return _log_e_ratio(strata, margin, below or [margin / 2.0])


def log_e_lower(strata: Iterable[OutcomePath]) -> Vector:
    """`two_proportions.log_e_lower` at every look.

    Args:
        strata: one entry per stage, in any order.

    Returns:
        Shape (L,), log e-values against "the candidate succeeds at least as often".

    Raises:
        InvalidCount, InvalidShare: a stratum cannot be.
    """
    return _log_e_outcomes(strata, 0.0, LOWER_ODDS_RATIOS)


def log_e_non_inferior_outcomes(strata: Iterable[OutcomePath], *, margin: float) -> Vector:
    """`two_proportions.log_e_non_inferior` at every look.

    Args:
        strata: one entry per stage, in any order.
        margin: the absolute loss of success rate that must be excluded, in (0, 1).

    Returns:
        Shape (L,), log e-values against "the success rate is lower by `margin` or more".

    Raises:
        InvalidCount, InvalidShare: a stratum cannot be.
        InvalidMargin: the margin is not strictly between 0 and 1.
    """
    if not 0.0 < margin < 1.0:
        raise InvalidMargin(f"margin == {margin}, must lie strictly between 0 and 1")
    return _log_e_outcomes(strata, margin, NON_INFERIOR_ODDS_RATIOS)


def log_e_below(*, incidents: Counts, units: Counts, ceiling: float) -> Vector:
    """`bernoulli.log_e_below` at every look.

    Args:
        incidents: units with an incident, 0 <= incidents <= units.
        units: matured units.
        ceiling: the rate that must be excluded, in (0, 1).

    Returns:
        Shape (L,), log e-values against "the incident rate is `ceiling` or more".

    Raises:
        InvalidCount: a count is negative, or there are more incidents than units.
        InvalidMargin: the ceiling is not strictly between 0 and 1.
    """
    if not 0.0 < ceiling < 1.0:
        raise InvalidMargin(f"ceiling == {ceiling}, must lie strictly between 0 and 1")
    hit, rest = _hit_and_rest(incidents, units)
    fractions = np.asarray(BELOW_FRACTIONS)
    # xlogy: with no incident the alternative "never" keeps its full likelihood.
    per_rest = np.log((1.0 - fractions * ceiling) / (1.0 - ceiling))
    return _log_mixtures(xlogy(hit[..., None], fractions) + rest[..., None] * per_rest)


def log_e_above(*, incidents: Counts, units: Counts, ceiling: float) -> Vector:
    """`bernoulli.log_e_above` at every look.

    Args:
        incidents: units with an incident, 0 <= incidents <= units.
        units: units seen, matured or not.
        ceiling: the highest rate that is no alarm, in (0, 1).

    Returns:
        Shape (L,), log e-values against "the incident rate is `ceiling` or less".

    Raises:
        InvalidCount: a count is negative, or there are more incidents than units.
        InvalidMargin: the ceiling is not strictly between 0 and 1.
    """
    rates = alternatives_above(ceiling)
    hit, rest = _hit_and_rest(incidents, units)
    per_rest = np.log1p(-rates) - np.log1p(-ceiling)
    return _log_mixtures(hit[..., None] * np.log(rates / ceiling) + rest[..., None] * per_rest)


def log_e_mismatch(strata: Iterable[IncidentPath]) -> Vector:
    """`sample_ratio.log_e_mismatch` of two arms at every look.

    Args:
        strata: one entry per stage, in any order; here the counts are units, not incidents.

    Returns:
        Shape (L,), log e-values against "units were split by the designed shares".

    Raises:
        InvalidCount, InvalidShare: a stratum cannot be.
    """
    total = np.zeros(())
    for stratum in _known(strata):
        candidate, baseline = _counted(stratum.candidate), _counted(stratum.baseline)
        share = _checked(stratum.share)
        check_share(1.0 - share)
        prior = CONCENTRATION * (1.0 - share), CONCENTRATION * share
        total = total + betaln(prior[0] + baseline, prior[1] + candidate) - betaln(*prior)
        total = total - baseline * math.log(1.0 - share) - candidate * math.log(share)
    return np.asarray(total)


def log_e_of_upper_rate(*, incidents: Counts, units: Counts, rates: Vector) -> Vector:
    """What `bernoulli.upper_rate` inverts: its limit lies below a rate where this is large enough.

    Args:
        incidents: units with an incident, 0 <= incidents <= units.
        units: matured units.
        rates: shape (L,), one for each look, in (0, 1).

    Returns:
        Shape (L,), log e-values against "the incident rate is `rates` or more": the limit is the
        rate at which this is log(1/alpha).

    Raises:
        InvalidCount: a count is negative, or there are more incidents than units.
        InvalidMargin: a rate is not strictly between 0 and 1.
    """
    tried = np.asarray(rates)
    if not np.all((tried > 0.0) & (tried < 1.0)):
        raise InvalidMargin(f"rates == {rates}, must lie strictly between 0 and 1 at every look")
    _check_looks([incidents, units, tried])
    hit, rest = _hit_and_rest(incidents, units)
    fractions = np.asarray(LIMIT_FRACTIONS)
    per_rest = np.log1p(-fractions * tried[..., None]) - np.log1p(-tried[..., None])
    return _log_mixtures(xlogy(hit[..., None], fractions) + rest[..., None] * per_rest)


def log_e_of_lower_rate(*, incidents: Counts, units: Counts, rates: Vector) -> Vector:
    """What `bernoulli.lower_rate` inverts: its limit lies above a rate where this is large enough.

    Args:
        incidents: units with an incident, 0 <= incidents <= units.
        units: units seen.
        rates: shape (L,), one for each look, in (0, 1).

    Returns:
        Shape (L,), log e-values against "the incident rate is `rates` or less": the limit is the
        rate at which this is log(1/alpha).

    Raises:
        InvalidCount: a count is negative, or there are more incidents than units.
        InvalidMargin: a rate is not strictly between 0 and 1.
    """
    tried = np.asarray(rates)
    if not np.all((tried > 0.0) & (tried < 1.0)):
        raise InvalidMargin(f"rates == {rates}, must lie strictly between 0 and 1 at every look")
    _check_looks([incidents, units, tried])
    hit, rest = _hit_and_rest(incidents, units)
    multiples = np.asarray(LIMIT_MULTIPLES)
    chances = multiples * tried[..., None]
    # A multiple that is no rate keeps its weight and bets nothing on it, as in the scalar twin.
    per_rest = np.log1p(-np.where(chances < 1.0, chances, 0.0)) - np.log1p(-tried[..., None])
    log_ratios = hit[..., None] * np.log(multiples) + rest[..., None] * per_rest
    return _log_mixtures(np.where(chances < 1.0, log_ratios, -np.inf))


def log_e_of_lower_ratio(strata: Iterable[IncidentPath], *, ratios: Vector) -> Vector:
    """What `safe_logrank.ratio_sequence` inverts for its lower limit.

    Args:
        strata: one entry per stage, in any order.
        ratios: shape (L,), one for each look, above 0.

    Returns:
        Shape (L,), log e-values against "the rate ratio is `ratios` or less": the limit is the
        ratio at which this is log(1/alpha).

    Raises:
        InvalidCount, InvalidShare: a stratum cannot be.
        InvalidMargin: a ratio is not above 0.
    """
    tried = np.asarray(ratios)
    if not np.all((tried > 0.0) & np.isfinite(tried)):
        raise InvalidMargin(f"ratios == {ratios}, must be finite and above 0 at every look")
    multiples = np.asarray(SEQUENCE_RATIOS)
    log_ratios = np.zeros_like(multiples)
    for stratum in _known(strata, tried):
        candidate, baseline = _counted(stratum.candidate), _counted(stratum.baseline)
        share = _checked(stratum.share)
        log_odds = (np.log(tried) + math.log(share) - math.log1p(-share))[..., None]
        won = -np.log1p(-(1.0 - 1.0 / multiples) * expit(-log_odds))
        lost = np.log1p((multiples - 1.0) * expit(log_odds))
        log_ratios = log_ratios + candidate[..., None] * won - baseline[..., None] * lost
    return _log_mixtures(log_ratios)


def log_mean(log_es: Sequence[Vector]) -> Vector:
    """`multiplicity.log_mean` at every look: the mean of K e-values, each path of shape (L,).

    Raises:
        InvalidMargin: there is no e-value, or one is not a number.
    """
    _check_looks(log_es)
    if not log_es or any(np.any(np.isnan(each)) for each in log_es):
        raise InvalidMargin(
            f"log_es == {log_es}, must be at least one, each a number at every look"
        )
    return _log_mixtures(np.stack(np.broadcast_arrays(*log_es), axis=-1))


def _log_e_ratio(
    strata: Iterable[IncidentPath],
    null_ratio: float,
    alternatives: Sequence[float],
    weights: Sequence[float] | None = None,
) -> Vector:
    grid = np.asarray(alternatives, dtype=np.float64)
    on_candidate = np.log(grid / null_ratio)
    log_ratios = np.zeros_like(grid)
    for stratum in _known(strata):
        candidate, baseline = _counted(stratum.candidate), _counted(stratum.baseline)
        share = _checked(stratum.share)
        normaliser = np.log((grid * share + 1.0 - share) / (null_ratio * share + 1.0 - share))
        log_ratios = log_ratios + candidate[..., None] * on_candidate
        log_ratios = log_ratios - (candidate + baseline)[..., None] * normaliser
    return _log_mixtures(log_ratios, weights)


def _log_e_outcomes(
    strata: Iterable[OutcomePath], margin: float, odds_ratios: tuple[float, ...]
) -> Vector:
    log_ratios = np.zeros(1)
    for stratum in _known(strata):
        bets = _bets(_checked(stratum.share), margin, odds_ratios)
        counts = np.broadcast_arrays(*(_counted(each) for each in stratum[:-1]))
        log_ratios = log_ratios + np.stack(counts, axis=-1) @ np.stack(bets)
    return _log_mixtures(log_ratios)


def _log_mixtures(log_ratios: Vector, weights: Sequence[float] | None = None) -> Vector:
    """`mixture.log_mixture` along the last axis: shape (..., J) to shape (...)."""
    peak = np.max(log_ratios, axis=-1)
    safe = np.where(np.isfinite(peak), peak, 0.0)
    shares = np.full(log_ratios.shape[-1], 1.0) if weights is None else np.asarray(weights)
    with np.errstate(divide="ignore", over="ignore"):  # beside an infinite one, all may overflow
        mean = np.exp(log_ratios - safe[..., None]) @ shares / np.sum(shares)
        return np.asarray(safe + np.log(mean))


def _known(strata: Iterable[_Path], *others: Vector) -> tuple[_Path, ...]:
    """The strata; refuses counts, or other numbers, of different numbers of looks."""
    known: tuple[_Path, ...] = tuple(strata)
    _check_looks([*others, *(count for stratum in known for count in stratum[:-1])])
    return known


def _check_looks(paths: Sequence[Counts | Vector]) -> None:
    shapes = [np.shape(each) for each in paths]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise InvalidShape(f"shapes == {shapes}, must be of one number of looks") from None


def _tried(rates: Vector) -> Vector:
    """Rates of shape (L,) as shape (L, 1)."""
    found = np.asarray(rates)
    if not np.all((found > 0.0) & (found < 1.0)):
        raise InvalidMargin(f"rates == {rates}, must lie strictly between 0 and 1 at every look")
    return found[..., None]


def _hit_and_rest(incidents: Counts, units: Counts) -> tuple[Vector, Vector]:
    _check_looks([incidents, units])
    hit, seen = _counted(incidents), _counted(units)
    if np.any(hit > seen):
        raise InvalidCount("incidents must not exceed units at any look")
    return hit, seen - hit


def _counted(counts: Counts) -> Vector:
    found = np.asarray(counts, dtype=np.float64)
    if not found.min(initial=0.0) >= 0.0:
        raise InvalidCount(f"counts == {counts}, must be at least 0 at every look")
    return found


def _checked(share: float) -> float:
    check_share(share)
    return share
