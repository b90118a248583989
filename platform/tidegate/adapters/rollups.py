"""From the event log to sufficient statistics: the one place that says what counts for whom.

- A unit belongs to a stage from its first exposure there; its arm is the exposure's.
- A report (safety event or outcome) belongs to the stage in which it happened, also when it arrives
  late: that of the unit's latest exposure before it, by the client's clock where it has one. Clocks
  differ, so an exposure that seems a little later still counts as before. Reports of units that
  were never exposed before do not count.
- Of each kind and name only a unit's first report of the whole rollout counts.
- A unit is a newcomer in the stage of its first exposure of the rollout.
- A newcomer is matured once it has an outcome, or once its window has closed.
- A newcomer is lost if its window closes with neither an outcome nor an error: who reports that it
  failed is not silent.
- Outcomes count in the order in which units came, up to the first unit that may still have one: its
  window is open, and neither the outcome nor an error is there.
- Exposures outside a comparison have no arm: units that a person forced or that preview, and all
  units once a rollout is over. They never meet the counts of a comparison.

The two roll-up tables hold firsts only, each with its sequence number, so a look takes in the new
events and nothing else, and what was known at any earlier event can still be read from them.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from tidegate.adapters import rollup_queries as queries
from tidegate.domain.at_risk import RiskSet
from tidegate.domain.evidence import ArmCounts, ArmStage
from tidegate.domain.goal import GoalMetric
from tidegate.domain.goal_values import GoalValues
from tidegate.domain.watch import Runs


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
            cursor.execute(queries.TAKE_IN_EXPOSURES, span)
            cursor.execute(queries.TAKE_IN_REPORTS, span)
            cursor.execute("UPDATE rollup_progress SET seq = ?", [last])
            cursor.commit()
            self._done = last

    def arms(self, rollout: str, seq: int, now: datetime, window_s: int) -> tuple[ArmStage, ...]:
        """Counts of every arm by stage as of an event that was taken in."""
        cursor = self._connection.cursor()
        key = {"rollout": rollout, "seq": seq}
        closed = {"closed_before": now - timedelta(seconds=window_s)}
        units = cursor.execute(queries.UNITS, key | closed | {"window_s": window_s}).fetchall()
        return stages_of(units, cursor.execute(queries.REPORTS, key | closed).fetchall())

    def goal_values(
        self, rollout: str, goal: GoalMetric, seq: int, closed_before: datetime, window_s: int
    ) -> tuple[GoalValues, ...]:
        """What each unit says about a goal, once its window has closed."""
        keys = {"rollout": rollout, "seq": seq, "name": goal.name, "per": goal.per}
        path = None if goal.covariate is None else f"$.{goal.covariate}"
        window = {"closed_before": closed_before, "window_s": window_s, "covariate": path}
        rows = self._connection.cursor().execute(queries.GOAL_VALUES, keys | window).fetchnumpy()
        return _by_arm(rows)

    def enrolled(self, rollout: str) -> frozenset[str]:
        """Units that met the candidate."""
        rows = self._connection.cursor().execute(queries.ENROLLED, {"rollout": rollout})
        return frozenset(unit for (unit,) in rows.fetchall())

    def risk_sets(self, rollout: str, name: str, seq: int) -> tuple[RiskSet, ...]:
        """Who was at risk at each first incident of a kind, in order of arrival."""
        key = {"rollout": rollout, "seq": seq, "name": name}
        rows = self._connection.cursor().execute(queries.RISK_SETS, key).fetchall()
        return tuple(RiskSet(*row) for row in rows)

    def afterwards(
        self, rollout: str, name: str, seq: int, *, since: datetime, closed_before: datetime
    ) -> Runs:
        """Units met after the rollout was over: clean ones, and the incident that follows them."""
        key = {"rollout": rollout, "seq": seq, "name": name}
        met = {"since": since, "closed_before": closed_before}
        rows = self._connection.cursor().execute(queries.AFTERWARDS, key | met).fetchall()
        return tuple(
            (int(clean), int(incidents)) for clean, incidents in rows if clean or incidents
        )

    def first_harm(self, rollout: str, guardrail: str, seq: int) -> datetime | None:
        """When the first harm of a guardrail on the candidate arrived, as stored."""
        key = {"rollout": rollout, "seq": seq, "guardrail": guardrail}
        row = self._connection.cursor().execute(queries.FIRST_HARM, key).fetchone()
        return row[0] if row else None


def stages_of(
    units: Iterable[tuple[Any, ...]], reports: Iterable[tuple[Any, ...]]
) -> tuple[ArmStage, ...]:
    """Counts by stage and arm from the rows of the two queries, in order of steps."""
    shares: dict[int, int] = {}
    counts: defaultdict[int, defaultdict[str, _Counts]] = defaultdict(lambda: defaultdict(_Counts))
    for step, share, arm, *figures in units:
        shares[step] = share
        counts[step][arm] = _Counts(*figures)
    for step, arm, kind, name, hits, misses in reports:
        counts[step][arm].report(kind, name, hits, misses)
    return tuple(
        ArmStage(
            step=step,
            share_ppm=share,
            arms={arm: each.frozen() for arm, each in counts[step].items()},
        )
        for step, share in sorted(shares.items())
    )


def _by_arm(rows: dict[str, Any]) -> tuple[GoalValues, ...]:
    """The rows of each stage and arm; the query has sorted them so."""
    steps, arms = np.asarray(rows["step"]), np.asarray(rows["arm"])
    if not len(steps):
        return ()
    new = np.flatnonzero((steps[1:] != steps[:-1]) | (arms[1:] != arms[:-1])) + 1
    columns = {name: _floats(rows[name]) for name in ("total", "per", "covariate")}
    return tuple(
        GoalValues(
            stage=int(steps[start]),
            arm=str(arms[start]),
            **{name: column[start:stop] for name, column in columns.items()},
        )
        for start, stop in pairwise([0, *new, len(steps)])
    )


def _floats(column: Any) -> NDArray[np.float64]:
    """A column with NaN where it had no value."""
    return np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan)


@dataclass
class _Counts:
    """Counts of one arm in one stage while they are gathered."""

    units: int = 0
    newcomers: int = 0
    matured: int = 0
    closed: int = 0
    reported: int = 0
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
            closed=self.closed,
            reported=self.reported,
            incidents=self.incidents,
            successes=self.successes,
            failures=self.failures,
        )
