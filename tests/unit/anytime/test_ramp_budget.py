"""The risk-budgeted ramp: how large the next share may be."""

import math
import re
from typing import Any

import numpy as np
import pytest

from anytime import IncidentStratum, InvalidCount, InvalidMargin, InvalidShare
from anytime.ramp import excess_limit, largest_share, next_share

HEALTHY = [IncidentStratum(10, 190, 0.05), IncidentStratum(52, 148, 0.25)]
UNITS = {"candidate_units": 6000, "baseline_units": 34_000}


def test_share_without_evidence_exposes_no_more_units_than_the_budget() -> None:
    share = next_share([], candidate_units=0, baseline_units=0, units=1000, budget=5.0)
    assert share == pytest.approx(0.005, rel=1e-12)
    known_baseline = next_share([], candidate_units=0, baseline_units=10**6, units=1000, budget=5.0)
    assert known_baseline == pytest.approx(0.005, rel=1e-12)


def test_share_grows_with_the_budget_and_falls_with_the_units_until_the_next_look() -> None:
    budgets = np.geomspace(1e-6, 1e6, 200)
    shares = [next_share(HEALTHY, **UNITS, units=10_000, budget=float(b)) for b in budgets]
    assert shares == sorted(shares)
    assert 0.0 < shares[0] < shares[-1] == 1.0
    sizes = [next_share(HEALTHY, **UNITS, units=n, budget=5.0) for n in (0, 10, 10**4, 10**9)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 1.0


def test_share_at_the_limit_uses_the_budget_up_exactly() -> None:
    excess = excess_limit(HEALTHY, **UNITS)
    share = next_share(HEALTHY, **UNITS, units=50_000, budget=5.0)
    assert 0.0 < share < 1.0
    assert share * 50_000 * excess == pytest.approx(5.0, rel=1e-12)


def test_excess_limit_falls_as_a_healthy_candidate_is_seen_more_often() -> None:
    limits = [
        excess_limit(
            [IncidentStratum(5 * times, 95 * times, 0.05)],
            candidate_units=500 * times,
            baseline_units=9500 * times,
        )
        for times in (1, 10, 100, 1000)
    ]
    assert limits == sorted(limits, reverse=True)
    assert limits[-1] < 0.001


def test_excess_limit_of_a_bad_candidate_lies_above_its_excess() -> None:
    strata = [IncidentStratum(50, 95, 0.1)]
    assert excess_limit(strata, candidate_units=1000, baseline_units=9500) > 0.04


def test_excess_limit_of_a_candidate_that_is_certainly_better_is_zero_and_frees_the_ramp() -> None:
    strata = [IncidentStratum(100, 5000, 0.5)]
    assert excess_limit(strata, candidate_units=50_000, baseline_units=50_000) == 0.0
    share = next_share(
        strata, candidate_units=50_000, baseline_units=50_000, units=10**9, budget=1e-3
    )
    assert share == 1.0


@pytest.mark.parametrize("excess", [0.0, 1e-300, 0.01, 1.0, 1e9])
@pytest.mark.parametrize("units", [0, 1, 10**12])
@pytest.mark.parametrize("budget", [1e-9, 1.0, 1e12])
def test_largest_share_at_extremes_is_a_share_above_zero(
    excess: float, units: int, budget: float
) -> None:
    assert 0.0 < largest_share(excess=excess, units=units, budget=budget) <= 1.0


@pytest.mark.parametrize(("rate", "base"), [(0.02, 0.01), (0.05, 0.05), (0.2, 0.3)])
def test_excess_at_every_look_is_above_the_limit_within_its_level(rate: float, base: float) -> None:
    rng, paths, alpha, missed = np.random.default_rng(91), 60, 0.2, 0
    for _ in range(paths):
        units, bad, of_base = np.zeros(2, dtype=int), 0, 0
        strata: list[IncidentStratum] = []
        below = False
        for share in (0.05, 0.25, 0.5):
            for _ in range(3):
                new = int(rng.binomial(1000, share))
                bad, of_base = int(rng.binomial(new, rate)), int(rng.binomial(1000 - new, base))
                strata.append(IncidentStratum(bad, of_base, share))
                units += new, 1000 - new
                limit = excess_limit(
                    strata,
                    candidate_units=int(units[0]),
                    baseline_units=int(units[1]),
                    alpha=alpha,
                )
                below |= limit < rate - base
        missed += below
    assert missed / paths <= alpha


@pytest.mark.parametrize("name", ["excess", "budget"])
@pytest.mark.parametrize("value", [-1.0, math.inf, math.nan])
def test_impossible_excess_or_budget_is_refused(name: str, value: float) -> None:
    numbers: dict[str, Any] = {"excess": 0.1, "units": 10, "budget": 1.0} | {name: value}
    with pytest.raises(InvalidMargin, match=re.escape(f"{name} == {value}")):
        largest_share(**numbers)


def test_budget_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidMargin, match=r"budget == 0\.0"):
        largest_share(excess=0.0, units=10, budget=0.0)


@pytest.mark.parametrize("units", [-1, math.nan, math.inf])
def test_impossible_number_of_units_until_the_next_look_is_refused(units: Any) -> None:
    with pytest.raises(InvalidCount, match=re.escape(f"units == {units}")):
        next_share(HEALTHY, **UNITS, units=units, budget=1.0)


def test_more_incidents_than_units_of_an_arm_are_refused() -> None:
    with pytest.raises(InvalidCount, match=r"incidents == 62\b.*units == 61\b"):
        excess_limit(HEALTHY, candidate_units=61, baseline_units=34_000)
    with pytest.raises(InvalidCount, match=r"incidents == 338\b.*units == 9\b"):
        excess_limit(HEALTHY, candidate_units=6000, baseline_units=9)


def test_impossible_stratum_or_level_is_refused() -> None:
    with pytest.raises(InvalidShare, match=r"share == 1\.0"):
        excess_limit([IncidentStratum(1, 2, 1.0)], candidate_units=10, baseline_units=10)
    with pytest.raises(InvalidMargin, match=r"alpha == 1\.0"):
        excess_limit(HEALTHY, **UNITS, alpha=1.0)
