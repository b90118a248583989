"""Arms grow in place, whatever the shares; layers exclude and do not correlate."""

from collections import Counter
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from naive_flags import arm_at
from tidegate_sdk import PARTS, in_share
from tidegate_sdk.allocation import Allocation, Arm, Slice, moves, planned_maxima

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40)
BUCKETS = st.integers(0, PARTS - 1)
SMALL_RANGES = st.lists(st.integers(0, 30), min_size=2, max_size=2).map(sorted)
UNITS = [f"user-{number}" for number in range(100_000)]
FAILURE_CHANCE = 1e-6  # of each test of uniformity or independence, were the salts drawn anew
NAMES = "abcde"


@st.composite
def plans(draw: st.DrawFn) -> tuple[int, ...]:
    """Maxima of one to five arms, some of them left to the default."""
    cuts = sorted(draw(st.lists(st.integers(0, PARTS), min_size=1, max_size=5)))
    widths = [later - earlier for earlier, later in pairwise([0, *cuts])]
    return planned_maxima([draw(st.none() | st.just(width)) for width in widths])


@st.composite
def allocations(draw: st.DrawFn, count: int) -> tuple[Allocation, ...]:
    """Several allocations of one plan, with shares of their own."""
    plan = draw(plans())
    shares = [[draw(st.integers(0, most) | st.just(most)) for most in plan] for _ in range(count)]
    return tuple(Allocation("s", "control", tuple(map(Arm, NAMES, each, plan))) for each in shares)


@given(TEXTS, TEXTS, st.integers(0, PARTS))
def test_allocation_of_one_arm_is_the_share_rule(salt: str, unit: str, share: int) -> None:
    split = Allocation(salt, "baseline", (Arm("candidate", share, PARTS),)).compiled()
    assert (split.arm(unit) == "candidate") is in_share(salt, unit, share)


@given(allocations(1), BUCKETS)
def test_arm_of_a_bucket_is_the_one_found_room_by_room(
    made: tuple[Allocation, ...], number: int
) -> None:
    (split,) = made
    near = {edge + off for edge in split.compiled().edges for off in (-1, 0)}
    written = {arm.name: {"weight": arm.share_ppm, "max": arm.max_ppm} for arm in split.arms}
    for each in (number, 0, PARTS - 1, *near):
        assert split.compiled().arm_at(each) == arm_at(written, "control", each)


@given(allocations(1))
def test_arms_hold_exactly_their_shares(made: tuple[Allocation, ...]) -> None:
    (split,) = made
    held: Counter[str] = Counter()
    for arm, start, stop in split.pieces():
        held[arm] += stop - start
    expected = {arm.name: arm.share_ppm for arm in split.arms if arm.share_ppm}
    rest = PARTS - sum(expected.values())
    assert held == expected | ({"control": rest} if rest else {})


@given(allocations(2))
def test_change_of_shares_moves_no_unit_between_two_arms_beside_the_control(
    made: tuple[Allocation, ...],
) -> None:
    before, after = made
    assert all("control" in pair for pair in moves(before, after))


@given(allocations(2))
def test_arm_that_rises_loses_no_unit_and_one_that_falls_gains_none(
    made: tuple[Allocation, ...],
) -> None:
    before, after = made
    moved = moves(before, after)
    for old, new in zip(before.arms, after.arms, strict=True):
        gained, lost = moved.get(("control", old.name), 0), moved.get((old.name, "control"), 0)
        assert gained == max(0, new.share_ppm - old.share_ppm)
        assert lost == max(0, old.share_ppm - new.share_ppm)


@given(allocations(4), BUCKETS)
def test_unit_meets_one_arm_beside_the_control_in_a_whole_life(
    made: tuple[Allocation, ...], number: int
) -> None:
    met = {split.compiled().arm_at(number) for split in made} - {"control"}
    assert len(met) <= 1


@given(allocations(2), st.lists(BUCKETS, min_size=20, max_size=20))
def test_moves_are_those_of_the_buckets(made: tuple[Allocation, ...], numbers: list[int]) -> None:
    before, after = made
    moved = moves(before, after)
    for number in numbers:
        pair = before.compiled().arm_at(number), after.compiled().arm_at(number)
        assert pair[0] == pair[1] or moved[pair] > 0


@given(TEXTS, TEXTS, st.integers(0, PARTS), st.integers(0, PARTS))
def test_holdout_whose_share_rises_loses_no_unit(salt: str, unit: str, one: int, two: int) -> None:
    smaller, larger = sorted((one, two))
    assert Slice(salt, 0, smaller).holds(unit) <= Slice(salt, 0, larger).holds(unit)
    assert Slice(salt, 0, larger).holds(unit) is in_share(salt, unit, larger)


@given(TEXTS, TEXTS, st.lists(st.integers(0, PARTS), min_size=2, max_size=6))
def test_slices_of_one_layer_share_no_unit_and_neighbours_lose_none(
    salt: str, unit: str, edges: list[int]
) -> None:
    slices = [Slice(salt, start, stop) for start, stop in pairwise([0, *sorted(edges), PARTS])]
    assert sum(part.holds(unit) for part in slices) == 1
    assert not any(one.overlaps(two) for one, two in pairwise(slices))


@given(SMALL_RANGES, SMALL_RANGES)
def test_slices_overlap_exactly_if_some_bucket_is_in_both(one: list[int], other: list[int]) -> None:
    common = set(range(*one)) & set(range(*other))
    assert Slice("s", *one).overlaps(Slice("s", *other)) is bool(common)


@pytest.mark.parametrize("arms", [2, 5])
def test_shares_of_100000_units_over_several_arms_are_the_designed_ones(arms: int) -> None:
    shares = [PARTS // (2 * arms)] * arms
    split = Allocation(
        "x:1", "control", tuple(map(Arm, NAMES, shares, planned_maxima([None] * arms)))
    )
    found = Counter(map(split.compiled().arm, UNITS))
    expected = {"control": PARTS - sum(shares)} | dict(zip(NAMES, shares, strict=False))
    counts = [found[name] for name in expected]
    designed = [len(UNITS) * share / PARTS for share in expected.values()]
    assert stats.chisquare(counts, designed).pvalue > FAILURE_CHANCE


def test_experiments_in_two_layers_are_independent() -> None:
    """Whether a unit is in one layer's experiment says nothing about the other's."""
    one, other = Slice("layer:checkout", 0, 300_000), Slice("layer:search", 200_000, 700_000)
    assert _independence([one.holds(unit) for unit in UNITS], [other.holds(unit) for unit in UNITS])


def test_arm_of_a_unit_is_independent_of_its_place_in_layer_and_holdout() -> None:
    """Otherwise a slice of the layer would hold more of one arm than was designed."""
    arms = (Arm("a", 300_000, 400_000), Arm("b", 200_000, 400_000))
    split = Allocation("support:0d2f", "control", arms).compiled()
    layer = [Slice("layer:checkout", start, start + 250_000) for start in range(0, PARTS, 250_000)]
    holdout = Slice("holdout:production", 0, 100_000)
    drawn = [split.arm(unit) for unit in UNITS]
    slices = [next(n for n, part in enumerate(layer) if part.holds(unit)) for unit in UNITS]
    assert _independence(drawn, slices)
    assert _independence(drawn, [holdout.holds(unit) for unit in UNITS])


def test_experiments_that_repeat_one_salt_are_found_dependent() -> None:
    """The test of independence can fail."""
    part, split = (
        Slice("s", 0, 300_000),
        Allocation("s", "x", (Arm("a", 500_000, PARTS),)).compiled(),
    )
    drawn = [split.arm(unit) for unit in UNITS]
    assert not _independence(drawn, [part.holds(unit) for unit in UNITS])


def _independence(one: list[object], other: list[object]) -> bool:
    counts = Counter(zip(one, other, strict=True))
    rows, columns = sorted(set(one), key=str), sorted(set(other), key=str)
    table = [[counts[pair] for pair in product([row], columns)] for row in rows]
    return bool(stats.chi2_contingency(table).pvalue > FAILURE_CHANCE)
