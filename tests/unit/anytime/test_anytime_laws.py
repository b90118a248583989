"""Laws that every e-value here obeys, whatever the counts."""

import math
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

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

LogE = Callable[[Sequence[Any]], float]

INCIDENTS = [
    IncidentStratum(1, 40, 0.01),
    IncidentStratum(6, 60, 0.05),
    IncidentStratum(30, 70, 0.25),
    IncidentStratum(0, 3, 0.5),
]
OUTCOMES = [
    OutcomeStratum(2, 1, 300, 120, 0.01),
    OutcomeStratum(12, 9, 260, 90, 0.05),
    OutcomeStratum(80, 60, 250, 100, 0.25),
    OutcomeStratum(0, 1, 2, 0, 0.5),
]
SPLITS = [
    SplitStratum((990, 12), (0.99, 0.01)),
    SplitStratum((700, 30), (0.95, 0.05)),
    SplitStratum((300, 110), (0.75, 0.25)),
]

TESTS = [
    pytest.param(safe_logrank.log_e_harm, INCIDENTS, id="incidents, harm"),
    pytest.param(
        lambda strata: safe_logrank.log_e_non_inferior(strata, margin=1.5),
        INCIDENTS,
        id="incidents, non-inferior",
    ),
    pytest.param(two_proportions.log_e_lower, OUTCOMES, id="outcomes, lower"),
    pytest.param(
        lambda strata: two_proportions.log_e_non_inferior(strata, margin=0.05),
        OUTCOMES,
        id="outcomes, non-inferior",
    ),
    pytest.param(log_e_mismatch, SPLITS, id="split"),
]


@pytest.mark.parametrize(("log_e", "strata"), TESTS)
def test_e_value_of_no_stratum_is_exactly_one(log_e: LogE, strata: Sequence[Any]) -> None:
    assert strata
    assert log_e([]) == 0.0


@pytest.mark.parametrize(("log_e", "strata"), TESTS)
def test_e_value_of_empty_strata_is_exactly_one(log_e: LogE, strata: Sequence[Any]) -> None:
    assert log_e([_emptied(stratum) for stratum in strata]) == 0.0


def test_e_value_below_of_no_unit_is_exactly_one() -> None:
    assert log_e_below(incidents=0, units=0, ceiling=0.01) == 0.0


@pytest.mark.parametrize(("log_e", "strata"), TESTS)
def test_e_value_with_empty_strata_added_is_unchanged(log_e: LogE, strata: Sequence[Any]) -> None:
    assert log_e([*strata, *map(_emptied, strata)]) == log_e(strata)


@pytest.mark.parametrize(("log_e", "strata"), TESTS)
def test_e_value_in_any_order_of_strata_is_the_same(log_e: LogE, strata: Sequence[Any]) -> None:
    expected = log_e(strata)
    for order in permutations(strata):
        assert log_e(order) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("log_e", "strata"), TESTS)
def test_e_value_of_an_iterator_equals_that_of_a_list(log_e: LogE, strata: Sequence[Any]) -> None:
    assert log_e(iter(strata)) == log_e(strata)  # type: ignore[arg-type]


@pytest.mark.parametrize(("log_e", "strata"), TESTS[:4])
def test_e_value_of_a_stratum_split_in_two_of_its_share_is_unchanged(
    log_e: LogE, strata: Sequence[Any]
) -> None:
    """Batches of one stage multiply; the split e-value is no product, and takes whole stages."""
    halves = [half for stratum in strata for half in _halved(stratum)]
    assert log_e(halves) == pytest.approx(log_e(strata), abs=1e-10)


def test_split_e_value_of_two_stages_is_the_product_of_both() -> None:
    parts = sum(log_e_mismatch([stratum]) for stratum in SPLITS)
    assert log_e_mismatch(SPLITS) == pytest.approx(parts, abs=1e-12)


def test_split_e_value_with_arms_exchanged_is_the_same() -> None:
    exchanged = [SplitStratum(s.counts[::-1], s.shares[::-1]) for s in SPLITS]
    assert log_e_mismatch(exchanged) == pytest.approx(log_e_mismatch(SPLITS), abs=1e-9)


def test_split_e_value_of_three_arms_agrees_with_two_when_one_is_merged_by_hand() -> None:
    """The two-arm form (beta function) and the general form are one formula."""
    counts, shares = (40, 70, 95), (0.2, 0.3, 0.5)
    prior = [100 * share for share in shares]
    by_hand = (
        sum(math.lgamma(a + n) - math.lgamma(a) for a, n in zip(prior, counts, strict=True))
        - (math.lgamma(100 + sum(counts)) - math.lgamma(100))
        - sum(n * math.log(p) for n, p in zip(counts, shares, strict=True))
    )
    assert log_e_mismatch([SplitStratum(counts, shares)]) == pytest.approx(by_hand, abs=1e-9)


BILLION = 10**9


@pytest.mark.parametrize("share", [1e-6, 0.01, 0.5, 1.0 - 1e-6])
@pytest.mark.parametrize("candidate", [0, 1, BILLION])
@pytest.mark.parametrize("baseline", [0, 1, BILLION])
def test_e_values_at_a_billion_units_stay_finite(
    candidate: int, baseline: int, share: float
) -> None:
    incidents = [IncidentStratum(candidate, baseline, share)]
    outcomes = [OutcomeStratum(candidate, baseline, baseline, candidate, share)]
    assert math.isfinite(safe_logrank.log_e_harm(incidents))
    assert math.isfinite(safe_logrank.log_e_non_inferior(incidents, margin=1.5))
    assert math.isfinite(two_proportions.log_e_lower(outcomes))
    assert math.isfinite(two_proportions.log_e_non_inferior(outcomes, margin=0.05))
    assert math.isfinite(
        log_e_mismatch([SplitStratum((baseline, candidate), (1.0 - share, share))])
    )


@pytest.mark.parametrize("incidents", [0, 1, BILLION // 2, BILLION])
@pytest.mark.parametrize("ceiling", [1e-6, 0.01, 0.5, 1.0 - 1e-6])
def test_e_value_below_at_a_billion_units_stays_finite(incidents: int, ceiling: float) -> None:
    assert math.isfinite(log_e_below(incidents=incidents, units=BILLION, ceiling=ceiling))


@pytest.mark.parametrize("margin", [1e-9, 0.001, 0.5, 0.999, 1.0 - 1e-9])
def test_log_e_non_inferior_of_outcomes_at_an_extreme_margin_stays_finite(margin: float) -> None:
    log_e = two_proportions.log_e_non_inferior(OUTCOMES, margin=margin)
    assert math.isfinite(log_e)


@pytest.mark.parametrize("margin", [1e-6, 0.3, 0.5, 1.0, 4.0, 1e6])
def test_log_e_non_inferior_of_incidents_at_an_extreme_margin_stays_finite(margin: float) -> None:
    assert math.isfinite(safe_logrank.log_e_non_inferior(INCIDENTS, margin=margin))


def _emptied(stratum: Any) -> Any:
    if isinstance(stratum, SplitStratum):
        return SplitStratum((0,) * len(stratum.counts), stratum.shares)
    return type(stratum)(*(0 for _ in stratum[:-1]), share=stratum.share)


def _halved(stratum: Any) -> tuple[Any, Any]:
    first = [count // 3 for count in stratum[:-1]]
    second = [count - part for count, part in zip(stratum[:-1], first, strict=True)]
    return type(stratum)(*first, share=stratum.share), type(stratum)(*second, share=stratum.share)
