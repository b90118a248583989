"""Feature flags as people write them."""

from datetime import date
from typing import Any

import msgspec
import pytest
import yaml

from tidegate.domain import manifest_files as files
from tidegate.domain.errors import InvalidManifest
from tidegate.domain.flag import FeatureFlag, compile_flag, flag_path, flag_spec
from tidegate.domain.segment import Segment, compile_segments
from tidegate_sdk.allocation import Allocation, Arm, Slice
from tidegate_sdk.bucketing import PARTS
from tidegate_sdk.flags import Evaluation, FlagRule
from tidegate_sdk.rules import InSegment

PATH = "envs/production/flags/checkout.new-flow.yaml"
FLAG = """
kind: FeatureFlag
flag: checkout.new-flow
type: string
variants: {new: v2, newest: v3, old: v1}
rules:
  - when: {segment: testers}
    serve: newest
  - when:
      attributes: {country: [DE, AT], app: {semver: ">=2.3.0"}}
    split: {new: {weight: 25%, max: 80%}, newest: 1%}
  - split: {new: 0.5%, old: 99.5%}
default: old
expires: 2026-12-31
"""
ENDLESS: dict[str, Any] = {}  # as an alias in YAML can make it
ENDLESS["a"] = ENDLESS
SEGMENTS = compile_segments({"testers": Segment(segment="testers", users=("ada",))})


def _read(text: str = FLAG, **changes: Any) -> FeatureFlag:
    return msgspec.convert(yaml.safe_load(text) | changes, FeatureFlag)


def test_flag_as_a_person_writes_it_is_read() -> None:
    flag = files.parse(PATH, FLAG.encode(), FeatureFlag)
    assert (flag.flag, flag.default, flag.killed) == ("checkout.new-flow", "old", False)
    assert flag.expires == date(2026, 12, 31)
    testers, some, everyone = flag_spec(flag).rules
    assert testers == FlagRule("newest", InSegment("testers"))
    arms = (Arm("new", 250_000, 800_000), Arm("newest", 10_000, 200_000))
    assert some.serve == Allocation("checkout.new-flow", "old", arms)
    only = (Arm("new", 5000, PARTS),)
    assert everyone == FlagRule(Allocation("checkout.new-flow", "old", only))


def test_flag_compiled_with_its_segments_answers() -> None:
    flag = compile_flag(PATH, _read(), SEGMENTS)
    assert flag.evaluate("ada") == Evaluation("v3", "newest", "TARGETING_MATCH", 0)
    answers = {flag.evaluate(f"u{number}").variant for number in range(2000)}
    assert answers == {"new", "old"}


def test_flag_that_keeps_to_a_holdout_splits_no_unit_of_it() -> None:
    flag = compile_flag(PATH, _read(), SEGMENTS, Slice("holdout:production", 0, PARTS))
    assert {flag.evaluate(f"u{number}").reason for number in range(200)} == {"DEFAULT"}


def test_salt_of_a_flag_is_its_key_unless_it_names_one() -> None:
    (plain,) = flag_spec(_read(rules=[{"split": {"new": "5%"}}])).rules
    (named,) = flag_spec(_read(rules=[{"split": {"new": "5%"}}], salt="s")).rules
    assert isinstance(plain.serve, Allocation)
    assert isinstance(named.serve, Allocation)
    assert (plain.serve.salt, named.serve.salt) == ("checkout.new-flow", "s")


@pytest.mark.parametrize(
    ("changes", "variant"),
    [
        pytest.param({"killed": True, "killSwitch": "new"}, "new", id="the kill switch"),
        pytest.param({"killed": True}, "old", id="the default, if none is named"),
    ],
)
def test_killed_flag_serves_one_variant_to_everyone(changes: dict[str, Any], variant: str) -> None:
    flag = compile_flag(PATH, _read(**changes), {})
    for unit in ("ada", "bob"):
        answer = flag.evaluate(unit)
        assert (answer.variant, answer.reason) == (variant, "DISABLED")


def test_kill_switch_that_is_not_thrown_changes_nothing() -> None:
    assert flag_spec(_read(killSwitch="new")) == flag_spec(_read())


def test_expiry_of_a_flag_changes_no_answer() -> None:
    assert flag_spec(_read(expires="2001-01-01")) == flag_spec(_read())


@pytest.mark.parametrize("key", ["a", "a.b_c:d-9", "0", "x" * 100])
def test_key_of_the_allowed_characters_is_taken(key: str) -> None:
    assert _read(flag=key).flag == key


@pytest.mark.parametrize("key", ["", "A", "a/b", "a b", "ä", "a\n", "x" * 101])
def test_key_of_other_characters_is_refused(key: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="a key is 1 to 100 of a-z, 0-9"):
        _read(flag=key)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        pytest.param({"default": "blue"}, "default names 'blue'; variants defines ['new', 'newest'",
                     id="default"),
        pytest.param({"killSwitch": "blue"}, "killSwitch names 'blue'", id="kill switch"),
        pytest.param({"rules": [{"serve": "blue"}]}, "rules[0].serve names 'blue'", id="serve"),
        pytest.param({"rules": [{"split": {"blue": 1}}]}, "rules[0].split names 'blue'",
                     id="split"),
        pytest.param({"rules": [{"when": {"users": []}}]}, "must have either serve (one variant) "
                     "or split (several) - at `$.rules[0]`", id="neither"),
        pytest.param({"rules": [{"serve": "new", "split": {"new": 1}}]}, "either serve", id="both"),
        pytest.param({"rules": [{"split": {}}]}, "split names no variant", id="an empty split"),
        pytest.param({"rules": [{"serve": "new"}, {"serve": "old"}]}, "rules[1] is never reached: "
                     "rules[0] has no when", id="a rule behind everyone"),
        pytest.param({"rules": [{"split": {"new": 0.5}}]}, "`$.rules[0].split[...]`", id="a float"),
        pytest.param({"rules": [{"split": {"new": "half"}}]}, "rules[0].split: new: 'half' is no "
                     "share", id="no share"),
        pytest.param({"rules": [{"split": {"new": "70%", "newest": "20%"}}]}, "rules[0].split: new "
                     "has 70% but room for 50%; state the room", id="no room"),
        pytest.param({"rules": [{"split": {"new": {"weight": 1, "max": "x"}}}]}, "new: 'x' is no",
                     id="no maximum"),
        pytest.param({"rules": [{"split": {"new": "5%", "old": "5%"}}]}, "old takes what the "
                     "others leave, 95%; write that", id="a rest that is none"),
        pytest.param({"type": "number"}, "`$.type`", id="unknown type"),
        pytest.param({"type": "float"}, "variants.new is 'v2', must be a number", id="wrong type"),
        pytest.param({"expires": "soon"}, "`$.expires`", id="no date"),
        pytest.param({"variants": {}}, "default names 'old'", id="no variants"),
        pytest.param({"rollout": 5}, "unknown field `rollout`", id="unknown key"),
    ],
)  # fmt: skip
def test_flag_that_cannot_be_served_is_refused_by_key(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        _read(**changes)
    assert named in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("boolean", True), ("string", ""), ("integer", 2**53 - 1), ("integer", -(2**53) + 1),
     ("float", 1), ("float", 1.5), ("object", {}), ("object", {"a": [1, None, {"b": "c"}, 2.5]})],
)  # fmt: skip
def test_value_of_the_declared_type_is_taken(kind: str, value: object) -> None:
    flag = _read(type=kind, variants={"a": value}, default="a", rules=[])
    assert compile_flag(PATH, flag, {}).evaluate("u").value == value


@pytest.mark.parametrize(
    ("kind", "value", "problem"),
    [
        ("boolean", 1, "must be true or false"),
        ("boolean", "true", "must be true or false"),
        ("string", 1, "must be a text; put quotes around it"),
        ("string", None, "must be a text"),
        ("integer", 1.0, "must be a whole number without a point"),
        ("integer", True, "must be a whole number"),
        ("integer", 2**53, "must be at most 9007199254740991 from zero"),
        ("float", True, "must be a number"),
        ("float", "1.5", "must be a number"),
        ("float", float("nan"), "holds nan, which is no JSON number"),
        ("float", float("inf"), "holds inf, which is no JSON number"),
        ("float", 10**400, "must be at most"),
        ("object", [1], "must be a mapping"),
        ("object", {"a": {1: 2}}, "has the key 1, which is no text; quote it"),
        ("object", {"a": [date(2026, 1, 2)]}, "holds 2026-01-02, a date; quote it"),
        ("object", {"a": {"b": float("nan")}}, "holds nan, which is no JSON number"),
        ("object", ENDLESS, "is nested deeper than"),
        ("object", {"a": {"b": 2**53}}, "must be at most"),
    ],
)
def test_value_of_another_type_is_refused_by_variant(
    kind: str, value: object, problem: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=problem) as refused:
        _read(type=kind, variants={"a": value}, default="a", rules=[])
    assert str(refused.value).startswith("variants.a ")


def test_flag_on_a_segment_that_is_not_there_is_refused_with_its_file() -> None:
    with pytest.raises(InvalidManifest, match="segment 'testers' is not defined") as refused:
        compile_flag(PATH, _read(), {})
    assert refused.value.path == PATH


def test_path_of_a_flag_is_as_documented() -> None:
    assert flag_path("production", "checkout.new-flow") == PATH


def test_flag_is_read_back_as_it_was_written() -> None:
    flag = _read(killed=True, killSwitch="new", salt="s")
    assert files.parse(PATH, files.render(flag), FeatureFlag) == flag
