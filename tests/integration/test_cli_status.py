"""`tidegate status`: what is served, from git alone, and whether a service serves just that."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from teams import INTENT, Team, run
from tidegate.api import create_app
from tidegate.bootstrap import build
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
    assert lines[8:] == ["bad v3: error: 9 of 90"]


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
