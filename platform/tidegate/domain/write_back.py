"""What a decision changes in the manifest repository: planned commits, no git.

Every decision is one commit of STATE with its record. A rollback is followed, in the same push, by
the revert of the deploy: a commit of its own that puts INTENT back byte for byte, so that a person
who reverts it (a retry) does not also erase what is known about the bad version.
"""

import msgspec

from tidegate.domain import manifest_files as files
from tidegate.domain.canary import Canary, Step
from tidegate.domain.commit_subjects import subject_of
from tidegate.domain.commits import PlannedCommit
from tidegate.domain.decision import Verdict
from tidegate.domain.intent import Strategy
from tidegate.domain.next_state import next_state
from tidegate.domain.record import (
    DecisionRecord,
    digest_of,
    to_json,
)
from tidegate.domain.release import Release

_PROPOSED_SHARES = ("5%", "25%", "50%", "100%")


class Deploy(msgspec.Struct, frozen=True, kw_only=True):
    """The commit that started an attempt, and what INTENT was before it."""

    commit: str
    subject: str
    intent_before: bytes


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
        message=f"{subject_of(record, state)}\n\n{record.decision.reason}\n\n{trailers}",
        contents={
            files.state_path(record.environment, record.agent): files.render(state),
            files.evidence_path(record.environment, record.agent): content,
        },
    )
    if deploy is None:
        return [written]
    return [written, _revert(record, deploy, trailers)]


def proposal_of(release: Release, record: DecisionRecord) -> PlannedCommit | None:
    """The INTENT that a winner suggests, where people have kept the last word; it is for a branch.

    It names the winner, and a canary that people may edit before they merge it.
    """
    plan = release.intent.strategy.ab
    wins = record.decision.verdict is Verdict.DECLARE_WINNER
    if plan is None or not wins or plan.winner != "propose":
        return None
    steps = tuple(Step(set_weight=share, certify=share == "50%") for share in _PROPOSED_SHARES)
    intent = msgspec.structs.replace(
        release.intent, version=record.candidate, strategy=Strategy(canary=Canary(steps=steps))
    )
    return PlannedCommit(
        message=(
            f"{record.agent}: propose {record.candidate}, winner of an experiment\n\n"
            f"{record.decision.reason}"
        ),
        contents={files.intent_path(record.environment, record.agent): files.render(intent)},
    )


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
