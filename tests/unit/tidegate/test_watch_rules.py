"""After everyone has a version: an alarm if it gets worse, and hardly ever otherwise."""

import math
from collections.abc import Callable, Iterable

import msgspec
import numpy as np
import pytest

from anytime.bernoulli import alternatives_above, upper_rate
from tidegate.domain.canary import Watch
from tidegate.domain.decision import Decision, Verdict
from tidegate.domain.evidence import Clock
from tidegate.domain.installation import Budgets
from tidegate.domain.metrics import Guardrail
from tidegate.domain.policy import Policy
from tidegate.domain.record import DecisionRecord, from_json, to_json
from tidegate.domain.watch import Runs, Watched, WatchEvidence, decide_watch

After = Callable[[float], Clock]
DAY = 86_400.0
RUN_LENGTH = 100_000
LEARNT = {"incidents": 100, "units": 10_000}  # 1 %
PLAN = Policy(
    budgets=Budgets(),
    guardrails=(Guardrail(name="error"), Guardrail(name="goal", kind="outcome")),
    watch=Watch(duration="7d", run_length=RUN_LENGTH),
)


def _evidence(runs: Runs, **learnt: int) -> WatchEvidence:
    watched = Watched(**(LEARNT | learnt), runs=runs)
    return WatchEvidence(seq=1, guardrails={"error": watched})


def _runs(outcomes: Iterable[bool]) -> Runs:
    """Runs as the store tells them: clean units, and the incident that follows."""
    runs, clean = [], 0
    for incident in outcomes:
        if incident:
            runs.append((clean, 1))
            clean = 0
        else:
            clean += 1
    return (*runs, (clean, 0)) if clean else tuple(runs)


def _ruled(decision: Decision) -> tuple[Verdict, str, str | None]:
    return decision.verdict, decision.rule, decision.guardrail


def _first_alarm(outcomes: list[bool]) -> int | None:
    """Unit by unit, from the definition: M = (1 + M) times the likelihood ratio of the unit."""
    null = upper_rate(**LEARNT, alpha=0.01)
    rates = alternatives_above(null)
    sums = np.zeros(len(rates))
    for unit, incident in enumerate(outcomes, start=1):
        ratio = rates / null if incident else (1.0 - rates) / (1.0 - null)
        sums = (1.0 + sums) * ratio
        if incident and sums.mean() >= RUN_LENGTH:
            return unit
    return None


@pytest.mark.parametrize("seed", range(5))
def test_the_alarm_comes_at_the_unit_at_which_the_detector_reaches_its_run_length(
    after: After, seed: int
) -> None:
    outcomes = (np.random.default_rng(seed).random(4000) < 0.03).tolist()
    expected = _first_alarm(outcomes)
    assert expected is not None
    before = decide_watch(PLAN, _evidence(_runs(outcomes[: expected - 1])), after(DAY))
    assert _ruled(before) == (Verdict.HOLD, "watching", None)
    at = decide_watch(PLAN, _evidence(_runs(outcomes[:expected])), after(DAY))
    assert _ruled(at) == (Verdict.ALARM, "change_detected", "error")
    assert at.next_share_ppm is None


def test_an_alarm_stays_whatever_comes_after_it(after: After) -> None:
    worse = [True] * 12 + [False] * 50_000
    assert decide_watch(PLAN, _evidence(_runs(worse)), after(DAY)).verdict is Verdict.ALARM


def test_a_tripled_rate_raises_an_alarm_within_a_thousand_units_or_so() -> None:
    rng = np.random.default_rng(11)
    units = []
    for _ in range(100):
        outcomes = (rng.random(6000) < 0.03).tolist()
        alarm = _first_alarm(outcomes)
        units.append(math.inf if alarm is None else alarm)
    print(f"1 % to 3 %: alarm after {np.median(units):,.0f} units, 95 % by "
          f"{np.quantile(units, 0.95):,.0f}")  # fmt: skip
    assert np.median(units) <= 1500
    assert np.quantile(units, 0.95) <= 4000


def test_the_same_rate_raises_an_alarm_no_more_often_than_its_run_length_says(
    after: After,
) -> None:
    """M - n is a supermartingale, so P(an alarm in n units) is at most n / run_length (Doob)."""
    paths, units = 400, 10_000
    rng = np.random.default_rng(12)
    alarms = sum(
        decide_watch(PLAN, _evidence(_runs(rng.random(units) < 0.01)), after(DAY)).verdict
        is Verdict.ALARM
        for _ in range(paths)
    )
    bound = units / RUN_LENGTH
    assert alarms / paths <= bound + 3.0 * math.sqrt(bound * (1.0 - bound) / paths)


def test_the_reason_of_an_alarm_has_the_numbers_before_and_since(after: After) -> None:
    decision = decide_watch(PLAN, _evidence(((30, 1),) * 40), after(DAY))
    assert decision.reason == (
        "error: 40 of 1240 units since everyone has it, 100 of 10000 before; "
        "a false alarm comes once in 100,000 units"
    )


def test_a_watch_that_may_roll_back_does(after: After) -> None:
    watch = msgspec.structs.replace(PLAN.watch, action="rollback")
    plan = msgspec.structs.replace(PLAN, watch=watch)
    decision = decide_watch(plan, _evidence(((0, 1),) * 12), after(DAY))
    assert _ruled(decision) == (Verdict.ROLL_BACK, "change_detected", "error")
    assert decision.next_share_ppm == 0


@pytest.mark.parametrize(
    ("seconds", "rule"), [(7 * DAY - 1, "change_detected"), (7 * DAY, "watch_over")]
)
def test_a_watch_ends_after_its_time(after: After, seconds: float, rule: str) -> None:
    assert decide_watch(PLAN, _evidence(((0, 1),) * 12), after(seconds)).rule == rule


def test_a_rate_over_its_ceiling_raises_an_alarm_although_it_was_as_high_before(
    after: After,
) -> None:
    """Learnt at 10 %, with a ceiling of 5 %: nothing has changed, and it is too much."""
    guardrail = Guardrail(name="error", ceiling="5%")
    plan = msgspec.structs.replace(PLAN, guardrails=(guardrail,))
    evidence = _evidence(((9, 1),) * 60, incidents=1000)
    decision = decide_watch(plan, evidence, after(DAY))
    assert _ruled(decision) == (Verdict.ALARM, "change_detected", "error")
    assert decision.reason == (
        "error: 60 of 600 units since everyone has it, over its ceiling of 5%"
    )
    assert decide_watch(PLAN, evidence, after(DAY)).verdict is Verdict.HOLD


def test_a_rate_below_its_ceiling_raises_none(after: After) -> None:
    plan = msgspec.structs.replace(PLAN, guardrails=(Guardrail(name="error", ceiling="20%"),))
    evidence = _evidence(((9, 1),) * 60, incidents=1000)
    assert decide_watch(plan, evidence, after(DAY)).verdict is Verdict.HOLD


@pytest.mark.parametrize(
    "evidence",
    [
        pytest.param(WatchEvidence(seq=0), id="nothing"),
        pytest.param(_evidence(((0, 50),), incidents=0, units=0), id="nothing learnt"),
        pytest.param(_evidence(()), id="nobody since"),
        pytest.param(_evidence(((0, 50),), incidents=7, units=7), id="all failed before"),
        pytest.param(_evidence(((0, 50),), incidents=999, units=1000), id="nearly all failed"),
        pytest.param(_evidence(((0, 50),), incidents=99_999, units=100_000), id="and of many"),
        pytest.param(_evidence(((3, 0),), incidents=0, units=1), id="one unit learnt from"),
    ],
)
def test_too_little_to_judge_by_is_a_reason_to_hold(after: After, evidence: WatchEvidence) -> None:
    assert _ruled(decide_watch(PLAN, evidence, after(DAY))) == (Verdict.HOLD, "watching", None)


def test_outcomes_are_not_watched(after: After) -> None:
    runs = Watched(incidents=1, units=1000, runs=((0, 100),))
    evidence = WatchEvidence(seq=1, guardrails={"goal": runs, "unheard_of": runs})
    assert decide_watch(PLAN, evidence, after(DAY)).verdict is Verdict.HOLD


def test_the_record_of_an_alarm_leads_to_the_same_decision_again(after: After) -> None:
    evidence, clock = _evidence(((0, 1),) * 12), after(DAY)
    record = DecisionRecord(
        environment="production",
        agent="support",
        attempt="d" * 40,
        baseline="v3",
        candidate="v3",
        policy=PLAN,
        evidence=evidence,
        clock=clock,
        decision=decide_watch(PLAN, evidence, clock),
    )
    again = from_json(to_json(record))
    assert again == record
    assert again.recompute() == record.decision
