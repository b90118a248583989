"""The record of each kind of decision: what is written down when one is taken."""

from datetime import datetime

from tidegate.domain.commit_subjects import stage_text
from tidegate.domain.decision import Decision, Verdict
from tidegate.domain.evidence import Clock, Evidence
from tidegate.domain.experiment_evidence import ExperimentEvidence
from tidegate.domain.quantities import percent
from tidegate.domain.record import (
    AnyDecision,
    AnyEvidence,
    DecisionRecord,
)
from tidegate.domain.release import Release
from tidegate.domain.state import Phase

_LONGEST_NAME = 100  # of what the index of decisions keeps


def start_of(release: Release, now: datetime, seq: int) -> DecisionRecord:
    """The record of the decision to begin the rollout that INTENT asks for."""
    share = _first_share(release)
    reason = f"a new attempt begins at {percent(share)}"
    if release.policy.steps or release.policy.risk_budget:
        reason = f"a new attempt begins at {stage_text(release.policy, 0)}, {percent(share)}"
    decision = Decision(verdict=Verdict.ADVANCE, rule="start", reason=reason, next_share_ppm=share)
    return _without_evidence(release, decision, now=now, seq=seq)


def _first_share(release: Release) -> int:
    """Of the arms beside the baseline, in parts per million."""
    plan = release.intent.strategy.ab
    if plan is None:
        return release.policy.first_share_ppm
    return sum(arm.share_ppm for arm in plan.arms.values())


def settle_of(release: Release, now: datetime, seq: int) -> DecisionRecord:
    """The record of the decision to follow what a person did by hand, or to adopt a new agent."""
    live = release.traffic.baseline
    if release.state is None:
        reason = f"{live} is the first version of {release.agent}"
        decision = Decision(verdict=Verdict.HOLD, rule="adopted", reason=reason)
        return _without_evidence(release, decision, now=now, seq=seq)
    reason = f"superseded by {release.attempt[:12]}: a person chose {live}"
    if release.state.candidate is not None and not release.state.frozen:
        reason += f", the attempt at {release.state.candidate} ends"
    decision = Decision(verdict=Verdict.HOLD, rule="superseded", reason=reason)
    return _without_evidence(release, decision, now=now, seq=seq)


def needs_settling(release: Release) -> bool:
    """Whether git should record that what is live is not what STATE last said."""
    state, traffic = release.state, release.traffic
    if traffic.phase is not Phase.HEALTHY:
        return False
    if state is None:
        return True
    unfinished = state.phase in (Phase.PROGRESSING, Phase.PAUSED)
    return state.attempt != release.attempt and (unfinished or state.stable != traffic.baseline)


def record_of(
    release: Release, decision: AnyDecision, evidence: AnyEvidence, clock: Clock
) -> DecisionRecord:
    """The record of a decision about a release."""
    return DecisionRecord(
        environment=release.environment,
        agent=release.agent,
        attempt=release.attempt,
        baseline=(
            release.fallback if decision.verdict is Verdict.ROLL_BACK else release.traffic.baseline
        ),
        candidate=_candidate(release, decision),
        policy=release.experiment or release.policy,
        evidence=evidence,
        clock=clock,
        decision=decision,
    )


def _candidate(release: Release, decision: AnyDecision) -> str:
    """The version that a decision is about; of an experiment without a winner, all its arms'."""
    plan = release.intent.strategy.ab
    if plan is None:
        return release.traffic.candidate or release.intent.version
    if decision.arm is not None:
        return plan.arms[decision.arm].version
    return ", ".join(arm.version for arm in plan.arms.values())[:_LONGEST_NAME]


def _without_evidence(
    release: Release, decision: Decision, *, now: datetime, seq: int
) -> DecisionRecord:
    return record_of(
        release,
        decision,
        ExperimentEvidence(seq=seq)
        if release.experiment
        else Evidence(step=0, paused=False, seq=seq),
        Clock(now=now, step_started=now),
    )


def _no_evidence(release: Release, seq: int) -> AnyEvidence:
    if release.experiment is not None:
        return ExperimentEvidence(seq=seq)
    return Evidence(step=0, paused=False, seq=seq)
