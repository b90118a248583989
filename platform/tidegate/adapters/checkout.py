"""A person's checkout of the manifest repository, through their own git."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from tidegate.adapters import person_git
from tidegate.adapters.trees import CommitTree, WorkingTree
from tidegate.domain.errors import RemoteUnreachable, RepositoryError, UnknownCommit
from tidegate.domain.person_commits import AuthoredCommit, Upstream

_FORMAT = "%H%n%P%n%an%n%cI%n%B"
_UNFINISHED = {
    "merge": "MERGE_HEAD",
    "cherry-pick": "CHERRY_PICK_HEAD",
    "revert": "REVERT_HEAD",
    "rebase": "rebase-merge",
    "am": "rebase-apply",
}
"""What git may be in the middle of, and the file that says so."""


class Checkout:
    """The `Checkout` port on an ordinary checkout.

    Args:
        folder: somewhere in it.

    Raises:
        RepositoryError: the folder is in no checkout.
    """

    def __init__(self, folder: Path) -> None:
        found = (
            person_git.maybe(folder, "rev-parse", "--show-toplevel") if folder.is_dir() else None
        )
        if not found:
            raise RepositoryError(
                f"{folder.absolute()} is in no git checkout; go into one of the manifest "
                "repository, or name it with --manifest"
            )
        self.top = Path(found).resolve()
        self._known: dict[str, bytes] = {}

    def working_tree(self) -> WorkingTree:
        """The files as they lie there."""
        return WorkingTree(self.top)

    def tree(self, commit: str) -> CommitTree:
        """The files at a commit."""
        return CommitTree(self.top, commit, self._known)

    def resolve(self, revision: str) -> str | None:
        """The commit that a name stands for."""
        wanted = f"{revision}^{{commit}}"
        return person_git.maybe(self.top, "rev-parse", "--verify", "--quiet", wanted) or None

    def info(self, commit: str) -> AuthoredCommit:
        """One commit as plain data."""
        try:
            printed = person_git.run(
                self.top, "-c", "i18n.logOutputEncoding=UTF-8", "log", "-1", "--no-show-signature",
                f"--format={_FORMAT}", commit, "--",
            )  # fmt: skip
        except RepositoryError as error:
            raise UnknownCommit(commit) from error
        full, parents, author, at, message = printed.decode(errors="replace").split("\n", 4)
        return AuthoredCommit(
            commit=full,
            parent=parents.split(" ")[0] or None,
            author=author,
            committed_at=datetime.fromisoformat(at),
            message=message.rstrip("\n"),
        )

    def changes(self, commit: str, path: str, *, limit: int | None = None) -> list[str]:
        """First-parent commits up to a commit that changed a path, newest first."""
        most = [] if limit is None else [f"--max-count={limit}"]
        return person_git.lines(
            self.top, "rev-list", "--first-parent", *most, commit, "--", _only(path)
        )

    def read_at(self, commits: Sequence[str], path: str) -> dict[str, bytes]:
        """One file at several commits, without those at which it is not there."""
        named = {f"{commit}:{path}": commit for commit in commits}
        found = person_git.contents(self.top, named)
        return {named[name]: content for name, content in found.items()}

    def merge_base(self, one: str, other: str) -> str | None:
        """The last commit that two have in common."""
        return person_git.maybe(self.top, "merge-base", one, other) or None

    def between(self, base: str, commit: str, path: str) -> list[str]:
        """Commits after `base` up to a commit that changed a path, on all sides of merges."""
        return person_git.lines(self.top, "rev-list", f"{base}..{commit}", "--", _only(path))

    def under_way(self) -> str | None:
        """What git is in the middle of here, such as a merge; None if it is not."""
        for what, mark in _UNFINISHED.items():
            file = person_git.line(self.top, "rev-parse", "--git-path", mark)
            if (self.top / file).exists():
                return what
        return None

    def is_clean(self, path: str) -> bool:
        """Whether a file is as it is at HEAD."""
        return not person_git.names(self.top, "status", "--porcelain", "-z", "--", _only(path))

    def commit(self, path: str, content: bytes, message: str) -> str:
        """Write one file and commit it, and nothing else."""
        return self._commit(path, content, message)

    def revert(self, commit: str, path: str, reason: str = "") -> str:
        """Undo what a commit did to one path; by `git revert` where that does just this."""
        parents, changed = self._parents(commit), self._changed(commit)
        plain = len(parents) == 1 and changed == [path] and self._is_index_clean()
        if plain and not reason:
            self._git_revert(commit, path)
            return self._head()
        before = self.read_at(parents[:1], path).get(parents[0]) if parents else None
        if before is None:
            raise RepositoryError(f"{commit[:12]} created {path}; there is nothing to go back to")
        # Like `git revert` it does not ask the pre-commit hook: a way back must not be held up.
        message = self._revert_message(commit, parents)
        said = f"{message}\n\n{reason}" if reason else message
        return self._commit(path, before, said, "--no-verify")

    def upstream(self) -> Upstream | None:
        """Where the branch is pushed to."""
        branch = person_git.maybe(self.top, "symbolic-ref", "--quiet", "HEAD")
        if not branch:
            raise RepositoryError(
                "no branch is checked out, so there is nothing to commit to: git switch main"
            )
        form = "%(upstream:remotename)%09%(upstream:remoteref)%09%(upstream)"
        remote, target, reference = person_git.fields(
            self.top, "for-each-ref", f"--format={form}", branch, count=3
        )
        if not (remote and target):
            return self._only_remote(branch.removeprefix("refs/heads/"))
        seen = reference if reference and self.resolve(reference) else None
        return Upstream(remote=remote, branch=target.removeprefix("refs/heads/"), reference=seen)

    def distance(self, reference: str) -> tuple[int, int]:
        """How many commits are here only, and how many there only."""
        here, there = person_git.fields(
            self.top, "rev-list", "--left-right", "--count", f"HEAD...{reference}", count=2
        )
        return int(here), int(there)

    def fetch(self, upstream: Upstream) -> None:
        """Bring here what is there."""
        try:
            person_git.run(self.top, "fetch", "--quiet", upstream.remote)
        except RepositoryError as error:
            raise RemoteUnreachable(f"{upstream.remote} gives no answer: {error}") from error

    def fast_forward(self, reference: str) -> None:
        """Go on to a later commit of the same line."""
        person_git.run(self.top, "merge", "--quiet", "--ff-only", reference)

    def push(self, upstream: Upstream) -> None:
        """Push the branch; never by force."""
        track = ["--set-upstream"] if upstream.reference is None else []
        person_git.run(
            self.top,
            "push",
            "--quiet",
            *track,
            upstream.remote,
            f"HEAD:refs/heads/{upstream.branch}",
        )

    def rebase(self, reference: str) -> None:
        """Put the commits that are here only on top of what is there."""
        try:
            person_git.run(self.top, "rebase", "--quiet", "--autostash", reference)
        except RepositoryError:
            person_git.maybe(self.top, "rebase", "--abort")
            raise

    def merged_in(self) -> list[str]:
        """Commits that a merge under way brings in."""
        found = self.resolve("MERGE_HEAD")
        return [] if found is None else [found]

    def _commit(self, path: str, content: bytes, message: str, *flags: str) -> str:
        file = self.top / path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            person_git.run(self.top, "add", "--", _only(path))
            person_git.run(
                self.top,
                "commit",
                "--quiet",
                *flags,
                f"--message={message}",
                "--only",
                "--",
                _only(path),
            )
        except BaseException:
            self._put_back(path)
            raise
        return self._head()

    def _put_back(self, path: str) -> None:
        """The file, and what git knows of it, as at HEAD."""
        person_git.maybe(self.top, "reset", "--quiet", "--", _only(path))
        if person_git.maybe(self.top, "checkout", "--quiet", "HEAD", "--", _only(path)) is None:
            (self.top / path).unlink(missing_ok=True)

    def _git_revert(self, commit: str, path: str) -> None:
        try:
            person_git.run(self.top, "-c", "revert.reference=false", "revert", "--no-edit", commit)
        except BaseException:
            person_git.maybe(self.top, "revert", "--quit")
            self._put_back(path)
            raise

    def _revert_message(self, commit: str, parents: list[str]) -> str:
        """In git's own words."""
        subject = self.info(commit).subject
        merged = f", reversing\nchanges made to {parents[0]}" if len(parents) > 1 else ""
        return f'Revert "{subject}"\n\nThis reverts commit {commit}{merged}.'

    def _head(self) -> str:
        return person_git.line(self.top, "rev-parse", "HEAD")

    def _parents(self, commit: str) -> list[str]:
        return person_git.line(self.top, "rev-list", "--parents", "-1", commit).split(" ")[1:]

    def _changed(self, commit: str) -> list[str]:
        return person_git.names(
            self.top, "diff-tree", "-r", "-z", "--name-only", "--no-commit-id", commit
        )

    def _is_index_clean(self) -> bool:
        return not person_git.names(self.top, "diff", "--cached", "--name-only", "-z")

    def _only_remote(self, branch: str) -> Upstream | None:
        """The remote to push a new branch to."""
        remotes = person_git.lines(self.top, "remote")
        if not remotes:
            return None
        if len(remotes) > 1 and "origin" not in remotes:
            raise RepositoryError(
                f"{branch} has no upstream, and there are several remotes ({', '.join(remotes)}): "
                f"git push --set-upstream REMOTE {branch}"
            )
        remote = "origin" if "origin" in remotes else remotes[0]
        return Upstream(remote=remote, branch=branch, reference=None)


def _only(path: str) -> str:
    """A path as git must be told, so that nothing in it is taken for a pattern."""
    return f":(literal){path}"
