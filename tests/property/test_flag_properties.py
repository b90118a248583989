"""Flags and rules answer for any attributes, and as their documents read."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive_flags
from flag_documents import ANY_JSON, ATTRIBUTES, SEGMENTS, UNITS, WANTED, Json, conditions, flags
from tidegate.domain import manifest_files as files
from tidegate.domain.audience import Condition
from tidegate.domain.flag import FeatureFlag, compile_flag, flag_path, flag_spec
from tidegate.domain.segment import Segment, compile_segments
from tidegate_sdk.explanation import explain
from tidegate_sdk.flags import CompiledFlag, FlagSpec
from tidegate_sdk.predicates import Matcher

PATH = flag_path("production", "f")


def _segments(raw: dict[str, Json]) -> dict[str, Matcher]:
    return compile_segments({name: msgspec.convert(each, Segment) for name, each in raw.items()})


def _compiled(raw: Json, segments: dict[str, Json]) -> CompiledFlag:
    return compile_flag(PATH, msgspec.convert(raw, FeatureFlag), _segments(segments))


@given(conditions("beta", "staff"), SEGMENTS, UNITS, ATTRIBUTES)
def test_condition_holds_exactly_as_its_document_reads(
    raw: Json, segments: dict[str, Json], unit: str, attributes: Json
) -> None:
    matcher = msgspec.convert(raw, Condition).rule().matcher(_segments(segments))
    assert matcher(unit, attributes) is naive_flags.meets(raw, unit, attributes, segments)


@given(
    conditions("beta", "staff"),
    SEGMENTS,
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"])),
    st.dictionaries(st.sampled_from(sorted(WANTED)) | st.text(), ANY_JSON),
)
def test_condition_on_any_json_attributes_answers_and_never_raises(
    raw: Json, segments: dict[str, Json], unit: str, attributes: Json
) -> None:
    matcher = msgspec.convert(raw, Condition).rule().matcher(_segments(segments))
    assert matcher(unit, attributes) in (True, False)


@given(flags(), SEGMENTS, UNITS, ATTRIBUTES)
def test_flag_answers_exactly_as_its_document_reads(
    raw: Json, segments: dict[str, Json], unit: str, attributes: Json
) -> None:
    answer = _compiled(raw, segments).evaluate(unit, attributes)
    assert answer == naive_flags.answer(raw, unit, attributes, segments)
    assert (
        type(answer.value)
        is {"integer": int, "float": float, "string": str, "object": dict}[raw["type"]]
    )


@given(flags(), SEGMENTS, UNITS, ATTRIBUTES)
def test_flag_that_travelled_to_another_process_answers_the_same(
    raw: Json, segments: dict[str, Json], unit: str, attributes: Json
) -> None:
    spec = flag_spec(msgspec.convert(raw, FeatureFlag))
    arrived = msgspec.json.decode(msgspec.json.encode(spec), type=FlagSpec)
    there = CompiledFlag(arrived, _segments(segments)).evaluate(unit, attributes)
    assert there == _compiled(raw, segments).evaluate(unit, attributes)


@given(flags(), SEGMENTS, UNITS, ATTRIBUTES)
def test_explanation_agrees_with_the_answer(
    raw: Json, segments: dict[str, Json], unit: str, attributes: Json
) -> None:
    flag = _compiled(raw, segments)
    answer, steps = flag.evaluate(unit, attributes), explain(flag, unit, attributes)
    rules = {step.rule: step.holds for step in steps[:-1] if step.depth == 0}
    asked = raw["rules"] if answer.rule is None else raw["rules"][: answer.rule + 1]
    count = 0 if answer.reason == "DISABLED" else len(asked)
    assert rules == {None: answer.reason == "DISABLED"} | {
        number: number == answer.rule for number in range(count)
    }
    assert steps[-1].rule == answer.rule
    assert f"{answer.variant!r} ({answer.reason})" in steps[-1].question


@given(flags(), st.data())
def test_flag_document_is_read_back_as_it_was_written(raw: Json, data: st.DataObject) -> None:
    document = msgspec.convert(raw, FeatureFlag)
    if data.draw(st.booleans()):
        document = msgspec.structs.replace(document, expires=data.draw(st.dates()))
    assert files.parse(PATH, files.render(document), FeatureFlag) == document


@given(SEGMENTS)
def test_segment_document_is_read_back_as_it_was_written(raw: dict[str, Json]) -> None:
    for name, each in raw.items():
        document = msgspec.convert(each, Segment)
        assert files.parse(f"segments/{name}.yaml", files.render(document), Segment) == document


@given(UNITS, st.integers(0, 1_000_000), st.integers(0, 1_000_000))
def test_raising_a_split_of_a_flag_moves_no_unit_out_of_the_variant(
    unit: str, one: int, other: int
) -> None:
    smaller, larger = (
        _compiled(
            {"kind": "FeatureFlag", "flag": "f", "type": "boolean", "default": "off",
             "variants": {"on": True, "off": False}, "rules": [{"split": {"on": share}}]},
            {},
        ).evaluate(unit)
        for share in sorted((one, other))
    )  # fmt: skip
    assert smaller.value <= larger.value


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param({"app": "1" * 100_000}, id="an endless version"),
        pytest.param({"app": "1." * 50_000}, id="endless points"),
        pytest.param({"app": "1.0.0-" + "a." * 50_000}, id="an endless prerelease"),
        pytest.param({"age": 10**400}, id="a number beyond floats"),
        pytest.param({"age": float("nan")}, id="no number"),
        pytest.param({"team": ["qa", ["qa"], {"qa": 1}, None]}, id="a list of everything"),
        pytest.param({"plan": b"de"}, id="bytes"),
        pytest.param({"plan": {"de"}, "tags": object()}, id="what is no JSON"),
    ],
)
def test_every_question_about_strange_values_answers_and_never_raises(
    attributes: dict[str, Any],
) -> None:
    tests: list[Json] = [
        {"in": ["de"]}, {"in": [1]}, {"notIn": ["de"]}, {"notIn": [1]}, {"exists": True},
        {"gt": 0, "lte": 1e308}, {"semver": ">=1"}, {"startsWith": "1"}, {"endsWith": "1"},
        {"contains": "1"},
    ]  # fmt: skip
    for key in ("app", "age", "team", "plan", "tags"):
        for test in tests:
            condition = msgspec.convert({"attributes": {key: test}}, Condition)
            assert condition.rule().matcher({})("u", attributes) in (True, False)
    assert msgspec.convert({"teams": ["qa"]}, Condition).rule().matcher({})("u", attributes) is (
        "team" in attributes
    )
