"""Run a recorded rollout under another policy: the same events, the same rule, another plan.

What was served cannot be changed any more. The stages of the log stay as they were recorded, and
the other policy is asked, look by look, what it makes of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import msgspec

from tidegate.domain.backtest import (
    ENDS,
    Backtest,
    Happening,
    Moment,
    ReplayPolicy,
    judged_by,
    moment_of,
    step_for,
)
from tidegate.domain.decision import Decision, Verdict, decide
from tidegate.domain.discrepancies import discrepancies
from tidegate.domain.evidence import Clock, Evidence, Orders, StageCounts
from tidegate.domain.policy import Policy
from tidegate.domain.quantities import percent
from tidegate.domain.state import ReleaseState
from tidegate.service.gathering import EvidenceGatherer
from tidegate.service.ports import ManifestRepository
from tidegate.service.recorded_rollout import (
    CannotReplay,
    RecordedDecision,
    RecordedEvents,
    RecordedRollout,
    recorded_rollout,
)

_HALTS = (Verdict.ROLL_BACK, Verdict.FREEZE)


class Replayer:
    """Replays rollouts.

    Args:
        repository: knows what was decided in fact.
        events: the log.
        environment: the environment of the service that wrote it.
    """

    def __init__(
        self, repository: ManifestRepository, events: RecordedEvents, environment: str
    ) -> None:
        self._repository = repository
        self._events = events
        self._environment = environment
        self._gather = EvidenceGatherer(events)

    def replay(self, other: ReplayPolicy, *, rollout: str | None, every: int) -> Backtest:
        """What another policy would have decided on a rollout, and when.

        Args:
            other: what of the policy shall be otherwise.
            rollout: id of the rollout; the latest canary's if None.
            every: units between looks; every incident and every decision in fact is looked at, too.

        Raises:
            CannotReplay: there is no such rollout, or the policy does not go with it.
        """
        recorded = recorded_rollout(self._repository, self._environment, rollout)
        try:
            policy = other.applied(recorded.release, recorded.metrics)
        except ValueError as error:
            raise CannotReplay(f"the other policy: {error}") from error
        happenings = self._events.course(recorded.release.rollout)
        if recorded.decisions[-1].evidence.seq > self._events.last_seq():
            raise CannotReplay(
                f"the event log ends at {self._events.last_seq()}, but {recorded.release.rollout} "
                f"was decided on event {recorded.decisions[-1].evidence.seq}: events are missing, "
                "or this is the log of another service"
            )
        course = _Course(policy=policy, reach_ppm=policy.first_share_ppm)
        course.enter(recorded.began, recorded.decisions[0])
        for look in looks_of(happenings, recorded.decisions[1:], every):
            evidence = self._evidence(recorded, course, look)
            course.take(evidence, look.at)
            if course.end is not None:
                break
            course.follow(look.decision)
        return _told(recorded, course, every=every)

    def _evidence(self, recorded: RecordedRollout, course: "_Course", look: "Look") -> Evidence:
        """What was known at a look, its stages numbered as the steps of the other policy."""
        release = msgspec.structs.replace(
            recorded.release, policy=course.policy, orders=Orders(resumed=course.hears(look))
        )
        found = self._gather.evidence(release, course.state, look.seq, look.at)
        evidence = judged_by(course.policy, found)
        return msgspec.structs.replace(evidence, paused=course.paused)


class Look(NamedTuple):
    """A point of the log at which the other policy is asked.

    Attributes:
        decision: what the engine decided there in fact, if it did.
    """

    seq: int
    at: datetime
    decision: RecordedDecision | None = None


def looks_of(
    happenings: Sequence[Happening], decisions: Iterable[RecordedDecision], every: int
) -> list[Look]:
    """The looks of a replay, in the order of the log.

    Args:
        happenings: the events that count, in order; the last is looked at if nothing is after it.
        decisions: decisions in fact; each was taken at a look, too.
        every: units between looks.
    """
    decided = [Look(each.evidence.seq, each.record.clock.now, each) for each in decisions]
    known = {(look.seq, look.at) for look in decided}
    others = [look for look in _along(happenings, every) if (look.seq, look.at) not in known]
    looks = sorted((*others, *decided), key=lambda look: (look.seq, look.at))
    if happenings and happenings[-1].seq > max((look.seq for look in looks), default=0):
        looks.append(Look(happenings[-1].seq, happenings[-1].at))
    return looks


def _along(happenings: Sequence[Happening], every: int) -> Iterator[Look]:
    """Every so many units, and at each incident."""
    units = 0
    for each in happenings:
        units += each.kind == "exposure"
        if each.kind == "safety" or (each.kind == "exposure" and units % every == 0):
            yield Look(each.seq, each.at)


@dataclass
class _Course:
    """How far a replay has come.

    Attributes:
        reach_ppm: the largest share that the other policy has allowed so far.
        state: STATE in force in the log.
        started: when the rollout began.
        step_started: when the log came to shares of the other policy's step in force.
        told_in: the stage in which a step forward was last told.
        seen: names of all incidents and outcomes so far.
    """

    policy: Policy
    reach_ppm: int
    paused: bool = False
    resumed: bool = False
    looks: int = 0
    told_in: int | None = None
    seen: frozenset[str] = frozenset()
    moments: list[Moment] = field(default_factory=list)
    last: Moment | None = None
    end: Moment | None = None
    ran_ahead: Moment | None = None
    state: ReleaseState = field(init=False)
    started: datetime = field(init=False)
    step_started: datetime = field(init=False)

    def enter(self, state: ReleaseState, start: RecordedDecision) -> None:
        """Begin where the rollout began."""
        self.state = state
        self.started = self.step_started = start.record.clock.now
        if state.weight > self.reach_ppm:
            self.ran_ahead = start.moment

    def hears(self, look: Look) -> bool:
        """Whether a person has said by now that a pause shall end, in fact."""
        self.resumed |= look.decision is not None and look.decision.evidence.orders.resumed
        return self.resumed

    def take(self, evidence: Evidence, at: datetime) -> None:
        """Ask the other policy at a look."""
        clock = Clock(now=at, step_started=self.step_started, rollout_started=self.started)
        decision = decide(self.policy, evidence, clock)
        self.looks += 1
        self.seen = frozenset(name for stage in evidence.stages for name in _named(stage))
        self.last = moment_of(evidence, decision, at)
        if decision.verdict in ENDS and self._may(decision):
            self.end = self.last
            self.moments.append(self.last)
        elif decision.verdict in (Verdict.PAUSE, Verdict.RESUME):
            self.paused = decision.verdict is Verdict.PAUSE
            self.moments.append(self.last)
        elif decision.verdict is Verdict.ADVANCE and self._may(decision):
            self._advance(self.last, decision.next_share_ppm or 0)

    def follow(self, decision: RecordedDecision | None) -> None:
        """Go on as the rollout went on in fact."""
        if decision is None or decision.state is None:
            return
        before, self.state = self.state, decision.state
        if decision.record.decision.rule == "ordered":
            self.reach_ppm = max(self.reach_ppm, self.state.weight)
        if self.state.weight > self.reach_ppm and self.ran_ahead is None:
            self.ran_ahead = self.last
        if self._step(self.state) != self._step(before):
            self.step_started = decision.record.clock.now

    def _may(self, decision: Decision) -> bool:
        """Whether a verdict counts: where the log has run ahead, only harm does."""
        return self.ran_ahead is None or decision.verdict in _HALTS

    def _advance(self, moment: Moment, share_ppm: int) -> None:
        """A step forward that the other policy would have taken: told once in each stage."""
        if share_ppm > self.reach_ppm and self.told_in != self.state.step:
            self.told_in = self.state.step
            self.moments.append(moment)
        self.reach_ppm = max(self.reach_ppm, share_ppm)

    def _step(self, state: ReleaseState) -> int:
        return step_for(self.policy, state.weight, state.step)


def _told(recorded: RecordedRollout, course: _Course, *, every: int) -> Backtest:
    return Backtest(
        rollout=recorded.release.rollout,
        environment=recorded.release.environment,
        agent=recorded.release.agent,
        baseline=recorded.decisions[0].record.baseline,
        candidate=recorded.candidate,
        every=every,
        looks=course.looks,
        changes=discrepancies(recorded.policy, course.policy),
        fact=tuple(each.moment for each in recorded.decisions),
        moments=tuple(course.moments),
        end=course.end,
        last=course.last,
        ran_ahead=course.ran_ahead,
        notes=tuple(_notes(recorded, course)),
    )


def _notes(recorded: RecordedRollout, course: _Course) -> Iterator[str]:
    """What the figures do not say."""
    yield (
        "Units are those that were served in fact, at the shares that were served. What a share "
        "that was never served would have shown cannot be known: a policy that would have gone on "
        "sooner, or elsewhere, is judged on the units that were seen."
    )
    ahead = course.ran_ahead
    if ahead is not None:
        yield (
            f"From event {ahead.seq} on the log is at larger shares than this policy had allowed "
            f"({percent(course.reach_ppm)}; it would have waited: {ahead.rule}, {ahead.reason}). "
            "From there on it is asked about harm alone, on more units of the candidate than it "
            "would have served."
        )
    if any(each.record.decision.rule == "ordered" for each in recorded.decisions):
        yield "A person let a step go on in fact; it counts as let go under this policy, too."
    if not recorded.kept_its_policy:
        yield (
            "The policy was changed while the rollout ran; what is not said to be otherwise is as "
            "it was at the start."
        )
    unseen = [each.name for each in course.policy.guardrails if each.name not in course.seen]
    if unseen:
        yield (
            f"No event of {', '.join(unseen)} was seen by then: that it never happened, and that "
            "nobody reports it, look the same."
        )


def _named(stage: StageCounts) -> Iterator[str]:
    for arm in (stage.baseline, stage.candidate):
        yield from (*arm.incidents, *arm.successes, *arm.failures)
