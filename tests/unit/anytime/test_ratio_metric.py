"""S4: the linearised ratio against rows written out, its two scales, and refusals."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from anytime.errors import InvalidShape, InvalidValue
from anytime.mean_difference import ArmMoments, MeanStratum, half_width, mean_difference
from anytime.moments import Moments
from anytime.ratio_metric import Scale, ratio_difference

Rows = NDArray[np.float64]


def _rows(seed: int, units: int, cost: float) -> Rows:
    """Cost and number of tasks of each unit; a unit with more tasks costs more."""
    rng = np.random.default_rng(seed)
    tasks = 1.0 + rng.poisson(3.0, units)
    return np.column_stack([rng.gamma(2.0, 0.5 * cost * tasks), tasks])


def _arm(rows: Rows) -> ArmMoments:
    return ArmMoments(Moments.of(rows), len(rows))


CANDIDATE, BASELINE = _rows(1, 1000, 1.2), _rows(2, 3000, 1.0)
STRATUM = MeanStratum(_arm(CANDIDATE), _arm(BASELINE), 0.25)


def _linearised(rows: Rows) -> tuple[float, Rows]:
    ratio = float(rows[:, 0].sum() / rows[:, 1].sum())
    return ratio, (rows[:, 0] - ratio * rows[:, 1]) / rows[:, 1].mean()


@pytest.mark.parametrize("scale", list(Scale))
def test_ratio_of_one_stage_equals_the_delta_method_on_rows(scale: Scale) -> None:
    result = ratio_difference([STRATUM], planned=4000, scale=scale)
    (one, of_one), (other, of_other) = _linearised(CANDIDATE), _linearised(BASELINE)
    logged = scale is Scale.LOG_RATIO
    expected = math.log(one / other) if logged else one - other
    assert result.estimate == pytest.approx(expected, rel=1e-9)
    variance = float(of_one.var(ddof=1)) / 1000 / (one**2 if logged else 1.0)
    variance += float(of_other.var(ddof=1)) / 3000 / (other**2 if logged else 1.0)
    width = half_width(4000 * variance, 4000, planned=4000)
    assert result.half_width == pytest.approx(width, rel=1e-9)


def test_delta_method_variance_equals_that_of_the_jackknife() -> None:
    """An independent route: leave each unit out once."""
    total = CANDIDATE.sum(axis=0) - CANDIDATE
    left_out = total[:, 0] / total[:, 1]
    jackknife = 999 / 1000 * float(((left_out - left_out.mean()) ** 2).sum())
    _, linear = _linearised(CANDIDATE)
    assert float(linear.var(ddof=1)) / 1000 == pytest.approx(jackknife, rel=0.01)


def test_ratio_over_one_for_every_unit_is_the_mean() -> None:
    means = [MeanStratum(_arm(CANDIDATE[:, :1]), _arm(BASELINE[:, :1]), 0.25)]

    def over_one(rows: Rows) -> ArmMoments:
        return _arm(np.column_stack([rows[:, 0], np.ones(len(rows))]))

    ratios = [MeanStratum(over_one(CANDIDATE), over_one(BASELINE), 0.25)]
    expected = mean_difference(means, planned=4000)
    assert ratio_difference(ratios, planned=4000) == pytest.approx(expected)


def test_exchanging_the_arms_turns_the_sign_on_both_scales() -> None:
    turned = MeanStratum(STRATUM.baseline, STRATUM.candidate, 0.75)
    for scale in Scale:
        one = ratio_difference([STRATUM], planned=4000, scale=scale)
        other = ratio_difference([turned], planned=4000, scale=scale)
        assert one.estimate is not None
        assert other.estimate == pytest.approx(-one.estimate)
        assert other.half_width == pytest.approx(one.half_width)


def test_ratios_of_stages_are_standardised_and_never_pooled() -> None:
    """Cost per task rises from 1 to 10 with the share; no arm differs from the other."""
    early = MeanStratum(_arm(_rows(3, 1000, 1.0)), _arm(_rows(4, 19_000, 1.0)), 0.05)
    late = MeanStratum(_arm(_rows(5, 10_000, 10.0)), _arm(_rows(6, 10_000, 10.0)), 0.5)
    for scale in Scale:
        result = ratio_difference([early, late], planned=40_000, scale=scale)
        assert result.lower < 0.0 < result.upper
    pooled = MeanStratum(early.candidate + late.candidate, early.baseline + late.baseline, 0.275)
    assert ratio_difference([pooled], planned=40_000).lower > 0.0


def test_covariates_narrow_the_ratio_as_well() -> None:
    def with_past(rows: Rows, seed: int) -> ArmMoments:
        noise = np.random.default_rng(seed).normal(size=len(rows))
        return _arm(np.column_stack([rows, _linearised(rows)[1] + 0.3 * noise]))

    past = MeanStratum(with_past(CANDIDATE, 7), with_past(BASELINE, 8), 0.25)
    for scale in Scale:
        plain = ratio_difference([STRATUM], planned=4000, scale=scale)
        assert ratio_difference([past], planned=4000, scale=scale).half_width < (
            0.8 * plain.half_width
        )


def test_too_few_data_are_a_verdict() -> None:
    few = MeanStratum(_arm(CANDIDATE[:100]), _arm(BASELINE[:100]), 0.5)
    for strata in ([], [few]):
        result = ratio_difference(strata, planned=4000, scale=Scale.LOG_RATIO)
        assert (result.estimate, result.half_width, result.enough) == (None, math.inf, False)


def test_a_ratio_without_a_denominator_is_refused() -> None:
    bare = MeanStratum(_arm(CANDIDATE[:, :1]), _arm(BASELINE[:, :1]), 0.25)
    with pytest.raises(InvalidShape):
        ratio_difference([bare], planned=4000)
    nothing = CANDIDATE * [1.0, 0.0]
    with pytest.raises(InvalidValue):
        ratio_difference([STRATUM._replace(candidate=_arm(nothing))], planned=4000)


def test_the_logarithm_of_a_ratio_that_is_not_above_zero_is_refused() -> None:
    negative = STRATUM._replace(candidate=_arm(CANDIDATE * [-1.0, 1.0]))
    assert ratio_difference([negative], planned=4000).enough
    with pytest.raises(InvalidValue):
        ratio_difference([negative], planned=4000, scale=Scale.LOG_RATIO)
