"""Why a unit got what it got: every question that a flag asked, and the answer."""

from collections.abc import Iterator
from typing import NamedTuple

from tidegate_sdk.allocation import Allocation
from tidegate_sdk.bucketing import PARTS, bucket
from tidegate_sdk.flags import CompiledFlag, FlagRule, FlagSpec
from tidegate_sdk.predicates import Attributes
from tidegate_sdk.rules import NO_ATTRIBUTES, Condition, Segments, parts_of


class Step(NamedTuple):
    """One question on the way to a value.

    Attributes:
        rule: index of the rule that asks; None for the kill switch and what comes after all rules.
        depth: how deep inside the rule's condition; 0 is the rule itself.
        question: what is asked, in words.
        holds: the answer.
    """

    rule: int | None
    depth: int
    question: str
    holds: bool


def explain(flag: CompiledFlag, unit: str, attributes: Attributes = NO_ATTRIBUTES) -> list[Step]:
    """All questions that were asked to evaluate a flag, in order; the last one names the variant.

    Args:
        flag: the flag.
        unit: the unit that asks.
        attributes: its attributes.

    Returns:
        The kill switch, then each rule up to the one that decided: whether it matches and, one
        deeper, the parts of its condition; last the variant and how it was chosen.
    """
    spec, answer = flag.spec, flag.evaluate(unit, attributes)
    steps = [Step(None, 0, "flag is killed", spec.killed is not None)]
    if spec.killed is None:
        asked = spec.rules if answer.rule is None else spec.rules[: answer.rule + 1]
        for number, rule in enumerate(asked):
            steps += _rule_steps(number, rule, flag, unit, attributes)
    question = f"{_grounds(spec, answer.rule, unit)}: {answer.variant!r} ({answer.reason})"
    return [*steps, Step(answer.rule, 0, question, holds=True)]


def _rule_steps(
    number: int, rule: FlagRule, flag: CompiledFlag, unit: str, attributes: Attributes
) -> Iterator[Step]:
    if rule.when is None:
        yield Step(number, 0, f"rule {number} is for everyone", holds=True)
        return
    parts = list(_condition_steps(rule.when, flag.segments, unit, attributes))
    yield Step(number, 0, f"rule {number} matches", parts[0][2])
    yield from (Step(number, 1 + depth, question, holds) for depth, question, holds in parts)


def _condition_steps(
    condition: Condition, segments: Segments, unit: str, attributes: Attributes
) -> Iterator[tuple[int, str, bool]]:
    yield 0, str(condition), condition.matcher(segments)(unit, attributes)
    for part in parts_of(condition):
        for depth, question, holds in _condition_steps(part, segments, unit, attributes):
            yield depth + 1, question, holds


def _grounds(spec: FlagSpec, rule: int | None, unit: str) -> str:
    if rule is None:
        return "kill switch" if spec.killed is not None else "no rule matched"
    serve = spec.rules[rule].serve
    if not isinstance(serve, Allocation):
        return f"rule {rule} serves"
    if spec.holdout is not None and spec.holdout.holds(unit):
        return f"rule {rule} splits, and the unit is held out"
    number = bucket(serve.salt, unit)
    pieces = ", ".join(f"{name} [{start}, {stop})" for name, start, stop in serve.pieces())
    return f"rule {rule} splits by bucket {number} of {PARTS} among {pieces}"
