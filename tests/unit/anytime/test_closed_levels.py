"""The level at which closed testing rejects, given the other hypotheses."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from anytime.errors import InvalidMargin
from anytime.multiplicity import closed_levels, closed_log_es

LOG_ES = st.lists(st.floats(-30.0, 30.0) | st.just(-math.inf), min_size=1, max_size=6)


@settings(max_examples=500)
@given(log_es=LOG_ES, alpha=st.floats(0.001, 0.5))
def test_own_e_value_reaches_its_level_exactly_when_the_corrected_one_reaches_alpha(
    log_es: list[float], alpha: float
) -> None:
    corrected, levels = closed_log_es(log_es), closed_levels(alpha, log_es)
    for own, fixed, level in zip(log_es, corrected, levels, strict=True):
        assume(abs(fixed + math.log(alpha)) > 1e-9)
        assert (own >= -math.log(level)) == (fixed >= -math.log(alpha))


@given(log_es=LOG_ES, alpha=st.floats(0.001, 0.5))
def test_levels_lie_between_an_equal_part_and_the_whole(log_es: list[float], alpha: float) -> None:
    for level in closed_levels(alpha, log_es):
        assert alpha / len(log_es) * (1.0 - 1e-12) <= level <= alpha


def test_others_without_evidence_leave_an_equal_part_and_rejected_ones_the_whole() -> None:
    nothing, plenty = -math.inf, math.log(1000.0)
    assert closed_levels(0.06, [plenty, nothing, nothing])[0] == pytest.approx(0.02)
    assert closed_levels(0.06, [nothing, plenty, plenty])[0] == pytest.approx(0.06)
    assert closed_levels(0.06, [nothing, plenty, nothing])[0] == pytest.approx(0.03)
    assert closed_levels(0.06, [1.0]) == (0.06,)


def test_others_halfway_to_their_threshold_cost_half_a_part() -> None:
    """1/level is 1/alpha and what the other lacks of 1/alpha: 20 + (20 - 10)."""
    assert closed_levels(0.05, [0.0, math.log(10.0)])[0] == pytest.approx(1.0 / 30.0)


def test_levels_of_no_hypothesis_or_no_budget_are_refused() -> None:
    for alpha, log_es in ((0.05, []), (0.05, [math.nan]), (0.0, [1.0]), (1.0, [1.0])):
        with pytest.raises(InvalidMargin):
            closed_levels(alpha, log_es)
