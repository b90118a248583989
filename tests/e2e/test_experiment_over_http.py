"""Experiments as analysts meet them: arms, audience, layer, and how they end, all over HTTP.

One service for all of them; each test compares versions of agents of its own.
"""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from live_service import Live, committed, live, pushed
from release_files import at_rest, intent_path, release_file

LAYERED = "kind: Tidegate\nenvironments: [production]\nlayers: {tone: {}}\n"
RATES = {"v1": 0.3, "v2": 0.3, "v3": 0.7}
AGENTS = ("greeter", "closer", "promoted", "proposed", "dropping")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """v1 of every agent is live; v2 and v3 are committed as versions."""
    files = {"tidegate.yaml": LAYERED}
    for agent in AGENTS:
        files |= at_rest("v1", "v2", "v3", agent=agent)
    with live(tmp_path_factory.mktemp("experiment"), files) as started:
        yield started


def _compare(service: Live, agent: str, more: str = "", winner: str = "promote") -> str:
    """Commit an experiment of two tones, and wait until the engine has begun it."""
    plan = (
        "ab:\n    arms:\n"
        "      concise: {version: v2, weight: 30%}\n"
        "      formal: {version: v3, weight: 30%}\n"
        "    goal: {name: goal, minimumEffect: 0.02}\n"
        f"    horizon: {{units: 50000}}\n    winner: {winner}\n{more}"
    )
    person = service.person(f"{agent}-analyst")
    commit = committed(person, release_file("v1", plan, agent=agent), f"Compare tones of {agent}")
    service.until_served(agent, phase="Progressing", share_ppm=600_000)
    return commit


def _until_won(service: Live, agent: str) -> None:
    """Units meet their arms and reach the goal as often as their version lets them."""
    chance = random.Random(agent)
    for batch in range(40):
        if service.traffic(agent)["phase"] == "Completed":
            return
        told = service.all_assigned(_units(150, f"{agent}{batch}-"), agent)
        won = [unit for unit, answer in told.items() if chance.random() < RATES[answer["version"]]]
        lost = [unit for unit in told if unit not in won]
        service.report(won, "outcome", "goal", 1.0, agent=agent)
        service.report(lost, "outcome", "goal", 0.0, agent=agent)
    service.until_served(agent, phase="Completed")


def _units(count: int, prefix: str) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def test_two_experiments_of_one_layer_share_no_unit_and_only_the_audience_takes_part(
    service: Live,
) -> None:
    audience = "    audience: {attributes: {plan: pro}}\n"
    _compare(service, "greeter", f"{audience}    layer: {{name: tone, range: [0%, 50%]}}\n")
    _compare(service, "closer", "    layer: {name: tone, range: [50%, 100%]}\n")
    pro = {"attributes": {"plan": "pro"}}
    units = _units(200, "u")
    greeted = service.all_assigned(units, "greeter", **pro)
    closed = service.all_assigned(units, "closer", **pro)
    in_greeter = {unit for unit in units if greeted[unit]["arm"] is not None}
    in_closer = {unit for unit in units if closed[unit]["arm"] is not None}
    assert in_greeter
    assert in_closer
    assert in_greeter & in_closer == set()
    assert in_greeter | in_closer == set(units)  # these two fill the layer
    assert {greeted[u]["arm"] for u in in_greeter} == {"control", "concise", "formal"}
    outside = {(greeted[u]["version"], greeted[u]["grounds"]) for u in in_closer}
    assert outside == {("v1", "layer")}
    free = service.assigned(min(in_greeter), "greeter", attributes={"plan": "free"})
    assert (free["version"], free["arm"], free["grounds"]) == ("v1", None, "audience")


def test_a_winner_that_is_to_be_promoted_is_served_to_everyone(service: Live) -> None:
    _compare(service, "promoted")
    _until_won(service, "promoted")
    assert service.subjects("promoted")[0] == "promoted: formal wins, v3 over v1"
    after = service.all_assigned(_units(40, "n"), "promoted")
    assert {answer["version"] for answer in after.values()} == {"v3"}
    assert "version: v1" in service.git("show", f"main:{intent_path('promoted')}")


def test_a_winner_that_is_to_be_proposed_waits_on_a_branch_until_people_merge_it(
    service: Live,
) -> None:
    _compare(service, "proposed", winner="propose")
    _until_won(service, "proposed")
    assert service.traffic("proposed")["baseline"] == "v1"
    listed = ("branch", "--list", "--format=%(refname:short)", "tidegate/proposed-*")
    (branch,) = service.until(lambda: service.git(*listed).split(), "a branch with the proposal")
    assert "version: v3" in service.git("show", f"{branch}:{intent_path('proposed')}")
    merger = service.person("merger")
    merger.git("merge", "--quiet", "--no-edit", f"origin/{branch}")
    pushed(merger)
    begun = service.until_served("proposed", candidate="v3", phase="Progressing")
    assert begun["share_ppm"] == 50_000


def test_an_arm_that_does_harm_is_dropped_and_the_others_go_on(service: Live) -> None:
    _compare(service, "dropping")
    units = _units(120, "d")
    told = service.all_assigned(units, "dropping")
    before = {unit: answer["arm"] for unit, answer in told.items()}
    harmed = [unit for unit in units if before[unit] == "concise"][:14]
    service.report(harmed, "safety", "prompt_injection", agent="dropping")
    service.until_subject("dropping: drop arm concise, harmful (prompt_injection)")
    service.until_served("dropping", phase="Progressing", share_ppm=300_000)
    told = service.all_assigned(units, "dropping")
    after = {unit: answer["version"] for unit, answer in told.items()}
    assert {after[u] for u in units if before[u] in ("concise", "control")} == {"v1"}
    assert {after[u] for u in units if before[u] == "formal"} == {"v3"}
    (rollout,) = (
        each for each in service.get("/v1/rollouts")["rollouts"] if each["agent"] == "dropping"
    )
    arms = service.get(f"/v1/rollouts/{rollout['id']}")["arms"]
    assert {arm["arm"]: _is_harmed(arm) for arm in arms} == {"concise": True, "formal": False}


def _is_harmed(arm: dict[str, Any]) -> bool:
    return any(each["log_e_harm"] >= each["log_harm_threshold"] for each in arm["guardrails"])
