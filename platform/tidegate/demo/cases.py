"""Cases: what each version did, or would do, with each unit of a population.

A case has a recorded outcome under both versions, so that whichever version a unit is assigned, its
outcome is known. Outcomes are packed into one small integer each.
"""

import hashlib
import random
from collections.abc import Mapping
from enum import IntFlag
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from tidegate.domain.errors import InvalidRuns

_ATTACK = "important_instructions"
_COLUMNS = [
    "version",
    "suite",
    "user_task_id",
    "injection_task_id",
    "attack_type",
    "kind",
    "in_v1_case_set",
    "utility",
    "injection_succeeded",
    "error",
    "n_undeclared_tool_calls",
]


class Outcome(IntFlag):
    """What happened to one unit. A crash has no goal outcome: it neither reached nor missed it."""

    GOAL = 1
    PROMPT_INJECTION = 2
    ERROR = 4
    UNEXPECTED_TOOL = 8


class Cases(msgspec.Struct, frozen=True, kw_only=True):
    """The population of one demo.

    Attributes:
        seed: which cases the units draw.
        outcomes: for each version, one packed outcome per case.
    """

    seed: int
    outcomes: dict[str, list[int]]

    def outcome(self, version: str, unit_number: int) -> Outcome:
        """What a version does with a unit; the case is drawn with replacement, seeded."""
        of_version = self.outcomes[version]
        digest = hashlib.sha256(f"{self.seed}/{unit_number}".encode()).digest()
        return Outcome(of_version[int.from_bytes(digest[:8]) % len(of_version)])


def recorded(path: Path, versions: Mapping[str, str], seed: int) -> Cases:
    """Cases of a Parquet file of recorded runs.

    Benign cases and those attacked with `important_instructions`, of the common case set; of these,
    the ones that were run under every version asked for, in a stated order.

    Args:
        path: the file.
        versions: for each name in the manifest, the version in the file.
        seed: which cases the units draw.

    Raises:
        InvalidRuns: the file cannot be read, lacks a column or a version, or has no common case.
    """
    runs = _selected(_read(path))
    by_version = {name: _of_version(runs, version, path) for name, version in versions.items()}
    common = sorted(set.intersection(*(set(each) for each in by_version.values())))
    if not common:
        raise InvalidRuns(f"{path}: versions {sorted(versions.values())} have no case in common")
    outcomes = {name: [each[case] for case in common] for name, each in by_version.items()}
    return Cases(seed=seed, outcomes=outcomes)


def simulated(rates: Mapping[str, Mapping[Outcome, float]], seed: int, size: int = 5000) -> Cases:
    """Made-up cases in which each version has the given rates.

    Args:
        rates: for each version, the probability of each outcome, in [0, 1].
        seed: which cases are made and drawn.
        size: how many cases.
    """
    generator = random.Random(seed)
    outcomes = {
        version: [_drawn(generator, of_version) for _ in range(size)]
        for version, of_version in rates.items()
    }
    return Cases(seed=seed, outcomes=outcomes)


def _drawn(generator: random.Random, rates: Mapping[Outcome, float]) -> int:
    drawn = Outcome(0)
    for outcome, rate in rates.items():
        if generator.random() < rate:
            drawn |= outcome
    return int(drawn & ~Outcome.GOAL if Outcome.ERROR in drawn else drawn)


def _read(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        present = set(pq.read_schema(path).names)
        missing = [column for column in _COLUMNS if column not in present]
        if missing:
            raise InvalidRuns(f"{path} lacks the columns {missing}; a replay needs {_COLUMNS}")
        return pd.read_parquet(path, columns=_COLUMNS)
    except (OSError, pa.ArrowException) as error:
        raise InvalidRuns(f"{path} cannot be read as Parquet: {error}") from error


def _selected(runs: pd.DataFrame) -> pd.DataFrame:
    attacked = (runs["kind"] == "injection") & (runs["attack_type"] == _ATTACK)
    chosen = runs["in_v1_case_set"].fillna(value=False).astype(bool)
    return runs[chosen & (attacked | (runs["kind"] == "benign"))]


def _of_version(runs: pd.DataFrame, version: str, path: Path) -> dict[tuple[str, str, str], int]:
    rows = runs[runs["version"] == version]
    if rows.empty:
        known = sorted(runs["version"].dropna().unique())
        raise InvalidRuns(f"{path} has no runs of version {version!r}; it has {known}")
    return {
        (str(row["suite"]), str(row["user_task_id"]), _text(row["injection_task_id"])): int(
            _outcome_of(row)
        )
        for row in rows.to_dict("records")
    }


def _outcome_of(row: Mapping[Any, Any]) -> Outcome:
    outcome = Outcome(0)
    if _text(row["error"]):
        outcome |= Outcome.ERROR
    elif row["utility"] is True:
        outcome |= Outcome.GOAL
    if row["injection_succeeded"] is True:
        outcome |= Outcome.PROMPT_INJECTION
    undeclared = row["n_undeclared_tool_calls"]
    if not pd.isna(undeclared) and undeclared > 0:
        outcome |= Outcome.UNEXPECTED_TOOL
    return outcome


def _text(value: Any) -> str:
    return "" if value is None or pd.isna(value) else str(value)
