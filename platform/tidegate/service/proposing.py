"""Winners of experiments whose release is only proposed: a branch that people may merge."""

from contextlib import suppress

from tidegate.domain import manifest_files as files
from tidegate.domain.errors import HeadMoved
from tidegate.domain.record import DecisionRecord, from_json
from tidegate.domain.release import Release
from tidegate.domain.state import Phase
from tidegate.domain.write_back import proposal_of
from tidegate.service.ports import ManifestRepository


class Proposer:
    """Puts a winner on a branch of its own, once, also if the service died in between.

    Args:
        repository: where the branch goes.
    """

    def __init__(self, repository: ManifestRepository) -> None:
        self._repository = repository

    def propose(self, release: Release) -> None:
        """Propose what a release's last decision found, if INTENT leaves the last word to people.

        Raises:
            RemoteUnreachable: no answer; to be tried again.
        """
        kept = f"proposed/{release.environment}/{release.rollout}"
        if not _has_winner(release) or self._repository.recall(kept) is not None:
            return
        path = files.evidence_path(release.environment, release.agent)
        content = self._repository.read(release.commit, path)
        if content is not None:
            self._publish(release, from_json(content))
        self._repository.remember(kept, release.commit)

    def _publish(self, release: Release, record: DecisionRecord) -> None:
        proposal = proposal_of(release, record)
        if proposal is None:
            return
        branch = f"tidegate/{release.agent}-{record.decision_id}"
        with suppress(HeadMoved):  # it is there since before a crash, perhaps edited by people
            self._repository.publish_branch(branch, release.commit, proposal)


def _has_winner(release: Release) -> bool:
    plan, state = release.intent.strategy.ab, release.state
    if plan is None or plan.winner != "propose" or state is None:
        return False
    return state.attempt == release.attempt and state.phase is Phase.COMPLETED
