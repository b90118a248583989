"""The goal of one contender against the control, whatever its kind: as tests of one effect."""

import math
from typing import Protocol

import numpy as np

from anytime.errors import AnytimeError
from anytime.mean_difference import ArmMoments, Effect, MeanStratum, mean_effect
from anytime.mean_tests import MeanTest, one_sided_tuning
from anytime.moments import Moments
from anytime.quantile_tests import QuantileStratum, quantile_test
from anytime.ratio_metric import Scale, ratio_effect
from tidegate.domain.experiment_evidence import ArmEvidence, ExperimentEvidence
from tidegate.domain.experiment_policy import ExperimentPolicy
from tidegate.domain.goal import GoalMetric


class EffectTest(Protocol):
    """One-sided tests of one effect at this look; `anytime` says what each guarantees."""

    @property
    def estimate(self) -> float | None:
        """Contender against control on the goal's scale; None if there are too few data."""
        ...

    @property
    def units(self) -> int:
        """Units that are counted, both arms together."""
        ...

    def log_e_greater(self, than: float) -> float:
        """Log e-value against "the effect is at most `than`"."""
        ...

    def lower_limit(self, alpha: float) -> float:
        """The number above which the effect lies, but for a chance of `alpha`."""
        ...

    def mirrored(self) -> "EffectTest":
        """The tests of control against contender."""
        ...


def effect_test(policy: ExperimentPolicy, evidence: ExperimentEvidence, arm: str) -> EffectTest:
    """The tests of the goal on one contender: S3 for means and ratios, S5 for quantiles.

    Stages are strata: means are compared within a stage and averaged, bets on quantiles multiply.
    What cannot be compared, such as the logarithm of a mean below 0, counts as too few data.
    """
    at, scale = policy.goal.quantile, Scale(policy.goal.scale)
    if at is not None:
        return quantile_test(
            _values(policy, evidence, arm),
            at=at,
            planned=policy.planned_units,
            alpha=policy.even_level,
            scale=scale,
        )
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            effect = _effect(policy, evidence, arm, scale)
    except AnytimeError:
        effect = Effect(0.0, 0.0, 0)
    if not (math.isfinite(effect.difference) and math.isfinite(effect.variance)):
        effect = Effect(0.0, 0.0, effect.units)
    return MeanTest(effect, one_sided_tuning(policy.planned_units, policy.even_level))


def _values(
    policy: ExperimentPolicy, evidence: ExperimentEvidence, arm: str
) -> list[QuantileStratum]:
    return [
        QuantileStratum(
            candidate=stage.arm(arm).goal.value_counts,
            baseline=stage.arm(policy.control).goal.value_counts,
            share=pair.share,
        )
        for stage, pair in evidence.pairs(arm, policy.control)
    ]


def _effect(
    policy: ExperimentPolicy, evidence: ExperimentEvidence, arm: str, scale: Scale
) -> Effect:
    goal, control = policy.goal, policy.control
    found = [
        (_moments(stage.arm(arm), goal), _moments(stage.arm(control), goal), pair.share)
        for stage, pair in evidence.pairs(arm, control)
    ]
    columns = min((each.moments.columns for *pair, _ in found for each in pair if each), default=1)
    strata = [
        MeanStratum(_of_columns(one, columns), _of_columns(other, columns), share)
        for one, other, share in found
    ]
    if goal.kind == "ratio":
        return ratio_effect(strata, scale=scale)
    if scale is Scale.DIFFERENCE:
        return mean_effect(strata)
    over_one = [MeanStratum(_over_one(one), _over_one(other), p) for one, other, p in strata]
    return ratio_effect(over_one, scale=scale)


def _moments(evidence: ArmEvidence, goal: GoalMetric) -> ArmMoments | None:
    """What was summed up of an arm; of a binary goal without covariates the counts are enough."""
    if evidence.goal.moments or goal.kind != "binary":
        return evidence.goal.arm_moments
    won, lost = (
        counts.get(goal.name, 0) for counts in (evidence.counts.successes, evidence.counts.failures)
    )
    units = won + lost
    if not units:
        return None
    moments = Moments(units, (won / units,), ((won * lost / units,),))
    return ArmMoments(moments, min(won, lost))


def _of_columns(arm: ArmMoments | None, columns: int) -> ArmMoments:
    """An arm with the columns that all have: a covariate that was not always there is left out."""
    if arm is None:
        return ArmMoments(Moments.empty(columns), 0)
    if arm.moments.columns == columns:
        return arm
    first = np.eye(columns, arm.moments.columns)
    return ArmMoments(arm.moments.mapped(first, np.zeros(columns)), arm.events)


def _over_one(arm: ArmMoments) -> ArmMoments:
    """A mean as a ratio, whose denominator is 1 for every unit."""
    columns = arm.moments.columns
    matrix = np.insert(np.eye(columns), 1, 0.0, axis=0)
    shift = np.insert(np.zeros(columns), 1, 1.0)
    return ArmMoments(arm.moments.mapped(matrix, shift), arm.events)
