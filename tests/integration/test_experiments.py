"""A/B experiments on real git and DuckDB: arms, audience, winner, harm, horizon."""

import random

import pytest

from tidegate.domain.decision import Verdict
from tidegate.domain.events import Event
from tidegate.domain.state import Phase
from worlds import World

INTENT = "envs/production/support.yaml"


def _intent(*, winner: str = "promote", extra: str = "", horizon: int = 50_000) -> str:
    return f"""\
apiVersion: tidegate/v1
kind: AgentRelease
agent: support
version: v1
strategy:
  ab:
    arms:
      concise: {{version: v2, weight: 30%}}
      formal: {{version: v3, weight: 30%}}
    goal: {{name: goal, minimumEffect: 0.02}}
    horizon: {{units: {horizon}}}
    winner: {winner}
{extra}"""


@pytest.fixture
def experiment(world: World) -> World:
    """Two arms beside v1 have begun."""
    world.engineer.add_version("v3")
    world.person().commit(INTENT, _intent(), "Compare two tones")
    world.turn()
    return world


def _run(world: World, prefix: str, units: int, rates: dict[str, float]) -> None:
    """Units meet their arms and report the goal with their arm's rate."""
    rng = random.Random(prefix)
    names = [f"{prefix}{number}" for number in range(units)]
    world.expose(names)
    won = [unit for unit in names if rng.random() < rates[world.release.version(unit)]]
    lost = sorted(set(names) - set(won))
    world.report(won, "outcome", "goal", 1.0)
    world.report(lost, "outcome", "goal", 0.0)
    world.clock.advance(minutes=11)


def test_an_experiment_begins_with_its_arms_at_their_weights(experiment: World) -> None:
    assert experiment.subjects()[0] == "support: start experiment with v2, v3 at 60%"
    served = [experiment.release.version(f"u{number}") for number in range(20_000)]
    shares = {version: served.count(version) / len(served) for version in ("v1", "v2", "v3")}
    assert shares == pytest.approx({"v1": 0.4, "v2": 0.3, "v3": 0.3}, abs=0.015)


def test_the_arm_that_reaches_the_goal_more_often_wins_and_is_served_to_everyone(
    experiment: World,
) -> None:
    for batch in range(4):
        _run(experiment, f"b{batch}-", 3000, {"v1": 0.5, "v2": 0.5, "v3": 0.65})
        experiment.turn()
    assert experiment.release.traffic.phase is Phase.COMPLETED
    assert experiment.release.version("anyone") == "v3"
    assert "formal wins, v3 over v1" in experiment.subjects()[0]


def test_a_winner_that_is_only_proposed_waits_on_a_branch(world: World) -> None:
    world.engineer.add_version("v3")
    world.person().commit(INTENT, _intent(winner="propose"), "Compare two tones")
    world.turn()
    for batch in range(4):
        _run(world, f"b{batch}-", 3000, {"v1": 0.5, "v2": 0.5, "v3": 0.65})
        world.turn()
    assert world.release.version("anyone") == "v1"
    (branch,) = world.git("branch", "--format=%(refname:short)", "--list", "tidegate/*").split()
    assert "version: v3" in world.git("show", f"{branch}:{INTENT}")
    world.git("update-ref", "refs/heads/main", branch)
    world.turn()
    assert world.release.traffic.candidate == "v3"


def test_a_harmful_arm_is_dropped_and_its_units_return_to_the_control(experiment: World) -> None:
    before = {unit: experiment.release.version(unit) for unit in map("u{}".format, range(3000))}
    harmed = [unit for unit, version in before.items() if version == "v2"][:12]
    experiment.expose(harmed)
    experiment.report(harmed, "safety", "prompt_injection")
    experiment.turn()
    assert experiment.subjects()[0] == ("support: drop arm concise, harmful (prompt_injection)")
    after = {unit: experiment.release.version(unit) for unit in before}
    assert {after[unit] for unit, version in before.items() if version == "v2"} == {"v1"}
    assert all(after[unit] == version for unit, version in before.items() if version != "v2")


def test_the_other_arm_can_still_win_after_one_was_dropped(experiment: World) -> None:
    harmed = [f"u{n}" for n in range(3000) if experiment.release.version(f"u{n}") == "v2"][:12]
    experiment.expose(harmed)
    experiment.report(harmed, "safety", "prompt_injection")
    experiment.turn()
    for batch in range(4):
        _run(experiment, f"b{batch}-", 3000, {"v1": 0.5, "v3": 0.65})
        experiment.turn()
    assert experiment.release.version("anyone") == "v3"


def test_at_the_horizon_the_control_stays_and_no_equality_is_claimed(world: World) -> None:
    world.engineer.add_version("v3")
    world.person().commit(INTENT, _intent(horizon=1500), "Compare two tones")
    world.turn()
    _run(world, "b", 1600, {"v1": 0.5, "v2": 0.5, "v3": 0.5})
    world.turn()
    assert world.release.version("anyone") == "v1"
    assert world.subjects()[0] == "support: no winner (horizon), v1 stays"
    (record,) = [r for r in world.records().values() if r.decision.rule == "horizon"]
    assert "no evidence" in record.decision.reason


def test_only_the_audience_takes_part(world: World) -> None:
    world.engineer.add_version("v3")
    audience = "    audience: {attributes: {plan: pro}}\n"
    world.person().commit(INTENT, _intent(extra=audience), "Compare two tones among pro users")
    world.turn()
    release = world.release
    assert {release.version(f"u{n}", {"plan": "free"}) for n in range(500)} == {"v1"}
    assert {release.arm(f"u{n}", {"plan": "free"}) for n in range(500)} == {None}
    assert {release.version(f"u{n}", {"plan": "pro"}) for n in range(500)} == {"v1", "v2", "v3"}


def test_an_experiment_on_a_version_that_is_not_live_is_refused(world: World) -> None:
    world.engineer.add_version("v3")
    intent = _intent().replace("version: v1", "version: v9").replace("{version: v9", "{version: v2")
    world.person().commit(
        "agents/support/versions/v9.yaml",
        "apiVersion: tidegate/v1\nkind: AgentVersion\nagent: support\nversion: v9\n",
        "Add v9",
    )
    world.person("another").commit(INTENT, intent, "Compare on a version nobody has")
    world.turn()
    assert world.release.version("anyone") == "v1"
    assert world.release.traffic.phase is Phase.DEGRADED
    assert "release it first" in world.release.traffic.reason


def test_a_persons_revert_ends_an_experiment_at_once(experiment: World) -> None:
    person = experiment.person("reverter")
    person.revert(person.git("log", "--format=%H", "--grep=Compare two").split()[0])
    experiment.engine.refresh()
    assert {experiment.release.version(f"u{number}") for number in range(500)} == {"v1"}


def test_every_decision_of_an_experiment_can_be_taken_again_from_its_record(
    experiment: World,
) -> None:
    harmed = [f"u{n}" for n in range(3000) if experiment.release.version(f"u{n}") == "v2"][:12]
    experiment.expose(harmed)
    experiment.report(harmed, "safety", "prompt_injection")
    experiment.turn()
    for batch in range(4):
        _run(experiment, f"b{batch}-", 3000, {"v1": 0.5, "v3": 0.65})
        experiment.turn()
    records = [
        r for r in experiment.records().values() if r.decision.rule not in ("start", "adopted")
    ]
    assert {r.decision.verdict for r in records} == {Verdict.DROP_ARM, Verdict.DECLARE_WINNER}
    for record in records:
        assert record.recompute() == record.decision


@pytest.mark.parametrize(
    ("goal", "better"),
    [
        pytest.param("{name: revenue, kind: mean, minimumEffect: 0.1}", 6.0, id="mean"),
        pytest.param(
            "{name: revenue, kind: mean, winsoriseAt: 20, covariate: before}", 6.0, id="winsorised"
        ),
        pytest.param("{name: revenue, kind: ratio, per: calls}", 6.0, id="ratio"),
        pytest.param("{name: revenue, kind: quantile, quantile: 0.5}", 9.0, id="quantile"),
    ],
)
def test_goals_of_other_kinds_find_their_winner(world: World, goal: str, better: float) -> None:
    world.engineer.add_version("v3")
    text = _intent().replace("{name: goal, minimumEffect: 0.02}", goal)
    world.person().commit(INTENT, text, "Compare revenue")
    world.turn()
    rng = random.Random(3)

    def scores(unit: str) -> list[Event]:
        mean = better if world.release.version(unit) == "v3" else 4.0
        amount = max(0.0, rng.gauss(mean, 1.5))
        return [
            Event(
                event_id=f"{unit}/{name}",
                unit=unit,
                agent="support",
                kind="score",
                name=name,
                value=value,
            )
            for name, value in (("revenue", amount), ("calls", 2.0))
        ]

    for batch in range(4):
        names = [f"b{batch}-{number}" for number in range(2500)]
        world.expose(names)
        world.store([score for unit in names for score in scores(unit)])
        world.clock.advance(minutes=11)
        world.turn()
        if world.release.traffic.phase is Phase.COMPLETED:
            break
    assert world.release.version("anyone") == "v3"


def test_an_edit_after_a_promoted_winner_does_not_bring_the_loser_back(
    experiment: World,
) -> None:
    for batch in range(4):
        _run(experiment, f"b{batch}-", 3000, {"v1": 0.5, "v2": 0.5, "v3": 0.65})
        experiment.turn()
    assert experiment.release.version("anyone") == "v3"
    edited = _intent() + "# the winner is live\n"
    experiment.person("editor").commit(INTENT, edited, "A comment")
    experiment.turn()
    assert experiment.release.version("anyone") == "v3"
    assert "v3 is" in experiment.release.traffic.reason


def test_a_wish_to_go_back_to_the_control_is_served_although_a_winner_is_live(
    experiment: World,
) -> None:
    for batch in range(4):
        _run(experiment, f"b{batch}-", 3000, {"v1": 0.5, "v2": 0.5, "v3": 0.65})
        experiment.turn()
    experiment.engineer.deploy("v3")
    experiment.turn()
    assert experiment.release.version("anyone") == "v3"
    experiment.engineer.deploy("v1")
    experiment.engine.refresh()
    assert experiment.release.version("anyone") == "v1"


def test_the_goal_of_an_experiment_is_watched_although_the_metrics_do_not_name_it(
    world: World,
) -> None:
    world.engineer.add_version("v3")
    goal = "{name: solved, kind: ratio, per: calls}"
    text = _intent().replace("{name: goal, minimumEffect: 0.02}", goal)
    world.person().commit(INTENT, text, "Compare")
    world.turn()
    assert {"solved", "calls", "error"} <= set(world.release.watched)
