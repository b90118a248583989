"""From the event log to sufficient statistics: the one place that says what counts for whom.

- A unit belongs to a stage from its first exposure there; its arm is the exposure's.
- A report (safety event or outcome) belongs to the stage of the unit's latest exposure before it,
  by arrival. Reports without one, or after one outside a rollout, do not count.
- Of each kind and name only a unit's first report of the whole rollout counts.
- A unit is a newcomer in the stage of its first exposure of the rollout.
- A newcomer is matured once it has an outcome, or once its window has closed.

The two roll-up tables hold firsts only, each with its sequence number, so a look takes in the new
events and nothing else, and what was known at any earlier event can still be read from them.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb

from tidegate.domain.evidence import ArmCounts, StageCounts

_TAKE_IN_EXPOSURES = """
WITH fresh AS (
    SELECT rollout, environment, agent, unit, step, share_ppm, arm,
           min(seq) AS seq, min(received_at) AS received_at
    FROM events
    WHERE kind = 'exposure' AND seq > $done AND seq <= $last
    GROUP BY rollout, environment, agent, unit, step, share_ppm, arm
)
INSERT INTO unit_exposures BY NAME
SELECT fresh.*,
       fresh.seq = min(fresh.seq) FILTER (fresh.arm IS NOT NULL)
                   OVER (PARTITION BY fresh.rollout, fresh.unit)
       AND NOT EXISTS (
           FROM unit_exposures AS earlier
           WHERE earlier.rollout = fresh.rollout AND earlier.unit = fresh.unit
             AND earlier.arm IS NOT NULL
       ) AS newcomer
FROM fresh ANTI JOIN unit_exposures AS known ON (
    known.rollout = fresh.rollout AND known.unit = fresh.unit AND known.step = fresh.step
    AND known.share_ppm = fresh.share_ppm AND known.arm IS NOT DISTINCT FROM fresh.arm
)
"""

_TAKE_IN_REPORTS = """
WITH fresh AS MATERIALIZED (
    SELECT environment, agent, unit, kind, name, value, seq, received_at
    FROM events
    WHERE kind IN ('safety', 'outcome') AND seq > $done AND seq <= $last
),
attributed AS (
    SELECT fresh.unit, fresh.kind, fresh.name, fresh.seq,
           any_value(fresh.value) AS value, any_value(fresh.received_at) AS received_at,
           arg_max(
               {'rollout': exposed.rollout, 'step': exposed.step, 'arm': exposed.arm}, exposed.seq
           ) AS place
    FROM fresh JOIN unit_exposures AS exposed ON (
        fresh.environment = exposed.environment AND fresh.agent = exposed.agent
        AND fresh.unit = exposed.unit AND fresh.seq >= exposed.seq
    )
    GROUP BY fresh.unit, fresh.kind, fresh.name, fresh.seq
),
firsts AS (
    SELECT place.rollout AS rollout, unit, kind, name, arg_min(place.step, seq) AS step,
           arg_min(place.arm, seq) AS arm, arg_min(value, seq) AS value, min(seq) AS seq,
           min(received_at) AS received_at
    FROM attributed
    WHERE place.arm IS NOT NULL
    GROUP BY place.rollout, unit, kind, name
)
INSERT INTO unit_reports
SELECT * FROM firsts ANTI JOIN unit_reports AS known ON (
    known.rollout = firsts.rollout AND known.unit = firsts.unit
    AND known.kind = firsts.kind AND known.name = firsts.name
)
"""

_UNITS = """
SELECT step, any_value(share_ppm), arm, count(*), count(*) FILTER (newcomer),
       count(*) FILTER (newcomer AND (
           received_at < $matured_before
           OR unit IN (
               SELECT unit FROM unit_reports
               WHERE rollout = $rollout AND kind = 'outcome' AND seq <= $seq
           ))
       )
FROM unit_exposures
WHERE rollout = $rollout AND arm IS NOT NULL AND seq <= $seq
GROUP BY step, arm ORDER BY step, arm
"""

_REPORTS = """
SELECT step, arm, kind, name,
       count(*) FILTER (kind = 'safety' OR value >= 0.5),
       count(*) FILTER (kind = 'outcome' AND value < 0.5)
FROM unit_reports
WHERE rollout = $rollout AND seq <= $seq
GROUP BY step, arm, kind, name ORDER BY step, arm, kind, name
"""

_FIRST_HARM = """
SELECT min(received_at) FROM unit_reports
WHERE rollout = $rollout AND seq <= $seq AND arm = 'candidate' AND name = $guardrail
  AND (kind = 'safety' OR value < 0.5)
"""


class Rollups:
    """Keeps the roll-up tables and reads statistics from them.

    Args:
        connection: the event store's; each call works on a cursor of its own.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        row = connection.execute("SELECT seq FROM rollup_progress").fetchone()
        self._done: int = row[0] if row else 0

    def catch_up(self, last: int) -> None:
        """Take in the events up to `last` that are not yet; a crash leaves it done or not done."""
        with self._lock:
            if last <= self._done:
                return
            span = {"done": self._done, "last": last}
            cursor = self._connection.cursor()
            cursor.begin()
            cursor.execute(_TAKE_IN_EXPOSURES, span)
            cursor.execute(_TAKE_IN_REPORTS, span)
            cursor.execute("UPDATE rollup_progress SET seq = ?", [last])
            cursor.commit()
            self._done = last

    def stages(self, rollout: str, seq: int, matured_before: datetime) -> tuple[StageCounts, ...]:
        """Stage counts of a rollout as of an event that was taken in."""
        cursor = self._connection.cursor()
        key = {"rollout": rollout, "seq": seq}
        units = cursor.execute(_UNITS, key | {"matured_before": matured_before}).fetchall()
        return stages_of(units, cursor.execute(_REPORTS, key).fetchall())

    def first_harm(self, rollout: str, guardrail: str, seq: int) -> datetime | None:
        """When the first harm of a guardrail on the candidate arrived, as stored."""
        key = {"rollout": rollout, "seq": seq, "guardrail": guardrail}
        row = self._connection.cursor().execute(_FIRST_HARM, key).fetchone()
        return row[0] if row else None


def stages_of(
    units: Iterable[tuple[Any, ...]], reports: Iterable[tuple[Any, ...]]
) -> tuple[StageCounts, ...]:
    """Stage counts from the rows of the two queries, in order of steps."""
    shares: dict[int, int] = {}
    counts: defaultdict[tuple[int, str], _Counts] = defaultdict(_Counts)
    for step, share, arm, exposed, newcomers, matured in units:
        shares[step] = share
        counts[step, arm] = _Counts(units=exposed, newcomers=newcomers, matured=matured)
    for step, arm, kind, name, hits, misses in reports:
        counts[step, arm].report(kind, name, hits, misses)
    return tuple(
        StageCounts(
            step=step,
            share_ppm=share,
            baseline=counts[step, "baseline"].frozen(),
            candidate=counts[step, "candidate"].frozen(),
        )
        for step, share in sorted(shares.items())
    )


@dataclass
class _Counts:
    """Counts of one arm in one stage while they are gathered."""

    units: int = 0
    newcomers: int = 0
    matured: int = 0
    incidents: dict[str, int] = field(default_factory=dict)
    successes: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)

    def report(self, kind: str, name: str, hits: int, misses: int) -> None:
        if kind == "safety":
            self.incidents[name] = hits
        else:
            self.successes[name], self.failures[name] = hits, misses

    def frozen(self) -> ArmCounts:
        return ArmCounts(
            units=self.units,
            newcomers=self.newcomers,
            matured=self.matured,
            incidents=self.incidents,
            successes=self.successes,
            failures=self.failures,
        )
