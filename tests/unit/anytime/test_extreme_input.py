"""Input at the edge of what numbers can hold: the right figure by another route, or a refusal."""

import math
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.stats.power import NormalIndPower

from anytime import (
    IncidentStratum,
    InvalidCount,
    InvalidMargin,
    InvalidShare,
    SplitStratum,
    bernoulli,
    e_detector,
    fixed_horizon,
    log_e_mismatch,
    ongoing,
    safe_logrank,
)
from anytime.adjustment import adjusted_outcome
from anytime.e_detector import Detector, Outcomes
from anytime.errors import InvalidLevel, InvalidShape, InvalidValue
from anytime.mean_difference import Effect, half_width, interval, sequence_of
from anytime.mean_tests import MeanTest
from anytime.mixture import log_mixture
from anytime.moments import Moments
from anytime.multiplicity import weighted_thresholds
from anytime.ongoing import OngoingStratum, UnitEvent
from anytime.quantile_sequence import ValueCounts, quantile_sequence, value_counts

BILLION = 10**9


def test_upper_rate_of_all_but_one_of_very_many_units_is_one() -> None:
    """The limit is within exp(-51000) of 1: no number is between."""
    assert bernoulli.upper_rate(incidents=10**6 - 1, units=10**6, alpha=0.05) == 1.0


def test_ceiling_that_leaves_no_rate_below_one_is_refused() -> None:
    nearest = math.nextafter(1.0, 0.0)
    with pytest.raises(InvalidMargin, match="leaves no rate between"):
        bernoulli.log_e_above(incidents=1, units=1, ceiling=nearest)
    before = math.nextafter(nearest, 0.0)
    assert bernoulli.log_e_above(incidents=1, units=1, ceiling=before) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("candidate", "baseline", "share", "digits"),
    [
        pytest.param(10**18, 26, 0.95, 1e-6, id="nearly all on the candidate"),
        pytest.param(26, 10**18, 0.05, 1e-6, id="nearly all on the baseline"),
        pytest.param(500, 25, 1e-15, 1e-6, id="hardly any share"),
        pytest.param(10**15, 10**15, 0.5, 0.5, id="terms of 1e15 that cancel"),
    ],
)
def test_ratio_limits_of_lopsided_counts_are_where_the_exact_e_value_crosses(
    candidate: int, baseline: int, share: float, digits: float
) -> None:
    """The e-value at the lower limit, with 80 digits."""
    lower, upper = safe_logrank.ratio_sequence([IncidentStratum(candidate, baseline, share)])
    assert 0.0 < lower < upper
    exact = _log_e_with_80_digits(candidate, baseline, share, lower)
    assert exact == pytest.approx(math.log(2.0 / 0.05), abs=digits)
    within = _log_e_with_80_digits(candidate, baseline, share, lower * (1.0 - 1e-3))
    assert within > exact


def _log_e_with_80_digits(candidate: int, baseline: int, share: float, ratio: float) -> float:
    with localcontext(prec=80):
        odds = Decimal(ratio) * Decimal(share) / (1 - Decimal(share))
        theta = odds / (1 + odds)
        logs = []
        for multiple in map(Decimal, safe_logrank.SEQUENCE_RATIOS):
            changed = (1 + (multiple - 1) * theta).ln()
            logs.append(candidate * (multiple.ln() - changed) - baseline * changed)
        peak = max(logs)
        mean = sum((each - peak).exp() for each in logs) / len(logs)
        return float(peak + mean.ln())


def test_least_level_of_a_ratio_sequence_is_refused_for_half_of_it_is_none() -> None:
    with pytest.raises(InvalidMargin, match=r"alpha == 0\.0"):
        safe_logrank.ratio_sequence([], alpha=5e-324)


@pytest.mark.parametrize("margin", [5e-324])
def test_margin_with_nothing_below_it_is_refused(margin: float) -> None:
    for refused in (safe_logrank.log_e_non_inferior, lambda _, margin: _non_inferior(margin)):
        with pytest.raises(InvalidMargin, match="alternatives == "):
            refused([], margin=margin)


def _non_inferior(margin: float) -> OngoingStratum:
    return ongoing.non_inferior_stratum(margin=margin)


def test_alternative_that_is_too_large_for_a_number_is_refused() -> None:
    with pytest.raises(InvalidMargin, match="alternatives == "):
        safe_logrank.log_e_harm([], null_ratio=1e300, mixture={1e10: 1.0})


@pytest.mark.parametrize("rule", ["shiryaev-roberts", "cusum"])
@pytest.mark.parametrize("null_rate", [0.01, 0.3, 0.9])
def test_long_run_of_incidents_in_one_step_is_that_of_one_incident_at_a_time(
    rule: Any, null_rate: float
) -> None:
    start = e_detector.follow(e_detector.known(null_rate, rule=rule), [Outcomes(70, 0)])
    at_once = e_detector.follow(start, [Outcomes(3, 200)])
    stepwise = e_detector.follow(start, [Outcomes(3, 0), *[Outcomes(0, 1)] * 200])
    assert at_once.log_stakes == pytest.approx(stepwise.log_stakes, rel=1e-12)
    assert at_once.log_peak == pytest.approx(stepwise.log_peak, rel=1e-12)


def test_endless_run_of_incidents_costs_no_more_than_a_short_one() -> None:
    """Each incident multiplies by 1 / 0.1 at most: the alternative nearest to certain."""
    detector = e_detector.follow(e_detector.known(0.1), [Outcomes(0, 10**15)])
    assert detector.log_peak == pytest.approx(10**15 * math.log(0.5 / 0.1), rel=1e-9)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        pytest.param({"null_rate": math.nan}, InvalidMargin, id="null that is no number"),
        pytest.param({"rates": (0.001,) * 7}, InvalidMargin, id="alternatives within the null"),
        pytest.param({"log_stakes": (0.0,)}, InvalidShape, id="a stake for all"),
        pytest.param({"log_stakes": (math.nan,) * 7}, InvalidValue, id="stakes that are none"),
        pytest.param({"log_peak": math.nan}, InvalidValue, id="peak that is no number"),
        pytest.param({"rule": "sum"}, InvalidValue, id="unknown rule"),
    ],
)
def test_stored_detector_that_cannot_be_is_refused(changed: Any, error: type[Exception]) -> None:
    broken: Detector = e_detector.known(0.01)._replace(**changed)
    with pytest.raises(error):
        e_detector.follow(broken, [])
    with pytest.raises(error):
        e_detector.alarmed(broken, run_length=100.0)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        pytest.param({"null_ratio": 0.0}, InvalidMargin, id="null of 0"),
        pytest.param({"weights": (1.0,) * 6 + (math.nan,)}, InvalidMargin, id="weight"),
        pytest.param({"log_ratios": (0.0,)}, InvalidShape, id="a ratio for all"),
        pytest.param({"log_ratios": (math.nan,) * 7}, InvalidValue, id="ratios that are none"),
        pytest.param({"candidate": -1}, InvalidCount, id="fewer than none at risk"),
    ],
)
def test_stored_stage_that_cannot_be_is_refused(changed: Any, error: type[Exception]) -> None:
    broken = ongoing.exposed(ongoing.harm_stratum(), candidate=5, baseline=5)._replace(**changed)
    for refused in (
        lambda: ongoing.exposed(broken),
        lambda: ongoing.incident(broken, on_candidate=False),
        lambda: ongoing.follow(broken, []),
        lambda: ongoing.log_e([broken]),
    ):
        with pytest.raises(error):
            refused()


def test_event_of_an_unknown_kind_is_refused_and_not_taken_for_an_exposure() -> None:
    event: Any = UnitEvent("exposed", on_candidate=True)._replace(kind="incidents")
    with pytest.raises(InvalidValue, match="kind == 'incidents'"):
        ongoing.follow(ongoing.harm_stratum(), [event])


def test_one_incident_among_more_units_than_a_number_counts_is_the_bet_on_the_shares() -> None:
    stage = ongoing.harm_stratum(mixture={2.0: 1.0})
    stage = ongoing.exposed(stage, candidate=10**30, baseline=99 * 10**30)
    won = ongoing.log_e([ongoing.incident(stage, on_candidate=True)])
    assert won == pytest.approx(math.log(2.0 * 100 / 101), rel=1e-12)


@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.3])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.9])
def test_power_and_units_are_those_of_statsmodels(alpha: float, share: float) -> None:
    on_candidate, ratio = 20_000 * share, (1.0 - share) / share
    oracle = NormalIndPower().power(0.05, on_candidate, alpha, ratio=ratio)
    ours = fixed_horizon.means_power(-0.1, 2.0, units=20_000, share=share, alpha=alpha)
    assert ours == pytest.approx(float(oracle), abs=1e-12)
    wanted = NormalIndPower().solve_power(0.05, None, alpha, 0.8, ratio=ratio)
    units = fixed_horizon.means_units(-0.1, 2.0, power=0.8, share=share, alpha=alpha)
    assert units == pytest.approx(float(wanted) / share, rel=1e-5)


def test_units_at_a_level_of_nearly_nothing_are_a_number() -> None:
    """The other tail has no part in it, so the normal quantiles alone give the figure."""
    quantiles = float(norm.isf(0.5e-300) + norm.isf(0.01))
    units = fixed_horizon.proportions_units(0.5, 0.6, power=0.99, alpha=1e-300)
    effect = 2.0 * (math.asin(math.sqrt(0.6)) - math.asin(math.sqrt(0.5)))
    assert units == pytest.approx((quantiles / effect) ** 2 * 4.0, rel=1e-9)


def test_differences_and_units_out_of_all_proportion_are_refused() -> None:
    with pytest.raises(InvalidValue, match="out of all proportion"):
        fixed_horizon.means_units(1e-200, 1.0)
    with pytest.raises(InvalidValue, match="out of all proportion"):
        fixed_horizon.means_power(1e300, 1e-300, units=10)
    for units, planned in ((1.0, 5e-324), (5e-324, 1.0), (1e300, 1e-300)):
        with pytest.raises(InvalidValue, match="out of all proportion"):
            half_width(0.0, units, planned=planned)


@pytest.mark.parametrize("at", [1e-300, 1e-17])
def test_quantile_that_cannot_be_told_from_zero_is_refused(at: float) -> None:
    with pytest.raises(InvalidLevel, match=r"1 - at == 1\.0"):
        quantile_sequence(value_counts([1.0]), at=at, planned=100)


@pytest.mark.parametrize("units", [BILLION, 10**15])
@pytest.mark.parametrize("planned", [1.0, 1e6, 1e300])
def test_quantile_of_very_many_equal_values_lies_in_their_bin(units: int, planned: float) -> None:
    """Some counts at this size were an infinite e-value: the few failures were rounded away."""
    (place, _), *_ = value_counts([3.0]).bins
    counts = ValueCounts(((place, units),))
    found = quantile_sequence(counts, at=0.95, planned=planned)
    assert 3.0 / 1.01 < found.lower <= 3.0 < found.upper < 3.0 * 1.0101
    assert quantile_sequence(ValueCounts(((place, 1),)), at=0.95, planned=planned).lower == 0.0


def test_moments_too_large_for_their_squares_are_refused_wherever_they_come_from() -> None:
    huge, small = Moments(2, (1e300,), ((0.0,),)), Moments(2, (1.0,), ((1.0,),))
    with pytest.raises(InvalidValue, match="too large to square"):
        huge + small
    with pytest.raises(InvalidValue, match="too large to square"):
        small.mapped([[1e200]], [0.0])
    with pytest.raises(InvalidValue, match="too large to square"):
        adjusted_outcome([(2, huge)])


def test_moments_that_cannot_be_read_or_asked_for_are_refused() -> None:
    with pytest.raises(InvalidCount, match="count == nan"):
        Moments.from_floats([math.nan, 1.0, 1.0])
    for column in (-1, 1):
        with pytest.raises(InvalidShape, match=f"column == {column}"):
            Moments.of([1.0, 2.0]).variance(column)


def test_adjustment_of_arms_that_have_no_variance_or_differ_is_refused() -> None:
    with pytest.raises(InvalidShape):
        adjusted_outcome([])
    with pytest.raises(InvalidShape):
        adjusted_outcome([(4, Moments.of([1.0, 2.0])), (4, Moments.of([[1.0, 2.0], [3.0, 1.0]]))])
    with pytest.raises(InvalidCount, match="count == 1"):
        adjusted_outcome([(4, Moments.of([1.0]))])


def test_effects_and_intervals_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InvalidValue):
        interval(math.nan, 1.0, 1000)
    with pytest.raises(InvalidValue):
        sequence_of(Effect(math.nan, 1.0, 1000), planned=1000)
    with pytest.raises(InvalidValue):
        MeanTest(Effect(0.1, math.inf, 1000), 0.01)
    with pytest.raises(InvalidValue, match=r"tuning == 0\.0"):
        MeanTest(Effect(0.1, 0.01, 1000), 0.0)
    with pytest.raises(InvalidCount):
        MeanTest(Effect(0.1, 0.01, 0), 0.01)
    with pytest.raises(InvalidValue, match="than == nan"):
        MeanTest(Effect(0.1, 0.01, 1000), 0.01).log_e_greater(math.nan)


def test_mixture_of_an_infinite_ratio_is_infinite_and_of_none_is_refused() -> None:
    assert log_mixture(np.array([0.0, math.inf])) == math.inf
    assert log_mixture(np.array([-math.inf, 0.01]), [1e9, 5e-324]) == -math.inf
    with pytest.raises(InvalidValue):
        log_mixture(np.array([0.0, math.nan]))
    with pytest.raises(InvalidValue):
        log_mixture(np.array([]))
    for weights in ([1.0], [1.0, 0.0], [1e308, 1e308]):
        with pytest.raises(InvalidMargin, match="weights == "):
            log_mixture(np.array([0.0, 1.0]), weights)


def test_weights_and_shares_whose_sum_is_no_number_are_refused() -> None:
    with pytest.raises(InvalidMargin, match="weights == "):
        weighted_thresholds(0.05, [1e308, 1e308])
    for shares in ((math.inf, -math.inf), (1e308, 1e308)):
        with pytest.raises(InvalidShare, match="shares == "):
            log_e_mismatch([SplitStratum((1, 1), shares)])
