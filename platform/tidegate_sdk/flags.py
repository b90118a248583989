"""Feature flags: one value for each unit, by ordered rules, in the words of OpenFeature.

`FlagSpec` is plain data that travels as JSON; `CompiledFlag` answers from it. The first rule whose
condition holds decides: it serves one variant, or splits its units among variants with the flag's
default variant as the control (see `allocation`). Splits of one flag may share their salt: then a
unit keeps its bucket when a rule is added or moved. No evaluation reads a clock.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from tidegate_sdk.allocation import Allocation, Slice, check_independent
from tidegate_sdk.predicates import Attributes, Matcher
from tidegate_sdk.rules import NO_ATTRIBUTES, Condition, Segments

FlagType: TypeAlias = Literal["boolean", "string", "integer", "float", "object"]
Reason: TypeAlias = Literal["STATIC", "TARGETING_MATCH", "SPLIT", "DISABLED", "DEFAULT", "UNKNOWN"]
"""OpenFeature's reasons. No evaluation here answers UNKNOWN; a cached or foreign answer may."""


class Evaluation(NamedTuple):
    """What a flag answers to one unit.

    Attributes:
        value: of the flag's type.
        variant: name of the variant whose value it is.
        reason: STATIC (the flag has no rules), TARGETING_MATCH or SPLIT (a rule decided), DEFAULT
            (no rule matched, or the unit is held out), DISABLED (the flag is killed).
        rule: index of the rule that decided, if one did.
    """

    value: Any
    variant: str
    reason: Reason
    rule: int | None = None


class FlagRule(msgspec.Struct, frozen=True):
    """One rule: for whom, and what they get.

    Attributes:
        serve: the variant that all of them get, or how they are split among variants.
        when: who is meant; everyone if not given.
    """

    serve: str | Allocation
    when: Condition | None = None


class FlagSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A flag as plain data.

    Attributes:
        variants: name -> value, all of the flag's type.
        default: the variant of units that no rule matches, and the control of every split.
        killed: the variant that everyone gets, if the flag is killed.
        holdout: units that no split takes; they get the default.
    """

    key: str
    type: FlagType
    variants: dict[str, Any]
    default: str
    rules: tuple[FlagRule, ...] = ()
    killed: str | None = None
    holdout: Slice | None = None

    @property
    def needs_unit(self) -> bool:
        """Whether the answer can depend on a split, so that a unit must be given."""
        splits = any(isinstance(rule.serve, Allocation) for rule in self.rules)
        return splits and self.killed is None


_Decider: TypeAlias = tuple[Matcher | None, Callable[[str], Evaluation]]


class CompiledFlag:
    """A flag ready to answer: the same for every process that holds the same specification.

    Args:
        spec: the flag.
        segments: matchers of the segments that its rules refer to.

    Raises:
        InvalidSegment: a rule refers to a segment that is not defined.
        ValueError: a variant is not defined, or the holdout and a split share their salt.
    """

    __slots__ = ("_deciders", "_is_object", "_otherwise", "segments", "spec")

    def __init__(self, spec: FlagSpec, segments: Segments) -> None:
        self.spec = spec
        self.segments = segments
        self._is_object = spec.type == "object"
        self._otherwise = _otherwise(spec)
        # A killed flag compiles no rules: whatever is wrong with them, the kill switch works.
        asked = len(spec.rules) if spec.killed is None else 0
        self._deciders = tuple(_decider(spec, number, segments) for number in range(asked))

    def evaluate(self, unit: str, attributes: Attributes = NO_ATTRIBUTES) -> Evaluation:
        """What a unit gets: a function of the flag, the unit and its attributes alone.

        Total: attributes that are missing or of another type than a rule asks for do not match, and
        none raises. An object is a new one at each call, so that no caller can change another's.
        """
        answer = self._otherwise
        for matches, choose in self._deciders:
            if matches is None or matches(unit, attributes):
                answer = choose(unit)
                break
        if not self._is_object:
            return answer
        return Evaluation(_copied(answer.value), answer.variant, answer.reason, answer.rule)


def _otherwise(spec: FlagSpec) -> Evaluation:
    if spec.killed is not None:
        return _evaluation(spec, spec.killed, "DISABLED")
    return _evaluation(spec, spec.default, "DEFAULT" if spec.rules else "STATIC")


def _decider(spec: FlagSpec, number: int, segments: Segments) -> _Decider:
    rule = spec.rules[number]
    matches = None if rule.when is None else rule.when.matcher(segments)
    if isinstance(rule.serve, Allocation):
        return matches, _chooser(spec, number, rule.serve)
    answer = _evaluation(spec, rule.serve, "TARGETING_MATCH", number)
    return matches, lambda _: answer


def _chooser(spec: FlagSpec, number: int, split: Allocation) -> Callable[[str], Evaluation]:
    holdout = spec.holdout
    check_independent(split.salt, holdout.salt if holdout else None)
    choose = split.compiled().chooser(
        {name: _evaluation(spec, name, "SPLIT", number) for name in split.names}
    )
    if holdout is None:
        return choose
    held_out = _evaluation(spec, spec.default, "DEFAULT", number)
    return lambda unit: held_out if holdout.holds(unit) else choose(unit)


def _evaluation(
    spec: FlagSpec, variant: str, reason: Reason, rule: int | None = None
) -> Evaluation:
    if variant not in spec.variants:
        raise ValueError(
            f"flag {spec.key!r} has no variant {variant!r}; it has {list(spec.variants)}"
        )
    value = spec.variants[variant]
    return Evaluation(float(value) if spec.type == "float" else value, variant, reason, rule)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value
