"""Fixed-horizon planning: power, sample sizes and boundaries for planned looks.

None of this may drive a decision unless the looks are planned: it holds for one look at a size
fixed beforehand, or for the few looks a boundary was computed for, and for nothing else. It serves
plans, notebooks and comparisons; decisions are made by the sequential modules.

Source: Cohen (1988), "Statistical power analysis" (arcsine effect size; by statsmodels); Lan and
DeMets (1983), "Discrete sequential boundaries for clinical trials", with the spending function like
O'Brien and Fleming (1979); Armitage, McPherson and Rowe (1969) for the recursion.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_effectsize  # type: ignore[import-untyped]

from anytime.errors import InvalidShape, InvalidValue
from anytime.mean_difference import check_level
from anytime.moments import Vector
from anytime.strata import check_share

_NODES = 120  # of the quadrature in each look; 60 already give eight digits
_NODE, _WEIGHT = np.polynomial.legendre.leggauss(_NODES)
_FARTHEST = 38.0  # a standard normal beyond has no probability in double precision
_FARTHEST_SHIFT = 80.0  # of the mean of z: any power at any level is had long before


class _Density(NamedTuple):
    """Sub-density of the score process at a look, among paths that crossed at no look before."""

    points: Vector
    masses: Vector
    fraction: float


def proportions_power(
    baseline: float, candidate: float, *, units: float, share: float = 0.5, alpha: float = 0.05
) -> float:
    """Chance that one planned two-sided test of two proportions rejects equality.

    Args:
        baseline: success rate on the baseline, in (0, 1).
        candidate: success rate on the candidate, in (0, 1).
        units: units of both arms together, above 0.
        share: share of units on the candidate, in (0, 1).
        alpha: two-sided level, in (0, 1).

    Returns:
        The power, in [alpha, 1], by the arcsine approximation.

    Raises:
        InvalidLevel, InvalidShare, InvalidValue: an argument is out of range.

    Guarantee:
        For one look at `units` only; it may not drive a decision.
    """
    return _power(_effect(baseline, candidate), units, share, alpha)


def proportions_units(
    baseline: float,
    candidate: float,
    *,
    power: float = 0.8,
    share: float = 0.5,
    alpha: float = 0.05,
) -> float:
    """Units of both arms together that give one planned test of two proportions its power.

    Args:
        baseline: success rate on the baseline, in (0, 1).
        candidate: success rate on the candidate, in (0, 1), other than the baseline's.
        power: wanted chance of rejecting equality, in (alpha, 1).
        share: share of units on the candidate, in (0, 1).
        alpha: two-sided level, in (0, 1).

    Raises:
        InvalidLevel, InvalidShare, InvalidValue: an argument is out of range.

    Guarantee:
        For one look at that many units only; it may not drive a decision.
    """
    return _units(_effect(baseline, candidate), power, share, alpha)


def means_power(
    difference: float,
    deviation: float,
    *,
    units: float,
    share: float = 0.5,
    alpha: float = 0.05,
) -> float:
    """Chance that one planned two-sided z-test of two means rejects equality.

    Args:
        difference: candidate minus baseline, finite.
        deviation: standard deviation within an arm, the same in both, above 0.
        units: units of both arms together, above 0.
        share: share of units on the candidate, in (0, 1).
        alpha: two-sided level, in (0, 1).

    Raises:
        InvalidLevel, InvalidShare, InvalidValue: an argument is out of range.

    Guarantee:
        For one look at `units` only; it may not drive a decision.
    """
    return _power(_standardised(difference, deviation), units, share, alpha)


def means_units(
    difference: float,
    deviation: float,
    *,
    power: float = 0.8,
    share: float = 0.5,
    alpha: float = 0.05,
) -> float:
    """Units of both arms together that give one planned z-test of two means its power.

    Args:
        difference: candidate minus baseline, finite and not 0.
        deviation: standard deviation within an arm, the same in both, above 0.
        power: wanted chance of rejecting equality, in (alpha, 1).
        share: share of units on the candidate, in (0, 1).
        alpha: two-sided level, in (0, 1).

    Raises:
        InvalidLevel, InvalidShare, InvalidValue: an argument is out of range.

    Guarantee:
        For one look at that many units only; it may not drive a decision.
    """
    return _units(_standardised(difference, deviation), power, share, alpha)


def obrien_fleming_boundaries(
    fractions: Sequence[float], *, alpha: float = 0.05
) -> tuple[float, ...]:
    """Two-sided boundaries |z| for planned looks, spending error like O'Brien and Fleming.

    Args:
        fractions: shape (K,), information at each look as a share of the planned total: increasing,
            in (0, 1]. The spent error is alpha only if the last is 1.
        alpha: two-sided level, in (0, 1).

    Returns:
        One boundary per look: reject at the first look with |z| at or above it.

    Raises:
        InvalidLevel: alpha is not strictly between 0 and 1.
        InvalidShape: there is no look.
        InvalidValue: the fractions are not increasing in (0, 1].

    Guarantee:
        P(|z| ever crosses at these looks) <= alpha under equality, for looks at times that do not
        depend on the data. A look more, and it no longer holds: it may not drive a decision that
        looks after every batch.

    Source:
        Lan and DeMets (1983); spending function 4 (1 - Phi(z_{1 - alpha/4} / sqrt(t))).

    Example:
        >>> [round(z, 3) for z in obrien_fleming_boundaries([0.5, 1.0])]
        [2.963, 1.969]
    """
    check_level("alpha", alpha)
    if len(fractions) == 0:
        raise InvalidShape("at least one look must be planned")
    if not all(early < late for early, late in pairwise([0.0, *fractions, math.nextafter(1, 2)])):
        raise InvalidValue(f"fractions == {fractions}, must increase within (0, 1]")
    density = _Density(np.zeros(1), np.ones(1), 0.0)
    spent, found = 0.0, []
    for fraction in fractions:
        due = _spending(fraction, alpha)
        found.append(_boundary(density, fraction, 0.5 * (due - spent)))
        density, spent = _continued(density, fraction, found[-1]), due
    return tuple(found)


def _spending(fraction: float, alpha: float) -> float:
    """Two-sided error that may be spent by this share of the information."""
    return 4.0 * float(norm.sf(norm.isf(0.25 * alpha) / math.sqrt(fraction)))


def _boundary(density: _Density, fraction: float, error: float) -> float:
    """Where the chance of crossing above for the first time is `error`."""

    def excess(z: float) -> float:
        return math.log(max(_crossing(density, fraction, z), 1e-320)) - math.log(max(error, 1e-310))

    if excess(0.0) <= 0.0:
        return 0.0  # at a level of all but 1
    return float(brentq(excess, 0.0, _FARTHEST, xtol=1e-10))


def _crossing(density: _Density, fraction: float, z: float) -> float:
    step = math.sqrt(fraction - density.fraction)
    return float(density.masses @ norm.sf((z * math.sqrt(fraction) - density.points) / step))


def _continued(density: _Density, fraction: float, z: float) -> _Density:
    """The density inside the boundary at the next look, on Gauss-Legendre nodes."""
    edge = min(z, 12.0) * math.sqrt(fraction)  # farther out there is nothing to integrate
    points = edge * _NODE
    step = math.sqrt(fraction - density.fraction)
    kernel = norm.pdf((points[:, np.newaxis] - density.points) / step) / step
    return _Density(points, edge * _WEIGHT * (kernel @ density.masses), fraction)


def _effect(baseline: float, candidate: float) -> float:
    check_level("baseline", baseline)
    check_level("candidate", candidate)
    return float(proportion_effectsize(candidate, baseline))


def _standardised(difference: float, deviation: float) -> float:
    if not (0.0 < deviation < math.inf and math.isfinite(difference)):
        raise InvalidValue(
            f"difference == {difference} and deviation == {deviation} must be finite, "
            "and the deviation above 0"
        )
    if not math.isfinite(difference / deviation):
        raise InvalidValue(f"difference == {difference}, out of all proportion to {deviation}")
    return difference / deviation


def _power(effect: float, units: float, share: float, alpha: float) -> float:
    check_share(share)
    check_level("alpha", alpha)
    if not 0.0 < units < math.inf:
        raise InvalidValue(f"units == {units}, must be finite and above 0")
    shift = abs(effect) * math.sqrt(units * share * (1.0 - share))
    return _chance(min(shift, _FARTHEST_SHIFT), alpha)


def _units(effect: float, power: float, share: float, alpha: float) -> float:
    check_share(share)
    check_level("alpha", alpha)
    check_level("power", power)
    if effect == 0.0 or power <= max(alpha, _chance(0.0, alpha)):
        raise InvalidValue("units need a difference other than 0, and a power above alpha")
    shift = brentq(lambda each: _chance(each, alpha) - power, 0.0, _FARTHEST_SHIFT, xtol=1e-14)
    per_unit = effect * effect * share * (1.0 - share)
    units = shift * shift / per_unit if per_unit > 0.0 else math.inf
    if not 0.0 < units < math.inf:
        raise InvalidValue(f"effect == {effect}, needs {units} units: out of all proportion")
    return units


def _chance(shift: float, alpha: float) -> float:
    """Chance that |z| exceeds the critical value when the mean of z is `shift`, at least 0."""
    critical = min(float(norm.isf(0.5 * alpha)), _FARTHEST)
    return float(norm.sf(critical - shift) + norm.sf(critical + shift))
