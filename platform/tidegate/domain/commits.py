"""Commits as plain data: those that are, and those that are planned."""

from datetime import datetime

import msgspec


class CommitInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One commit as plain data."""

    commit: str
    parent: str | None
    message: str
    committed_at: datetime

    @property
    def subject(self) -> str:
        """First line of the message."""
        return self.message.split("\n", 1)[0]

    def trailer(self, name: str) -> str | None:
        """Value of a trailer line such as "Tidegate-Rule: harm", if there is one."""
        prefix = f"{name}: "
        lines = (line for line in self.message.splitlines() if line.startswith(prefix))
        return next((line.removeprefix(prefix) for line in lines), None)


class PlannedCommit(msgspec.Struct, frozen=True, kw_only=True):
    """One commit to make: contents by path, and the message."""

    message: str
    contents: dict[str, bytes]
