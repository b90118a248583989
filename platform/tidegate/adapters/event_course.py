"""The events of a rollout that count, in the order of their arrival."""

from datetime import UTC

import duckdb

from tidegate.domain.backtest import Happening

_COURSE = """
SELECT seq, received_at, 'exposure' FROM unit_exposures
WHERE rollout = $rollout AND arm IN ('baseline', 'candidate')
UNION ALL
SELECT seq, received_at, kind FROM unit_reports
WHERE rollout = $rollout AND arm IN ('baseline', 'candidate')
ORDER BY seq
"""


def course_of(cursor: duckdb.DuckDBPyConnection, rollout: str) -> tuple[Happening, ...]:
    """Each unit's exposure in each stage, and its first report of each name, as rolled up."""
    rows = cursor.execute(_COURSE, {"rollout": rollout}).fetchall()
    return tuple(Happening(seq, at.replace(tzinfo=UTC), kind) for seq, at, kind in rows)
