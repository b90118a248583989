"""What a person's checkout is told of as plain data: commits with their authors, and the remote."""

import msgspec

from tidegate.domain.commits import CommitInfo


class AuthoredCommit(CommitInfo, frozen=True, kw_only=True):
    """A commit, and who wrote it."""

    author: str


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """Where the branch of a checkout is pushed to.

    Attributes:
        remote: the remote's name, such as "origin".
        branch: the branch there.
        reference: that branch as last fetched; None if it was never seen.
    """

    remote: str
    branch: str
    reference: str | None

    def __str__(self) -> str:
        return f"{self.remote}/{self.branch}"
