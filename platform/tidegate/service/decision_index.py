"""The index of decisions: read from git's log, so that it can be lost and made again."""

import logging
import re

import msgspec

from tidegate.domain.commits import CommitInfo
from tidegate.domain.journal import IndexedDecision
from tidegate.domain.record import DecisionRecord
from tidegate.service.ports import ControlDatabase, ManifestRepository
from tidegate.service.recorded_decisions import record_at

log = logging.getLogger(__name__)
_REVERTS = re.compile(r"^This reverts commit ([0-9a-f]{40})\.$", re.MULTILINE)


class DecisionIndex:
    """Keeps the control database's index of decisions in step with the repository.

    Args:
        repository: where the decisions are.
        control: where they are indexed.
    """

    def __init__(self, repository: ManifestRepository, control: ControlDatabase) -> None:
        self._repository = repository
        self._control = control
        self._indexed: str | None = None

    def catch_up(self, head: str) -> None:
        """Index every decision commit up to `head` that is not indexed yet."""
        if head == self._indexed:
            return
        for info in self._repository.since(head, self._indexed):
            try:
                record = record_at(self._repository, info)
            except msgspec.DecodeError as error:
                log.warning("%s holds no record that can be read: %s", info.commit[:12], error)
                continue
            if record is not None:
                self._control.add_decision(_indexed(info, record))
        self._indexed = head


def _indexed(info: CommitInfo, record: DecisionRecord) -> IndexedDecision:
    reverts = _REVERTS.search(info.message)
    return IndexedDecision(
        decision_id=record.decision_id,
        commit=info.commit,
        rollout=record.rollout,
        attempt=record.attempt,
        environment=record.environment,
        agent=record.agent,
        verdict=record.decision.verdict.value,
        rule=record.decision.rule,
        reason=record.decision.reason,
        guardrail=record.decision.guardrail,
        step=record.evidence.step,
        baseline=record.baseline,
        candidate=record.candidate,
        decided_at=record.clock.now,
        reverts=reverts.group(1) if reverts else None,
    )
