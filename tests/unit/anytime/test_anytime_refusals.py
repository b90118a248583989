"""What cannot be is refused by its documented error; the message names the thing and its value."""

import math
import re
from typing import Any

import pytest

from anytime import (
    AnytimeError,
    IncidentStratum,
    InvalidCount,
    InvalidMargin,
    InvalidShare,
    OutcomeStratum,
    SplitStratum,
    log_e_below,
    log_e_mismatch,
    safe_logrank,
    two_proportions,
)

BAD_COUNTS = [
    pytest.param(-1, id="negative"),
    pytest.param(math.nan, id="not a number"),
    pytest.param(math.inf, id="infinite"),
    pytest.param(-math.inf, id="minus infinite"),
]
BAD_SHARES = [
    pytest.param(0.0, id="0"),
    pytest.param(1.0, id="1"),
    pytest.param(-0.1, id="negative"),
    pytest.param(1.1, id="above 1"),
    pytest.param(math.nan, id="not a number"),
    pytest.param(math.inf, id="infinite"),
]


@pytest.mark.parametrize("count", BAD_COUNTS)
@pytest.mark.parametrize("name", ["candidate", "baseline"])
def test_incident_stratum_with_an_impossible_count_is_refused(name: str, count: Any) -> None:
    stratum = IncidentStratum(candidate=1, baseline=2, share=0.1)._replace(**{name: count})
    with pytest.raises(InvalidCount, match=_said(name, count)):
        safe_logrank.log_e_harm([stratum])
    with pytest.raises(InvalidCount, match=_said(name, count)):
        safe_logrank.log_e_non_inferior([stratum], margin=1.5)


@pytest.mark.parametrize("share", BAD_SHARES)
def test_incident_stratum_with_an_impossible_share_is_refused(share: float) -> None:
    stratum = IncidentStratum(candidate=1, baseline=2, share=share)
    with pytest.raises(InvalidShare, match=_said("share", share)):
        safe_logrank.log_e_harm([stratum])
    with pytest.raises(InvalidShare, match=_said("share", share)):
        safe_logrank.log_e_non_inferior([stratum], margin=1.5)


@pytest.mark.parametrize("count", BAD_COUNTS)
@pytest.mark.parametrize("name", OutcomeStratum._fields[:-1])
def test_outcome_stratum_with_an_impossible_count_is_refused(name: str, count: Any) -> None:
    stratum = OutcomeStratum(1, 2, 3, 4, 0.1)._replace(**{name: count})
    with pytest.raises(InvalidCount, match=_said(name, count)):
        two_proportions.log_e_lower([stratum])
    with pytest.raises(InvalidCount, match=_said(name, count)):
        two_proportions.log_e_non_inferior([stratum], margin=0.1)


@pytest.mark.parametrize("share", BAD_SHARES)
def test_outcome_stratum_with_an_impossible_share_is_refused(share: float) -> None:
    stratum = OutcomeStratum(1, 2, 3, 4, share)
    with pytest.raises(InvalidShare, match=_said("share", share)):
        two_proportions.log_e_lower([stratum])
    with pytest.raises(InvalidShare, match=_said("share", share)):
        two_proportions.log_e_non_inferior([stratum], margin=0.1)


def test_an_impossible_stratum_after_good_ones_is_still_refused() -> None:
    good = IncidentStratum(1, 2, 0.1)
    with pytest.raises(InvalidCount):
        safe_logrank.log_e_harm([good, good, good._replace(baseline=-1)])


@pytest.mark.parametrize("margin", [0.0, -1.0, math.inf, math.nan])
def test_incident_margin_outside_its_range_is_refused(margin: float) -> None:
    with pytest.raises(InvalidMargin, match=_said("margin", margin)):
        safe_logrank.log_e_non_inferior([], margin=margin)


@pytest.mark.parametrize("margin", [0.0, 1.0, -0.05, 1.5, math.inf, math.nan])
def test_outcome_margin_outside_its_range_is_refused(margin: float) -> None:
    with pytest.raises(InvalidMargin, match=_said("margin", margin)):
        two_proportions.log_e_non_inferior([], margin=margin)


@pytest.mark.parametrize("null_ratio", [0.0, -1.0, math.inf, math.nan])
def test_null_ratio_outside_its_range_is_refused(null_ratio: float) -> None:
    with pytest.raises(InvalidMargin, match=_said("null_ratio", null_ratio)):
        safe_logrank.log_e_harm([IncidentStratum(1, 2, 0.1)], null_ratio=null_ratio)


@pytest.mark.parametrize(
    "ratios",
    [
        pytest.param((), id="none"),
        pytest.param((2.0, 1.0), id="no harm"),
        pytest.param((2.0, 0.5), id="less than none"),
        pytest.param((2.0, math.inf), id="infinite"),
        pytest.param((2.0, math.nan), id="not a number"),
    ],
)
def test_harm_ratios_outside_their_range_are_refused(ratios: tuple[float, ...]) -> None:
    mixture = dict.fromkeys(ratios, 1.0)
    with pytest.raises(InvalidMargin, match="mixture == "):
        safe_logrank.log_e_harm([IncidentStratum(1, 2, 0.1)], mixture=mixture)


@pytest.mark.parametrize("weight", [0.0, -1.0, math.inf, math.nan])
def test_harm_weights_outside_their_range_are_refused(weight: float) -> None:
    with pytest.raises(InvalidMargin, match="mixture == "):
        safe_logrank.log_e_harm([IncidentStratum(1, 2, 0.1)], mixture={2.0: 1.0, 3.0: weight})


@pytest.mark.parametrize("ceiling", [0.0, 1.0, -0.01, 2.0, math.inf, math.nan])
def test_ceiling_outside_its_range_is_refused(ceiling: float) -> None:
    with pytest.raises(InvalidMargin, match=_said("ceiling", ceiling)):
        log_e_below(incidents=0, units=10, ceiling=ceiling)


@pytest.mark.parametrize("count", BAD_COUNTS)
def test_certification_of_impossible_counts_is_refused(count: Any) -> None:
    with pytest.raises(InvalidCount, match=_said("incidents", count)):
        log_e_below(incidents=count, units=10, ceiling=0.01)
    with pytest.raises(InvalidCount, match=_said("units", count)):
        log_e_below(incidents=0, units=count, ceiling=0.01)


def test_certification_of_more_incidents_than_units_is_refused() -> None:
    with pytest.raises(InvalidCount, match=r"incidents == 11\b.*units == 10\b"):
        log_e_below(incidents=11, units=10, ceiling=0.01)


@pytest.mark.parametrize("count", BAD_COUNTS)
@pytest.mark.parametrize("arm", [0, 1])
def test_split_with_an_impossible_count_is_refused(arm: int, count: Any) -> None:
    counts = [5, 5]
    counts[arm] = count
    with pytest.raises(InvalidCount, match=_said(f"counts[{arm}]", count)):
        log_e_mismatch([SplitStratum(counts, (0.5, 0.5))])


@pytest.mark.parametrize(
    ("counts", "shares"),
    [
        pytest.param((1, 2), (1.0,), id="a share too few"),
        pytest.param((1,), (0.5, 0.5), id="a count too few"),
        pytest.param((1, 2), (0.5, 0.4), id="sum below 1"),
        pytest.param((1, 2), (0.6, 0.5), id="sum above 1"),
        pytest.param((1, 2, 3), (0.33333, 0.33333, 0.33333), id="rounded thirds"),
        pytest.param((1, 2), (0.5, math.nan), id="not a number"),
        pytest.param((), (), id="no arm"),
    ],
)
def test_split_whose_shares_do_not_fit_is_refused(
    counts: tuple[int, ...], shares: tuple[float, ...]
) -> None:
    with pytest.raises(InvalidShare, match=_said("shares", shares)):
        log_e_mismatch([SplitStratum(counts, shares)])


@pytest.mark.parametrize(
    ("shares", "named"),
    [
        pytest.param((1.0, 0.0), 1.0, id="an arm without traffic"),
        pytest.param((-0.5, 1.5), -0.5, id="a negative share"),
        pytest.param((1.0,), 1.0, id="a single arm"),
    ],
)
def test_split_with_a_share_outside_its_range_is_refused(
    shares: tuple[float, ...], named: float
) -> None:
    with pytest.raises(InvalidShare, match=_said("share", named)):
        log_e_mismatch([SplitStratum((1,) * len(shares), shares)])


@pytest.mark.parametrize("error", [InvalidCount, InvalidShare, InvalidMargin])
def test_every_error_is_an_anytime_error_and_a_value_error(error: type[Exception]) -> None:
    assert issubclass(error, AnytimeError)
    assert issubclass(error, ValueError)


def _said(name: str, value: object) -> str:
    return re.escape(f"{name} == {value}")
