"""What the evidence says about each contender: its guardrails, and its goal."""

import math
import sys

import msgspec

from anytime import SplitStratum, log_e_mismatch
from anytime.multiplicity import closed_levels, closed_log_es, log_mean
from tidegate.domain.assessment import Assessment, assess
from tidegate.domain.experiment_evidence import ExperimentEvidence, ExperimentStage
from tidegate.domain.experiment_goal import EffectTest, effect_test
from tidegate.domain.experiment_policy import ExperimentPolicy
from tidegate.domain.split import log_e_outcomes_missing

_FEWEST_ARMS = 2


class GoalAssessment(msgspec.Struct, frozen=True, kw_only=True):
    """One contender's goal against the control's, on the goal's scale.

    Attributes:
        estimate: contender minus control (or the logarithm of their ratio); None if there are too
            few data.
        lower, upper: simultaneous limits, None for no limit: the chance that any contender's is
            ever wrong is at most `false_promote` on each side. The one on the side of the minimum
            effect agrees with closed testing: it passes the minimum effect when the corrected
            e-value reaches its threshold; how far it passes is claimed for each arm by itself.
        own_lower, own_upper: the contender's own limits, each at the whole of `false_promote`.
        log_e: log e-value against "no better than the minimum effect".
        corrected_log_e: the same, corrected for all contenders by closed testing.
        log_threshold: where the contender may win.
        units: units that are counted, both arms together.
        enough: whether there are data enough for an estimate.
        better: whether the contender exceeds the minimum effect.
        equal: whether its own limits lie within the minimum effect on both sides.
    """

    estimate: float | None
    lower: float | None
    upper: float | None
    own_lower: float | None
    own_upper: float | None
    log_e: float
    corrected_log_e: float
    log_threshold: float
    units: int
    enough: bool
    better: bool
    equal: bool


class ArmAssessment(msgspec.Struct, frozen=True, kw_only=True):
    """One contender: each guardrail's harm, corrected for all contenders, and the goal."""

    arm: str
    guardrails: tuple[Assessment, ...]
    goal: GoalAssessment

    @property
    def worst(self) -> Assessment | None:
        """The harmed guardrail that is furthest above its threshold, if one is harmed."""
        harmed = [each for each in self.guardrails if each.harmed]
        return max(harmed, key=_excess, default=None)

    @property
    def excess(self) -> float:
        """By how much the worst log e-value of harm exceeds its threshold; -inf without harm."""
        return -math.inf if self.worst is None else _excess(self.worst)


def assess_experiment(
    policy: ExperimentPolicy, evidence: ExperimentEvidence
) -> tuple[ArmAssessment, ...]:
    """Each contender's assessment, by name, dropped ones included.

    Guarantee:
        Closed testing is over all contenders of the plan: which of them were dropped depends on the
        data, so leaving them out would spend the budget again. A dropped arm keeps the e-value it
        has earned.
    """
    harms = _harms(policy, evidence)
    goals = assess_goals(policy, evidence)
    return tuple(
        ArmAssessment(arm=arm, guardrails=guardrails, goal=goal)
        for arm, guardrails, goal in zip(policy.contenders, harms, goals, strict=True)
    )


def assess_goals(
    policy: ExperimentPolicy, evidence: ExperimentEvidence
) -> tuple[GoalAssessment, ...]:
    """The goal of each contender, by name.

    Guarantee:
        P(a contender that does not exceed the minimum effect is ever `better`) <= `false_promote`
        for all contenders together. For each one beyond the minimum effect, P(it is ever `equal`)
        <= `false_promote`. Both at any looks: asymptotically for means and ratios, exactly for
        quantiles.
    """
    gains = [_gain(policy, evidence, arm) for arm in policy.contenders]
    log_es = [gain.log_e_greater(policy.goal.minimum_effect) for gain in gains]
    corrected = closed_log_es(log_es)
    levels = closed_levels(policy.budgets.false_promote, log_es)
    return tuple(
        _assess_goal(policy, gain, log_e, corrected_log_e, level)
        for gain, log_e, corrected_log_e, level in zip(
            gains, log_es, corrected, levels, strict=True
        )
    )


def log_e_split(policy: ExperimentPolicy, evidence: ExperimentEvidence) -> float:
    """Log e-value against "units were split between all arms as the manifest says"."""
    strata = (_split(policy, stage) for stage in evidence.stages)
    return log_e_mismatch(each for each in strata if len(each.shares) >= _FEWEST_ARMS)


def log_e_missing(policy: ExperimentPolicy, evidence: ExperimentEvidence) -> float:
    """Log e-value against "whether a unit reports an outcome does not depend on its arm".

    The average over contenders, each against the control.
    """
    return log_mean(
        [log_e_outcomes_missing(evidence.of_pair(arm, policy.control)) for arm in policy.contenders]
    )


def _split(policy: ExperimentPolicy, stage: ExperimentStage) -> SplitStratum:
    shares = {arm: stage.shares_ppm.get(arm, 0) for arm in policy.arm_names}
    served = [arm for arm, share in shares.items() if share]
    total = sum(shares.values())
    return SplitStratum(
        counts=[stage.arm(arm).counts.newcomers for arm in served],
        shares=[shares[arm] / total for arm in served],
    )


def _harms(policy: ExperimentPolicy, evidence: ExperimentEvidence) -> list[tuple[Assessment, ...]]:
    """Each contender's guardrails, with e-values of harm corrected within each guardrail.

    A guardrail with a ceiling has the larger of two e-values, each at half the budget: half of it
    is no larger than their average, so it may be averaged over arms like an e-value.
    """
    alone = [
        assess(policy.harm_policy, evidence.of_pair(arm, policy.control))
        for arm in policy.contenders
    ]
    by_guardrail = [
        closed_log_es([each.log_e_harm for each in same]) for same in zip(*alone, strict=True)
    ]
    return [
        tuple(
            msgspec.structs.replace(each, log_e_harm=by_guardrail[guardrail][place])
            for guardrail, each in enumerate(assessments)
        )
        for place, assessments in enumerate(alone)
    ]


def _gain(policy: ExperimentPolicy, evidence: ExperimentEvidence, arm: str) -> EffectTest:
    """The tests of the effect in the direction in which it is better."""
    test = effect_test(policy, evidence, arm)
    return test if policy.goal.direction == "increase" else test.mirrored()


def _assess_goal(
    policy: ExperimentPolicy, gain: EffectTest, log_e: float, corrected_log_e: float, level: float
) -> GoalAssessment:
    alpha, least, loss = policy.budgets.false_promote, policy.goal.minimum_effect, gain.mirrored()
    lower, own_lower = gain.lower_limit(level), gain.lower_limit(alpha)
    upper, own_upper = -loss.lower_limit(policy.even_level), -loss.lower_limit(alpha)
    won = corrected_log_e >= policy.log_win_threshold and lower > least
    rises = policy.goal.direction == "increase"
    limits = (lower, upper, own_lower, own_upper)
    turned = limits if rises else (-upper, -lower, -own_upper, -own_lower)
    return GoalAssessment(
        estimate=gain.estimate if rises or gain.estimate is None else -gain.estimate,
        lower=_known(turned[0]),
        upper=_known(turned[1]),
        own_lower=_known(turned[2]),
        own_upper=_known(turned[3]),
        log_e=_finite(log_e),
        corrected_log_e=_finite(corrected_log_e),
        log_threshold=policy.log_win_threshold,
        units=gain.units,
        enough=gain.estimate is not None,
        # Stages of opposite effects may leave no effect that agrees with all: nobody wins by that.
        better=won and own_lower <= own_upper,
        equal=-least < own_lower <= own_upper < least,
    )


def _excess(assessment: Assessment) -> float:
    return assessment.log_e_harm - assessment.log_harm_threshold


def _known(limit: float) -> float | None:
    """A limit as JSON can hold it."""
    return limit if math.isfinite(limit) else None


def _finite(log_e: float) -> float:
    """A log e-value as JSON can hold it."""
    return min(max(log_e, -sys.float_info.max), sys.float_info.max)
