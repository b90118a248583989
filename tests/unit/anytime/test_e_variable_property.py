"""The one property all guarantees rest on: under the null, a bet never gains on average.

Each test sums exactly over all outcomes of the next unit, so there is no sampling error.
"""

import math
from itertools import product

import numpy as np
import pytest

from anytime import (
    IncidentStratum,
    OutcomeStratum,
    SplitStratum,
    log_e_below,
    log_e_mismatch,
    safe_logrank,
    two_proportions,
)

SHARES = [1e-6, 0.01, 0.05, 0.25, 0.5, 0.75, 0.99, 1.0 - 1e-6]
MARGINS = [0.001, 0.01, 0.05, 0.2, 0.5, 0.9]
RATES = np.concatenate([[0.0, 1e-6, 0.001], np.linspace(0.01, 0.99, 50), [0.999, 1.0 - 1e-6, 1.0]])
AT_MOST_ONE = 1.0 + 1e-12


@pytest.mark.parametrize("share", SHARES)
def test_each_bet_on_a_lower_rate_under_every_null_point_gains_nothing(share: float) -> None:
    nulls = np.array([(a, b) for a, b in product(RATES, RATES) if a >= b])
    bets = two_proportions._bets(share, 0.0, two_proportions.LOWER_ODDS_RATIOS)
    assert _expected_gains(bets, nulls, share).max() <= AT_MOST_ONE


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("margin", MARGINS)
def test_each_bet_on_non_inferiority_under_every_null_point_gains_nothing(
    share: float, margin: float
) -> None:
    inside = [(a, b) for a, b in product(RATES, RATES) if a <= b - margin]
    edge = [(b - margin, b) for b in np.linspace(margin, 1.0, 200)]
    nulls = np.clip(np.array(inside + edge), 0.0, 1.0)
    bets = two_proportions._bets(share, margin, two_proportions.NON_INFERIOR_ODDS_RATIOS)
    assert _expected_gains(bets, nulls, share).max() <= AT_MOST_ONE


@pytest.mark.parametrize("share", SHARES)
def test_the_mixture_on_a_lower_rate_through_the_public_function_gains_nothing(
    share: float,
) -> None:
    gains = _gains_of_one_unit(two_proportions.log_e_lower, share)
    for a, b in product(RATES, RATES):
        if a >= b:
            assert _chances(a, b, share) @ gains <= AT_MOST_ONE


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("margin", MARGINS)
def test_the_mixture_on_non_inferiority_through_the_public_function_gains_nothing(
    share: float, margin: float
) -> None:
    gains = _gains_of_one_unit(
        lambda strata: two_proportions.log_e_non_inferior(strata, margin=margin), share
    )
    for a, b in product(RATES, RATES):
        if a <= b - margin:
            assert _chances(a, b, share) @ gains <= AT_MOST_ONE


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_bets_on_a_lower_rate_under_their_own_alternative_do_gain(share: float) -> None:
    """Otherwise e = 1 throughout would pass the tests above."""
    bets = two_proportions._bets(share, 0.0, two_proportions.LOWER_ODDS_RATIOS)
    alternatives = np.stack(
        two_proportions._alternatives(0.0, two_proportions.LOWER_ODDS_RATIOS), axis=1
    )
    own = np.diag(_expected_gains(bets, alternatives, share))
    assert own.min() > 1.0


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("null_ratio", [0.5, 1.0, 2.0])
def test_an_incident_at_the_null_ratio_on_average_leaves_the_harm_e_value_as_it_was(
    share: float, null_ratio: float
) -> None:
    for before in (IncidentStratum(0, 0, share), IncidentStratum(7, 12, share)):
        at_null = _expected_growth(before, null_ratio, null_ratio)
        assert at_null == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("share", SHARES)
def test_an_incident_below_the_null_ratio_on_average_lowers_the_harm_e_value(share: float) -> None:
    for ratio in (0.0, 0.3, 0.99):
        assert _expected_growth(IncidentStratum(7, 12, share), ratio, 1.0) <= AT_MOST_ONE


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("margin", [0.3, 1.2, 1.5, 2.0])
def test_an_incident_at_or_beyond_the_margin_never_raises_the_non_inferiority_e_value(
    share: float, margin: float
) -> None:
    before = IncidentStratum(7, 12, share)
    for ratio in (margin, 1.01 * margin, 10.0 * margin):
        theta = _theta(ratio, share)
        now = safe_logrank.log_e_non_inferior([before], margin=margin)
        after = [
            safe_logrank.log_e_non_inferior([each], margin=margin) - now for each in _next(before)
        ]
        growth = theta * math.exp(after[0]) + (1.0 - theta) * math.exp(after[1])
        assert growth <= AT_MOST_ONE


@pytest.mark.parametrize("ceiling", [0.001, 0.01, 0.2, 0.9])
@pytest.mark.parametrize("excess", [1.0, 1.1, 3.0])
def test_a_unit_at_or_above_the_ceiling_never_raises_the_certifying_e_value(
    ceiling: float, excess: float
) -> None:
    rate = min(1.0, excess * ceiling)
    for incidents, units in ((0, 0), (0, 50), (3, 50)):
        now = log_e_below(incidents=incidents, units=units, ceiling=ceiling)
        hit = log_e_below(incidents=incidents + 1, units=units + 1, ceiling=ceiling)
        miss = log_e_below(incidents=incidents, units=units + 1, ceiling=ceiling)
        growth = rate * math.exp(hit - now) + (1.0 - rate) * math.exp(miss - now)
        assert growth <= AT_MOST_ONE


@pytest.mark.parametrize(
    "shares", [(0.99, 0.01), (0.5, 0.5), (0.2, 0.3, 0.5)], ids=["1 %", "50 %", "three arms"]
)
@pytest.mark.parametrize("seen", [0, 10, 1000])
def test_a_unit_of_the_designed_split_on_average_leaves_the_split_e_value_as_it_was(
    shares: tuple[float, ...], seen: int
) -> None:
    counts = tuple(seen + 3 * arm for arm in range(len(shares)))
    now = log_e_mismatch([SplitStratum(counts, shares)])
    growth = 0.0
    for arm, share in enumerate(shares):
        after = tuple(count + (index == arm) for index, count in enumerate(counts))
        growth += share * math.exp(log_e_mismatch([SplitStratum(after, shares)]) - now)
    assert growth == pytest.approx(1.0, abs=1e-9)


def _expected_gains(bets: two_proportions._Bets, points: np.ndarray, share: float) -> np.ndarray:
    """Shape (points, alternatives): mean of the likelihood ratio at each point."""
    chances = np.stack([_chances(a, b, share) for a, b in points])
    return np.asarray(chances @ np.exp(np.stack(bets)))


def _chances(a: float, b: float, share: float) -> np.ndarray:
    """Chance of each (arm, outcome), in the order of the fields of OutcomeStratum."""
    return np.array([share * a, share * (1 - a), (1 - share) * b, (1 - share) * (1 - b)])


def _gains_of_one_unit(log_e: object, share: float) -> np.ndarray:
    assert callable(log_e)
    units = np.eye(4, dtype=int)
    return np.array([math.exp(log_e([OutcomeStratum(*map(int, u), share)])) for u in units])


def _theta(ratio: float, share: float) -> float:
    return ratio * share / (ratio * share + 1.0 - share)


def _next(stratum: IncidentStratum) -> tuple[IncidentStratum, IncidentStratum]:
    return (
        stratum._replace(candidate=stratum.candidate + 1),
        stratum._replace(baseline=stratum.baseline + 1),
    )


def _expected_growth(before: IncidentStratum, ratio: float, null_ratio: float) -> float:
    """Mean growth of the harm e-value by the next incident, under a true `ratio`."""
    theta = _theta(ratio, before.share)
    now = safe_logrank.log_e_harm([before], null_ratio=null_ratio)
    candidate, baseline = (
        safe_logrank.log_e_harm([each], null_ratio=null_ratio) - now for each in _next(before)
    )
    return theta * math.exp(candidate) + (1.0 - theta) * math.exp(baseline)
