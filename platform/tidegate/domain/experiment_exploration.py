"""Many metrics and segments of an experiment at once: which differences are worth a report.

For people who look around, never for decisions. The e-BH procedure bounds the expected share of
false findings among those reported, whatever the dependence between metrics, segments and arms.
"""

import math
from collections.abc import Sequence

import msgspec

from anytime.multiplicity import e_bh, log_mean
from tidegate.domain.experiment_evidence import ExperimentEvidence
from tidegate.domain.experiment_goal import EffectTest, effect_test
from tidegate.domain.experiment_policy import ExperimentPolicy
from tidegate.domain.goal import GoalMetric

FALSE_SHARE = 0.1
"""The expected share of false findings that is accepted in a list."""


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """One metric in one segment, with its evidence.

    Attributes:
        metric: what is compared; its direction and minimum effect do not matter here.
        segment: the segment's name.
        evidence: of the units of that segment, with that metric as the goal.
    """

    metric: GoalMetric
    segment: str
    evidence: ExperimentEvidence


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One arm against the control in one slice.

    Attributes:
        estimate: arm minus control on the metric's scale; None if there are too few data.
        lower, upper: limits of a finding that is reported, None for no limit: of all such intervals
            a share of at most `false_share` is expected to miss.
        log_e: log e-value against "there is no difference", in either direction.
        reported: whether the difference is worth a report.
    """

    metric: str
    segment: str
    arm: str
    estimate: float | None
    lower: float | None = None
    upper: float | None = None
    log_e: float
    reported: bool


def explore(
    policy: ExperimentPolicy, slices: Sequence[Slice], *, false_share: float = FALSE_SHARE
) -> tuple[Finding, ...]:
    """Look at every contender in every slice.

    Args:
        policy: the plan of the experiment; its goal is not looked at.
        slices: metrics and segments, all that were looked at and not only the striking ones.
        false_share: the expected share of false findings that is accepted, in (0, 1).

    Returns:
        One finding for each slice and contender, in this order.

    Raises:
        InvalidMargin: `false_share` is out of range.

    Guarantee:
        E[false among reported / reported] <= `false_share` when the list is read at one stopping
        time, under any dependence (asymptotically for means and ratios).

    Source:
        Wang and Ramdas (2022), "False discovery rate control with e-values", Theorem 2; for the
        limits Xu, Wang and Ramdas (2024), "Post-selection inference for e-value based confidence
        intervals" (e-BY).
    """
    asked = [(each, arm) for each in slices for arm in policy.contenders]
    tests = [
        effect_test(msgspec.structs.replace(policy, goal=each.metric), each.evidence, arm)
        for each, arm in asked
    ]
    log_es = [_log_e_different(test) for test in tests]
    reported = e_bh(false_share, log_es)
    level = false_share * sum(reported) / max(len(reported), 1)
    return tuple(
        _finding(each, arm, test, log_e, level if found else None)
        for (each, arm), test, log_e, found in zip(asked, tests, log_es, reported, strict=True)
    )


def _log_e_different(test: EffectTest) -> float:
    """The average of both one-sided e-values: of means, the two-sided normal mixture."""
    return log_mean([test.log_e_greater(0.0), test.mirrored().log_e_greater(0.0)])


def _finding(of: Slice, arm: str, test: EffectTest, log_e: float, level: float | None) -> Finding:
    """What is found of one arm; with limits at `level` if it is reported."""
    lower = -math.inf if level is None else test.lower_limit(0.5 * level)
    upper = math.inf if level is None else -test.mirrored().lower_limit(0.5 * level)
    return Finding(
        metric=of.metric.name,
        segment=of.segment,
        arm=arm,
        estimate=test.estimate,
        lower=lower if math.isfinite(lower) else None,
        upper=upper if math.isfinite(upper) else None,
        log_e=log_e,
        reported=level is not None,
    )
