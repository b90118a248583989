"""What counts where and when: late reports, clocks that differ, windows, units outside."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from naive_rollups import BEGAN, at, exposure, report
from tidegate.adapters.duckdb_events import DuckDBEvents
from tidegate.domain.events import StoredEvent
from tidegate.domain.evidence import ArmCounts, StageCounts

WINDOW_S = 600
LONG_AFTER = 10**6


class Log:
    """An event log in a file, and how long after its beginning things arrive."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "events.duckdb"
        self.store = DuckDBEvents(self._path)

    def take(self, seconds: float, *events: StoredEvent) -> None:
        self.store.append([events], at(seconds))

    def stages(self, seconds: float = LONG_AFTER, rollout: str = "r") -> tuple[StageCounts, ...]:
        return self.store.stages(rollout, self.store.last_seq(), at(seconds), WINDOW_S)

    def afterwards(self, since: float, seconds: float = LONG_AFTER) -> tuple[tuple[int, int], ...]:
        closed_before = at(seconds - WINDOW_S)
        return self.store.afterwards(
            "r", "error", self.store.last_seq(), since=at(since), closed_before=closed_before
        )


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path)
    yield made
    made.store.close()


def test_an_incident_that_arrives_late_counts_in_the_stage_and_the_arm_of_then(log: Log) -> None:
    log.take(0, exposure("u", "baseline", step=0))
    log.take(1000, exposure("u", "candidate", step=1))
    log.take(1005, report("u", ts=at(900)))
    first, second = log.stages()
    assert (first.baseline.incidents, first.candidate.incidents) == ({"error": 1}, {})
    assert (second.baseline.incidents, second.candidate.incidents) == ({}, {})


def test_an_incident_without_a_clock_counts_by_its_arrival(log: Log) -> None:
    log.take(0, exposure("u", "baseline", step=0))
    log.take(1000, exposure("u", "candidate", step=1))
    log.take(1005, report("u"))
    assert log.stages()[1].candidate.incidents == {"error": 1}


@pytest.mark.parametrize(
    ("skew_s", "new", "old"), [(0, 1, 0), (5, 1, 0), (10, 1, 0), (11, 0, 1), (300, 0, 1)]
)
def test_a_clock_that_is_some_seconds_slow_moves_no_incident_to_an_older_rollout(
    log: Log, skew_s: float, new: int, old: int
) -> None:
    """Up to ten seconds; by a clock that is further off it happened before the new exposure."""
    log.take(0, exposure("u", "candidate", rollout="old"))
    log.take(1000, exposure("u", "candidate", rollout="r"))
    log.take(1000, report("u", ts=at(1000 - skew_s)))
    assert log.stages(rollout="r")[0].candidate.incidents.get("error", 0) == new
    assert log.stages(rollout="old")[0].candidate.incidents.get("error", 0) == old


def test_a_client_whose_clock_is_wrong_throughout_is_attributed_rightly(log: Log) -> None:
    """Its exposures and its reports are wrong by as much."""
    log.take(0, exposure("u", "baseline", step=0, ts=at(-5000)))
    log.take(1000, exposure("u", "candidate", step=1, ts=at(-4000)))
    log.take(1100, report("u", ts=at(-3900)))
    assert log.stages()[1].candidate.incidents == {"error": 1}


def test_a_report_from_before_every_exposure_by_its_clock_falls_to_the_first(log: Log) -> None:
    log.take(500, exposure("u", "baseline", step=0))
    log.take(1000, exposure("u", "candidate", step=1))
    log.take(1001, report("u", ts=at(-9000)))
    assert log.stages()[0].baseline.incidents == {"error": 1}


def test_a_report_from_the_future_happened_when_it_arrived(log: Log) -> None:
    """A stage that the unit meets later does not get it."""
    log.take(0, exposure("u", "baseline", step=0))
    log.take(5, report("u", ts=at(10**7)))
    log.take(1000, exposure("u", "candidate", step=1))
    first, second = log.stages()
    assert first.baseline.incidents == {"error": 1}
    assert second.candidate.incidents == {}


def test_an_exposure_from_the_future_is_met_when_it_arrived(log: Log) -> None:
    log.take(0, exposure("u", "candidate", step=0, ts=at(10**7)))
    log.take(100, exposure("u", "candidate", step=1))
    log.take(200, report("u", ts=at(50)))
    assert log.stages()[0].candidate.incidents == {"error": 1}


def test_units_without_an_arm_are_in_no_count_of_the_comparison(log: Log) -> None:
    """Previewed or forced ones while it runs, and everyone once it is over."""
    forced = [exposure(f"f{n}", None, share_ppm=10_000) for n in range(3)]
    later = [exposure(f"p{n}", None, share_ppm=0) for n in range(3)]
    log.take(0, exposure("u", "candidate"), *forced)
    log.take(1, *(report(f"f{n}") for n in range(3)), report("f0", "goal", 1.0))
    log.take(2000, *later, report("p0"))
    (stage,) = log.stages()
    assert stage.candidate == ArmCounts(units=1, newcomers=1, matured=1, closed=1)
    assert stage.baseline == ArmCounts()


def test_a_unit_that_was_forced_before_is_a_newcomer_of_the_comparison(log: Log) -> None:
    log.take(0, exposure("u", None), report("u"))
    log.take(100, exposure("u", "candidate"), report("u", number=1))
    (stage,) = log.stages()
    assert (stage.candidate.newcomers, stage.candidate.incidents) == (1, {"error": 1})


def test_units_met_after_everyone_has_it_are_told_in_runs_between_incidents(log: Log) -> None:
    log.take(0, exposure("u", "candidate"))
    log.take(1000, *(exposure(f"p{n}", None, share_ppm=0) for n in range(6)))
    log.take(1001, report("p2"), report("p3"), report("p5", "prompt_injection"))
    assert log.afterwards(since=1000) == ((2, 1), (0, 1), (2, 0))


def test_units_met_before_the_rollout_began_are_not_taken_for_those_after_it(log: Log) -> None:
    """While an engine was down they met the old version, under the same rollout."""
    log.take(0, *(exposure(f"w{n}", None, step=0, share_ppm=0) for n in range(5)), report("w1"))
    log.take(500, exposure("u", "candidate"))
    log.take(1000, exposure("p", None, share_ppm=0))
    assert log.afterwards(since=1000) == ((1, 0),)
    assert log.afterwards(since=0) == ((1, 1), (4, 0))


def test_an_incident_before_a_units_exposure_to_the_whole_is_not_one_after_it(log: Log) -> None:
    log.take(0, exposure("tester", None, share_ppm=10_000), report("tester"))
    log.take(1000, exposure("tester", None, share_ppm=0), exposure("p", None, share_ppm=0))
    assert log.afterwards(since=1000) == ((2, 0),)


def test_units_whose_window_is_open_are_not_told_yet(log: Log) -> None:
    log.take(1000, exposure("p0", None, share_ppm=0))
    log.take(1300, exposure("p1", None, share_ppm=0), report("p1"))
    assert log.afterwards(since=1000, seconds=1600) == ()
    assert log.afterwards(since=1000, seconds=1601) == ((1, 0),)
    assert log.afterwards(since=1000, seconds=1901) == ((1, 1),)


def test_a_long_stream_of_units_is_told_in_the_order_in_which_they_came(log: Log) -> None:
    """Many more than one vector of the database; every 97th has an incident."""
    count = 20_000
    log.take(1000, *(exposure(f"p{n}", None, share_ppm=0) for n in range(count)))
    log.take(1001, *(report(f"p{n}") for n in reversed(range(96, count, 97))))
    runs = log.afterwards(since=1000)
    assert runs[:-1] == ((96, 1),) * (count // 97)
    assert runs[-1] == (count % 97, 0)


def test_a_unit_closes_with_its_window_and_has_reported_only_in_time(log: Log) -> None:
    log.take(0, *(exposure(unit) for unit in ("early", "late", "silent", "failed")))
    log.take(WINDOW_S, report("early", "goal", 0.0), report("failed", "error"))
    log.take(WINDOW_S + 1, report("late", "goal", 1.0))
    log.take(WINDOW_S + 2, exposure("open"), exposure("quick"), report("quick", "other", 1.0))
    (stage,) = log.stages(WINDOW_S + 3)
    counts = stage.candidate
    assert (counts.units, counts.newcomers) == (6, 6)
    assert (counts.matured, counts.closed, counts.reported) == (5, 4, 2)


def test_a_unit_that_comes_back_closes_once_by_its_first_exposure(log: Log) -> None:
    log.take(0, exposure("u", step=0))
    log.take(10_000, exposure("u", step=1), report("u", "goal", 1.0))
    first, second = log.stages(10_001)
    assert (first.candidate.closed, first.candidate.reported) == (1, 0)
    assert (second.candidate.closed, second.candidate.newcomers) == (0, 0)


def test_outcomes_count_up_to_the_first_unit_that_may_still_have_one(log: Log) -> None:
    """A slow arm must not look like a failing one: here the candidate answers later."""
    log.take(0, exposure("b0", "baseline"), exposure("c0"), exposure("b1", "baseline"))
    log.take(5, report("b0", "goal", 1.0), report("b1", "goal", 1.0))
    before = log.stages(6)[0]
    assert before.baseline.successes == {"goal": 1}
    log.take(20, report("c0", "goal", 1.0))
    after = log.stages(21)[0]
    assert (after.candidate.successes, after.baseline.successes) == ({"goal": 1}, {"goal": 2})


@pytest.mark.parametrize("ending", ["error", "window"])
def test_a_unit_that_failed_or_whose_window_has_closed_is_waited_for_no_more(
    log: Log, ending: str
) -> None:
    log.take(0, exposure("c0"), exposure("b0", "baseline"), report("b0", "goal", 1.0))
    assert log.stages(1)[0].baseline.successes == {}
    if ending == "error":
        log.take(2, report("c0", "error"))
    seconds = 3 if ending == "error" else WINDOW_S + 1
    assert log.stages(seconds)[0].baseline.successes == {"goal": 1}


def test_incidents_count_when_they_arrive_whoever_is_still_at_work(log: Log) -> None:
    log.take(0, exposure("c0"), exposure("c1"), report("c1", "prompt_injection"))
    assert log.stages(1)[0].candidate.incidents == {"prompt_injection": 1}


def test_a_report_of_another_agents_unit_of_the_same_name_does_not_count(log: Log) -> None:
    log.take(0, exposure("u"), report("u", agent="other"))
    assert log.stages()[0].candidate.incidents == {}


def test_the_end_of_a_window_is_told_by_the_instant_of_the_look_alone(log: Log) -> None:
    log.take(0, exposure("u"))
    end = BEGAN + timedelta(seconds=WINDOW_S)
    seq = log.store.last_seq()
    for moment, closed in ((end, 0), (end + timedelta(microseconds=1), 1), (end, 0)):
        assert log.store.stages("r", seq, moment, WINDOW_S)[0].candidate.closed == closed


@pytest.mark.parametrize("together", [True, False])
def test_a_unit_met_a_stage_when_its_first_exposure_there_says_so(
    log: Log, *, together: bool
) -> None:
    """Not when a later one, told late, says so; whether both are taken in at once or not."""
    log.take(0, exposure("u", "baseline", step=0))
    log.take(1000, exposure("u", "candidate", step=1))
    if not together:
        assert len(log.stages()) == 2
    log.take(1001, exposure("u", "candidate", step=1, ts=at(500), number=1))
    log.take(1002, report("u", ts=at(700)))
    assert log.stages()[0].baseline.incidents == {"error": 1}
