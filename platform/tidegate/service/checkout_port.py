"""What the commands of a person need of their checkout; an adapter satisfies it by its shape."""

from collections.abc import Sequence
from typing import Protocol

from tidegate.domain.person_commits import AuthoredCommit, Upstream


class Tree(Protocol):
    """All files of a repository at one moment."""

    @property
    def paths(self) -> frozenset[str]:
        """Their paths from the top of the repository."""

    def read(self, path: str) -> bytes | None:
        """One file; None if it is not there."""


class History(Protocol):
    """The commits of a repository."""

    def resolve(self, revision: str) -> str | None:
        """The commit that a name such as HEAD or a branch stands for; None if there is none."""

    def tree(self, commit: str) -> Tree:
        """The files at a commit."""

    def info(self, commit: str) -> AuthoredCommit:
        """One commit as plain data."""

    def changes(self, commit: str, path: str, *, limit: int | None = None) -> list[str]:
        """First-parent commits up to a commit that changed a path, newest first."""

    def read_at(self, commits: Sequence[str], path: str) -> dict[str, bytes]:
        """One file at several commits, without those at which it is not there."""


class Checkout(History, Protocol):
    """A person's checkout."""

    def working_tree(self) -> Tree:
        """The files as they lie there: tracked ones, and new ones that git does not ignore."""

    def merged_in(self) -> list[str]:
        """Commits that a merge under way brings in."""

    def merge_base(self, one: str, other: str) -> str | None:
        """The last commit that two have in common; None if there is none here."""

    def between(self, base: str, commit: str, path: str) -> list[str]:
        """Commits after `base` up to a commit that changed a path, on all sides of merges."""

    def under_way(self) -> str | None:
        """What git is in the middle of here, such as a merge; None if it is not."""

    def is_clean(self, path: str) -> bool:
        """Whether a file is as it is at HEAD."""

    def commit(self, path: str, content: bytes, message: str) -> str:
        """Write one file and commit it, and nothing else.

        Raises:
            RepositoryError: git or a hook refused; the file is as it was.
        """

    def revert(self, commit: str, path: str, reason: str = "") -> str:
        """Undo what a commit did to one path, in a commit of its own, as `git revert` writes it.

        A reason stands below git's own lines.

        Raises:
            RepositoryError: git or a hook refused; the file is as it was.
        """

    def upstream(self) -> Upstream | None:
        """Where the branch is pushed to; None if there is no remote.

        Raises:
            RepositoryError: no branch is checked out, or it is not clear which remote is meant.
        """

    def distance(self, reference: str) -> tuple[int, int]:
        """How many commits are here only, and how many there only."""

    def fetch(self, upstream: Upstream) -> None:
        """Bring here what is there.

        Raises:
            RemoteUnreachable: no answer.
        """

    def fast_forward(self, reference: str) -> None:
        """Go on to a later commit of the same line.

        Raises:
            RepositoryError: files that are not committed are in the way.
        """

    def push(self, upstream: Upstream) -> None:
        """Push the branch; never by force.

        Raises:
            RepositoryError: it was not taken; the message carries git's words.
        """

    def rebase(self, reference: str) -> None:
        """Put the commits that are here only on top of what is there.

        Raises:
            RepositoryError: they do not go together; everything is as it was.
        """
