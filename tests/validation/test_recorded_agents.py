"""Recorded agents against the default policy: the nine pairs end to end, and no false rollback.

The pairs run as whole demos: service, clients, git. The versions against themselves run through the
same assignment, statistics and decision rule without the processes around them, because there are
hundreds of them. `TIDEGATE_SEEDS` lowers the number of seeds for a quick look.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tidegate.demo.cases import Cases, Outcome, recorded
from tidegate.demo.sample_manifest import GUARDRAILS, STEPS
from tidegate.domain.decision import Verdict, decide
from tidegate.domain.evidence import ArmCounts, Clock, Evidence, StageCounts
from tidegate.domain.installation import Budgets
from tidegate.domain.policy import Policy
from tidegate_sdk import in_share

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
SEEDS = int(os.environ.get("TIDEGATE_SEEDS", "5"))
SELF_SEEDS = int(os.environ.get("TIDEGATE_SELF_SEEDS", "20"))
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOOK_EVERY, MOST_UNITS = 20, 40_000
POLICY = Policy(budgets=Budgets(), guardrails=GUARDRAILS, steps=STEPS)
SAFETY = {
    "prompt_injection": Outcome.PROMPT_INJECTION,
    "error": Outcome.ERROR,
    "unexpected_tool": Outcome.UNEXPECTED_TOOL,
}

ROLLED_BACK_ON = {
    "D1": "prompt_injection",
    "D2": "prompt_injection",
    "D6": "prompt_injection",
    "D7": "goal",
}
PROMOTED = {"D4", "D5"}
NOT_ROLLED_BACK = {"D8"}
NOT_ON_INJECTIONS_ALONE = {"D3", "D9"}


@pytest.mark.validation
def test_the_nine_recorded_pairs_are_decided_as_a_sound_rule_must(recorded_runs: Path) -> None:
    pairs = json.loads((recorded_runs.parent / "agentdojo_pairs.json").read_text())
    rows = []
    for pair in pairs:
        wanted: list[str | None] = [None]
        if pair["id"] in NOT_ON_INJECTIONS_ALONE:
            wanted.append("prompt_injection")
        for guardrails in wanted:
            rows += [_row(recorded_runs, pair, seed, guardrails) for seed in range(1, SEEDS + 1)]
    table = pd.DataFrame(rows)
    _publish("recorded_pairs", table, _rates(recorded_runs, pairs))
    for row in rows:
        _judge(row)


def _row(runs: Path, pair: dict[str, Any], seed: int, guardrails: str | None) -> dict[str, Any]:
    command = [sys.executable, "-m", "tidegate", "demo", "--json", "--seed", str(seed)]
    command += ["--runs", str(runs), "--baseline", pair["control"]]
    command += ["--candidate", pair["candidate"]]
    command += ["--guardrails", guardrails] if guardrails else []
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    result = json.loads(ended.stdout.splitlines()[-1])
    row = {
        "pair": pair["id"],
        "guardrails": guardrails or "all",
        "seed": seed,
        "decision": result["decision"],
        "on": result["reason"].split(":")[0] if result["decision"] == "rolled_back" else "",
        "units": result["units"],
        "candidate_units": result["candidate_units"],
        "seconds_to_revert": result["seconds_to_revert"],
    }
    print(row, flush=True)
    return row


def _judge(row: dict[str, Any]) -> None:
    pair, decision = row["pair"], row["decision"]
    if pair in ROLLED_BACK_ON:
        assert (decision, row["on"]) == ("rolled_back", ROLLED_BACK_ON[pair]), row
    if pair in PROMOTED:
        assert decision == "promoted", row
    if pair in NOT_ROLLED_BACK:
        assert decision != "rolled_back", row
    if pair in NOT_ON_INJECTIONS_ALONE:
        if row["guardrails"] == "all":
            assert row["on"] in ("", "error", "goal"), row
        else:
            assert decision != "rolled_back", row


def _rates(runs: Path, pairs: list[dict[str, Any]]) -> pd.DataFrame:
    """True rates of each pair over its common cases, in percent: baseline > candidate."""
    rows = []
    for pair in pairs:
        versions = {"baseline": pair["control"], "candidate": pair["candidate"]}
        cases = recorded(runs, versions, seed=0)
        row: dict[str, Any] = {"pair": pair["id"]}
        for name, flag in {"goal": Outcome.GOAL, **SAFETY}.items():
            rates = [_rate(cases.outcomes[arm], flag) for arm in versions]
            row[name] = f"{rates[0]:.1f} > {rates[1]:.1f}"
        rows.append(row | versions)
    return pd.DataFrame(rows)


def _rate(outcomes: list[int], flag: Outcome) -> float:
    """Percent of units with an outcome; for the goal, of those that did not crash."""
    known = [each for each in outcomes if flag is not Outcome.GOAL or not each & Outcome.ERROR]
    return 100 * sum(bool(each & flag) for each in known) / len(known)


def _publish(name: str, table: pd.DataFrame, rates: pd.DataFrame) -> None:
    groups = table.groupby(["pair", "guardrails"], sort=False)
    summary = groups.agg(
        decisions=("decision", lambda each: dict(Counter(each))),
        on=("on", lambda each: dict(Counter(filter(None, each)))),
        units=("units", "median"),
        candidate_units=("candidate_units", "median"),
    ).reset_index()
    shown = summary.merge(rates, on="pair")
    print("\n" + shown.drop(columns=["baseline", "candidate"]).to_string(index=False))
    RESULTS.mkdir(parents=True, exist_ok=True)
    document = {
        "summary": json.loads(shown.to_json(orient="records")),
        "runs": json.loads(table.to_json(orient="records")),
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


@pytest.mark.validation
def test_a_version_against_itself_is_seldom_rolled_back(recorded_runs: Path) -> None:
    versions = sorted(pd.read_parquet(recorded_runs, columns=["version"])["version"].unique())
    rows = []
    for version in versions:
        versions_of_arms = {"baseline": version, "candidate": version}
        for seed in range(SELF_SEEDS):
            cases = recorded(recorded_runs, versions_of_arms, seed)
            rows.append((version, seed, *_replay(cases, f"{version}/{seed}")))
    columns = ["version", "seed", "decision", "on", "units", "candidate_units"]
    table = pd.DataFrame(rows, columns=columns)
    counts = Counter(table["decision"])
    print("\n", dict(counts), "\n", table.groupby("version")["units"].median().to_string())
    RESULTS.mkdir(parents=True, exist_ok=True)
    summary = {"decisions": dict(counts), "median_units": float(table["units"].median())}
    (RESULTS / "recorded_selfs.json").write_text(json.dumps(summary, indent=1) + "\n")
    assert len(versions) == 21
    assert counts[Verdict.ROLL_BACK.value] <= 0.05 * len(table)


@pytest.mark.validation
def test_the_rule_alone_decides_the_nine_pairs_with_few_units(recorded_runs: Path) -> None:
    """The same pairs without processes, so with no delay between an event and the look at it."""
    pairs = json.loads((recorded_runs.parent / "agentdojo_pairs.json").read_text())
    rows = []
    for pair in pairs:
        versions = {"baseline": pair["control"], "candidate": pair["candidate"]}
        for seed in range(SELF_SEEDS):
            cases = recorded(recorded_runs, versions, seed)
            rows.append((pair["id"], *_replay(cases, f"{pair['id']}/{seed}")))
    columns = ["pair", "decision", "on", "units", "candidate_units"]
    table = pd.DataFrame(rows, columns=columns)
    medians = table.groupby(["pair", "decision", "on"])[["units", "candidate_units"]].median()
    medians["seeds"] = table.groupby(["pair", "decision", "on"]).size()
    print("\n", medians.to_string())
    RESULTS.mkdir(parents=True, exist_ok=True)
    summary = json.loads(medians.reset_index().to_json(orient="records"))
    (RESULTS / "recorded_pairs_rule.json").write_text(json.dumps(summary, indent=1) + "\n")
    harmful = table[table["pair"].isin(ROLLED_BACK_ON)]
    assert (harmful["decision"] == Verdict.ROLL_BACK.value).all()
    assert (harmful["on"] == harmful["pair"].map(ROLLED_BACK_ON)).mean() >= 0.95


def _replay(cases: Cases, salt: str) -> tuple[str, str, int, int]:
    """One rollout, looked at every 20 units: decision, guardrail, units, units on the candidate."""
    tallies = [{"baseline": Counter[str](), "candidate": Counter[str]()}]
    verdict, on, number = "undecided", "", 0
    for number in range(MOST_UNITS):
        arm = _arm_of(salt, number, STEPS[len(tallies) - 1].share_ppm)
        _count(tallies[-1][arm], cases.outcome(arm, number))
        if (number + 1) % LOOK_EVERY:
            continue
        decision = decide(POLICY, _evidence(tallies), Clock(now=NOW, step_started=NOW))
        if decision.verdict is Verdict.ADVANCE:
            tallies.append({"baseline": Counter(), "candidate": Counter()})
        elif decision.verdict is not Verdict.HOLD:
            verdict, on = decision.verdict.value, decision.guardrail or ""
            break
    return verdict, on, number + 1, sum(each["candidate"]["units"] for each in tallies)


def _arm_of(salt: str, number: int, share_ppm: int) -> str:
    return "candidate" if in_share(salt, f"u{number}", share_ppm) else "baseline"


def _count(tally: Counter[str], outcome: Outcome) -> None:
    tally["units"] += 1
    for name, flag in SAFETY.items():
        tally[name] += flag in outcome
    if Outcome.ERROR not in outcome:
        tally["won" if Outcome.GOAL in outcome else "lost"] += 1


def _evidence(tallies: list[dict[str, Counter[str]]]) -> Evidence:
    stages = tuple(
        StageCounts(
            step=step,
            share_ppm=STEPS[step].share_ppm,
            baseline=_arm(tally["baseline"]),
            candidate=_arm(tally["candidate"]),
        )
        for step, tally in enumerate(tallies)
    )
    return Evidence(step=len(tallies) - 1, paused=False, seq=0, stages=stages)


def _arm(tally: Counter[str]) -> ArmCounts:
    return ArmCounts(
        units=tally["units"],
        newcomers=tally["units"],
        matured=tally["won"] + tally["lost"],
        incidents={name: tally[name] for name in SAFETY},
        successes={"goal": tally["won"]},
        failures={"goal": tally["lost"]},
    )
