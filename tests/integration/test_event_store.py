"""The event log on real DuckDB files."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tidegate.adapters.duckdb_events import DuckDBEvents
from tidegate.domain.errors import EventStoreUnavailable
from tidegate.domain.events import Event, StoredEvent
from tidegate.domain.evidence import ArmCounts, StageCounts

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=365)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDBEvents]:
    made = DuckDBEvents(tmp_path / "events.duckdb")
    yield made
    made.close()


def _exposure(
    unit: str, *, step: int = 0, arm: str | None = "candidate", rollout: str = "r"
) -> StoredEvent:
    return StoredEvent(
        event=Event(
            event_id=f"{unit}/{rollout}/{step}/{arm}", unit=unit, agent="a", kind="exposure"
        ),
        environment="e",
        rollout=rollout,
        step=step,
        share_ppm=10_000 * (step + 1),
        arm=arm,
        manifest_commit="c",
    )


def _report(unit: str, name: str, number: int = 0, **fields: Any) -> StoredEvent:
    event_id = f"{unit}/{name}/{number}"
    event = Event(event_id=event_id, unit=unit, agent="a", name=name, **fields)
    return StoredEvent(event=event, environment="e")


def _incident(unit: str, name: str = "error", number: int = 0) -> StoredEvent:
    return _report(unit, name, number, kind="safety")


def _outcome(unit: str, value: float, number: int = 0) -> StoredEvent:
    return _report(unit, "goal", number, kind="outcome", value=value)


def _stages(store: DuckDBEvents, rollout: str = "r") -> tuple[StageCounts, ...]:
    return store.stages(rollout, store.last_seq(), LONG_AGO, window_s=0)


def test_events_get_rising_sequence_numbers(store: DuckDBEvents) -> None:
    assert store.append([[_incident("u1"), _incident("u2")], [_incident("u3")]], NOW) == [2, 1]
    assert store.last_seq() == 3


def test_a_second_event_with_the_same_id_is_not_stored_in_batch_group_or_history(
    store: DuckDBEvents,
) -> None:
    assert store.append([[_incident("u1"), _incident("u1")], [_incident("u1")]], NOW) == [1, 0]
    assert store.append([[_incident("u1")]], NOW) == [0]
    assert store.last_seq() == 1


def test_duplicates_are_known_after_a_restart(store: DuckDBEvents, tmp_path: Path) -> None:
    store.append([[_incident("u1")]], NOW)
    store.close()
    again = DuckDBEvents(tmp_path / "events.duckdb")
    assert again.append([[_incident("u1"), _incident("u2")]], NOW) == [1]
    assert again.last_seq() == 2
    again.close()


@pytest.mark.usefixtures("store")
def test_a_second_process_is_told_that_the_store_is_in_use(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from tidegate.adapters.duckdb_events import DuckDBEvents\n"
        "DuckDBEvents(Path(sys.argv[1]))"
    )
    path = str(tmp_path / "events.duckdb")
    ended = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=False
    )
    assert EventStoreUnavailable.__name__ in ended.stderr
    assert "is another service running on it?" in ended.stderr


def test_a_unit_counts_once_a_stage_and_once_an_incident(store: DuckDBEvents) -> None:
    store.append([[_exposure("u1"), _incident("u1"), _incident("u1", number=1)]], NOW)
    (stage,) = _stages(store)
    assert stage.candidate == ArmCounts(units=1, newcomers=1, incidents={"error": 1})


def test_a_report_before_any_exposure_does_not_count(store: DuckDBEvents) -> None:
    store.append([[_incident("u1"), _exposure("u1")]], NOW)
    (stage,) = _stages(store)
    assert stage.candidate.incidents == {}


def test_a_late_report_falls_to_the_stage_of_the_latest_exposure(store: DuckDBEvents) -> None:
    store.append([[_exposure("u1", step=0, arm="baseline"), _exposure("u2", step=0)]], NOW)
    store.append([[_exposure("u1", step=1, arm="candidate"), _exposure("u3", step=1)]], NOW)
    store.append([[_incident("u2"), _incident("u1")]], NOW)
    first, second = _stages(store)
    assert first.candidate.incidents == {"error": 1}
    assert second.candidate.incidents == {"error": 1}
    assert first.baseline.incidents == {}


def test_only_the_first_incident_of_the_whole_rollout_counts(store: DuckDBEvents) -> None:
    store.append([[_exposure("u1", step=0), _incident("u1", number=0)]], NOW)
    store.append([[_exposure("u1", step=1), _incident("u1", number=1)]], NOW)
    first, second = _stages(store)
    assert first.candidate.incidents == {"error": 1}
    assert second.candidate.incidents == {}


def test_a_report_after_an_exposure_outside_a_rollout_does_not_count(store: DuckDBEvents) -> None:
    store.append([[_exposure("u1"), _exposure("u1", arm=None, rollout="later")]], NOW)
    store.append([[_incident("u1")]], NOW)
    (stage,) = _stages(store)
    assert stage.candidate.incidents == {}


def test_the_first_outcome_of_a_unit_is_the_one_that_counts(store: DuckDBEvents) -> None:
    store.append([[_exposure("u1"), _outcome("u1", 0.0, 0), _outcome("u1", 1.0, 1)]], NOW)
    (stage,) = _stages(store)
    assert (stage.candidate.successes, stage.candidate.failures) == ({"goal": 0}, {"goal": 1})


def test_a_unit_is_matured_by_its_outcome_or_by_the_end_of_its_window(store: DuckDBEvents) -> None:
    store.append([[_exposure("old")]], NOW - timedelta(hours=1))
    store.append([[_exposure("open"), _exposure("done"), _outcome("done", 0.0)]], NOW)
    (stage,) = store.stages("r", store.last_seq(), NOW, window_s=600)
    assert (stage.candidate.units, stage.candidate.matured) == (3, 2)


def test_a_unit_that_comes_back_in_a_later_stage_matures_once(store: DuckDBEvents) -> None:
    store.append([[_exposure("u1", step=0), _outcome("u1", 1.0)]], NOW)
    store.append([[_exposure("u1", step=1), _exposure("u2", step=1), _outcome("u2", 1.0)]], NOW)
    first, second = (stage.candidate for stage in _stages(store))
    assert (first.units, first.newcomers, first.matured) == (1, 1, 1)
    assert (second.units, second.newcomers, second.matured) == (2, 1, 1)


def test_what_was_known_at_an_earlier_event_can_still_be_read(store: DuckDBEvents) -> None:
    store.append([[_exposure("u1"), _incident("u1")]], NOW)
    then = _stages(store)
    seq = store.last_seq()
    store.append([[_exposure("u2"), _incident("u2"), _outcome("u1", 1.0)]], NOW)
    assert _stages(store) != then
    assert store.stages("r", seq, LONG_AGO, window_s=0) == then


def test_the_time_of_the_first_harm_on_the_candidate_is_kept(store: DuckDBEvents) -> None:
    store.append([[_exposure("b", arm="baseline"), _exposure("c"), _incident("b")]], NOW)
    later = NOW + timedelta(seconds=5)
    store.append([[_incident("c")]], later)
    assert store.first_harm("r", "error", store.last_seq()) == later
    assert store.first_harm("r", "prompt_injection", store.last_seq()) is None
