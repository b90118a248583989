"""Moments merge without loss, and equal what numpy computes from all rows at once."""

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anytime.errors import InvalidCount, InvalidShape, InvalidValue
from anytime.moments import Moments

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)
TABLES = st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=12)


def _of(rows: list[tuple[float, float, float]]) -> Moments:
    return Moments.of(np.array(rows, dtype=float).reshape(-1, 3))


def _close(one: Moments, other: Moments) -> None:
    assert one.count == other.count
    scale = 1e6
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-9, atol=1e-9 * scale)
    np.testing.assert_allclose(one.comoment, other.comoment, rtol=1e-9, atol=1e-9 * scale**2)


@settings(max_examples=60, deadline=None)
@given(TABLES, TABLES)
def test_sum_of_parts_is_the_whole(
    first: list[tuple[float, float, float]], second: list[tuple[float, float, float]]
) -> None:
    _close(_of(first) + _of(second), _of(first + second))


@settings(max_examples=40, deadline=None)
@given(TABLES, TABLES, TABLES)
def test_merge_in_any_order_and_grouping_is_the_same(first: Any, second: Any, third: Any) -> None:
    one, two, three = _of(first), _of(second), _of(third)
    _close((one + two) + three, one + (two + three))
    _close(one + two, two + one)


def test_merge_with_nothing_changes_nothing() -> None:
    some = Moments.of([[1.0, 2.0], [3.0, 5.0]])
    assert some + Moments.empty(2) == some
    assert Moments.empty(2) + some == some


def test_moments_of_an_array_equal_those_of_numpy() -> None:
    table = np.random.default_rng(1).normal(size=(200, 3)) @ np.array(
        [[1.0, 0.5, 0.0], [0.0, 1.0, -2.0], [0.0, 0.0, 1.0]]
    )
    moments = Moments.of(table)
    np.testing.assert_allclose(moments.mean, np.mean(table, axis=0))
    np.testing.assert_allclose(np.array(moments.comoment) / 199, np.cov(table, rowvar=False))
    assert moments.variance(2) == pytest.approx(float(np.var(table[:, 2], ddof=1)))


def test_a_thousand_merges_far_from_zero_keep_the_variance() -> None:
    """Sums of squares of numbers near 1e9 would have lost every digit of it."""
    values = 1e9 + np.random.default_rng(2).normal(size=5000)
    merged = Moments.empty(1)
    for batch in np.split(values, 1000):
        merged += Moments.of(batch)
    assert merged.variance() == pytest.approx(float(np.var(values, ddof=1)), rel=1e-6)


def test_mapped_columns_equal_the_moments_of_mapped_rows() -> None:
    table = np.random.default_rng(3).normal(size=(50, 3))
    matrix, shift = np.array([[1.0, -2.0, 0.0], [0.0, 1.0, 3.0]]), np.array([4.0, 0.0])
    mapped, direct = Moments.of(table).mapped(matrix, shift), Moments.of(table @ matrix.T + shift)
    np.testing.assert_allclose(mapped.mean, direct.mean)
    np.testing.assert_allclose(mapped.comoment, direct.comoment)
    assert Moments.empty(3).mapped(matrix, shift) == Moments.empty(2)


@pytest.mark.parametrize("columns", [1, 2, 3, 7])
def test_written_floats_are_read_back_without_loss(columns: int) -> None:
    moments = Moments.of(np.random.default_rng(4).normal(size=(9, columns)))
    written = json.loads(json.dumps(moments.to_floats()))
    assert len(written) == 1 + columns + columns**2
    assert Moments.from_floats(written) == moments


@pytest.mark.parametrize("length", [0, 1, 2, 4, 6, 8, 12])
def test_floats_of_an_impossible_length_are_refused(length: int) -> None:
    with pytest.raises(InvalidShape):
        Moments.from_floats([0.0] * length)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e200])
def test_values_that_are_not_finite_or_cannot_be_squared_are_refused(bad: float) -> None:
    with pytest.raises(InvalidValue):
        Moments.of([1.0, bad, 2.0])


@pytest.mark.parametrize("shape", [(2, 0), (2, 2, 2), ()])
def test_arrays_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidShape):
        Moments.of(np.zeros(shape))


def test_moments_of_different_columns_are_not_merged() -> None:
    with pytest.raises(InvalidShape):
        Moments.of([1.0, 2.0]) + Moments.of([[1.0, 2.0]])


@pytest.mark.parametrize("matrix", [np.eye(3), np.ones((1, 2)), np.ones(2)])
def test_a_map_that_does_not_fit_is_refused(matrix: np.ndarray) -> None:
    with pytest.raises(InvalidShape):
        Moments.of([[1.0, 2.0], [3.0, 4.0]]).mapped(matrix, np.zeros(2))


@pytest.mark.parametrize(
    ("count", "mean", "comoment", "error"),
    [
        pytest.param(-1, (0.0,), ((0.0,),), InvalidCount, id="negative count"),
        pytest.param(math.nan, (0.0,), ((0.0,),), InvalidCount, id="count not a number"),
        pytest.param(2, (), (), InvalidShape, id="no column"),
        pytest.param(2, (0.0, 0.0), ((1.0,),), InvalidShape, id="sizes differ"),
        pytest.param(2, (0.0,), ((-1.0,),), InvalidValue, id="negative spread"),
        pytest.param(2, (math.nan,), ((1.0,),), InvalidValue, id="mean not a number"),
        pytest.param(2, (0.0,), ((math.inf,),), InvalidValue, id="infinite spread"),
        pytest.param(0, (1.0,), ((0.0,),), InvalidValue, id="a mean of nothing"),
        pytest.param(1, (1.0,), ((1.0,),), InvalidValue, id="a spread of one"),
        pytest.param(3, (0.0, 0.0), ((1.0, 0.5), (0.2, 1.0)), InvalidValue, id="not symmetric"),
    ],
)
def test_impossible_moments_are_refused(
    count: Any, mean: Any, comoment: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        Moments(count, mean, comoment)


def test_moments_are_values() -> None:
    one, same = Moments.of([1.0, 2.0]), Moments.of([1.0, 2.0])
    assert one == same
    assert hash(one) == hash(same)
    assert all(isinstance(each, float) for each in itertools.chain(one.mean, *one.comoment))
