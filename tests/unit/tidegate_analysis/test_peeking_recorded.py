"""Peeking at 78 real experiments (ASOS Digital Experiments, Liu et al.), where recorded."""

import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import ville

from tidegate_analysis import peeking_readings, peeking_summary, peeking_table

PLANNED = 6_000_000


@pytest.fixture(scope="module")
def recorded_experiments() -> pd.DataFrame:
    """All snapshots of metric 1, which is 0 or 1 and complete."""
    folder = Path(os.environ.get("TIDEGATE_DATA", Path(__file__).parents[4] / "shared" / "data"))
    path = folder / "web_asos_experiments.parquet"
    if not path.exists():
        pytest.skip(f"recorded experiments are not here: {path} is missing (set TIDEGATE_DATA)")
    snapshots = pd.read_parquet(path)
    return snapshots[snapshots["metric_id"] == 1]


@pytest.fixture(scope="module")
def table(recorded_experiments: pd.DataFrame) -> pd.DataFrame:
    return peeking_table(recorded_experiments, planned=PLANNED)


def test_naive_test_crosses_and_comes_back_as_often_as_documented(table: pd.DataFrame) -> None:
    naive = peeking_summary(table).loc[(1, "naive")]
    assert naive.to_dict() == {
        "comparisons": 99, "ever": 46, "at_end": 26, "came_back": 20, "empty": 0,
    }  # fmt: skip


def test_sequence_sees_less_than_half_as_much_and_four_times_comes_back(
    table: pd.DataFrame,
) -> None:
    summary = peeking_summary(table)
    assert summary.loc[(1, "anytime")].tolist() == [99, 19, 15, 4, 0]
    assert summary.loc[(1, "intersected")].tolist() == [99, 19, 19, 0, 3]
    assert not (table["anytime_ever"] & ~table["naive_ever"]).any()


def test_only_the_snapshots_without_units_cannot_be_read(
    table: pd.DataFrame, recorded_experiments: pd.DataFrame
) -> None:
    assert table["snapshots"].sum() == len(recorded_experiments) == 6039
    left_out = table[table["readable"] < table["snapshots"]]
    assert left_out["experiment_id"].unique().tolist() == ["64dc88"]
    assert (left_out["snapshots"] - left_out["readable"]).tolist() == [1, 1]


def test_every_limit_and_verdict_is_that_of_the_normal_mixture_bound_of_ville(
    table: pd.DataFrame, recorded_experiments: pd.DataFrame
) -> None:
    """The whole table once more: from successes and counts, one comparison at a time."""
    read = peeking_readings(recorded_experiments, planned=PLANNED)
    names = ["experiment_id", "variant_id"]
    ours = dict(list(read.groupby(names)))
    verdicts = []
    for key, part in recorded_experiments[recorded_experiments["count_c"] > 0].groupby(names):
        lower, upper = _limits(part.sort_values("time_since_start"))
        np.testing.assert_allclose(ours[key]["anytime_lower"], lower, rtol=0, atol=1e-12)
        np.testing.assert_allclose(ours[key]["anytime_upper"], upper, rtol=0, atol=1e-12)
        sees = [low > 0 or high < 0 for low, high in zip(lower, upper, strict=True)]
        verdicts.append((any(sees), sees[-1], max(lower) > min(upper)))
    columns = ["anytime_ever", "anytime_at_end", "intersection_empty"]
    assert table.sort_values(names)[columns].to_numpy().tolist() == list(map(list, verdicts))


def _limits(part: pd.DataFrame) -> tuple[list[float], list[float]]:
    spent = -2.0 * math.log(0.05)
    rho = PLANNED / (spent + math.log1p(spent))
    lower, upper = [], []
    for row in part.itertuples():
        units, square, difference = row.count_c + row.count_t, 0.0, row.mean_t - row.mean_c
        for count, mean in ((row.count_c, row.mean_c), (row.count_t, row.mean_t)):
            square += mean * (1.0 - mean) / (count - 1.0)
        width = math.sqrt(square / units) * float(ville.normal_mixture(units, 0.05, rho))
        if min(row.count_c, row.count_t) < 500:  # only 591c2c has so few, at the start
            width = math.inf
        lower.append(difference - width)
        upper.append(difference + width)
    return lower, upper
