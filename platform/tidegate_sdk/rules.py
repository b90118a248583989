"""Who is meant: conditions over a unit and its attributes, compiled once to closures.

A condition is plain data that travels as JSON; `matcher` turns it into a function of unit and
attributes. Matchers are total: they answer for any attributes that JSON can hold and never
raise. An attribute that is missing or of another type matches nothing, so `Not` of such a question
holds.
"""

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Final, TypeAlias

import msgspec

from tidegate_sdk.predicates import Attributes, Matcher, Predicate, has_text_of

Segments: TypeAlias = Mapping[str, Matcher]

TEAM_ATTRIBUTE: Final = "team"
"""The attribute that says a unit's team: a text, or a list of texts."""

NO_ATTRIBUTES: Final[Attributes] = {}
DEEPEST: Final = 10
"""How deep conditions may nest, and how many segments may refer to one another in a row."""


class InvalidSegment(ValueError):
    """A segment that is not defined, or that refers to itself in the end."""

    def __init__(self, segment: str, problem: str) -> None:
        self.segment = segment
        self.problem = problem
        super().__init__(problem)


class _Condition(msgspec.Struct, frozen=True, tag_field="is"):
    """Base of the conditions: plain data that travels as JSON."""


class Users(_Condition, frozen=True, tag="users"):
    """The unit is one of these."""

    units: tuple[str, ...]

    def matcher(self, segments: Segments) -> Matcher:
        """The condition as a function of unit and attributes."""
        del segments
        units = frozenset(self.units)
        return lambda unit, _: unit in units

    def __str__(self) -> str:
        return f"unit in {list(self.units)}"


class Teams(_Condition, frozen=True, tag="teams"):
    """The unit's attribute `team` is one of these, or a list that has one of them."""

    teams: tuple[str, ...]

    def matcher(self, segments: Segments) -> Matcher:
        """The condition as a function of unit and attributes."""
        del segments
        teams = frozenset(self.teams)

        def matches(_: str, attributes: Attributes) -> bool:
            team = attributes.get(TEAM_ATTRIBUTE)
            if isinstance(team, str):
                return team in teams
            return has_text_of(team, teams)

        return matches

    def __str__(self) -> str:
        return f"team in {list(self.teams)}"


class InSegment(_Condition, frozen=True, tag="segment"):
    """The unit belongs to a segment."""

    segment: str

    def matcher(self, segments: Segments) -> Matcher:
        """The condition as a function of unit and attributes.

        Raises:
            InvalidSegment: no such segment.
        """
        return segment_named(self.segment, segments)

    def __str__(self) -> str:
        return f"in segment {self.segment!r}"


class Attribute(_Condition, frozen=True, tag="attribute"):
    """An attribute of the unit satisfies a predicate."""

    key: str
    value: Predicate

    def matcher(self, segments: Segments) -> Matcher:
        """The condition as a function of unit and attributes."""
        del segments
        return self.value.matcher(self.key)

    def __str__(self) -> str:
        return f"{self.key} {self.value}"


class Every(_Condition, frozen=True, tag="all"):
    """All parts hold; of no parts, always."""

    parts: "tuple[Condition, ...]"

    def matcher(self, segments: Segments) -> Matcher:
        """The condition as a function of unit and attributes."""
        matchers = tuple(part.matcher(segments) for part in self.parts)

        def matches(unit: str, attributes: Attributes) -> bool:
            for part in matchers:  # noqa: SIM110 - a loop is twice as fast as all() of a generator
                if not part(unit, attributes):
                    return False
            return True

        return matches

    def __str__(self) -> str:
        return "all of"


class AnyOf(_Condition, frozen=True, tag="any"):
    """At least one part holds; of no parts, never."""

    parts: "tuple[Condition, ...]"

    def matcher(self, segments: Segments) -> Matcher:
        """The condition as a function of unit and attributes."""
        matchers = tuple(part.matcher(segments) for part in self.parts)

        def matches(unit: str, attributes: Attributes) -> bool:
            for part in matchers:  # noqa: SIM110 - a loop is twice as fast as any() of a generator
                if part(unit, attributes):
                    return True
            return False

        return matches

    def __str__(self) -> str:
        return "any of"


class Not(_Condition, frozen=True, tag="not"):
    """The part does not hold."""

    part: "Condition"

    def matcher(self, segments: Segments) -> Matcher:
        """The condition as a function of unit and attributes."""
        holds = self.part.matcher(segments)
        return lambda unit, attributes: not holds(unit, attributes)

    def __str__(self) -> str:
        return "not"


Condition: TypeAlias = Users | Teams | InSegment | Attribute | Every | AnyOf | Not


def parts_of(condition: Condition) -> "tuple[Condition, ...]":
    """The conditions that a condition is made of; of a plain one, none."""
    match condition:
        case Every(parts) | AnyOf(parts):
            return parts
        case Not(part):
            return (part,)
        case _:
            return ()


def segments_in(condition: Condition) -> frozenset[str]:
    """Names of the segments that a condition refers to itself, not through others."""
    if isinstance(condition, InSegment):
        return frozenset({condition.segment})
    return frozenset().union(*map(segments_in, parts_of(condition)))


def segment_named(name: str, segments: Segments) -> Matcher:
    """The matcher of a segment.

    Raises:
        InvalidSegment: no such segment.
    """
    found = segments.get(name)
    if found is None:
        raise InvalidSegment(name, _undefined(name, segments))
    return found


def compile_segments(conditions: Mapping[str, Condition]) -> dict[str, Matcher]:
    """One matcher for each named segment.

    Raises:
        InvalidSegment: a segment refers to one that is not defined, to itself in the end, or
            through more than `DEEPEST` others; `segment` is the one that does.
    """
    made: dict[str, Matcher] = {}
    depths: dict[str, int] = {}
    for name in _in_order({name: segments_in(each) for name, each in conditions.items()}):
        condition = conditions[name]
        depths[name] = 1 + max((depths[each] for each in segments_in(condition)), default=0)
        if depths[name] > DEEPEST:
            problem = f"refers to segments through {DEEPEST} others; name the units more directly"
            raise InvalidSegment(name, problem)
        made[name] = condition.matcher(made)
    return made


def _in_order(references: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """All segments, each after those it refers to."""
    for name, referred in references.items():
        for each in sorted(referred - references.keys()):
            raise InvalidSegment(name, _undefined(each, references))
    sorter = TopologicalSorter({name: sorted(each) for name, each in references.items()})
    try:
        return tuple(sorter.static_order())
    except CycleError as error:
        *circle, _ = reversed(error.args[1])
        first = circle.index(min(circle))
        turned = [*circle[first:], *circle[: first + 1]]
        problem = f"refers to itself: {' -> '.join(turned)}; take one reference out"
        raise InvalidSegment(turned[0], problem) from error


def _undefined(name: str, defined: Iterable[str]) -> str:
    known = ", ".join(sorted(defined)) or "none"
    return f"segment {name!r} is not defined; defined are: {known}"
