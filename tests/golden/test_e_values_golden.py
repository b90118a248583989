"""Golden e-values, from second computations one unit at a time; changing them changes decisions.

`python tests/golden/test_e_values_golden.py` writes the file anew: a deliberate act.
"""

import json
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from scipy import optimize

from anytime import (
    IncidentStratum,
    OutcomeStratum,
    SplitStratum,
    log_e_below,
    log_e_mismatch,
    safe_logrank,
    two_proportions,
)

GOLDEN = Path(__file__).with_name("e_values.json")
INCIDENT_RAMP = [[2, 90, 0.01], [7, 60, 0.05], [20, 50, 0.25], [31, 33, 0.5]]
OUTCOME_RAMP = [[1, 2, 70, 20, 0.01], [5, 6, 60, 30, 0.05], [30, 30, 35, 22, 0.5]]
CASES: list[dict[str, Any]] = [
    *(
        {"test": "incidents harm", "strata": strata}
        for strata in (
            [[0, 0, 0.3]],
            [[5, 15, 0.05]],
            [[10, 90, 0.05]],
            [[30, 70, 0.25]],
            [[60, 40, 0.5]],
            [[2, 0, 0.01]],
            INCIDENT_RAMP,
        )
    ),
    *(
        {"test": "incidents non-inferior", "strata": strata, "margin": margin}
        for strata in ([[40, 40, 0.5]], INCIDENT_RAMP)
        for margin in (1.2, 1.5, 2.0)
    ),
    *(
        {"test": "outcomes lower", "strata": strata}
        for strata in ([[0, 0, 0, 0, 0.3]], [[1, 0, 0, 0, 0.5]], [[12, 19, 40, 11, 0.25]])
    ),
    {"test": "outcomes lower", "strata": OUTCOME_RAMP},
    *(
        {"test": "outcomes non-inferior", "strata": strata, "margin": margin}
        for strata in ([[70, 30, 70, 30, 0.5]], OUTCOME_RAMP)
        for margin in (0.02, 0.05, 0.2)
    ),
    {"test": "split", "strata": [[[99, 5], [0.99, 0.01]]]},
    {"test": "split", "strata": [[[99, 5], [0.99, 0.01]], [[450, 60], [0.9, 0.1]]]},
    {"test": "split", "strata": [[[40, 70, 95], [0.2, 0.3, 0.5]]]},
    {"test": "rate below", "incidents": 0, "units": 380, "ceiling": 0.01},
    {"test": "rate below", "incidents": 3, "units": 2000, "ceiling": 0.01},
]


def _golden() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(GOLDEN.read_text())["cases"]
    return loaded


@pytest.mark.parametrize("number", range(len(CASES)))
def test_log_e_of_a_golden_case_is_the_recorded_one(number: int) -> None:
    case = _golden()[number]
    assert _produced(case) == pytest.approx(case["logE"], abs=1e-9)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_golden_case_when_computed_the_second_way_is_what_the_file_says(number: int) -> None:
    case = _golden()[number]
    assert {key: value for key, value in case.items() if key != "logE"} == CASES[number]
    assert _second_way(CASES[number]) == pytest.approx(case["logE"], abs=1e-12)


def _produced(case: dict[str, Any]) -> float:
    strata = case.get("strata", [])
    match case["test"]:
        case "incidents harm":
            uniform = safe_logrank.UNIFORM_HARM_MIXTURE
            return safe_logrank.log_e_harm(
                [IncidentStratum(*each) for each in strata], mixture=uniform
            )
        case "incidents non-inferior":
            made = [IncidentStratum(*each) for each in strata]
            return safe_logrank.log_e_non_inferior(made, margin=case["margin"])
        case "outcomes lower":
            return two_proportions.log_e_lower([OutcomeStratum(*each) for each in strata])
        case "outcomes non-inferior":
            units = [OutcomeStratum(*each) for each in strata]
            return two_proportions.log_e_non_inferior(units, margin=case["margin"])
        case "split":
            return log_e_mismatch([SplitStratum(*each) for each in strata])
        case _:
            return log_e_below(**{key: case[key] for key in ("incidents", "units", "ceiling")})


def _second_way(case: dict[str, Any]) -> float:
    strata, margin = case.get("strata", []), case.get("margin", 0.0)
    match case["test"]:
        case "incidents harm":
            return _incidents(strata, 1.0, (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0))
        case "incidents non-inferior":
            return _incidents(strata, margin, (0.5, 0.8, 1.0, math.sqrt(margin)))
        case "outcomes lower":
            return _outcomes(strata, 0.0, (0.8, 0.65, 0.5, 0.3, 0.1))
        case "outcomes non-inferior":
            return _outcomes(strata, margin, (0.9, 1.0, 1.5, 3.0))
        case "split":
            return math.fsum(_split(*stratum) for stratum in strata)
        case _:
            return _below(case["incidents"], case["units"], Fraction(str(case["ceiling"])))


def _incidents(strata: Sequence[Sequence[Any]], null: float, ratios: Iterable[float]) -> float:
    products = []
    for ratio in map(Fraction, ratios):
        product = Fraction(1)
        for candidate, baseline, share in strata:
            p, h0 = Fraction(str(share)), Fraction(null)
            theta, theta0 = ratio * p / (ratio * p + 1 - p), h0 * p / (h0 * p + 1 - p)
            product *= (theta / theta0) ** candidate * ((1 - theta) / (1 - theta0)) ** baseline
        products.append(product)
    return _log_of_mean(products)


def _outcomes(
    strata: Sequence[Sequence[Any]], margin: float, odds_ratios: Sequence[float]
) -> float:
    products = []
    for b in (0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95):
        for odds_ratio in odds_ratios:
            odds = odds_ratio * b / (1 - b)
            a = odds / (1 + odds)
            if margin and a <= b - 0.9 * margin:
                continue
            product = Fraction(1)
            for *counts, share in strata:
                null_b = _nearest(a, b, share, margin)
                null_a = null_b - margin
                chances = ((a, null_a), (1 - a, 1 - null_a), (b, null_b), (1 - b, 1 - null_b))
                for count, (alternative, null) in zip(counts, chances, strict=True):
                    product *= (Fraction(alternative) / Fraction(null)) ** count
            products.append(product)
    return _log_of_mean(products)


def _nearest(a: float, b: float, share: float, margin: float) -> float:
    """The root of the slope of share KL(a || t - margin) + (1 - share) KL(b || t) in t."""

    def slope(t: float) -> float:
        s = t - margin
        return share * (s - a) / (s * (1 - s)) + (1 - share) * (t - b) / (t * (1 - t))

    return float(optimize.brentq(slope, margin + 1e-12, 1 - 1e-12, xtol=1e-16, rtol=1e-15))


def _split(counts: Sequence[int], shares: Sequence[float]) -> float:
    """Polya's urn, one unit at a time: an urn that begins with 100 balls in the designed shares."""
    product, seen = Fraction(1), 0
    for count, share in zip(counts, shares, strict=True):
        p = Fraction(str(share))
        for earlier in range(count):
            product *= (100 * p + earlier) / (100 + seen) / p
            seen += 1
    return math.log(product.numerator) - math.log(product.denominator)


def _below(incidents: int, units: int, ceiling: Fraction) -> float:
    products = []
    for fraction in map(Fraction, ("0", "0.1", "0.25", "0.5", "0.75")):
        rest = ((1 - fraction * ceiling) / (1 - ceiling)) ** (units - incidents)
        products.append(fraction**incidents * rest)
    return _log_of_mean(products)


def _log_of_mean(products: Sequence[Fraction]) -> float:
    mean = sum(products, start=Fraction(0)) / len(products)
    return math.log(mean.numerator) - math.log(mean.denominator)


if __name__ == "__main__":
    made = [case | {"logE": _second_way(case)} for case in CASES]
    rows = ",\n".join("    " + json.dumps(each) for each in made)
    GOLDEN.write_text(f'{{\n  "version": 1,\n  "cases": [\n{rows}\n  ]\n}}\n')
