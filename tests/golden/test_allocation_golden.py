"""Golden arms, slices and placements, found a second way; changing them moves units.

`python tests/golden/test_allocation_golden.py` writes the file anew: a deliberate act.
"""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

sys.path.append(str(Path(__file__).parents[1] / "support"))  # when it is run as a script

from naive_flags import arm
from tidegate_sdk import HASH_VERSION, bucket
from tidegate_sdk.allocation import Allocation, Slice
from tidegate_sdk.enrolment import CompiledEnrolment, Enrolment

GOLDEN = Path(__file__).with_name("allocation.json")
UNITS = [*(f"user-{number}" for number in range(1, 25)), "", "ada", "ユーザー", "x" * 300]
# Units whose bucket under the salt "ramp" is 0, 1, 2, 999998 and 999999.
EDGES = ["user-67083", "user-76204", "user-1168145", "user-1994733", "user-643551"]


def _split(salt: str, *arms: tuple[str, int, int]) -> dict[str, Any]:
    listed = [{"name": name, "share_ppm": share, "max_ppm": most} for name, share, most in arms]
    return {"salt": salt, "control": "control", "arms": listed}


def _slice(salt: str, start: int, stop: int) -> dict[str, Any]:
    return {"salt": salt, "start": start, "stop": stop}


ALLOCATIONS = [
    _split("ramp", ("candidate", 0, 1_000_000)),
    _split("ramp", ("candidate", 1, 1_000_000)),
    _split("ramp", ("candidate", 2, 1_000_000)),
    _split("ramp", ("candidate", 999_999, 1_000_000)),
    _split("ramp", ("candidate", 1_000_000, 1_000_000)),
    _split("ramp", ("a", 1, 1), ("b", 1, 1), ("c", 999_998, 999_998)),
    _split("support:0d2f", ("candidate", 250_000, 1_000_000)),
    _split("support:0d2f", ("a", 200_000, 500_000), ("b", 200_000, 500_000)),
    _split("support:0d2f", ("a", 300_000, 500_000), ("b", 100_000, 500_000)),
    _split("поддержка", ("a", 333_333, 333_333), ("b", 0, 333_333), ("c", 333_333, 333_333)),
]
SLICES = [
    _slice("layer:checkout", 0, 300_000),
    _slice("layer:checkout", 300_000, 1_000_000),
    _slice("holdout:production", 0, 100_000),
    _slice("ramp", 1, 999_999),
]
ENROLMENT: dict[str, Any] = {
    "default": "v1",
    "versions": {"control": "v1", "a": "v2", "b": "v3"},
    "allocation": _split("support:0d2f", ("a", 300_000, 400_000), ("b", 300_000, 400_000)),
    "forced": [{"when": {"is": "users", "units": ["ada"]}, "version": "v9"}],
    "audience": {"is": "not", "part": {"is": "users", "units": ["user-1", "user-2"]}},
    "layer": _slice("layer:checkout", 200_000, 900_000),
    "holdout": _slice("holdout:production", 0, 200_000),
}


def test_golden_file_holds_the_cases_of_the_hash_version_in_force() -> None:
    assert _golden() == _made()


@pytest.mark.parametrize("number", range(len(ALLOCATIONS)))
def test_arms_of_a_golden_allocation_are_the_recorded_ones(number: int) -> None:
    case = _golden()["allocations"][number]
    split = msgspec.convert(case["allocation"], Allocation).compiled()
    assert {unit: split.arm(unit) for unit in case["arms"]} == case["arms"]


@pytest.mark.parametrize("number", range(len(SLICES)))
def test_units_of_a_golden_slice_are_the_recorded_ones(number: int) -> None:
    case = _golden()["slices"][number]
    part = msgspec.convert(case["slice"], Slice)
    assert [unit for unit in [*UNITS, *EDGES] if part.holds(unit)] == case["units"]


def test_placements_of_the_golden_enrolment_are_the_recorded_ones() -> None:
    case = _golden()["enrolment"]
    enrolment = CompiledEnrolment(msgspec.convert(case["enrolment"], Enrolment), {})
    for unit, expected in case["placements"].items():
        placement = enrolment.place(unit)
        assert [placement.version, placement.arm, placement.grounds] == expected


def test_golden_placements_show_every_ground_and_arm() -> None:
    found = _golden()["enrolment"]["placements"].values()
    assert {grounds for _, _, grounds in found} == {
        "forced", "holdout", "audience", "layer", "split",
    }  # fmt: skip
    assert {name for _, name, _ in found} == {None, "control", "a", "b"}


def _golden() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return loaded


def _made() -> dict[str, Any]:
    units = [*UNITS, *EDGES]
    return {
        "hashVersion": HASH_VERSION,
        "allocations": [
            {"allocation": split, "arms": {unit: _arm(split, unit) for unit in units}}
            for split in ALLOCATIONS
        ],
        "slices": [
            {"slice": part, "units": [unit for unit in units if _inside(part, unit)]}
            for part in SLICES
        ],
        "enrolment": {
            "enrolment": ENROLMENT,
            "placements": {unit: _placement(unit) for unit in UNITS},
        },
    }


def _arm(split: dict[str, Any], unit: str) -> str:
    written = {
        each["name"]: {"weight": each["share_ppm"], "max": each["max_ppm"]}
        for each in split["arms"]
    }
    return arm(written, split["control"], split["salt"], unit)


def _inside(part: dict[str, Any], unit: str) -> bool:
    return bucket(part["salt"], unit) in range(part["start"], part["stop"])


def _placement(unit: str) -> list[str | None]:
    if unit == "ada":
        return ["v9", None, "forced"]
    if _inside(ENROLMENT["holdout"], unit):
        return ["v1", None, "holdout"]
    if unit in ("user-1", "user-2"):
        return ["v1", None, "audience"]
    if not _inside(ENROLMENT["layer"], unit):
        return ["v1", None, "layer"]
    name = _arm(ENROLMENT["allocation"], unit)
    return [ENROLMENT["versions"][name], name, "split"]


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(_made(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
