"""The decision rule: one test per rule, and which rule beats which."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tidegate.domain.assessment import Tally, assess, e_value_text
from tidegate.domain.canary import Step
from tidegate.domain.decision import Decision, Verdict, decide
from tidegate.domain.evidence import ArmCounts, Clock, StageCounts
from tidegate.domain.policy import Policy
from tidegate.domain.split import log_e_srm

Make = Callable[..., Any]
After = Callable[[float], Clock]
HARMFUL = {"candidate_incidents": {"error": 9}, "baseline_incidents": {"error": 10}}
SKEWED = StageCounts(
    step=0,
    share_ppm=10_000,
    baseline=ArmCounts(units=900, newcomers=900, matured=900),
    candidate=ArmCounts(units=200, newcomers=200, matured=200),
)


def test_harm_on_a_guardrail_rolls_back_and_names_it_with_its_numbers(
    policy: Policy, make_evidence: Make, make_stage: Make, after: After
) -> None:
    decision = decide(policy, make_evidence(make_stage(**HARMFUL)), after(0))
    assert _ruled(decision) == (Verdict.ROLL_BACK, "harm", "error")
    assert "error: candidate 9 of 10 (90.00 %), baseline 10 of 990 (1.01 %)" in decision.reason
    assert decision.reason.endswith("reached 40")


def test_harm_on_an_outcome_rolls_back(
    policy: Policy, make_evidence: Make, make_stage: Make, after: After
) -> None:
    lost = make_stage(
        step=1,
        units=2000,
        candidate_successes={"resolved": 80},
        candidate_failures={"resolved": 120},
    )
    decision = decide(policy, make_evidence(lost, step=1), after(0))
    assert _ruled(decision) == (Verdict.ROLL_BACK, "harm", "resolved")


def test_harm_on_two_guardrails_names_the_one_furthest_over_its_threshold(
    policy: Policy, make_evidence: Make, make_stage: Make, after: After
) -> None:
    both = make_stage(
        step=1,
        units=2000,
        candidate_successes={"resolved": 10},
        candidate_failures={"resolved": 190},
        candidate_incidents={"error": 9},
        baseline_incidents={"error": 10},
    )
    decision = decide(policy, make_evidence(both, step=1), after(0))
    harmed = [each for each in decision.assessments if each.harmed]
    assert len(harmed) == 2
    assert _ruled(decision) == (Verdict.ROLL_BACK, "harm", "resolved")


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
@pytest.mark.parametrize("skewed", [False, True], ids=["even", "mismatched"])
@pytest.mark.parametrize("seconds", [0, 10**6], ids=["just begun", "long ago"])
def test_harm_beats_every_other_rule(  # noqa: PLR0913 - three conditions
    policy: Policy, make_evidence: Make, make_stage: Make, after: After, *,
    paused: bool, skewed: bool, seconds: float,
) -> None:  # fmt: skip
    stages = (make_stage(**HARMFUL), *((SKEWED,) if skewed else ()))
    decision = decide(policy, make_evidence(*stages, paused=paused), after(seconds))
    assert _ruled(decision) == (Verdict.ROLL_BACK, "harm", "error")


def test_harm_seen_in_an_earlier_stage_still_counts(
    policy: Policy, make_evidence: Make, make_stage: Make, after: After
) -> None:
    evidence = make_evidence(make_stage(**HARMFUL), make_stage(step=1, units=10), step=1)
    assert decide(policy, evidence, after(0)).verdict is Verdict.ROLL_BACK


def test_incidents_of_a_kind_that_is_no_guardrail_decide_nothing(
    policy: Policy, make_evidence: Make, make_stage: Make, after: After
) -> None:
    stage = make_stage(candidate_incidents={"curse": 10}, baseline_incidents={"curse": 1})
    assert decide(policy, make_evidence(stage), after(0)).verdict is Verdict.HOLD


def test_paused_rollout_is_held_whatever_its_steps_say(
    policy: Policy, make_evidence: Make, make_stage: Make, after: After
) -> None:
    evidence = make_evidence(make_stage(units=5000), paused=True)
    assert _ruled(decide(policy, evidence, after(10**6))) == (Verdict.HOLD, "paused", None)


def test_paused_rollout_with_a_mismatch_is_held_and_not_paused_again(
    policy: Policy, make_evidence: Make, after: After
) -> None:
    assert _ruled(decide(policy, make_evidence(SKEWED, paused=True), after(0)))[1] == "paused"


def test_split_that_is_not_the_designed_one_pauses_with_the_counts(
    policy: Policy, make_evidence: Make, after: After
) -> None:
    decision = decide(policy, make_evidence(SKEWED), after(10**6))
    assert _ruled(decision) == (Verdict.PAUSE, "sample_ratio_mismatch", None)
    assert "200 of 1100 units met the candidate" in decision.reason
    assert decision.reason.endswith("reached 1000")


@pytest.mark.parametrize(("units", "rule"), [(999, "min_units"), (1000, "step_complete")])
def test_step_is_held_until_its_units_are_seen(
    policy: Policy, make_evidence: Make, make_stage: Make, after: After, units: int, rule: str
) -> None:
    decision = decide(policy, make_evidence(make_stage(units=units)), after(600))
    assert decision.rule == rule
    if rule == "min_units":
        assert decision.reason == "999 of 1000 units seen at 1%"


def test_units_of_an_earlier_step_do_not_count_for_this_one(
    policy: Policy, make_evidence: Make, make_stage: Make, after: After
) -> None:
    evidence = make_evidence(make_stage(units=50_000), make_stage(step=1, units=1999), step=1)
    assert _ruled(decide(policy, evidence, after(600))) == (Verdict.HOLD, "min_units", None)


@pytest.mark.parametrize(("seconds", "rule"), [(599, "dwell"), (600, "step_complete")])
def test_step_is_held_until_its_time_has_passed(
    policy: Policy, make_evidence: Make, make_stage: Make, after: After, seconds: float, rule: str
) -> None:
    decision = decide(policy, make_evidence(make_stage()), after(seconds))
    assert decision.rule == rule
    if rule == "dwell":
        assert decision.reason == "599 of 600 s passed at 1%"


def test_step_that_certifies_is_held_until_every_guardrail_is_certified(
    policy: Policy, make_evidence: Make, make_stage: Make, after: After
) -> None:
    evidence = make_evidence(make_stage(step=1, units=2000), step=1)
    decision = decide(policy, evidence, after(0))
    assert _ruled(decision) == (Verdict.HOLD, "certification", None)
    assert decision.reason.startswith("not yet certified: error (e-value ")
    assert "resolved (e-value " in decision.reason
    assert "of 20)" in decision.reason


def test_step_that_does_not_certify_is_left_without_certificates(
    policy: Policy, make_evidence: Make, make_stage: Make, after: After
) -> None:
    decision = decide(policy, make_evidence(make_stage()), after(600))
    assert _ruled(decision) == (Verdict.ADVANCE, "step_complete", None)
    assert not any(each.certified for each in decision.assessments)
    assert decision.reason.startswith("no guardrail shows harm after 10 units on the candidate")


def test_last_step_before_the_whole_when_certified_promotes(
    policy: Policy, make_evidence: Make, make_stage: Make, after: After
) -> None:
    evidence = make_evidence(make_stage(), make_stage(step=1, units=30_000), step=1)
    decision = decide(policy, evidence, after(0))
    assert _ruled(decision) == (Verdict.PROMOTE, "all_steps_complete", None)
    assert all(each.certified for each in decision.assessments)
    assert decision.reason.startswith("every guardrail is certified after 3010 units")


def test_no_evidence_at_all_is_a_reason_to_hold(
    policy: Policy, make_evidence: Make, after: After
) -> None:
    decision = decide(policy, make_evidence(), after(10**6))
    assert _ruled(decision) == (Verdict.HOLD, "min_units", None)
    assert [each.log_e_harm for each in decision.assessments] == [0.0, 0.0]


def test_canary_of_a_single_step_at_the_whole_is_decided_without_an_error(
    policy: Policy, make_evidence: Make, make_stage: Make, after: After
) -> None:
    """A manifest may ask for `steps: [{setWeight: 100%}]`."""
    at_once = msgspec.structs.replace(policy, steps=(Step(set_weight="100%"),))
    everyone = make_stage(step=2)
    assert decide(at_once, make_evidence(everyone), after(1)).verdict is not Verdict.ROLL_BACK


def test_stage_at_the_whole_is_left_out_of_every_comparison(
    policy: Policy, make_evidence: Make, make_stage: Make
) -> None:
    """At 100 % there is no concurrent baseline."""
    alone = make_stage(step=2, units=5000, candidate_incidents={"error": 500})
    assert log_e_srm(make_evidence(alone)) == 0.0
    assert [each.log_e_harm for each in assess(policy, make_evidence(alone))] == [0.0, 0.0]


def test_guardrail_with_no_incident_is_certified_by_its_negligible_rate(
    policy: Policy, make_evidence: Make, make_stage: Make
) -> None:
    few = assess(policy, make_evidence(make_stage(step=1, units=4400)))[0]
    enough = assess(policy, make_evidence(make_stage(step=1, units=4600)))[0]
    assert (few.certified, enough.certified) == (False, True)


@pytest.mark.parametrize(
    ("log_e", "text"),
    [
        (0.0, "1"),
        (3.35, "28.5"),
        (40.0, "2.35e+17"),
        (-800.0, "0"),
        (3000.0, "7.65e+1302"),
        pytest.param(16.118095, "1.00e+7", id="rounds up to the next power"),
    ],
)
def test_e_value_as_text_is_what_people_read(log_e: float, text: str) -> None:
    assert e_value_text(log_e) == text


def test_tally_as_text_has_a_rate_if_there_is_one() -> None:
    assert str(Tally(9, 90)) == "9 of 90 (10.00 %)"
    assert str(Tally(0, 0)) == "0 of 0"


def _ruled(decision: Decision) -> tuple[Verdict, str, str | None]:
    return decision.verdict, decision.rule, decision.guardrail
