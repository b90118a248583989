"""The decision rule of experiments: policy, evidence and clock in, decision out. Nothing else.

As with a canary, the same three values always give the same decision, and no data are an error.
"""

import math

import msgspec

from tidegate.domain.decision import Decision, Verdict
from tidegate.domain.evidence import Clock
from tidegate.domain.experiment_assessment import (
    ArmAssessment,
    assess_experiment,
    log_e_missing,
    log_e_split,
)
from tidegate.domain.experiment_evidence import ExperimentEvidence
from tidegate.domain.experiment_policy import ExperimentPolicy
from tidegate.domain.experiment_reasons import (
    equal_text,
    harm_text,
    mismatch_text,
    missing_text,
    standing_text,
    winner_text,
)


class ExperimentDecision(Decision, frozen=True, kw_only=True, tag="experiment"):
    """A verdict about an experiment with its grounds.

    `rule` is one of harm, all_arms_harmed, paused, resumed, sample_ratio_mismatch,
    outcomes_missing, winner, no_difference, horizon, undecided, not_enough_data. `assessments` are
    the guardrails of the arm that was decided about, if there is one.

    Attributes:
        arms: each contender's assessment, by name.
    """

    arms: tuple[ArmAssessment, ...] = ()


def decide_experiment(
    policy: ExperimentPolicy, evidence: ExperimentEvidence, clock: Clock
) -> ExperimentDecision:
    """Decide what to do with an experiment.

    Args:
        policy: the plan.
        evidence: sufficient statistics by stage and arm, up to one sequence number.
        clock: the instants that matter.

    Returns:
        DROP_ARM as soon as a guardrail of an arm shows harm, whatever else holds; its traffic
        returns to the control. NO_DIFFERENCE with the control kept, under the rule
        `all_arms_harmed`, when that leaves no arm. PAUSE when units, or their outcomes, are not
        split as designed. DECLARE_WINNER for the arm with the best estimate among those that exceed
        the minimum effect; NO_DIFFERENCE when every remaining arm lies within it, or under the rule
        `horizon` when the plan's end is reached. Otherwise HOLD.

    Guarantee:
        P(an arm that harms no guardrail is ever dropped) <= `false_rollback` and P(an arm that does
        not exceed the minimum effect is ever declared the winner) <= `false_promote`, for all arms
        together and however often this is called (closed testing with averaged e-values over arms,
        the union bound over guardrails, Ville's inequality within each). For each arm beyond the
        minimum effect, P(the rule `no_difference` fires while it runs) <= `false_promote`: every
        arm must lie within, so each may spend all of it. A winner exceeds the control; that it is
        better than the other arms is its estimate, not a claim. `horizon` is no evidence at all.
    """
    arms = assess_experiment(policy, evidence)
    running = tuple(each for each in arms if each.arm not in evidence.dropped)
    found = (
        _harm(policy, running)
        or _of_a_pause(evidence)
        or _unfair_split(policy, evidence, clock, running)
        or _winner(policy, running)
        or _no_difference(policy, running)
        or _horizon(policy, evidence, clock, running)
        or _undecided(policy, running)
    )
    about = [each.guardrails for each in arms if each.arm == found.arm]
    return msgspec.structs.replace(found, arms=arms, assessments=about[0] if about else ())


def _harm(
    policy: ExperimentPolicy, running: tuple[ArmAssessment, ...]
) -> ExperimentDecision | None:
    harmed = [each for each in running if each.worst is not None]
    if len(harmed) == len(running):
        return _no_arm_left(policy, harmed)
    if not harmed:
        return None
    # By name where two are equally bad, so that the order of arms decides nothing.
    dropped = max(harmed, key=lambda each: (each.excess, each.arm))
    return ExperimentDecision(
        verdict=Verdict.DROP_ARM,
        rule="harm",
        reason=harm_text(policy, dropped),
        guardrail=dropped.worst.guardrail if dropped.worst is not None else None,
        arm=dropped.arm,
    )


def _no_arm_left(policy: ExperimentPolicy, harmed: list[ArmAssessment]) -> ExperimentDecision:
    guardrails = {each.worst.guardrail for each in harmed if each.worst is not None}
    harms = [harm_text(policy, each) for each in harmed]
    return ExperimentDecision(
        verdict=Verdict.NO_DIFFERENCE,
        rule="all_arms_harmed",
        reason="; ".join([f"no arm is left, {policy.control} stays", *harms]),
        guardrail=guardrails.pop() if len(guardrails) == 1 else None,
    )


def _of_a_pause(evidence: ExperimentEvidence) -> ExperimentDecision | None:
    if evidence.orders.paused:
        return _hold("paused", "a person paused the experiment; a person resumes it")
    if not evidence.paused:
        return None
    if evidence.orders.resumed:
        reason = "a person resumed the experiment"
        return ExperimentDecision(verdict=Verdict.RESUME, rule="resumed", reason=reason)
    return _hold("paused", "the experiment is paused until a person resumes it, or reverts")


def _unfair_split(
    policy: ExperimentPolicy,
    evidence: ExperimentEvidence,
    clock: Clock,
    running: tuple[ArmAssessment, ...],
) -> ExperimentDecision | None:
    """The alarms under which nothing is declared; a person may go on, but harm alone is watched."""
    alarm = _split_alarm(policy, evidence)
    if alarm is None:
        return None
    rule, reason = alarm
    if not evidence.orders.resumed:
        return ExperimentDecision(verdict=Verdict.PAUSE, rule=rule, reason=reason)
    held = _hold(rule, f"{reason}; a person resumed, harm is watched, but nothing is declared")
    return _horizon(policy, evidence, clock, running) or held


def _split_alarm(policy: ExperimentPolicy, evidence: ExperimentEvidence) -> tuple[str, str] | None:
    """The rule and the reason of an alarm, if there is one."""
    threshold = -math.log(policy.srm_alpha)
    log_e = log_e_split(policy, evidence)
    if log_e >= threshold:
        return "sample_ratio_mismatch", mismatch_text(policy, evidence, log_e)
    log_e = log_e_missing(policy, evidence)
    if log_e >= threshold:
        return "outcomes_missing", missing_text(policy, evidence, log_e)
    return None


def _winner(
    policy: ExperimentPolicy, running: tuple[ArmAssessment, ...]
) -> ExperimentDecision | None:
    better = [each for each in running if each.goal.better]
    if not better:
        return None
    turn = 1.0 if policy.goal.direction == "increase" else -1.0
    best = max(better, key=lambda each: (turn * (each.goal.estimate or 0.0), each.arm))
    return ExperimentDecision(
        verdict=Verdict.DECLARE_WINNER,
        rule="winner",
        reason=winner_text(policy, best),
        arm=best.arm,
    )


def _no_difference(
    policy: ExperimentPolicy, running: tuple[ArmAssessment, ...]
) -> ExperimentDecision | None:
    if not all(each.goal.equal for each in running):
        return None
    return ExperimentDecision(
        verdict=Verdict.NO_DIFFERENCE, rule="no_difference", reason=equal_text(policy, running)
    )


def _horizon(
    policy: ExperimentPolicy,
    evidence: ExperimentEvidence,
    clock: Clock,
    running: tuple[ArmAssessment, ...],
) -> ExperimentDecision | None:
    units, seconds = evidence.matured_units, policy.horizon_s
    if units >= policy.horizon_units:
        end = f"the horizon of {policy.horizon_units} units is reached with {units}"
    elif seconds is not None and clock.in_rollout_s >= seconds:
        end = f"the horizon of {seconds} s is reached"
    else:
        return None
    return ExperimentDecision(
        verdict=Verdict.NO_DIFFERENCE,
        rule="horizon",
        reason=(
            f"{end} and {policy.control} stays; this is no evidence that the arms are equal: "
            f"{standing_text(policy, running)}"
        ),
    )


def _undecided(policy: ExperimentPolicy, running: tuple[ArmAssessment, ...]) -> ExperimentDecision:
    rule = "undecided" if any(each.goal.enough for each in running) else "not_enough_data"
    return _hold(rule, f"no decision yet: {standing_text(policy, running)}")


def _hold(rule: str, reason: str) -> ExperimentDecision:
    return ExperimentDecision(verdict=Verdict.HOLD, rule=rule, reason=reason)
