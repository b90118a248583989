"""Canaries as their users meet them: a service process, HTTP, and a real git remote.

One service for all of them; each test releases an agent of its own.
"""

import time
from collections.abc import Iterator

import pytest

import teams
from live_service import Live, committed, live
from release_files import at_rest, canary, intent_path, release_file

HOLDOUT = "kind: Tidegate\nenvironments: [production]\nholdouts: {production: {share: 20%}}\n"
OUT_OF_TIME = {
    "inconclusive-hold": "onInconclusive: {action: hold, max: 1s}",
    "inconclusive-promote": "onInconclusive: {action: promote, max: 1s}",
    "inconclusive-rollback": "onInconclusive: {action: rollback, max: 1s}",
    "deadline-pause": "deadline: {after: 1s, action: pause}",
    "deadline-promote": "deadline: {after: 1s, action: promote}",
    "deadline-rollback": "deadline: {after: 1s, action: rollback}",
}
AGENTS = ("approved", "pinned", "harmful", "budgeted", *OUT_OF_TIME)
NEVER_ENOUGH = ("{setWeight: 20%, minUnits: 1000000}", "{setWeight: 100%}")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """v1 of every agent is live, v2 is committed; a fifth of the units is held out."""
    guardrails = ("{name: prompt_injection, negligible: 30%}",)
    files = {"tidegate.yaml": HOLDOUT}
    for agent in AGENTS:
        files |= at_rest("v1", "v2", agent=agent, guardrails=guardrails)
    with live(tmp_path_factory.mktemp("canary"), files) as started:
        yield started


def _deploy(service: Live, agent: str, strategy: str, more: str = "") -> str:
    """Commit INTENT for v2."""
    person = service.person(f"{agent}-deployer-{time.monotonic_ns()}")
    files = release_file("v2", strategy, agent=agent, more=more)
    return committed(person, files, f"Deploy {agent} v2")


def _command(service: Live, *arguments: str) -> str:
    """A command in a checkout of its own."""
    person = service.person("-".join(arguments))
    result = teams.run(person.folder, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_an_approval_step_holds_until_a_person_promotes_and_held_out_units_take_no_part(
    service: Live,
) -> None:
    steps = ("{setWeight: 20%, minUnits: 20, pause: {}}", "{setWeight: 100%}")
    _deploy(service, "approved", canary(*steps))
    service.until_served("approved", candidate="v2", share_ppm=200_000)
    units = [f"a{number}" for number in range(120)]
    answers = service.all_assigned(units, "approved")
    held_out = [unit for unit in units if answers[unit]["grounds"] == "holdout"]
    assert 6 < len(held_out) < 48  # a fifth of 120, give or take four standard errors
    assert {(answers[u]["version"], answers[u]["arm"]) for u in held_out} == {("v1", None)}
    others = {(a["version"], a["arm"]) for u, a in answers.items() if u not in held_out}
    assert others == {("v1", "baseline"), ("v2", "candidate")}
    service.until_seen("waits for a person's approval", "approved")
    assert service.traffic("approved")["share_ppm"] == 200_000
    said = _command(service, "promote", "approved", "--reason", "looks good")
    assert "the engine takes v2 to 100% (step 2 of 2) at its next look" in said
    service.until_served("approved", baseline="v2", phase="Completed")
    assert service.subjects("approved")[0] == "approved: promote v2 to 100%, ordered"
    after = service.all_assigned(units, "approved")
    assert {answer["version"] for answer in after.values()} == {"v2"}


@pytest.mark.parametrize("agent", list(OUT_OF_TIME))
def test_a_step_or_a_rollout_that_waits_for_too_long_does_what_the_plan_says(
    service: Live, agent: str
) -> None:
    rule, action = agent.split("-")
    deploy = _deploy(service, agent, canary(*NEVER_ENOUGH, more=f", {OUT_OF_TIME[agent]}"))
    match action:
        case "hold" | "pause":
            service.until_subject(f"{agent}: pause v2, {rule}")
            service.until_served(agent, candidate="v2", share_ppm=200_000, phase="Paused")
            _command(service, "resume", agent)
            service.until_served(agent, candidate="v2", share_ppm=200_000, phase="Progressing")
            assert service.subjects(agent)[0] == f"{agent}: resume v2 at 20%"
        case "promote":
            service.until_subject(f"{agent}: promote v2 to 100%, {rule}")
            service.until_served(agent, baseline="v2", phase="Completed")
        case _:
            service.until_subject(f'Revert "Deploy {agent} v2"')
            service.until_served(agent, baseline="v1", candidate=None)
            assert f"{agent}: v2 is given up ({rule}), back to v1" in service.subjects(agent)
            assert _intent(service, agent) == _intent(service, agent, f"{deploy}^")
            _deploy(service, agent, canary(*NEVER_ENOUGH))  # not called bad: no force is needed
            service.until_served(agent, candidate="v2", share_ppm=200_000)


def test_a_harmful_version_is_off_for_everyone_its_conversations_too_and_does_not_return(
    service: Live,
) -> None:
    deploy = _deploy(service, "harmful", canary(*NEVER_ENOUGH), "pin: conversation\n")
    service.until_served("harmful", candidate="v2", share_ppm=200_000)
    harmed = service.in_arm("candidate", 12, "h", "harmful")
    talk = {unit: service.assigned(unit, "harmful", conversation=f"c-{unit}") for unit in harmed}
    assert {answer["version"] for answer in talk.values()} == {"v2"}
    service.report(harmed, "safety", "prompt_injection", agent="harmful")
    service.until_served("harmful", baseline="v1", candidate=None)
    recalled = {
        service.assigned(unit, "harmful", conversation=f"c-{unit}")["version"] for unit in harmed
    }
    assert recalled == {"v1"}
    service.until_subject('Revert "Deploy harmful v2"')
    assert service.subjects("harmful")[0] == (
        "harmful: v2 is harmful (prompt_injection), back to v1"
    )
    assert _intent(service, "harmful") == _intent(service, "harmful", f"{deploy}^")
    _deploy(service, "harmful", canary(*NEVER_ENOUGH))
    refused = service.until_served("harmful", phase="Degraded")
    assert refused["baseline"] == "v1"
    assert "set force: true to try it again" in refused["reason"]


def test_a_conversation_ends_on_the_version_it_began_on(service: Live) -> None:
    steps = ("{setWeight: 20%, pause: {}}", "{setWeight: 100%}")
    _deploy(service, "pinned", canary(*steps), "pin: conversation\n")
    service.until_served("pinned", candidate="v2", share_ppm=200_000)
    (unit,) = service.in_arm("baseline", 1, "p", "pinned")
    assert service.assigned(unit, "pinned", conversation="talk")["version"] == "v1"
    _command(service, "promote", "pinned")
    service.until_served("pinned", baseline="v2", phase="Completed")
    answer = service.assigned(unit, "pinned", conversation="talk")
    assert (answer["version"], answer["grounds"], answer["arm"]) == ("v1", "pinned", None)
    assert service.assigned(unit, "pinned", conversation="another")["version"] == "v2"


def test_a_budget_of_risk_finds_its_own_shares_and_goes_to_everyone_once_certified(
    service: Live,
) -> None:
    budget = "{excess: 10, lookUnits: 50, certifyAt: 50%}"
    _deploy(service, "budgeted", f"canary: {{mode: riskBudget, riskBudget: {budget}}}")
    service.until_served("budgeted", candidate="v2", share_ppm=200_000)
    for batch in range(30):
        if service.traffic("budgeted")["phase"] == "Completed":
            break
        units = [f"b{batch}-{number}" for number in range(60)]
        service.all_assigned(units, "budgeted")
        service.report(units, "outcome", "goal", 1.0, agent="budgeted")
    service.until_served("budgeted", baseline="v2", phase="Completed")
    told = service.subjects("budgeted")[::-1][1:]
    assert told[0] == "budgeted: start canary of v2 at 20%"
    assert told[1].startswith("budgeted: advance v2 to ")
    assert told[-1] == "budgeted: promote v2 to 100%"


def _intent(service: Live, agent: str, commit: str = "main") -> str:
    return service.git("show", f"{commit}:{intent_path(agent)}")
