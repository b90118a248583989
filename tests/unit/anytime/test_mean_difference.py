"""S3: references, an oracle that sees every row, verdicts on too few data, and refusals."""

import math
from typing import Any

import numpy as np
import pytest
import ville
from numpy.typing import NDArray

from anytime.errors import (
    AnytimeError,
    InvalidCount,
    InvalidLevel,
    InvalidShape,
    InvalidShare,
    InvalidValue,
)
from anytime.mean_difference import (
    ArmMoments,
    MeanStratum,
    half_width,
    mean_difference,
    winsorised,
)
from anytime.moments import Moments

Rows = NDArray[np.float64]


def _arm(rows: Rows, events: int | None = None) -> ArmMoments:
    return ArmMoments(Moments.of(rows), len(rows) if events is None else events)


def _stage(seed: int, share: float, units: int, columns: int = 1) -> tuple[Rows, Rows]:
    """Candidate and baseline rows; the outcome leans on the covariates, by half as much each."""
    rng = np.random.default_rng(seed)
    on_candidate = int(units * share)
    rows = rng.normal(size=(units, columns))
    rows[:, 0] += seed + rows[:, 1:] @ (0.5 ** np.arange(columns - 1))
    rows[:on_candidate, 0] += 0.3
    return rows[:on_candidate], rows[on_candidate:]


def test_half_width_at_stored_counts_is_that_of_gbstats() -> None:
    """gbstats 0.8.0: control 99/9900, candidate 5/100, alpha .05, tuning 5000."""
    variance = 10_000 * (0.05 * 0.95 / 100 + 0.01 * 0.99 / 9900)
    width = half_width(variance, 10_000, planned=5000)
    assert 0.04 - width == pytest.approx(-0.0267935, abs=5e-8)
    assert 0.04 + width == pytest.approx(0.1067935, abs=5e-8)


@pytest.mark.parametrize(("units", "bound"), [(100, 30.352090), (1000, 102.512287)])
def test_half_width_is_the_normal_mixture_bound_of_confseq_and_ville(
    units: int, bound: float
) -> None:
    """confseq 0.0.11: normal_mixture_bound(units, alpha=.05, v_opt=100), two-sided."""
    ours = units * half_width(1.0, units, planned=100)
    assert ours == pytest.approx(bound, abs=1e-6)
    spent = -2.0 * math.log(0.05)
    rho = 100.0 / (spent + math.log1p(spent))  # confseq's closed form; ville searches for its own
    assert ours == pytest.approx(float(ville.normal_mixture(units, 0.05, rho)), rel=1e-12)


def test_difference_of_one_stage_is_that_of_the_arm_means() -> None:
    candidate, baseline = _stage(1, 0.25, 4000)
    result = mean_difference([MeanStratum(_arm(candidate), _arm(baseline), 0.25)], planned=4000)
    assert result.estimate == pytest.approx(candidate.mean() - baseline.mean())
    variance = candidate.var(ddof=1) / 1000 + baseline.var(ddof=1) / 3000
    expected = half_width(4000 * float(variance), 4000, planned=4000)
    assert result.half_width == pytest.approx(expected)
    assert result.lower == result.estimate - result.half_width
    assert result.upper == result.estimate + result.half_width
    assert (result.units, result.enough) == (4000, True)


def test_variance_agrees_with_influence_values_written_out_unit_by_unit() -> None:
    """With the realised share for p, the AIPW values' own mean and variance come out."""
    candidate, baseline = _stage(2, 0.2, 5000)
    p = 0.2
    values = np.concatenate(
        [
            candidate.mean() - baseline.mean() + (candidate - candidate.mean()) / p,
            candidate.mean() - baseline.mean() - (baseline - baseline.mean()) / (1.0 - p),
        ]
    )
    result = mean_difference([MeanStratum(_arm(candidate), _arm(baseline), p)], planned=5000)
    assert result.estimate == pytest.approx(values.mean())
    expected = half_width(float(values.var()), 5000, planned=5000)
    assert result.half_width == pytest.approx(expected, rel=1e-3)


def test_stages_are_averaged_by_units_and_never_pooled() -> None:
    """Means rise from 0 to 30 while the share rises: pooled totals would show an effect of 13."""
    stages = [_stage(0, 0.05, 10_000), _stage(30, 0.5, 20_000)]
    strata = [
        MeanStratum(_arm(c), _arm(b), len(c) / (len(c) + len(b))) for c, b in stages
    ]  # fmt: skip
    result = mean_difference(strata, planned=30_000)
    effects = [float(c.mean() - b.mean()) for c, b in stages]
    assert result.estimate == pytest.approx(effects[0] / 3 + effects[1] * 2 / 3)
    assert result.lower < 0.3 < result.upper < 1.0


@pytest.mark.parametrize("columns", [2, 3, 4])
def test_adjusted_difference_equals_least_squares_on_all_rows(columns: int) -> None:
    """At a share of one half, the slope is that of regression on arm and covariates (numpy)."""
    candidate, baseline = _stage(3, 0.5, 3000, columns)
    rows = np.concatenate([candidate, baseline])
    arm = np.repeat([1.0, 0.0], 1500)
    design = np.column_stack([np.ones(3000), arm, rows[:, 1:]])
    fitted, residuals, _, _ = np.linalg.lstsq(design, rows[:, 0], rcond=None)
    result = mean_difference([MeanStratum(_arm(candidate), _arm(baseline), 0.5)], planned=3000)
    assert result.estimate == pytest.approx(float(fitted[1]), rel=1e-9)
    variance = 4.0 * float(residuals[0]) / 2998
    expected = half_width(variance, 3000, planned=3000)
    assert result.half_width == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_adjustment_narrows_the_interval_as_far_as_covariates_explain(share: float) -> None:
    candidate, baseline = _stage(4, share, 40_000, 2)
    adjusted = mean_difference([MeanStratum(_arm(candidate), _arm(baseline), share)], planned=4e4)
    plain = mean_difference(
        [MeanStratum(_arm(candidate[:, :1]), _arm(baseline[:, :1]), share)], planned=4e4
    )
    assert adjusted.half_width / plain.half_width == pytest.approx(math.sqrt(0.5), rel=0.05)


def test_adjustment_never_widens_even_when_slopes_of_arms_oppose_each_other() -> None:
    rng = np.random.default_rng(5)
    for share in (0.05, 0.3, 0.5):
        x = rng.normal(size=10_000)
        cut = int(10_000 * share)
        y = np.where(np.arange(10_000) < cut, -1.0, 1.0) * x + rng.normal(size=10_000)
        rows = np.column_stack([y, x])
        full = [MeanStratum(_arm(rows[:cut]), _arm(rows[cut:]), share)]
        bare = [MeanStratum(_arm(rows[:cut, :1]), _arm(rows[cut:, :1]), share)]
        wide = mean_difference(bare, planned=1e4).half_width
        assert mean_difference(full, planned=1e4).half_width <= wide * (1.0 + 1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_a_constant_or_repeated_covariate_changes_nothing(value: float) -> None:
    candidate, baseline = _stage(6, 0.3, 2000, 2)

    def wider(rows: Rows) -> ArmMoments:
        return _arm(np.column_stack([rows, np.full(len(rows), value), rows[:, 1]]))

    expected = mean_difference([MeanStratum(_arm(candidate), _arm(baseline), 0.3)], planned=2000)
    found = mean_difference([MeanStratum(wider(candidate), wider(baseline), 0.3)], planned=2000)
    assert found[:4] == pytest.approx(expected[:4], rel=1e-6)


def test_batches_of_a_stage_say_what_the_stage_says() -> None:
    candidate, baseline = _stage(7, 0.4, 3000, 2)
    whole = MeanStratum(_arm(candidate), _arm(baseline), 0.4)
    parts = MeanStratum(
        _arm(candidate[:7]) + _arm(candidate[7:]), _arm(baseline[:900]) + _arm(baseline[900:]), 0.4
    )
    expected = mean_difference([whole], planned=3000)
    assert mean_difference([parts], planned=3000) == pytest.approx(expected)


# --- too few data -------------------------------------------------------------------------------


def _binary(units: int, events: int) -> ArmMoments:
    return _arm(np.repeat([1.0, 0.0], [events, units - events]), events)


@pytest.mark.parametrize(
    ("candidate", "baseline", "enough"),
    [
        pytest.param((500, 25), (500, 25), True, id="just enough"),
        pytest.param((499, 25), (500, 25), False, id="a unit too few"),
        pytest.param((500, 24), (500, 26), False, id="an event too few"),
        pytest.param((500, 26), (500, 24), False, id="an event too few on the baseline"),
        pytest.param((0, 0), (5000, 250), False, id="an empty arm"),
        pytest.param((0, 0), (0, 0), False, id="two empty arms"),
        pytest.param((500, 500), (500, 500), False, id="nothing varies"),
    ],
)
def test_verdict_is_not_enough_data_below_the_minimum(
    candidate: tuple[int, int],
    baseline: tuple[int, int],
    enough: bool,  # noqa: FBT001
) -> None:
    stratum = MeanStratum(_binary(*candidate), _binary(*baseline), 0.5)
    result = mean_difference([stratum], planned=1000)
    assert result.enough is enough
    assert math.isfinite(result.half_width) is enough
    if not enough:
        assert result[:4] == (None, -math.inf, math.inf, math.inf)


def test_verdict_without_any_stage_is_not_enough_data() -> None:
    assert mean_difference([], planned=1000) == (None, -math.inf, math.inf, math.inf, 0, False)


def test_a_stage_with_few_expected_events_is_left_out_until_it_has_enough() -> None:
    """At 1 %, 100 candidates without an event would feign a variance of nothing."""
    small = MeanStratum(_binary(100, 0), _binary(9900, 99), 0.01)
    large = MeanStratum(_binary(5000, 50), _binary(5000, 50), 0.5)
    assert mean_difference([small, large], planned=2e4) == mean_difference([large], planned=2e4)


# --- refusals -----------------------------------------------------------------------------------

GOOD = MeanStratum(_binary(1000, 100), _binary(1000, 100), 0.5)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_a_share_outside_the_open_unit_interval_is_refused(share: float) -> None:
    with pytest.raises(InvalidShare):
        mean_difference([GOOD._replace(share=share)], planned=1000)


@pytest.mark.parametrize("strata", [[], [GOOD]])
@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0, math.nan])
def test_a_level_outside_the_open_unit_interval_is_refused(strata: Any, alpha: float) -> None:
    with pytest.raises(InvalidLevel):
        mean_difference(strata, planned=1000, alpha=alpha)


@pytest.mark.parametrize("strata", [[], [GOOD]])
@pytest.mark.parametrize("planned", [0.0, -1.0, math.inf, math.nan])
def test_planned_units_that_cannot_be_are_refused(strata: Any, planned: float) -> None:
    with pytest.raises(InvalidValue):
        mean_difference(strata, planned=planned)


@pytest.mark.parametrize("events", [-1, 6, math.nan])
def test_events_that_cannot_be_are_refused(events: Any) -> None:
    with pytest.raises(InvalidCount):
        ArmMoments(Moments.of([0.0] * 5), events)


def test_arms_with_different_columns_are_refused() -> None:
    other = _arm(np.zeros((5, 2)))
    for strata in ([GOOD._replace(baseline=other)], [GOOD, MeanStratum(other, other, 0.5)]):
        with pytest.raises(InvalidShape):
            mean_difference(strata, planned=1000)


def test_winsorised_values_keep_within_the_planned_limit() -> None:
    assert winsorised([-9.0, -1.0, 0.0, 3.0, 1e9], 3.0).tolist() == [-3.0, -1.0, 0.0, 3.0, 3.0]


@pytest.mark.parametrize(
    ("values", "at"),
    [([1.0], 0.0), ([1.0], -1.0), ([1.0], math.nan), ([math.nan], 1.0), ([[1.0]], 1.0)],
)
def test_winsorising_what_cannot_be_is_refused(values: Any, at: float) -> None:
    with pytest.raises(AnytimeError):
        winsorised(values, at)
