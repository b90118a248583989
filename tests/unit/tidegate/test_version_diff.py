"""Schemas read from files, the order of changes and classes, and the ramps they lead to."""

import json
from itertools import pairwise
from typing import get_args

import pytest

from agent_versions import CODE, MODEL, diff_of, digest, in_file, inline, memory, prompt, version
from schemas import INTEGER, NUMBER, tool
from tidegate.domain.agent_version import Code, Tool
from tidegate.domain.default_ramps import DEFAULT_STEPS, default_steps
from tidegate.domain.intent import Canary
from tidegate.domain.version_change import BREAKING, RISKS, Change, Risk
from tidegate.domain.version_diff import VersionDiff, diff, is_breaking, is_forward_only

OLD, NEW = json.dumps(tool(a=INTEGER)).encode(), json.dumps(tool(a=NUMBER)).encode()


def _schema_diff(before: bytes, after: bytes, files: dict[str, bytes]) -> tuple[Change, ...]:
    old = version("v1", tools=(in_file(before, "old.json"),))
    new = version("v2", tools=(in_file(after, "new.json"),))
    return diff(old, new, files.get).changes


def test_schemas_in_files_are_compared_by_what_they_say() -> None:
    (wider,) = _schema_diff(OLD, NEW, {"old.json": OLD, "new.json": NEW})
    assert (wider.risk, wider.before, wider.after) == (
        "tool-compatible",
        digest(OLD),
        digest(NEW),
    )
    (narrower,) = _schema_diff(NEW, OLD, {"old.json": NEW, "new.json": OLD})
    assert (narrower.risk, narrower.before, narrower.after) == (
        "tool-breaking",
        "number",
        "integer",
    )
    assert narrower.why == "`a` must now be a whole number"


def test_schema_that_is_written_otherwise_is_no_change() -> None:
    indented = json.dumps(tool(a=INTEGER), indent=2).encode()
    assert _schema_diff(OLD, indented, {"old.json": OLD, "new.json": indented}) == ()


def test_schema_in_a_file_and_the_same_inline_are_no_change() -> None:
    old = version("v1", tools=(in_file(OLD, "old.json"),))
    new = version("v2", tools=(inline(tool(a=INTEGER)),))
    assert diff(old, new, {"old.json": OLD}.get).changes == ()


def test_schema_with_other_descriptions_says_that_only_these_changed() -> None:
    described = json.dumps(tool(a=INTEGER | {"description": "how many"})).encode()
    (change,) = _schema_diff(OLD, described, {"old.json": OLD, "new.json": described})
    assert (change.risk, change.why) == ("tool-compatible", "only descriptions changed")


@pytest.mark.parametrize(
    ("before", "after", "files", "why"),
    [
        pytest.param(OLD, NEW, {}, "old.json is not here", id="both elsewhere"),
        pytest.param(OLD, NEW, {"old.json": OLD}, "new.json is not here", id="one elsewhere"),
        pytest.param(
            OLD,
            NEW,
            {"old.json": NEW, "new.json": NEW},
            "old.json is no longer the file",
            id="one overwritten",
        ),
        pytest.param(
            b"no JSON",
            NEW,
            {"old.json": b"no JSON", "new.json": NEW},
            "old.json: it is no JSON",
            id="one no schema",
        ),
        pytest.param(
            OLD,
            b'{"type": "x"}',
            {"old.json": OLD, "new.json": b'{"type": "x"}'},
            'type is "x"',
            id="one malformed",
        ),
    ],
)
def test_schemas_that_cannot_be_told_apart_count_as_breaking(
    before: bytes, after: bytes, files: dict[str, bytes], why: str
) -> None:
    (change,) = _schema_diff(before, after, files)
    assert change.risk == "tool-breaking"
    assert (change.before, change.after) == (digest(before), digest(after))
    assert "cannot be told apart" in change.why
    assert why in change.why


def test_changes_are_listed_by_part_and_name() -> None:
    before = {
        "code": CODE,
        "prompts": (prompt(digit="a"),),
        "tools": (inline(),),
        "memory": memory(),
    }
    after = {
        "code": Code(repo="r", commit="d" * 40, image=CODE.image),
        "prompts": (prompt(digit="b"), prompt("about")),
        "model": MODEL,
        "tools": (inline(side_effects="read", allowed=False), Tool(name="ask", parameters={})),
        "memory": memory("1", migrate_down="automatic"),
    }
    found = diff_of(before, after)
    assert [(change.component, change.name) for change in found.changes] == [
        ("code", "commit"),
        ("prompts", "about"),
        ("prompts", "system"),
        ("model", "provider"),
        ("model", "model"),
        ("model", "params.temperature"),
        ("tools", "ask"),
        ("tools", "refund"),
        ("tools", "refund"),
        ("memory", "notes"),
    ]
    assert found.risk == "tool-breaking"


def _with(*risks: Risk) -> VersionDiff:
    changes = tuple(
        Change(component="code", name=risk, before=None, after=None, risk=risk, why="because")
        for risk in risks
    )
    return VersionDiff(before="v1", after="v2", changes=changes)


@pytest.mark.parametrize(("milder", "worse"), list(pairwise(RISKS)))
def test_worst_class_is_the_diffs_in_any_order_of_changes(milder: Risk, worse: Risk) -> None:
    assert _with(milder, worse).risk == worse
    assert _with(worse, milder).risk == worse


def test_order_of_classes_names_each_once() -> None:
    assert sorted(RISKS) == sorted(set(get_args(Risk)))
    assert RISKS[0] == "prompt-only"
    assert RISKS[-1] == "memory-forward-only"


@pytest.mark.parametrize("risk", RISKS)
def test_breaking_and_forward_only_are_seen_beside_milder_changes(risk: Risk) -> None:
    found = _with("prompt-only", risk, "code")
    assert is_breaking(found) == (risk in BREAKING)
    assert is_forward_only(found) == (risk == "memory-forward-only")


def test_forward_only_has_a_direction() -> None:
    old, new = {"memory": memory("1")}, {"memory": memory("2", reads=("1",))}
    assert is_forward_only(diff_of(old, new))
    assert not is_forward_only(diff_of(new, old))
    assert diff_of(new, old).risk == "memory-breaking"


def test_every_class_has_a_ramp_that_a_canary_takes() -> None:
    assert set(DEFAULT_STEPS) == {None, *RISKS}
    for risk, steps in DEFAULT_STEPS.items():
        assert Canary(steps=steps).steps == steps, risk
        assert any(step.certify for step in steps), risk


def test_ramp_of_a_worse_class_never_begins_with_a_larger_share() -> None:
    first = [default_steps(_with(risk))[0].share_ppm for risk in RISKS]
    assert first == sorted(first, reverse=True)
    assert default_steps(_with()) == default_steps(_with("prompt-only"))


def test_ramp_of_what_cannot_be_taken_back_asks_for_certainty_at_five_percent() -> None:
    certified = [
        step.share_ppm for step in default_steps(_with("memory-forward-only")) if step.certify
    ]
    assert min(certified) == 50_000
