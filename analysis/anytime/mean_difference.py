"""How large is the difference of means between candidate and baseline, at any look?

Method S3: the asymptotic confidence sequence of influence values with known assignment. In a stage
with candidate share p, the augmented inverse-probability-weighted (AIPW) value of a unit with
outcome Y and covariates X is, around any means m1, m0 and any slope b,

    m1 - m0 + A (Y - b X - m1) / p - (1 - A) (Y - b X - m0) / (1 - p).

With the stage's own arm means plugged in, its average is the difference of the adjusted arm means,
and its variance is that of the two arms: counts, means and co-moments by stage and arm are all that
is needed. Differences are taken within a stage and averaged with the stage's units as weights, the
same for both arms; totals of different stages are never pooled (Simpson's paradox).

The slope is CUPED's (`adjustment`). Any slope is valid, for covariates measured before exposure do
not depend on the arm.

Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), "Time-uniform central limit theory
and asymptotic confidence sequences", sections 2 and 3.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from anytime.adjustment import adjusted_outcome
from anytime.errors import InvalidCount, InvalidLevel, InvalidShape, InvalidValue
from anytime.moments import Moments, Vector, as_table
from anytime.strata import check_count, check_share

MIN_EVENTS = 25
"""Events an arm must have before an interval is given; below, the means are far from normal."""

MIN_UNITS = 500
"""Units an arm must have before an interval is given."""


@dataclass(frozen=True, slots=True)
class ArmMoments:
    """What one stage says about one arm; batches of the same stage and arm merge with `+`.

    Attributes:
        moments: of the outcome (first column) and of pre-exposure covariates (further columns).
        events: units whose outcome is not the usual one, 0 <= events <= units: the rarer of
            success and failure, the payers of a revenue, all units of a score.

    Raises:
        InvalidCount: the events are negative or more than the units.
    """

    moments: Moments
    events: int

    def __post_init__(self) -> None:
        check_count("events", self.events)
        if self.events > self.moments.count:
            raise InvalidCount(f"events == {self.events}, more than {self.moments.count} units")

    def __add__(self, other: "ArmMoments") -> "ArmMoments":
        return ArmMoments(self.moments + other.moments, self.events + other.events)


class MeanStratum(NamedTuple):
    """One stage of a rollout: the outcomes of matured units by arm.

    Attributes:
        candidate: units assigned to the candidate.
        baseline: units assigned to the baseline, with the same columns.
        share: the share of units assigned to the candidate in this stage, in (0, 1).
    """

    candidate: ArmMoments
    baseline: ArmMoments
    share: float


class Effect(NamedTuple):
    """A difference of two arms with its variance, combined over the counted stages.

    Attributes:
        difference: candidate minus baseline on the scale asked for; 0 if there are too few data.
        variance: of the difference; 0 says that there are too few data.
        units: units of the stages that are counted, both arms together.
    """

    difference: float
    variance: float
    units: int

    @property
    def enough(self) -> bool:
        """Whether the difference may be believed to be about normal."""
        return self.variance > 0.0


class MeanSequence(NamedTuple):
    """An estimate with the confidence sequence's interval at this look.

    Attributes:
        estimate: candidate minus baseline on the scale asked for; None if there are too few data.
        lower: lower limit; -inf if there are too few data.
        upper: upper limit; inf if there are too few data.
        half_width: half of the interval's length.
        units: units of the stages that are counted, both arms together.
        enough: False is the verdict "not enough data": the interval is the whole line.
    """

    estimate: float | None
    lower: float
    upper: float
    half_width: float
    units: int
    enough: bool


def mean_difference(
    strata: Iterable[MeanStratum], *, planned: float, alpha: float = 0.05
) -> MeanSequence:
    """Confidence sequence of the mean outcome on the candidate minus that on the baseline.

    Columns after the first are covariates, and the difference is adjusted for them.

    A stage is counted once its smaller arm can expect `MIN_EVENTS` events at the rate of both arms
    together. That total says next to nothing about the difference, so waiting for it does not
    choose what is found, and a few units at a share of 1 % cannot feign a small variance. The
    counted stages together must have `MIN_EVENTS` events and `MIN_UNITS` units in each arm, and
    outcomes that vary: from a constant nothing can be said about what has not been seen.

    Args:
        strata: one entry per stage, in any order.
        planned: N*, the units (both arms) at which the interval is to be narrowest, above 0; a
            wrong guess costs 5 to 20 % more units, never validity.
        alpha: the chance of ever missing, two-sided, in (0, 1).

    Returns:
        The interval at this look; the estimand is the average effect over the counted units.

    Raises:
        InvalidShape: arms or stages have different columns.
        InvalidShare, InvalidLevel, InvalidValue: share, alpha or planned is out of range.

    Guarantee:
        P(the interval ever misses the average effect) tends to at most alpha as the first look is
        later, at any looks, if outcomes have more than two moments. It is asymptotic: the minimum
        counts are what keeps it honest at the start.
    """
    return sequence_of(mean_effect(strata), planned=planned, alpha=alpha)


def mean_effect(strata: Iterable[MeanStratum]) -> Effect:
    """The difference that `mean_difference` gives an interval for, with its variance.

    Args:
        strata: one entry per stage, in any order.

    Raises:
        InvalidShape: arms or stages have different columns.
        InvalidShare: a share is not strictly between 0 and 1.
    """
    counted = counted_strata(strata)
    units = sum(map(units_of, counted))
    difference, variance = _averaged(counted) if is_enough(counted) else (0.0, 0.0)
    return Effect(difference, variance, units)


def sequence_of(effect: Effect, *, planned: float, alpha: float = 0.05) -> MeanSequence:
    """The two-sided confidence sequence's interval around an effect, at this look.

    Raises:
        InvalidCount, InvalidValue: the effect cannot be.
        InvalidLevel, InvalidValue: alpha or planned is out of range.
    """
    check_effect(effect)
    units = effect.units
    width = half_width(units * effect.variance, max(units, 1), planned=planned, alpha=alpha)
    return interval(effect.difference, width, units) if effect.enough else not_enough(units)


def half_width(variance: float, units: float, *, planned: float, alpha: float = 0.05) -> float:
    """Half-width of the two-sided normal-mixture confidence sequence of a mean.

    Args:
        variance: of one influence value, at least 0.
        units: n, how many influence values were averaged, above 0.
        planned: N*, the units at which the width is to be smallest, above 0.
        alpha: two-sided error level, in (0, 1).

    Returns:
        sqrt(s2 * 2 (n r2 + 1) / (n^2 r2) * log(sqrt(n r2 + 1) / alpha)), with
        r2 = (-2 ln alpha + ln(1 - 2 ln alpha)) / N*; in the unit of the influence values.

    Raises:
        InvalidLevel: alpha is not strictly between 0 and 1.
        InvalidValue: another number is out of range, or units and planned ones are out of all
            proportion.

    Source:
        Waudby-Smith et al. (2024), Gaussian mixture boundary and its tuning for a planned time.

    Example:
        >>> round(half_width(1.0, 1000, planned=100), 6)
        0.102512
    """
    check_level("alpha", alpha)
    if not 0.0 <= variance < math.inf:
        raise InvalidValue(f"variance == {variance}, must be finite and at least 0")
    for name, value in (("units", units), ("planned", planned)):
        if not 0.0 < value < math.inf:
            raise InvalidValue(f"{name} == {value}, must be finite and above 0")
    spent = -2.0 * math.log(alpha)
    scaled = units * (spent + math.log1p(spent)) / planned
    product = units * scaled
    factor = 2.0 * (scaled + 1.0) / product if product > 0.0 else math.inf
    if not 0.0 < factor < math.inf:
        raise InvalidValue(f"units == {units}, out of all proportion to planned == {planned}")
    return math.sqrt(variance * factor * (0.5 * math.log1p(scaled) - math.log(alpha)))


def winsorised(values: ArrayLike, at: float) -> Vector:
    """Values with everything beyond +-`at` set to that limit, which the plan fixes beforehand.

    Args:
        values: shape (n,), finite.
        at: the limit in the unit of the values, above 0; never taken from the data themselves.

    Raises:
        InvalidShape: the values are not of one dimension.
        InvalidValue: a value or the limit is not finite, or the limit is not above 0.
    """
    if not 0.0 < at < math.inf:
        raise InvalidValue(f"at == {at}, must be finite and above 0")
    if np.ndim(values) != 1:
        raise InvalidShape(f"values of shape {np.shape(values)}, must be (n,)")
    return np.clip(as_table(values)[:, 0], -at, at)


def counted_strata(strata: Iterable[MeanStratum]) -> tuple[MeanStratum, ...]:
    """The stages that have enough to be counted, in the order given; all are checked.

    Raises:
        InvalidShape: arms or stages have different columns.
        InvalidShare: a share is not strictly between 0 and 1.
    """
    checked = tuple(strata)
    for stratum in checked:
        check_share(stratum.share)
    arms = [arm for stratum in checked for arm in (stratum.candidate, stratum.baseline)]
    if len({arm.moments.columns for arm in arms}) > 1:
        raise InvalidShape("arms and stages must all have the same columns")
    return tuple(stratum for stratum in checked if _is_counted(stratum))


def is_enough(counted: Sequence[MeanStratum]) -> bool:
    """Whether the counted stages together have the minimum of events and units in each arm."""
    for arms in zip(*((stratum.candidate, stratum.baseline) for stratum in counted), strict=True):
        if sum(arm.events for arm in arms) < MIN_EVENTS:
            return False
        if sum(arm.moments.count for arm in arms) < MIN_UNITS:
            return False
    return bool(counted)


def not_enough(units: int) -> MeanSequence:
    """The verdict "not enough data", with the units counted so far.

    Raises:
        InvalidCount: the units are negative or not finite.
    """
    check_count("units", units)
    return MeanSequence(None, -math.inf, math.inf, math.inf, units, enough=False)


def interval(estimate: float, width: float, units: int) -> MeanSequence:
    """The verdict of an estimate with an interval, `width` to each side; an infinite one may be.

    Raises:
        InvalidCount: the units are negative or not finite.
        InvalidValue: the estimate is not finite, or the width is not at least 0.
    """
    check_count("units", units)
    if not (math.isfinite(estimate) and width >= 0.0):
        raise InvalidValue(f"estimate == {estimate} with width == {width}, must be numbers")
    return MeanSequence(estimate, estimate - width, estimate + width, width, units, enough=True)


def check_effect(effect: Effect) -> None:
    """Refuse an effect that no data can have.

    Raises:
        InvalidCount: the units are negative or not finite, or there is a variance of no unit.
        InvalidValue: the difference is not finite, or the variance not finite and at least 0.
    """
    check_count("units", effect.units)
    if not (math.isfinite(effect.difference) and 0.0 <= effect.variance < math.inf):
        raise InvalidValue(f"effect == {effect}, must be finite, with a variance of at least 0")
    if effect.enough and effect.units < 1:
        raise InvalidCount(f"units == {effect.units}, too few for a variance")


def check_level(name: str, level: float) -> None:
    """Refuse a level outside the open unit interval.

    Raises:
        InvalidLevel: so it is.
    """
    if not 0.0 < level < 1.0:
        raise InvalidLevel(f"{name} == {level}, must lie strictly between 0 and 1")


def units_of(stratum: MeanStratum) -> int:
    """Units of one stage, both arms together."""
    return stratum.candidate.moments.count + stratum.baseline.moments.count


def _is_counted(stratum: MeanStratum) -> bool:
    smaller = min(stratum.candidate.moments.count, stratum.baseline.moments.count)
    events = stratum.candidate.events + stratum.baseline.events
    return events > 0 and smaller * events >= MIN_EVENTS * units_of(stratum)


def _averaged(counted: Sequence[MeanStratum]) -> tuple[float, float]:
    """Adjusted difference and its variance, averaged over stages by their units."""
    units = sum(map(units_of, counted))
    contrast = adjusted_outcome(
        (units_of(stratum), arm.moments)
        for stratum in counted
        for arm in (stratum.candidate, stratum.baseline)
    )
    difference, variance = 0.0, 0.0
    for stratum in counted:
        weight = units_of(stratum) / units
        candidate = stratum.candidate.moments.mapped(contrast, [0.0])
        baseline = stratum.baseline.moments.mapped(contrast, [0.0])
        difference += weight * (candidate.mean[0] - baseline.mean[0])
        variance += weight**2 * (_of_mean(candidate) + _of_mean(baseline))
    return difference, variance


def _of_mean(moments: Moments) -> float:
    """Variance of the mean of one arm in one stage, given how many units the arm has got.

    A E / p averages to E times the arm's realised share over p; dividing by the realised share
    instead of p is what plugging in the stage's own arm means does to the variance as well.
    """
    return moments.variance() / moments.count
