"""Shell completion: click's own scripts, and the agents and versions of the checkout."""

from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from teams import Team
from tidegate.cli import main


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def _completed(*words: str) -> list[str]:
    """What a shell would offer for the last word."""
    *earlier, incomplete = words
    shell = ShellComplete(main, {}, "tidegate", "_TIDEGATE_COMPLETE")
    return [item.value for item in shell.get_completions(list(earlier), incomplete)]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_is_clicks_own_for_each_shell(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert f"_TIDEGATE_COMPLETE={shell}_complete" in result.stdout
    assert "_tidegate_completion" in result.stdout


def test_other_shells_are_wrong_usage() -> None:
    assert CliRunner().invoke(main, ["completion", "tcsh"]).exit_code == 2


def test_agents_of_the_checkout_are_offered(team: Team) -> None:
    folder = str(team.person.folder)
    for name in ("deploy", "pause", "resume", "promote", "abort", "undo", "status"):
        assert _completed(name, "--manifest", folder, "") == ["support"]
    assert _completed("deploy", "--manifest", folder, "x") == []


def test_agents_of_another_environment_are_offered_for_it(team: Team) -> None:
    folder = str(team.person.folder)
    assert _completed("pause", "--manifest", folder, "--environment", "staging", "") == []


def test_versions_of_the_agent_are_offered(team: Team) -> None:
    folder = str(team.person.folder)
    assert _completed("deploy", "--manifest", folder, "support", "") == ["v1", "v2", "v3"]
    assert _completed("deploy", "--manifest", folder, "support", "v3") == ["v3"]
    assert _completed("undo", "--manifest", folder, "support", "--to", "v") == ["v1", "v2", "v3"]
    assert _completed("deploy", "--manifest", folder, "../..", "") == []


def test_checkout_around_the_current_folder_is_meant(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(team.person.folder / "agents")
    assert _completed("deploy", "") == ["support"]


def test_nothing_is_offered_and_nothing_said_outside_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _completed("deploy", "") == []
    assert _completed("deploy", "support", "") == []
    assert capsys.readouterr() == ("", "")


def test_every_command_on_a_checkout_says_in_its_help_how_it_exits() -> None:
    names = ["init", "lint", "status", "deploy", "pause", "resume", "promote", "abort", "undo"]
    for name in names:
        command = main.commands[name]
        assert isinstance(command, click.Command)
        text = CliRunner().invoke(main, [name, "--help"]).stdout
        assert "Exits with 0" in " ".join(text.split())
