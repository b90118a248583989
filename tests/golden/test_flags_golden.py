"""Golden answers of flags, found a second way from the documents; changing them moves units.

`python tests/golden/test_flags_golden.py` writes the answers anew: a deliberate act. The documents
and contexts in the file are written by hand.
"""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

sys.path.append(str(Path(__file__).parents[1] / "support"))  # when it is run as a script

from naive_flags import answer
from tidegate.domain.flag import FeatureFlag, compile_flag, flag_path
from tidegate.domain.segment import Segment, compile_segments
from tidegate_sdk import HASH_VERSION
from tidegate_sdk.flags import CompiledFlag

GOLDEN = Path(__file__).with_name("flags.json")
LOADED: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
COUNT = len(LOADED["contexts"])


def test_golden_file_is_of_the_hash_version_in_force() -> None:
    assert LOADED["hashVersion"] == HASH_VERSION


@pytest.mark.parametrize("number", range(COUNT))
def test_answers_to_a_golden_context_are_the_recorded_ones(number: int) -> None:
    context, flags = LOADED["contexts"][number], _flags()
    assert sorted(context["answers"]) == sorted(flags)
    for key, expected in context["answers"].items():
        found = flags[key].evaluate(context["unit"], context["attributes"])
        assert json.dumps(list(found)) == json.dumps(expected), key


@pytest.mark.parametrize("number", range(COUNT))
def test_golden_answers_when_found_the_second_way_are_what_the_file_says(number: int) -> None:
    context = LOADED["contexts"][number]
    assert json.dumps(context["answers"]) == json.dumps(_answers(context))


def test_golden_answers_show_every_reason_and_every_rule() -> None:
    found = [
        (key, reason, rule)
        for context in LOADED["contexts"]
        for key, (_, _, reason, rule) in context["answers"].items()
    ]
    assert {reason for _, reason, _ in found} == {
        "STATIC", "TARGETING_MATCH", "SPLIT", "DEFAULT", "DISABLED",
    }  # fmt: skip
    rules = {(flag["flag"], number) for flag in LOADED["flags"] if not flag.get("killed")
             for number in range(len(flag.get("rules", [])))}  # fmt: skip
    assert {(key, rule) for key, _, rule in found if rule is not None} == rules


def _flags() -> dict[str, CompiledFlag]:
    documents = [msgspec.convert(each, Segment) for each in LOADED["segments"]]
    segments = compile_segments({each.segment: each for each in documents})
    flags = (msgspec.convert(each, FeatureFlag) for each in LOADED["flags"])
    return {
        each.flag: compile_flag(flag_path("production", each.flag), each, segments)
        for each in flags
    }


def _answers(context: dict[str, Any]) -> dict[str, list[Any]]:
    segments = {each["segment"]: each for each in LOADED["segments"]}
    return {
        flag["flag"]: list(answer(flag, context["unit"], context["attributes"], segments))
        for flag in LOADED["flags"]
    }


def _written() -> str:
    """One line a document and a context."""
    contexts = [each | {"answers": _answers(each)} for each in LOADED["contexts"]]
    parts = {"segments": LOADED["segments"], "flags": LOADED["flags"], "contexts": contexts}
    lists = (
        f'  "{name}": [\n'
        + ",\n".join("    " + json.dumps(each, ensure_ascii=False) for each in listed)
        + "\n  ]"
        for name, listed in parts.items()
    )
    head = f'  "hashVersion": "{LOADED["hashVersion"]}"'
    return "{\n" + ",\n".join([head, *lists]) + "\n}\n"


if __name__ == "__main__":
    GOLDEN.write_text(_written(), encoding="utf-8")
