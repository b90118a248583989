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
from tidegate.domain.policy import Policy
from tidegate.domain.quantities import percent
from tidegate.domain.record import DecisionRecord, digest_of, to_json
from tidegate.domain.release import Release
from tidegate.domain.state import BadVersion, Phase, ReleaseState
from tidegate.domain.watch import WatchEvidence
from tidegate_sdk.bucketing import PARTS

_WINDOW_LENGTH = 5  # versions that may be served again at once


class Deploy(msgspec.Struct, frozen=True, kw_only=True):
    """The commit that started an attempt, and what INTENT was before it."""

    commit: str
    subject: str
    intent_before: bytes


def start_of(release: Release, now: datetime, seq: int) -> DecisionRecord:
    """The record of the decision to begin the rollout that INTENT asks for."""
    share = release.policy.first_share_ppm
    reason = f"a new attempt begins at {_stage(release.policy, 0)}, {percent(share)}"
    decision = Decision(verdict=Verdict.ADVANCE, rule="start", reason=reason, next_share_ppm=share)
    return _without_evidence(release, decision, now=now, seq=seq)


def settle_of(release: Release, now: datetime, seq: int) -> DecisionRecord:
    """The record of the decision to follow what a person did by hand, or to adopt a new agent."""
    live = release.traffic.baseline
    if release.state is None:
        reason = f"{live} is the first version of {release.agent}"
        decision = Decision(verdict=Verdict.HOLD, rule="adopted", reason=reason)
        return _without_evidence(release, decision, now=now, seq=seq)
    reason = f"superseded by {release.attempt[:12]}: a person chose {live}"
    if release.state.candidate is not None:
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
    release: Release, decision: Decision, evidence: Evidence | WatchEvidence, clock: Clock
) -> DecisionRecord:
    """The record of a decision about a release."""
    return DecisionRecord(
        environment=release.environment,
        agent=release.agent,
        attempt=release.attempt,
        baseline=(
            release.fallback if decision.verdict is Verdict.ROLL_BACK else release.traffic.baseline
        ),
        candidate=release.traffic.candidate or release.intent.version,
        policy=release.policy,
        evidence=evidence,
        clock=clock,
        decision=decision,
    )


def _without_evidence(
    release: Release, decision: Decision, *, now: datetime, seq: int
) -> DecisionRecord:
    return record_of(
        release,
        decision,
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
            return _live(state, record.candidate, Phase.COMPLETED, since=record.clock.now)
        case Verdict.HOLD:
            return _live(state, record.baseline, Phase.HEALTHY)
        case Verdict.ALARM:
            return _live(state, record.baseline, Phase.DEGRADED)
        case _:
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
    """The stable version is live again.

    Only evidence against a version makes it bad: one that ran out of time may be tried again.
    """
    if record.decision.guardrail is None:
        return msgspec.structs.replace(state, phase=Phase.ROLLED_BACK)
    bad = BadVersion(
        version=record.candidate, attempt=record.attempt, reason=record.decision.reason
    )
    return msgspec.structs.replace(state, phase=Phase.ROLLED_BACK, bad=(*state.bad, bad))


def _live(
    state: ReleaseState, version: str, phase: Phase, since: datetime | None = None
) -> ReleaseState:
    window = (version, *(each for each in (state.stable, *state.window) if each != version))
    newest_first = tuple(dict.fromkeys(window))[:_WINDOW_LENGTH]
    return msgspec.structs.replace(
        state, phase=phase, stable=version, window=newest_first, step_started=since
    )


def _in_rollout(state: ReleaseState, release: Release, record: DecisionRecord) -> ReleaseState:
    decision, clock = record.decision, record.clock
    advances = decision.next_share_ppm is not None
    begins = decision.rule == "start"
    return msgspec.structs.replace(
        state,
        phase=Phase.PAUSED if decision.verdict is Verdict.PAUSE else Phase.PROGRESSING,
        candidate=record.candidate,
        step=record.evidence.step + int(advances and not begins),
        weight=decision.next_share_ppm if advances else release.traffic.share_ppm,
        salt=release.intent.salt or f"{record.agent}:{record.attempt[:12]}",
        started=clock.now if begins else clock.rollout_started,
        step_started=clock.now if advances else clock.step_started,
    )


def _stage(policy: Policy, index: int) -> str:
    """A stage as people count them: "step 2 of 5", or "stage 2" where their number is open."""
    if policy.risk_budget is not None:
        return f"stage {index + 1}"
    return f"step {index + 1} of {len(policy.steps)}"


def _subject(record: DecisionRecord, state: ReleaseState) -> str:
    return f"{record.agent}: {_deed(record, state)}"


def _deed(record: DecisionRecord, state: ReleaseState) -> str:
    rule, candidate = record.decision.rule, record.candidate
    match record.decision.verdict:
        case Verdict.ADVANCE | Verdict.PROMOTE | Verdict.RESUME:
            return _step_forward(record, state) + _unless_evidence(rule)
        case Verdict.ROLL_BACK:
            guardrail = record.decision.guardrail
            why = f"is harmful ({guardrail})" if guardrail else f"is given up ({rule})"
            return f"{candidate} {why}, back to {record.baseline}"
        case Verdict.PAUSE:
            return f"pause {candidate}, {rule.replace('_', ' ')}"
        case Verdict.ALARM:
            return f"alarm, {state.stable} has become worse ({record.decision.guardrail})"
        case _:
            return f"{state.stable} is live ({rule})"


def _step_forward(record: DecisionRecord, state: ReleaseState) -> str:
    candidate, share = record.candidate, percent(state.weight)
    if record.decision.verdict is Verdict.PROMOTE:
        return f"promote {candidate} to {percent(PARTS)}"
    if record.decision.verdict is Verdict.RESUME:
        return f"resume {candidate} at {share}"
    if record.decision.rule == "start":
        return f"start canary of {candidate} at {share}"
    return f"advance {candidate} to {share} ({_stage(record.policy, state.step)})"


def _unless_evidence(rule: str) -> str:
    """What a step was taken on, where that was no evidence."""
    said = ("start", "step_complete", "all_steps_complete", "resumed")
    return "" if rule in said else f", {rule}"


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
