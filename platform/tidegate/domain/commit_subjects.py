"""What a decision did, in one line for people: the subject of its commit."""

from tidegate.domain.decision import Verdict
from tidegate.domain.policy import Policy
from tidegate.domain.quantities import percent
from tidegate.domain.record import (
    DecisionRecord,
)
from tidegate.domain.state import ReleaseState
from tidegate_sdk.bucketing import PARTS


def stage_text(policy: Policy, index: int) -> str:
    """A stage as people count them: "step 2 of 5", or "stage 2" where their number is open."""
    if policy.risk_budget is not None:
        return f"stage {index + 1}"
    return f"step {index + 1} of {len(policy.steps)}"


def subject_of(record: DecisionRecord, state: ReleaseState) -> str:
    """The subject of a decision's commit.

    Args:
        record: the decision.
        state: STATE after it.
    """
    return f"{record.agent}: {_deed(record, state)}"


def _deed(record: DecisionRecord, state: ReleaseState) -> str:
    match record.decision.verdict:
        case Verdict.ADVANCE | Verdict.PROMOTE | Verdict.RESUME:
            return _step_forward(record, state) + _unless_evidence(record.decision.rule)
        case Verdict.ROLL_BACK | Verdict.FREEZE | Verdict.ALARM | Verdict.PAUSE:
            return _step_back(record, state)
        case Verdict.DROP_ARM:
            return f"drop arm {record.decision.arm}, harmful ({record.decision.guardrail})"
        case Verdict.DECLARE_WINNER:
            return f"{record.decision.arm} wins, {record.candidate} over {record.baseline}"
        case Verdict.NO_DIFFERENCE:
            return f"no winner ({record.decision.rule}), {state.stable} stays"
        case _:
            return f"{state.stable} is live ({record.decision.rule})"


def _step_back(record: DecisionRecord, state: ReleaseState) -> str:
    candidate, rule = record.candidate, record.decision.rule
    guardrail = record.decision.guardrail
    why = f"is harmful ({guardrail})" if guardrail else f"is given up ({rule})"
    match record.decision.verdict:
        case Verdict.FREEZE:
            return f"{candidate} {why}, enrolment is frozen: its memory cannot go back"
        case Verdict.ALARM:
            return f"alarm, {state.stable} has become worse ({guardrail})"
        case Verdict.PAUSE:
            return f"pause {candidate}, {rule.replace('_', ' ')}"
        case _:
            return f"{candidate} {why}, back to {record.baseline}"


def _step_forward(record: DecisionRecord, state: ReleaseState) -> str:
    candidate, share = record.candidate, percent(state.weight)
    if record.decision.verdict is Verdict.PROMOTE:
        return f"promote {candidate} to {percent(PARTS)}"
    if record.decision.verdict is Verdict.RESUME:
        return f"resume {candidate} at {share}"
    if record.decision.rule == "start":
        return _start(record, share)
    stage = stage_text(record.policy, state.step) if isinstance(record.policy, Policy) else ""
    return f"advance {candidate} to {share} ({stage})"


def _start(record: DecisionRecord, share: str) -> str:
    policy = record.policy
    if not isinstance(policy, Policy):
        return f"start experiment with {record.candidate} at {share}"
    if policy.switch is not None:
        return f"preview {record.candidate} on {policy.switch.active}"
    return f"start canary of {record.candidate} at {share}"


def _unless_evidence(rule: str) -> str:
    """What a step was taken on, where that was no evidence."""
    said = ("start", "step_complete", "all_steps_complete", "resumed", "switched")
    return "" if rule in said else f", {rule}"
