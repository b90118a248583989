"""Conditions as people write them, in a segment or a rule."""

from typing import Any

import msgspec
import pytest
import yaml

from tidegate.domain.audience import Condition, ForcedVersion
from tidegate_sdk import predicates
from tidegate_sdk.enrolment import Forced
from tidegate_sdk.rules import (
    DEEPEST,
    AnyOf,
    Attribute,
    Every,
    InSegment,
    Not,
    Teams,
    Users,
)
from tidegate_sdk.rules import Condition as Rule


def _read(text: str) -> Condition:
    return msgspec.convert(yaml.safe_load(text), Condition)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        pytest.param("users: [ada, bob]", Users(("ada", "bob")), id="users"),
        pytest.param("users: []", Users(()), id="nobody"),
        pytest.param("teams: [qa]", Teams(("qa",)), id="teams"),
        pytest.param("segment: beta", InSegment("beta"), id="segment"),
        pytest.param(
            "attributes: {plan: pro}", Attribute("plan", predicates.OneOf(("pro",))), id="a value"
        ),
        pytest.param(
            "attributes: {vip: true}", Attribute("vip", predicates.OneOf((True,))), id="a boolean"
        ),
        pytest.param(
            "attributes: {plan: [pro, team]}",
            Attribute("plan", predicates.OneOf(("pro", "team"))),
            id="a list of values",
        ),
        pytest.param(
            "attributes: {age: {gte: 18, lt: 65.5}}",
            Attribute("age", predicates.Between(gte=18, lt=65.5)),
            id="bounds of a number",
        ),
        pytest.param(
            """
            attributes:
              plan: {in: [a], notIn: [1, 2], exists: true}
              app: {semver: ">=2 <3", startsWith: v, endsWith: x, contains: y}
              gone: {exists: false}
            """,
            Every(
                (
                    Attribute("plan", predicates.OneOf(("a",))),
                    Attribute("plan", predicates.NoneOf((1, 2))),
                    Attribute("plan", predicates.Exists()),
                    Attribute("app", predicates.VersionIn(">=2 <3")),
                    Attribute("app", predicates.StartsWith("v")),
                    Attribute("app", predicates.EndsWith("x")),
                    Attribute("app", predicates.Contains("y")),
                    Attribute("gone", predicates.Exists(exists=False)),
                )
            ),
            id="every test of an attribute",
        ),
        pytest.param(
            """
            segment: beta
            attributes: {plan: pro}
            not: {users: [bob]}
            """,
            Every(
                (
                    InSegment("beta"),
                    Attribute("plan", predicates.OneOf(("pro",))),
                    Not(Users(("bob",))),
                )
            ),
            id="keys side by side must all hold",
        ),
        pytest.param(
            """
            any:
              - users: [ada]
              - all: [{teams: [qa]}, {segment: beta}]
            """,
            AnyOf((Users(("ada",)), Every((Teams(("qa",)), InSegment("beta"))))),
            id="any and all",
        ),
    ],
)
def test_condition_as_a_person_writes_it_is_the_rule_it_reads_as(text: str, rule: Rule) -> None:
    assert _read(text).rule() == rule


@pytest.mark.parametrize(
    ("text", "named"),
    [
        pytest.param("{}", "says nothing; write users", id="nothing at all"),
        pytest.param("attributes: {}", "says nothing", id="no attributes"),
        pytest.param("all: []", "all is empty", id="all of nothing"),
        pytest.param("any: []", "any is empty", id="any of nothing"),
        pytest.param(
            "{users: [ada], teams: [qa]}",
            "users and teams stand side by side; list them under any",
            id="two that name people",
        ),
        pytest.param(
            "{users: [ada], segment: beta}", "users and segment stand side by side", id="a segment"
        ),
        pytest.param("user: [ada]", "unknown field `user`", id="unknown key"),
        pytest.param("users: ada", "`$.users`", id="no list"),
        pytest.param("users: [1]", "`$.users[0]`", id="a number as user"),
        pytest.param("attributes: {age: {above: 3}}", "unknown field `above`", id="unknown test"),
        pytest.param("attributes: {age: null}", "got `null`", id="no value"),
        pytest.param("attributes: {age: {}}", "a test asks nothing; write such as", id="no test"),
        pytest.param("attributes: {age: {gt: .inf}}", "gt is inf", id="an endless bound"),
        pytest.param("attributes: {age: {gte: true}}", "got `bool`", id="a boolean as bound"),
        pytest.param("attributes: {age: .nan}", "age is nan", id="a number that is none"),
        pytest.param(f"attributes: {{age: {2**53}}}", "age is 9007199254740992, must be at most",
                     id="a number that JSON readers take for another"),
        pytest.param(f"attributes: {{age: {{lt: -{10**400}}}}}", "from zero", id="as a bound"),
        pytest.param(f"attributes: {{age: [{2**53}]}}", "must be at most", id="as one of a list"),
        pytest.param("attributes: {age: [1, .nan]}", "age is nan", id="one in a list"),
        pytest.param("attributes: {v: {semver: 2.x}}", "'2.x' bounds no version", id="no version"),
        pytest.param("attributes: {v: {in: [a, 1]}}", "mixes texts, numbers", id="several kinds"),
        pytest.param(
            "attributes: {country: [DE, false]}", "country lists ['DE', False]; put quotes around",
            id="a country that YAML takes for a boolean",
        ),
        pytest.param("attributes: {c: {notIn: [no]}}", "notIn lists [False]", id="in notIn too"),
        pytest.param("not: {any: [{users: [a]}, {}]}", "says nothing", id="deep inside"),
    ],
)  # fmt: skip
def test_condition_that_could_be_misread_is_refused_by_key(text: str, named: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        _read(text)
    assert named in str(refused.value)


def test_conditions_nest_as_deep_as_allowed_and_no_deeper() -> None:
    raw: dict[str, Any] = {"users": ["ada"]}
    for _ in range(DEEPEST - 1):
        raw = {"not": raw}
    assert msgspec.convert(raw, Condition).depth == DEEPEST
    with pytest.raises(msgspec.ValidationError, match=f"nest more than {DEEPEST} deep; name a"):
        msgspec.convert({"any": [raw]}, Condition)


def test_version_forced_on_an_audience_is_the_one_that_is_served() -> None:
    forced = msgspec.convert({"when": {"segment": "testers"}, "version": "v3"}, ForcedVersion)
    assert forced.forced() == Forced(InSegment("testers"), "v3")
