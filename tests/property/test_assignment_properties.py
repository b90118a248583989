"""Bucketing: in range, monotone in the share, one part per million fine, and uniform."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tidegate_sdk import PARTS, bucket, in_share

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=80)
SHARES = st.integers(0, PARTS)
UNITS = [f"user-{number}" for number in range(100_000)]
FAILURE_CHANCE = 1e-6  # of each test of uniformity, were the salts drawn anew


@given(TEXTS, TEXTS)
def test_bucket_of_any_unit_is_in_range(salt: str, unit: str) -> None:
    assert 0 <= bucket(salt, unit) < PARTS


@given(TEXTS, TEXTS, SHARES, SHARES)
def test_raising_the_share_never_moves_a_unit_out_of_it(
    salt: str, unit: str, one: int, other: int
) -> None:
    smaller, larger = sorted((one, other))
    assert in_share(salt, unit, smaller) <= in_share(salt, unit, larger)


@given(TEXTS, TEXTS)
def test_no_unit_is_inside_nothing_and_every_unit_inside_the_whole(salt: str, unit: str) -> None:
    assert not in_share(salt, unit, 0)
    assert in_share(salt, unit, PARTS)


@given(TEXTS, TEXTS)
def test_each_unit_enters_at_exactly_one_part_per_million(salt: str, unit: str) -> None:
    entry = bucket(salt, unit)
    assert not in_share(salt, unit, entry)
    assert in_share(salt, unit, entry + 1)


@pytest.mark.parametrize(
    ("unit", "enters_at"),
    [
        pytest.param("user-67083", 1, id="among the first of a million"),
        pytest.param("user-76204", 2, id="not at 1 ppm, but at 2 ppm"),
        pytest.param("user-1168145", 3, id="not at 2 ppm, but at 3 ppm"),
        pytest.param("user-1994733", PARTS - 1, id="the last but one"),
        pytest.param("user-643551", PARTS, id="only at the whole"),
    ],
)
def test_share_resolves_a_single_part_per_million(unit: str, enters_at: int) -> None:
    assert [share for share in (enters_at - 1, enters_at) if in_share("ramp", unit, share)] == [
        enters_at
    ]


@pytest.mark.parametrize("salt", ["support:0d2f", "support:0d30", "", "ユーザー"])
@pytest.mark.parametrize("cells", [2, 100, 1000])
def test_buckets_of_100000_units_are_uniform(salt: str, cells: int) -> None:
    counts = np.bincount([bucket(salt, unit) * cells // PARTS for unit in UNITS], minlength=cells)
    expected = len(UNITS) / cells
    statistic = float(np.sum((counts - expected) ** 2 / expected))
    assert statistic < stats.chi2.isf(FAILURE_CHANCE, cells - 1)
    assert statistic > stats.chi2.ppf(FAILURE_CHANCE, cells - 1)


@pytest.mark.parametrize("share", [1000, 10_000, 50_000, 500_000])
def test_share_of_100000_units_is_the_designed_one(share: int) -> None:
    inside = sum(in_share("support:0d2f", unit, share) for unit in UNITS)
    assert stats.binomtest(inside, len(UNITS), share / PARTS).pvalue > FAILURE_CHANCE


def test_arms_under_two_salts_are_independent() -> None:
    """A unit on the candidate of one rollout must not be more likely on that of the next."""
    one = np.array([bucket("support:aaaaaaaaaaaa", unit) for unit in UNITS]) * 10 // PARTS
    other = np.array([bucket("support:aaaaaaaaaaab", unit) for unit in UNITS]) * 10 // PARTS
    table = np.bincount(10 * one + other, minlength=100).reshape(10, 10)
    assert stats.chi2_contingency(table).pvalue > FAILURE_CHANCE
