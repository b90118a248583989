"""The whole campaign: every family of simulations with the number of paths it is run with.

Results are one JSON file, family by family, so that a family can be measured again alone; the table
in the documentation is made from it whenever it is written.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import table
from rows import Row
from s1_cases import case_rows
from s1_non_inferior import non_inferior_rows
from s1_ramp import ramp_rows
from s1_users import user_rows
from s2_ceilings import ceiling_rows
from s3_means import mean_rows
from s3b_outcomes import outcome_rows
from s4_ratios import ratio_rows
from s5_quantiles import quantile_rows
from s6_split import split_rows
from s7_multiplicity import multiplicity_rows
from s8_detector import detector_rows
from s9_budget import budget_rows
from s10_judge import judge_rows
from s11_plan import plan_rows

RESULTS = Path(__file__).parents[1] / "results" / "statistics.json"
DIGITS = 6
"""Significant digits of a measured figure."""


class Family(NamedTuple):
    """Simulations of one question, and the paths that make their errors small enough."""

    rows: Callable[[int], list[Row]]
    paths: int


FAMILIES: Mapping[str, Family] = {
    "S1 over the ramp": Family(ramp_rows, 10_000),
    "S1 of users": Family(user_rows, 10_000),
    "S1 in the nine cases": Family(case_rows, 4000),
    "S1 non-inferiority": Family(non_inferior_rows, 8000),
    "S2 ceilings": Family(ceiling_rows, 10_000),
    "S3 means": Family(mean_rows, 4000),
    "S3b outcomes": Family(outcome_rows, 10_000),
    "S4 ratios": Family(ratio_rows, 2000),
    "S5 quantiles": Family(quantile_rows, 4000),
    "S6 split": Family(split_rows, 20_000),
    "S7 multiplicity": Family(multiplicity_rows, 4000),
    "S8 detector": Family(detector_rows, 2000),
    "S9 ramp": Family(budget_rows, 2000),
    "S10 judge": Family(judge_rows, 2000),
    "S11 plan": Family(plan_rows, 2000),
}


def write(family: str, rows: Sequence[Row], results: Path, document: Path) -> None:
    """Put a family's rows in the place of its former ones, and make the table anew.

    Args:
        family: its name.
        rows: what was measured.
        results: the JSON file.
        document: the Markdown file with the table.
    """
    known = json.loads(results.read_text()) if results.exists() else {}
    known[family] = [rounded(row) for row in rows]
    ordered = {name: known[name] for name in FAMILIES if name in known}
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n")
    document.write_text(table.markdown(ordered))


def rounded(row: Row) -> dict[str, Any]:
    """The row as JSON has it: no more digits than are worth reading."""
    return {
        name: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
        for name, value in row._asdict().items()
    }
