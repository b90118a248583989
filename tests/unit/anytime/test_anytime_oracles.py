"""Slow, independent computations: one unit at a time, exact fractions, numeric projections."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import optimize

from anytime import IncidentStratum, OutcomeStratum, safe_logrank, two_proportions

HARM_RATIOS = [Fraction(h) for h in ("1.25", "1.5", "2", "3", "5", "10", "20")]

RAMPS = [
    pytest.param([(1, 0, "0.01")], id="one incident"),
    pytest.param([(5, 15, "0.05")], id="one stage"),
    pytest.param([(0, 40, "0.25")], id="none on the candidate"),
    pytest.param([(2, 90, "0.01"), (7, 60, "0.05"), (20, 50, "0.25"), (31, 33, "0.5")], id="ramp"),
]


@pytest.mark.parametrize("ramp", RAMPS)
@pytest.mark.parametrize("null_ratio", ["1", "1.5"])
def test_log_e_harm_equals_the_exact_product_over_incidents(
    ramp: list[tuple[int, int, str]], null_ratio: str
) -> None:
    null = Fraction(null_ratio)
    expected = _exact_log_mixture(ramp, null, [null * ratio for ratio in HARM_RATIOS])
    strata = [IncidentStratum(c, b, float(share)) for c, b, share in ramp]
    uniform = safe_logrank.UNIFORM_HARM_MIXTURE
    ours = safe_logrank.log_e_harm(strata, null_ratio=float(null), mixture=uniform)
    assert ours == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("ramp", RAMPS)
@pytest.mark.parametrize(
    ("margin", "below"),
    [
        pytest.param("1.5", ["0.5", "0.8", "1", math.sqrt(1.5)], id="margin 1.5"),
        pytest.param("2", ["0.5", "0.8", "1", math.sqrt(2.0)], id="margin 2"),
        pytest.param("0.9", ["0.5", "0.8"], id="margin below 1"),
        pytest.param("0.3", ["0.15"], id="margin below the grid"),
    ],
)
def test_log_e_non_inferior_equals_the_exact_product_over_incidents(
    ramp: list[tuple[int, int, str]], margin: str, below: list[str | float]
) -> None:
    expected = _exact_log_mixture(ramp, Fraction(margin), [Fraction(each) for each in below])
    strata = [IncidentStratum(c, b, float(share)) for c, b, share in ramp]
    ours = safe_logrank.log_e_non_inferior(strata, margin=float(margin))
    assert ours == pytest.approx(expected, abs=1e-9)


OUTCOMES = [
    pytest.param([(1, 0, 0, 0, 0.5)], id="one unit"),
    pytest.param([(12, 9, 40, 11, 0.25)], id="one stage"),
    pytest.param([(1, 2, 70, 20, 0.01), (5, 6, 60, 30, 0.05), (30, 30, 35, 22, 0.5)], id="ramp"),
]
LOWER = (0.8, 0.65, 0.5, 0.3, 0.1)
NON_INFERIOR = (0.9, 1.0, 1.5, 3.0)
BASELINES = (0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95)


@pytest.mark.parametrize("ramp", OUTCOMES)
def test_log_e_lower_equals_the_product_over_units(
    ramp: list[tuple[int, int, int, int, float]],
) -> None:
    alternatives = [(_rate(base, odds), base) for base in BASELINES for odds in LOWER]
    expected = _log_mixture_by_unit(ramp, alternatives, margin=0.0)
    ours = two_proportions.log_e_lower([OutcomeStratum(*stage) for stage in ramp])
    assert ours == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("ramp", OUTCOMES)
@pytest.mark.parametrize("margin", [0.02, 0.05, 0.2])
def test_log_e_non_inferior_of_outcomes_equals_the_product_over_units(
    ramp: list[tuple[int, int, int, int, float]], margin: float
) -> None:
    pairs = [(_rate(base, odds), base) for base in BASELINES for odds in NON_INFERIOR]
    alternatives = [(a, b) for a, b in pairs if a > b - 0.9 * margin]
    expected = _log_mixture_by_unit(ramp, alternatives, margin=margin)
    ours = two_proportions.log_e_non_inferior(
        [OutcomeStratum(*stage) for stage in ramp], margin=margin
    )
    assert ours == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("margin", [0.0, 0.02, 0.2, 0.6])
def test_projection_is_where_a_numeric_search_of_the_null_finds_the_least_divergence(
    share: float, margin: float
) -> None:
    odds = LOWER if margin == 0.0 else NON_INFERIOR
    candidates, baselines = two_proportions._alternatives(margin, odds)
    ours = margin + two_proportions._projection(candidates, baselines, share, margin)[0]
    for a, b, point in zip(candidates, baselines, ours, strict=True):
        found = optimize.minimize_scalar(
            _divergence, (margin, 1.0), args=(a, b, share, margin), method="bounded",
            bounds=(margin, 1.0), options={"xatol": 1e-12},
        )  # fmt: skip
        assert point == pytest.approx(found.x, abs=2e-7)
        assert _divergence(point, a, b, share, margin) <= found.fun + 1e-12


@pytest.mark.parametrize("share", [0.01, 0.5])
@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_no_point_inside_the_null_is_nearer_than_the_projection(
    share: float, margin: float
) -> None:
    """The projection looks at the null's edge alone; nothing behind the edge may be nearer."""
    odds = LOWER if margin == 0.0 else NON_INFERIOR
    rates = np.linspace(0.005, 0.995, 100)
    candidate, baseline = np.meshgrid(rates, rates)
    inside = candidate >= baseline if margin == 0.0 else candidate <= baseline - margin
    nulls = candidate[inside], baseline[inside]
    candidates, baselines = two_proportions._alternatives(margin, odds)
    edge = margin + two_proportions._projection(candidates, baselines, share, margin)[0]
    for a, b, point in zip(candidates, baselines, edge, strict=True):
        everywhere = share * _kl(a, nulls[0]) + (1.0 - share) * _kl(b, nulls[1])
        assert _divergence(point, a, b, share, margin) <= float(np.min(everywhere)) + 1e-12


def _exact_log_mixture(
    ramp: list[tuple[int, int, str]], null: Fraction, alternatives: list[Fraction]
) -> float:
    """log of the mean, over alternatives, of the product over incidents; exact until the log."""
    total = Fraction(0)
    for ratio in alternatives:
        product = Fraction(1)
        for candidate, baseline, text in ramp:
            share = Fraction(text)
            on_candidate = _theta(ratio, share) / _theta(null, share)
            on_baseline = (1 - _theta(ratio, share)) / (1 - _theta(null, share))
            for _ in range(candidate):
                product *= on_candidate
            for _ in range(baseline):
                product *= on_baseline
        total += product
    mean = total / len(alternatives)
    return math.log(mean.numerator) - math.log(mean.denominator)


def _theta(ratio: Fraction, share: Fraction) -> Fraction:
    return ratio * share / (ratio * share + 1 - share)


def _rate(baseline: float, odds_ratio: float) -> float:
    odds = odds_ratio * baseline / (1.0 - baseline)
    return odds / (1.0 + odds)


def _log_mixture_by_unit(
    ramp: list[tuple[int, int, int, int, float]],
    alternatives: list[tuple[float, float]],
    *,
    margin: float,
) -> float:
    products = []
    for a, b in alternatives:
        log_product = 0.0
        for *counts, share in ramp:
            null_b = _edge(a, b, share, margin)
            null_a = null_b - margin
            chances = ((a, null_a), (1 - a, 1 - null_a), (b, null_b), (1 - b, 1 - null_b))
            for count, (under_alternative, under_null) in zip(counts, chances, strict=True):
                for _ in range(int(count)):
                    log_product += math.log(under_alternative / under_null)
        products.append(math.exp(log_product))
    return math.log(math.fsum(products) / len(products))


def _edge(a: float, b: float, share: float, margin: float) -> float:
    """Where the divergence is least on the null's edge: a root of its slope, by Brent's method.

    A search for the minimum itself could not do better than the root of the machine precision.
    """

    def slope(t: float) -> float:
        shifted = t - margin
        return share * (shifted - a) / (shifted * (1 - shifted)) + (1 - share) * (t - b) / (
            t * (1 - t)
        )

    return float(optimize.brentq(slope, margin + 1e-12, 1.0 - 1e-12, xtol=1e-16, rtol=1e-15))


def _divergence(t: float, a: float, b: float, share: float, margin: float) -> float:
    return float(share * _kl(a, t - margin) + (1.0 - share) * _kl(b, t))


def _kl(p: float, q: float | np.ndarray) -> float | np.ndarray:
    return p * np.log(p / q) + (1.0 - p) * np.log((1.0 - p) / (1.0 - q))
