"""How people write a split, and the allocation that it means."""

from collections.abc import Mapping
from typing import TypeAlias

from tidegate.domain import quantities
from tidegate.domain.document import Document
from tidegate_sdk.allocation import Allocation, Arm, planned_maxima
from tidegate_sdk.bucketing import PARTS


class Portion(Document, frozen=True, kw_only=True):
    """An arm's share, with the room it may grow into.

    Attributes:
        weight: its share, "5%" or an integer in parts per million.
        max: the most it will ever have while no unit changes between arms; without one, the arms
            have equal parts of what the stated ones leave.
    """

    weight: int | str
    max: int | str | None = None


Split: TypeAlias = Mapping[str, int | str | Portion]
"""Arm -> share, in the order of their rooms: new arms come last."""


def allocation_of(split: Split, control: str, salt: str) -> Allocation:
    """The allocation that a split means; the control has what the others leave.

    Args:
        split: arm -> share; the control may be named with what is left for it, or left out.
        control: the arm of everyone else.
        salt: which units come first.

    Raises:
        ValueError: a share is none, or does not fit; names the arm.
    """
    portions = {name: _portion(name, each) for name, each in split.items()}
    rest = portions.pop(control, None)
    arms = _arms(portions)
    left = PARTS - sum(arm.share_ppm for arm in arms)
    if rest is not None and rest != (left, None):
        raise ValueError(
            f"{control} takes what the others leave, {quantities.percent(left)}; "
            "write that and no max, or leave it out"
        )
    return Allocation(salt=salt, control=control, arms=arms)


def _arms(portions: Mapping[str, tuple[int, int | None]]) -> tuple[Arm, ...]:
    maxima = planned_maxima([most for _, most in portions.values()])
    return tuple(
        _arm(name, share, most)
        for (name, (share, _)), most in zip(portions.items(), maxima, strict=True)
    )


def _arm(name: str, share: int, most: int) -> Arm:
    if share > most:
        raise ValueError(
            f"{name} has {quantities.percent(share)} but room for {quantities.percent(most)}; "
            f'state the room of each arm, such as {name}: {{weight: "{quantities.percent(share)}", '
            f'max: "{quantities.percent(share)}"}}'
        )
    return Arm(name, share, most)


def _portion(name: str, value: int | str | Portion) -> tuple[int, int | None]:
    portion = value if isinstance(value, Portion) else Portion(weight=value)
    try:
        most = None if portion.max is None else quantities.share_ppm(portion.max)
        return quantities.share_ppm(portion.weight), most
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
