"""Whom a rule means, as people write it.

Keys side by side must all hold. Two keys that name people (`users`, `teams`, `segment`) are refused
side by side, because half of all readers would take them for alternatives: `any` or `all` says
which is meant. An empty list of people or values is valid and means nobody, so that taking the last
name out of a file does what it says.
"""

import math
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import msgspec

from tidegate.domain.document import Document
from tidegate_sdk import predicates, rules
from tidegate_sdk.enrolment import Forced
from tidegate_sdk.predicates import LARGEST_INTEGER, Predicate, Scalar
from tidegate_sdk.semantic_version import version_bounds


class AttributeTest(Document, frozen=True, kw_only=True):
    """Questions about one attribute; those that are asked must all hold.

    A value that is missing, null or of another type satisfies none of them but `exists: false`.

    Attributes:
        in_: the value is one of these, all texts or all numbers.
        not_in: the value is of the same type as these, and none of them.
        exists: there is a value, or there is none.
        gt: the value is a number above this; `gte` from this on, `lt` below, `lte` up to this.
        semver: the value is a semantic version within these bounds, such as ">=2.3.0 <3".
        starts_with: the value is a text that begins so.
        ends_with: the value is a text that ends so.
        contains: the value is a text that holds this text, or a list that has it as a member.
    """

    in_: tuple[Scalar, ...] | None = msgspec.field(default=None, name="in")
    not_in: tuple[Scalar, ...] | None = None
    exists: bool | None = None
    gt: int | float | None = None
    gte: int | float | None = None
    lt: int | float | None = None
    lte: int | float | None = None
    semver: str | None = None
    starts_with: str | None = None
    ends_with: str | None = None
    contains: str | None = None

    def __post_init__(self) -> None:
        _check_list("in", self.in_ or ())
        _check_list("notIn", self.not_in or ())
        for name, bound in zip(("gt", "gte", "lt", "lte"), self._bounds, strict=True):
            _check_number(name, bound)
        if self.semver is not None:
            version_bounds(self.semver)
        if not list(self.predicates()):
            raise ValueError('a test asks nothing; write such as {startsWith: "de-"} or {gte: 18}')

    @property
    def _bounds(self) -> tuple[float | None, ...]:
        return self.gt, self.gte, self.lt, self.lte

    def predicates(self) -> Iterator[Predicate]:
        """What is asked, one predicate for each question."""
        if self.in_ is not None:
            yield predicates.OneOf(self.in_)
        if self.not_in is not None:
            yield predicates.NoneOf(self.not_in)
        if self.exists is not None:
            yield predicates.Exists(self.exists)
        if any(bound is not None for bound in self._bounds):
            yield predicates.Between(*self._bounds)
        yield from self._text_predicates()

    def _text_predicates(self) -> Iterator[Predicate]:
        if self.semver is not None:
            yield predicates.VersionIn(self.semver)
        if self.starts_with is not None:
            yield predicates.StartsWith(self.starts_with)
        if self.ends_with is not None:
            yield predicates.EndsWith(self.ends_with)
        if self.contains is not None:
            yield predicates.Contains(self.contains)


Wanted: TypeAlias = Scalar | tuple[Scalar, ...] | AttributeTest
"""What an attribute must be: a value, one of a list of values, or what a test says."""


class Condition(Document, frozen=True, kw_only=True):
    """Whom is meant; keys side by side must all hold.

    Attributes:
        users: the unit is one of these.
        teams: its attribute `team` is one of these, or a list with one of them.
        segment: it belongs to this segment.
        attributes: each named attribute has this value, one of these values, or passes the test.
        all_: all of these hold.
        any_: at least one of these holds.
        not_: this does not hold; so it also covers units whose attribute is missing.
    """

    users: tuple[str, ...] | None = None
    teams: tuple[str, ...] | None = None
    segment: str | None = None
    attributes: dict[str, Wanted] | None = None
    all_: "tuple[Condition, ...] | None" = msgspec.field(default=None, name="all")
    any_: "tuple[Condition, ...] | None" = msgspec.field(default=None, name="any")
    not_: "Condition | None" = msgspec.field(default=None, name="not")

    def __post_init__(self) -> None:
        self._check_people()
        self._check_parts()
        for key, wanted in (self.attributes or {}).items():
            _check_wanted(key, wanted)
        if self.depth > rules.DEEPEST:
            raise ValueError(
                f"conditions nest more than {rules.DEEPEST} deep; name a part of them as a segment"
            )

    def _check_people(self) -> None:
        naming = [key for key in ("users", "teams", "segment") if getattr(self, key) is not None]
        if len(naming) > 1:
            raise ValueError(
                f"{' and '.join(naming)} stand side by side; list them under any (one is enough) "
                "or under all (each must hold)"
            )

    def _check_parts(self) -> None:
        if not list(self._parts()):
            raise ValueError(
                "a condition says nothing; write users, teams, segment, attributes, all, any or "
                "not, or leave it out to mean everyone"
            )
        for key, parts in (("all", self.all_), ("any", self.any_)):
            if parts is not None and not parts:
                raise ValueError(f"{key} is empty; list conditions, or leave the key out")

    @property
    def depth(self) -> int:
        """How deep conditions are nested in this one; 1 if there are none."""
        inner = (*(self.all_ or ()), *(self.any_ or ()), *((self.not_,) if self.not_ else ()))
        return 1 + max((each.depth for each in inner), default=0)

    def rule(self) -> rules.Condition:
        """The same as service and SDK evaluate it."""
        parts = tuple(self._parts())
        return parts[0] if len(parts) == 1 else rules.Every(parts)

    def _parts(self) -> Iterator[rules.Condition]:
        if self.users is not None:
            yield rules.Users(self.users)
        if self.teams is not None:
            yield rules.Teams(self.teams)
        if self.segment is not None:
            yield rules.InSegment(self.segment)
        for key, wanted in (self.attributes or {}).items():
            yield from (rules.Attribute(key, each) for each in _predicates(wanted))
        yield from self._nested_parts()

    def _nested_parts(self) -> Iterator[rules.Condition]:
        if self.all_ is not None:
            yield rules.Every(rules_of(self.all_))
        if self.any_ is not None:
            yield rules.AnyOf(rules_of(self.any_))
        if self.not_ is not None:
            yield rules.Not(self.not_.rule())


class ForcedVersion(Document, frozen=True, kw_only=True):
    """A version that some units are served whatever the split says; they are not compared.

    Attributes:
        when: whom it is for, such as the testers who preview a version.
        version: what they are served.
    """

    when: Condition
    version: str

    def forced(self) -> Forced:
        """The same as service and SDK evaluate it."""
        return Forced(self.when.rule(), self.version)


def rules_of(conditions: Iterable[Condition]) -> tuple[rules.Condition, ...]:
    """Each condition as service and SDK evaluate it."""
    return tuple(each.rule() for each in conditions)


def _predicates(wanted: Wanted) -> Iterable[Predicate]:
    if isinstance(wanted, AttributeTest):
        return wanted.predicates()
    return (predicates.OneOf(wanted if isinstance(wanted, tuple) else (wanted,)),)


def _check_wanted(key: str, wanted: Wanted) -> None:
    if isinstance(wanted, tuple):
        _check_list(key, wanted)
    elif not isinstance(wanted, AttributeTest):
        _check_number(key, wanted)


def _check_list(name: str, values: tuple[Scalar, ...]) -> None:
    if any(isinstance(each, bool) for each in values):
        raise ValueError(
            f"{name} lists {list(values)}; put quotes around what is a text (YAML takes yes, no, "
            "on and off for booleans), and write a boolean without a list"
        )
    if predicates.kind_of(values) is predicates.is_number:
        for each in values:
            _check_number(name, each)


def _check_number(name: str, value: Scalar | None) -> None:
    """Refuse a number that does not reach every process as the same number."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} is {value}, must be a finite number")
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise ValueError(f"{name} is {value}, must be at most {LARGEST_INTEGER} from zero")
