"""Benchmarks: each figure stands beside a reference measured in the same run.

Ratios are what counts; absolute figures are this machine's on this day. Writes
`benchmarks/results/benchmarks.json`.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import mmh3
import numpy as np
from look import looks
from rollouts import rollouts

from anytime import IncidentStratum, safe_logrank
from tidegate.adapters.duckdb_events import DuckDBEvents
from tidegate.demo import processes
from tidegate.demo.sample_manifest import GUARDRAILS, STEPS, SampleManifest
from tidegate.domain.decision import decide
from tidegate.domain.events import Event, StoredEvent
from tidegate.domain.evidence import ArmCounts, Clock, Evidence, StageCounts
from tidegate.domain.installation import Budgets
from tidegate.domain.policy import Policy
from tidegate_sdk import Client, bucket

RESULTS = Path(__file__).parent / "results" / "benchmarks.json"
ROUNDS = 5
NOW = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW_S = 600


def seconds(action: Callable[[], object]) -> float:
    """Median time of an action over some rounds, in seconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def evaluation() -> dict[str, float]:
    """One bucket beside the bare hash, and one decision beside the bare likelihood in numpy."""
    units = [f"unit-{number}" for number in range(20_000)]
    hashed = seconds(lambda: [mmh3.hash(unit) for unit in units])
    bucketed = seconds(lambda: [bucket("salt", unit) for unit in units])
    ratios, strata = np.array(list(safe_logrank.HARM_MIXTURE)), [(9, 100, 0.05), (3, 60, 0.25)]

    def bare() -> float:
        total = np.zeros_like(ratios)
        for candidate, baseline, share in strata:
            total += candidate * np.log(ratios)
            total -= (candidate + baseline) * np.log(ratios * share + 1 - share)
        return float(np.log(np.mean(np.exp(total))))

    ours = [IncidentStratum(*stratum) for stratum in strata]
    policy = Policy(budgets=Budgets(), guardrails=GUARDRAILS, steps=STEPS)
    clock = Clock(now=NOW, step_started=NOW)
    bare_s = seconds(lambda: [bare() for _ in range(1000)]) / 1000
    e_value_s = seconds(lambda: [safe_logrank.log_e_harm(ours) for _ in range(1000)]) / 1000
    decide_s = seconds(lambda: [decide(policy, _evidence(), clock) for _ in range(100)]) / 100
    return {
        "bucket_us": 1e6 * bucketed / len(units),
        "bucket_to_bare_hash": bucketed / hashed,
        "e_value_us": 1e6 * e_value_s,
        "e_value_to_bare_numpy": e_value_s / bare_s,
        "decide_4_guardrails_4_stages_us": 1e6 * decide_s,
    }


def _evidence() -> Evidence:
    arm = ArmCounts(
        units=500,
        matured=500,
        incidents={"error": 4, "prompt_injection": 9},
        successes={"goal": 300},
        failures={"goal": 200},
    )
    stages = tuple(
        StageCounts(step=step, share_ppm=STEPS[step].share_ppm, baseline=arm, candidate=arm)
        for step in range(4)
    )
    return Evidence(step=3, paused=False, seq=1, stages=stages)


def look(folder: Path) -> dict[str, float]:
    """Statistics of a rollout after 1,000 new events, at a short and a longer history."""
    found = {}
    store = DuckDBEvents(folder / "look.duckdb")
    for history in (10_000, 200_000):
        while store.last_seq() < history:
            store.append([_batch(store.last_seq(), 5_000)], NOW)
        store.stages("r", store.last_seq(), NOW, WINDOW_S)
        times = []
        for _ in range(ROUNDS):
            store.append([_batch(store.last_seq(), 1_000)], NOW)
            began = time.perf_counter()
            store.stages("r", store.last_seq(), NOW, WINDOW_S)
            times.append(time.perf_counter() - began)
        found[f"look_ms_at_{history}"] = 1000 * statistics.median(times)
    store.close()
    found["look_longer_to_short_history"] = found["look_ms_at_200000"] / found["look_ms_at_10000"]
    return found


def _batch(first: int, size: int) -> list[StoredEvent]:
    """Half exposures, half outcomes of the same units."""
    batch = []
    for number in range(first // 2, first // 2 + size // 2):
        unit, arm = f"u{number}", "candidate" if number % 20 == 0 else "baseline"
        common = {"unit": unit, "agent": "support"}
        exposure = Event(event_id=f"x{number}", kind="exposure", **common)
        outcome = Event(event_id=f"o{number}", kind="outcome", name="goal", value=1.0, **common)
        batch.append(
            StoredEvent(
                event=exposure, environment="e", rollout="r", step=0, share_ppm=50_000, arm=arm
            )
        )
        batch.append(StoredEvent(event=outcome, environment="e"))
    return batch


def ingest(folder: Path) -> dict[str, float]:
    """Durable events over HTTP beside DuckDB's own reading of the same bytes from a file."""
    size, count = 10_000, 10
    batches = [[_line(batch * size + number) for number in range(size)] for batch in range(count)]
    path = folder / "events.ndjson"
    path.write_text("\n".join(json.dumps(line) for batch in batches for line in batch))
    bare = duckdb.connect(str(folder / "bare.duckdb"))
    began = time.perf_counter()
    bare.execute(f"CREATE TABLE events AS SELECT * FROM read_json('{path}')")  # noqa: S608 - our own path
    bare_s = time.perf_counter() - began
    bare.close()
    engineer = SampleManifest(folder, "support")
    engineer.begin("v1")
    port = processes.free_port()
    url = f"http://127.0.0.1:{port}"
    with processes.service(folder, str(engineer.remote), port, poll_s=5.0) as service:
        processes.wait_until_ready(service, url)
        with Client(url) as client:
            began = time.perf_counter()
            for batch in batches:
                client.send(batch)
            ours_s = time.perf_counter() - began
            assigned_s = seconds(lambda: _ask(client, 1000)) / 1000
    return {
        "bare_read_json_events_per_s": size * count / bare_s,
        "http_durable_events_per_s": size * count / ours_s,
        "http_durable_to_bare": bare_s / ours_s,
        "one_assignment_over_http_ms": 1000 * assigned_s,
    }


def _ask(client: Client, units: int) -> None:
    for number in range(units):
        client.assign("support", f"u{number}", expose=False)


def _line(number: int) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "unit": f"u{number}",
        "agent": "support",
        "kind": "safety",
        "name": "error",
    }


def main() -> None:
    """Run all and write the results."""
    with tempfile.TemporaryDirectory() as folder:
        found = evaluation() | looks() | rollouts() | look(Path(folder)) | ingest(Path(folder))
    rounded = {name: float(f"{value:.4g}") for name, value in found.items()}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rounded, indent=1) + "\n")
    sys.stdout.write(RESULTS.read_text())


if __name__ == "__main__":
    main()
