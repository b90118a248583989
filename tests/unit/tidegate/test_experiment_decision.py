"""The decision rule of experiments: one test per rule, and which rule beats which."""

import msgspec
import pytest

from experiments import PARTS, after, counted, plan, seen, stage
from tidegate.domain.decision import Verdict
from tidegate.domain.evidence import Orders
from tidegate.domain.experiment_assessment import log_e_missing, log_e_split
from tidegate.domain.experiment_decision import ExperimentDecision, decide_experiment
from tidegate.domain.experiment_evidence import ExperimentEvidence
from tidegate.domain.metrics import Guardrail

CONTROL = counted(10_000, 1000, errors=100)
ALIKE = counted(10_000, 1000, errors=100)
GOOD = counted(10_000, 1300, errors=100)
HARMFUL = counted(10_000, 1300, errors=250)
SKEWED = counted(8_000, 1300, errors=90)


def _decided(
    evidence: ExperimentEvidence, *contenders: str, **changes: object
) -> ExperimentDecision:
    return decide_experiment(plan(*contenders, **changes), evidence, after())


def _ruled(decision: ExperimentDecision) -> tuple[Verdict, str, str | None]:
    return decision.verdict, decision.rule, decision.arm


def test_arm_that_exceeds_the_minimum_effect_is_declared_the_winner_with_its_numbers() -> None:
    decision = _decided(seen(stage(a=CONTROL, b=GOOD)), minimum_effect=0.005)
    assert _ruled(decision) == (Verdict.DECLARE_WINNER, "winner", "b")
    assert decision.reason.startswith("b beats a on conversion by more than 0.005: +0.03 (+0.0")
    assert decision.reason.endswith(" of 20, 20000 units")


def test_arm_that_is_better_by_less_than_the_minimum_effect_does_not_win() -> None:
    decision = _decided(seen(stage(a=CONTROL, b=GOOD)), minimum_effect=0.03)
    assert _ruled(decision) == (Verdict.HOLD, "undecided", None)


def test_winner_among_several_is_the_one_with_the_best_estimate() -> None:
    better = counted(10_000, 1350, errors=100)
    decision = _decided(seen(stage(a=CONTROL, b=GOOD, c=better, d=ALIKE)), "b", "c", "d")
    assert [each.goal.better for each in decision.arms] == [True, True, False]
    assert _ruled(decision) == (Verdict.DECLARE_WINNER, "winner", "c")


def test_goal_that_should_fall_is_won_by_the_arm_where_it_falls_most() -> None:
    goal = msgspec.structs.replace(plan().goal, direction="decrease")
    lower, lowest = counted(10_000, 750, errors=100), counted(10_000, 700, errors=100)
    decision = _decided(seen(stage(a=CONTROL, b=lowest, c=lower)), "b", "c", goal=goal)
    assert _ruled(decision) == (Verdict.DECLARE_WINNER, "winner", "b")
    best = decision.arms[0].goal
    assert best.estimate == pytest.approx(-0.03)
    assert best.lower is not None
    assert best.upper is not None
    assert best.lower < -0.03 < best.upper < 0.0
    assert _decided(seen(stage(a=CONTROL, b=GOOD)), goal=goal).verdict is Verdict.HOLD


def test_harmed_arm_is_dropped_although_it_would_win() -> None:
    decision = _decided(seen(stage(a=CONTROL, b=HARMFUL, c=GOOD)), "b", "c")
    assert _ruled(decision) == (Verdict.DROP_ARM, "harm", "b")
    assert decision.guardrail == "error"
    assert decision.reason.startswith("error: b 250 of 10000 (2.50 %), a 100 of 10000 (1.00 %)")
    assert decision.reason.endswith("reached 20")
    assert [each.guardrail for each in decision.assessments] == ["error"]
    assert decision.assessments[0].harmed


def test_dropped_arm_is_neither_dropped_again_nor_the_winner() -> None:
    evidence = seen(stage(a=CONTROL, b=HARMFUL, c=ALIKE), dropped=("b",))
    assert _ruled(_decided(evidence, "b", "c")) == (Verdict.HOLD, "undecided", None)


def test_good_arm_wins_after_another_was_dropped() -> None:
    later = stage(1, {"a": 666_667, "c": 333_333}, a=counted(4000, 400), c=counted(2000, 260))
    evidence = seen(stage(a=CONTROL, b=HARMFUL, c=GOOD), later, dropped=("b",))
    decision = _decided(evidence, "b", "c")
    assert _ruled(decision) == (Verdict.DECLARE_WINNER, "winner", "c")
    assert decision.arms[1].goal.units == 26_000


def test_worst_of_several_harmed_arms_is_dropped_first() -> None:
    worse = counted(10_000, 1000, errors=400)
    decision = _decided(seen(stage(a=CONTROL, b=HARMFUL, c=worse, d=ALIKE)), "b", "c", "d")
    assert _ruled(decision) == (Verdict.DROP_ARM, "harm", "c")


@pytest.mark.parametrize("dropped", [(), ("b",)], ids=["at once", "one after the other"])
def test_experiment_ends_with_the_control_when_all_arms_do_harm(dropped: tuple[str, ...]) -> None:
    evidence = seen(stage(a=CONTROL, b=HARMFUL, c=HARMFUL), dropped=dropped)
    decision = _decided(evidence, "b", "c")
    assert _ruled(decision) == (Verdict.NO_DIFFERENCE, "all_arms_harmed", None)
    assert decision.guardrail == "error"
    assert decision.reason.startswith("no arm is left, a stays; error: ")


def test_experiment_whose_arms_were_all_dropped_ends_whatever_came_after() -> None:
    evidence = seen(stage(a=CONTROL, b=GOOD), dropped=("b",))
    assert _ruled(_decided(evidence)) == (Verdict.NO_DIFFERENCE, "all_arms_harmed", None)


def test_guardrail_with_a_ceiling_drops_an_arm_although_the_control_is_as_bad() -> None:
    ceiling = (Guardrail(name="error", ceiling="2%"),)
    bad = counted(10_000, 1000, errors=300)
    decision = _decided(seen(stage(a=bad, b=bad, c=ALIKE)), "b", "c", guardrails=ceiling)
    assert _ruled(decision) == (Verdict.DROP_ARM, "harm", "b")
    assert "over its ceiling" in decision.reason


def test_arms_that_all_lie_within_the_minimum_effect_are_no_different() -> None:
    many = counted(40_000, 4000, errors=400)
    evidence = seen(stage(a=many, b=many, c=many))
    decision = _decided(evidence, "b", "c", minimum_effect=0.02)
    assert _ruled(decision) == (Verdict.NO_DIFFERENCE, "no_difference", None)
    assert "differs from that of a by less than 0.02 on every arm: b +0 (-0.0" in decision.reason


def test_one_arm_beyond_the_minimum_effect_keeps_the_others_from_being_called_equal() -> None:
    many, other = counted(40_000, 4000), counted(40_000, 4700)
    evidence = seen(stage(a=many, b=many, c=other))
    decision = _decided(evidence, "b", "c", minimum_effect=0.02, horizon_units=10**6)
    assert [each.goal.equal for each in decision.arms] == [True, False]
    assert decision.verdict is Verdict.HOLD


def test_worse_arm_keeps_the_experiment_going_until_the_horizon() -> None:
    worse = counted(10_000, 700)
    evidence = seen(stage(a=CONTROL, b=worse))
    assert _decided(evidence, guardrails=()).verdict is Verdict.HOLD
    ended = _decided(evidence, guardrails=(), horizon_units=20_000)
    assert _ruled(ended) == (Verdict.NO_DIFFERENCE, "horizon", None)


def test_horizon_of_units_ends_the_experiment_and_says_that_it_is_no_evidence() -> None:
    evidence = seen(stage(a=CONTROL, b=ALIKE))
    decision = _decided(evidence, horizon_units=20_000)
    assert _ruled(decision) == (Verdict.NO_DIFFERENCE, "horizon", None)
    assert decision.reason.startswith(
        "the horizon of 20000 units is reached with 20000 and a stays"
    )
    assert "this is no evidence that the arms are equal" in decision.reason
    assert _decided(evidence, horizon_units=20_001).verdict is Verdict.HOLD


def test_horizon_counts_units_whose_outcome_is_known() -> None:
    open_ = counted(10_000, 100, matured=1000)
    assert _decided(seen(stage(a=open_, b=open_)), horizon_units=2001).rule == "undecided"
    assert _decided(seen(stage(a=open_, b=open_)), horizon_units=2000).rule == "horizon"


def test_horizon_of_time_ends_the_experiment() -> None:
    policy, evidence = plan(horizon_s=86_400), seen(stage(a=CONTROL, b=ALIKE))
    assert decide_experiment(policy, evidence, after(86_399)).verdict is Verdict.HOLD
    decision = decide_experiment(policy, evidence, after(86_400))
    assert _ruled(decision) == (Verdict.NO_DIFFERENCE, "horizon", None)
    assert "the horizon of 86400 s is reached" in decision.reason


def test_winner_beats_the_horizon() -> None:
    decision = _decided(seen(stage(a=CONTROL, b=GOOD)), horizon_units=10)
    assert decision.verdict is Verdict.DECLARE_WINNER


def test_split_that_is_not_the_designed_one_pauses_and_nobody_wins() -> None:
    decision = _decided(seen(stage(a=CONTROL, b=SKEWED)))
    assert decision.arms[0].goal.better
    assert _ruled(decision) == (Verdict.PAUSE, "sample_ratio_mismatch", None)
    assert "units were 10000 on a, 8000 on b" in decision.reason
    assert decision.reason.endswith("reached 1000")


def test_missing_outcomes_on_one_arm_pause_and_nobody_wins() -> None:
    silent = counted(10_000, 1300, errors=100, reported=9_000)
    decision = _decided(seen(stage(a=CONTROL, b=silent)))
    assert _ruled(decision) == (Verdict.PAUSE, "outcomes_missing", None)
    assert "units that never reported one were 0 on a, 1000 on b" in decision.reason


def test_harm_is_acted_upon_although_the_split_is_wrong_or_the_experiment_paused() -> None:
    stages = stage(a=CONTROL, b=HARMFUL, c=SKEWED)
    for evidence in (seen(stages), seen(stages, paused=True)):
        assert _ruled(_decided(evidence, "b", "c")) == (Verdict.DROP_ARM, "harm", "b")


@pytest.mark.parametrize(
    ("paused", "orders", "ruled"),
    [
        (True, Orders(), (Verdict.HOLD, "paused", None)),
        (False, Orders(paused=True), (Verdict.HOLD, "paused", None)),
        (True, Orders(resumed=True), (Verdict.RESUME, "resumed", None)),
        (False, Orders(resumed=True), (Verdict.DECLARE_WINNER, "winner", "b")),
    ],
)
def test_paused_experiment_waits_for_a_person(
    paused: bool,  # noqa: FBT001 - one of the cases
    orders: Orders,
    ruled: tuple[Verdict, str, str | None],
) -> None:
    evidence = seen(stage(a=CONTROL, b=GOOD), paused=paused, orders=orders)
    assert _ruled(_decided(evidence)) == ruled


def test_person_may_go_on_after_a_wrong_split_but_nothing_is_declared() -> None:
    evidence = seen(stage(a=CONTROL, b=SKEWED), orders=Orders(resumed=True))
    decision = _decided(evidence)
    assert _ruled(decision) == (Verdict.HOLD, "sample_ratio_mismatch", None)
    assert "nothing is declared" in decision.reason
    assert _decided(evidence, horizon_units=18_000).rule == "horizon"


def test_split_is_judged_over_all_arms_at_their_shares_in_each_stage() -> None:
    shares = {"a": 500_000, "b": 300_000, "c": 200_000}
    fair = stage(0, shares, a=counted(5000), b=counted(3000), c=counted(2000))
    after_drop = stage(1, {"a": 700_000, "b": 300_000}, a=counted(7000), b=counted(3000))
    assert log_e_split(plan("b", "c"), seen(fair, after_drop)) < 0.0
    third = stage(0, shares, a=counted(5000), b=counted(3000), c=counted(1500))
    assert log_e_split(plan("b", "c"), seen(third)) > 7.0
    alone = stage(2, {"a": PARTS}, a=counted(900))
    assert log_e_split(plan("b", "c"), seen(alone)) == 0.0
    assert log_e_missing(plan("b", "c"), seen()) == 0.0


def test_no_evidence_at_all_is_a_reason_to_hold() -> None:
    for evidence in (seen(), seen(stage()), seen(stage(a=CONTROL))):
        decision = _decided(evidence, "b", "c")
        assert _ruled(decision) == (Verdict.HOLD, "not_enough_data", None)
        assert "b has too few data (0 units)" in decision.reason


def test_held_experiment_says_where_each_arm_stands() -> None:
    shares = {"a": 495_000, "b": 495_000, "c": 10_000}
    most = counted(9900, 990, errors=99)
    decision = _decided(seen(stage(0, shares, a=most, b=most, c=counted(200, 20))), "b", "c")
    assert _ruled(decision) == (Verdict.HOLD, "undecided", None)
    assert decision.reason.startswith("no decision yet: conversion against a: b +0 (-0.0")
    assert decision.reason.endswith(" of 20, c has too few data (0 units)")
