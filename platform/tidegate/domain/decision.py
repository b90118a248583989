"""The decision rule: policy, evidence and clock in, decision out. Nothing else goes in.

The same three values always give the same decision, so a decision can be recomputed from its record
at any time. `decide` is total: no evidence is ever an error, it is a reason to hold.
"""

import math
from enum import StrEnum

import msgspec

from tidegate.domain.assessment import Assessment, assess, e_value_text
from tidegate.domain.canary import Step
from tidegate.domain.evidence import Clock, Evidence
from tidegate.domain.policy import Policy
from tidegate.domain.quantities import percent
from tidegate.domain.risk_budget import next_share_ppm
from tidegate.domain.split import log_e_outcomes_missing, log_e_srm
from tidegate_sdk.bucketing import PARTS


class Verdict(StrEnum):
    """What to do next."""

    HOLD = "hold"
    ADVANCE = "advance"
    PROMOTE = "promote"
    PAUSE = "pause"
    RESUME = "resume"
    ROLL_BACK = "roll_back"
    FREEZE = "freeze"
    DECLARE_WINNER = "declare_winner"
    NO_DIFFERENCE = "no_difference"
    DROP_ARM = "drop_arm"
    ALARM = "alarm"


class Decision(msgspec.Struct, frozen=True, kw_only=True, tag_field="of", tag="rollout"):
    """A verdict with its grounds.

    Attributes:
        rule: the rule that fired, a stable word: harm, sample_ratio_mismatch, outcomes_missing,
            paused, resumed, ordered, min_units, dwell, certification, approval, risk_budget,
            inconclusive, deadline, step_complete, all_steps_complete, no_further_step.
        reason: one sentence with the numbers, for people; it becomes part of the commit message.
        guardrail: the guardrail that decided, if one did.
        arm: the arm of an experiment that won or is dropped.
        next_share_ppm: the candidate's share from now on, where the verdict changes it.
    """

    verdict: Verdict
    rule: str
    reason: str
    guardrail: str | None = None
    arm: str | None = None
    next_share_ppm: int | None = None
    assessments: tuple[Assessment, ...] = ()


def decide(policy: Policy, evidence: Evidence, clock: Clock) -> Decision:
    """Decide what to do with a rollout.

    Args:
        policy: the plan.
        evidence: sufficient statistics by stage, up to one sequence number.
        clock: the instants that matter.

    Returns:
        ROLL_BACK as soon as a guardrail's harm e-value reaches its threshold, whatever else holds
        (FREEZE where the version's memory cannot be read by the one before: its units stay on it,
        nobody else gets it);
        PAUSE when units, or their outcomes, are not split as designed; HOLD while the step's
        conditions are not met; otherwise ADVANCE, or PROMOTE when the next share is 100 %. What a
        person orders, or the plan says of a rollout that lasts for too long, is done under a rule
        of its own, not called evidence.

    Guarantee:
        A candidate no worse than its baseline on any guardrail is ever rolled back with probability
        at most `false_rollback`, and one worse than a guardrail's margin passes a certifying step
        with probability at most `false_promote`, however often this is called (union bound over
        guardrails, Ville's inequality within each).
    """
    assessments = assess(policy, evidence)
    found = (
        _harm(policy, assessments)
        or _of_a_pause(evidence)
        or _unfair_split(policy, evidence)
        or _progress(policy, evidence, clock, assessments)
    )
    return msgspec.structs.replace(found, assessments=assessments)


def _harm(policy: Policy, assessments: tuple[Assessment, ...]) -> Decision | None:
    harmed = [assessment for assessment in assessments if assessment.harmed]
    if not harmed:
        return None
    worst = max(harmed, key=lambda each: each.log_e_harm - each.log_harm_threshold)
    return Decision(
        verdict=Verdict.FREEZE if policy.forward_only else Verdict.ROLL_BACK,
        rule="harm",
        reason=_harm_reason(worst),
        guardrail=worst.guardrail,
        next_share_ppm=0,
    )


def _of_a_pause(evidence: Evidence) -> Decision | None:
    orders = evidence.orders
    if orders.paused:
        return _hold("paused", "a person paused the rollout; a person resumes it")
    if not evidence.paused:
        return None
    if orders.resumed or orders.lets_go(evidence.step):
        reason = "a person resumed the rollout"
        return Decision(verdict=Verdict.RESUME, rule="resumed", reason=reason)
    return _hold("paused", "the rollout is paused until a person resumes it, or reverts")


def _unfair_split(policy: Policy, evidence: Evidence) -> Decision | None:
    """The alarms that block every step forward, unless a person has waived them."""
    if evidence.orders.resumed or evidence.orders.lets_go(evidence.step):
        return None
    threshold = -math.log(policy.srm_alpha)
    log_e = log_e_srm(evidence)
    if log_e >= threshold:
        return _pause("sample_ratio_mismatch", _srm_reason(policy, evidence, log_e))
    log_e = log_e_outcomes_missing(evidence)
    if log_e >= threshold:
        return _pause("outcomes_missing", _missing_reason(policy, evidence, log_e))
    return None


def _progress(
    policy: Policy, evidence: Evidence, clock: Clock, assessments: tuple[Assessment, ...]
) -> Decision:
    step = policy.step(evidence.step, evidence.share_ppm)
    if step is None:
        return _hold("no_further_step", "the plan has no further step")
    if evidence.orders.lets_go(evidence.step):
        return _onward(policy, evidence, "ordered", "a person let the rollout go on")
    grounds = "every guardrail is certified" if step.certify else "no guardrail shows harm"
    reason = (
        f"{grounds} after {evidence.candidate_units} units on the candidate, "
        f"{evidence.units_in_step} seen at {percent(step.share_ppm)}"
    )
    found = _waiting(step, evidence, clock, assessments) or _onward(
        policy, evidence, "step_complete", reason
    )
    if found.verdict is not Verdict.HOLD:
        return found
    return _out_of_time(policy, evidence, clock, found) or found


def _waiting(
    step: Step, evidence: Evidence, clock: Clock, assessments: tuple[Assessment, ...]
) -> Decision | None:
    """The first condition of a step that is not met."""
    units, at = evidence.units_in_step, percent(step.share_ppm)
    uncertified = [each for each in assessments if not each.certified]
    if units < step.min_units:
        return _hold("min_units", f"{units} of {step.min_units} units seen at {at}")
    if clock.in_step_s < step.dwell_s:
        return _hold("dwell", f"{clock.in_step_s:.0f} of {step.dwell_s} s passed at {at}")
    if step.certify and uncertified:
        return _hold("certification", _uncertified_reason(uncertified))
    if step.needs_approval:
        return _hold("approval", f"the step at {at} waits for a person's approval")
    return None


def _out_of_time(
    policy: Policy, evidence: Evidence, clock: Clock, waiting: Decision
) -> Decision | None:
    """What the plan says of a step, or of a rollout, that waits for too long."""
    deadline, inconclusive = policy.deadline, policy.on_inconclusive
    if deadline is not None and clock.in_rollout_s >= deadline.after_s:
        reason = f"the deadline of {deadline.after} has passed: {waiting.reason}"
        return _by_plan(policy, evidence, deadline.action, "deadline", reason)
    undecided = waiting.rule in ("min_units", "certification", "risk_budget")
    if inconclusive is not None and undecided and clock.in_step_s >= inconclusive.max_s:
        reason = f"inconclusive after {inconclusive.max}: {waiting.reason}"
        return _by_plan(policy, evidence, inconclusive.action, "inconclusive", reason)
    return None


def _by_plan(
    policy: Policy, evidence: Evidence, action: str, rule: str, reason: str
) -> Decision | None:
    match action:
        case "promote":
            return _onward(policy, evidence, rule, reason)
        case "rollback":
            return Decision(verdict=Verdict.ROLL_BACK, rule=rule, reason=reason, next_share_ppm=0)
        case "hold" | "pause" if not evidence.orders.resumed:
            return _pause(rule, reason)
        case _:
            return None  # "extend", or a person has resumed it: go on waiting


def _onward(policy: Policy, evidence: Evidence, rule: str, reason: str) -> Decision:
    """The next step, or the last one, whatever the grounds."""
    share = _following_share(policy, evidence)
    if share is None:
        return _hold("risk_budget", f"{reason}; the worst case allows no larger share yet")
    promotes = share == PARTS
    return Decision(
        verdict=Verdict.PROMOTE if promotes else Verdict.ADVANCE,
        rule="all_steps_complete" if promotes and rule == "step_complete" else rule,
        reason=reason,
        next_share_ppm=share,
    )


def _following_share(policy: Policy, evidence: Evidence) -> int | None:
    """The share after the one in force, in parts per million; None if there is no larger one."""
    if evidence.orders.full:
        return PARTS
    budget = policy.risk_budget
    if budget is None:
        return policy.steps[evidence.step + 1].share_ppm
    if evidence.share_ppm >= budget.certify_at_ppm:
        return PARTS
    return next_share_ppm(policy, evidence)


def _hold(rule: str, reason: str) -> Decision:
    return Decision(verdict=Verdict.HOLD, rule=rule, reason=reason)


def _pause(rule: str, reason: str) -> Decision:
    return Decision(verdict=Verdict.PAUSE, rule=rule, reason=reason)


def _harm_reason(worst: Assessment) -> str:
    compared = f"baseline {worst.baseline}" if worst.against == "baseline" else "over its ceiling"
    return (
        f"{worst.guardrail}: candidate {worst.candidate}, {compared}; "
        f"e-value {e_value_text(worst.log_e_harm)} reached {e_value_text(worst.log_harm_threshold)}"
    )


def _srm_reason(policy: Policy, evidence: Evidence, log_e: float) -> str:
    return (
        f"the split is not what the manifest says: {evidence.candidate_units} of {evidence.units} "
        f"units met the candidate; e-value {e_value_text(log_e)} reached {1 / policy.srm_alpha:g}"
    )


def _missing_reason(policy: Policy, evidence: Evidence, log_e: float) -> str:
    lost = {
        arm: sum(getattr(stage, arm).closed - getattr(stage, arm).reported for stage in stages)
        for stages in (evidence.stages,)
        for arm in ("candidate", "baseline")
    }
    return (
        f"outcomes are missing unevenly: {lost['candidate']} units of the candidate and "
        f"{lost['baseline']} of the baseline never reported one; "
        f"e-value {e_value_text(log_e)} reached {1 / policy.srm_alpha:g}"
    )


def _uncertified_reason(uncertified: list[Assessment]) -> str:
    waiting = ", ".join(
        f"{each.guardrail} (e-value {e_value_text(each.log_e_safe)} "
        f"of {e_value_text(each.log_certify_threshold)})"
        for each in uncertified
    )
    return f"not yet certified: {waiting}"
