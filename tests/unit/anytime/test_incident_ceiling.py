"""The alarm above a ceiling, and the confidence limits of an incident rate."""

import math
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from anytime import InvalidCount, InvalidMargin, bernoulli
from anytime.bernoulli import (
    ABOVE_MULTIPLES,
    alternatives_above,
    log_e_above,
    log_e_below,
    lower_rate,
    upper_rate,
)

LOG_20 = math.log(20.0)
CEILINGS = [1e-6, 0.001, 0.01, 0.05, 0.2, 0.5, 0.75, 0.8, 0.9, 1.0 - 1e-9]
LIMITS = [pytest.param(upper_rate, id="upper"), pytest.param(lower_rate, id="lower")]


@pytest.mark.parametrize("ceiling", CEILINGS)
def test_alarm_of_no_unit_is_exactly_one(ceiling: float) -> None:
    assert log_e_above(incidents=0, units=0, ceiling=ceiling) == 0.0


@pytest.mark.parametrize("ceiling", CEILINGS)
@pytest.mark.parametrize("seen", [(0, 0), (0, 50), (3, 50), (50, 50)])
def test_a_unit_at_the_ceiling_on_average_leaves_the_alarm_as_it_was(
    ceiling: float, seen: tuple[int, int]
) -> None:
    assert _growth(*seen, rate=ceiling, ceiling=ceiling) == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("ceiling", CEILINGS)
@pytest.mark.parametrize("part", [0.0, 0.3, 0.999])
def test_a_unit_below_the_ceiling_never_raises_the_alarm_on_average(
    ceiling: float, part: float
) -> None:
    for incidents, units in ((0, 0), (0, 50), (3, 50), (50, 50)):
        assert _growth(incidents, units, rate=part * ceiling, ceiling=ceiling) <= 1.0 + 1e-8


@pytest.mark.parametrize("ceiling", CEILINGS)
def test_alternatives_of_the_alarm_are_rates_above_the_ceiling(ceiling: float) -> None:
    rates = alternatives_above(ceiling)
    assert rates.size >= 1
    assert np.all((rates > ceiling) & (rates < 1.0))


@pytest.mark.parametrize("multiple", ABOVE_MULTIPLES)
def test_an_alternative_of_exactly_one_drops_out(multiple: float) -> None:
    rates = alternatives_above(1.0 / multiple)
    assert np.all(rates < 1.0)
    assert math.isfinite(log_e_above(incidents=1, units=9, ceiling=1.0 / multiple))


@pytest.mark.parametrize("ceiling", ["0.01", "0.3", "0.9"])
@pytest.mark.parametrize("counts", [(0, 7), (4, 30), (9, 9)])
def test_alarm_equals_the_exact_average_of_products(ceiling: str, counts: tuple[int, int]) -> None:
    incidents, units = counts
    null = Fraction(ceiling)
    rates = [Fraction(str(m)) * null for m in ABOVE_MULTIPLES if Fraction(str(m)) * null < 1]
    rates = rates or [(1 + null) / 2]
    products = [
        (rate / null) ** incidents * ((1 - rate) / (1 - null)) ** (units - incidents)
        for rate in rates
    ]
    expected = math.log(sum(products) / len(products))
    ours = log_e_above(incidents=incidents, units=units, ceiling=float(null))
    assert ours == pytest.approx(expected, abs=1e-9)


def test_alarm_of_a_unit_not_yet_matured_is_lower_than_without_it() -> None:
    before = log_e_above(incidents=5, units=100, ceiling=0.01)
    assert log_e_above(incidents=5, units=101, ceiling=0.01) < before


@pytest.mark.parametrize("incidents", [0, 1, 10**8, 10**9])
@pytest.mark.parametrize("ceiling", CEILINGS)
def test_alarm_at_a_billion_units_stays_finite(incidents: int, ceiling: float) -> None:
    assert math.isfinite(log_e_above(incidents=incidents, units=10**9, ceiling=ceiling))


def test_alarm_at_twice_a_ceiling_of_one_percent_takes_the_stored_number_of_units() -> None:
    """About 1,059 units; no test of this level is quicker than 765 on average (Wald)."""
    units = _units_until_alarm(rate=0.02, ceiling=0.01, paths=4000, incidents=200)
    error = float(units.std() / math.sqrt(len(units)))  # about 13
    assert np.all(np.isfinite(units))
    assert 765.0 < units.mean() < 1059.0 + 3.0 * error
    assert units.mean() > 1059.0 - 6.0 * error


def test_alarm_exactly_at_the_ceiling_is_false_within_its_level() -> None:
    paths = 4000
    units = _units_until_alarm(rate=0.01, ceiling=0.01, paths=paths, incidents=300)
    assert float(np.mean(np.isfinite(units))) <= 0.05 + 3.0 * math.sqrt(0.05 * 0.95 / paths)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.5])
@pytest.mark.parametrize("counts", [(1, 2), (3, 40), (10, 1000), (100, 10_000), (39, 40)])
def test_limits_enclose_the_observed_rate_and_widen_with_confidence(
    alpha: float, counts: tuple[int, int]
) -> None:
    incidents, units = counts
    lower = lower_rate(incidents=incidents, units=units, alpha=alpha)
    upper = upper_rate(incidents=incidents, units=units, alpha=alpha)
    assert 0.0 <= lower < incidents / units < upper <= 1.0
    assert lower >= lower_rate(incidents=incidents, units=units, alpha=0.5 * alpha)
    assert upper <= upper_rate(incidents=incidents, units=units, alpha=0.5 * alpha)


@pytest.mark.parametrize("units", [0, 1, 5, 1000])
def test_limits_without_evidence_of_that_side_are_the_ends(units: int) -> None:
    assert lower_rate(incidents=0, units=units, alpha=0.05) == 0.0
    assert upper_rate(incidents=units, units=units, alpha=0.05) == 1.0


@pytest.mark.parametrize(("incidents", "units"), [(0, 400), (3, 400), (20, 2000)])
def test_upper_limit_is_where_the_mixture_of_its_alternatives_crosses(
    incidents: int, units: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the limit's own alternatives the certifying e-value of the limit is 1/alpha."""
    limit = upper_rate(incidents=incidents, units=units, alpha=0.05)
    monkeypatch.setattr(bernoulli, "BELOW_FRACTIONS", bernoulli.LIMIT_FRACTIONS)
    log_e = log_e_below(incidents=incidents, units=units, ceiling=limit)
    assert log_e == pytest.approx(LOG_20, abs=1e-8)


@pytest.mark.parametrize(("incidents", "units"), [(5, 20), (3, 100), (20, 2000)])
def test_lower_limit_is_where_the_mixture_of_its_alternatives_crosses(
    incidents: int, units: int
) -> None:
    limit = lower_rate(incidents=incidents, units=units, alpha=0.05)
    total = 0.0
    for multiple in bernoulli.LIMIT_MULTIPLES:
        rate = multiple * limit
        if rate < 1.0:
            rest = ((1.0 - rate) / (1.0 - limit)) ** (units - incidents)
            total += multiple**incidents * rest / len(bernoulli.LIMIT_MULTIPLES)
    assert total == pytest.approx(20.0, rel=1e-7)


@pytest.mark.parametrize("units", [10, 10**9])
@pytest.mark.parametrize("part", [0.0, 1e-9, 0.1, 0.9, 1.0])
@pytest.mark.parametrize("alpha", [1e-300, 1e-9, 0.05, 1.0 - 1e-9])
def test_limits_at_extremes_are_rates(units: int, part: float, alpha: float) -> None:
    incidents = round(part * units)
    lower = lower_rate(incidents=incidents, units=units, alpha=alpha)
    upper = upper_rate(incidents=incidents, units=units, alpha=alpha)
    assert 0.0 <= lower <= upper <= 1.0


@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_limits_at_every_look_miss_the_rate_within_their_level(rate: float) -> None:
    paths, alpha, most = 4000, 0.1, 60
    seen = range(most + 1)
    sooner = [_last(lambda n, s=s: lower_rate(incidents=s, units=n, alpha=alpha) > rate, s)
              for s in seen]  # fmt: skip
    later = [_last(lambda n, s=s: upper_rate(incidents=s, units=n, alpha=alpha) >= rate, s)
             for s in seen]  # fmt: skip
    at = np.cumsum(np.random.default_rng(41).geometric(rate, (paths, most)), axis=1)
    too_high = np.any(at <= np.array(sooner[1:]), axis=1)
    too_low = np.any(at - 1 > np.array(later[:-1]), axis=1)
    bound = alpha + 3.0 * math.sqrt(alpha * (1.0 - alpha) / paths)
    assert 0.0 < too_high.mean() <= bound
    assert 0.0 < too_low.mean() <= bound


@pytest.mark.parametrize("ceiling", [0.0, 1.0, -0.01, 2.0, math.inf, math.nan])
def test_alarm_ceiling_outside_its_range_is_refused(ceiling: float) -> None:
    with pytest.raises(InvalidMargin, match=re.escape(f"ceiling == {ceiling}")):
        log_e_above(incidents=0, units=10, ceiling=ceiling)


@pytest.mark.parametrize("count", [-1, math.nan, math.inf])
@pytest.mark.parametrize("name", ["incidents", "units"])
def test_impossible_counts_are_refused(name: str, count: Any) -> None:
    counts: dict[str, Any] = {"incidents": 1, "units": 10} | {name: count}
    with pytest.raises(InvalidCount, match=re.escape(f"{name} == {count}")):
        log_e_above(**counts, ceiling=0.01)
    for limit in (upper_rate, lower_rate):
        with pytest.raises(InvalidCount, match=re.escape(f"{name} == {count}")):
            limit(**counts, alpha=0.05)


def test_alarm_of_more_incidents_than_units_is_refused() -> None:
    with pytest.raises(InvalidCount, match=r"incidents == 11\b.*units == 10\b"):
        log_e_above(incidents=11, units=10, ceiling=0.01)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, math.nan])
def test_limit_at_an_impossible_level_is_refused(limit: Any, alpha: float) -> None:
    with pytest.raises(InvalidMargin, match=re.escape(f"alpha == {alpha}")):
        limit(incidents=1, units=10, alpha=alpha)


def _growth(incidents: int, units: int, *, rate: float, ceiling: float) -> float:
    now = log_e_above(incidents=incidents, units=units, ceiling=ceiling)
    hit = log_e_above(incidents=incidents + 1, units=units + 1, ceiling=ceiling)
    miss = log_e_above(incidents=incidents, units=units + 1, ceiling=ceiling)
    return rate * math.exp(hit - now) + (1.0 - rate) * math.exp(miss - now)


def _units_until_alarm(*, rate: float, ceiling: float, paths: int, incidents: int) -> np.ndarray:
    """Shape (paths,): units at the first alarm of each path, inf if there is none."""
    latest = [
        _last(lambda n, s=s: log_e_above(incidents=s, units=n, ceiling=ceiling) >= LOG_20, s)
        for s in range(1, incidents + 1)
    ]
    at = np.cumsum(np.random.default_rng(40).geometric(rate, (paths, incidents)), axis=1)
    return np.asarray(np.min(np.where(at <= np.array(latest), at, np.inf), axis=1))


def _last(holds: Any, low: int) -> int:
    """The last number of units, from `low` on, of which a statement holds; low - 1 if of none."""
    if not holds(low):
        return low - 1
    step = 1
    while holds(low + step):
        low, step = low + step, 2 * step
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
