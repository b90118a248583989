"""`tidegate lint` on real checkouts: what it compares, where it points, how it exits."""

import json
from pathlib import Path

import pytest

from teams import INTENT, STATE, Team, run
from tidegate.domain.state import BadVersion, Phase
from tidegate.service.initialising import HOOK_PATH, first_files

METRICS = "agents/support/metrics.yaml"
NO_NAME = (
    "cannot be the name of the agent: letters, digits and . _ - only, 100 at most, and a letter or "
    "digit first"
)
V2 = "agents/support/versions/v2.yaml"


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def _write(team: Team, path: str, content: str) -> None:
    file = team.person.folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def _edit(team: Team, path: str, old: str, new: str) -> None:
    content = (team.person.folder / path).read_text()
    assert old in content
    _write(team, path, content.replace(old, new))


def _lines(team: Team, *arguments: str) -> list[str]:
    """What lint finds, line by line; its exit code must go with it."""
    result = run(team.person.folder, "lint", *arguments)
    assert result.exit_code == int(": error: " in result.stdout), result.output
    return result.stdout.splitlines()


def test_good_repository_has_no_problems(team: Team) -> None:
    assert _lines(team) == ["No problems."]


def test_problems_are_sorted_by_file_and_line_and_counted(team: Team) -> None:
    _edit(team, INTENT, "- setWeight: 5%", "- setWeigth: 5%")
    _edit(team, METRICS, "kind: outcome", "kind: outcomes")
    _write(team, "envs/production/notes.txt", "x")
    lines = _lines(team)
    assert [line.split(": ")[0] for line in lines[:-1]] == [
        f"{METRICS}:9",
        "envs/production/notes.txt",
        f"{INTENT}:10",
    ]
    assert lines[-1] == "2 errors, 1 warning"


def test_slip_in_a_key_names_line_and_key_and_what_was_meant(team: Team) -> None:
    _edit(team, INTENT, "- setWeight: 5%", "- setWeigth: 5%")
    assert _lines(team)[0] == (
        f"{INTENT}:10: error: strategy.canary.steps[1].setWeigth: unknown key 'setWeigth'; "
        "did you mean 'setWeight'?; allowed: setWeight, minUnits, pause, certify"
    )


def test_wrong_value_names_those_that_are_allowed(team: Team) -> None:
    _edit(team, METRICS, "kind: outcome", "kind: outcomes")
    assert _lines(team)[0] == (
        f"{METRICS}:9: error: guardrails[3].kind: invalid enum value 'outcomes'; "
        "allowed: incident, outcome"
    )


def test_version_that_is_not_there_is_found_where_it_is_named(team: Team) -> None:
    _edit(team, INTENT, "version: v1", "version: v9")
    assert _lines(team)[0] == (
        f"{INTENT}:4: error: version: names 'v9', but agents/support/versions/v9.yaml is not "
        "there; versions of support: v1, v2, v3"
    )


def test_edited_version_file_is_an_error(team: Team) -> None:
    _edit(team, V2, "version: v2", "version: v2  # really")
    assert _lines(team)[0] == (
        f"{V2}:1: error: was edited after it was committed, if only in its formatting; put it back"
    )


def test_deleted_version_file_is_an_error(team: Team) -> None:
    (team.person.folder / V2).unlink()
    assert f"{V2}: error: was deleted; a rollback may need it: put it back" in _lines(team)


def test_version_file_may_change_until_it_is_merged(team: Team) -> None:
    """In a pull request only what the target branch has is fixed."""
    person = team.person
    person.git("switch", "--quiet", "--create", "add-v4")
    for text in ("first", "second"):
        content = (person.folder / V2).read_text().replace("version: v2", "version: v4")
        _write(team, "agents/support/versions/v4.yaml", f"# {text}\n{content}")
        person.git("add", ".")
        person.git("commit", "--quiet", "-m", f"Add v4, {text} try")
    assert _lines(team, "--against", "origin/main") == ["No problems."]
    assert "was edited" in _lines(team, "--against", "HEAD~1")[0]


def test_pinned_file_with_other_bytes_is_an_error_at_the_digest(team: Team) -> None:
    prompt = next((team.person.folder / "agents/support/prompts").glob("*.md"))
    prompt.write_text("Be kind.\n")
    found = [line for line in _lines(team) if "sha256" in line]
    assert found
    assert all(": error: components.prompts[0].sha256 is " in line for line in found)
    assert all(f"{prompt.relative_to(team.person.folder)} has " in line for line in found)


def test_pinned_file_that_was_deleted_is_an_error(team: Team) -> None:
    prompt = next((team.person.folder / "agents/support/prompts").glob("*.md"))
    prompt.unlink()
    assert any("which was deleted; put it back" in line for line in _lines(team))


def test_state_edited_by_hand_is_an_error(team: Team) -> None:
    team.engine_writes(Phase.HEALTHY, window=("v1",))
    team.person.pull()
    _edit(team, STATE, "stable: v1", "stable: v2")
    assert _lines(team)[0] == (
        f"{STATE}: error: only the engine writes this file, but a change that is not committed "
        "changed it; put it back"
    )


def test_committed_edit_of_state_is_found_in_ci_with_its_author(team: Team) -> None:
    team.engine_writes(Phase.HEALTHY, window=("v1",))
    person = team.person
    person.pull()
    person.git("switch", "--quiet", "--create", "help-out")
    _edit(team, STATE, "stable: v1", "stable: v2")
    person.git("commit", "--quiet", "--all", "-m", "Help the engine")
    commit = person.git("rev-parse", "HEAD").strip()
    assert _lines(team) == ["No problems."]
    assert _lines(team, "--against", "origin/main")[0] == (
        f'{STATE}: error: only the engine writes this file, but {commit[:12]} "Help the engine" '
        "of Ada changed it; put it back"
    )


def test_decisions_of_the_engine_are_no_edits(team: Team) -> None:
    before = team.head()
    team.engine_writes(Phase.HEALTHY, window=("v1",))
    team.person.pull()
    assert _lines(team, "--against", before) == ["No problems."]


def test_merge_that_brings_decisions_in_is_no_edit(team: Team) -> None:
    """The pre-commit hook runs on the merge commit, too."""
    person = team.person
    person.git("commit", "--quiet", "--allow-empty", "-m", "Ada's")
    team.engine_writes(Phase.HEALTHY, window=("v1",))
    person.git("fetch", "--quiet")
    person.git("merge", "--quiet", "--no-commit", "--no-ff", "origin/main")
    assert _lines(team) == ["No problems."]


def test_another_hash_in_a_running_rollout_is_an_error(team: Team) -> None:
    team.done("deploy", "support", "v2")
    team.canary_runs("v2")
    team.person.pull()
    content = (team.person.folder / "tidegate.yaml").read_text()
    _write(team, "tidegate.yaml", content + "hashVersion: murmur3-32/2\n")
    lines = _lines(team)
    assert any(
        "hashVersion: was 'murmur3-32/1' and is 'murmur3-32/2', but rollouts are running "
        f"({STATE})" in line
        for line in lines
    )


def test_bad_version_without_force_is_an_error_and_with_force_none(team: Team) -> None:
    bad = BadVersion(version="v2", attempt="a" * 40, reason="error: 9 of 90")
    team.engine_writes(Phase.ROLLED_BACK, bad=(bad,), window=("v1",))
    team.person.pull()
    _edit(team, INTENT, "version: v1", "version: v2")
    assert _lines(team)[0] == (
        f"{INTENT}:4: error: version: v2 was rolled back before; set force: true to try it again "
        "(it was: error: 9 of 90)"
    )
    _edit(team, INTENT, "version: v2", "version: v2\nforce: true")
    assert _lines(team) == ["No problems."]


def test_force_left_behind_is_a_warning_and_the_exit_code_is_zero(team: Team) -> None:
    team.done("deploy", "support", "v2", "--force")
    team.engine_writes(Phase.COMPLETED, stable="v2", window=("v2", "v1"))
    team.person.pull()
    lines = _lines(team)
    assert lines[0].startswith(f"{INTENT}:5: warning: force: is left over: the next version would")
    assert lines[-1] == "0 errors, 1 warning"


def test_only_problems_in_the_paths_given_are_told(team: Team) -> None:
    _edit(team, INTENT, "version: v1", "version: v9")
    _edit(team, METRICS, "kind: outcome", "kind: outcomes")
    folder = team.person.folder
    assert len(_lines(team, str(folder / "envs"))) == 2
    assert len(_lines(team, str(folder / METRICS))) == 2
    assert _lines(team, str(folder / "segments")) == ["No problems."]
    assert len(_lines(team, str(folder))) == 3


def test_path_outside_the_checkout_is_wrong_usage(team: Team, tmp_path: Path) -> None:
    assert run(team.person.folder, "lint", str(tmp_path)).exit_code == 2


def test_json_has_every_fact(team: Team) -> None:
    _edit(team, INTENT, "version: v1", "version: v9")
    result = run(team.person.folder, "lint", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert (told["errors"], told["warnings"]) == (1, 0)
    finding = told["findings"][0]
    assert (finding["path"], finding["line"], finding["key"]) == (INTENT, 4, "version")
    assert finding["severity"] == "error"
    assert finding["message"].startswith("names 'v9'")


def test_unknown_commit_to_compare_with_is_an_error(team: Team) -> None:
    result = run(team.person.folder, "lint", "--against", "origin/mian")
    assert result.exit_code == 1
    assert "'origin/mian' is no commit of this checkout; fetch it first" in result.stderr


def test_shallow_clone_is_told_to_fetch_the_whole_history(team: Team) -> None:
    team.joined("bob").commit("NOTES.md", "x\n", "Note")
    person = team.person
    person.git("fetch", "--quiet", "--depth=1", "origin", "main")
    person.git("switch", "--quiet", "--orphan", "elsewhere")
    person.git("commit", "--quiet", "--allow-empty", "-m", "An own beginning")
    result = run(person.folder, "lint", "--against", "origin/main")
    assert result.exit_code == 1
    assert "have no commit in common here; in a shallow clone" in result.stderr


def test_repository_without_commits_can_be_linted(tmp_path: Path) -> None:
    from tidegate.adapters import person_git

    person_git.run(tmp_path, "init", "--quiet")
    (tmp_path / "tidegate.yaml").write_text("kind: Tidegate\nenvironments: [production]\n")
    assert run(tmp_path, "lint").stdout == "No problems.\n"


def test_repository_without_a_manifest_is_an_error(tmp_path: Path) -> None:
    from tidegate.adapters import person_git

    person_git.run(tmp_path, "init", "--quiet")
    result = run(tmp_path, "lint")
    assert result.exit_code == 1
    assert result.stdout.startswith("tidegate.yaml: error: is missing; `tidegate init` writes one")


def test_names_in_any_script_and_with_spaces_are_read(team: Team) -> None:
    _write(team, "segments/テスター.yaml", "kind: Segment\nsegment: テスタ\n")
    _write(team, "agents/ein Agent/metrics.yaml", "kind: Metrics\nagent: ein Agent\n")
    assert _lines(team)[:-1] == [
        f"agents/ein Agent/metrics.yaml:1: error: 'ein Agent' {NO_NAME}",
        "segments/テスター.yaml:2: error: segment: is 'テスタ', but the path says 'テスター'",
    ]


def test_ignored_files_are_left_alone(team: Team) -> None:
    _write(team, ".gitignore", "*.swp\n")
    _write(team, "envs/production/.support.yaml.swp", "x")
    _write(team, "envs/production/support.yaml.swp", "x")
    assert _lines(team) == ["No problems."]


def test_pre_commit_hook_of_init_refuses_a_commit_with_problems(team: Team) -> None:
    """As git runs it: with the variables that git sets for hooks."""
    import os
    import subprocess
    import sys

    folder = team.person.folder
    hook = first_files("support", "production")[HOOK_PATH]
    _write(team, HOOK_PATH, hook.decode())
    (folder / ".githooks/pre-commit").chmod(0o755)
    team.person.git("config", "core.hooksPath", ".githooks")
    _edit(team, INTENT, "version: v1", "version: v9")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["git", "-C", str(folder), "commit", "--all", "-m", "Deploy v9"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert f"{INTENT}:4: error: version: names 'v9'" in ran.stdout + ran.stderr
    _edit(team, INTENT, "version: v9", "version: v2")
    subprocess.run(command, env=environment, capture_output=True, check=True)


def test_hook_of_init_without_tidegate_on_path_says_what_to_do_and_refuses() -> None:
    import subprocess

    hook = first_files("support", "production")[HOOK_PATH]
    ran = subprocess.run(
        ["/bin/sh", "-s"], input=hook, env={"PATH": "/nowhere"}, capture_output=True, check=False
    )
    assert ran.returncode == 1
    assert b"tidegate is not on PATH" in ran.stderr
    assert b'export PATH="FOLDER:$PATH"' in ran.stderr


def test_release_that_was_deleted_is_a_warning(team: Team) -> None:
    (team.person.folder / INTENT).unlink()
    assert _lines(team)[0] == (
        f"{INTENT}: warning: was deleted: support is released no more: its units get no version"
    )
