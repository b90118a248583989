"""Take a decision again: from its record, from the manifest of the time, and from the event log."""

from collections.abc import Iterator

import msgspec

from tidegate.domain import manifest_files as files
from tidegate.domain import record_checks as checks
from tidegate.domain.commits import CommitInfo
from tidegate.domain.errors import InvalidManifest
from tidegate.domain.evidence import Evidence
from tidegate.domain.experiment_evidence import ExperimentEvidence
from tidegate.domain.record import AnyDecision, AnyEvidence, DecisionRecord, from_json
from tidegate.domain.release import Release
from tidegate.domain.switch import SwitchEvidence
from tidegate.domain.verification import Check, Verification, conclusion
from tidegate.domain.watch import WatchEvidence
from tidegate.service.decision_case import REVERTS, Case
from tidegate.service.gathering import EvidenceGatherer
from tidegate.service.ports import EventStore, ManifestRepository
from tidegate.service.recorded_decisions import content_at, release_of


class Verifier:
    """Verifies decision commits.

    Args:
        repository: where they are.
        events: the log that they were decided on.
    """

    def __init__(self, repository: ManifestRepository, events: EventStore) -> None:
        self._repository = repository
        self._events = events
        self._gather = EvidenceGatherer(events)

    def verify(self, commit: str) -> Verification:
        """Take the decision of a commit again.

        Args:
            commit: of a decision, or of the revert that follows one.

        Returns:
            Every check with what it found; checks that need what is missing are left out.

        Raises:
            UnknownCommit: there is none.
        """
        info = self._decision_of(self._repository.info(commit))
        named, content = release_of(info), content_at(self._repository, info)
        if named is None or info.parent is None or info.trailer("Tidegate-Decision") is None:
            words = "it is no decision: its message has none of the trailers of one"
            return _unrecorded(info, Check(name="decision", ok=False, detail=words))
        if content is None:
            words = f"{files.evidence_path(*named)} is missing"
            return _unrecorded(info, Check(name="digest", ok=False, detail=words))
        sealed = checks.digest_check(info, content)
        try:
            record = from_json(content)
        except msgspec.DecodeError as error:
            words = f"{files.evidence_path(*named)} is no record of a decision: {error}"
            return _unrecorded(info, sealed, Check(name="decision", ok=False, detail=words))
        return self._verified(Case(self._repository, info, named, content, record), sealed)

    def _decision_of(self, info: CommitInfo) -> CommitInfo:
        """The commit that carries the record: the one before, where a revert is asked for."""
        if REVERTS not in info.message or info.parent is None:
            return info
        before = self._repository.info(info.parent)
        decision = info.trailer("Tidegate-Decision")
        return before if decision and decision == before.trailer("Tidegate-Decision") else info

    def _verified(self, case: Case, sealed: Check) -> Verification:
        found = (
            sealed,
            checks.attempted("id", lambda: checks.id_check(case.info, case.content)),
            checks.trailers_check(case.info, case.record),
            case.history_check(),
            *self._on_the_manifest(case),
        )
        record = case.record
        return Verification(
            commit=case.info.commit,
            revert=case.revert,
            environment=record.environment,
            rollout=record.rollout,
            verdict=record.decision.verdict.value,
            rule=record.decision.rule,
            reason=record.decision.reason,
            seq=record.evidence.seq,
            decided_at=record.clock.now,
            verified=all(each.ok for each in found),
            conclusion=conclusion(found),
            checks=found,
        )

    def _on_the_manifest(self, case: Case) -> Iterator[Check]:
        """The checks that need the release as it stood before the decision."""
        record = case.record
        try:
            release = case.decided_on
        except InvalidManifest as error:
            yield Check(name="release", ok=False, detail=f"cannot be read: {error}")
            return
        yield from _taken_again(record, release)
        yield checks.attempted("policy", lambda: checks.policy_check(record, release))
        yield checks.attempted("release", lambda: checks.release_check(record, release))
        yield checks.attempted("evidence", lambda: self._evidence_check(record, release))
        yield checks.attempted("state", case.state_check)
        yield case.untouched_check()
        if case.rolls_back:
            yield checks.attempted("revert", case.revert_check)

    def _evidence_check(self, record: DecisionRecord, release: Release) -> Check:
        """Whether the event log says what is recorded."""
        if checks.needs_no_evidence(record):
            anew = checks.by_manifest_alone(record, release)
            none = record.evidence if anew is None else anew.evidence
            return checks.evidence_check(record, none, "the manifest, which needs no events,")
        seq, last = record.evidence.seq, self._events.last_seq()
        if seq > last:
            # Asking the store for more than it has would make it pass over what is to come.
            words = f"it was taken on event {seq}, but the event log ends at {last}: events are "
            words += "missing, or this is the log of another service"
            return Check(name="evidence", ok=False, detail=words)
        found = self._gathered(record, release)
        if found is None:
            words = f"evidence of this kind is not gathered for {release.rollout} as it stood"
            return Check(name="evidence", ok=False, detail=words)
        if _units(record.evidence) and not _units(found):
            words = f"the event log knows no unit of {record.rollout}: it is another service's"
            return Check(name="evidence", ok=False, detail=words)
        return checks.evidence_check(record, found, f"the event log up to event {seq}")

    def _gathered(self, record: DecisionRecord, release: Release) -> AnyEvidence | None:
        """The evidence anew; of an environment's health only the record is left."""
        state, clock, seq = release.state, record.clock, record.evidence.seq
        match record.evidence:
            case Evidence() if state is not None:
                return self._gather.evidence(release, state, seq, clock.now)
            case ExperimentEvidence() if state is not None and release.experiment is not None:
                return self._gather.experiment_evidence(
                    release, state, release.experiment, seq, clock.now
                )
            case SwitchEvidence(health=health):
                return self._gather.switch_evidence(release, seq, clock.now, health)
            case WatchEvidence():
                return self._gather.watch_evidence(release, seq, clock)
        return None


def _taken_again(record: DecisionRecord, release: Release) -> Iterator[Check]:
    """The checks of the decision itself: by the rule or, without evidence, from the manifest."""
    try:
        again = _decision_anew(record, release)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        yield Check(name="rule", ok=False, detail=f"it cannot be taken again: {error}")
        return
    if again is None:
        words = f"nothing was to be decided on {release.rollout} as it stood"
        yield Check(name="rule", ok=False, detail=words)
        return
    yield checks.rule_check(record, again)
    yield checks.figures_check(record, again)


def _decision_anew(record: DecisionRecord, release: Release) -> AnyDecision | None:
    if not checks.needs_no_evidence(record):
        return record.recompute()
    anew = checks.by_manifest_alone(record, release)
    return None if anew is None else anew.decision


def _units(evidence: AnyEvidence) -> int:
    return evidence.units if isinstance(evidence, Evidence | ExperimentEvidence) else 0


def _unrecorded(info: CommitInfo, *found: Check) -> Verification:
    """What can be said where there is no record to go by."""
    return Verification(
        commit=info.commit, verified=False, conclusion=conclusion(found), checks=found
    )
