"""Who takes part in a rollout or an experiment, and in which arm.

The questions are asked in this order, and the first that decides ends the search:

1. forced: a rule serves a version to named users or segments; they take no part (arm None).
2. holdout: the unit belongs to the share that no rollout of the environment touches.
3. audience: the unit is not among those that the experiment is for.
4. layer: the unit belongs to another slice of the layer, so perhaps to another experiment.
5. split: the unit takes part; the allocation says its arm.

Whoever takes no part is served the default version, or the forced one.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from tidegate_sdk.allocation import Allocation, Slice, check_independent
from tidegate_sdk.predicates import Attributes, Matcher
from tidegate_sdk.rules import NO_ATTRIBUTES, Condition, Segments

Grounds: TypeAlias = Literal["forced", "holdout", "audience", "layer", "split"]


class Forced(msgspec.Struct, frozen=True):
    """Units that are served a version whatever the split says, such as the testers of a preview."""

    when: Condition
    version: str


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout or an experiment as plain data.

    Attributes:
        default: the version of units that take no part.
        versions: arm -> version, for every arm of the allocation.
        allocation: how those who take part are split.
        forced: in order; the first that matches decides.
        audience: whom it is for; everyone if not given.
        layer: the slice of the layer that it may use, if it is in one.
        holdout: units that take part in nothing.
    """

    default: str
    versions: dict[str, str]
    allocation: Allocation
    forced: tuple[Forced, ...] = ()
    audience: Condition | None = None
    layer: Slice | None = None
    holdout: Slice | None = None


class Placement(NamedTuple):
    """Where a unit was placed.

    Attributes:
        version: the version it is served.
        arm: its arm in the analysis; None if it takes no part.
        reason: OpenFeature's word: TARGETING_MATCH, DEFAULT or SPLIT.
        grounds: which question decided.
        rule: index of the forced rule that matched, if one did.
    """

    version: str
    arm: str | None
    reason: Literal["TARGETING_MATCH", "DEFAULT", "SPLIT"]
    grounds: Grounds
    rule: int | None = None


class CompiledEnrolment:
    """An enrolment ready to answer.

    Args:
        enrolment: what is to be answered from.
        segments: matchers of the segments that it refers to.

    Raises:
        InvalidSegment: a condition refers to a segment that is not defined.
        ValueError: an arm has no version, or two of split, layer and holdout share their salt.
    """

    __slots__ = ("_choose", "_forced", "_refusals")

    def __init__(self, enrolment: Enrolment, segments: Segments) -> None:
        _check_salts(enrolment)
        self._choose = enrolment.allocation.compiled().chooser(_placements(enrolment))
        self._refusals = tuple(_refusals(enrolment, segments))
        self._forced = tuple(
            (each.when.matcher(segments), _forced(each.version, number))
            for number, each in enumerate(enrolment.forced)
        )

    def place(self, unit: str, attributes: Attributes = NO_ATTRIBUTES) -> Placement:
        """Where a unit is placed: a function of enrolment, unit and attributes alone; total."""
        for matches, placement in self._forced:
            if matches(unit, attributes):
                return placement
        for refuses, placement in self._refusals:
            if refuses(unit, attributes):
                return placement
        return self._choose(unit)


def _check_salts(enrolment: Enrolment) -> None:
    slices = (enrolment.layer, enrolment.holdout)
    check_independent(enrolment.allocation.salt, *(each.salt for each in slices if each))


def _placements(enrolment: Enrolment) -> dict[str, Placement]:
    arms = enrolment.allocation.names
    lacking = sorted(set(arms) - set(enrolment.versions))
    if lacking:
        raise ValueError(f"arms {lacking} have no version; versions name {set(enrolment.versions)}")
    return {arm: Placement(enrolment.versions[arm], arm, "SPLIT", "split") for arm in arms}


def _forced(version: str, number: int) -> Placement:
    return Placement(version, None, "TARGETING_MATCH", "forced", number)


def _refusals(enrolment: Enrolment, segments: Segments) -> Iterator[tuple[Matcher, Placement]]:
    """The questions that keep a unit out, in their order, each with where it is placed then."""
    default, audience = enrolment.default, enrolment.audience
    if enrolment.holdout is not None:
        yield _inside(enrolment.holdout), Placement(default, None, "DEFAULT", "holdout")
    if audience is not None:
        meant = audience.matcher(segments)
        yield _unless(meant), Placement(default, None, "DEFAULT", "audience")
    if enrolment.layer is not None:
        mine = _inside(enrolment.layer)
        yield _unless(mine), Placement(default, None, "DEFAULT", "layer")


def _inside(part: Slice) -> Matcher:
    holds = part.holds
    return lambda unit, _: holds(unit)


def _unless(matches: Matcher) -> Matcher:
    return lambda unit, attributes: not matches(unit, attributes)
