"""What people order of a rollout, and what the plan says of one that lasts for too long."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tidegate.domain.canary import Deadline, OnInconclusive, Pause, Step
from tidegate.domain.decision import Decision, Verdict, decide
from tidegate.domain.evidence import Clock, Evidence, Orders
from tidegate.domain.orders import RolloutOrders
from tidegate.domain.policy import Policy
from tidegate_sdk import PARTS

Make = Callable[..., Any]
After = Callable[[float], Clock]
HOUR = 3600.0
HARMFUL = {"candidate_incidents": {"error": 9}, "baseline_incidents": {"error": 10}}
ALL_ORDERS = [
    pytest.param(Orders(), id="none"),
    pytest.param(Orders(paused=True), id="paused"),
    pytest.param(Orders(resumed=True), id="resumed"),
    pytest.param(Orders(promoted_steps=5), id="steps"),
    pytest.param(Orders(full=True), id="full"),
]


@pytest.fixture
def approval(policy: Policy) -> Policy:
    """The first step waits for a person once its units are seen."""
    first = Step(set_weight="1%", min_units=1000, pause=Pause())
    return msgspec.structs.replace(policy, steps=(first, *policy.steps[1:]))


def _ruled(decision: Decision) -> tuple[Verdict, str]:
    return decision.verdict, decision.rule


def _timed(policy: Policy, **plan: Any) -> Policy:
    return msgspec.structs.replace(policy, **plan)


# --- Approval -----------------------------------------------------------------------------------


def test_a_step_that_needs_approval_waits_for_it_however_long(
    approval: Policy, make_evidence: Make, make_stage: Make, after: After
) -> None:
    for seconds in (0, 10**8):
        decision = decide(approval, make_evidence(make_stage()), after(seconds))
        assert _ruled(decision) == (Verdict.HOLD, "approval")
    assert decision.reason == "the step at 1% waits for a person's approval"


def test_a_step_that_needs_approval_asks_for_it_only_once_its_other_conditions_are_met(
    approval: Policy, make_evidence: Make, make_stage: Make, after: After
) -> None:
    decision = decide(approval, make_evidence(make_stage(units=999)), after(0))
    assert _ruled(decision) == (Verdict.HOLD, "min_units")


@pytest.mark.parametrize(("promoted", "rule"), [(0, "approval"), (1, "ordered"), (2, "ordered")])
def test_an_approval_takes_the_next_step_under_a_rule_of_its_own(
    approval: Policy, make_evidence: Make, make_stage: Make, after: After, promoted: int, rule: str
) -> None:  # fmt: skip
    evidence = make_evidence(make_stage(), orders=Orders(promoted_steps=promoted))
    decision = decide(approval, evidence, after(0))
    assert decision.rule == rule
    assert decision.next_share_ppm == (None if promoted == 0 else 100_000)


# --- Orders -------------------------------------------------------------------------------------


@pytest.mark.parametrize("orders", ALL_ORDERS)
@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused by the engine"])
def test_no_order_lets_a_harmed_candidate_on(
    policy: Policy, make_evidence: Make, make_stage: Make, after: After, orders: Orders, *,
    paused: bool,
) -> None:  # fmt: skip
    evidence = make_evidence(make_stage(**HARMFUL), orders=orders, paused=paused)
    assert _ruled(decide(policy, evidence, after(HOUR))) == (Verdict.ROLL_BACK, "harm")


def test_a_person_who_pauses_holds_a_step_that_is_complete(
    policy: Policy, make_evidence: Make, make_stage: Make, after: After
) -> None:
    evidence = make_evidence(make_stage(), orders=Orders(paused=True, promoted_steps=2))
    assert _ruled(decide(policy, evidence, after(HOUR))) == (Verdict.HOLD, "paused")


def test_a_person_who_resumes_ends_the_pause_and_the_step_goes_on_where_it_was(
    policy: Policy, make_evidence: Make, make_stage: Make, after: After
) -> None:
    evidence = make_evidence(make_stage(units=10), paused=True, orders=Orders(resumed=True))
    decision = decide(policy, evidence, after(HOUR))
    assert _ruled(decision) == (Verdict.RESUME, "resumed")
    assert decision.next_share_ppm is None
    going = msgspec.structs.replace(evidence, paused=False)
    assert _ruled(decide(policy, going, after(HOUR))) == (Verdict.HOLD, "min_units")


@pytest.mark.parametrize(("step", "rule"), [(0, "ordered"), (1, "min_units")])
def test_promoted_steps_let_so_many_steps_go_and_no_more(
    policy: Policy, make_evidence: Make, after: After, step: int, rule: str
) -> None:
    """With no unit seen at all."""
    evidence = make_evidence(step=step, orders=Orders(promoted_steps=1))
    assert decide(policy, evidence, after(0)).rule == rule


def test_full_takes_all_steps_at_once(policy: Policy, make_evidence: Make, after: After) -> None:
    decision = decide(policy, make_evidence(orders=Orders(full=True)), after(0))
    assert _ruled(decision) == (Verdict.PROMOTE, "ordered")
    assert decision.next_share_ppm == PARTS


def test_the_last_step_that_a_person_lets_go_is_a_promotion_that_was_ordered(
    policy: Policy, make_evidence: Make, after: After
) -> None:
    evidence = make_evidence(step=1, orders=Orders(promoted_steps=2))
    assert _ruled(decide(policy, evidence, after(0))) == (Verdict.PROMOTE, "ordered")


def test_orders_hold_for_their_attempt_alone() -> None:
    orders = RolloutOrders(agent="support", attempt="a" * 40, promoted_steps=2, resumed=True)
    assert orders.for_attempt("a" * 40) == Orders(promoted_steps=2, resumed=True)
    assert orders.for_attempt("b" * 40) == Orders()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        pytest.param({"promoted_steps": -1}, "promotedSteps is -1", id="fewer than none"),
        pytest.param({"paused": True, "resumed": True}, "say one of them", id="both"),
        pytest.param({"paused": True, "full": True}, "say one of them", id="paused and full"),
    ],
)
def test_orders_that_contradict_themselves_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RolloutOrders(agent="support", attempt="a" * 40, **wrong)


# --- Too long a step, too long a rollout --------------------------------------------------------

INCONCLUSIVE = [
    pytest.param("hold", (Verdict.PAUSE, "inconclusive"), id="hold"),
    pytest.param("extend", (Verdict.HOLD, "min_units"), id="extend"),
    pytest.param("promote", (Verdict.ADVANCE, "inconclusive"), id="promote"),
    pytest.param("rollback", (Verdict.ROLL_BACK, "inconclusive"), id="rollback"),
]


@pytest.mark.parametrize(("action", "expected"), INCONCLUSIVE)
def test_a_step_without_enough_evidence_ends_as_the_plan_says(
    policy: Policy, make_evidence: Make, make_stage: Make, after: After,
    action: Any, expected: tuple[Verdict, str],
) -> None:  # fmt: skip
    plan = _timed(policy, on_inconclusive=OnInconclusive(action=action, max="2h"))
    evidence = make_evidence(make_stage(units=999))
    assert _ruled(decide(plan, evidence, after(2 * HOUR - 1))) == (Verdict.HOLD, "min_units")
    decision = decide(plan, evidence, after(2 * HOUR))
    assert _ruled(decision) == expected
    assert decision.guardrail is None
    if action != "extend":
        assert decision.reason == "inconclusive after 2h: 999 of 1000 units seen at 1%"


def test_a_step_that_cannot_be_certified_in_time_is_inconclusive(
    policy: Policy, make_evidence: Make, make_stage: Make, after: After
) -> None:
    plan = _timed(policy, on_inconclusive=OnInconclusive(action="promote", max="1h"))
    decision = decide(plan, make_evidence(make_stage(step=1, units=2000), step=1), after(HOUR))
    assert _ruled(decision) == (Verdict.PROMOTE, "inconclusive")
    assert "not yet certified" in decision.reason


def test_a_step_that_waits_for_a_person_or_for_its_time_is_not_inconclusive(
    policy: Policy, approval: Policy, make_evidence: Make, make_stage: Make, after: After
) -> None:
    soon = OnInconclusive(action="rollback", max="1s")
    for plan, seconds, rule in ((approval, HOUR, "approval"), (policy, 10, "dwell")):
        timed = _timed(plan, on_inconclusive=soon)
        assert decide(timed, make_evidence(make_stage()), after(seconds)).rule == rule


DEADLINES = [
    pytest.param("pause", (Verdict.PAUSE, "deadline"), id="pause"),
    pytest.param("rollback", (Verdict.ROLL_BACK, "deadline"), id="rollback"),
    pytest.param("promote", (Verdict.ADVANCE, "deadline"), id="promote"),
]


def _clock(after: After, in_step_s: float, before_s: float) -> Clock:
    """A clock in a step that began some time after the rollout."""
    clock = after(in_step_s)
    began = clock.step_started - timedelta(seconds=before_s)
    return msgspec.structs.replace(clock, rollout_started=began)


@pytest.mark.parametrize(("action", "expected"), DEADLINES)
def test_a_rollout_past_its_deadline_ends_as_the_plan_says(
    approval: Policy, make_evidence: Make, make_stage: Make, after: After,
    action: Any, expected: tuple[Verdict, str],
) -> None:  # fmt: skip
    """Whatever its step waits for; the time counts from the rollout's start."""
    plan = _timed(approval, deadline=Deadline(after="3h", action=action))
    evidence = make_evidence(make_stage())
    early = decide(plan, evidence, _clock(after, HOUR - 1, 2 * HOUR))
    assert _ruled(early) == (Verdict.HOLD, "approval")
    late = decide(plan, evidence, _clock(after, HOUR, 2 * HOUR))
    assert _ruled(late) == expected
    assert late.reason.startswith("the deadline of 3h has passed: the step at 1% waits")


def test_a_step_that_is_complete_at_the_deadline_goes_on(
    policy: Policy, make_evidence: Make, make_stage: Make, after: After
) -> None:
    plan = _timed(policy, deadline=Deadline(after="1h", action="rollback"))
    decision = decide(plan, make_evidence(make_stage()), after(2 * HOUR))
    assert _ruled(decision) == (Verdict.ADVANCE, "step_complete")


@pytest.mark.parametrize(
    "timed",
    [
        pytest.param({"deadline": Deadline(after="1h")}, id="deadline"),
        pytest.param({"on_inconclusive": OnInconclusive(max="1h")}, id="inconclusive"),
    ],
)
def test_a_rollout_that_a_person_resumed_after_its_time_is_not_paused_over_and_over(
    policy: Policy, make_evidence: Make, after: After, timed: dict[str, Any]
) -> None:
    plan, orders = _timed(policy, **timed), Orders(resumed=True)
    assert decide(plan, make_evidence(), after(2 * HOUR)).verdict is Verdict.PAUSE
    paused = make_evidence(paused=True, orders=orders)
    assert decide(plan, paused, after(2 * HOUR)).verdict is Verdict.RESUME
    resumed = make_evidence(orders=orders)
    assert _ruled(decide(plan, resumed, after(2 * HOUR))) == (Verdict.HOLD, "min_units")


@pytest.mark.parametrize("orders", ALL_ORDERS)
@pytest.mark.parametrize("seconds", [0, 2 * HOUR])
def test_what_a_decision_leads_to_never_leads_back_at_once(
    policy: Policy, make_evidence: Make, after: After, orders: Orders, seconds: float
) -> None:
    """A pause that ends and begins again at every look would fill the history with commits."""
    plan = _timed(policy, deadline=Deadline(after="1h"), on_inconclusive=OnInconclusive(max="1h"))
    evidence: Evidence = make_evidence(orders=orders)
    seen = []
    for _ in range(6):
        verdict = decide(plan, evidence, after(seconds)).verdict
        seen.append(verdict)
        evidence = msgspec.structs.replace(
            evidence,
            paused={Verdict.PAUSE: True, Verdict.RESUME: False}.get(verdict, evidence.paused),
            step=min(2, evidence.step + (verdict is Verdict.ADVANCE)),
        )
        if verdict is Verdict.PROMOTE:
            return
    assert seen.count(Verdict.PAUSE) + seen.count(Verdict.RESUME) <= 2
    assert seen[-1] is Verdict.HOLD
