"""Boundaries against stored numbers and simulation; power against closed forms."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from anytime.errors import InvalidLevel, InvalidShape, InvalidShare, InvalidValue
from anytime.fixed_horizon import (
    means_power,
    means_units,
    obrien_fleming_boundaries,
    proportions_power,
    proportions_units,
)

STORED = [
    pytest.param((4.8769, 3.3570, 2.6803, 2.2898, 2.0310), id="5 looks"),
    pytest.param((4.3326, 2.9631, 2.3590, 2.0141), id="4 looks"),
    pytest.param((3.7103, 2.5114, 1.9930), id="3 looks"),
    pytest.param((2.9626, 1.9686), id="2 looks"),
]


@pytest.mark.parametrize("stored", STORED)
def test_boundaries_at_equal_looks_are_those_of_lan_and_demets(stored: tuple[float, ...]) -> None:
    looks = len(stored)
    found = obrien_fleming_boundaries([look / looks for look in range(1, looks + 1)])
    assert found == pytest.approx(stored, abs=6e-5)


@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.2])
def test_boundary_of_a_single_look_is_the_normal_quantile(alpha: float) -> None:
    (found,) = obrien_fleming_boundaries([1.0], alpha=alpha)
    assert found == pytest.approx(float(norm.isf(0.5 * alpha)), abs=1e-8)


def test_boundaries_of_two_looks_agree_with_the_bivariate_normal() -> None:
    """P(cross) written as a two-dimensional integral by scipy, not by the recursion."""
    first, second = obrien_fleming_boundaries([0.3, 1.0])
    joint = multivariate_normal(cov=[[1.0, math.sqrt(0.3)], [math.sqrt(0.3), 1.0]])
    inside = joint.cdf([first, second], lower_limit=[-first, -second])
    assert 1.0 - inside == pytest.approx(0.05, abs=1e-5)


def test_boundaries_at_unequal_looks_are_crossed_as_often_as_promised() -> None:
    """200,000 paths; the bound is alpha with three standard errors to both sides."""
    fractions = np.array([0.1, 0.35, 0.4, 0.9, 1.0])
    bounds = obrien_fleming_boundaries(fractions.tolist())
    rng = np.random.default_rng(1)
    steps = rng.normal(size=(200_000, 5)) * np.sqrt(np.diff(fractions, prepend=0.0))
    z = np.cumsum(steps, axis=1) / np.sqrt(fractions)
    crossed = float((np.abs(z) >= bounds).any(axis=1).mean())
    assert crossed == pytest.approx(0.05, abs=3.0 * math.sqrt(0.05 * 0.95 / 200_000))


def test_boundaries_of_very_early_and_very_many_looks_stay_finite() -> None:
    early = obrien_fleming_boundaries([0.001, 1.0])
    many = obrien_fleming_boundaries([look / 100 for look in range(1, 101)])
    assert all(math.isfinite(z) for z in (*early, *many))
    assert list(many) == sorted(many, reverse=True)
    assert many[-1] > 2.0


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_power_of_means_equals_the_closed_form(share: float) -> None:
    shift = 0.05 / math.sqrt(1.0 / (10_000 * share) + 1.0 / (10_000 * (1.0 - share)))
    expected = norm.sf(1.959964 - shift) + norm.cdf(-1.959964 - shift)
    power = means_power(0.1, 2.0, units=10_000, share=share)
    assert power == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_units_of_proportions_equal_the_closed_form(share: float) -> None:
    effect = 2.0 * (math.asin(math.sqrt(0.11)) - math.asin(math.sqrt(0.10)))
    expected = ((1.959964 + 0.841621) / effect) ** 2 / (share * (1.0 - share))
    assert proportions_units(0.10, 0.11, share=share) == pytest.approx(expected, rel=1e-4)


def test_units_give_the_power_they_were_asked_for() -> None:
    for share in (0.05, 0.5):
        units = proportions_units(0.02, 0.03, power=0.9, share=share)
        assert proportions_power(0.02, 0.03, units=units, share=share) == pytest.approx(0.9)
        units = means_units(-0.1, 1.0, power=0.9, share=share)
        assert means_power(-0.1, 1.0, units=units, share=share) == pytest.approx(0.9)


def test_power_without_a_difference_is_the_level() -> None:
    assert proportions_power(0.1, 0.1, units=1000) == pytest.approx(0.05)
    assert means_power(0.0, 1.0, units=1000, alpha=0.01) == pytest.approx(0.01)


@pytest.mark.parametrize("fractions", [(0.0, 1.0), (0.5, 0.5), (1.0, 0.5), (0.5, 1.1), (math.nan,)])
def test_looks_that_do_not_increase_within_the_unit_interval_are_refused(fractions: Any) -> None:
    with pytest.raises(InvalidValue):
        obrien_fleming_boundaries(fractions)


def test_no_look_at_all_is_refused() -> None:
    with pytest.raises(InvalidShape):
        obrien_fleming_boundaries([])


@pytest.mark.parametrize("bad", [0.0, 1.0, -0.1, math.nan])
def test_levels_and_shares_outside_the_open_unit_interval_are_refused(bad: float) -> None:
    with pytest.raises(InvalidLevel):
        obrien_fleming_boundaries([1.0], alpha=bad)
    with pytest.raises(InvalidLevel):
        proportions_power(bad, 0.5, units=100)
    with pytest.raises(InvalidLevel):
        proportions_units(0.4, 0.5, power=bad)
    with pytest.raises(InvalidLevel):
        means_power(1.0, 1.0, units=100, alpha=bad)
    with pytest.raises(InvalidShare):
        means_units(1.0, 1.0, share=bad)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_units_and_deviations_that_cannot_be_are_refused(bad: float) -> None:
    with pytest.raises(InvalidValue):
        means_power(1.0, 1.0, units=bad)
    with pytest.raises(InvalidValue):
        means_power(1.0, bad, units=100)


def test_units_for_no_difference_or_no_power_are_refused() -> None:
    with pytest.raises(InvalidValue):
        means_units(0.0, 1.0)
    with pytest.raises(InvalidValue):
        proportions_units(0.1, 0.1)
    with pytest.raises(InvalidValue):
        means_units(0.1, 1.0, power=0.04)
    with pytest.raises(InvalidValue):
        means_units(math.nan, 1.0)
