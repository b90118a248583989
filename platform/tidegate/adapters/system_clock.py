"""The real time."""

from datetime import UTC, datetime


class SystemClock:
    """The clock of this machine, in UTC."""

    def now(self) -> datetime:
        """The current instant."""
        return datetime.now(UTC)
