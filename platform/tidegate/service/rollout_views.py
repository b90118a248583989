"""Rollouts as people and dashboards read them: from the index of decisions and what is served."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from tidegate.domain import manifest_files as files
from tidegate.domain.assessment import Assessment, assess
from tidegate.domain.canary import Step
from tidegate.domain.decision import Verdict
from tidegate.domain.errors import UnknownRollout
from tidegate.domain.evidence import Evidence
from tidegate.domain.experiment_assessment import ArmAssessment, assess_experiment
from tidegate.domain.experiment_evidence import ExperimentEvidence
from tidegate.domain.experiment_policy import ExperimentPolicy
from tidegate.domain.journal import IndexedDecision, Look
from tidegate.domain.policy import Policy
from tidegate.domain.record import DecisionRecord, from_json
from tidegate.domain.release import Release
from tidegate.service.gathering import EvidenceGatherer
from tidegate.service.ports import (
    Clock,
    ControlDatabase,
    EventStore,
    ManifestRepository,
)
from tidegate.service.served_manifest import ServedManifest

_END_OF = {
    Verdict.ROLL_BACK.value: "RolledBack",
    Verdict.PROMOTE.value: "Completed",
    Verdict.DECLARE_WINNER.value: "Completed",
    Verdict.NO_DIFFERENCE.value: "Completed",
}


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
        superseded_by: the commit with which a person ended it, if one did.
        revert_commit: the engine's revert of the deploy, if there was one.
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
    superseded_by: str | None
    revert_commit: str | None
    seconds_to_revert: float | None


class RolloutDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout with its evidence.

    Attributes:
        evidence: what the last decision was taken on or, while it runs, what is known now.
        arms: of an experiment, how each contender stands against the control.
        exposed_units, exposed_candidate_units: all units that were ever exposed, also those that
            came between the decision and its effect.
    """

    rollout: RolloutView
    steps: list[StepView]
    evidence: Evidence
    assessments: list[Assessment]
    arms: list[ArmAssessment]
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
        self._gather = EvidenceGatherer(events)
        self._control = control
        self._clock = clock

    def all(self) -> list[RolloutView]:
        """Every rollout, newest first."""
        courses = _courses(self._control.decisions())
        return [self._view(each) for each in courses.values()][::-1]

    def one(self, rollout: str) -> RolloutDetail:
        """One rollout with its evidence.

        Raises:
            UnknownRollout: there is none of this id.
        """
        course = _courses(self._control.decisions()).get(rollout)
        if course is None:
            raise UnknownRollout(rollout)
        current = self._current(course.decisions[0])
        now = self._now(rollout, current)
        view = self._view(course)
        record = self._last_record(course.decisions)
        policy, evidence = record.policy, now
        if view.phase in _END_OF.values() and isinstance(record.evidence, Evidence):
            evidence = record.evidence
        canary = policy if isinstance(policy, Policy) else None
        return RolloutDetail(
            rollout=view,
            steps=[_step(each) for each in canary.steps] if canary else [],
            evidence=evidence,
            assessments=list(assess(canary, evidence)) if canary else [],
            arms=self._arms(record, current),
            exposed_units=now.units,
            exposed_candidate_units=now.candidate_units,
        )

    def _arms(self, record: DecisionRecord, current: Release | None) -> list[ArmAssessment]:
        """How the arms of an experiment stand: now while it runs, or when it ended."""
        policy, evidence = record.policy, record.evidence
        if not isinstance(policy, ExperimentPolicy) or not isinstance(evidence, ExperimentEvidence):
            return []
        if current is not None and current.in_rollout and current.state is not None:
            evidence = self._gather.experiment_evidence(
                current, current.state, policy, self._events.last_seq(), self._clock.now()
            )
        return list(assess_experiment(policy, evidence))

    def decisions(self, rollout: str | None = None) -> list[IndexedDecision]:
        """Decisions, oldest first: all, or those of a rollout and the one that ended it."""
        everything = self._control.decisions()
        if rollout is None:
            return everything
        course = _courses(everything).get(rollout)
        if course is None:
            return [each for each in everything if each.rollout == rollout]
        return [*course.decisions, *([course.ended_by] if course.ended_by is not None else [])]

    def _view(self, course: "_Course") -> RolloutView:
        first, last = course.decisions[0], course.decisions[-1]
        looks = self._control.looks(first.rollout)
        look = looks[-1] if looks else None
        release = self._current(first)
        running = release if release is not None and release.in_rollout else None
        end = course.ended_by or course.end
        phase = _END_OF.get(last.verdict) or (
            release.traffic.phase.value if release is not None else _phase_after(course)
        )
        return RolloutView(
            id=first.rollout,
            agent=first.agent,
            environment=first.environment,
            baseline=first.baseline,
            candidate=first.candidate,
            phase=phase,
            step=running.step if running is not None else last.step,
            share_ppm=running.traffic.share_ppm if running is not None else 0,
            reason=_reason(course, None if running is None else look),
            started_at=first.decided_at,
            ended_at=end.decided_at if end is not None else None,
            units=look.units if look is not None else 0,
            candidate_units=look.candidate_units if look is not None else 0,
            deploy_commit=first.attempt,
            decision_commits=[each.commit for each in course.decisions],
            superseded_by=course.ended_by.attempt if course.ended_by is not None else None,
            revert_commit=course.revert.commit if course.revert is not None else None,
            seconds_to_revert=_seconds_to_revert(course.revert),
        )

    def _current(self, decision: IndexedDecision) -> Release | None:
        release = self._manifest.current.releases.get(decision.agent)
        return release if release is not None and release.rollout == decision.rollout else None

    def _now(self, rollout: str, current: Release | None) -> Evidence:
        """What is known now; of a canary that runs, as the engine would see it."""
        seq, now = self._events.last_seq(), self._clock.now()
        state = None if current is None or not current.in_rollout else current.state
        if current is not None and state is not None and current.intent.strategy.canary:
            return self._gather.evidence(current, state, seq, now)
        window_s = current.window_s if current is not None else 0
        stages = self._events.stages(rollout, seq, now, window_s)
        return Evidence(step=0, paused=False, seq=seq, stages=stages)

    def _last_record(self, decisions: list[IndexedDecision]) -> DecisionRecord:
        """The record of the last decision on a comparison; a later watch has no stages."""
        last = [each for each in decisions if each.rule != "change_detected"][-1]
        content = self._repository.read(
            last.commit, files.evidence_path(last.environment, last.agent)
        )
        if content is None:
            raise UnknownRollout(last.rollout)
        return from_json(content)


@dataclass
class _Course:
    """The decisions of one rollout, and the decision that acknowledges a person's end of it."""

    decisions: list[IndexedDecision]
    ended_by: IndexedDecision | None = None

    @property
    def revert(self) -> IndexedDecision | None:
        """The engine's revert of the deploy."""
        return next((each for each in self.decisions if each.reverts is not None), None)

    @property
    def end(self) -> IndexedDecision | None:
        """The decision that ended it; an alarm may follow a promotion."""
        return next((each for each in self.decisions[::-1] if each.verdict in _END_OF), None)

    @property
    def has_ended(self) -> bool:
        return self.ended_by is not None or self.end is not None


def _courses(decisions: list[IndexedDecision]) -> dict[str, _Course]:
    """The course of every rollout, by id, oldest first.

    The next attempt of an agent ends a rollout of it that had not ended by itself.
    """
    courses: dict[str, _Course] = {}
    running: dict[tuple[str, str], _Course] = {}
    for decision in decisions:
        agent = (decision.environment, decision.agent)
        course = courses.get(decision.rollout)
        if course is not None:
            course.decisions.append(decision)
            continue
        before = running.pop(agent, None)
        if before is not None and not before.has_ended:
            before.ended_by = decision
        if decision.rule == "start":
            courses[decision.rollout] = running[agent] = _Course([decision])
    return courses


def _phase_after(course: _Course) -> str:
    """How a rollout stands that is not served any more."""
    return "Superseded" if course.end is None else _END_OF[course.end.verdict]


def _reason(course: _Course, look: Look | None) -> str:
    if look is not None:
        return look.reason
    if course.ended_by is None:
        return course.decisions[-1].reason
    if course.ended_by.rule == "superseded":
        return course.ended_by.reason
    return f"superseded by {course.ended_by.attempt[:12]}: a person began another attempt"


def _step(step: Step) -> StepView:
    return StepView(share_ppm=step.share_ppm, min_units=step.min_units, certify=step.certify)


def _seconds_to_revert(revert: IndexedDecision | None) -> float | None:
    if revert is None or revert.pushed_at is None or revert.first_harm_at is None:
        return None
    return (revert.pushed_at - revert.first_harm_at).total_seconds()
