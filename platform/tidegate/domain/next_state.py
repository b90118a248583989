"""STATE after a decision: what of it was, and what the decision changes."""

from datetime import datetime

import msgspec

from tidegate.domain.decision import Verdict
from tidegate.domain.record import (
    AnyDecision,
    DecisionRecord,
)
from tidegate.domain.release import Release
from tidegate.domain.state import BadVersion, DroppedArm, Phase, ReleaseState

_WINDOW_LENGTH = 5  # versions that may be served again at once


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
        case Verdict.FREEZE:
            return _frozen(state, record)
        case Verdict.ADVANCE | Verdict.PAUSE | Verdict.RESUME | Verdict.DROP_ARM:
            return _in_rollout(state, release, record)
        case _:
            return _at_rest(state, release, record)


def _at_rest(state: ReleaseState, release: Release, record: DecisionRecord) -> ReleaseState:
    """One version for everyone."""
    match record.decision.verdict:
        case Verdict.PROMOTE:
            return _live(
                _cleared(state, record), record.candidate, Phase.COMPLETED, record.clock.now
            )
        case Verdict.DECLARE_WINNER | Verdict.NO_DIFFERENCE:
            return _live(state, _winning_version(release, record), Phase.COMPLETED)
        case Verdict.ALARM:
            return _live(state, record.baseline, Phase.DEGRADED)
        case _:
            return _live(state, record.baseline, Phase.HEALTHY)


def _winning_version(release: Release, record: DecisionRecord) -> str:
    """What is served once an experiment is over: the winner only if INTENT says so."""
    plan = release.intent.strategy.ab
    wins = record.decision.verdict is Verdict.DECLARE_WINNER
    promotes = plan is not None and plan.winner == "promote"
    return record.candidate if wins and promotes else record.baseline


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
    bad = () if record.decision.guardrail is None else (_bad(record),)
    return msgspec.structs.replace(state, phase=Phase.ROLLED_BACK, bad=(*state.bad, *bad))


def _frozen(state: ReleaseState, record: DecisionRecord) -> ReleaseState:
    """Nobody new gets the candidate; who met it stays, for its memory cannot be read before it."""
    return msgspec.structs.replace(
        state,
        phase=Phase.DEGRADED,
        candidate=record.candidate,
        frozen=True,
        bad=(*state.bad, _bad(record)),
    )


def _bad(record: DecisionRecord) -> BadVersion:
    return BadVersion(
        version=record.candidate, attempt=record.attempt, reason=record.decision.reason
    )


def _cleared(state: ReleaseState, record: DecisionRecord) -> ReleaseState:
    """A version that was forced and has proved itself is bad no more."""
    bad = tuple(each for each in state.bad if each.version != record.candidate)
    return msgspec.structs.replace(state, bad=bad)


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
    drops = decision.verdict is Verdict.DROP_ARM
    advances = decision.next_share_ppm is not None or drops
    begins = decision.rule == "start"
    return msgspec.structs.replace(
        state,
        phase=Phase.PAUSED if decision.verdict is Verdict.PAUSE else Phase.PROGRESSING,
        candidate=record.candidate,
        step=record.evidence.step + int(advances and not begins),
        weight=_weight(release, decision),
        salt=release.intent.salt or f"{record.agent}:{record.attempt[:12]}",
        dropped=_dropped(release, record),
        started=clock.now if begins else clock.rollout_started,
        step_started=clock.now if advances else clock.step_started,
    )


def _weight(release: Release, decision: AnyDecision) -> int:
    if decision.next_share_ppm is not None:
        return decision.next_share_ppm
    gone = [arm.share_ppm for arm in release.traffic.arms if arm.name == decision.arm]
    return release.traffic.share_ppm - sum(gone)


def _dropped(release: Release, record: DecisionRecord) -> tuple[DroppedArm, ...]:
    before = release.state.dropped if release.state and record.decision.rule != "start" else ()
    if record.decision.verdict is not Verdict.DROP_ARM or record.decision.arm is None:
        return before
    return (*before, DroppedArm(arm=record.decision.arm, stage=record.evidence.step + 1))
