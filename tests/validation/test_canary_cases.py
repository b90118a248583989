"""The nine canary cases: how many units until harm is seen, beside a test that knows both rates.

Both tests see the same streams, so their ratio is known much better than either mean. Written to
`benchmarks/results/canary_cases.json`.
"""

import json
from pathlib import Path

import pytest

from tidegate.service.simulating import Scenario, Summary, simulate

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "canary_cases.json"
REPS = 300
CASES = {
    (0.01, 0.02): (700_000, 160_000, 40_000),
    (0.01, 0.05): (90_000, 20_000, 6_000),
    (0.001, 0.01): (300_000, 60_000, 16_000),
}
"""Rates of baseline and candidate, and horizons in units at each share: far beyond any decision."""
SHARES = (0.01, 0.05, 0.5)


@pytest.mark.validation
def test_harm_is_seen_in_the_nine_cases_nearly_as_soon_as_by_an_oracle() -> None:
    rows = []
    for (baseline, candidate), horizons in CASES.items():
        for share, units in zip(SHARES, horizons, strict=True):
            summary = _simulated(baseline, candidate, share, units)
            assert summary.oracle_mean_units is not None
            row = {
                "baseline_rate": baseline,
                "candidate_rate": candidate,
                "share": share,
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


def _simulated(baseline: float, candidate: float, share: float, units: int) -> Summary:
    scenario = Scenario(
        metric="incident",
        baseline_rate=baseline,
        candidate_rate=candidate,
        shares=(share,),
        units=units,
    )
    return simulate(scenario, reps=REPS, seed=11)
