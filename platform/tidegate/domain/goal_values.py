"""From the values of single units to the statistics of a goal."""

import msgspec
import numpy as np

from anytime.mean_difference import ArmMoments, winsorised
from anytime.moments import Moments, Vector
from anytime.quantile_sequence import value_counts
from tidegate.domain.experiment_evidence import GoalStatistics
from tidegate.domain.goal import GoalMetric


class GoalValues(msgspec.Struct, frozen=True, kw_only=True):
    """The units of one arm in one stage.

    Attributes:
        stage: index of the stage.
        arm: the arm's name.
        total: shape (n,), the sum of each unit's values.
        per: shape (n,), what stands below the line of a ratio, of each unit.
        covariate: shape (n,), each unit's covariate; NaN where it is missing.
    """

    stage: int
    arm: str
    total: Vector
    per: Vector
    covariate: Vector


def goal_statistics(goal: GoalMetric, values: GoalValues) -> GoalStatistics:
    """The statistics of a goal that one arm's units of one stage add up to.

    A covariate that a unit lacks is taken to be the mean of the others: whether it is there was
    settled before the arm was.
    """
    if goal.kind == "quantile":
        return GoalStatistics.of_values(value_counts(np.maximum(values.total, 0.0)))
    total = values.total
    if goal.winsorise_at is not None:
        total = winsorised(total, goal.winsorise_at)
    columns = [total] if goal.kind != "ratio" else [total, values.per]
    if goal.covariate is not None:
        columns.append(_filled(values.covariate))
    moments = Moments.of(np.column_stack(columns))
    return GoalStatistics.of_moments(ArmMoments(moments, _events(goal, total)))


def _events(goal: GoalMetric, total: Vector) -> int:
    """Units whose value is not the usual one."""
    positive = int(np.count_nonzero(total))
    return min(positive, len(total) - positive) if goal.kind == "binary" else positive


def _filled(covariate: Vector) -> Vector:
    known = covariate[np.isfinite(covariate)]
    return np.where(np.isfinite(covariate), covariate, known.mean() if known.size else 0.0)
