"""Plans with budgets of risk and limits of time, and people who give orders: what always holds."""

from typing import TypeAlias

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from decision_inputs import affordable, healthy, ordered
from tidegate.domain.decision import Decision, Verdict, decide
from tidegate.domain.evidence import Clock, Evidence, Orders
from tidegate.domain.policy import Policy
from tidegate.domain.record import DecisionRecord, from_json, to_json
from tidegate.domain.risk_budget import SMALLEST_RAISE
from tidegate_sdk import PARTS

Case: TypeAlias = tuple[Policy, Evidence, Clock]
FORWARD = {Verdict.ADVANCE, Verdict.PROMOTE}
STOPS = {Verdict.ROLL_BACK, Verdict.FREEZE}
CASES = ordered() | healthy()
WITHOUT_EVIDENCE = {"ordered", "deadline", "inconclusive"}


def _is_harmed(decision: Decision) -> bool:
    return any(each.harmed for each in decision.assessments)


@settings(max_examples=150)
@given(CASES)
def test_decide_is_total_and_says_its_grounds(case: Case) -> None:
    decision = decide(*case)
    assert decision.rule
    assert decision.reason
    assert (decision.next_share_ppm is not None) == (decision.verdict in FORWARD | STOPS)


@given(CASES)
def test_decide_twice_gives_the_same_decision_bit_for_bit(case: Case) -> None:
    again = msgspec.json.decode(msgspec.json.encode(case[1]), type=Evidence)
    assert decide(*case) == decide(case[0], again, case[2])


@settings(max_examples=150)
@given(CASES)
def test_no_order_and_no_limit_of_time_lets_a_harmed_candidate_on(case: Case) -> None:
    decision = decide(*case)
    assume(_is_harmed(decision))
    assert decision.verdict is (Verdict.FREEZE if case[0].forward_only else Verdict.ROLL_BACK)
    assert decision.rule == "harm"


@given(CASES, st.permutations(range(3)))
def test_the_order_of_stages_does_not_matter(case: Case, order: list[int]) -> None:
    policy, evidence, clock = case
    stages = tuple(evidence.stages[each] for each in order if each < len(evidence.stages))
    shuffled = msgspec.structs.replace(evidence, stages=stages)
    one, other = decide(policy, evidence, clock), decide(policy, shuffled, clock)
    for here, there in zip(one.assessments, other.assessments, strict=True):
        assume(not _on_the_edge(here.log_e_harm, here.log_harm_threshold))
        assume(not _on_the_edge(here.log_e_safe, here.log_certify_threshold))
        assert (here.harmed, here.certified) == (there.harmed, there.certified)
    assert (one.verdict, one.rule) == (other.verdict, other.rule)


def _on_the_edge(log_e: float, threshold: float) -> bool:
    """Sums of floating-point numbers may differ in their last digits."""
    return abs(log_e - threshold) <= 1e-9 * max(1.0, abs(log_e))


@settings(max_examples=60)
@given(CASES)
def test_a_step_without_evidence_is_taken_under_a_name_that_says_so(case: Case) -> None:
    policy, evidence, _ = case
    decision = decide(*case)
    assume(decision.verdict in FORWARD and decision.rule not in WITHOUT_EVIDENCE)
    step = policy.step(evidence.step, evidence.share_ppm)
    assert step is not None
    assert not step.needs_approval
    assert evidence.units_in_step >= step.min_units
    assert not step.certify or all(each.certified for each in decision.assessments)
    assert not evidence.paused
    assert not evidence.orders.paused


@settings(max_examples=150)
@given(affordable())
def test_a_budget_of_risk_raises_the_share_by_a_quarter_and_not_past_its_certification(
    case: Case,
) -> None:
    policy, evidence, _ = case
    budget = policy.risk_budget
    decision = decide(*case)
    assume(budget is not None and decision.verdict in FORWARD)
    assert budget is not None
    assert decision.next_share_ppm is not None
    if decision.next_share_ppm == PARTS:
        assert evidence.orders.full or evidence.share_ppm >= budget.certify_at_ppm
        return
    assert decision.next_share_ppm <= budget.certify_at_ppm
    raised = min(SMALLEST_RAISE * evidence.share_ppm, budget.certify_at_ppm)
    assert decision.next_share_ppm >= raised
    assert decision.next_share_ppm > evidence.share_ppm


@given(CASES)
def test_a_person_who_pauses_stops_everything_but_a_rollback_for_harm(case: Case) -> None:
    policy, evidence, clock = case
    orders = msgspec.structs.replace(evidence.orders, paused=True)
    decision = decide(policy, msgspec.structs.replace(evidence, orders=orders), clock)
    assert decision.verdict is Verdict.HOLD or _is_harmed(decision)


@settings(max_examples=150)
@given(CASES)
def test_what_is_decided_does_not_go_to_and_fro(case: Case) -> None:
    """With the same evidence a rollout is paused, and resumed, once at most."""
    policy, evidence, clock = case
    verdicts = []
    for _ in range(6):
        decision = decide(policy, evidence, clock)
        verdicts.append(decision.verdict)
        if decision.verdict not in (Verdict.PAUSE, Verdict.RESUME):
            break
        paused = decision.verdict is Verdict.PAUSE
        evidence = msgspec.structs.replace(evidence, paused=paused)
    assert verdicts[-1] not in (Verdict.PAUSE, Verdict.RESUME)
    assert len(verdicts) <= 3


@given(CASES)
def test_a_record_of_any_plan_reads_back_and_decides_the_same(case: Case) -> None:
    policy, evidence, clock = case
    record = DecisionRecord(
        environment="production",
        agent="support",
        attempt="d" * 40,
        baseline="v1",
        candidate="v2",
        policy=policy,
        evidence=evidence,
        clock=clock,
        decision=decide(*case),
    )
    again = from_json(to_json(record))
    assert again == record
    assert again.recompute() == record.decision


@given(CASES)
def test_orders_that_are_none_change_nothing(case: Case) -> None:
    policy, evidence, clock = case
    plain = msgspec.structs.replace(evidence, orders=Orders())
    assert decide(policy, plain, clock).rule not in ("ordered", "resumed")
