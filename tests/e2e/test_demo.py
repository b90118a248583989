"""The demo as a user runs it: a separate process, judged by what it prints and leaves behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from tidegate.adapters.data_folder import DataFolder
from tidegate.demo.workspace import fresh_workspace
from tidegate.domain.record import from_json

INTENT = "envs/production/assistant.yaml"
SAFE, UNSAFE = "gpt-4o-2024-05-13-tool_filter", "gpt-4o-2024-05-13"


def _start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tidegate", "demo", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _finished(demo: subprocess.Popen[str]) -> tuple[dict[str, Any], str]:
    out, err = demo.communicate(timeout=240)
    assert demo.returncode == 0, err
    return json.loads(out.splitlines()[-1]), err


def _git(result: dict[str, Any], *arguments: str) -> str:
    command = ["git", "-C", result["repository"], *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _wait_for_line(path: Path, pattern: str, demo: subprocess.Popen[str]) -> re.Match[str]:
    """Wait until a file of the demo has a line."""
    give_up_at = time.monotonic() + 60
    while time.monotonic() < give_up_at and demo.poll() is None:
        found = re.search(pattern, path.read_text() if path.exists() else "")
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{pattern!r} never came in {path}")


@pytest.fixture(scope="module")
def rolled_back(recorded_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A recorded agent whose defence against prompt injection was removed."""
    folder = tmp_path_factory.mktemp("demo") / "data"
    demo = _start(
        "--runs", recorded_runs, "--baseline", SAFE, "--candidate", UNSAFE, "--json",
        "--data-dir", folder, "--seed", 3,
    )  # fmt: skip
    return _finished(demo)[0]


def test_a_recorded_agent_without_its_defence_is_rolled_back(rolled_back: dict[str, Any]) -> None:
    assert rolled_back["decision"] == "rolled_back"
    assert rolled_back["reason"].startswith("prompt_injection: candidate ")
    assert rolled_back["candidate_units"] < 60
    assert rolled_back["seconds_to_revert"] > 0
    k, n = rolled_back["incidents"]["prompt_injection"]["candidate"]
    assert 0 < k <= n <= rolled_back["candidate_units"]


def test_its_revert_is_gits_own_and_intent_is_as_before(rolled_back: dict[str, Any]) -> None:
    deploy, revert = rolled_back["deploy_commit"], rolled_back["revert_commit"]
    message = _git(rolled_back, "show", "-s", "--format=%B", revert)
    assert message.startswith(
        f'Revert "Deploy assistant {UNSAFE}"\n\nThis reverts commit {deploy}.'
    )
    before = _git(rolled_back, "show", f"{deploy}^:{INTENT}")
    assert _git(rolled_back, "show", f"main:{INTENT}") == before


def test_each_of_its_decisions_is_reached_again_from_its_commit(
    rolled_back: dict[str, Any],
) -> None:
    replayed = []
    for commit in rolled_back["decision_commits"]:
        path = f"{commit}:envs/production/evidence/assistant.json"
        record = from_json(_git(rolled_back, "show", path).encode())
        if record.decision.rule != "start":
            assert record.recompute() == record.decision
            replayed.append(record.decision.verdict.value)
    assert "roll_back" in replayed


def test_guardrails_that_may_not_decide_do_not(recorded_runs: Path, tmp_path: Path) -> None:
    demo = _start(
        "--runs", recorded_runs, "--baseline", SAFE, "--candidate", UNSAFE, "--json",
        "--data-dir", tmp_path / "data", "--units", 3000, "--guardrails", "error",
    )  # fmt: skip
    result, _ = _finished(demo)
    assert result["decision"] == "undecided"
    assert list(result["e_values"]) == ["error"]
    assert result["revert_commit"] is None


def test_a_killed_service_goes_on_and_reaches_the_same_decision(
    rolled_back: dict[str, Any], recorded_runs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    demo = _start(
        "--runs", recorded_runs, "--baseline", SAFE, "--candidate", UNSAFE, "--json",
        "--data-dir", folder, "--seed", 3, "--pace", 600,
    )  # fmt: skip
    _wait_for_line(folder / "client-1.json", "first", demo)
    time.sleep(0.7)
    _kill_service(folder)
    result, err = _finished(demo)
    assert "the service died; started again" in err
    assert result["decision"] == rolled_back["decision"]
    assert result["reason"].split(":")[0] == rolled_back["reason"].split(":")[0]
    _assert_every_unit_counts_once(folder, result)


def _kill_service(folder: Path) -> None:
    """kill -9 the service that works on a folder, found as an operator would find it."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_text().split("\0")
            except OSError:
                continue
            if "serve" in command and str(folder) in command:
                os.kill(int(entry.name), signal.SIGKILL)
                return
    raise AssertionError("no service to kill")


def _assert_every_unit_counts_once(folder: Path, result: dict[str, Any]) -> None:
    connection = duckdb.connect(str(folder / "events.duckdb"), read_only=True)
    rows, ids, units, last = connection.execute(
        "SELECT count(*), count(DISTINCT event_id), "
        "count(DISTINCT unit) FILTER (arm IS NOT NULL), max(seq) FROM events"
    ).fetchall()[0]
    connection.close()
    assert rows == ids == last
    assert units == result["units"]


def test_a_persons_revert_in_mid_demo_takes_effect_and_is_never_undone(
    recorded_runs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    version = "gemini-2.0-flash-001"
    demo = _start(
        "--runs", recorded_runs, "--baseline", version, "--candidate", version, "--json",
        "--data-dir", folder, "--pace", 500,
    )  # fmt: skip
    _wait_for_line(folder / "client-1.json", "first", demo)
    person = tmp_path / "person"
    subprocess.run(["git", "clone", "-q", str(folder / "manifest.git"), str(person)], check=True)
    deploy = _in(person, "log", "--format=%H", "--grep=^Deploy assistant").strip()
    _in(person, "-c", "user.name=P", "-c", "user.email=p@x.invalid", "revert", "--no-edit", deploy)
    _in(person, "push", "--quiet")
    result, _ = _finished(demo)
    assert result["decision"] == "undecided"
    assert "superseded" in _git(result, "log", "-1", "--format=%s", "main")
    assert _git(result, "show", f"main:{INTENT}") == _git(result, "show", f"{deploy}^:{INTENT}")


def _in(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_without_recorded_runs_a_harmful_version_is_rolled_back_and_a_healthy_one_promoted(
    tmp_path: Path,
) -> None:
    result, err = _finished(_start("--json", "--data-dir", tmp_path / "data", "--pace", 0))
    assert [each["decision"] for each in (*result["earlier"], result)] == [
        "rolled_back",
        "promoted",
    ]
    assert "new units get v3: 200" in err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"utility": None}, "lacks the columns ['utility']", id="missing column"),
        pytest.param({"version": "other"}, "has no runs of version", id="missing version"),
    ],
)
def test_a_parquet_file_that_cannot_be_replayed_is_told_apart(
    recorded_runs: Path, tmp_path: Path, change: dict[str, str | None], words: str
) -> None:
    runs = pd.read_parquet(recorded_runs).head(50)
    for column, value in change.items():
        runs = runs.drop(columns=column) if value is None else runs.assign(**{column: value})
    path = tmp_path / "runs.parquet"
    runs.to_parquet(path)
    demo = _start("--runs", path, "--baseline", SAFE, "--candidate", UNSAFE)
    _, err = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert words in err
    assert "Traceback" not in err


def test_a_file_that_is_no_parquet_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "runs.parquet"
    path.write_text("no parquet")
    demo = _start("--runs", path, "--baseline", SAFE, "--candidate", UNSAFE)
    _, err = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert "cannot be read as Parquet" in err
    assert "Traceback" not in err


def test_a_folder_that_a_service_works_on_is_left_alone(tmp_path: Path) -> None:
    folder = fresh_workspace(tmp_path / "data")
    held = DataFolder(folder)
    (folder / "events").write_text("precious")
    demo = _start("--data-dir", folder)
    _, err = demo.communicate(timeout=60)
    held.release()
    assert demo.returncode == 1
    assert "is in use by another service" in err
    assert (folder / "events").exists()


def test_what_an_earlier_demo_left_is_set_aside(tmp_path: Path) -> None:
    folder = fresh_workspace(tmp_path / "data")
    (folder / "mine").write_text("precious")
    fresh_workspace(folder)
    assert not (folder / "mine").exists()
    assert (tmp_path / "data.before" / "mine").read_text() == "precious"


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    demo = _start("--data-dir", tmp_path)
    _, err = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert "no demo made it" in err
    assert (tmp_path / "precious").exists()
