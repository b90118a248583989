"""One-sided tests of means: references, the integral they are, their limits, and refusals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from anytime.errors import InvalidLevel, InvalidValue
from anytime.mean_difference import Effect, half_width
from anytime.mean_tests import MeanTest, one_sided_tuning

TEST = MeanTest(Effect(0.01, 0.003**2, 30_000), one_sided_tuning(30_000, 0.05))
NOTHING = MeanTest(Effect(0.0, 0.0, 12), 0.1)


@pytest.mark.parametrize(("units", "bound"), [(100, 27.660709), (1000, 94.393916)])
def test_limit_is_the_one_sided_normal_mixture_bound_of_confseq(units: int, bound: float) -> None:
    """confseq 0.0.11: normal_mixture_bound(units, alpha=.05, v_opt=100, is_one_sided=True)."""
    test = MeanTest(Effect(0.0, 1.0 / units, units), one_sided_tuning(100, 0.05))
    assert -units * test.lower_limit(0.05) == pytest.approx(bound, abs=1e-6)


@pytest.mark.parametrize("than", [-0.01, 0.0, 0.005, 0.01, 0.02])
def test_e_value_is_the_wealth_averaged_over_half_a_normal_distribution(than: float) -> None:
    units, spread = TEST.units, math.sqrt(TEST.units * TEST.effect.variance)
    total = units * (TEST.effect.difference - than) / spread
    mixture = stats.halfnorm(scale=math.sqrt(TEST.tuning))

    def wealth(bet: float) -> float:
        return float(mixture.pdf(bet)) * math.exp(bet * total - 0.5 * units * bet**2)

    upper = 12.0 * math.sqrt(TEST.tuning)
    averaged = integrate.quad(wealth, 0.0, upper, points=[max(total / units, 0.0)])[0]
    assert TEST.log_e_greater(than) == pytest.approx(math.log(averaged), rel=1e-6)


def test_average_of_both_sides_is_the_two_sided_mixture_of_the_confidence_sequence() -> None:
    """Where the two-sided interval ends, the average of both e-values is 1/alpha."""
    spent = -2.0 * math.log(0.05)
    test = MeanTest(TEST.effect, (spent + math.log1p(spent)) / 30_000)
    end = 0.01 - half_width(30_000 * 0.003**2, 30_000, planned=30_000)
    both = [test.log_e_greater(end), test.mirrored().log_e_greater(-end)]
    assert np.logaddexp(*both) - math.log(2.0) == pytest.approx(math.log(20.0))


@settings(max_examples=200)
@given(
    difference=st.floats(-1e6, 1e6),
    error=st.floats(1e-6, 1e6),
    units=st.integers(1000, 10**9),
    alpha=st.floats(1e-12, 0.9),
)
def test_limit_is_where_the_e_value_crosses_its_threshold(
    difference: float, error: float, units: int, alpha: float
) -> None:
    test = MeanTest(Effect(difference, error**2, units), one_sided_tuning(20_000, 0.05))
    limit = test.lower_limit(alpha)
    assert limit < difference
    step = 1e-6 * error
    assert test.log_e_greater(limit - step) >= -math.log(alpha) - 1e-9 * abs(difference / error)
    assert test.log_e_greater(limit + step) <= -math.log(alpha) + 1e-9 * abs(difference / error)


def test_e_value_falls_as_the_number_rises_and_never_overflows() -> None:
    tried = [-1e200, -1e3, -0.01, 0.0, 0.01, 0.02, 1e3, 1e200]
    found = [TEST.log_e_greater(than) for than in tried]
    assert found == sorted(found, reverse=True)
    assert not any(math.isnan(each) for each in found)


def test_mirrored_test_is_that_of_the_exchanged_arms() -> None:
    other = MeanTest(Effect(-0.01, 0.003**2, 30_000), TEST.tuning)
    assert TEST.mirrored() == other
    assert TEST.mirrored().mirrored() == TEST


def test_too_few_data_are_no_evidence_and_give_no_limit() -> None:
    assert NOTHING.log_e_greater(-1.0) == 0.0
    assert NOTHING.lower_limit(0.05) == -math.inf
    assert (NOTHING.estimate, NOTHING.units) == (None, 12)


def test_limit_tuned_for_the_planned_units_is_narrower_there_than_others() -> None:
    tuned = [MeanTest(TEST.effect, one_sided_tuning(planned, 0.05)) for planned in (3e3, 3e4, 3e5)]
    limits = [test.lower_limit(0.05) for test in tuned]
    assert max(limits) == limits[1]


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, math.nan])
def test_levels_outside_the_unit_interval_are_refused(level: float) -> None:
    with pytest.raises(InvalidLevel):
        TEST.lower_limit(level)
    with pytest.raises(InvalidLevel):
        one_sided_tuning(100, level)


@pytest.mark.parametrize("planned", [0.0, -1.0, math.inf, math.nan])
def test_planned_units_that_cannot_be_are_refused(planned: float) -> None:
    with pytest.raises(InvalidValue):
        one_sided_tuning(planned, 0.05)
