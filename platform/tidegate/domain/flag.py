"""`envs/<env>/flags/<flag>.yaml`: code in production behind a toggle."""

import re
from collections.abc import Iterator
from datetime import date
from itertools import chain
from typing import Any

from tidegate.domain.audience import Condition
from tidegate.domain.document import API_VERSION, ApiVersion, Document
from tidegate.domain.errors import InvalidManifest
from tidegate.domain.json_values import check_json
from tidegate.domain.portions import Portion, allocation_of
from tidegate_sdk import flags
from tidegate_sdk.allocation import Allocation, Slice
from tidegate_sdk.flags import CompiledFlag, FlagSpec, FlagType
from tidegate_sdk.predicates import LARGEST_INTEGER, is_boolean, is_number, is_text
from tidegate_sdk.rules import Segments

_KEY = re.compile(r"[a-z0-9._:-]{1,100}")


class FlagRule(Document, frozen=True, kw_only=True):
    """One rule: whom it means, and what they get.

    Attributes:
        when: whom it means; everyone if not given.
        serve: the variant that all of them get.
        split: variant -> share of them; the flag's default variant has what is left.
    """

    when: Condition | None = None
    serve: str | None = None
    split: dict[str, int | str | Portion] | None = None

    def __post_init__(self) -> None:
        if (self.serve is None) == (self.split is None):
            raise ValueError("a rule must have either serve (one variant) or split (several)")
        if self.split is not None and not self.split:
            raise ValueError("split names no variant; write such as {new: 5%}, or serve")


class FeatureFlag(Document, frozen=True, kw_only=True, tag_field="kind", tag="FeatureFlag"):
    """`envs/<env>/flags/<flag>.yaml`: one value for each unit, by ordered rules.

    Attributes:
        flag: its key, of a-z, 0-9 and . _ : -
        type: what its values are.
        variants: name -> value.
        rules: the first whose `when` holds decides.
        default: the variant of everyone else.
        killed: whether everyone gets the variant `kill_switch`, whatever the rules say.
        kill_switch: that variant; the default one if not given.
        expires: the day from which lint asks to take the flag out; it changes no answer.
        salt: which units come first in splits; the key if not given.
    """

    api_version: ApiVersion = API_VERSION
    flag: str
    type: FlagType
    variants: dict[str, Any]
    rules: tuple[FlagRule, ...] = ()
    default: str
    killed: bool = False
    kill_switch: str | None = None
    expires: date | None = None
    salt: str | None = None

    def __post_init__(self) -> None:
        if _KEY.fullmatch(self.flag) is None:
            raise ValueError(f"flag is {self.flag!r}; a key is 1 to 100 of a-z, 0-9 and . _ : -")
        for name, value in self.variants.items():
            _check_value(f"variants.{name}", self.type, value)
        for place, variant in self._named_variants():
            if variant not in self.variants:
                raise ValueError(
                    f"{place} names {variant!r}; variants defines {list(self.variants)}"
                )
        _check_reached(self.rules)
        _rules(self)  # to refuse shares that do not fit while the file and key are still known

    def _named_variants(self) -> Iterator[tuple[str, str]]:
        """Everywhere a variant is named: the key, and the name."""
        yield "default", self.default
        if self.kill_switch is not None:
            yield "killSwitch", self.kill_switch
        for number, rule in enumerate(self.rules):
            if rule.serve is not None:
                yield f"rules[{number}].serve", rule.serve
            for variant in rule.split or ():
                yield f"rules[{number}].split", variant


def flag_path(environment: str, flag: str) -> str:
    """Path of a feature flag."""
    return f"envs/{environment}/flags/{flag}.yaml"


def flag_spec(document: FeatureFlag, holdout: Slice | None = None) -> FlagSpec:
    """The flag as service and SDK evaluate it: plain data.

    Args:
        document: the flag.
        holdout: units that no split of it takes, if it shall keep to a holdout.
    """
    return FlagSpec(
        key=document.flag,
        type=document.type,
        variants=document.variants,
        default=document.default,
        rules=tuple(_rules(document)),
        killed=(document.kill_switch or document.default) if document.killed else None,
        holdout=holdout,
    )


def compile_flag(
    path: str, document: FeatureFlag, segments: Segments, holdout: Slice | None = None
) -> CompiledFlag:
    """The flag ready to answer.

    Args:
        path: the file it was read from.
        document: the flag.
        segments: matchers of the manifest's segments.
        holdout: units that no split of it takes, if it shall keep to a holdout.

    Raises:
        InvalidManifest: a rule names a segment that is not there, or the salt is the holdout's.
    """
    try:
        return CompiledFlag(flag_spec(document, holdout), segments)
    except ValueError as error:
        raise InvalidManifest(path, str(error)) from error


def _rules(document: FeatureFlag) -> list[flags.FlagRule]:
    return [
        flags.FlagRule(
            serve=_serve(document, number, rule),
            when=None if rule.when is None else rule.when.rule(),
        )
        for number, rule in enumerate(document.rules)
    ]


def _serve(document: FeatureFlag, number: int, rule: FlagRule) -> str | Allocation:
    if rule.serve is not None:
        return rule.serve
    salt = document.flag if document.salt is None else document.salt
    try:
        return allocation_of(rule.split or {}, document.default, salt)
    except ValueError as error:
        raise ValueError(f"rules[{number}].split: {error}") from error


def _check_reached(rules: tuple[FlagRule, ...]) -> None:
    for number, rule in enumerate(rules[:-1]):
        if rule.when is None:
            raise ValueError(
                f"rules[{number + 1}] is never reached: rules[{number}] has no when, so it decides "
                "for everyone; move it to the end, or say whom it means"
            )


def _check_value(place: str, kind: FlagType, value: Any) -> None:
    problem = _problem(kind, value)
    if problem is not None:
        raise ValueError(f"{place} is {value!r}, {problem}")
    check_json(place, value)
    too_large = next((each for each in _integers(value) if abs(each) > LARGEST_INTEGER), None)
    if too_large is not None:
        raise ValueError(f"{place} holds {too_large}, must be at most {LARGEST_INTEGER} from zero")


def _problem(kind: FlagType, value: Any) -> str | None:
    """What is wrong with a value for its type, if anything."""
    match kind:
        case "boolean":
            return None if is_boolean(value) else "must be true or false"
        case "string":
            return None if is_text(value) else "must be a text; put quotes around it"
        case "integer":
            fits = is_number(value) and isinstance(value, int)
            return None if fits else "must be a whole number without a point"
        case "float":
            return None if is_number(value) else "must be a number"
        case "object":
            return None if isinstance(value, dict) else "must be a mapping"


def _integers(value: Any) -> Iterator[int]:
    match value:
        case int():
            yield value
        case dict():
            yield from chain.from_iterable(map(_integers, value.values()))
        case list():
            yield from chain.from_iterable(map(_integers, value))
