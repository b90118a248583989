"""Evidence for one look: what the event log says about a release, as the decision core wants it."""

from datetime import datetime, timedelta

from tidegate.domain.assessment import comparable
from tidegate.domain.at_risk import with_bets
from tidegate.domain.evidence import Evidence, StageCounts
from tidegate.domain.release import Release
from tidegate.domain.state import Phase, ReleaseState
from tidegate.domain.watch import Watched, WatchEvidence
from tidegate.service.ports import EventStore


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

    def watch_evidence(self, release: Release, seq: int, now: datetime) -> WatchEvidence:
        """Evidence since all units have a version, beside what its rollout taught."""
        learnt = comparable(self._stages(release, seq, now))
        return WatchEvidence(
            seq=seq,
            guardrails={
                name: self._watched(release, name, learnt, seq, now)
                for name in release.policy.incident_names
            },
        )

    def _watched(
        self,
        release: Release,
        name: str,
        learnt: tuple[StageCounts, ...],
        seq: int,
        now: datetime,
    ) -> Watched:
        incidents = sum(stage.candidate.incidents.get(name, 0) for stage in learnt)
        matured = sum(stage.candidate.matured for stage in learnt)
        closed_before = now - timedelta(seconds=release.window_s)
        return Watched(
            incidents=incidents,
            units=max(matured, incidents),
            runs=self._events.afterwards(release.rollout, name, seq, closed_before),
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
