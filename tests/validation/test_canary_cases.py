"""The nine canary cases: how many units until harm is seen, beside a test that knows both rates.

Both tests see the same streams, so their ratio is known much better than either mean. Written to
`benchmarks/results/canary_cases.json`.
"""

import json
from pathlib import Path

import pytest
from canary_streams import HORIZONS, Canary

from tidegate.service.simulating import Scenario, Summary, simulate

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "canary_cases.json"
REPS = 300


@pytest.mark.validation
def test_harm_is_seen_in_the_nine_cases_nearly_as_soon_as_by_an_oracle() -> None:
    rows = []
    for case, units in HORIZONS.items():
        summary = _simulated(case, units)
        assert summary.oracle_mean_units is not None
        row = {
            "baseline_rate": case.baseline,
            "candidate_rate": case.harmed,
            "share": case.share,
            "seen": summary.rejected,
            "reps": summary.reps,
            "mean_units": round(summary.mean_units),
            "oracle_mean_units": round(summary.oracle_mean_units),
            "ratio": round(summary.mean_units / summary.oracle_mean_units, 3),
        }
        print(row, flush=True)
        rows.append(row)
    ratios = [float(row["ratio"]) for row in rows]
    mean = sum(ratios) / len(ratios)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    document = {"mean_ratio": round(mean, 3), "largest_ratio": max(ratios), "cases": rows}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    assert all(row["seen"] == row["reps"] for row in rows)
    assert mean <= 1.20
    assert max(ratios) <= 1.30


def _simulated(case: Canary, units: int) -> Summary:
    scenario = Scenario(
        metric="incident",
        baseline_rate=case.baseline,
        candidate_rate=case.harmed,
        shares=(case.share,),
        units=units,
    )
    return simulate(scenario, reps=REPS, seed=11)
