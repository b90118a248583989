"""A checkout to plan a release in, and what the plan says."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from tidegate.cli import main
from tidegate.domain import manifest_files as files

CANARY = "canary: {steps: [{setWeight: 5%, minUnits: 500}, {setWeight: 100%}]}"
USUAL = (
    "canary: {steps: [{setWeight: 5%, minUnits: 2000}, {setWeight: 25%, minUnits: 2000}, "
    "{setWeight: 50%, certify: true}, {setWeight: 100%}]}"
)
SWITCH = (
    "blueGreen: {active: green, blue: {version: v1, endpoint: 'https://blue.example'}, "
    "green: {version: v2, endpoint: 'https://green.example'}"
)
AB = "ab: {arms: {concise: {version: v2, weight: 25%}, formal: {version: v3, weight: 15%}}"
GOAL = "goal: {name: goal, minimumEffect: 0.02}"
MEMORY = "components: {memory: {schema: notes, writes: '%s'}}\n"
PROMPT = "components: {prompts: [{name: greeting, path: a.md, sha256: %s}]}\n"
PORTIONS = {"concise": 0.25, "formal": 0.15, "control": 0.6}


def planned_checkout(tmp_path: Path) -> Path:
    """v1 is live, v2 is asked for, by a canary."""
    write_file(tmp_path, files.INSTALLATION_PATH, "kind: Tidegate\nenvironments: [production]\n")
    release_file(tmp_path, "v2", CANARY)
    state_file(tmp_path)
    for name, digit in (("v1", "a"), ("v2", "b"), ("v3", "a")):
        version_file(tmp_path, name, PROMPT % (digit * 64))
    return tmp_path


def write_file(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


def release_file(folder: Path, version: str, strategy: str, more: str = "") -> None:
    text = f"kind: AgentRelease\nagent: support\nversion: {version}\nstrategy:\n  {strategy}\n"
    write_file(folder, files.intent_path("production", "support"), text + more)


def state_file(folder: Path, more: str = "") -> None:
    text = "kind: ReleaseState\nagent: support\nattempt: '1'\nphase: Healthy\nstable: v1\n"
    write_file(folder, files.state_path("production", "support"), text + more)


def version_file(folder: Path, name: str, more: str) -> None:
    text = f"kind: AgentVersion\nagent: support\nversion: {name}\n{more}"
    write_file(folder, files.version_path("support", name), text)


def hold_out(folder: Path, share: str) -> None:
    text = "kind: Tidegate\nenvironments: [production]\nlayers: {tone: {}}\n"
    text += f"holdouts: {{production: {{share: {share}}}}}\n"
    write_file(folder, files.INSTALLATION_PATH, text)


def experiment_file(folder: Path, more: str = GOAL, horizon: str = "{units: 20000}") -> None:
    release_file(folder, "v1", f"{AB}, {more}, horizon: {horizon}}}")


def plan_of(checkout: Path, *arguments: str) -> Result:
    given = f"plan support --units-per-day 1000 --reps 1 --harm 5 --manifest {checkout}"
    return CliRunner().invoke(main, [*given.split(), *arguments])


def words_of(checkout: Path, *arguments: str) -> str:
    """What is said, without the line breaks of a narrow page."""
    result = plan_of(checkout, *arguments)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def facts_of(checkout: Path, *arguments: str) -> dict[str, Any]:
    result = plan_of(checkout, *arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.output)
    return found


# --- which version --------------------------------------------------------------------------------


# --- what changes ---------------------------------------------------------------------------------


# --- who meets it ---------------------------------------------------------------------------------


# --- a switch -------------------------------------------------------------------------------------


# --- an experiment --------------------------------------------------------------------------------


# --- while it computes ----------------------------------------------------------------------------


def on_a_terminal(checkout: Path, *arguments: str) -> tuple[bytes, bytes]:
    """What the command prints, and what it shows on a terminal that is its standard error."""
    ours, theirs = os.openpty()
    shown: list[bytes] = []

    def watch() -> None:
        try:
            while piece := os.read(ours, 4096):
                shown.append(piece)
        except OSError:
            pass  # Linux tells the end of a terminal by an error

    watching = threading.Thread(target=watch)
    watching.start()
    command = [sys.executable, "-m", "tidegate", "plan", "support", "--units-per-day", "1000"]
    try:
        ended = subprocess.run(
            [*command, "--reps", "2", "--harm", "5", "--manifest", str(checkout), *arguments],
            stdout=subprocess.PIPE,
            stderr=theirs,
            check=True,
            env=os.environ | {"TERM": "xterm"},
        )
    finally:
        os.close(theirs)
        watching.join()
        os.close(ours)
    return ended.stdout, b"".join(shown)
