"""Peeking, on snapshots small enough to count by hand; figures by other routes than the code's."""

import io
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import ville

from anytime.errors import InvalidLevel, InvalidValue
from tidegate_analysis import (
    InvalidSnapshots,
    peeking_readings,
    peeking_summary,
    peeking_table,
)

SAMPLE = Path(__file__).parents[3] / "notebooks" / "sample" / "peeking_snapshots.csv"
NAMES = ["experiment_id", "variant_id", "metric_id"]


def _snapshots(
    *successes: tuple[int, int], units: int = 1000, experiment: str = "a", metric: int = 1
) -> pd.DataFrame:
    """One comparison of a 0-1 metric: its successes (control, treatment) so far, day by day."""
    rows = []
    for day, (control, treatment) in enumerate(successes, start=1):
        row: dict[str, Any] = {"experiment_id": experiment, "variant_id": 1, "metric_id": metric}
        row["time_since_start"] = float(day)
        for arm, total in (("c", control), ("t", treatment)):
            mean = total / (day * units)
            row |= {f"count_{arm}": float(day * units), f"mean_{arm}": mean}
            row[f"variance_{arm}"] = mean * (1.0 - mean)
        rows.append(row)
    return pd.DataFrame(rows)


# z is about 0.02 sqrt(units) times the difference in percent: 0.7, 2.5, 1.2, 0.
CAME_BACK = [(100, 110), (200, 250), (300, 330), (400, 400)]
# z of about 8 from the first day on.
STAYS = [(100, 230), (200, 440), (300, 650)]
# A difference of +0.13 on the first day; on the fourth, the total is one of -0.02.
TURNS = [(100, 230), (400, 440), (750, 650), (1100, 1020), (1600, 1200)]


def test_z_and_estimate_are_those_of_the_rows_that_the_snapshot_was_made_of() -> None:
    read = peeking_readings(_snapshots((100, 130)), planned=5000).iloc[0]
    control, treatment = np.repeat([1.0, 0.0], [100, 900]), np.repeat([1.0, 0.0], [130, 870])
    error = math.sqrt((control.var(ddof=1) + treatment.var(ddof=1)) / 1000)
    assert read["estimate"] == pytest.approx(0.03, abs=1e-15)
    assert read["z"] == pytest.approx(0.03 / error, rel=1e-12)
    assert read["naive_upper"] == pytest.approx(0.03 + 1.959963984540054 * error, rel=1e-12)
    assert read["units"] == 2000


def test_naive_test_that_crossed_on_the_second_day_came_back() -> None:
    row = peeking_table(_snapshots(*CAME_BACK), planned=5000).iloc[0]
    assert row[["naive_ever", "naive_at_end", "naive_came_back"]].tolist() == [True, False, True]
    assert row["naive_first"] == 2.0
    assert row[["anytime_ever", "anytime_came_back"]].tolist() == [False, False]
    assert math.isnan(row["anytime_first"])
    assert row[["snapshots", "readable", "units"]].tolist() == [4, 4, 8000]
    assert row["estimate"] == 0.0


def test_difference_that_lasts_is_seen_by_all_rules_and_none_comes_back() -> None:
    row = peeking_table(_snapshots(*STAYS), planned=5000).iloc[0]
    for rule in ("naive", "anytime", "intersected"):
        assert row[f"{rule}_ever"]
        assert row[f"{rule}_at_end"]
        assert not row[f"{rule}_came_back"]
        assert row[f"{rule}_first"] == 1.0
    assert not row["intersection_empty"]


def test_sequence_without_a_memory_comes_back_and_with_one_it_contradicts_itself() -> None:
    table = peeking_table(_snapshots(*TURNS[:4]), planned=5000)
    row = table.iloc[0]
    assert row[["anytime_ever", "anytime_at_end", "anytime_came_back"]].tolist() == [
        True,
        False,
        True,
    ]
    assert row[["intersected_ever", "intersected_at_end"]].tolist() == [True, True]
    assert not row["intersected_came_back"]
    assert row["intersection_empty"]
    assert row["intersected_lower"] > row["intersected_upper"]


def test_sequence_that_comes_to_see_the_opposite_is_not_counted_as_come_back() -> None:
    row = peeking_table(_snapshots(*TURNS), planned=5000).iloc[0]
    assert row["estimate"] < 0.0
    assert row[["anytime_ever", "anytime_at_end", "anytime_came_back"]].tolist() == [
        True,
        True,
        False,
    ]


def test_intersection_at_each_snapshot_is_the_tightest_limit_so_far() -> None:
    read = peeking_readings(_snapshots(*TURNS), planned=5000)
    for day in range(1, 6):
        so_far = read.iloc[:day]
        assert so_far["intersected_lower"].iloc[-1] == max(so_far["anytime_lower"])
        assert so_far["intersected_upper"].iloc[-1] == min(so_far["anytime_upper"])


def test_intersection_starts_anew_with_each_comparison() -> None:
    both = pd.concat([_snapshots(*TURNS), _snapshots(*CAME_BACK, experiment="b")])
    alone = peeking_table(_snapshots(*CAME_BACK, experiment="b"), planned=5000)
    together = peeking_table(both, planned=5000).iloc[[1]].reset_index(drop=True)
    pd.testing.assert_frame_equal(together, alone)


@pytest.mark.parametrize("planned", [2000, 50_000])
def test_sequence_limits_are_those_of_the_ville_package_fed_with_every_unit(planned: int) -> None:
    """Influence values of 6000 units, one by one, at the tuning that method S3 states."""
    read = peeking_readings(_snapshots((100, 110), (200, 250), (330, 390)), planned=planned)
    control, treatment = np.repeat([1.0, 0.0], [330, 2670]), np.repeat([1.0, 0.0], [390, 2610])
    difference = treatment.mean() - control.mean()
    values = np.concatenate(
        [
            difference + 2.0 * (treatment - treatment.mean()),
            difference - 2.0 * (control - control.mean()),
        ]
    )
    oracle = ville.AsymptoticCS(alpha=0.05, t_opt=planned)
    spent = -2.0 * math.log(0.05)
    oracle.rho_ = planned / (spent + math.log1p(spent))  # ville searches for its own, 1 % away
    lower, upper = oracle.fit(values).interval()
    last = read.iloc[-1]
    width = upper - lower  # the variance divides by all units but one, or by all but one an arm
    assert last["anytime_lower"] == pytest.approx(lower, abs=2e-4 * width)
    assert last["anytime_upper"] == pytest.approx(upper, abs=2e-4 * width)


def test_snapshots_below_the_minimum_units_say_nothing_by_the_sequence() -> None:
    """z is 5.4 on the first day, but 400 units an arm are too few for a sequence."""
    read = peeking_readings(_snapshots((40, 95), (80, 190), units=400), planned=5000)
    assert read["naive"].tolist() == [True, True]
    assert read["anytime"].tolist() == [False, True]
    assert read.loc[0, ["anytime_lower", "anytime_upper"]].tolist() == [-math.inf, math.inf]


def test_snapshots_below_the_minimum_events_say_nothing_by_the_sequence() -> None:
    """2 and 22 successes: together 24, of which each arm expects half."""
    read = peeking_readings(_snapshots((2, 22), (30, 110)), planned=5000)
    assert read["naive"].tolist() == [True, True]
    assert read["anytime"].tolist() == [False, True]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"variance_t": math.nan}, id="no variance"),
        pytest.param({"mean_c": math.nan}, id="no mean"),
        pytest.param({"count_c": math.nan}, id="no count"),
        pytest.param({"count_c": 0.0, "mean_c": 0.0, "variance_c": 0.0}, id="an empty arm"),
        pytest.param({"count_t": 1.0, "variance_t": 0.0}, id="one unit"),
        pytest.param({"variance_c": 0.0, "variance_t": 0.0}, id="nothing varies"),
    ],
)
def test_snapshot_that_cannot_be_read_is_left_out_by_all_rules(broken: dict[str, float]) -> None:
    snapshots = _snapshots(*CAME_BACK)
    last = snapshots.index == 3
    for name, value in broken.items():
        snapshots.loc[last, name] = value
    row = peeking_table(snapshots, planned=5000).iloc[0]
    assert row[["snapshots", "readable", "units"]].tolist() == [4, 3, 6000]
    assert row["estimate"] == pytest.approx(0.01)
    assert row["naive_came_back"]


def test_comparison_without_a_readable_snapshot_has_a_row_without_verdicts() -> None:
    unreadable = _snapshots(*CAME_BACK, metric=2).assign(variance_c=math.nan)
    table = peeking_table(pd.concat([_snapshots(*CAME_BACK), unreadable]), planned=5000)
    row = table.iloc[1]
    assert row[["metric_id", "snapshots", "readable"]].tolist() == [2, 4, 0]
    verdicts = [name for name in table if name not in [*NAMES, "snapshots", "readable"]]
    assert row[verdicts].isna().all()
    assert peeking_summary(table).loc[(2, "naive")].tolist() == [0, 0, 0, 0, 0]


def test_order_and_further_columns_of_the_snapshots_change_nothing() -> None:
    snapshots = pd.concat([_snapshots(*TURNS), _snapshots(*CAME_BACK, experiment="b")])
    shuffled = snapshots.sample(frac=1.0, random_state=3).assign(note="x")
    expected = peeking_table(snapshots, planned=5000)
    pd.testing.assert_frame_equal(peeking_table(shuffled, planned=5000), expected)


def test_stricter_level_moves_both_rules() -> None:
    """z is 2.5 on the second day: beyond 2.33, not beyond 2.58."""
    read = peeking_readings(_snapshots(*CAME_BACK), planned=5000, alpha=0.02)
    assert read["naive"].tolist() == [False, True, False, False]
    strict = peeking_readings(_snapshots(*CAME_BACK), planned=5000, alpha=0.01)
    assert not strict["naive"].any()
    assert (strict["anytime_upper"] > read["anytime_upper"]).all()


def test_summary_counts_what_the_table_says() -> None:
    parts = [_snapshots(*CAME_BACK), _snapshots(*STAYS, experiment="b")]
    parts += [_snapshots(*TURNS[:4], experiment="c"), _snapshots(*STAYS, metric=4)]
    summary = peeking_summary(peeking_table(pd.concat(parts), planned=5000))
    assert summary.loc[(1, "naive")].to_dict() == {
        "comparisons": 3, "ever": 3, "at_end": 2, "came_back": 1, "empty": 0,
    }  # fmt: skip
    assert summary.loc[(1, "anytime")].tolist() == [3, 2, 1, 1, 0]
    assert summary.loc[(1, "intersected")].tolist() == [3, 2, 2, 0, 1]
    assert summary.loc[(4, "anytime")].tolist() == [1, 1, 1, 0, 0]
    assert len(summary) == 6


def test_no_snapshot_at_all_gives_empty_tables() -> None:
    table = peeking_table(_snapshots(*STAYS).iloc[:0], planned=5000)
    assert table.empty
    assert peeking_summary(table).empty


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"count_c": -1.0}, r"count_c == -1.0", id="a negative count"),
        pytest.param({"variance_t": -0.5}, r"variance_t == -0.5", id="a negative variance"),
        pytest.param({"count_t": 10.5}, "count_t must hold whole", id="half a unit"),
        pytest.param({"count_t": math.inf}, "count_t must hold whole", id="infinitely many"),
        pytest.param({"time_since_start": 1.0}, "two snapshots at one", id="twice"),
        pytest.param({"time_since_start": math.nan}, "lacks one of", id="no time"),
    ],
)
def test_snapshots_that_cannot_be_are_refused(change: dict[str, float], said: str) -> None:
    with pytest.raises(InvalidSnapshots, match=said):
        peeking_table(_snapshots(*STAYS).assign(**change), planned=5000)


def test_missing_column_is_named() -> None:
    with pytest.raises(InvalidSnapshots, match=r"columns == \['variance_c'\] are missing"):
        peeking_table(_snapshots(*STAYS).drop(columns="variance_c"), planned=5000)


@pytest.mark.parametrize("snapshots", [_snapshots(*STAYS), _snapshots(*STAYS).iloc[:0]])
def test_level_and_planned_units_out_of_range_are_refused(snapshots: pd.DataFrame) -> None:
    with pytest.raises(InvalidLevel, match=r"alpha == 0\.0"):
        peeking_table(snapshots, planned=5000, alpha=0.0)
    with pytest.raises(InvalidValue, match=r"planned == -1\.0"):
        peeking_table(snapshots, planned=-1.0)


def test_sample_of_the_notebook_is_what_its_header_says_that_made_it() -> None:
    lines = SAMPLE.read_text().splitlines()
    header = [line for line in lines if line.startswith("#")]
    script = "\n".join(line[2:] for line in header[3:])
    made = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert made.stdout.splitlines() == lines[len(header) :]
    table = peeking_table(pd.read_csv(io.StringIO(made.stdout)), planned=12_000)
    alike = table["experiment_id"].str.startswith("alike")
    assert table.loc[alike, "naive_came_back"].sum() > 0
    assert table.loc[~alike, "anytime_at_end"].all()
