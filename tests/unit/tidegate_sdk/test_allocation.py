"""Arms that grow in place, and slices of layers."""

from collections import Counter

import pytest

from tidegate_sdk import PARTS, bucket, in_share
from tidegate_sdk.allocation import (
    Allocation,
    Arm,
    Slice,
    check_independent,
    moves,
    planned_maxima,
)

UNITS = [f"user-{number}" for number in range(2000)]
# Their buckets under the salt "ramp" are 0, 1, 2, 999998 and 999999.
AT_THE_EDGES = ["user-67083", "user-76204", "user-1168145", "user-1994733", "user-643551"]


def test_arm_of_a_canary_is_the_share_it_always_was() -> None:
    for share in (0, 1, 10_000, 500_000, PARTS):
        split = Allocation("s", "baseline", (Arm("candidate", share, PARTS),)).compiled()
        for unit in UNITS:
            assert (split.arm(unit) == "candidate") is in_share("s", unit, share)


def test_arms_hold_the_first_buckets_of_their_rooms_and_the_control_the_rest() -> None:
    split = Allocation(
        "s", "control", (Arm("a", 10, 100), Arm("b", 0, 50), Arm("c", 25, 25))
    ).compiled()
    expected = {0: "a", 9: "a", 10: "control", 99: "control", 100: "control", 149: "control",
                150: "c", 174: "c", 175: "control", PARTS - 1: "control"}  # fmt: skip
    assert {number: split.arm_at(number) for number in expected} == expected


def test_arm_of_a_unit_is_that_of_its_bucket() -> None:
    split = Allocation("s", "x", (Arm("a", 200_000, 300_000), Arm("b", 1, 500_000))).compiled()
    assert {split.arm(unit) for unit in UNITS} == {"x", "a"}
    for unit in UNITS:
        assert split.arm(unit) == split.arm_at(bucket("s", unit))


def test_pieces_cover_the_whole_once_and_hold_the_stated_shares() -> None:
    pieces = Allocation("s", "x", (Arm("a", 7, 20), Arm("b", 0, 10), Arm("c", 5, 5))).pieces()
    assert [piece.start for piece in pieces] == [0, *(piece.stop for piece in pieces[:-1])]
    assert pieces[-1].stop == PARTS
    held: Counter[str] = Counter()
    for arm, start, stop in pieces:
        held[arm] += stop - start
    assert held == {"a": 7, "c": 5, "x": PARTS - 12}


@pytest.mark.parametrize("share", [0, 1, 2, 3, 400_000, PARTS - 1, PARTS])
def test_answer_of_a_unit_is_that_of_its_arm(share: int) -> None:
    split = Allocation("ramp", "x", (Arm("a", share, PARTS),)).compiled()
    choose = split.chooser({"a": 1, "x": 2})
    for unit in [*UNITS, *AT_THE_EDGES]:
        assert choose(unit) == (1 if in_share("ramp", unit, share) else 2)
        assert split.arm(unit) == ("a" if in_share("ramp", unit, share) else "x")


@pytest.mark.parametrize(
    ("stated", "maxima"),
    [
        pytest.param([], [], id="no arm"),
        pytest.param([None], [PARTS], id="one arm has the whole"),
        pytest.param([None, None, None], [333_333] * 3, id="equal parts, rounded down"),
        pytest.param([600_000, None, None], [600_000, 200_000, 200_000], id="what is left"),
        pytest.param([PARTS, None], [PARTS, 0], id="nothing is left"),
        pytest.param([700_000, 700_000, None], [700_000, 700_000, 0], id="more than there is"),
    ],
)
def test_maxima_that_are_not_stated_are_equal_parts_of_what_is_left(
    stated: list[int | None], maxima: list[int]
) -> None:
    assert list(planned_maxima(stated)) == maxima


@pytest.mark.parametrize(
    ("share", "most"), [(-1, 5), (6, 5), (0, PARTS + 1)], ids=["negative", "no room", "too wide"]
)
def test_arm_without_room_for_its_share_is_refused(share: int, most: int) -> None:
    with pytest.raises(ValueError, match=f"arm 'a' has {share} ppm and room for {most}"):
        Arm("a", share, most)


@pytest.mark.parametrize("names", [("a", "a"), ("control", "b")], ids=["twice", "as the control"])
def test_arms_that_share_a_name_are_refused(names: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="must have names of their own"):
        Allocation("s", "control", tuple(Arm(name, 1, 1) for name in names))


def test_arms_that_need_more_than_the_whole_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\['a', 'b'\] add up to 1000001 ppm"):
        Allocation("s", "x", (Arm("a", 1, 1), Arm("b", 1, PARTS)))


def test_moves_of_a_ramp_are_between_arm_and_control_alone() -> None:
    before = Allocation("s", "x", (Arm("a", 100, 300), Arm("b", 200, 300)))
    after = Allocation("s", "x", (Arm("a", 150, 300), Arm("b", 50, 300)))
    assert moves(before, after) == {("x", "a"): 50, ("b", "x"): 150}
    assert moves(after, after) == {}


def test_moves_of_changed_rooms_show_who_changes_between_arms() -> None:
    before = Allocation("s", "x", (Arm("a", 100, 100), Arm("b", 100, 100)))
    after = Allocation("s", "x", (Arm("a", 150, 150), Arm("b", 100, 100)))
    assert moves(before, after) == {("b", "a"): 50, ("x", "b"): 50}


def test_moves_between_two_draws_are_refused() -> None:
    with pytest.raises(ValueError, match="'s' and 't' are two independent draws"):
        moves(Allocation("s", "x", ()), Allocation("t", "x", ()))


def test_slice_holds_the_buckets_of_its_range() -> None:
    part = Slice("layer:a", 200_000, 500_000)
    for unit in UNITS:
        assert part.holds(unit) is (200_000 <= bucket("layer:a", unit) < 500_000)


@pytest.mark.parametrize(
    ("other", "overlaps"),
    [
        pytest.param(Slice("a", 10, 20), False, id="next to it"),
        pytest.param(Slice("a", 9, 20), True, id="one bucket in common"),
        pytest.param(Slice("a", 3, 3), False, id="empty"),
        pytest.param(Slice("b", 0, 10), False, id="another layer"),
    ],
)
def test_slices_overlap_if_a_bucket_belongs_to_both(
    other: Slice,
    overlaps: bool,  # noqa: FBT001
) -> None:
    part = Slice("a", 0, 10)
    assert part.overlaps(other) is other.overlaps(part) is overlaps


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (5, 4), (0, PARTS + 1)])
def test_slice_that_is_no_range_is_refused(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match=rf"a slice of \[{start}, {stop}\) ppm must lie within"):
        Slice("a", start, stop)


def test_draws_by_one_salt_are_refused_and_others_are_not() -> None:
    check_independent("a", None, "b", None)
    with pytest.raises(ValueError, match="the salt 'a' decides twice"):
        check_independent("a", "b", "a")
