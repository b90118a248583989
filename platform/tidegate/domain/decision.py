"""The decision rule: policy, evidence and clock in, decision out. Nothing else goes in.

The same three values always give the same decision, so a decision can be recomputed from its record
at any time. `decide` is total: no evidence is ever an error, it is a reason to hold.
"""

import math
from enum import StrEnum
from typing import TypeAlias

import msgspec

from tidegate.domain.assessment import Assessment, assess, e_value_text, log_e_srm
from tidegate.domain.evidence import Clock, Evidence
from tidegate.domain.policy import Policy
from tidegate.domain.quantities import percent
from tidegate_sdk.bucketing import PARTS


class Verdict(StrEnum):
    """What to do next."""

    HOLD = "hold"
    ADVANCE = "advance"
    PROMOTE = "promote"
    PAUSE = "pause"
    ROLL_BACK = "roll_back"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict with its grounds.

    Attributes:
        rule: the rule that fired, a stable word: harm, sample_ratio_mismatch, paused, min_units,
            dwell, certification, step_complete, all_steps_complete, no_further_step.
        reason: one sentence with the numbers, for people; it becomes part of the commit message.
        guardrail: the guardrail that decided, if one did.
    """

    verdict: Verdict
    rule: str
    reason: str
    guardrail: str | None = None
    assessments: tuple[Assessment, ...] = ()


def decide(policy: Policy, evidence: Evidence, clock: Clock) -> Decision:
    """Decide what to do with a rollout.

    Args:
        policy: the plan.
        evidence: sufficient statistics by stage, up to one sequence number.
        clock: the instants that matter.

    Returns:
        ROLL_BACK as soon as a guardrail's harm e-value reaches its threshold, whatever else holds;
        PAUSE on a sample ratio mismatch; HOLD while the step's conditions are not met; otherwise
        ADVANCE, or PROMOTE when the next step is 100 %.

    Guarantee:
        A candidate no worse than its baseline on any guardrail is ever rolled back with probability
        at most `false_rollback`, and one worse than a guardrail's margin passes a certifying step
        with probability at most `false_promote`, however often this is called (union bound over
        guardrails, Ville's inequality within each).
    """
    assessments = assess(policy, evidence)
    verdict, rule, reason, guardrail = _verdict(policy, evidence, clock, assessments)
    return Decision(
        verdict=verdict, rule=rule, reason=reason, guardrail=guardrail, assessments=assessments
    )


_Grounds: TypeAlias = tuple[Verdict, str, str, str | None]


def _verdict(
    policy: Policy, evidence: Evidence, clock: Clock, assessments: tuple[Assessment, ...]
) -> _Grounds:
    harmed = [assessment for assessment in assessments if assessment.harmed]
    if harmed:
        worst = max(harmed, key=lambda each: each.log_e_harm - each.log_harm_threshold)
        return Verdict.ROLL_BACK, "harm", _harm_reason(worst), worst.guardrail
    if evidence.paused:
        reason = "the rollout is paused until a person deploys anew or reverts"
        return Verdict.HOLD, "paused", reason, None
    log_e = log_e_srm(evidence)
    if log_e >= -math.log(policy.srm_alpha):
        return Verdict.PAUSE, "sample_ratio_mismatch", _srm_reason(policy, evidence, log_e), None
    return _progress(policy, evidence, clock, assessments)


def _progress(
    policy: Policy, evidence: Evidence, clock: Clock, assessments: tuple[Assessment, ...]
) -> _Grounds:
    if evidence.step + 1 >= len(policy.steps):
        return Verdict.HOLD, "no_further_step", "the plan has no further step", None
    step = policy.steps[evidence.step]
    units = sum(stage.units for stage in evidence.stages if stage.step == evidence.step)
    uncertified = [each for each in assessments if not each.certified]
    if units < step.min_units:
        reason = f"{units} of {step.min_units} units seen at {percent(step.share_ppm)}"
        return Verdict.HOLD, "min_units", reason, None
    if clock.in_step_s < step.dwell_s:
        reason = f"{clock.in_step_s:.0f} of {step.dwell_s} s passed at {percent(step.share_ppm)}"
        return Verdict.HOLD, "dwell", reason, None
    if step.certify and uncertified:
        return Verdict.HOLD, "certification", _uncertified_reason(uncertified), None
    return _step_complete(policy, evidence, units, certified=step.certify)


def _step_complete(policy: Policy, evidence: Evidence, units: int, *, certified: bool) -> _Grounds:
    share = percent(policy.steps[evidence.step].share_ppm)
    grounds = "every guardrail is certified" if certified else "no guardrail shows harm"
    on_candidate = f"{evidence.candidate_units} units on the candidate"
    reason = f"{grounds} after {on_candidate}, {units} seen at {share}"
    following = policy.steps[evidence.step + 1]
    if following.share_ppm == PARTS:
        return Verdict.PROMOTE, "all_steps_complete", reason, None
    return Verdict.ADVANCE, "step_complete", reason, None


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


def _uncertified_reason(uncertified: list[Assessment]) -> str:
    waiting = ", ".join(
        f"{each.guardrail} (e-value {e_value_text(each.log_e_safe)} "
        f"of {e_value_text(each.log_certify_threshold)})"
        for each in uncertified
    )
    return f"not yet certified: {waiting}"
