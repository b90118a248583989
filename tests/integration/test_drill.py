"""`tidegate drill` end to end: real git, DuckDB and an engine in its thread."""

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tidegate.cli import main
from tidegate.cli.scratch_scene import running_scene
from tidegate.demo.sample_manifest import SampleManifest
from tidegate.domain.drill import STEPS
from tidegate.service.deciding import Decider
from tidegate.service.drilling import rehearse
from tidegate.settings import Settings
from worlds import AGENT, Person, World

INTENT = "envs/production/support.yaml"


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where drills make their folders."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def engineer(tmp_path: Path) -> SampleManifest:
    """v1 is live; no engine has ever seen the repository."""
    made = SampleManifest(tmp_path, AGENT)
    made.begin("v1")
    return made


def _drill(remote: Path, *arguments: str) -> Result:
    options = ["--manifest", str(remote), "--poll", "0.2", *arguments]
    return CliRunner().invoke(main, ["drill", *options])


def _report(result: Result) -> dict[str, Any]:
    return dict(json.loads(result.stdout))


def _bytes(folder: Path) -> dict[str, str]:
    """The digest of every file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_drill_goes_from_the_deploy_to_the_verified_revert_and_leaves_nothing(
    engineer: SampleManifest, scratch: Path
) -> None:
    before = _bytes(engineer.remote)
    result = _drill(engineer.remote, "--json")
    assert result.exit_code == 0, result.output
    report = _report(result)
    assert [each["name"] for each in report["steps"]] == list(STEPS)
    assert report["passed"] is True
    assert (report["live"], report["copy"], report["share_ppm"]) == ("v1", "v1-drill", 10_000)
    assert report["guardrail"] == "prompt_injection"
    assert report["candidate_units"] >= 3
    assert 0.0 <= report["harm_to_served_s"] <= report["harm_to_pushed_s"]
    details = {each["name"]: each["detail"] for each in report["steps"]}
    assert details["verified"] == "verified"
    assert details["intent_restored"].endswith("byte for byte what it was before the deploy")
    units = 200 + report["candidate_units"]
    assert details["read_back"] == f"{units} of {units} units are served v1"
    assert _bytes(engineer.remote) == before
    assert list(scratch.iterdir()) == []


def test_a_drill_of_a_checkout_with_other_work_in_it_leaves_it_as_it_is(
    canary: World, scratch: Path
) -> None:
    """A rollout is under way in the repository; it ends in the copy alone."""
    person = canary.person()
    (person.folder / "notes.md").write_text("a draft\n")
    before = _bytes(person.folder)
    result = _drill(person.folder)
    assert result.exit_code == 0, result.output
    assert "Drill: support in production, v1 as v1-drill" in result.stdout
    assert result.stdout.splitlines()[-1] == "The drill passed."
    assert _bytes(person.folder) == before
    assert list(scratch.iterdir()) == []


def test_a_kept_drill_has_the_commits_that_it_made(engineer: SampleManifest, scratch: Path) -> None:
    report = _report(_drill(engineer.remote, "--keep", "--json"))
    (folder,) = scratch.iterdir()
    assert report["folder"] == str(folder)
    person = Person(folder / "look", folder / "manifest.git")
    subjects = person.git("log", "--format=%s").splitlines()
    assert subjects[:2] == [
        'Revert "Deploy support v1-drill, for a drill"',
        "support: v1-drill is harmful (prompt_injection), back to v1",
    ]
    assert "Deploy support v1-drill, for a drill" in subjects
    assert person.git("remote", "-v").count(str(engineer.remote)) == 0


def test_a_plan_that_watches_a_goal_alone_is_rehearsed_with_lost_goals(
    engineer: SampleManifest, tmp_path: Path
) -> None:
    person = Person(tmp_path / "person", engineer.remote)
    intent = (person.folder / INTENT).read_text()
    person.commit(
        INTENT, intent.replace("  canary:\n", "  canary:\n    guardrails: [goal]\n"), "Goals only"
    )
    report = _report(_drill(engineer.remote, "--json"))
    assert (report["guardrail"], report["passed"]) == ("goal", True)


def test_a_rollback_that_does_not_come_fails_the_drill_and_names_the_step(
    engineer: SampleManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Decider, "due", lambda *_: None)
    result = _drill(engineer.remote, "--patience", "2", "--json")
    assert result.exit_code == 1
    steps = {each["name"]: each for each in _report(result)["steps"]}
    assert steps["canary_started"]["ok"] is True
    assert steps["override_in_force"]["ok"] is False
    assert "it goes on being served" in steps["override_in_force"]["detail"]
    assert steps["revert_pushed"]["detail"] == "not reached"


def test_a_rollback_that_is_not_pushed_fails_the_drill_although_it_is_in_force(
    engineer: SampleManifest, tmp_path: Path
) -> None:
    """The remote goes away when harm is found: the override stops it all the same."""
    (tmp_path / "drill").mkdir()
    settings = Settings(data_dir=tmp_path / "drill/data", manifest=str(engineer.remote), poll_s=0.2)
    with running_scene(tmp_path / "drill", settings, patience_s=3.0) as scene:
        submit, remote = scene.writer.submit, tmp_path / "drill/manifest.git"

        def submit_offline(*arguments: Any) -> Any:
            if remote.exists():
                remote.rename(remote.with_suffix(".away"))
            return submit(*arguments)

        scene.writer.submit = submit_offline  # type: ignore[method-assign] # the remote goes away
        report = rehearse(scene, None)
    steps = {each.name: each for each in report.steps}
    assert steps["override_in_force"].ok
    assert not steps["revert_pushed"].ok
    assert not report.passed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(
            ["--agent", "nobody"],
            "agent 'nobody' has no release in 'production'; known agents: support",
            id="unknown agent",
        ),
        pytest.param(
            ["--environment", "staging"],
            "name the agent with --agent; staging has none",
            id="no agent",
        ),
        pytest.param(["--branch", "other"], "git clone: ", id="unknown branch"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused(
    engineer: SampleManifest, scratch: Path, arguments: list[str], words: str
) -> None:
    result = _drill(engineer.remote, *arguments)
    assert result.exit_code == 1
    assert words in result.stderr
    assert list(scratch.iterdir()) == []


def test_only_a_canary_is_rehearsed(engineer: SampleManifest, tmp_path: Path) -> None:
    intent = """\
kind: AgentRelease
agent: support
version: v1
strategy:
  blueGreen:
    active: blue
    blue: {version: v1, endpoint: "http://blue"}
    green: {version: v2, endpoint: "http://green"}
"""
    Person(tmp_path / "person", engineer.remote).commit(INTENT, intent, "Two environments")
    result = _drill(engineer.remote)
    assert result.exit_code == 1
    assert "support is not released by a canary; only that is rehearsed" in result.stderr
