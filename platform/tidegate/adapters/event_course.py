"""The events of a rollout that are worth a look, in the order of their arrival."""

from datetime import UTC

import duckdb

from tidegate.domain.backtest import Happening

_COURSE = """
SELECT seq, received_at, FALSE FROM unit_exposures
WHERE rollout = $rollout AND arm IN ('baseline', 'candidate')
UNION ALL
SELECT seq, received_at, TRUE FROM unit_reports
WHERE rollout = $rollout AND arm IN ('baseline', 'candidate') AND kind = 'safety'
ORDER BY seq
"""


def course_of(cursor: duckdb.DuckDBPyConnection, rollout: str) -> tuple[Happening, ...]:
    """Each unit's exposure in each stage, and its first incident of each kind, as rolled up."""
    rows = cursor.execute(_COURSE, {"rollout": rollout}).fetchall()
    return tuple(Happening(seq, at.replace(tzinfo=UTC), hit) for seq, at, hit in rows)
