"""A ramp without fixed steps: its share follows what the worst case would cost."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from anytime import IncidentStratum, ramp
from tidegate.domain.canary import Deadline, OnInconclusive, RiskBudget
from tidegate.domain.decision import Decision, Verdict, decide
from tidegate.domain.evidence import ArmCounts, Clock, Evidence, Orders, StageCounts
from tidegate.domain.installation import Budgets
from tidegate.domain.metrics import Guardrail
from tidegate.domain.policy import Policy
from tidegate.domain.risk_budget import next_share_ppm
from tidegate_sdk import PARTS

After = Callable[[float], Clock]
PLAN = Policy(
    budgets=Budgets(),
    guardrails=(Guardrail(name="error"),),
    risk_budget=RiskBudget(excess=5.0, look_units=2000, certify_at="50%"),
)
CERTIFY_AT = 500_000


def _arm(units: int, **incidents: int) -> ArmCounts:
    return ArmCounts(units=units, newcomers=units, matured=units, incidents=incidents)


def _stage(
    share_ppm: int, units: int, *, step: int = 0, candidate: int = 0, baseline: int = 0
) -> StageCounts:
    """A stage split as designed, with so many errors on each arm."""
    on_candidate = units * share_ppm // PARTS
    return StageCounts(
        step=step,
        share_ppm=share_ppm,
        candidate=_arm(on_candidate, error=candidate),
        baseline=_arm(units - on_candidate, error=baseline),
    )


def _evidence(*stages: StageCounts, **changes: Any) -> Evidence:
    last = stages[-1] if stages else None
    known: dict[str, Any] = {
        "step": last.step if last else 0,
        "paused": False,
        "seq": 1,
        "share_ppm": last.share_ppm if last else PLAN.first_share_ppm,
        "stages": stages,
    }
    return Evidence(**(known | changes))


def _ruled(decision: Decision) -> tuple[Verdict, str, int | None]:
    return decision.verdict, decision.rule, decision.next_share_ppm


@pytest.mark.parametrize(
    ("excess", "look_units", "certify_at", "first"),
    [
        pytest.param(5.0, 2000, "50%", 2500, id="the exposure is the budget"),
        pytest.param(1.0, 3, "50%", 333_333, id="rounded down"),
        pytest.param(900.0, 1000, "50%", 500_000, id="never above where it certifies"),
        pytest.param(0.002, 2000, "50%", 1, id="the smallest"),
    ],
)
def test_the_first_share_is_that_at_which_everyone_might_be_harmed(
    excess: float, look_units: int, certify_at: str, first: int
) -> None:
    budget = RiskBudget(excess=excess, look_units=look_units, certify_at=certify_at)
    assert msgspec.structs.replace(PLAN, risk_budget=budget).first_share_ppm == first


def test_a_stage_is_held_until_the_units_of_a_look_are_seen(after: After) -> None:
    decision = decide(PLAN, _evidence(_stage(2500, 1999)), after(0))
    assert _ruled(decision) == (Verdict.HOLD, "min_units", None)


def test_the_next_share_is_the_largest_that_the_worst_case_allows(after: After) -> None:
    stage = _stage(2500, 40_000, baseline=400)
    excess = ramp.excess_limit(
        [IncidentStratum(candidate=0, baseline=400, share=0.0025)],
        candidate_units=100,
        baseline_units=39_900,
        alpha=0.05,
    )
    expected = int(1e6 * 5.0 / (excess * 2000))
    assert 3125 < expected < CERTIFY_AT
    decision = decide(PLAN, _evidence(stage), after(0))
    assert _ruled(decision) == (Verdict.ADVANCE, "step_complete", expected)


def test_the_share_stays_while_the_worst_case_allows_no_larger_one(after: After) -> None:
    decision = decide(PLAN, _evidence(_stage(2500, 2000, candidate=1, baseline=20)), after(0))
    assert _ruled(decision) == (Verdict.HOLD, "risk_budget", None)
    assert decision.reason.endswith("the worst case allows no larger share yet")


def test_shares_are_raised_by_a_quarter_at_least_and_never_above_where_they_certify() -> None:
    """From no evidence to a great deal of it, at a low, a middle and a high share."""
    raised = []
    for share in (2500, 50_000, 450_000, 499_999):
        found = []
        for thousands in (2, 5, 10, 20, 50, 100, 200, 500, 2000):
            units = 1000 * thousands
            incidents = units * share // PARTS // 100
            stage = _stage(share, units, candidate=incidents, baseline=units // 100 - incidents)
            found.append(next_share_ppm(PLAN, _evidence(stage)))
        for each in found:
            assert each is None or min(1.25 * share, CERTIFY_AT) <= each <= CERTIFY_AT
        known = [each for each in found if each is not None]
        assert known == sorted(known)
        raised.append(len(known))
    assert raised == [9, 8, 5, 5]  # a share that is high already waits for more evidence


def test_the_guardrail_with_the_worst_limit_sets_the_share() -> None:
    two = msgspec.structs.replace(PLAN, guardrails=(*PLAN.guardrails, Guardrail(name="tool")))
    stage = _stage(50_000, 60_000, candidate=30, baseline=570)
    worse = msgspec.structs.replace(
        stage,
        candidate=msgspec.structs.replace(stage.candidate, incidents={"error": 30, "tool": 90}),
        baseline=msgspec.structs.replace(stage.baseline, incidents={"error": 570, "tool": 1710}),
    )
    alone = next_share_ppm(PLAN, _evidence(stage))
    both = next_share_ppm(two, _evidence(worse))
    assert alone is not None
    assert both is None or both < alone


def test_a_ramp_with_nothing_but_goals_goes_to_where_it_certifies() -> None:
    """No incident can be in excess."""
    goal = msgspec.structs.replace(PLAN, guardrails=(Guardrail(name="goal", kind="outcome"),))
    assert next_share_ppm(goal, _evidence(_stage(2500, 2000))) == CERTIFY_AT


def test_where_it_certifies_the_ramp_waits_and_then_goes_to_everyone(after: After) -> None:
    few = _stage(CERTIFY_AT, 2000, step=4, candidate=10, baseline=10)
    early = decide(PLAN, _evidence(few), after(0))
    assert _ruled(early) == (Verdict.HOLD, "certification", None)
    many = _stage(CERTIFY_AT, 60_000, step=4, candidate=300, baseline=300)
    late = decide(PLAN, _evidence(many), after(0))
    assert _ruled(late) == (Verdict.PROMOTE, "all_steps_complete", PARTS)
    assert late.reason.startswith("every guardrail is certified")


def test_harm_comes_before_the_budget(after: After) -> None:
    harmful = _stage(2500, 4000, candidate=9, baseline=10)
    for orders in (Orders(), Orders(full=True), Orders(promoted_steps=3)):
        decision = decide(PLAN, _evidence(harmful, orders=orders), after(10**6))
        assert _ruled(decision) == (Verdict.ROLL_BACK, "harm", 0)


def test_harm_raises_no_share() -> None:
    """Not even without the alarm: the worst case of what was seen is beyond the budget."""
    harmful = _stage(50_000, 20_000, candidate=100, baseline=190)
    assert next_share_ppm(PLAN, _evidence(harmful)) is None


def test_a_person_may_take_it_to_everyone_at_once(after: After) -> None:
    decision = decide(PLAN, _evidence(orders=Orders(full=True)), after(0))
    assert _ruled(decision) == (Verdict.PROMOTE, "ordered", PARTS)


def test_a_person_who_lets_a_stage_go_on_does_not_overdraw_the_budget(after: After) -> None:
    orders = Orders(promoted_steps=1)
    without = decide(PLAN, _evidence(orders=orders), after(0))
    assert _ruled(without) == (Verdict.HOLD, "risk_budget", None)
    certifying = _evidence(_stage(CERTIFY_AT, 10, step=0), orders=orders)
    assert _ruled(decide(PLAN, certifying, after(0))) == (Verdict.PROMOTE, "ordered", PARTS)


@pytest.mark.parametrize(
    ("timed", "rule"),
    [
        pytest.param({"deadline": Deadline(after="1h", action="rollback")}, "deadline", id="all"),
        pytest.param(
            {"on_inconclusive": OnInconclusive(action="rollback", max="1h")},
            "inconclusive",
            id="stage",
        ),
    ],
)
def test_a_ramp_that_the_budget_holds_for_too_long_ends_as_the_plan_says(
    after: After, timed: dict[str, Any], rule: str
) -> None:
    plan = msgspec.structs.replace(PLAN, **timed)
    held = _evidence(_stage(2500, 2000, candidate=1, baseline=20))
    assert decide(plan, held, after(3599)).rule == "risk_budget"
    assert _ruled(decide(plan, held, after(3600))) == (Verdict.ROLL_BACK, rule, 0)


def test_a_promotion_by_the_deadline_does_not_overdraw_the_budget(after: After) -> None:
    plan = msgspec.structs.replace(PLAN, deadline=Deadline(after="1h", action="promote"))
    held = _evidence(_stage(2500, 2000, candidate=1, baseline=20))
    assert _ruled(decide(plan, held, after(10**6))) == (Verdict.HOLD, "risk_budget", None)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        pytest.param({"excess": 0.0}, "excess is 0", id="no risk at all"),
        pytest.param({"excess": 5.0, "look_units": 0}, "lookUnits is 0", id="no units"),
        pytest.param({"excess": 5.0, "certify_at": "100%"}, "must lie between", id="everyone"),
        pytest.param({"excess": 0.001, "look_units": 2000}, "below 1 part", id="too small"),
    ],
)
def test_a_budget_that_allows_no_ramp_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RiskBudget(**wrong)
