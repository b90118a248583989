"""The forecast of a plan: what is simulated, what it says, and how `tidegate plan` says it."""

import itertools
import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from tidegate.cli import main
from tidegate.domain import manifest_files as files
from tidegate.domain.canary import Canary, Deadline, Pause, RiskBudget, Step
from tidegate.domain.installation import Budgets, Installation
from tidegate.domain.intent import AgentRelease, Strategy
from tidegate.domain.metrics import Guardrail, Metrics
from tidegate.domain.policy import Policy
from tidegate.service.forecast import Assumptions, Forecast
from tidegate.service.planning import forecast, simulated_rollouts

ERROR, GOAL = Guardrail(name="error"), Guardrail(name="goal", kind="outcome")
STEPS = (
    Step(set_weight="5%", min_units=500),
    Step(set_weight="50%", certify=True),
    Step(set_weight="100%"),
)
WORSE = {"harm": 5.0, "loss": 0.3}
KEYS = [
    "worst_case_harmed_units",
    "worst_case_excess_units",
    "worst_case_guardrail",
    "units_per_day",
    "harm",
    "loss",
    "reps",
    "seed",
    "false_rollback_budget",
    "assumed_rates",
    "most_units",
    "risk_budget",
    "steps",
    "healthy",
    "harmful",
    "notes",
    "agent",
    "environment",
    "version",
    "live",
    "strategy",
    "simulated",
    "remarks",
    "differences",
    "missing",
    "suggested_steps",
    "blast_radius",
]


def _policy(*guardrails: Guardrail, **changes: Any) -> Policy:
    given = {"budgets": Budgets(), "guardrails": guardrails or (ERROR, GOAL), "steps": STEPS}
    return Policy(**(given | changes))


def _forecast(policy: Policy, *, reps: int = 20, **assumed: Any) -> Forecast:
    given = {"units_per_day": 1000.0} | WORSE | assumed
    return forecast(policy, Assumptions(**given), reps=reps, seed=3)


def test_clear_harm_is_always_rolled_back_and_a_like_candidate_nearly_always_released() -> None:
    found = _forecast(_policy(), reps=40)
    assert [each.power for each in found.harmful] == [1.0, 1.0]
    assert [each.reached_all for each in found.harmful] == [0.0, 0.0]
    assert found.healthy.reached_all >= 0.85
    ended = found.healthy
    assert ended.reached_all + ended.false_rollback + ended.paused + ended.undecided == 1.0


def test_harmed_units_are_the_exposed_ones_at_the_rate_that_was_given() -> None:
    """Within four standard errors of the total, whatever the stopping time (Wald's identity)."""
    found = _forecast(_policy(), reps=60, rates={"error": 0.02, "goal": 0.7})
    error, goal = found.harmful
    assert (error.candidate_rate, goal.candidate_rate) == (0.1, pytest.approx(0.4))
    for each, bad in ((error, 0.1), (goal, 0.6)):
        exposed = 60 * each.candidate_units.mean
        slack = 4 * math.sqrt(bad * (1 - bad) / exposed)
        assert 60 * each.harmed_units.mean / exposed == pytest.approx(bad, abs=slack)
    assert error.excess_units.mean == pytest.approx(error.harmed_units.mean * 0.8)
    assert goal.excess_units.mean == pytest.approx(goal.harmed_units.mean * 0.5)


def test_worst_case_is_the_most_harmed_units_of_all_rollouts() -> None:
    found = _forecast(_policy())
    worst = max(found.harmful, key=lambda each: each.harmed_units.worst)
    assert found.worst_case_harmed_units == worst.harmed_units.worst
    assert found.worst_case_guardrail == worst.guardrail
    for each in found.harmful:
        spread = each.harmed_units
        assert 0 < spread.mean <= spread.p95 <= spread.worst <= each.candidate_units.worst


def test_guardrails_share_the_real_budget_so_more_of_them_take_longer() -> None:
    alone = _forecast(_policy(ERROR), reps=30).harmful[0]
    others = tuple(Guardrail(name=name, weight=5.0) for name in ("one", "other"))
    among = _forecast(_policy(ERROR, *others), reps=30).harmful[0]
    assert alone.units is not None
    assert among.units is not None
    assert among.units.mean > 1.1 * alone.units.mean


def test_time_follows_from_the_traffic() -> None:
    slow, fast = (_forecast(_policy(), units_per_day=rate) for rate in (500.0, 5000.0))
    assert slow.healthy.units == fast.healthy.units
    assert slow.healthy.units is not None
    assert slow.healthy.days is not None
    assert slow.healthy.days.mean == pytest.approx(slow.healthy.units.mean / 500.0)
    assert [step.min_days for step in slow.steps] == [1.0, 0.0]


def test_pause_of_a_step_lasts_in_the_simulation_too() -> None:
    steps = (msgspec.structs.replace(STEPS[0], pause=Pause(duration="2d")), *STEPS[1:])
    found = _forecast(_policy(ERROR, steps=steps))
    assert found.steps[0].min_days == 2.0
    assert found.healthy.days is not None
    assert found.healthy.days.mean > 2.0


def test_heavy_traffic_takes_no_longer_to_simulate() -> None:
    """Ten million units in a pause of a day: looks grow rarer, so this is over in no time."""
    steps = (Step(set_weight="1%", pause=Pause(duration="1d")), Step(set_weight="100%"))
    found = _forecast(_policy(ERROR, steps=steps), reps=3, units_per_day=1e7)
    assert found.healthy.units is not None
    assert found.healthy.units.mean >= 1e7
    assert found.most_units == 4e7


def test_approval_is_taken_to_come_at_once_and_that_is_said() -> None:
    steps = (msgspec.structs.replace(STEPS[0], pause=Pause()), *STEPS[1:])
    found, without = _forecast(_policy(ERROR, steps=steps)), _forecast(_policy(ERROR))
    assert found.healthy == without.healthy
    assert [step.approval for step in found.steps] == [True, False]
    assert any("approval" in note for note in found.notes)


def test_rollback_because_time_is_over_is_not_called_harm() -> None:
    policy = _policy(ERROR, deadline=Deadline(after="12h", action="rollback"))
    healthy = _forecast(policy).healthy
    assert healthy.rolled_back_by_plan > 0.8
    assert healthy.false_rollback < 0.2


def test_harm_that_freezes_a_version_counts_as_stopped_like_a_rollback() -> None:
    assert _forecast(_policy(forward_only=True)).harmful == _forecast(_policy()).harmful


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        pytest.param(_policy(exposure="ongoing"), "come back", id="ongoing"),
        pytest.param(
            _policy(Guardrail(name="error", ceiling="0.5%")), "above the ceiling", id="ceiling"
        ),
    ],
)
def test_what_is_simulated_otherwise_than_it_is_gets_a_note(policy: Policy, words: str) -> None:
    found = _forecast(policy, reps=1)
    assert any(words in note for note in found.notes)


def test_end_of_each_simulated_rollout_is_told() -> None:
    ends = []
    policy, assumed = _policy(), Assumptions(units_per_day=1000.0, **WORSE)
    forecast(policy, assumed, reps=2, seed=3, on_end=lambda: ends.append(1))
    assert len(ends) == simulated_rollouts(policy, 2) == 6


def test_plan_with_a_risk_budget_names_its_first_share_and_where_it_certifies() -> None:
    budget = RiskBudget(excess=20, look_units=1000, certify_at="40%")
    found = _forecast(_policy(ERROR, steps=(), risk_budget=budget), reps=3)
    assert [(step.share, step.asks_for) for step in found.steps] == [
        ("2%", "no harm"),
        ("40%", "certainty"),
    ]
    assert found.risk_budget == 20
    assert found.healthy.stages is not None
    assert found.healthy.stages > 2
    assert found.harmful[0].power == 1.0


@pytest.mark.parametrize(
    ("assumed", "words"),
    [
        pytest.param({"units_per_day": 0.0}, "above 0", id="no traffic"),
        pytest.param({"harm": 1.0}, "a ratio above 1", id="no harm"),
        pytest.param({"loss": 10.0}, "0.1 is 10 points", id="loss in points"),
        pytest.param({"rates": {"error": 1.5}}, "rate of error is 1.5", id="no rate"),
        pytest.param({"rates": {"eror": 0.1}}, "that decide are", id="no guardrail"),
        pytest.param({"rates": {"error": 0.5}}, "lower the harm", id="harm too large"),
        pytest.param({"rates": {"goal": 0.2}}, "lower the loss", id="loss too large"),
    ],
)
def test_impossible_assumptions_are_refused(assumed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _forecast(_policy(), **assumed)


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of a manifest repository; only files, no git."""
    intent = AgentRelease(agent="support", version="v2", strategy=_strategy())
    documents = {
        files.INSTALLATION_PATH: Installation(environments=("production",)),
        files.metrics_path("support"): Metrics(agent="support", guardrails=(ERROR, GOAL)),
        files.intent_path("production", "support"): intent,
    }
    for path, document in documents.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(files.render(document))
    return tmp_path


def _strategy() -> Strategy:
    return Strategy(canary=Canary(steps=STEPS))


def _plan(checkout: Path, *arguments: str, agent: str = "support") -> Result:
    given = f"plan {agent} --units-per-day 1000 --reps 3 --harm 5 --loss 0.3 --manifest {checkout}"
    return CliRunner().invoke(main, [*given.split(), *arguments])


def test_plan_prints_one_json_object_with_the_worst_case_first(checkout: Path) -> None:
    result = _plan(checkout, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert list(found) == KEYS
    assert (found["agent"], found["environment"], found["version"]) == (
        "support",
        "production",
        None,
    )
    assert [each["guardrail"] for each in found["harmful"]] == ["error", "goal"]
    assert found["assumed_rates"] == ["error", "goal"]


def test_plan_with_the_same_seed_says_the_same(checkout: Path) -> None:
    assert _plan(checkout, "--json").output == _plan(checkout, "--json").output
    assert _plan(checkout, "--json").output != _plan(checkout, "--json", "--seed", "2").output


def test_plan_in_words_states_the_worst_case_before_anything_else(checkout: Path) -> None:
    result = _plan(checkout)
    assert result.exit_code == 0, result.output
    title, worst, *rest = result.output.splitlines()
    assert title == "Plan: a new version of support to production"
    assert worst.startswith("Worst case: ")
    text = " ".join(rest)
    for words in ("5%", "500 units", "every guardrail is certified", "reaches 100 %", "harmed"):
        assert words in text
    assert "Rates were assumed: error 1 %, goal 60 %." in text


def test_plan_says_nothing_of_assumed_rates_when_all_are_given(checkout: Path) -> None:
    result = _plan(checkout, "--rate", "error=2%", "--rate", "goal=0.7")
    assert "2 % → 10 %" in result.output
    assert "70 % → 40 %" in result.output
    assert "assumed" not in result.output


def test_plan_as_markdown_has_headings_and_tables_of_equal_width(checkout: Path) -> None:
    result = _plan(checkout, "--markdown")
    lines = result.output.splitlines()
    assert lines[0] == "### Plan: a new version of support to production"
    assert lines[2].startswith("**Worst case: ")
    assert [line for line in lines if line.startswith("#### ")] == [
        "#### What changes",
        "#### The plan: 12.0 hours at least, at 1,000 units a day",
        "#### Who meets it",
        "#### If it is just like what is live",
        "#### If it is worse on one guardrail",
        "#### What this rests on",
    ]
    assert "| 1 | 5% | 500 units | 12.0 hours | no harm is seen |" in lines
    groups = itertools.groupby(lines, key=lambda line: line.startswith("|"))
    tables = [list(table) for is_table, table in groups if is_table]
    assert [len(table) for table in tables] == [4, 5, 8, 4]
    assert all(len({line.count("|") for line in table}) == 1 for table in tables)


def test_plan_without_a_folder_finds_the_manifest_around_it(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout / "agents" / "support")
    arguments = "plan support --units-per-day 1000 --reps 1 --json"
    result = CliRunner().invoke(main, arguments.split())
    assert result.exit_code == 0, result.output


def test_plan_of_an_agent_with_no_metrics_watches_the_three_safety_kinds(checkout: Path) -> None:
    (checkout / files.metrics_path("support")).unlink()
    found = json.loads(_plan(checkout, "--json").output)
    assert [each["guardrail"] for each in found["harmful"]] == [
        "prompt_injection",
        "unexpected_tool",
        "error",
    ]


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        pytest.param("tidegate.yaml", None, "--manifest", id="no manifest"),
        pytest.param(
            "tidegate.yaml",
            b"kind: Tidegate\n",
            "tidegate.yaml: Object missing",
            id="a key missing",
        ),
        pytest.param(
            "envs/production/support.yaml",
            None,
            "envs/production/support.yaml: is missing; released in 'production' are []",
            id="no release",
        ),
        pytest.param(
            "agents/support/metrics.yaml",
            b"kind: Metrics\nagent: support\nguardrails: [{name: error, margin: 0.5}]\n",
            "agents/support/metrics.yaml: margin is 0.5",
            id="a margin out of range",
        ),
        pytest.param("agents/support/metrics.yaml", b"{", "no valid YAML", id="no YAML"),
    ],
)
def test_plan_names_the_file_that_is_wrong_and_why(
    checkout: Path, path: str, content: bytes | None, words: str
) -> None:
    if content is None:
        (checkout / path).unlink()
    else:
        (checkout / path).write_bytes(content)
    result = _plan(checkout)
    assert result.exit_code == 1
    assert words in result.output


def test_plan_of_a_release_under_another_agents_name_is_refused(checkout: Path) -> None:
    path = checkout / files.intent_path("production", "support")
    path.rename(path.with_name("billing.yaml"))
    result = _plan(checkout, agent="billing")
    assert result.exit_code == 1
    assert "agent is 'support', but the file's name says 'billing'" in result.output


@pytest.mark.parametrize("agent", ["suport", "../support"])
def test_plan_of_an_unknown_agent_names_those_that_there_are(checkout: Path, agent: str) -> None:
    result = _plan(checkout, agent=agent)
    assert result.exit_code == 1
    assert agent in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--rate", "error"], "GUARDRAIL=RATE", id="no rate"),
        pytest.param(["--rate", "error=much"], "GUARDRAIL=RATE", id="no number"),
        pytest.param(["--rate", "tool=1%"], "the guardrails that decide", id="no guardrail"),
        pytest.param(["--harm", "0.5"], "a ratio above 1", id="no harm"),
        pytest.param(["--rate", "error=0.9"], "lower the harm", id="harm too large"),
    ],
)
def test_plan_called_wrongly_says_so(checkout: Path, arguments: list[str], words: str) -> None:
    result = _plan(checkout, *arguments)
    assert result.exit_code == 2
    assert words in result.output
