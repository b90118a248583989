"""`tidegate verify`, on the data of a stopped service and through one that runs."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stopped import serving, stopped
from tidegate.adapters.data_folder import DataFolder
from tidegate.cli import main
from worlds import World


@pytest.fixture
def rolled_back(canary: World) -> World:
    canary.harm()
    canary.turn()
    return canary


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["verify", *arguments])


def _break_the_seal(world: World) -> str:
    """The last decision, with another digest in its message."""
    forger = world.person("forger")
    forger.git("checkout", "--quiet", "--detach", "main~1")
    message = forger.git("log", "-1", "--format=%B").replace("sha256:", "sha256:0")
    forger.git("commit", "--quiet", "--amend", "-m", message)
    forger.git("push", "--quiet", "--force", "origin", "HEAD:main")
    return forger.git("rev-parse", "HEAD").strip()


def test_a_decision_that_holds_is_verified_with_each_check_in_words(rolled_back: World) -> None:
    head = rolled_back.head()
    result = _run(head[:10], "--data-dir", str(stopped(rolled_back)))
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert "roll_back by the rule harm, on event 16, 2026-01-01 00:00:00 UTC" in lines[1]
    assert "  ok       evidence   the event log up to event 16 says the same" in lines
    assert f"  ok       revert     {head[:12]} puts INTENT back, byte for byte" in lines
    assert lines[-1] == "verified"


def test_a_decision_that_does_not_hold_exits_with_one_and_says_what(rolled_back: World) -> None:
    forged = _break_the_seal(rolled_back)
    result = _run(forged, "--data-dir", str(stopped(rolled_back)))
    assert result.exit_code == 1
    assert "  PROBLEM  digest     the record has the digest sha256:" in result.stdout
    assert result.stdout.splitlines()[-1] == "not verified: digest, revert"


def test_json_has_every_check_and_every_difference(rolled_back: World) -> None:
    forged = _break_the_seal(rolled_back)
    result = _run(forged, "--data-dir", str(stopped(rolled_back)), "--json")
    said = json.loads(result.stdout)
    assert (said["verified"], said["verdict"], said["rule"]) == (False, "roll_back", "harm")
    assert said["conclusion"].startswith("not verified: digest: the record has the digest sha256:")
    assert {each["name"] for each in said["checks"] if not each["ok"]} == {"digest", "revert"}


def test_the_remote_may_be_gone(rolled_back: World) -> None:
    head, remote = rolled_back.head(), rolled_back.remote
    folder = stopped(rolled_back)
    remote.rename(remote.with_suffix(".away"))
    result = _run(head, "--data-dir", str(folder))
    assert result.exit_code == 0
    assert result.stderr.startswith("as last fetched, for git fetch")
    assert _run(head, "--data-dir", str(folder), "--no-fetch").stderr == ""


def test_what_cannot_be_said_exits_with_two(rolled_back: World, tmp_path: Path) -> None:
    folder = stopped(rolled_back)
    unknown = _run("0" * 40, "--data-dir", str(folder))
    assert unknown.exit_code == 2
    assert f"commit '{'0' * 40}' is not in the manifest repository" in unknown.stderr
    (tmp_path / "nothing").mkdir()
    empty = _run("0" * 40, "--data-dir", str(tmp_path / "nothing"))
    assert empty.exit_code == 2
    assert "has no event log of a service: events.duckdb is not there" in empty.stderr
    assert list((tmp_path / "nothing").iterdir()) == []
    held = DataFolder(folder)
    in_use = _run("0" * 40, "--data-dir", str(folder))
    held.release()
    assert in_use.exit_code == 2
    assert "Some commands can ask it: --service URL" in in_use.stderr


@pytest.mark.parametrize(
    "arguments", [[], ["--data-dir", ".", "--service", "http://127.0.0.1:1"]], ids=["none", "both"]
)
def test_one_place_to_look_must_be_named(arguments: list[str]) -> None:
    result = _run("0" * 40, *arguments)
    assert result.exit_code == 2
    assert "give either --data-dir, of a stopped service, or --service URL" in result.stderr


def test_a_running_service_verifies_on_its_own_data(rolled_back: World) -> None:
    head, forged = rolled_back.head(), rolled_back.git("rev-parse", "main~3").strip()
    with serving(rolled_back) as url:
        good = _run(head, "--service", url)
        person = _run(forged, "--service", url, "--json")
        unknown = _run("0" * 40, "--service", url)
    assert good.exit_code == 0, good.output
    assert good.stdout.splitlines()[-1] == "verified"
    assert person.exit_code == 1
    assert "it is no decision" in json.loads(person.stdout)["conclusion"]
    assert unknown.exit_code == 2
    assert f"commit '{'0' * 40}' is not in the manifest repository" in unknown.stderr
    silent = _run(head, "--service", url)
    assert silent.exit_code == 2
    assert "is the service running?" in silent.stderr
