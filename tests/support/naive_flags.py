"""A second implementation of rules, splits and flags, read off the documents key by key.

It is written to be plainly right and as slow as it likes: it compiles nothing, and shares nothing
with the code it checks but `bucket`, which has golden vectors of its own.
"""

import re
from fractions import Fraction
from functools import cmp_to_key
from typing import Any

from tidegate_sdk import PARTS, bucket

SEMVER = re.compile(
    r"v?(\d+)(\.\d+)?(\.\d+)?(-[\dA-Za-z-]+(\.[\dA-Za-z-]+)*)?(\+[\dA-Za-z.-]+)?",
    re.ASCII,
)
Json = dict[str, Any]


def meets(condition: Json, unit: str, attributes: Json, segments: dict[str, Json]) -> bool:
    """Whether a unit meets a condition as it is written in a document."""
    return all(_key_holds(key, said, unit, attributes, segments) for key, said in condition.items())


def belongs(segment: Json, unit: str, attributes: Json, segments: dict[str, Json]) -> bool:
    """Whether a unit belongs to a segment as it is written in its document."""
    return (
        unit in segment.get("users", [])
        or _has_team(attributes, segment.get("teams", []))
        or any(meets(rule, unit, attributes, segments) for rule in segment.get("rules", []))
    )


def answer(
    flag: Json, unit: str, attributes: Json, segments: dict[str, Json]
) -> tuple[Any, str, str, int | None]:
    """Value, variant, reason and rule that a flag answers."""
    variant, reason, number = _decision(flag, unit, attributes, segments)
    value = flag["variants"][variant]
    return (float(value) if flag["type"] == "float" else value), variant, reason, number


def arm(split: Json, control: str, salt: str, unit: str) -> str:
    """The arm of a unit, room by room."""
    return arm_at(split, control, bucket(salt, unit))


def arm_at(split: Json, control: str, number: int) -> str:
    """The arm of a bucket, room by room."""
    arms = {name: said for name, said in split.items() if name != control}
    stated = {name: ppm(said["max"]) for name, said in arms.items() if _states_max(said)}
    for name, said in arms.items():
        share = ppm(said["weight"] if isinstance(said, dict) else said)
        left = PARTS - sum(stated.values())
        room = stated.get(name, left // max(1, len(arms) - len(stated)))
        if number < room:
            return name if number < share else control
        number -= room
    return control


def ppm(share: int | str) -> int:
    """Parts per million of a share as people write it."""
    return share if isinstance(share, int) else int(Fraction(share.rstrip("% ")) * PARTS / 100)


def newer(one: str, other: str) -> int:
    """-1, 0 or 1 as a semantic version is older than, equal to or newer than another."""
    (numbers, pre), (others, other_pre) = _version(one), _version(other)
    if numbers != others:
        return 1 if numbers > others else -1
    if not pre or not other_pre:
        return bool(other_pre) - bool(pre)
    for mine, theirs in zip(pre, other_pre, strict=False):
        if mine != theirs:
            return _identifier_newer(mine, theirs)
    return (len(pre) > len(other_pre)) - (len(pre) < len(other_pre))


by_version = cmp_to_key(newer)


def _decision(
    flag: Json, unit: str, attributes: Json, segments: dict[str, Json]
) -> tuple[str, str, int | None]:
    if flag.get("killed"):
        return flag.get("killSwitch", flag["default"]), "DISABLED", None
    rules = flag.get("rules", [])
    for number, rule in enumerate(rules):
        if meets(rule.get("when", {}), unit, attributes, segments):
            if "serve" in rule:
                return rule["serve"], "TARGETING_MATCH", number
            salt = flag.get("salt", flag["flag"])
            return arm(rule["split"], flag["default"], salt, unit), "SPLIT", number
    return flag["default"], "DEFAULT" if rules else "STATIC", None


def _key_holds(  # noqa: PLR0911 - one answer for each key
    key: str, said: Any, unit: str, attributes: Json, segments: dict[str, Json]
) -> bool:
    match key:
        case "users":
            return unit in said
        case "teams":
            return _has_team(attributes, said)
        case "segment":
            return belongs(segments[said], unit, attributes, segments)
        case "all":
            return all(meets(each, unit, attributes, segments) for each in said)
        case "any":
            return any(meets(each, unit, attributes, segments) for each in said)
        case "not":
            return not meets(said, unit, attributes, segments)
        case _:
            return all(_attribute_holds(attributes.get(name), want) for name, want in said.items())


def _has_team(attributes: Json, teams: list[str]) -> bool:
    mine = attributes.get("team")
    return any(isinstance(each, str) and each in teams for each in _listed(mine))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _attribute_holds(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return all(_test_holds(value, name, asked) for name, asked in wanted.items())
    return any(_same(value, each) for each in _listed(wanted))


def _test_holds(value: Any, name: str, asked: Any) -> bool:
    match name:
        case "in":
            return any(_same(value, each) for each in asked)
        case "notIn":
            comparable = not asked or any(_kind(value) == _kind(each) for each in asked)
            scalar = _kind(value) in ("text", "boolean", "number")
            return scalar and comparable and not any(_same(value, each) for each in asked)
        case "exists":
            return (value is not None) == asked
        case "contains" if isinstance(value, list):
            return any(_same(each, asked) for each in value)
        case "gt" | "gte" | "lt" | "lte":
            return _kind(value) == "number" and _ordered(value, name, asked)
        case _:
            return isinstance(value, str) and _text_holds(value, name, asked)


def _text_holds(value: str, name: str, asked: str) -> bool:
    if name == "semver":
        is_version = len(value) <= 256 and SEMVER.fullmatch(value) is not None
        return is_version and all(map(_bounded(value), asked.split()))
    return {
        "startsWith": value[: len(asked)] == asked,
        "endsWith": value[max(0, len(value) - len(asked)) :] == asked,
        "contains": value.find(asked) >= 0,
    }[name]


def _bounded(value: str) -> Any:
    def holds(bound: str) -> bool:
        sign = bound[:2].rstrip("v0123456789")
        order = newer(value, bound.removeprefix(sign))
        return order in {">": (1,), ">=": (0, 1), "<": (-1,), "<=": (-1, 0), "=": (0,)}[sign]

    return holds


def _ordered(value: float, name: str, asked: float) -> bool:
    return {"gt": value > asked, "gte": value >= asked, "lt": value < asked, "lte": value <= asked}[
        name
    ]


def _same(one: Any, other: Any) -> bool:
    return _kind(one) == _kind(other) and _kind(one) != "none" and bool(one == other)


def _kind(value: Any) -> str:
    names = {str: "text", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "none")


def _states_max(said: Any) -> bool:
    return isinstance(said, dict) and said.get("max") is not None


def _version(text: str) -> tuple[list[int], list[str]]:
    text, _, _ = text.removeprefix("v").partition("+")
    numbers, _, pre = text.partition("-")
    found = [int(each) for each in numbers.split(".")]
    return found + [0] * (3 - len(found)), pre.split(".") if pre else []


def _identifier_newer(one: str, other: str) -> int:
    if one.isdigit() and other.isdigit():
        return (int(one) > int(other)) - (int(one) < int(other))
    if one.isdigit() != other.isdigit():
        return -1 if one.isdigit() else 1
    return 1 if one > other else -1
