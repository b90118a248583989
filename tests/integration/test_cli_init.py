"""`tidegate init`: a new repository that a service can serve and an engine can release from."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from teams import run
from tidegate.cli import main
from tidegate.domain import manifest_files as files
from tidegate.domain.agent_version import AgentVersion
from tidegate.domain.installation import Installation
from tidegate.domain.intent import AgentRelease
from tidegate.domain.metrics import Metrics
from worlds import Person

FILES = {
    "tidegate.yaml": Installation(environments=("production",)),
    "agents/support/metrics.yaml": Metrics(agent="support"),
    "agents/support/versions/v1.yaml": AgentVersion(agent="support", version="v1"),
}


def _init(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["init", "--agent", "support", *arguments])


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "releases"
    result = _init(str(folder))
    assert result.exit_code == 0, result.output
    return folder


def test_init_makes_one_commit_on_main_with_nothing_left_over(made: Path) -> None:
    assert _git(made, "log", "--format=%s").splitlines() == ["Begin with support v1"]
    assert _git(made, "branch", "--show-current").strip() == "main"
    assert _git(made, "status", "--porcelain") == ""


@pytest.mark.parametrize("path", FILES)
def test_first_files_say_what_they_should(made: Path, path: str) -> None:
    wanted = FILES[path]
    assert files.parse(path, (made / path).read_bytes(), type(wanted)) == wanted


def test_first_release_is_a_canary_that_ends_with_certainty(made: Path) -> None:
    path = files.intent_path("production", "support")
    release = files.parse(path, (made / path).read_bytes(), AgentRelease)
    assert release.version == "v1"
    assert release.strategy.canary is not None
    steps = release.strategy.canary.steps
    assert [step.set_weight for step in steps] == ["1%", "5%", "25%", "50%", "100%"]
    assert [step.certify for step in steps] == [False, False, False, True, False]


def test_new_repository_has_no_problems(made: Path) -> None:
    assert run(made, "lint").stdout == "No problems.\n"


def test_every_file_leads_editors_to_its_schema_in_the_repository(made: Path) -> None:
    found = 0
    for file in [
        *made.glob("*.yaml"),
        *made.glob("agents/**/*.yaml"),
        *made.glob("envs/**/*.yaml"),
    ]:
        first, kind = (
            file.read_text().splitlines()[0],
            re.search(r"^kind: (\w+)", file.read_text(), re.MULTILINE),
        )
        schema = (file.parent / first.removeprefix("# yaml-language-server: $schema=")).resolve()
        assert schema.is_relative_to(made)
        assert kind is not None
        assert json.loads(schema.read_text())["title"] == kind[1]
        found += 1
    assert found == 4


def test_hook_can_be_run_and_line_ends_are_left_alone(made: Path) -> None:
    assert os.access(made / ".githooks/pre-commit", os.X_OK)
    assert _git(made, "ls-files", "--stage", ".githooks").startswith("100755")
    assert _git(made, "check-attr", "text", "tidegate.yaml").strip().endswith("text: unset")


def test_next_steps_are_told_with_the_names_that_were_given(tmp_path: Path) -> None:
    result = _init(str(tmp_path / "r"), "--environment", "staging")
    assert "git config core.hooksPath .githooks" in result.stdout
    assert "tidegate deploy support v2 --environment staging" in result.stdout
    assert (tmp_path / "r/envs/staging/support.yaml").exists()


def test_next_steps_work_up_to_the_first_deploy(made: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    _git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    _git(made, "remote", "add", "origin", str(remote))
    _git(made, "push", "--quiet", "--set-upstream", "origin", "main")
    person = Person(tmp_path / "ada", remote)
    first = (person.folder / "agents/support/versions/v1.yaml").read_text()
    person.commit(
        "agents/support/versions/v2.yaml", first.replace("version: v1", "version: v2"), "v2"
    )
    assert run(person.folder, "deploy", "support", "v2").exit_code == 0
    release = _git(remote, "show", "main:envs/production/support.yaml")
    before = (made / "envs/production/support.yaml").read_text()
    assert release == before.replace("version: v1", "version: v2")


def test_empty_clone_will_do(tmp_path: Path) -> None:
    remote, clone = tmp_path / "remote.git", tmp_path / "clone"
    _git(tmp_path, "init", "--quiet", "--bare", str(remote))
    subprocess.run(
        ["git", "clone", "--quiet", str(remote), str(clone)], capture_output=True, check=True
    )
    assert _init(str(clone)).exit_code == 0
    assert _git(clone, "remote").strip() == "origin"


def test_current_folder_is_meant_if_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _init().exit_code == 0
    assert (tmp_path / "tidegate.yaml").exists()


def test_folder_in_use_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    result = _init(str(tmp_path))
    assert result.exit_code == 1
    assert f"{tmp_path} is in use (thesis.tex); name a new or empty folder" in result.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.tex"]


def test_repository_with_commits_is_refused(tmp_path: Path) -> None:
    _git(tmp_path, "init", "--quiet")
    _git(
        tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--allow-empty", "-m", "x"
    )
    result = _init(str(tmp_path))
    assert result.exit_code == 1
    assert "is a repository with commits; name a new folder" in result.stderr


def test_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    assert "is a file; name a folder" in _init(str(tmp_path / "x")).stderr


@pytest.mark.parametrize(
    ("flag", "name"), [("--agent", "ein Agent"), ("--agent", "../up"), ("--environment", "")]
)
def test_name_that_cannot_be_part_of_a_path_is_refused(
    tmp_path: Path, flag: str, name: str
) -> None:
    result = _init(str(tmp_path / "r"), flag, name)
    assert result.exit_code == 1
    assert f"{name!r} is no name for an" in result.stderr
    assert not (tmp_path / "r").exists()


def test_person_without_a_name_is_told_by_git_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.useConfigOnly")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
    for folder in (empty, tmp_path / "new"):
        result = _init(str(folder))
        assert result.exit_code == 1
        assert "git config --global user.email" in result.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["empty"]
    assert list(empty.iterdir()) == []


def test_agent_must_be_named(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["init", str(tmp_path / "r")]).exit_code == 2


def test_window_of_the_metrics_is_said_with_what_it_is_for(made: Path) -> None:
    content = (made / "agents/support/metrics.yaml").read_text()
    assert "# How long an outcome is waited for" in content
    assert "\nwindow: 10m\n" in content
