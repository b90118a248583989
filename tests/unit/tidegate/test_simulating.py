"""Simulated rollouts: the production rule on generated streams, reproducible and sane."""

import json
from typing import Literal

import msgspec
import pytest
from click.testing import CliRunner

from tidegate.cli import main
from tidegate.service.screening import all_looks
from tidegate.service.simulating import Scenario, simulate

HARM = Scenario(
    metric="incident", baseline_rate=0.01, candidate_rate=0.05, shares=(0.5,), units=20_000
)
KEYS = [
    "reps",
    "rejected",
    "mean_units",
    "median_units",
    "rolled_back",
    "promoted",
    "mean_harmed_units",
    "oracle_mean_units",
]


def test_clear_harm_is_always_seen_and_not_before_an_oracle_sees_it() -> None:
    summary = simulate(HARM, reps=60, seed=4)
    assert summary.rejected == 60
    assert summary.oracle_mean_units is not None
    assert summary.oracle_mean_units < summary.mean_units < 2 * summary.oracle_mean_units


def test_the_same_seed_gives_the_same_summary() -> None:
    assert simulate(HARM, reps=5, seed=4) == simulate(HARM, reps=5, seed=4)
    assert simulate(HARM, reps=5, seed=4) != simulate(HARM, reps=5, seed=5)


def test_an_equal_candidate_on_a_drifting_ramp_is_seldom_rolled_back() -> None:
    """At most 5 % by the promise; 12 of 100 would happen with probability 0.004 at 5 %."""
    scenario = Scenario(
        metric="incident",
        baseline_rate=0.01,
        candidate_rate=0.01,
        shares=(0.01, 0.05, 0.25, 0.5),
        units=20_000,
        drift=(0.005, 0.03),
    )
    summary = simulate(scenario, reps=100, seed=2)
    assert summary.rolled_back < 12
    assert summary.promoted > 50


def test_fewer_goals_are_harm_and_more_are_not() -> None:
    worse = Scenario(
        metric="goal",
        baseline_rate=0.6,
        candidate_rate=0.3,
        shares=(0.01, 0.05, 0.25, 0.5),
        units=20_000,
    )
    better = Scenario(
        metric="goal",
        baseline_rate=0.6,
        candidate_rate=0.7,
        shares=(0.01, 0.05, 0.25, 0.5),
        units=20_000,
    )
    assert simulate(worse, reps=20, seed=1).rolled_back == 20
    assert simulate(better, reps=20, seed=1).promoted >= 18


def test_a_ramp_by_risk_budget_releases_an_equal_candidate_and_stops_a_worse_one() -> None:
    """The first share is the budget over a look's units: with no evidence every unit is at risk."""
    equal = Scenario(
        metric="incident",
        baseline_rate=0.005,
        candidate_rate=0.005,
        units=20_000,
        risk_budget=50.0,
        look_units=1000,
    )
    assert equal.policy().first_share_ppm == 50_000
    assert simulate(equal, reps=5, seed=1).promoted >= 4
    worse = msgspec.structs.replace(equal, candidate_rate=0.05)
    stopped = simulate(worse, reps=5, seed=1)
    assert stopped.rolled_back == 5
    assert stopped.oracle_mean_units is None


@pytest.mark.parametrize(
    ("metric", "rates", "shares"),
    [
        pytest.param("incident", (0.01, 0.03), (0.05,), id="incidents, one share"),
        pytest.param("incident", (0.03, 0.03), (0.01, 0.1, 0.5), id="incidents, ramp"),
        pytest.param("goal", (0.6, 0.6), (0.01, 0.1, 0.5), id="goals, ramp"),
    ],
)
def test_a_screened_simulation_says_what_one_says_that_asks_at_every_look(
    metric: Literal["incident", "goal"], rates: tuple[float, float], shares: tuple[float, ...]
) -> None:
    scenario = Scenario(
        metric=metric,
        baseline_rate=rates[0],
        candidate_rate=rates[1],
        shares=shares,
        units=6000,
        step_units=1000,
    )
    asked = simulate(scenario, reps=3, seed=9, screen=all_looks)
    assert simulate(scenario, reps=3, seed=9) == asked


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"baseline_rate": 0.0}, id="no rate"),
        pytest.param({"shares": (1.0,)}, id="no baseline"),
        pytest.param({"shares": ()}, id="no share"),
        pytest.param({"shares": (1e-7,)}, id="a share below a millionth"),
        pytest.param({"risk_budget": 5.0}, id="both a share and a risk budget"),
        pytest.param({"shares": (), "risk_budget": 0.0}, id="no risk at all"),
        pytest.param(
            {"shares": (), "risk_budget": 5.0, "metric": "goal"}, id="a risk budget for a goal"
        ),
        pytest.param({"units": 0}, id="no units"),
        pytest.param({"candidate_rate": float("nan")}, id="not a number"),
    ],
)
def test_an_impossible_scenario_is_refused(changes: dict[str, object]) -> None:
    given = {
        "metric": "incident",
        "baseline_rate": 0.01,
        "candidate_rate": 0.02,
        "shares": (0.5,),
        "units": 100,
    }
    with pytest.raises(ValueError, match=r"must lie|needs at least|must be above|counts incidents"):
        Scenario(**(given | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("plan", ["--share 0.5", "--ramp 0.1,0.5", "--risk-budget 40"])
def test_the_command_prints_one_json_object_with_the_stated_keys(plan: str) -> None:
    given = "simulate --baseline-rate 0.01 --candidate-rate 0.05 --reps 3 --units 2000 --json"
    arguments = f"{given} {plan}"
    result = CliRunner().invoke(main, arguments.split())
    assert result.exit_code == 0
    assert list(json.loads(result.output)) == KEYS


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param("--ramp 0.01,x", "no comma-separated list of numbers", id="ramp"),
        pytest.param("--drift 0.01", "two rates, FROM,TO", id="drift"),
        pytest.param("--risk-budget 5 --ramp 0.1,0.5", "not both", id="ramp and risk budget"),
        pytest.param("--share 1.5", "must lie strictly between 0 and 1", id="share"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: str, words: str) -> None:
    given = f"simulate --baseline-rate 0.01 --candidate-rate 0.02 {arguments}"
    result = CliRunner().invoke(main, given.split())
    assert result.exit_code == 2
    assert words in result.output
