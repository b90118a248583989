"""What the values of a manifest may be."""

import math

import pytest

from tidegate.domain.canary import Canary, Pause, Step
from tidegate.domain.installation import Budgets
from tidegate.domain.metrics import Guardrail, Metrics
from tidegate.domain.state import BadVersion, Phase, ReleaseState


@pytest.mark.parametrize("value", [0.0, 1.0, -0.05, 5.0, math.nan, math.inf])
@pytest.mark.parametrize(
    ("field", "key"), [("false_rollback", "falseRollback"), ("false_promote", "falsePromote")]
)
def test_budget_outside_the_unit_interval_is_refused_by_key_and_value(
    field: str, key: str, value: float
) -> None:
    with pytest.raises(ValueError, match=f"{key} is {value}"):
        Budgets(**{field: value})


@pytest.mark.parametrize(
    ("kind", "margin"),
    [
        pytest.param("incident", 1.0, id="a ratio of 1"),
        pytest.param("incident", 0.5, id="a ratio below 1"),
        pytest.param("incident", 100.0, id="a ratio of 100"),
        pytest.param("incident", math.nan, id="no ratio"),
        pytest.param("outcome", 0.0, id="no loss"),
        pytest.param("outcome", 1.0, id="a loss of everything"),
        pytest.param("outcome", -0.1, id="a gain"),
        pytest.param("outcome", 1.5, id="a ratio for a loss"),
    ],
)
def test_margin_out_of_the_range_of_its_kind_is_refused(kind: str, margin: float) -> None:
    with pytest.raises(ValueError, match=f"margin is {margin}; for kind '{kind}'"):
        Guardrail(name="g", kind=kind, margin=margin)  # type: ignore[arg-type]


@pytest.mark.parametrize("weight", [0.0, -1.0, math.nan, math.inf])
def test_weight_that_is_no_share_of_a_budget_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match=f"weight is {weight}"):
        Guardrail(name="g", weight=weight)


@pytest.mark.parametrize("negligible", ["0%", "100%"])
def test_negligible_rate_that_is_no_rate_is_refused(negligible: str) -> None:
    with pytest.raises(ValueError, match=f"negligible is '{negligible}'"):
        Guardrail(name="g", negligible=negligible)


def test_guardrail_without_a_margin_has_the_default_of_its_kind() -> None:
    assert Guardrail(name="g").allowed_margin == 1.5
    assert Guardrail(name="g", kind="outcome").allowed_margin == 0.05
    assert Guardrail(name="g").negligible_rate == 0.01


@pytest.mark.parametrize(
    "names", [pytest.param((), id="none"), pytest.param(("a", "b", "a"), id="one twice")]
)
def test_metrics_must_name_each_guardrail_once(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="at least one, each named once"):
        Metrics(agent="support", guardrails=tuple(Guardrail(name=name) for name in names))


@pytest.mark.parametrize(
    ("weights", "problem"),
    [
        pytest.param((), "steps has 0, must be at least two", id="no step"),
        pytest.param(("0%", "100%"), "is 0%, must be above 0%", id="first at 0 %"),
        pytest.param(
            ("1%", "50%"), "is 50%, but the last step must be 100%", id="ends below 100 %"
        ),
        pytest.param(("5%", "1%", "100%"), "is 1%, not above .* 5%", id="falls"),
        pytest.param(("5%", "5%", "100%"), "is 5%, not above .* 5%", id="stands still"),
        pytest.param(("100%", "100%"), "is 100%, not above .* 100%", id="100 % twice"),
    ],
)
def test_canary_whose_steps_do_not_rise_to_the_whole_is_refused(
    weights: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        Canary(steps=tuple(Step(set_weight=weight) for weight in weights))


def test_canary_that_names_no_guardrail_at_all_is_refused() -> None:
    """An empty list would be a rollout that nothing can stop."""
    with pytest.raises(ValueError, match="guardrails"):
        Canary(steps=(Step(set_weight="1%"), Step(set_weight="100%")), guardrails=())


@pytest.mark.parametrize("duration", ["", "soon", "10"])
def test_pause_that_is_no_duration_is_refused(duration: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        Pause(duration=duration)


def test_state_marks_bad_what_was_rolled_back_and_nothing_else() -> None:
    bad = BadVersion(version="v2", attempt="a", reason="harm")
    state = ReleaseState(
        agent="support", attempt="a", phase=Phase.ROLLED_BACK, stable="v1", bad=(bad,)
    )
    assert state.marks_bad("v2")
    assert not state.marks_bad("v1")
