"""Rollouts as people and dashboards read them: from the index of decisions and what is served."""

from collections import defaultdict
from datetime import datetime

import msgspec

from tidegate.domain import manifest_files as files
from tidegate.domain.assessment import Assessment, assess
from tidegate.domain.decision import Verdict
from tidegate.domain.errors import UnknownRollout
from tidegate.domain.evidence import Evidence
from tidegate.domain.journal import IndexedDecision
from tidegate.domain.manifest import Step
from tidegate.domain.record import DecisionRecord, from_json
from tidegate.domain.release import Release
from tidegate.service.ports import (
    Clock,
    ControlDatabase,
    EventStore,
    ManifestRepository,
)
from tidegate.service.served_manifest import ServedManifest

_END_OF = {Verdict.ROLL_BACK.value: "RolledBack", Verdict.PROMOTE.value: "Completed"}


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the plan."""

    share_ppm: int
    min_units: int
    certify: bool


class RolloutView(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout at a glance.

    Attributes:
        id: agent and deploy, such as "support@2f1a…".
        phase: Progressing, Paused, Completed, RolledBack, or Superseded by a person.
        units, candidate_units: as of the engine's last look.
        seconds_to_revert: from the first harmful event to the pushed revert.
    """

    id: str
    agent: str
    environment: str
    baseline: str
    candidate: str
    phase: str
    step: int
    share_ppm: int
    reason: str
    started_at: datetime
    ended_at: datetime | None
    units: int
    candidate_units: int
    deploy_commit: str
    decision_commits: list[str]
    revert_commit: str | None
    seconds_to_revert: float | None


class RolloutDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout with its evidence.

    Attributes:
        evidence: what the last decision was taken on or, while it runs, what is known now.
        exposed_units, exposed_candidate_units: all units that were ever exposed, also those that
            came between the decision and its effect.
    """

    rollout: RolloutView
    steps: list[StepView]
    evidence: Evidence
    assessments: list[Assessment]
    exposed_units: int
    exposed_candidate_units: int


class RolloutViews:
    """Reads rollouts for the API."""

    def __init__(
        self,
        repository: ManifestRepository,
        manifest: ServedManifest,
        events: EventStore,
        control: ControlDatabase,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._manifest = manifest
        self._events = events
        self._control = control
        self._clock = clock

    def all(self) -> list[RolloutView]:
        """Every rollout, newest first."""
        by_rollout: dict[str, list[IndexedDecision]] = defaultdict(list)
        for decision in self._control.decisions():
            by_rollout[decision.rollout].append(decision)
        begun = [each for each in by_rollout.values() if each[0].rule == "start"]
        return [self._view(each) for each in begun][::-1]

    def one(self, rollout: str) -> RolloutDetail:
        """One rollout with its evidence.

        Raises:
            UnknownRollout: there is none of this id.
        """
        decisions = self._control.decisions(rollout)
        if not decisions or decisions[0].rule != "start":
            raise UnknownRollout(rollout)
        now = self._now(rollout)
        record = self._last_record(decisions)
        release = self._current(decisions[0])
        running = release is not None and release.in_rollout
        evidence = now if running else record.evidence
        return RolloutDetail(
            rollout=self._view(decisions),
            steps=[_step(each) for each in record.policy.steps],
            evidence=evidence,
            assessments=list(assess(record.policy, evidence)),
            exposed_units=now.units,
            exposed_candidate_units=now.candidate_units,
        )

    def _view(self, decisions: list[IndexedDecision]) -> RolloutView:
        first, last = decisions[0], decisions[-1]
        looks = self._control.looks(first.rollout)
        look = looks[-1] if looks else None
        release = self._current(first)
        phase = _END_OF.get(last.verdict) or (
            release.traffic.phase.value if release is not None else "Superseded"
        )
        running = phase in ("Progressing", "Paused") and release is not None
        revert = next((each for each in decisions if each.reverts is not None), None)
        return RolloutView(
            id=first.rollout,
            agent=first.agent,
            environment=first.environment,
            baseline=first.baseline,
            candidate=first.candidate,
            phase=phase,
            step=release.step if running and release is not None else last.step,
            share_ppm=release.traffic.share_ppm if running and release is not None else 0,
            reason=look.reason if running and look is not None else last.reason,
            started_at=first.decided_at,
            ended_at=last.decided_at if last.verdict in _END_OF else None,
            units=look.units if look is not None else 0,
            candidate_units=look.candidate_units if look is not None else 0,
            deploy_commit=first.attempt,
            decision_commits=[each.commit for each in decisions],
            revert_commit=revert.commit if revert is not None else None,
            seconds_to_revert=_seconds_to_revert(revert),
        )

    def _current(self, decision: IndexedDecision) -> Release | None:
        release = self._manifest.current.releases.get(decision.agent)
        return release if release is not None and release.rollout == decision.rollout else None

    def _now(self, rollout: str) -> Evidence:
        seq = self._events.last_seq()
        stages = self._events.stages(rollout, seq, self._clock.now())
        return Evidence(step=0, paused=False, seq=seq, stages=stages)

    def _last_record(self, decisions: list[IndexedDecision]) -> DecisionRecord:
        last = decisions[-1]
        content = self._repository.read(
            last.commit, files.evidence_path(last.environment, last.agent)
        )
        if content is None:
            raise UnknownRollout(last.rollout)
        return from_json(content)


def _step(step: Step) -> StepView:
    return StepView(share_ppm=step.share_ppm, min_units=step.min_units, certify=step.certify)


def _seconds_to_revert(revert: IndexedDecision | None) -> float | None:
    if revert is None or revert.pushed_at is None or revert.first_harm_at is None:
        return None
    return (revert.pushed_at - revert.first_harm_at).total_seconds()
