"""Evidence for one look: what the event log says about a release, as the decision core wants it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from tidegate.domain.ab import CONTROL
from tidegate.domain.assessment import comparable
from tidegate.domain.at_risk import with_bets
from tidegate.domain.evidence import ArmCounts, Clock, Evidence, StageCounts
from tidegate.domain.experiment_evidence import (
    ArmEvidence,
    ExperimentEvidence,
    ExperimentStage,
    GoalStatistics,
)
from tidegate.domain.experiment_policy import ExperimentPolicy
from tidegate.domain.goal_values import goal_statistics
from tidegate.domain.release import PREVIEW, Release, rollout_id
from tidegate.domain.state import Phase, ReleaseState
from tidegate.domain.switch import Health, SwitchEvidence
from tidegate.domain.watch import Watched, WatchEvidence
from tidegate.service.ports import EventStore
from tidegate_sdk.bucketing import PARTS

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class EvidenceGatherer:
    """Reads evidence from the event store."""

    def __init__(self, events: EventStore) -> None:
        self._events = events

    def evidence(self, release: Release, state: ReleaseState, seq: int, now: datetime) -> Evidence:
        """Evidence of a rollout under way, from events up to `seq`.

        What is in force is read from STATE: an emergency override hides it from the traffic.
        """
        return Evidence(
            step=state.step,
            paused=state.phase is Phase.PAUSED,
            seq=seq,
            share_ppm=state.weight,
            orders=release.orders,
            stages=self._stages(release, seq, now),
        )

    def experiment_evidence(
        self,
        release: Release,
        state: ReleaseState,
        policy: ExperimentPolicy,
        seq: int,
        now: datetime,
    ) -> ExperimentEvidence:
        """Evidence of an experiment, from events up to `seq`."""
        goals = self._goals(release, policy, seq, now)
        stages = self._events.arms(release.rollout, seq, now, release.window_s)
        return ExperimentEvidence(
            seq=seq,
            step=state.step,
            paused=state.phase is Phase.PAUSED,
            orders=release.orders,
            dropped=tuple(each.arm for each in state.dropped),
            stages=tuple(
                ExperimentStage(
                    index=stage.step,
                    shares_ppm=shares_in(release, state, stage.step),
                    arms={
                        name: ArmEvidence(
                            counts=counts, goal=goals.get((stage.step, name), GoalStatistics())
                        )
                        for name, counts in stage.arms.items()
                    },
                )
                for stage in stages
            ),
        )

    def switch_evidence(
        self, release: Release, seq: int, now: datetime, health: Health | None
    ) -> SwitchEvidence:
        """Evidence of an environment before the switch, from events up to `seq`."""
        stages = self._events.arms(release.rollout, seq, now, release.window_s)
        preview = [stage.arms[PREVIEW] for stage in stages if PREVIEW in stage.arms]
        return SwitchEvidence(
            seq=seq,
            orders=release.orders,
            health=health,
            preview_units=sum(counts.units for counts in preview),
            preview_incidents={
                name: sum(counts.incidents.get(name, 0) for counts in preview)
                for name in release.policy.incident_names
            },
        )

    def _goals(
        self, release: Release, policy: ExperimentPolicy, seq: int, now: datetime
    ) -> dict[tuple[int, str], GoalStatistics]:
        goal = policy.goal
        if goal.kind == "binary" and goal.covariate is None:
            return {}  # the counts say it all
        found = self._events.goal_values(release.rollout, goal, seq, now, release.window_s)
        return {(each.stage, each.arm): goal_statistics(goal, each) for each in found}

    def watch_evidence(self, release: Release, seq: int, clock: Clock) -> WatchEvidence:
        """Evidence since all units have a version, beside what was learnt before."""
        stages = self._stages(release, seq, clock.now)
        closed_before = clock.now - timedelta(seconds=release.window_s)
        guardrails = {}
        for name in release.policy.incident_names:
            runs = self._events.afterwards(
                release.rollout, name, seq, since=clock.step_started, closed_before=closed_before
            )
            if release.policy.switch is None:
                learnt = learnt_of([stage.candidate for stage in comparable(stages)], name)
            else:
                learnt = self._before_switch(release, name, stages, seq, closed_before)
            guardrails[name] = msgspec.structs.replace(learnt, runs=runs)
        return WatchEvidence(seq=seq, guardrails=guardrails)

    def _before_switch(
        self,
        release: Release,
        name: str,
        stages: tuple[StageCounts, ...],
        seq: int,
        closed_before: datetime,
    ) -> Watched:
        """What the old environment taught: while the new one was in preview, and before that."""
        preview = learnt_of([stage.baseline for stage in stages], name)
        previous = rollout_id(release.agent, release.previous or "")
        before = self._events.afterwards(
            previous, name, seq, since=_LONG_AGO, closed_before=closed_before
        )
        return Watched(
            incidents=preview.incidents + sum(incidents for _, incidents in before),
            units=preview.units + sum(map(sum, before)),
        )

    def _stages(self, release: Release, seq: int, now: datetime) -> tuple[StageCounts, ...]:
        stages = self._events.stages(release.rollout, seq, now, release.window_s)
        if release.policy.exposure == "once":
            return stages
        incidents = {
            name: self._events.risk_sets(release.rollout, name, seq)
            for name in release.policy.incident_names
        }
        return with_bets(stages, release.policy, incidents)


def learnt_of(arms: Sequence[ArmCounts], name: str) -> Watched:
    """What some arms taught about an incident's rate."""
    incidents = sum(arm.incidents.get(name, 0) for arm in arms)
    units = max(sum(arm.matured for arm in arms), incidents)
    return Watched(incidents=incidents, units=units)


def shares_in(release: Release, state: ReleaseState, stage: int) -> dict[str, int]:
    """Each arm's share in one stage of an experiment, in parts per million."""
    gone = {each.arm for each in state.dropped if each.stage <= stage}
    plan = release.intent.strategy.ab
    arms = {} if plan is None else plan.arms
    shares = {name: 0 if name in gone else arm.share_ppm for name, arm in arms.items()}
    return {CONTROL: PARTS - sum(shares.values())} | shares
