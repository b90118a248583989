"""Roll-ups of any stream of events, however it is taken in, are what a plain walk through it finds.

A stream has some hundred events of few units, so that much happens to each: late arrivals, clocks
that are off, exposures told twice, units that come back, previews, and what follows the end.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from naive_rollups import NaiveRollups, at, exposure, report
from tidegate.adapters.duckdb_events import DuckDBEvents
from tidegate.domain.events import StoredEvent

WINDOW_S = 60
SEEDS = 6
SINCE, CLOSED_BEFORE = at(20), at(250)
PREVIEW, AFTERWARDS = 0, 4
WHATS = [("error", None), ("prompt_injection", None), ("goal", 1.0), ("goal", 0.0), ("other", 1.0)]
LATE_S = (None, None, 0, 3, 10, 11, 40, 100, -50, 10**6)


class Arrival(NamedTuple):
    """Events that arrive together."""

    received: datetime
    events: list[StoredEvent]


class Stream:
    """A random stream, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._arms = self._rng.integers(0, 2, (7, 5))
        self._number = 0

    def arrivals(self, count: int = 10) -> list[Arrival]:
        passed, found = 0, []
        for _ in range(count):
            passed += int(self._rng.choice([0, 1, 12, 30, 61]))
            events = [self._event(at(passed)) for _ in range(self._rng.integers(1, 20))]
            found.append(Arrival(at(passed), events))
        return found

    def _event(self, received: datetime) -> StoredEvent:
        self._number += 1
        unit = int(self._rng.integers(7))
        late_s = LATE_S[self._rng.integers(len(LATE_S))]
        ts = None if late_s is None else received - timedelta(seconds=late_s)
        if self._rng.random() < 0.5:
            return self._exposed(unit, ts)
        name, value = WHATS[self._rng.integers(len(WHATS))]
        return report(f"u{unit}", name, value, ts=ts, number=self._number)

    def _exposed(self, unit: int, ts: datetime | None) -> StoredEvent:
        """In a step a unit has one arm; before the first one it may preview."""
        step = int(self._rng.integers(5))
        outside = step in (PREVIEW, AFTERWARDS)
        return exposure(
            f"u{unit}",
            None if outside else ("baseline", "candidate")[self._arms[unit, step]],
            step=0 if step == AFTERWARDS else step,
            share_ppm=0 if step == AFTERWARDS else 10_000 * (step + 1),
            rollout=str(self._rng.choice(["q", "r", "r", "r"])),
            ts=ts,
            number=self._number,
        )


def _everything(store: Any, seq: int | None = None) -> list[Any]:
    """All that can be read of both rollouts, from the real roll-ups or from the naive ones."""
    up_to = () if seq is None else (seq,)
    found: list[Any] = []
    for rollout in ("q", "r"):
        found += [store.stages(rollout, *up_to, at(s), WINDOW_S) for s in (0, 200, 10_000)]
        for name in ("error", "prompt_injection"):
            found.append(store.risk_sets(rollout, name, *up_to))
            runs = store.afterwards(rollout, name, *up_to, since=SINCE, closed_before=CLOSED_BEFORE)
            found.append(runs)
    return found


@pytest.mark.parametrize("seed", range(SEEDS))
def test_roll_ups_are_those_of_a_plain_walk_however_events_are_taken_in(
    tmp_path: Path, seed: int
) -> None:
    """One by one; and in batches that end anywhere, with a restart in between."""
    naive, rng = NaiveRollups(), np.random.default_rng(seed)
    one_by_one = DuckDBEvents(tmp_path / "one.duckdb")
    in_batches = DuckDBEvents(tmp_path / "batches.duckdb")
    taken_in = 0
    for received, events in Stream(seed).arrivals():
        naive.take_in(events, received)
        one_by_one.append([events], received)
        in_batches.append([events], received)
        for seq in range(taken_in + 1, one_by_one.last_seq() + 1):
            one_by_one.first_harm("r", "error", seq)
        taken_in = one_by_one.last_seq()
        if rng.random() < 0.2:
            in_batches.first_harm("r", "error", int(rng.integers(1, taken_in + 1)))
            in_batches.close()
            in_batches = DuckDBEvents(tmp_path / "batches.duckdb")
    found = [_everything(store, taken_in) for store in (one_by_one, in_batches)]
    one_by_one.close()
    in_batches.close()
    assert found[0] == _everything(naive)
    assert found[1] == found[0]


@pytest.mark.parametrize("seed", [100, 101])
def test_what_was_known_at_any_earlier_event_can_still_be_read(tmp_path: Path, seed: int) -> None:
    """A decision can be taken again from the log up to its sequence number."""
    store, known = DuckDBEvents(tmp_path / "events.duckdb"), {}
    for received, events in Stream(seed).arrivals():
        store.append([events], received)
        known[store.last_seq()] = _everything(store, store.last_seq())
    again = {seq: _everything(store, seq) for seq in known}
    store.close()
    assert again == known


def test_the_streams_hold_what_the_tests_are_about() -> None:
    """Enough of each, or the comparison above would prove little."""
    stages = incidents = runs = sets = repeated = 0
    for seed in range(SEEDS):
        naive, exposed = NaiveRollups(), []
        for received, events in Stream(seed).arrivals():
            naive.take_in(events, received)
            exposed += [(e.event.unit, e.rollout, e.step, e.arm) for e in events if e.rollout]
        found = naive.stages("r", at(10_000), WINDOW_S)
        stages += len(found)
        incidents += sum(len(s.baseline.incidents) + len(s.candidate.incidents) for s in found)
        runs += len(naive.afterwards("r", "error", since=SINCE, closed_before=CLOSED_BEFORE))
        sets += len(naive.risk_sets("r", "error"))
        repeated += len(exposed) - len(set(exposed))
    assert min(stages, incidents, runs, sets, repeated) >= 10
