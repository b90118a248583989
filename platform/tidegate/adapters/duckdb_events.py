"""The event log in an embedded DuckDB file. One process writes it; nobody else opens it."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa

from tidegate.adapters.event_course import course_of
from tidegate.adapters.migration_files import migrations_folder
from tidegate.adapters.rollups import Rollups
from tidegate.domain.at_risk import RiskSet
from tidegate.domain.backtest import Happening
from tidegate.domain.errors import EventStoreUnavailable
from tidegate.domain.events import StoredEvent
from tidegate.domain.evidence import ArmStage, StageCounts, compared
from tidegate.domain.goal import GoalMetric
from tidegate.domain.goal_values import GoalValues
from tidegate.domain.watch import Runs

_FIELDS: dict[str, pa.DataType] = {
    "seq": pa.int64(),
    "event_id": pa.string(),
    "received_at": pa.timestamp("us"),
    "ts": pa.timestamp("us"),
    "environment": pa.string(),
    "agent": pa.string(),
    "unit": pa.string(),
    "kind": pa.string(),
    "name": pa.string(),
    "value": pa.float64(),
    "conversation": pa.string(),
    "claimed_version": pa.string(),
    "attributes": pa.string(),
    "manifest_commit": pa.string(),
    "rollout": pa.string(),
    "step": pa.int32(),
    "share_ppm": pa.int32(),
    "arm": pa.string(),
}
_SCHEMA = pa.schema(_FIELDS)


class DuckDBEvents:
    """The `EventStore` port on DuckDB.

    Appends come from one thread at a time (a lock sees to it); reads may run beside them, each on a
    cursor of its own, and see whole transactions only.

    Raises:
        EventStoreUnavailable: the file cannot be opened, usually because another process holds it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = duckdb.connect(str(path), config={"checkpoint_threshold": "64MB"})
        except duckdb.Error as error:
            raise EventStoreUnavailable(
                f"cannot open the event store {path}: {error}; is another service running on it?"
            ) from error
        self._lock = threading.Lock()
        self._migrate()
        self._last_seq = self._read_last_seq()
        self._rollups = Rollups(self._connection)

    def append(self, batches: Sequence[Sequence[StoredEvent]], received_at: datetime) -> list[int]:
        """Store several batches in one transaction; see the port."""
        with self._lock:
            known = self._known_ids([each.event.event_id for batch in batches for each in batch])
            fresh: list[StoredEvent] = []
            accepted: list[int] = []
            for batch in batches:
                before = len(fresh)
                fresh.extend(_unseen(batch, known))
                accepted.append(len(fresh) - before)
            self._insert(fresh, received_at)
            return accepted

    def last_seq(self) -> int:
        """Sequence number of the last stored event."""
        return self._last_seq

    def stages(
        self, rollout: str, seq: int, now: datetime, window_s: int
    ) -> tuple[StageCounts, ...]:
        """Sufficient statistics of a rollout by stage; see the port."""
        return tuple(map(compared, self.arms(rollout, seq, now, window_s)))

    def arms(self, rollout: str, seq: int, now: datetime, window_s: int) -> tuple[ArmStage, ...]:
        """Sufficient statistics of every arm by stage; see the port."""
        self._rollups.catch_up(seq)
        return self._rollups.arms(rollout, seq, _utc(now), window_s)

    def goal_values(
        self, rollout: str, goal: GoalMetric, seq: int, now: datetime, window_s: int
    ) -> tuple[GoalValues, ...]:
        """What the units of an experiment say about a goal; see the port."""
        self._rollups.catch_up(seq)
        closed_before = _utc(now) - timedelta(seconds=window_s)
        return self._rollups.goal_values(rollout, goal, seq, closed_before, window_s)

    def enrolled(self, rollout: str) -> frozenset[str]:
        """Units that met the candidate of a rollout; see the port."""
        self._rollups.catch_up(self.last_seq())
        return self._rollups.enrolled(rollout)

    def risk_sets(self, rollout: str, name: str, seq: int) -> tuple[RiskSet, ...]:
        """Who was at risk at each first incident of a kind; see the port."""
        self._rollups.catch_up(seq)
        return self._rollups.risk_sets(rollout, name, seq)

    def afterwards(
        self, rollout: str, name: str, seq: int, *, since: datetime, closed_before: datetime
    ) -> Runs:
        """What became of the units met after a rollout was over; see the port."""
        self._rollups.catch_up(seq)
        return self._rollups.afterwards(
            rollout, name, seq, since=_utc(since), closed_before=_utc(closed_before)
        )

    def first_harm(self, rollout: str, guardrail: str, seq: int) -> datetime | None:
        """When the first harm of a guardrail on the candidate arrived; see the port."""
        self._rollups.catch_up(seq)
        found = self._rollups.first_harm(rollout, guardrail, seq)
        return found.replace(tzinfo=UTC) if found is not None else None

    def course(self, rollout: str) -> tuple[Happening, ...]:
        """When units came and reported; see `service.recorded_rollout`."""
        self._rollups.catch_up(self.last_seq())
        return course_of(self._connection.cursor(), rollout)

    def close(self) -> None:
        """Write everything into the file and let it go."""
        with self._lock:
            self._connection.close()

    def _insert(self, fresh: list[StoredEvent], received_at: datetime) -> None:
        if not fresh:
            return
        table = _table(fresh, self._last_seq + 1, _utc(received_at))
        try:
            self._connection.register("incoming", table)
            # One statement is one transaction: on disk before this returns, or not there at all.
            self._connection.execute("INSERT INTO events SELECT * FROM incoming")
        except duckdb.Error as error:
            raise EventStoreUnavailable(f"the event store cannot write: {error}") from error
        finally:
            self._connection.unregister("incoming")
        self._last_seq += len(fresh)

    def _known_ids(self, event_ids: list[str]) -> set[str]:
        rows = self._connection.execute(
            "SELECT event_id FROM events WHERE event_id IN (SELECT unnest($ids))",
            {"ids": event_ids},
        ).fetchall()
        return {row[0] for row in rows}

    def _read_last_seq(self) -> int:
        row = self._connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
        return int(row[0]) if row else 0

    def _migrate(self) -> None:
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations (name VARCHAR PRIMARY KEY)"
        )
        done = {row[0] for row in self._connection.execute("FROM schema_migrations").fetchall()}
        for file in sorted(migrations_folder("events").glob("*.sql")):
            if file.name not in done:
                self._connection.begin()
                self._connection.execute(file.read_text())
                self._connection.execute("INSERT INTO schema_migrations VALUES (?)", [file.name])
                self._connection.commit()


def _unseen(batch: Sequence[StoredEvent], known: set[str]) -> list[StoredEvent]:
    """The events whose id is new; their ids become known."""
    unseen = []
    for each in batch:
        if each.event.event_id not in known:
            known.add(each.event.event_id)
            unseen.append(each)
    return unseen


def _table(events: list[StoredEvent], first_seq: int, received_at: datetime) -> pa.Table:
    rows = [_row(first_seq + position, each, received_at) for position, each in enumerate(events)]
    columns = zip(*rows, strict=True)
    arrays = [
        pa.array(column, type=field.type) for column, field in zip(columns, _SCHEMA, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=_SCHEMA)


def _row(seq: int, stored: StoredEvent, received_at: datetime) -> tuple[object, ...]:
    event = stored.event
    attributes = msgspec.json.encode(event.attributes).decode() if event.attributes else None
    return (
        seq,
        event.event_id,
        received_at,
        _happened_at(event.ts),
        stored.environment,
        event.agent,
        event.unit,
        event.kind,
        event.name,
        event.value,
        event.conversation,
        event.version,
        attributes,
        stored.manifest_commit,
        stored.rollout,
        stored.step,
        stored.share_ppm,
        stored.arm,
    )


def _happened_at(ts: datetime | float | None) -> datetime | None:
    if ts is None:
        return None
    return _utc(ts if isinstance(ts, datetime) else datetime.fromtimestamp(ts, UTC))


def _utc(instant: datetime) -> datetime:
    """UTC without a zone, as the event log stores instants; a naive instant is taken as UTC."""
    return instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant
