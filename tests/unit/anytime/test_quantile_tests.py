"""One-sided tests of quantiles: written out value by value, limits, stages, and refusals."""

import math
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, special

from anytime.errors import InvalidLevel, InvalidShare, InvalidValue
from anytime.quantile_sequence import ValueCounts, _log_e_above, quantile_comparison, value_counts
from anytime.quantile_tests import QuantileStratum, QuantileTest, quantile_test
from anytime.ratio_metric import Scale

Values = NDArray[np.float64]
RNG = np.random.default_rng(1)
QUICK, SLOW = RNG.lognormal(size=3000), 1.5 * RNG.lognormal(size=1000)
EMPTY = ValueCounts()


def _stratum(candidate: Values, baseline: Values, share: float = 0.25) -> QuantileStratum:
    return QuantileStratum(value_counts(candidate), value_counts(baseline), share)


def _tested(
    *strata: QuantileStratum, at: float = 0.5, scale: Scale = Scale.DIFFERENCE
) -> QuantileTest:
    return quantile_test(strata, at=at, planned=4000, alpha=0.05, scale=scale)


def _value_by_value(candidate: Values, baseline: Values, at: float, shift: float) -> float:
    """The least product over every x, from the values themselves and without bins."""
    level = math.sqrt(0.05)
    below = _log_e_above(len(baseline), at, 3000.0, level)
    above = _log_e_above(len(candidate), 1.0 - at, 1000.0, level)
    tried = np.concatenate([np.sort(baseline), np.sort(candidate) - shift, [0.0, 1e9]])
    counts_below = [int((baseline < x).sum()) for x in tried]
    counts_above = [int((candidate > x + shift).sum()) for x in tried]
    return float(np.min(below(counts_below) + above(counts_above)))


@pytest.mark.parametrize("at", [0.5, 0.9])
@pytest.mark.parametrize("shift", [0.0, 0.2, 1.0])
def test_e_value_is_that_of_the_values_themselves_and_bins_only_lower_it(
    at: float, shift: float
) -> None:
    found = _tested(_stratum(SLOW, QUICK), at=at).log_e_greater(shift)
    exact = _value_by_value(SLOW, QUICK, at, shift)
    assert found <= exact + 1e-9
    binned_apart = _value_by_value(SLOW / 1.0101, QUICK * 1.0101, at, shift)
    assert found >= binned_apart - 1e-9


def test_e_value_on_the_log_scale_compares_ratios() -> None:
    test = _tested(_stratum(SLOW, QUICK), scale=Scale.LOG_RATIO)
    no_change = _tested(_stratum(SLOW, QUICK)).log_e_greater(0.0)
    assert test.log_e_greater(0.0) == no_change
    doubled = _tested(_stratum(2.0 * SLOW, QUICK), scale=Scale.LOG_RATIO)
    assert doubled.log_e_greater(math.log(2.0)) == pytest.approx(no_change, abs=3.0)
    assert doubled.estimate == pytest.approx(math.log(3.0), abs=0.15)


@pytest.mark.parametrize("scale", list(Scale))
def test_limits_are_where_the_e_value_crosses_and_enclose_the_estimate(scale: Scale) -> None:
    test = _tested(_stratum(SLOW, QUICK), scale=scale)
    lower, upper = test.lower_limit(0.05), -test.mirrored().lower_limit(0.05)
    assert test.estimate is not None
    assert lower < test.estimate < upper
    assert test.log_e_greater(lower) >= math.log(20.0)
    assert test.log_e_greater(lower + 1e-9) < math.log(20.0)


@pytest.mark.parametrize("at", [0.5, 0.95])
def test_limits_are_narrower_than_those_of_two_separate_intervals(at: float) -> None:
    """At the same one-sided level: each of the four limits of the intervals has a quarter of it."""
    test = _tested(_stratum(SLOW, QUICK), at=at)
    apart = quantile_comparison(
        value_counts(SLOW), value_counts(QUICK), at=at, share=0.25, planned=4000, alpha=0.1
    )
    assert test.lower_limit(0.05) > apart.difference_lower
    assert -test.mirrored().lower_limit(0.05) < apart.difference_upper


def test_stages_multiply_and_are_not_pooled() -> None:
    early, late = _stratum(SLOW[:500], QUICK[:1500]), _stratum(10.0 * SLOW, 10.0 * QUICK, 0.5)
    both = quantile_test([early, late], at=0.5, planned=4000, alpha=0.05)
    assert both.log_e_greater(0.1) == pytest.approx(
        _tested(early).log_e_greater(0.1) + _tested(late).log_e_greater(0.1)
    )
    assert both.units == 6000


def test_slow_times_with_a_larger_share_are_no_slower_candidate() -> None:
    """Latency rises tenfold with the share; no arm differs from the other."""
    quick, slow = QUICK, 10.0 * RNG.lognormal(size=4000)
    early, late = _stratum(quick[:150], quick[150:], 0.05), _stratum(slow[:2000], slow[2000:], 0.5)
    assert _tested(early, late).log_e_greater(0.0) < math.log(20.0)
    pooled = _stratum(
        np.concatenate([quick[:150], slow[:2000]]), np.concatenate([quick[150:], slow[2000:]])
    )
    assert _tested(pooled).log_e_greater(0.0) > math.log(1e6)


def test_arms_far_apart_are_told_apart_however_many_values_there_are() -> None:
    """The bets that lose are only polynomially small: nothing underflows to no evidence."""
    many = 100_000
    far = QuantileStratum(ValueCounts(((2000, many),)), ValueCounts(((1500, many),)), 0.5)
    test = quantile_test([far], at=0.5, planned=4000, alpha=0.05)
    assert test.log_e_greater(0.0) > 1e4
    assert -40.0 < test.mirrored().log_e_greater(0.0) < 0.0


@pytest.mark.parametrize("count", [0, 300, 900])
def test_losing_bet_is_never_put_below_what_it_is(count: int) -> None:
    """The integral over rates above the null's, at counts at and far below the null's."""
    units, rate, planned, alpha = 2000, 0.5, 1000.0, 0.05
    spread, spent = rate * (1.0 - rate), -2.0 * math.log(alpha)
    precision = planned * spread / (spent + math.log1p(spent)) - spread
    ones, zeros = precision / (1.0 - rate), precision / rate
    normaliser = special.betaln(ones, zeros) + math.log(special.betainc(zeros, ones, 1.0 - rate))

    def wealth(q: float) -> float:
        prior = (ones - 1.0) * math.log(q) + (zeros - 1.0) * math.log1p(-q) - normaliser
        won = count * math.log(q / rate) + (units - count) * math.log((1.0 - q) / (1.0 - rate))
        return math.exp(prior + won)

    pieces = np.concatenate([[rate], rate + np.geomspace(1e-6, 0.4999, 60)])
    exact = math.log(sum(integrate.quad(wealth, *ends)[0] for ends in pairwise(pieces)))
    found = float(_log_e_above(units, rate, planned, alpha)(count))
    assert exact - 6.0 < found <= exact + 1e-6


def test_no_value_in_an_arm_is_no_evidence() -> None:
    for stratum in (
        QuantileStratum(EMPTY, EMPTY, 0.5),
        QuantileStratum(EMPTY, value_counts(QUICK), 0.5),
    ):
        test = _tested(stratum)
        assert (test.estimate, test.units, test.log_e_greater(-1.0)) == (None, 0, 0.0)
        assert test.lower_limit(0.05) == -math.inf
    few = _tested(_stratum(SLOW[:3], QUICK[:3]))
    assert (few.lower_limit(0.05), few.mirrored().lower_limit(0.05)) == (-math.inf, -math.inf)


def test_values_beyond_the_bins_have_limits_that_are_known_to_hold() -> None:
    zeros, huge = np.zeros(1000), np.full(1000, 1e14)
    test = _tested(_stratum(huge, zeros))
    assert test.lower_limit(0.05) <= 1e14
    assert test.lower_limit(0.05) > 1e11
    same = _tested(_stratum(zeros, zeros), scale=Scale.LOG_RATIO)
    assert same.estimate == 0.0


def test_settings_that_cannot_be_are_refused() -> None:
    stratum = _stratum(SLOW, QUICK)
    with pytest.raises(InvalidShare):
        _tested(stratum._replace(share=1.0))
    with pytest.raises(InvalidLevel):
        quantile_test([stratum], at=1.0, planned=4000, alpha=0.05)
    with pytest.raises(InvalidLevel):
        quantile_test([stratum], at=0.5, planned=4000, alpha=0.0)
    with pytest.raises(InvalidValue):
        quantile_test([stratum], at=0.5, planned=0.0, alpha=0.05)
    with pytest.raises(InvalidLevel):
        _tested(stratum).lower_limit(1.0)
