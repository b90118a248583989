"""Which arm a unit is in: arms that grow in place.

The rule, for any language. The buckets [0, PARTS) are cut into one room for each arm but the
control, in the order in which the arms are named: arm i has the room

    [max_1 + ... + max_(i-1), max_1 + ... + max_i)

and holds the first `share_i` buckets of it. Every other bucket, in a room or behind the last one,
belongs to the control. The bucket of a unit is `bucketing.bucket(salt, unit)`.

Guarantee: a unit has one arm beside the control that it can ever be in, as long as salt, order and
maxima stay. So raising an arm's share moves units from the control into it and none out, lowering
moves units out of it to the control and none in, and no change of shares moves a unit between two
arms that are not the control. One arm with the whole as its maximum is `bucketing.in_share`.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

import msgspec

from tidegate_sdk.bucketing import PARTS, bucket

T = TypeVar("T")


class Arm(msgspec.Struct, frozen=True):
    """One arm beside the control.

    Attributes:
        share_ppm: how much of the population it has, in parts per million.
        max_ppm: the most it can ever have: the width of its room.
    """

    name: str
    share_ppm: int
    max_ppm: int

    def __post_init__(self) -> None:
        if not 0 <= self.share_ppm <= self.max_ppm <= PARTS:
            raise ValueError(
                f"arm {self.name!r} has {self.share_ppm} ppm and room for {self.max_ppm} of "
                f"{PARTS}; give it a higher maximum, and the others lower ones if need be"
            )


class Piece(NamedTuple):
    """The buckets [start, stop), all of one arm."""

    arm: str
    start: int
    stop: int


class Allocation(msgspec.Struct, frozen=True):
    """How a population is divided among arms.

    Attributes:
        salt: which units have which bucket; another salt is another draw.
        control: the arm of all buckets that no other arm holds.
        arms: the others, in the order of their rooms; append new ones, or units move.
    """

    salt: str
    control: str
    arms: tuple[Arm, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The control, and the other arms."""
        return self.control, *(arm.name for arm in self.arms)

    def __post_init__(self) -> None:
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"arms {list(self.names)} must have names of their own")
        needed = sum(arm.max_ppm for arm in self.arms)
        if needed > PARTS:
            raise ValueError(
                f"the maxima of {list(self.names[1:])} add up to {needed} ppm, more than {PARTS}; "
                "lower one"
            )

    def pieces(self) -> tuple[Piece, ...]:
        """The whole [0, PARTS) in order, without empty pieces."""
        cut: list[Piece] = []
        start = 0
        for arm in self.arms:
            held, stop = start + arm.share_ppm, start + arm.max_ppm
            cut += (Piece(arm.name, start, held), Piece(self.control, held, stop))
            start = stop
        cut.append(Piece(self.control, start, PARTS))
        return tuple(piece for piece in cut if piece.start < piece.stop)

    def compiled(self) -> "Allotment":
        """The same, ready for look-ups."""
        pieces = self.pieces()
        return Allotment(
            salt=self.salt,
            edges=tuple(piece.start for piece in pieces[1:]),
            arms=tuple(piece.arm for piece in pieces),
        )


class Allotment(NamedTuple):
    """An allocation ready for look-ups: `arms[i]` holds the buckets from `edges[i - 1]` on."""

    salt: str
    edges: tuple[int, ...]
    arms: tuple[str, ...]

    def arm(self, unit: str) -> str:
        """The arm of a unit."""
        return self.arm_at(bucket(self.salt, unit))

    def arm_at(self, number: int) -> str:
        """The arm of a bucket."""
        return self.arms[bisect_right(self.edges, number)]

    def chooser(self, answers: Mapping[str, T]) -> Callable[[str], T]:
        """A function from a unit to the answer of its arm, as fast as can be."""
        salt, edges, ordered = self.salt, self.edges, tuple(answers[arm] for arm in self.arms)
        return lambda unit: ordered[bisect_right(edges, bucket(salt, unit))]


def planned_maxima(stated: Sequence[int | None]) -> tuple[int, ...]:
    """The maximum of each arm: as stated, or an equal part of what the stated ones leave.

    Shares play no part, so that a change of shares moves no room. Three or more arms that may have
    any shares and yet never exchange units cannot be had: see the record of decisions, 0020.

    Example:
        >>> planned_maxima([None]), planned_maxima([400_000, None, None])
        ((1000000,), (400000, 300000, 300000))
    """
    left = PARTS - sum(each for each in stated if each is not None)
    unstated = sum(each is None for each in stated)
    return tuple(max(left, 0) // unstated if each is None else each for each in stated)


def moves(before: Allocation, after: Allocation) -> dict[tuple[str, str], int]:
    """How much of the population changes its arm: (arm before, arm after) -> parts per million.

    A pair without the control is what maxima are for: it only occurs when rooms were moved.

    Raises:
        ValueError: the salts differ, so that all units are drawn anew.
    """
    if before.salt != after.salt:
        raise ValueError(f"salts {before.salt!r} and {after.salt!r} are two independent draws")
    one, other = before.compiled(), after.compiled()
    moved: Counter[tuple[str, str]] = Counter()
    for start, stop in pairwise(sorted({0, *one.edges, *other.edges, PARTS})):
        moved[one.arm_at(start), other.arm_at(start)] += stop - start
    return {pair: ppm for pair, ppm in moved.items() if pair[0] != pair[1]}


class Slice(msgspec.Struct, frozen=True):
    """The units whose bucket under a salt of its own is in [start, stop).

    A layer is cut into slices by its salt, so two slices that do not overlap share no unit. A
    holdout is a slice that begins at 0, so raising its share moves no unit out of it.
    """

    salt: str
    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop <= PARTS:
            raise ValueError(
                f"a slice of [{self.start}, {self.stop}) ppm must lie within 0 to {PARTS}"
            )

    def holds(self, unit: str) -> bool:
        """Whether a unit belongs to the slice."""
        return self.start <= bucket(self.salt, unit) < self.stop

    def overlaps(self, other: "Slice") -> bool:
        """Whether some bucket belongs to both; slices of two salts are independent instead."""
        return self.salt == other.salt and max(self.start, other.start) < min(self.stop, other.stop)


def check_independent(*salts: str | None) -> None:
    """Refuse two draws by one salt: the second would repeat the first instead of being random.

    Raises:
        ValueError: a salt occurs twice.
    """
    given = [salt for salt in salts if salt is not None]
    repeated = next((salt for salt in given if given.count(salt) > 1), None)
    if repeated is not None:
        raise ValueError(
            f"the salt {repeated!r} decides twice, so its draws would be the same; "
            "a split, its layer and the holdout each need a salt of their own"
        )
