"""From the event log to sufficient statistics: the one place that says what counts for whom.

- A unit belongs to a stage from its first exposure there; its arm is the exposure's.
- A report (safety event or outcome) belongs to the stage of the unit's latest exposure before it, by
  arrival. Reports without one do not count.
- Of each kind and name only a unit's first report of the whole rollout counts.
- An exposed unit is matured once it has an outcome, or once its window has closed.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tidegate.domain.evidence import ArmCounts, StageCounts

ATTRIBUTED = """
WITH entered AS MATERIALIZED (
    SELECT unit, step, arm, any_value(agent) AS agent, any_value(environment) AS environment,
           any_value(share_ppm) AS share_ppm, min(seq) AS seq, min(received_at) AS received_at
    FROM events
    WHERE kind = 'exposure' AND rollout = $rollout AND arm IS NOT NULL AND seq <= $seq
    GROUP BY unit, step, arm
),
rollout AS (
    SELECT any_value(agent) AS agent, any_value(environment) AS environment, min(seq) AS seq
    FROM entered
),
reports AS (
    SELECT events.unit, events.kind, events.name, events.seq, events.value, events.received_at
    FROM events, rollout
    WHERE events.kind IN ('safety', 'outcome')
      AND events.agent = rollout.agent AND events.environment = rollout.environment
      AND events.seq > rollout.seq AND events.seq <= $seq
),
attributed AS (
    SELECT reports.*, entered.step, entered.arm
    FROM reports ASOF JOIN entered ON reports.unit = entered.unit AND reports.seq >= entered.seq
),
first_reports AS MATERIALIZED (
    SELECT unit, kind, name, arg_min(step, seq) AS step, arg_min(arm, seq) AS arm,
           arg_min(value, seq) AS value, min(received_at) AS received_at
    FROM attributed
    GROUP BY unit, kind, name
)
"""

UNITS = """
SELECT step, any_value(share_ppm), arm, count(*),
       count(*) FILTER (
           received_at < $matured_before
           OR unit IN (SELECT unit FROM first_reports WHERE kind = 'outcome')
       )
FROM entered GROUP BY step, arm ORDER BY step, arm
"""

REPORTS = """
SELECT step, arm, kind, name,
       count(*) FILTER (kind = 'safety' OR value >= 0.5),
       count(*) FILTER (kind = 'outcome' AND value < 0.5)
FROM first_reports GROUP BY step, arm, kind, name ORDER BY step, arm, kind, name
"""

FIRST_HARM = """
SELECT min(received_at) FROM first_reports
WHERE arm = 'candidate' AND name = $guardrail AND (kind = 'safety' OR value < 0.5)
"""


def stages_of(
    units: Iterable[tuple[Any, ...]], reports: Iterable[tuple[Any, ...]]
) -> tuple[StageCounts, ...]:
    """Stage counts from the rows of `UNITS` and `REPORTS`, in order of steps."""
    shares: dict[int, int] = {}
    counts: defaultdict[tuple[int, str], _Counts] = defaultdict(_Counts)
    for step, share, arm, exposed, matured in units:
        shares[step] = share
        counts[step, arm].units, counts[step, arm].matured = exposed, matured
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
            matured=self.matured,
            incidents=self.incidents,
            successes=self.successes,
            failures=self.failures,
        )
