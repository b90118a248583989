"""An event log that an earlier release made is taken up by this one, with what it holds."""

import shutil
from pathlib import Path

import duckdb
import pytest

from naive_rollups import at, exposure, report
from tidegate.adapters import duckdb_events
from tidegate.adapters.duckdb_events import DuckDBEvents
from tidegate.adapters.migration_files import migrations_folder
from tidegate.domain.events import StoredEvent
from tidegate.domain.evidence import StageCounts

FIRST = "0001_events.sql"
EVENTS = [
    (0, [exposure("u", "baseline", step=0), exposure("v", "candidate", step=0)]),
    (5, [report("v"), report("v", "goal", 0.0)]),
    (1000, [exposure("u", "candidate", step=1), exposure("w", None, share_ppm=0)]),
    (1001, [report("u", ts=at(500)), report("w")]),
]


def _append(store: DuckDBEvents, events: list[tuple[int, list[StoredEvent]]]) -> None:
    for seconds, batch in events:
        store.append([batch], at(seconds))


def _known(store: DuckDBEvents) -> tuple[tuple[StageCounts, ...], object]:
    seq = store.last_seq()
    stages = store.stages("r", seq, at(10**6), 600)
    return stages, store.afterwards("r", "error", seq, since=at(900), closed_before=at(10**6))


@pytest.fixture
def old_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file as the first release left it: with its schema, and with its roll-ups of then."""
    folder, path = tmp_path / "first", tmp_path / "events.duckdb"
    folder.mkdir()
    shutil.copy(migrations_folder("events") / FIRST, folder)
    with monkeypatch.context() as patched:
        patched.setattr(duckdb_events, "migrations_folder", lambda _: folder)
        store = DuckDBEvents(path)
        _append(store, EVENTS)
        store.close()
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "INSERT INTO unit_exposures SELECT rollout, environment, agent, unit, step, share_ppm, "
            "arm, seq, received_at, TRUE FROM events WHERE kind = 'exposure'"
        )
        connection.execute(
            "INSERT INTO unit_reports SELECT 'r', unit, kind, name, 1, 'candidate', value, seq, "
            "received_at FROM events WHERE kind <> 'exposure'"
        )
        connection.execute("UPDATE rollup_progress SET seq = (SELECT max(seq) FROM events)")
    return path


def _applied(path: Path) -> list[str]:
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute("SELECT name FROM schema_migrations ORDER BY name").fetchall()
    return [name for (name,) in rows]


def test_a_log_of_the_first_release_has_the_roll_ups_that_a_new_one_would_have(
    old_store: Path, tmp_path: Path
) -> None:
    fresh = DuckDBEvents(tmp_path / "fresh.duckdb")
    _append(fresh, EVENTS)
    expected = _known(fresh)
    fresh.close()
    assert _applied(old_store) == [FIRST]
    taken_up = DuckDBEvents(old_store)
    found = _known(taken_up)
    taken_up.close()
    assert found == expected
    assert found[0][0].baseline.incidents == {"error": 1}  # the late one, which 0001 misplaced


def test_no_event_is_lost_and_new_ones_follow(old_store: Path) -> None:
    store = DuckDBEvents(old_store)
    assert store.last_seq() == sum(len(batch) for _, batch in EVENTS)
    assert store.append([[report("v"), report("v", number=1)]], at(2000)) == [1]
    assert _known(store)[0][0].candidate.incidents == {"error": 1}
    store.close()


def test_a_migration_is_applied_once(old_store: Path) -> None:
    DuckDBEvents(old_store).close()
    applied = _applied(old_store)
    assert applied == sorted(file.name for file in migrations_folder("events").glob("*.sql"))
    store = DuckDBEvents(old_store)
    known = _known(store)
    store.close()
    again = DuckDBEvents(old_store)
    assert _known(again) == known
    again.close()
    assert _applied(old_store) == applied
