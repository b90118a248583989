"""`tidegate status`: what is served, from git alone, and whether a service serves just that."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from teams import INTENT, STARTED, Team, run
from tidegate.api import create_app
from tidegate.bootstrap import build
from tidegate.domain.errors import ServiceSilent
from tidegate.domain.state import BadVersion, Phase
from tidegate.settings import Settings


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


@pytest.fixture
def rollout(team: Team) -> Team:
    """A canary of v2 is at 5 %; v3 was rolled back once."""
    team.done("deploy", "support", "v2")
    bad = BadVersion(version="v3", attempt="a" * 40, reason="error: 9 of 90")
    team.canary_runs("v2", bad=(bad,), reason="no guardrail shows harm")
    return team


def _words(team: Team, *arguments: str) -> list[str]:
    result = team.run("status", *arguments)
    assert result.exit_code == 0, result.output
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def test_status_of_a_rollout_tells_what_is_served_and_how_it_came_to_be_so(rollout: Team) -> None:
    head, deploy = rollout.head()[:12], rollout.git("rev-parse", "main^").strip()[:12]
    lines = _words(rollout)
    assert lines[0] == (
        f"production, read from origin/main at {head}; the checkout is 1 commit behind (git pull)"
    )
    assert lines[2:5] == ["support", "serves v1, and v2 at 5%, step 2 of 5", lines[4]]
    assert lines[4].startswith("phase Progressing, since 20")
    assert lines[5] == "reason no guardrail shows harm"
    assert lines[6].startswith(f'deployed {deploy} "Deploy support v2" by Ada, 20')
    assert lines[7].startswith(f'decided {head} "support: Progressing", 20')
    assert lines[8:] == ["bad v3: error: 9 of 90", "why it waits: ask with --service URL"]


def test_status_leaves_the_checkout_as_it_is(rollout: Team) -> None:
    before = rollout.person.git("rev-parse", "HEAD")
    _words(rollout)
    assert rollout.person.git("rev-parse", "HEAD") == before


def test_status_without_fetch_tells_what_was_fetched_last(rollout: Team) -> None:
    lines = _words(rollout, "--no-fetch")
    assert "serves v1, and v2 at 0%" in lines
    assert any(line.startswith("phase Pending") for line in lines)


def test_status_without_an_answer_from_the_remote_says_so(rollout: Team) -> None:
    rollout.remote.rename(rollout.remote.with_name("away.git"))
    lines = _words(rollout)
    assert "as last fetched, for origin gives no answer: git fetch: " in lines[0]
    assert "serves v1, and v2 at 0%" in lines


def test_status_says_what_is_not_pushed(team: Team) -> None:
    assert run(team.person.folder, "deploy", "support", "v2", "--no-push").exit_code == 0
    lines = _words(team)
    assert lines[0].endswith("; 1 commit here not pushed (git push)")
    assert "serves v1" in lines


def test_status_without_a_remote_reads_head(team: Team) -> None:
    team.person.git("remote", "remove", "origin")
    assert _words(team)[0].startswith("production, read from HEAD at ")


def test_status_tells_who_paused_and_why(rollout: Team) -> None:
    rollout.done("pause", "support", "--reason", "lunch")
    lines = _words(rollout)
    assert any(line.startswith("phase Progressing, paused by person, since") for line in lines)
    assert "reason a person paused it: lunch" in lines


def test_status_tells_of_frozen_enrolment(rollout: Team) -> None:
    rollout.canary_runs("v2", phase=Phase.DEGRADED, frozen=True)
    assert "serves v1, and v2 to units that met it (enrolment is frozen)" in _words(rollout)


def test_json_has_every_fact(rollout: Team) -> None:
    told = rollout.done("status", "support")
    assert (told["behind"], told["ahead"], told["drift"], told["problems"]) == (1, 0, None, {})
    release = told["releases"][0]
    assert (release["phase"], release["stable"], release["candidate"]) == (
        "Progressing",
        "v1",
        "v2",
    )
    assert (release["share"], release["step"], release["steps"]) == ("5%", 2, 5)
    assert release["deploy"]["author"] == "Ada"
    assert release["decision"]["commit"] == rollout.head()
    assert release["since"] == release["decision"]["at"]
    assert release["bad"][0]["version"] == "v3"


def test_release_that_cannot_be_read_is_told_with_line_and_key_and_the_rest_is_shown(
    team: Team,
) -> None:
    broken = team.file(INTENT).replace("setWeight: 5%", "setWeight: much")
    team.commit("envs/production/billing.yaml", broken.replace("support", "billing"), "Break it")
    result = team.run("status")
    assert result.exit_code == 1
    assert "support\n  serves     v1" in result.stdout
    assert (
        "cannot be read: envs/production/billing.yaml:10: strategy.canary.steps[1]: 'much' is no "
        'share: write "1%"' in result.stdout
    )


def test_unknown_agent_is_refused(team: Team) -> None:
    assert team.refusal("status", "suport") == (
        "agent 'suport' has no release in 'production'; known agents: support"
    )


@pytest.fixture
def service(rollout: Team) -> Iterator[str]:
    """A real service on the remote; without events its engine has nothing to decide."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    settings = Settings(data_dir=rollout.folder / "data", manifest=str(rollout.remote), port=port)
    made = build(settings)
    server = uvicorn.Server(
        uvicorn.Config(create_app(made), host="127.0.0.1", port=port, log_level="warning")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def test_service_that_serves_what_git_says_has_no_drift(rollout: Team, service: str) -> None:
    lines = _settled(rollout, service)
    assert lines[-1] == "no drift: the service serves just this"


def test_service_that_serves_another_environment_is_told_as_drift(
    rollout: Team, service: str
) -> None:
    _settled(rollout, service)
    rollout.commit("envs/staging/support.yaml", rollout.file(INTENT), "Begin staging")
    result = rollout.run("status", "--environment", "staging", "--service", service)
    assert result.exit_code == 1
    assert "drift: the service serves the environment 'production', not 'staging'" in result.stdout


def _settled(team: Team, service: str) -> list[str]:
    """What status says once the service has fetched the remote's head."""
    for _ in range(100):
        result = team.run("status", "--service", service)
        if result.exit_code == 0:
            break
        time.sleep(0.1)
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def test_silent_service_is_an_error_that_names_its_address(team: Team) -> None:
    result = team.run("status", "--service", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "http://127.0.0.1:9/v1/drift gives no answer: " in result.stderr
    assert result.stderr.endswith("is the service running?\n")


def test_address_that_is_none_is_refused(team: Team) -> None:
    assert (
        "'file:///etc' is no address of a service"
        in team.run("status", "--service", "file:///etc").stderr
    )


def test_json_of_drift_lists_what_differs(rollout: Team, service: str) -> None:
    _settled(rollout, service)
    result = rollout.run("status", "--service", service, "--json")
    assert json.loads(result.stdout)["drift"] == []


ANSWERS = {
    "/v1/drift": {"environment": "production"},
    "/v1/rollouts": {
        "rollouts": [
            {"environment": "production", "agent": "support", "phase": phase, "reason": reason}
            for phase, reason in (
                ("Progressing", "12 of 2000 units seen at 5%"),
                ("Superseded", "an earlier one"),
            )
        ]
    },
    "/v1/agents/support/environments": {"waiting_for": "3 of 20 preview units seen"},
}


def _waits_for(team: Team, monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]) -> list[str]:
    """What status says that rollouts wait for, with a service that answers so."""

    def ask(_service: str, path: str) -> dict[str, Any]:
        if path not in answers:
            raise ServiceSilent(path)
        return dict(answers[path])

    monkeypatch.setattr("tidegate.cli.status.ask", ask)
    result = team.run("status", "support", "--service", "http://here")
    assert "ask with --service" not in result.stdout
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    return [line for line in lines if line.startswith("waits for")]


def test_running_rollout_says_in_the_services_words_what_it_waits_for(
    rollout: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _waits_for(rollout, monkeypatch, ANSWERS) == ["waits for 12 of 2000 units seen at 5%"]


def test_release_where_nothing_runs_waits_for_nothing(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _waits_for(team, monkeypatch, ANSWERS) == []
    assert "ask with --service" not in team.run("status").stdout


def test_switch_says_what_it_waits_for_and_a_service_that_does_not_know_it_says_nothing(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = """\
kind: AgentRelease
agent: support
version: v2
strategy:
  blueGreen:
    active: green
    blue: {version: v1, endpoint: "http://blue"}
    green: {version: v2, endpoint: "http://green"}
"""
    team.commit(INTENT, content, "Two environments")
    team.canary_runs("v2", step=0)
    assert _waits_for(team, monkeypatch, ANSWERS) == ["waits for 3 of 20 preview units seen"]
    silent = {"/v1/drift": ANSWERS["/v1/drift"], "/v1/rollouts": {"rollouts": []}}
    assert _waits_for(team, monkeypatch, silent) == []


def test_arms_of_an_experiment_are_named_with_their_shares(team: Team) -> None:
    content = """\
kind: AgentRelease
agent: support
version: v1
strategy:
  ab:
    arms: {bold: {version: v2, weight: 25%}, calm: {version: v3, weight: 10%}}
    goal: {name: goal}
    horizon: {units: 1000}
"""
    team.commit(INTENT, content, "Compare two")
    team.engine_writes(Phase.PROGRESSING, salt="salt", started=STARTED, step_started=STARTED)
    assert "serves v1, and v2 at 25% (bold), v3 at 10% (calm)" in _words(team)


def test_release_that_was_removed_is_told_with_the_commit_that_did_so(team: Team) -> None:
    person = team.person
    person.git("rm", "--quiet", INTENT)
    person.git("commit", "--quiet", "-m", "Retire support")
    commit = person.push()
    assert team.refusal("status", "support") == (
        f"agent 'support' has no release in 'production': release removed in {commit[:12]} "
        '"Retire support" by Ada; known agents: none yet'
    )
