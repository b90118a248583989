"""One decision commit with its surroundings in git: what was before it, and what follows it."""

from collections.abc import Sequence
from functools import cached_property

from tidegate.domain import manifest_files as files
from tidegate.domain import record_checks as checks
from tidegate.domain.commits import CommitInfo
from tidegate.domain.decision import Verdict
from tidegate.domain.errors import InvalidManifest, UnknownCommit
from tidegate.domain.record import DecisionRecord
from tidegate.domain.release import Release
from tidegate.domain.verification import Check
from tidegate.service.ports import ManifestRepository
from tidegate.service.reading import ManifestReader

REVERTS = "This reverts commit "


class Case:
    """One decision commit with its surroundings in git.

    Args:
        repository: where it is.
        info: the commit.
        named: the environment and agent that it says it is about.
        content: the record as it is committed.
        record: the same, decoded.
    """

    def __init__(
        self,
        repository: ManifestRepository,
        info: CommitInfo,
        named: tuple[str, str],
        content: bytes,
        record: DecisionRecord,
    ) -> None:
        self._repository = repository
        self._reader = ManifestReader(repository, named[0])
        self._named = named
        self.info = info
        self.content = content
        self.record = record
        self.follower, self._in_history = self._following()

    @property
    def rolls_back(self) -> bool:
        """Whether a revert must follow."""
        return self.record.decision.verdict is Verdict.ROLL_BACK

    @property
    def revert(self) -> str | None:
        """The commit after it, if that is its revert of the deploy."""
        follower = self.follower
        is_revert = follower is not None and self._is_its_revert(follower)
        return follower.commit if follower is not None and is_revert else None

    def history_check(self) -> Check:
        """Whether the commit is on the branch that is served."""
        words = "is" if self._in_history else "is not"
        detail = f"it {words} on the branch that is served"
        return Check(name="history", ok=self._in_history, detail=detail)

    @cached_property
    def written_on(self) -> Release:
        """The release as the engine knew it when it wrote the decision: as of the commit before.

        Where a file could not be read there, it went by the last commit at which it could.

        Raises:
            InvalidManifest: it never could.
        """
        parent, agent = self.info.parent or "", self._named[1]
        try:
            return self._reader.release(agent, parent)
        except InvalidManifest:
            found = self._latest_readable(self._repository.since(parent, None))
            if found is None:
                raise
            return found

    @cached_property
    def decided_on(self) -> Release:
        """The release that the decision is about.

        A rollback that reached git late, when people had begun another attempt, was decided on the
        release as it was before.

        Raises:
            InvalidManifest: it cannot be read.
        """
        now, attempt, parent = self.written_on, self.record.attempt, self.info.parent or ""
        if now.attempt == attempt or not self._is_before(parent, attempt):
            return now
        since = (self._repository.info(attempt), *self._repository.since(parent, attempt))
        return self._latest_readable(since, attempt) or now

    def state_check(self) -> Check:
        """Whether STATE in the commit is what follows from the decision."""
        content = self._repository.read(self.info.commit, files.state_path(*self._named))
        return checks.state_check(self.record, self.written_on, content)

    def untouched_check(self) -> Check:
        """Whether the commit leaves alone what people write."""
        environment, agent = self._named
        people_write = (
            files.INSTALLATION_PATH,
            files.metrics_path(agent),
            files.intent_path(environment, agent),
            files.orders_path(environment, agent),
        )
        commit, parent = self.info.commit, self.info.parent or ""
        changed = [path for path in people_write if self._changes(path, commit, parent)]
        holds = "it changes nothing that people write"
        detail = f"it also changes {', '.join(changed)}, which the engine never does"
        return Check(name="untouched", ok=not changed, detail=detail if changed else holds)

    def revert_check(self) -> Check:
        """Whether the commit after it puts INTENT back byte for byte, and changes nothing else."""
        path, follower = files.intent_path(*self._named), self.follower
        before = self._intent_before()
        if before is None:
            detail = "people had begun another attempt, or there was none before: nothing to revert"
            return Check(name="revert", ok=True, detail=detail)
        if follower is None or self.revert is None:
            return Check(name="revert", ok=False, detail="no revert of the deploy follows it")
        if self._repository.read(follower.commit, path) != before:
            attempt = self.record.attempt[:12]
            detail = f"{follower.commit[:12]} does not put {path} back as it was before {attempt}"
            return Check(name="revert", ok=False, detail=detail)
        detail = f"{follower.commit[:12]} puts INTENT back, byte for byte"
        return Check(name="revert", ok=True, detail=detail)

    def _intent_before(self) -> bytes | None:
        """What the revert must put back; None where nothing is to be reverted."""
        if self.written_on.attempt != self.record.attempt:
            return None
        try:
            return self._reader.deploy_of(self.written_on).intent_before
        except InvalidManifest:
            return None

    def _is_its_revert(self, follower: CommitInfo) -> bool:
        told = f"{REVERTS}{self.record.attempt}." in follower.message
        same = (
            self._repository.blob(follower.commit, path)
            == self._repository.blob(self.info.commit, path)
            for path in (files.state_path(*self._named), files.evidence_path(*self._named))
        )
        decision = self.info.trailer("Tidegate-Decision")
        return told and follower.trailer("Tidegate-Decision") == decision and all(same)

    def _changes(self, path: str, commit: str, parent: str) -> bool:
        return self._repository.blob(commit, path) != self._repository.blob(parent, path)

    def _is_before(self, commit: str, attempt: str) -> bool:
        try:
            return self._repository.descends(commit, self._repository.info(attempt).commit)
        except UnknownCommit:
            return False

    def _latest_readable(
        self, commits: Sequence[CommitInfo], attempt: str | None = None
    ) -> Release | None:
        """The release at the latest commit where it can be read, of one attempt if said."""
        for info in reversed(commits):
            try:
                found = self._reader.release(self._named[1], info.commit)
            except InvalidManifest:
                continue
            if attempt in (None, found.attempt):
                return found
        return None

    def _following(self) -> tuple[CommitInfo | None, bool]:
        """The next commit of the branch that is served, and whether this one is on it."""
        head, commit = self._repository.head(), self.info.commit
        if head is None or not self._repository.descends(head, commit):
            return None, False
        later = self._repository.since(head, commit)
        if not later:
            return None, True
        return (later[0], True) if later[0].parent == commit else (None, False)
