"""S5: the boundary against references, order statistics by hand, merging, and refusals."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from anytime.errors import InvalidCount, InvalidLevel, InvalidShape, InvalidShare, InvalidValue
from anytime.quantile_sequence import (
    ValueCounts,
    _edges,
    _log_e_above,
    _too_many,
    quantile_comparison,
    quantile_sequence,
    value_counts,
)

VALUES = st.lists(st.floats(0.0, 1e15, allow_nan=False), max_size=30)


def test_boundary_is_the_beta_binomial_bound_of_confseq() -> None:
    """confseq 0.0.11: beta_binomial(g=.1, h=.9) at v = v_opt = 100, alpha .05, one-sided."""
    units = 100 / 0.09
    log_e = _log_e_above(units, 0.1, units, 0.1)  # type: ignore[arg-type]
    bound = optimize.brentq(
        lambda s: log_e(100 / 0.9 + s) - math.log(20),  # type: ignore[arg-type]
        0.0,
        300.0,
    )
    assert bound == pytest.approx(28.682185, abs=1e-6)


@pytest.mark.parametrize(("count", "units", "rate"), [(3, 10, 0.1), (97, 100, 0.9), (20, 30, 0.5)])
def test_log_e_is_the_likelihood_ratio_averaged_over_a_prior_above_the_null(
    count: int, units: int, rate: float
) -> None:
    planned, alpha = 1000.0, 0.05
    spread, spent = rate * (1.0 - rate), -2.0 * math.log(alpha)
    precision = planned * spread / (spent + math.log1p(spent)) - spread
    prior = stats.beta(precision / (1.0 - rate), precision / rate)

    def ratio(at: float) -> float:
        return float(
            prior.pdf(at) * (at / rate) ** count * ((1.0 - at) / (1.0 - rate)) ** (units - count)
        )

    averaged = integrate.quad(ratio, rate, 1.0, epsabs=1e-12)[0] / prior.sf(rate)
    assert _log_e_above(units, rate, planned, alpha)(count) == pytest.approx(math.log(averaged))


@pytest.mark.parametrize("units", [1, 10, 500, 100_000])
@pytest.mark.parametrize("rate", [0.01, 0.5, 0.99])
def test_too_many_is_the_least_count_that_rejects(units: int, rate: float) -> None:
    found = _too_many(units, rate, 5000.0, 0.05)
    log_e = _log_e_above(units, rate, 5000.0, 0.05)
    assert units * rate < found <= units + 1
    assert log_e(found - 1) < math.log(40.0)
    assert found == units + 1 or log_e(found) >= math.log(40.0)


@pytest.mark.parametrize("at", [0.5, 0.9, 0.95])
def test_limits_are_order_statistics_rounded_outwards_by_at_most_one_percent(at: float) -> None:
    values = np.random.default_rng(1).lognormal(size=5000)
    ordered = np.sort(values)
    result = quantile_sequence(value_counts(values), at=at, planned=5000)
    upper = ordered[_too_many(5000, at, 5000, 0.05) - 1]
    lower = ordered[5000 - _too_many(5000, 1.0 - at, 5000, 0.05)]
    assert upper / 1.0 <= result.upper <= upper * 1.01
    assert lower / 1.01 <= result.lower <= lower
    assert result.estimate == pytest.approx(np.quantile(values, at), rel=0.02)
    assert result.lower < np.quantile(values, at) < result.upper


def test_upper_and_lower_limits_mirror_each_other() -> None:
    """The p-quantile of X and the (1 - p)-quantile of 1/X are reciprocal."""
    values = np.random.default_rng(2).lognormal(size=3001)
    one = quantile_sequence(value_counts(values), at=0.9, planned=3000)
    other = quantile_sequence(value_counts(1.0 / values), at=0.1, planned=3000)
    assert one.lower * other.upper == pytest.approx(1.0, rel=0.021)
    assert one.upper * other.lower == pytest.approx(1.0, rel=0.021)


def test_too_few_values_bound_a_high_quantile_from_below_only() -> None:
    result = quantile_sequence(value_counts(np.arange(1.0, 31.0)), at=0.99, planned=1000)
    assert result.upper == math.inf
    assert 0.0 <= result.lower < 30.0


def test_no_value_says_nothing() -> None:
    assert quantile_sequence(ValueCounts(), at=0.5, planned=100) == (None, 0.0, math.inf, 0)
    nothing = quantile_comparison(ValueCounts(), ValueCounts(), at=0.5, share=0.5, planned=100)
    assert nothing[:4] == (-math.inf, math.inf, 0.0, math.inf)


@settings(max_examples=60, deadline=None)
@given(VALUES, VALUES)
def test_sum_of_parts_is_exactly_the_whole(first: list[float], second: list[float]) -> None:
    whole = value_counts(first + second)
    assert value_counts(first) + value_counts(second) == whole
    assert value_counts(second) + value_counts(first) == whole
    assert whole.units == len(first) + len(second)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.0, 1e18, allow_nan=False))
def test_every_value_falls_into_the_bin_that_holds_it(value: float) -> None:
    ((index, count),) = value_counts([value]).bins
    assert count == 1
    assert _edges()[index] <= value < _edges()[index + 1]


def test_memory_is_bounded_whatever_is_counted() -> None:
    values = 10.0 ** np.random.default_rng(3).uniform(-9, 15, 100_000)
    counts = value_counts(values)
    assert len(counts.bins) <= 4168 == len(_edges()) - 1
    assert counts.units == 100_000


def test_state_written_as_json_is_read_back() -> None:
    counts = value_counts([0.0, 1.0, 1.0, 250.0])
    read = json.loads(json.dumps(counts.bins))
    assert ValueCounts(tuple((index, count) for index, count in read)) == counts


def test_comparison_is_made_of_both_intervals_at_half_the_level() -> None:
    rng = np.random.default_rng(4)
    slow, fast = (
        value_counts(3.0 * rng.lognormal(size=2000)),
        value_counts(rng.lognormal(size=6000)),
    )
    result = quantile_comparison(slow, fast, at=0.9, share=0.25, planned=8000)
    assert result.candidate == quantile_sequence(slow, at=0.9, planned=2000, alpha=0.025)
    assert result.baseline == quantile_sequence(fast, at=0.9, planned=6000, alpha=0.025)
    assert result.difference_lower == result.candidate.lower - result.baseline.upper > 0.0
    assert result.difference_upper == result.candidate.upper - result.baseline.lower
    assert result.ratio_lower == result.candidate.lower / result.baseline.upper > 1.0
    assert result.ratio_lower < 3.0 < result.ratio_upper


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_values_that_cannot_be_are_refused(bad: float) -> None:
    with pytest.raises(InvalidValue):
        value_counts([1.0, bad])


def test_values_of_another_shape_are_refused() -> None:
    with pytest.raises(InvalidShape):
        value_counts([[1.0, 2.0]])


@pytest.mark.parametrize(
    ("bins", "error"),
    [
        pytest.param(((3, 0),), InvalidCount, id="a count of nothing"),
        pytest.param(((3, -1),), InvalidCount, id="negative"),
        pytest.param(((3, 1.5),), InvalidCount, id="not whole"),
        pytest.param(((3, math.nan),), InvalidCount, id="not a number"),
        pytest.param(((3, 1), (3, 1)), InvalidValue, id="twice the same bin"),
        pytest.param(((4, 1), (3, 1)), InvalidValue, id="not in order"),
        pytest.param(((-1, 1),), InvalidValue, id="no such bin"),
        pytest.param(((4168, 1),), InvalidValue, id="beyond the last bin"),
    ],
)
def test_counts_that_cannot_be_are_refused(bins: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        ValueCounts(bins)


@pytest.mark.parametrize("bad", [0.0, 1.0, -0.5, math.nan])
def test_levels_outside_the_open_unit_interval_are_refused(bad: float) -> None:
    with pytest.raises(InvalidLevel):
        quantile_sequence(ValueCounts(), at=bad, planned=100)
    with pytest.raises(InvalidLevel):
        quantile_sequence(ValueCounts(), at=0.5, planned=100, alpha=bad)
    with pytest.raises(InvalidShare):
        quantile_comparison(ValueCounts(), ValueCounts(), at=0.5, share=bad, planned=100)


@pytest.mark.parametrize("planned", [0.0, -1.0, math.inf, math.nan])
def test_planned_values_that_cannot_be_are_refused(planned: float) -> None:
    with pytest.raises(InvalidValue):
        quantile_sequence(ValueCounts(), at=0.5, planned=planned)
