"""The confidence sequence for the ratio of incident rates."""

import math
import re
from typing import Any

import numpy as np
import pytest

from anytime import IncidentStratum, InvalidCount, InvalidMargin, InvalidShare
from anytime.safe_logrank import SEQUENCE_RATIOS, log_e_harm, ratio_sequence

RAMP = [
    IncidentStratum(1, 40, 0.01),
    IncidentStratum(6, 60, 0.05),
    IncidentStratum(30, 70, 0.25),
    IncidentStratum(0, 3, 0.5),
]
UNIFORM = dict.fromkeys(SEQUENCE_RATIOS, 1.0)


@pytest.mark.parametrize("strata", [[], [IncidentStratum(0, 0, 0.3)]])
def test_sequence_without_incident_knows_nothing(strata: list[IncidentStratum]) -> None:
    assert ratio_sequence(strata) == (0.0, math.inf)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.3])
def test_lower_limit_is_the_ratio_at_which_the_harm_test_crosses(alpha: float) -> None:
    lower, upper = ratio_sequence(RAMP, alpha=alpha)
    exchanged = [IncidentStratum(b, c, 1.0 - share) for c, b, share in RAMP]
    at_lower = log_e_harm(RAMP, null_ratio=lower, mixture=UNIFORM)
    at_upper = log_e_harm(exchanged, null_ratio=1.0 / upper, mixture=UNIFORM)
    assert at_lower == pytest.approx(math.log(2.0 / alpha), abs=1e-8)
    assert at_upper == pytest.approx(math.log(2.0 / alpha), abs=1e-8)


def test_harm_test_is_monotone_in_its_null_so_that_one_crossing_is_the_limit() -> None:
    nulls = np.geomspace(1e-6, 1e6, 400)
    log_es = [log_e_harm(RAMP, null_ratio=float(null), mixture=UNIFORM) for null in nulls]
    assert np.all(np.diff(log_es) <= 1e-12)


def test_sequence_with_arms_exchanged_is_the_reciprocal() -> None:
    lower, upper = ratio_sequence(RAMP)
    exchanged = [IncidentStratum(b, c, 1.0 - share) for c, b, share in RAMP]
    assert ratio_sequence(exchanged) == pytest.approx((1.0 / upper, 1.0 / lower), rel=1e-9)


def test_sequence_of_split_or_reordered_strata_is_the_same() -> None:
    halves = [IncidentStratum(c - c // 3, b - b // 3, share) for c, b, share in RAMP]
    halves += [IncidentStratum(c // 3, b // 3, share) for c, b, share in reversed(RAMP)]
    assert ratio_sequence(iter(halves)) == pytest.approx(ratio_sequence(RAMP), rel=1e-9)


def test_sequence_encloses_the_estimate_and_narrows_with_evidence() -> None:
    widths = []
    for times in (1, 10, 100, 1000):
        lower, upper = ratio_sequence([IncidentStratum(20 * times, 10 * times, 0.5)])
        assert lower < 2.0 < upper
        widths.append(math.log(upper / lower))
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.12


def test_sequence_at_a_lower_level_is_wider() -> None:
    strict, loose = ratio_sequence(RAMP, alpha=0.01), ratio_sequence(RAMP, alpha=0.1)
    assert strict[0] < loose[0] < loose[1] < strict[1]


@pytest.mark.parametrize("share", [1e-6, 0.01, 0.5, 1.0 - 1e-6])
@pytest.mark.parametrize("candidate", [0, 1, 10**9])
@pytest.mark.parametrize("baseline", [0, 1, 10**9])
def test_sequence_at_extremes_is_an_interval(candidate: int, baseline: int, share: float) -> None:
    lower, upper = ratio_sequence([IncidentStratum(candidate, baseline, share)])
    assert 0.0 <= lower < upper <= math.inf
    assert math.isfinite(lower)
    assert upper == math.inf or baseline > 1
    assert lower == 0.0 or candidate > 1


@pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0])
def test_sequence_over_a_ramp_with_drift_misses_the_ratio_within_its_level(ratio: float) -> None:
    """The ratio is outside at a look iff a test of that very ratio rejects; 400 paths, 12 looks."""
    rng, paths, alpha, missed = np.random.default_rng(61), 400, 0.1, 0
    for _ in range(paths):
        strata: list[IncidentStratum] = []
        outside = []
        for share, base in ((0.01, 60), (0.05, 20), (0.5, 40)):
            theta = ratio * share / (ratio * share + 1.0 - share)
            for incidents in rng.poisson(base, 4):
                candidate = int(rng.binomial(incidents, theta))
                strata.append(IncidentStratum(candidate, int(incidents) - candidate, share))
                outside.append(_rejects(strata, ratio, alpha))
        lower, upper = ratio_sequence(strata, alpha=alpha)
        assert outside[-1] == (not lower <= ratio <= upper)
        missed += any(outside)
    assert missed / paths <= alpha + 3.0 * math.sqrt(alpha * (1.0 - alpha) / paths)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, math.nan])
def test_sequence_at_an_impossible_level_is_refused(alpha: float) -> None:
    with pytest.raises(InvalidMargin, match=re.escape(f"alpha == {alpha}")):
        ratio_sequence(RAMP, alpha=alpha)


@pytest.mark.parametrize("count", [-1, math.nan, math.inf])
@pytest.mark.parametrize("name", ["candidate", "baseline"])
def test_sequence_of_impossible_counts_is_refused(name: str, count: Any) -> None:
    bad = RAMP[0]._replace(**{name: count})
    with pytest.raises(InvalidCount, match=re.escape(f"{name} == {count}")):
        ratio_sequence([bad, *RAMP])


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, 1.5, math.nan])
def test_sequence_of_an_impossible_share_is_refused(share: float) -> None:
    with pytest.raises(InvalidShare, match=re.escape(f"share == {share}")):
        ratio_sequence([RAMP[0]._replace(share=share)])


def _rejects(strata: list[IncidentStratum], ratio: float, alpha: float) -> bool:
    exchanged = [IncidentStratum(b, c, 1.0 - share) for c, b, share in strata]
    log_es = (
        log_e_harm(strata, null_ratio=ratio, mixture=UNIFORM),
        log_e_harm(exchanged, null_ratio=1.0 / ratio, mixture=UNIFORM),
    )
    return max(log_es) > math.log(2.0 / alpha)
