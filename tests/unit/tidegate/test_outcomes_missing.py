"""A candidate that crashes before it reports must not look clean."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from scipy.special import gammaln

from anytime.safe_logrank import HARM_MIXTURE
from tidegate.domain.decision import Decision, Verdict, decide
from tidegate.domain.evidence import ArmCounts, Clock, Evidence, Orders, StageCounts
from tidegate.domain.policy import Policy
from tidegate.domain.split import log_e_outcomes_missing

Make = Callable[..., Any]
After = Callable[[float], Clock]
MIXED = {Fraction(ratio): Fraction(weight) for ratio, weight in HARM_MIXTURE.items()}
"""How many times as often outcomes are lost, and its weight: as the harm test has them."""


def _stage(
    candidate: tuple[int, int], baseline: tuple[int, int], *, step: int = 0, ppm: int = 10_000
) -> StageCounts:
    """A stage by (units whose window has closed, of these with an outcome) of both arms."""
    arms = {
        name: ArmCounts(
            units=closed, newcomers=closed, matured=closed, closed=closed, reported=reported
        )
        for name, (closed, reported) in (("candidate", candidate), ("baseline", baseline))
    }
    return StageCounts(step=step, share_ppm=ppm, **arms)


def _evidence(*stages: StageCounts, **changes: Any) -> Evidence:
    known: dict[str, Any] = {"step": 0, "paused": False, "seq": 7, "stages": stages}
    return Evidence(**(known | changes))


def _log_e(*stages: StageCounts) -> float:
    return log_e_outcomes_missing(_evidence(*stages))


def _by_definition(*stages: StageCounts) -> float:
    """The mean of the three e-values, each from its definition: exact bets, and factorials."""
    split = sum(_log_split(stage) for stage in stages)
    on_candidate, on_baseline = _bets(stages), _bets(stages, exchanged=True)
    return math.log((math.exp(split) + float(on_candidate) + float(on_baseline)) / 3.0)


def _log_split(stage: StageCounts) -> float:
    p = stage.share_ppm / 1e6
    counts = ((stage.candidate.reported, p), (stage.baseline.reported, 1.0 - p))
    total = sum(count for count, _ in counts)
    log_e = gammaln(100.0) - gammaln(100.0 + total)
    for count, share in counts:
        log_e += gammaln(100.0 * share + count) - gammaln(100.0 * share) - count * math.log(share)
    return float(log_e)


def _bets(stages: tuple[StageCounts, ...], *, exchanged: bool = False) -> Fraction:
    total = Fraction(0)
    for ratio, weight in MIXED.items():
        wealth = weight / sum(MIXED.values())
        for stage in stages:
            p, h = Fraction(stage.share_ppm, 10**6), ratio
            lost = [arm.closed - arm.reported for arm in (stage.candidate, stage.baseline)]
            if exchanged:
                p, lost = 1 - p, lost[::-1]
            wealth *= (h / (h * p + 1 - p)) ** lost[0] * (1 / (h * p + 1 - p)) ** lost[1]
        total += wealth
    return total


@pytest.mark.parametrize(
    "stages",
    [
        pytest.param([_stage((20, 16), (1980, 1980))], id="lost on the candidate alone"),
        pytest.param([_stage((20, 20), (1980, 1700))], id="lost on the baseline alone"),
        pytest.param([_stage((20, 18), (1980, 1782))], id="a tenth lost on both"),
        pytest.param([_stage((500, 350), (500, 480), ppm=500_000)], id="half and half"),
        pytest.param(
            [_stage((20, 17), (1980, 1970)), _stage((90, 80), (1910, 1905), step=1, ppm=50_000)],
            id="two stages",
        ),
    ],
)
def test_outcomes_missing_is_the_mean_of_the_three_e_values_by_their_definitions(
    stages: list[StageCounts],
) -> None:
    assert _log_e(*stages) == pytest.approx(_by_definition(*stages), abs=1e-9)
    assert _log_e(*reversed(stages)) == pytest.approx(_log_e(*stages), abs=1e-12)


def test_outcomes_missing_from_nobody_say_exactly_nothing() -> None:
    assert _log_e() == 0.0
    assert _log_e(_stage((0, 0), (0, 0))) == 0.0


def test_outcomes_that_nobody_ever_reports_are_missing_evenly() -> None:
    """An agent without outcomes is no alarm: as many are lost as the split says."""
    assert _log_e(_stage((100, 0), (9900, 0))) < 0.0


def test_outcomes_missing_at_the_whole_have_nothing_to_be_compared_with() -> None:
    assert _log_e(_stage((5000, 0), (0, 0), ppm=1_000_000)) == 0.0


@pytest.mark.parametrize(("lost", "alarms"), [(3, False), (4, True)])
def test_four_outcomes_lost_of_a_share_of_one_percent_raise_the_alarm(
    policy: Policy, after: After, lost: int, *, alarms: bool
) -> None:
    """None is lost on the baseline."""
    evidence = _evidence(_stage((20, 20 - lost), (1980, 1980)))
    assert (_ruled(policy, evidence, after) == (Verdict.PAUSE, "outcomes_missing")) == alarms
    assert (_by_definition(*evidence.stages) >= math.log(1000.0)) == alarms


def test_a_pause_for_missing_outcomes_says_how_many_each_arm_lost(
    policy: Policy, after: After
) -> None:
    decision = _decided(policy, _evidence(_stage((20, 14), (1980, 1975))), after)
    assert "6 units of the candidate and 5 of the baseline never reported one" in decision.reason
    assert decision.reason.endswith("reached 1000")


def test_outcomes_that_are_still_awaited_are_not_missing(policy: Policy, after: After) -> None:
    """No window has closed yet, and nobody on the candidate has reported."""
    awaited = ArmCounts(units=20, newcomers=20)
    most = ArmCounts(units=1980, newcomers=1980, matured=1900)
    stage = StageCounts(step=0, share_ppm=10_000, candidate=awaited, baseline=most)
    assert _ruled(policy, _evidence(stage), after) == (Verdict.ADVANCE, "step_complete")


MISSING = _stage((20, 10), (1980, 1980))


def test_harm_rolls_back_also_while_outcomes_are_missing_and_paused(
    policy: Policy, make_stage: Make, after: After
) -> None:
    harmful = make_stage(candidate_incidents={"error": 9}, baseline_incidents={"error": 10})
    for paused in (False, True):
        evidence = _evidence(MISSING, harmful, paused=paused)
        assert _ruled(policy, evidence, after) == (Verdict.ROLL_BACK, "harm")


def test_a_pause_for_missing_outcomes_is_not_paused_again(policy: Policy, after: After) -> None:
    evidence = _evidence(MISSING, paused=True)
    assert _ruled(policy, evidence, after) == (Verdict.HOLD, "paused")


def test_a_person_who_resumes_waives_the_alarm_of_missing_outcomes(
    policy: Policy, after: After
) -> None:
    orders = Orders(resumed=True)
    paused = _evidence(MISSING, paused=True, orders=orders)
    assert _ruled(policy, paused, after) == (Verdict.RESUME, "resumed")
    going = _evidence(MISSING, orders=orders)
    assert _ruled(policy, going, after) == (Verdict.ADVANCE, "step_complete")


def test_a_person_who_lets_one_step_go_on_waives_the_alarm_for_that_step_alone(
    policy: Policy, after: After
) -> None:
    orders = Orders(promoted_steps=1)
    paused = _evidence(MISSING, paused=True, orders=orders)
    assert _ruled(policy, paused, after) == (Verdict.RESUME, "resumed")
    here = _evidence(MISSING, orders=orders)
    assert _ruled(policy, here, after) == (Verdict.ADVANCE, "ordered")
    following = _evidence(MISSING, step=1, orders=orders)
    assert _ruled(policy, following, after) == (Verdict.PAUSE, "outcomes_missing")


def _decided(policy: Policy, evidence: Evidence, after: After) -> Decision:
    return decide(policy, evidence, after(3600))


def _ruled(policy: Policy, evidence: Evidence, after: After) -> tuple[Verdict, str]:
    decision = _decided(policy, evidence, after)
    return decision.verdict, decision.rule
