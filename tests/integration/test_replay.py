"""A recorded rollout under another policy, on real git and DuckDB."""

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from anytime import IncidentStratum
from anytime.safe_logrank import log_e_harm
from stopped import stopped
from tidegate.cli import main
from tidegate.domain.backtest import Backtest, Moment, ReplayPolicy
from tidegate.domain.decision import Verdict
from tidegate.service.recorded_rollout import CannotReplay
from tidegate.service.replaying import Replayer
from worlds import World

INTENT = "envs/production/support.yaml"


def _healthy(world: World, count: int, prefix: str) -> None:
    units = [f"{prefix}{number}" for number in range(count)]
    world.expose(units)
    world.report(units, "outcome", "goal", 1.0)
    world.clock.advance(minutes=1)
    world.turn()


def _harm_one_by_one(world: World, count: int) -> None:
    """Traffic comes, and candidate units report harm; the engine looks at each report."""
    for number in range(count):
        if not world.release.in_rollout:
            return
        world.clock.advance(seconds=10)
        units = world.units("candidate", 1, prefix=f"h{number}-")
        world.expose([*units, *world.units("baseline", 20, prefix=f"h{number}-")])
        world.report(units, "safety", "prompt_injection")
        world.turn()


@pytest.fixture
def rolled_back(canary: World) -> World:
    _harm_one_by_one(canary, 12)
    return canary


@pytest.fixture
def all_at_once(canary: World) -> World:
    """All harm came before the engine looked."""
    canary.expose(canary.units("baseline", 500, prefix="b"))
    canary.harm(count=10)
    canary.turn()
    return canary


@pytest.fixture
def promoted(canary: World) -> World:
    for step in range(4):
        _healthy(canary, 2000, f"s{step}-")
    return canary


def _replayed(world: World, other: dict[str, Any] | None = None, **facts: Any) -> Backtest:
    policy = msgspec.convert(other or {}, ReplayPolicy)
    replayer = Replayer(world.repository, world.events, "production")
    return replayer.replay(policy, **{"rollout": None, "every": 50} | facts)


def _course(moments: tuple[Moment, ...]) -> list[tuple[int, str, str, int]]:
    return [(each.seq, each.verdict.value, each.rule, each.candidate_units) for each in moments]


def _canary(*steps: dict[str, Any], **facts: Any) -> dict[str, Any]:
    return {"strategy": {"canary": {"steps": list(steps)} | facts}}


STEPS = (
    {"setWeight": "1%", "minUnits": 2000},
    {"setWeight": "5%", "minUnits": 2000},
    {"setWeight": "25%", "minUnits": 2000},
    {"setWeight": "50%", "certify": True},
    {"setWeight": "100%"},
)


def test_a_rollback_under_the_same_policy_is_the_same_decision_on_the_same_event(
    rolled_back: World,
) -> None:
    found = _replayed(rolled_back)
    assert found.changes == ()
    assert found.fact_end is not None
    assert found.end == found.fact_end
    assert (found.end.verdict, found.end.guardrail) == (Verdict.ROLL_BACK, "prompt_injection")


def test_a_promotion_under_the_same_policy_is_the_same_course(promoted: World) -> None:
    found = _replayed(promoted, every=100_000)
    assert _course(found.moments) == _course(found.fact)[1:]
    assert found.end == found.fact_end
    assert found.ran_ahead is None


def test_looks_between_those_of_the_engine_only_bring_steps_forward(promoted: World) -> None:
    """All of a batch arrives before the engine looks; the replay looks at every 50 units of it."""
    found = _replayed(promoted)
    assert [each.verdict for each in found.moments] == [each.verdict for each in found.fact[1:]]
    for replayed, fact in zip(found.moments, found.fact[1:], strict=True):
        assert replayed.seq <= fact.seq


def _incidents_until(alpha: float) -> int:
    """Incidents, all on a candidate at 1 %, until the test of harm rejects at a level."""
    for incidents in range(1, 20):
        if log_e_harm([IncidentStratum(incidents, 0, 0.01)]) >= -math.log(alpha):
            return incidents
    raise AssertionError(alpha)


def test_a_stricter_budget_rolls_back_later_and_a_laxer_one_sooner(all_at_once: World) -> None:
    budgets = (0.9, 0.05, 1e-6)
    found = [_replayed(all_at_once, {"budgets": {"falseRollback": each}}) for each in budgets]
    ends = [each.end for each in found if each.end is not None]
    assert [end.verdict for end in ends] == [Verdict.ROLL_BACK] * 3
    incidents = [int(end.reason.split("candidate ")[1].split(" of ")[0]) for end in ends]
    assert incidents == [_incidents_until(each / 4) for each in budgets]  # of four guardrails
    assert found[1].changes == ()
    assert [str(each) for each in found[2].changes] == [
        "budgets.falseRollback: recorded 0.05, found 1e-6"
    ]


def test_a_budget_that_the_log_does_not_reach_leaves_it_undecided(rolled_back: World) -> None:
    found = _replayed(rolled_back, {"budgets": {"falseRollback": 1e-60}})
    assert found.end is None
    assert found.last is not None
    assert found.last.rule == "min_units"
    assert found.fact_end is not None


def test_a_guardrail_that_was_not_watched_would_have_seen_it(canary: World) -> None:
    units = canary.units("candidate", 12, prefix="slow-")
    for unit in units:
        canary.expose([unit, *canary.units("baseline", 20, prefix=unit)])
        canary.report([unit], "safety", "too_slow")
        canary.turn()
    other = {"guardrails": [{"name": "error"}, {"name": "too_slow"}]}
    found = _replayed(canary, other)
    assert found.fact_end is None
    assert found.end is not None
    assert (found.end.verdict, found.end.guardrail) == (Verdict.ROLL_BACK, "too_slow")
    assert any(note.startswith("No event of error was seen") for note in found.notes)


def test_shorter_steps_would_have_gone_on_sooner_and_are_judged_on_what_was_served(
    promoted: World,
) -> None:
    shorter = ({"setWeight": "1%", "minUnits": 500}, *STEPS[1:])
    found = _replayed(promoted, _canary(*shorter))
    first, second = found.moments[:2]
    assert (first.verdict, first.units, first.next_share_ppm) == (Verdict.ADVANCE, 500, 50_000)
    assert second.units == 4000
    assert found.end is not None
    assert found.end.verdict is Verdict.PROMOTE
    assert found.notes[0].startswith("Units are those that were served in fact")


def test_a_plan_with_a_last_step_that_was_served_promotes_where_its_own_conditions_hold(
    promoted: World,
) -> None:
    found = _replayed(promoted, _canary({"setWeight": "1%", "minUnits": 1000}, STEPS[-1]))
    assert found.end is not None
    assert (found.end.verdict, found.end.units) == (Verdict.PROMOTE, 1000)


def test_longer_steps_are_told_from_the_log_that_ran_ahead_of_them(promoted: World) -> None:
    longer = ({"setWeight": "1%", "minUnits": 2500}, *STEPS[1:])
    found = _replayed(promoted, _canary(*longer))
    assert found.end is None
    assert found.moments == ()
    assert found.ran_ahead is not None
    assert (found.ran_ahead.rule, found.ran_ahead.units) == ("min_units", 2000)
    assert "2000 of 2500 units seen at 1%" in found.notes[1]


def test_steps_that_were_never_served_cannot_be_judged(promoted: World) -> None:
    finer = (STEPS[0], {"setWeight": "2%", "minUnits": 100}, *STEPS[1:])
    found = _replayed(promoted, _canary(*finer))
    assert [each.next_share_ppm for each in found.moments] == [20_000]
    assert found.end is None
    assert "larger shares than this policy had allowed (2%" in found.notes[1]


def test_harm_still_ends_what_the_log_ran_ahead_of(canary: World) -> None:
    _healthy(canary, 2000, "s0-")
    _harm_one_by_one(canary, 14)
    longer = ({"setWeight": "1%", "minUnits": 2500}, *STEPS[1:])
    found = _replayed(canary, _canary(*longer))
    assert found.ran_ahead is not None
    assert found.end is not None
    assert found.end.verdict is Verdict.ROLL_BACK


def test_a_risk_budget_is_asked_at_the_shares_that_were_served(promoted: World) -> None:
    budget = {"mode": "riskBudget", "riskBudget": {"excess": 100.0, "lookUnits": 2000}}
    found = _replayed(promoted, {"strategy": {"canary": budget}})
    assert found.moments[0].verdict is Verdict.ADVANCE
    assert found.looks > 100


def test_a_pause_and_its_end_by_a_person_are_the_same_course(canary: World) -> None:
    canary.expose(canary.units("candidate", 60, prefix="srm-"))
    canary.clock.advance(minutes=1)
    canary.turn()
    orders = (
        "apiVersion: tidegate/v1\nkind: RolloutOrders\nagent: support\n"
        f"attempt: {canary.release.attempt}\nresumed: true\n"
    )
    canary.person().commit("envs/production/orders/support.yaml", orders, "Go on")
    canary.clock.advance(minutes=1)
    canary.turn()
    found = _replayed(canary, every=1000)
    assert [each.verdict for each in found.moments] == [Verdict.PAUSE, Verdict.RESUME]
    assert _course(found.moments) == _course(found.fact)[1:]


def test_a_step_that_a_person_let_go_on_is_let_go_on(canary: World) -> None:
    _healthy(canary, 100, "s0-")
    orders = (
        "apiVersion: tidegate/v1\nkind: RolloutOrders\nagent: support\n"
        f"attempt: {canary.release.attempt}\npromotedSteps: 1\n"
    )
    canary.person().commit("envs/production/orders/support.yaml", orders, "Go on")
    canary.turn()
    _healthy(canary, 2000, "s1-")
    found = _replayed(canary)
    assert found.ran_ahead is None
    assert [each.next_share_ppm for each in found.moments] == [250_000]
    assert any("A person let a step go on" in note for note in found.notes)


def test_an_earlier_rollout_is_replayed_by_its_id(rolled_back: World) -> None:
    first = _replayed(rolled_back).rollout
    rolled_back.engineer.add_version("v3")
    rolled_back.engineer.deploy("v3")
    rolled_back.turn()
    assert _replayed(rolled_back).candidate == "v3"
    found = _replayed(rolled_back, rollout=first)
    assert (found.candidate, found.end) == ("v2", found.fact_end)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        pytest.param(
            _canary(*STEPS, guardrails=["toxicity"]),
            "the strategy's guardrails name ['toxicity']",
            id="unknown guardrail",
        ),
        pytest.param(
            {"guardrails": [{"name": "error"}, {"name": "error"}]},
            "each named once",
            id="guardrail named twice",
        ),
    ],
)
def test_a_policy_that_does_not_go_with_the_rollout_is_refused(
    rolled_back: World, other: dict[str, Any], words: str
) -> None:
    with pytest.raises(CannotReplay, match="the other policy") as refusal:
        _replayed(rolled_back, other)
    assert words in str(refusal.value)


def test_what_is_no_canary_or_no_rollout_is_refused(world: World) -> None:
    with pytest.raises(CannotReplay, match="no canary rollout began in 'production'"):
        _replayed(world)
    with pytest.raises(CannotReplay, match="these did: none"):
        _replayed(world, rollout="support@0000000000000000")


def _run(world: World, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["replay", "--data-dir", str(world.folder), *arguments])


def test_the_command_tells_both_courses_and_what_it_cannot_know(
    all_at_once: World, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("budgets: {falseRollback: 0.000001}\n")
    stopped(all_at_once)
    result = _run(all_at_once, "--policy", str(policy))
    assert result.exit_code == 0, result.output
    assert "otherwise: budgets.falseRollback is 1e-6, was 0.05" in result.stdout
    ends = [line for line in result.stdout.splitlines() if "rolled back on event" in line]
    assert [line.split(":")[0] for line in ends] == ["In fact", "Other policy"]
    assert "Note: Units are those that were served in fact" in result.stdout
    strict = json.loads(_run(all_at_once, "--policy", str(policy), "--json").stdout)
    same = json.loads(_run(all_at_once, "--json").stdout)
    assert same["end"]["seq"] < strict["end"]["seq"] <= strict["fact"][-1]["seq"]


def test_the_command_names_what_is_wrong_with_a_policy_file(
    rolled_back: World, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    stopped(rolled_back)
    for text, words in (
        ("budget: {}\n", "unknown field `budget`"),
        ("budgets: {falseRollback: 2}\n", "must lie strictly between 0 and 1"),
        ("strategy: {canary: {steps: []}}\n", "must be at least two"),
    ):
        policy.write_text(text)
        result = _run(rolled_back, "--policy", str(policy))
        assert result.exit_code == 1
        assert f"{policy}: " in result.stderr
        assert words in result.stderr
