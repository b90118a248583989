"""Layers, in which experiments exclude one another, and holdouts, which no rollout touches."""

from itertools import combinations

import pytest

import teams
from release_files import at_rest, canary, release_file
from tidegate.domain.release import Release
from tidegate.domain.state import Phase
from worlds import AGENT, Person, World

UNITS = [f"u{number}" for number in range(4000)]
INTENT = "envs/production/support.yaml"
SECOND = "sales"


def _installation(more: str) -> str:
    return f"kind: Tidegate\nenvironments: [production]\n{more}"


def _experiment(layer: str, agent: str = AGENT) -> dict[str, str]:
    plan = (
        "ab:\n"
        "    arms: {concise: {version: v2, weight: 50%}}\n"
        "    goal: {name: goal}\n"
        "    horizon: {units: 50000}\n"
        f"    layer: {layer}"
    )
    return release_file("v1", plan, agent=agent)


def _written(person: Person, files: dict[str, str], message: str) -> None:
    person.pull()
    for path, content in files.items():
        person.commit(path, content, message)


@pytest.fixture
def two_agents(world: World) -> World:
    """A second agent, and a layer for experiments on either."""
    person = world.person()
    files = {"tidegate.yaml": _installation("layers: {tone: {}, length: {}}\n")}
    _written(person, files | at_rest("v1", "v2", agent=SECOND), "Begin sales, and two layers")
    world.turn()
    return world


def _begun(world: World, first: str, second: str) -> tuple[Release, Release]:
    """Both agents' experiments, each in its slot."""
    person = world.person("analyst")
    _written(person, _experiment(first), "Compare tones of support")
    _written(person, _experiment(second, SECOND), "Compare tones of sales")
    world.turn()
    return world.release, world.manifest.release(SECOND)


def _enrolled(release: Release) -> set[str]:
    assert release.in_rollout
    return {unit for unit in UNITS if release.arm(unit) is not None}


def test_experiments_in_slots_of_one_layer_share_no_unit(two_agents: World) -> None:
    slots = ("{name: tone, range: [0%, 30%]}", "{name: tone, range: [30%, 100%]}")
    support, sales = _begun(two_agents, *slots)
    assert _enrolled(support) & _enrolled(sales) == set()
    assert _enrolled(support) | _enrolled(sales) == set(UNITS)
    assert len(_enrolled(support)) == pytest.approx(1200, abs=116)  # four standard errors


def test_experiments_in_two_layers_are_independent(two_agents: World) -> None:
    slots = ("{name: tone, range: [0%, 50%]}", "{name: length, range: [0%, 50%]}")
    support, sales = _begun(two_agents, *slots)
    assert len(_enrolled(support) & _enrolled(sales)) == pytest.approx(1000, abs=110)


def test_the_split_of_an_experiment_is_independent_of_its_slot(two_agents: World) -> None:
    slots = ("{name: tone, range: [0%, 30%]}", "{name: tone, range: [30%, 100%]}")
    support, _ = _begun(two_agents, *slots)
    enrolled = _enrolled(support)
    concise = sum(support.arm(unit) == "concise" for unit in enrolled)
    assert concise == pytest.approx(len(enrolled) / 2, abs=2 * len(enrolled) ** 0.5)


def test_an_experiment_in_a_layer_that_is_not_defined_changes_nothing(two_agents: World) -> None:
    person = two_agents.person("hasty")
    _written(person, _experiment("{name: tome, range: [0%, 30%]}"), "Compare in a slip")
    two_agents.turn()
    assert {two_agents.release.version(unit) for unit in UNITS[:200]} == {"v1"}
    problem = two_agents.manifest.current.problems[AGENT]
    assert "layer 'tome' is not defined; defined are: length, tone" in problem


@pytest.fixture
def held_out(world: World) -> World:
    """A tenth of production takes part in nothing; a canary of v2 runs at 50 %."""
    person = world.person()
    files = {"tidegate.yaml": _installation("holdouts: {production: {share: 10%}}\n")}
    _written(person, files | at_rest("v1", "v2", agent=SECOND), "Hold a tenth out")
    steps = canary("{setWeight: 50%, pause: {}}", "{setWeight: 100%}")
    for agent in (AGENT, SECOND):
        _written(person, release_file("v2", steps, agent=agent), f"Deploy {agent} v2")
    world.turn()
    return world


def _held(release: Release) -> set[str]:
    return {unit for unit in UNITS if release.place(unit).grounds == "holdout"}


def test_held_out_units_keep_the_live_version_and_are_the_same_for_every_agent(
    held_out: World,
) -> None:
    support, sales = held_out.release, held_out.manifest.release(SECOND)
    held = _held(support)
    assert len(held) == pytest.approx(400, abs=76)
    assert held == _held(sales)
    assert {(support.version(unit), support.arm(unit)) for unit in held} == {("v1", None)}
    others = set(UNITS) - held
    on_v2 = sum(support.version(unit) == "v2" for unit in others)
    assert on_v2 == pytest.approx(len(others) / 2, abs=2 * len(others) ** 0.5)


def test_what_held_out_units_report_decides_nothing(held_out: World) -> None:
    held = sorted(_held(held_out.release))[:60]
    held_out.expose(held)
    held_out.report(held, "safety", "prompt_injection")
    head = held_out.head()
    held_out.turn()
    assert held_out.head() == head


def test_a_larger_holdout_keeps_those_who_were_in_the_smaller_one(held_out: World) -> None:
    before = _held(held_out.release)
    more = {"tidegate.yaml": _installation("holdouts: {production: {share: 20%}}\n")}
    _written(held_out.person("analyst"), more, "Hold a fifth out")
    held_out.engine.refresh()
    assert before < _held(held_out.release)


def test_a_holdout_and_a_layer_and_a_split_are_three_independent_draws(two_agents: World) -> None:
    files = {
        "tidegate.yaml": _installation(
            "layers: {tone: {}, length: {}}\nholdouts: {production: {share: 50%}}\n"
        )
    }
    _written(two_agents.person("holder"), files, "Hold half out")
    slots = ("{name: tone, range: [0%, 50%]}", "{name: length, range: [0%, 50%]}")
    support, _ = _begun(two_agents, *slots)
    grounds = [support.place(unit).grounds for unit in UNITS]
    concise = sum(support.arm(unit) == "concise" for unit in UNITS)
    assert grounds.count("holdout") == pytest.approx(2000, abs=127)
    assert grounds.count("layer") == pytest.approx(1000, abs=110)
    assert grounds.count("split") == pytest.approx(1000, abs=110)
    assert concise == pytest.approx(500, abs=84)


def test_a_holdout_ends_with_the_rollout_for_there_is_no_version_left_to_stay_on(
    held_out: World,
) -> None:
    orders = (
        f"kind: RolloutOrders\nagent: support\nattempt: {held_out.release.attempt}\nfull: true\n"
    )
    person = held_out.person("promoter")
    person.commit("envs/production/orders/support.yaml", orders, "Take v2 to everyone")
    held_out.turn()
    assert held_out.release.traffic.phase is Phase.COMPLETED
    assert {held_out.release.version(unit) for unit in UNITS} == {"v2"}


def test_slots_that_overlap_share_units_and_lint_is_what_refuses_them(two_agents: World) -> None:
    """Serving looks at one release at a time, so it is lint that compares them."""
    slots = ("{name: tone, range: [0%, 60%]}", "{name: tone, range: [40%, 100%]}")
    support, sales = _begun(two_agents, *slots)
    assert len(_enrolled(support) & _enrolled(sales)) == pytest.approx(800, abs=102)
    linted = teams.run(two_agents.person("reviewer").folder, "lint")
    assert linted.exit_code == 1
    assert "layer.range overlaps [40%, 100%] of envs/production/sales.yaml" in linted.stdout


@pytest.mark.parametrize("pair", list(combinations(("0%", "25%", "50%", "100%"), 2)))
def test_a_slot_holds_as_many_units_as_it_says(two_agents: World, pair: tuple[str, str]) -> None:
    start, stop = pair
    _written(
        two_agents.person("analyst"),
        _experiment(f"{{name: tone, range: [{start}, {stop}]}}"),
        "Compare in a slot",
    )
    two_agents.turn()
    share = (float(stop[:-1]) - float(start[:-1])) / 100
    four_errors = 4 * (len(UNITS) * share * (1 - share)) ** 0.5
    enrolled = _enrolled(two_agents.release)
    assert len(enrolled) == pytest.approx(len(UNITS) * share, abs=four_errors + 1e-9)
