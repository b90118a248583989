"""Another policy for a recorded rollout: what it changes, and where its steps are."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tidegate.domain.backtest import ReplayPolicy, judged_by, step_for
from tidegate.domain.canary import RiskBudget
from tidegate.domain.evidence import ArmCounts, Evidence, StageCounts
from tidegate.domain.metrics import Metrics
from tidegate.domain.policy import Policy
from tidegate.domain.release import Release


def _stage(step: int, share_ppm: int) -> StageCounts:
    counts = ArmCounts(units=100)
    return StageCounts(step=step, share_ppm=share_ppm, baseline=counts, candidate=counts)


@pytest.mark.parametrize(
    ("share_ppm", "step"),
    [
        pytest.param(5_000, 0, id="below the first"),
        pytest.param(10_000, 0, id="the first"),
        pytest.param(99_999, 0, id="between"),
        pytest.param(100_000, 1, id="the last below 100 %"),
        pytest.param(999_999, 1, id="above it"),
    ],
)
def test_a_stage_falls_to_the_last_step_of_no_larger_share(
    policy: Policy, share_ppm: int, step: int
) -> None:
    assert step_for(policy, share_ppm, recorded=7) == step


def test_a_stage_under_a_risk_budget_keeps_its_number(policy: Policy) -> None:
    budgeted = msgspec.structs.replace(policy, steps=(), risk_budget=RiskBudget(excess=10.0))
    assert step_for(budgeted, 10_000, recorded=7) == 7


def test_stages_of_one_step_are_counted_together(policy: Policy) -> None:
    stages = (_stage(0, 10_000), _stage(1, 20_000), _stage(2, 100_000))
    evidence = Evidence(step=1, paused=False, seq=9, share_ppm=20_000, stages=stages)
    judged = judged_by(policy, evidence)
    assert (judged.step, judged.units_in_step, judged.units) == (0, 400, 600)
    assert [stage.share_ppm for stage in judged.stages] == [10_000, 20_000, 100_000]


def test_what_is_not_said_stays_as_it_was(
    make_release: Callable[..., Release], policy: Policy
) -> None:
    release = make_release()
    metrics = Metrics(agent="support", guardrails=policy.guardrails)
    assert ReplayPolicy().applied(release, metrics) == release.policy


@pytest.mark.parametrize(
    ("said", "words"),
    [
        pytest.param(
            {"strategy": {"blueGreen": {}}}, "missing required field", id="half a strategy"
        ),
        pytest.param(
            {
                "strategy": {
                    "ab": {
                        "arms": {"b": {"version": "v2", "weight": "50%"}},
                        "goal": {"name": "goal"},
                        "horizon": {"units": 10},
                    }
                }
            },
            "only canary rollouts can be replayed",
            id="an experiment",
        ),
        pytest.param({"guardrail": []}, "unknown field", id="a slip of the pen"),
    ],
)
def test_a_policy_that_is_none_is_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert(said, ReplayPolicy)
