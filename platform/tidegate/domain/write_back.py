"""What a decision changes in the manifest repository: planned commits, no git.

Every decision is one commit of STATE with its record. A rollback is followed, in the same push, by
the revert of the deploy: a commit of its own that puts INTENT back byte for byte, so that a person
who reverts it (a retry) does not also erase what is known about the bad version.
"""

from datetime import datetime

import msgspec

from tidegate.domain import manifest_files as files
from tidegate.domain.commits import PlannedCommit
from tidegate.domain.decision import Decision, Verdict
from tidegate.domain.evidence import Clock, Evidence
from tidegate.domain.quantities import percent
from tidegate.domain.record import DecisionRecord, digest_of, to_json
from tidegate.domain.release import Release
from tidegate.domain.state import BadVersion, Phase, ReleaseState
from tidegate_sdk.bucketing import PARTS

_WINDOW_LENGTH = 5  # versions that may be served again at once


class Deploy(msgspec.Struct, frozen=True, kw_only=True):
    """The commit that started an attempt, and what INTENT was before it."""

    commit: str
    subject: str
    intent_before: bytes


def start_of(release: Release, now: datetime, seq: int) -> DecisionRecord:
    """The record of the decision to begin the rollout that INTENT asks for."""
    steps = release.policy.steps
    reason = f"a new attempt begins at step 1 of {len(steps)}, {percent(steps[0].share_ppm)}"
    return _without_evidence(release, Verdict.ADVANCE, "start", reason, now=now, seq=seq)


def settle_of(release: Release, now: datetime, seq: int) -> DecisionRecord:
    """The record of the decision to follow what a person did by hand, or to adopt a new agent."""
    live = release.traffic.baseline
    if release.state is None:
        reason = f"{live} is the first version of {release.agent}"
        return _without_evidence(release, Verdict.HOLD, "adopted", reason, now=now, seq=seq)
    reason = f"superseded by {release.attempt[:12]}: a person chose {live}"
    if release.state.candidate is not None:
        reason += f", the attempt at {release.state.candidate} ends"
    return _without_evidence(release, Verdict.HOLD, "superseded", reason, now=now, seq=seq)


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
    release: Release, decision: Decision, evidence: Evidence, clock: Clock
) -> DecisionRecord:
    """The record of a decision about a release."""
    return DecisionRecord(
        environment=release.environment,
        agent=release.agent,
        attempt=release.attempt,
        baseline=release.traffic.baseline,
        candidate=release.traffic.candidate or release.intent.version,
        policy=release.policy,
        evidence=evidence,
        clock=clock,
        decision=decision,
    )


def _without_evidence(
    release: Release, verdict: Verdict, rule: str, reason: str, *, now: datetime, seq: int
) -> DecisionRecord:
    return record_of(
        release,
        Decision(verdict=verdict, rule=rule, reason=reason),
        Evidence(step=0, paused=False, seq=seq),
        Clock(now=now, step_started=now),
    )


def commits_of(
    release: Release, record: DecisionRecord, deploy: Deploy | None = None
) -> list[PlannedCommit]:
    """The commits that write a decision back, oldest first; they belong into one push.

    Args:
        release: what the decision was taken on.
        record: the decision.
        deploy: for a rollback, the commit to revert.
    """
    content = to_json(record)
    trailers = _trailers(record, content)
    state = next_state(release, record)
    written = PlannedCommit(
        message=f"{_subject(record, state)}\n\n{record.decision.reason}\n\n{trailers}",
        contents={
            files.state_path(record.environment, record.agent): files.render(state),
            files.evidence_path(record.environment, record.agent): content,
        },
    )
    if deploy is None:
        return [written]
    return [written, _revert(record, deploy, trailers)]


def next_state(release: Release, record: DecisionRecord) -> ReleaseState:
    """STATE after a decision.

    STATE names the attempt that it belongs to. After a rollback that is the attempt that failed:
    the revert that follows makes a new attempt, for which STATE is void, and INTENT then names the
    stable version, which is served at once.
    """
    state = _carried(release, record)
    match record.decision.verdict:
        case Verdict.ROLL_BACK:
            return _rolled_back(state, record)
        case Verdict.PROMOTE:
            return _live(state, record.candidate, Phase.COMPLETED)
        case Verdict.HOLD:
            return _live(state, record.baseline, Phase.HEALTHY)
        case Verdict.ADVANCE | Verdict.PAUSE:
            return _in_rollout(state, release, record)


def _carried(release: Release, record: DecisionRecord) -> ReleaseState:
    """What any next STATE keeps of the last."""
    before = release.state
    return ReleaseState(
        agent=record.agent,
        attempt=record.attempt,
        phase=Phase.HEALTHY,
        stable=record.baseline,
        reason=record.decision.reason,
        window=before.window if before is not None else (),
        bad=before.bad if before is not None else (),
    )


def _rolled_back(state: ReleaseState, record: DecisionRecord) -> ReleaseState:
    bad = BadVersion(
        version=record.candidate, attempt=record.attempt, reason=record.decision.reason
    )
    return msgspec.structs.replace(state, phase=Phase.ROLLED_BACK, bad=(*state.bad, bad))


def _live(state: ReleaseState, version: str, phase: Phase) -> ReleaseState:
    window = (version, *(each for each in (state.stable, *state.window) if each != version))
    newest_first = tuple(dict.fromkeys(window))[:_WINDOW_LENGTH]
    return msgspec.structs.replace(state, phase=phase, stable=version, window=newest_first)


def _in_rollout(state: ReleaseState, release: Release, record: DecisionRecord) -> ReleaseState:
    step, started = record.evidence.step, record.clock.step_started
    if record.decision.rule == "step_complete":
        step, started = step + 1, record.clock.now
    paused = record.decision.verdict is Verdict.PAUSE
    return msgspec.structs.replace(
        state,
        phase=Phase.PAUSED if paused else Phase.PROGRESSING,
        candidate=record.candidate,
        step=step,
        weight=release.policy.steps[step].share_ppm,
        salt=release.intent.salt or f"{record.agent}:{record.attempt[:12]}",
        step_started=started,
    )


def _subject(record: DecisionRecord, state: ReleaseState) -> str:
    agent, candidate = record.agent, record.candidate
    steps = len(record.policy.steps)
    match record.decision.rule:
        case "start":
            return f"{agent}: start canary of {candidate} at {percent(state.weight)}"
        case "step_complete":
            at = f"{percent(state.weight)} (step {state.step + 1} of {steps})"
            return f"{agent}: advance {candidate} to {at}"
        case "all_steps_complete":
            return f"{agent}: promote {candidate} to {percent(PARTS)}"
        case "harm":
            guardrail = record.decision.guardrail
            return f"{agent}: {candidate} is harmful ({guardrail}), back to {record.baseline}"
        case "sample_ratio_mismatch":
            return f"{agent}: pause {candidate}, sample ratio mismatch"
        case _:
            return f"{agent}: {state.stable} is live ({record.decision.rule})"


def _trailers(record: DecisionRecord, content: bytes) -> str:
    return "\n".join(
        (
            f"Tidegate-Decision: {record.decision_id}",
            f"Tidegate-Release: {record.environment}/{record.agent}",
            f"Tidegate-Attempt: {record.attempt}",
            f"Tidegate-Rule: {record.decision.rule}",
            f"Tidegate-Evidence: {digest_of(content)}",
            f"Tidegate-Seq: {record.evidence.seq}",
        )
    )


def _revert(record: DecisionRecord, deploy: Deploy, trailers: str) -> PlannedCommit:
    return PlannedCommit(
        message=(
            f'Revert "{deploy.subject}"\n\nThis reverts commit {deploy.commit}.\n\n'
            f"{record.decision.reason}\n\n{trailers}"
        ),
        contents={files.intent_path(record.environment, record.agent): deploy.intent_before},
    )
