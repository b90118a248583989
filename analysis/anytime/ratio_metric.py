"""How much does a ratio metric (cost per task, calls per session) change, at any look?

Method S4. A unit has a numerator and a denominator, both sums over its events; the metric of an arm
is the ratio of their means. The delta method replaces a unit by its linearised value

    R + (numerator - R * denominator) / D        with R = N / D,

N and D the arm's means, standardised to the same mix of stages in both arms. Its average is R, and
it is a column made of the others, so its moments follow from theirs: what remains is S3.

On the log scale the linearised values are divided by R and centred at log R. Differences of logs
are relative changes that stay honest where an estimate of the relative lift does not: a quotient
with a noisy baseline below it is skewed.

Source: Deng, Knoblich and Lu (2018), "Applying the delta method in metric analytics: a practical
guide with novel ideas".
"""

import math
from collections.abc import Iterable, Sequence
from enum import Enum

import numpy as np

from anytime.errors import InvalidShape, InvalidValue
from anytime.mean_difference import (
    ArmMoments,
    Effect,
    MeanSequence,
    MeanStratum,
    counted_strata,
    is_enough,
    mean_effect,
    sequence_of,
    units_of,
)
from anytime.moments import Vector

_NUMERATOR, _DENOMINATOR, _COVARIATES = 0, 1, 2  # places of the columns


class Scale(Enum):
    """On which scale two ratios are compared.

    Members:
        DIFFERENCE: candidate minus baseline, in the unit of the metric.
        LOG_RATIO: log(candidate / baseline); for small changes the relative change.
    """

    DIFFERENCE = "difference"
    LOG_RATIO = "log_ratio"


def ratio_difference(
    strata: Iterable[MeanStratum],
    *,
    planned: float,
    alpha: float = 0.05,
    scale: Scale = Scale.DIFFERENCE,
) -> MeanSequence:
    """Confidence sequence of the change of a ratio of means, candidate against baseline.

    Args:
        strata: one entry per stage; the first column of each arm is the numerator, the second the
            denominator, further ones pre-exposure covariates. Events are those of the numerator. A
            mean on the log scale is the ratio whose denominator is 1 for every unit.
        planned: N*, the units (both arms) at which the interval is to be narrowest, above 0.
        alpha: the chance of ever missing, two-sided, in (0, 1).
        scale: difference or log-ratio; on the latter, limits are exponentiated to get ratios.

    Returns:
        The interval at this look, on the scale asked for; "not enough data" as in S3.

    Raises:
        InvalidShape: there are fewer than two columns, or arms differ in them.
        InvalidShare, InvalidLevel: a share or alpha is not strictly between 0 and 1.
        InvalidValue: `planned` is out of range, an arm's mean denominator is not above 0, or its
            mean numerator on the log scale is not.

    Guarantee:
        As S3 (`mean_difference`), asymptotically: linearising costs a term of order 1/units.
    """
    return sequence_of(ratio_effect(strata, scale=scale), planned=planned, alpha=alpha)


def ratio_effect(strata: Iterable[MeanStratum], *, scale: Scale = Scale.DIFFERENCE) -> Effect:
    """The change that `ratio_difference` gives an interval for, with its variance.

    Raises:
        InvalidShape, InvalidShare, InvalidValue: as `ratio_difference`.
    """
    checked = tuple(strata)
    for stratum in checked:
        for arm in (stratum.candidate, stratum.baseline):
            if arm.moments.columns < _COVARIATES:
                raise InvalidShape("a ratio needs two columns: numerator and denominator")
    counted = counted_strata(checked)
    if is_enough(counted):
        candidates = _linearised([stratum.candidate for stratum in counted], counted, scale)
        baselines = _linearised([stratum.baseline for stratum in counted], counted, scale)
        counted = tuple(
            MeanStratum(candidate, baseline, stratum.share)
            for candidate, baseline, stratum in zip(candidates, baselines, counted, strict=True)
        )
    return mean_effect(counted)


def _linearised(
    arms: Sequence[ArmMoments], counted: Sequence[MeanStratum], scale: Scale
) -> list[ArmMoments]:
    """One arm of every stage, numerator and denominator replaced by the linearised value."""
    means = np.array([arm.moments.mean for arm in arms])
    weights = np.array([units_of(stratum) for stratum in counted], dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # caught where the columns are mapped
        standard = weights @ means / weights.sum()
    matrix, shift = _linear_map(standard, scale)
    return [ArmMoments(arm.moments.mapped(matrix, shift), arm.events) for arm in arms]


def _linear_map(standard: Vector, scale: Scale) -> tuple[Vector, Vector]:
    """Matrix of shape (d - 1, d) and shift of shape (d - 1,) from the arm's mean columns."""
    numerator, denominator = float(standard[_NUMERATOR]), float(standard[_DENOMINATOR])
    if not denominator > 0.0:
        raise InvalidValue(f"mean denominator == {denominator}, must be above 0")
    ratio = numerator / denominator
    unit, centre = 1.0, ratio
    if scale is Scale.LOG_RATIO:
        if not ratio > 0.0:
            raise InvalidValue(f"mean numerator == {numerator}, must be above 0 on the log scale")
        unit, centre = ratio, math.log(ratio)
    if denominator * unit == 0.0:
        raise InvalidValue(f"mean numerator == {numerator}, too small to be divided by")
    columns = len(standard)
    matrix, shift = np.zeros((columns - 1, columns)), np.zeros(columns - 1)
    matrix[0, _NUMERATOR] = 1.0 / (denominator * unit)
    matrix[0, _DENOMINATOR] = -ratio / (denominator * unit)
    matrix[1:, _COVARIATES:] = np.eye(columns - _COVARIATES)
    shift[0] = centre
    return matrix, shift
