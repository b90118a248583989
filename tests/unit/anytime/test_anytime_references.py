"""Numbers that were computed elsewhere; sources: docs of each test."""

import math

import numpy as np
import pytest
import ville

from anytime import (
    IncidentStratum,
    OutcomeStratum,
    SplitStratum,
    log_e_below,
    log_e_mismatch,
    safe_logrank,
    two_proportions,
)

UNIFORM = safe_logrank.UNIFORM_HARM_MIXTURE
LOG_20 = math.log(20.0)


@pytest.mark.parametrize(
    ("on_candidate", "of", "share", "expected"),
    [
        pytest.param(5, 20, 0.05, 3.35747014, id="5 of 20 at 5 %"),
        pytest.param(10, 100, 0.05, 1.03775359, id="10 of 100 at 5 %"),
        pytest.param(30, 100, 0.25, -0.67309874, id="30 of 100 at 25 %"),
        pytest.param(60, 100, 0.5, 0.78608182, id="60 of 100 at 50 %"),
        pytest.param(2, 2, 0.01, 4.06069401, id="2 of 2 at 1 %"),
    ],
)
def test_log_e_harm_at_the_stored_counts_equals_the_stored_number(
    on_candidate: int, of: int, share: float, expected: float
) -> None:
    stratum = IncidentStratum(candidate=on_candidate, baseline=of - on_candidate, share=share)
    assert safe_logrank.log_e_harm([stratum], mixture=UNIFORM) == pytest.approx(expected, abs=5e-9)


def test_log_e_mismatch_at_99_and_5_has_the_p_value_of_the_savvi_package() -> None:
    log_e = log_e_mismatch([SplitStratum(counts=(99, 5), shares=(0.99, 0.01))])
    assert math.exp(-log_e) == pytest.approx(0.20214339324, abs=5e-12)


@pytest.mark.parametrize(
    ("units", "ceiling", "limit"),
    [
        pytest.param(380, 0.01, 298, id="below 1 %"),
        pytest.param(3800, 0.001, 2994, id="below 0.1 %"),
    ],
)
def test_log_e_below_without_incident_certifies_at_the_stored_number_of_units(
    units: int, ceiling: float, limit: int
) -> None:
    assert log_e_below(incidents=0, units=units, ceiling=ceiling) >= LOG_20
    # No test whatsoever can certify with fewer than ln(0.05) / ln(1 - ceiling) units.
    assert log_e_below(incidents=0, units=limit, ceiling=ceiling) < LOG_20


def test_log_e_below_with_one_incident_needs_more_units_than_with_none() -> None:
    assert log_e_below(incidents=1, units=380, ceiling=0.01) < LOG_20
    assert log_e_below(incidents=1, units=1000, ceiling=0.01) >= LOG_20


@pytest.mark.parametrize("share", [0.01, 0.05, 0.3, 0.5, 0.9])
def test_log_e_mismatch_along_a_path_equals_the_ville_package(share: float) -> None:
    """`ville.BernoulliTest` with prior 100 (p, 1 - p) is the same Dirichlet-multinomial mixture."""
    arms = (np.random.default_rng(20_261).random(400) < share + 0.05).astype(int)
    oracle = ville.BernoulliTest(share, prior=(100 * share, 100 * (1 - share))).fit(arms)
    on_candidate = np.cumsum(arms)
    ours = [
        log_e_mismatch([SplitStratum((int(n) - int(k), int(k)), (1.0 - share, share))])
        for n, k in enumerate(on_candidate, start=1)
    ]
    np.testing.assert_allclose(ours, oracle.log_e_values_, rtol=0, atol=1e-10)


def test_log_e_harm_over_the_grid_is_the_mean_that_ville_takes_of_single_ratios() -> None:
    strata = [IncidentStratum(5, 15, 0.05), IncidentStratum(9, 20, 0.25)]
    single = [safe_logrank.log_e_harm(strata, mixture={h: 1.0}) for h in UNIFORM]
    merged = ville.evalues.combine(np.exp(single), method="mean")
    ours = safe_logrank.log_e_harm(strata, mixture=UNIFORM)
    assert math.exp(ours) == pytest.approx(float(merged), rel=1e-12)


def test_log_e_non_inferior_at_equal_incident_counts_certifies_a_margin_of_two() -> None:
    """Equal rates, 50/50: about 52 incidents are the stored median of 5,200 users at 1 %."""
    few, many = IncidentStratum(10, 10, 0.5), IncidentStratum(40, 40, 0.5)
    assert safe_logrank.log_e_non_inferior([few], margin=2.0) < LOG_20
    assert safe_logrank.log_e_non_inferior([many], margin=2.0) >= LOG_20


def test_log_e_lower_grows_with_the_loss_and_falls_without_one() -> None:
    same = OutcomeStratum(50, 50, 50, 50, 0.5)
    lower = OutcomeStratum(30, 70, 50, 50, 0.5)
    much_lower = OutcomeStratum(10, 90, 50, 50, 0.5)
    assert (
        two_proportions.log_e_lower([same])
        < 0.0
        < two_proportions.log_e_lower([lower])
        < two_proportions.log_e_lower([much_lower])
    )
