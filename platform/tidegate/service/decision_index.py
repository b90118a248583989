"""The index of decisions: read from git's log, so that it can be lost and made again."""

import re

from tidegate.domain import manifest_files as files
from tidegate.domain.commits import CommitInfo
from tidegate.domain.journal import IndexedDecision
from tidegate.domain.record import DecisionRecord, digest_of, from_json
from tidegate.service.ports import ControlDatabase, ManifestRepository

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
        for info in self._repository.since(head, self._indexed):
            record = self._record(info)
            if record is not None:
                self._control.add_decision(_indexed(info, record))
        self._indexed = head

    def _record(self, info: CommitInfo) -> DecisionRecord | None:
        """The record of a decision commit; None for any other commit.

        A person's revert of a decision repeats none of its trailers, and so is no decision.
        """
        release, digest = info.trailer("Tidegate-Release"), info.trailer("Tidegate-Evidence")
        if release is None or "/" not in release:
            return None
        environment, agent = release.split("/", 1)
        content = self._repository.read(info.commit, files.evidence_path(environment, agent))
        if content is None or digest_of(content) != digest:
            return None
        return from_json(content)


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
