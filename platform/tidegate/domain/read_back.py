"""Whether a rollback did what it was for: asked of what is served after it, as units ask."""

from typing import Final

from tidegate.domain.record import DecisionRecord
from tidegate.domain.release import Release

_UNITS: Final = tuple(f"read-back-{number}" for number in range(200))


def read_back_problem(release: Release, record: DecisionRecord, head: str | None) -> str | None:
    """Why units may still meet the version that was given up; None if they do not.

    Args:
        release: what is served after the rollback.
        record: the rollback.
        head: the commit that must be served; None if it cannot be read.
    """
    served = sorted({release.version(unit) for unit in _UNITS})
    returns = record.candidate in (*served, release.traffic.candidate)
    if not returns and head in (None, release.commit):
        return None
    return (
        f"after the rollback of {record.candidate} units are served {', '.join(served)} by "
        f"{release.commit[:12]}: {release.traffic.reason}"
    )
