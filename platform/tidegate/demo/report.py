"""What a demo says at its end, to people and to programs."""

import math
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import msgspec
from rich.console import Console
from rich.table import Table

from tidegate.domain.metrics import SAFETY_KINDS

_DECISIONS = {"RolledBack": "rolled_back", "Completed": "promoted"}
_LEGEND = """\
   harm: odds against "the candidate is no worse". 1 is no evidence; at "stop" it is rolled back.
   safe: odds against "it is worse than allowed"; the last step before 100 % needs that many."""
_LARGEST_LOG = 700.0  # exp of more is no JSON number


def result_of(detail: dict[str, Any], repository: Path, deploy: str) -> dict[str, Any]:
    """The object that `--json` prints for one rollout."""
    rollout, stages = detail["rollout"], detail["evidence"]["stages"]
    goals = sorted({name for s in stages for name in s["baseline"]["successes"]} | {"goal"})
    return {
        "decision": _DECISIONS.get(rollout["phase"], "undecided"),
        "reason": rollout["reason"],
        "rollout": rollout["id"],
        "baseline": rollout["baseline"],
        "candidate": rollout["candidate"],
        "units": detail["exposed_units"],
        "candidate_units": detail["exposed_candidate_units"],
        "incidents": {
            kind: {arm: _incidents(stages, arm, kind) for arm in ("baseline", "candidate")}
            for kind in SAFETY_KINDS
        },
        "goals": {
            name: {arm: _goals(stages, arm, name) for arm in ("baseline", "candidate")}
            for name in goals
        },
        "e_values": {
            each["guardrail"]: math.exp(min(each["log_e_harm"], _LARGEST_LOG))
            for each in detail["assessments"]
        },
        "thresholds": {
            each["guardrail"]: math.exp(each["log_harm_threshold"])
            for each in detail["assessments"]
        },
        "deploy_commit": deploy,
        "decision_commits": rollout["decision_commits"],
        "revert_commit": rollout["revert_commit"],
        "repository": str(repository),
        "seconds_to_revert": rollout["seconds_to_revert"],
    }


def print_json(results: list[dict[str, Any]]) -> None:
    """One object, last on standard output: the last rollout, with those before it."""
    last = results[-1] | ({"earlier": results[:-1]} if len(results) > 1 else {})
    sys.stdout.write(msgspec.json.encode(last).decode() + "\n")


def print_result(
    console: Console,
    detail: dict[str, Any],
    result: dict[str, Any],
    read_back: dict[str, int],
    commits: str,
) -> None:
    """The outcome of one rollout, with its evidence and its history."""
    colour = {"rolled_back": "red", "promoted": "green"}.get(result["decision"], "yellow")
    words = result["decision"].replace("_", " ")
    console.print(f"   [bold {colour}]{words}[/]: {result['reason']}")
    console.print(_evidence_table(detail), markup=False)
    console.print(_LEGEND, markup=False)
    console.print(f"   {_who_met_it(detail, result)}")
    if result["seconds_to_revert"] is not None:
        seconds = result["seconds_to_revert"]
        console.print(f"   {seconds:.2f} s from the first harmful event to the pushed revert.")
    served = ", ".join(f"{version}: {count}" for version, count in sorted(read_back.items()))
    console.print(
        f"   Read back through the API, {sum(read_back.values())} new units get {served}."
    )
    console.print("   The commits it left in the manifest, newest first:")
    console.print(commits, markup=False)


def commits_since(repository: Path, commit: str) -> str:
    """The commits of the manifest after one, newest first, a line each."""
    completed = subprocess.run(
        ["git", "-C", str(repository), "log", "--format=   %h %an: %s", f"{commit}..main"],
        capture_output=True,
        text=True,
        check=True,
    )
    return completed.stdout.rstrip()


def _who_met_it(detail: dict[str, Any], result: dict[str, Any]) -> str:
    met, units = result["candidate_units"], result["units"]
    decided_on = sum(stage["candidate"]["units"] for stage in detail["evidence"]["stages"])
    late = f"; {met - decided_on} of them while it was decided" if met > decided_on else ""
    return f"{met} of {units} units (users) met {result['candidate']}{late}."


def print_closing(console: Console, folder: Path) -> None:
    """How to go on."""
    command = f"{Path(sys.argv[0]).parent / 'tidegate'} run --data-dir {folder}"
    console.print(
        f"Everything is in {folder}. See it in the dashboard: [bold]{command}[/] "
        "(after make demo: [bold]make run[/]), then open http://127.0.0.1:8501"
    )


def _incidents(stages: list[dict[str, Any]], arm: str, kind: str) -> list[int]:
    k = sum(stage[arm]["incidents"].get(kind, 0) for stage in stages)
    return [k, sum(stage[arm]["units"] for stage in stages)]


def _goals(stages: list[dict[str, Any]], arm: str, name: str) -> list[int]:
    won = sum(stage[arm]["successes"].get(name, 0) for stage in stages)
    lost = sum(stage[arm]["failures"].get(name, 0) for stage in stages)
    return [won, won + lost]


def _evidence_table(detail: dict[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 0, 0, 2), pad_edge=True)
    for heading in ("guardrail", "baseline", "candidate", "harm/stop", "safe/need"):
        justify: Literal["left", "right"] = "left" if heading == "guardrail" else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    for each in detail["assessments"]:
        table.add_row(
            f" {each['guardrail']}",
            _rate(each["baseline"]),
            _rate(each["candidate"]),
            f"{_odds(each['log_e_harm'])}/{_odds(each['log_harm_threshold'])}",
            f"{_odds(each['log_e_safe'])}/{_odds(each['log_certify_threshold'])}",
        )
    return table


def _odds(log_e: float) -> str:
    """An e-value in a few characters; beyond a million it hardly matters by how much."""
    if log_e > math.log(1e6):
        return ">1e6"
    if log_e < math.log(0.001):
        return "<0.001"
    odds = math.exp(log_e)
    return f"{odds:,.0f}" if odds >= 100 else f"{odds:.3g}"  # noqa: PLR2004 - 3 digits


def _rate(tally: dict[str, int]) -> str:
    share = f"{100 * tally['k'] / tally['n']:.1f}%" if tally["n"] else "none yet"
    return f"{tally['k']}/{tally['n']} {share}"
