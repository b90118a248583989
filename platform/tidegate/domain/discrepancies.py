"""Where two values of one kind differ, field by field, in words."""

import math
from collections.abc import Iterator
from typing import Any

import msgspec

_ROUNDING = 1e-9
"""Figures that agree to this part of themselves differ by rounding, as other libraries round."""
_LONGEST = 80


class Discrepancy(msgspec.Struct, frozen=True, kw_only=True):
    """One field that is not what it should be.

    Attributes:
        field: its place, such as "stages[0].candidate.units".
        recorded: what is written down.
        found: what was found when it was looked up or calculated again.
        by_rounding: whether both are figures that agree but for their last digits.
    """

    field: str
    recorded: str
    found: str
    by_rounding: bool = False

    def __str__(self) -> str:
        return f"{self.field}: recorded {self.recorded}, found {self.found}"


def discrepancies(recorded: object, found: object) -> tuple[Discrepancy, ...]:
    """Every field in which two values differ.

    Args:
        recorded: what is written down: a struct, or plain values.
        found: the same, looked up or calculated again.

    >>> [str(each) for each in discrepancies({"units": [3, 4]}, {"units": [3, 5], "seq": 1})]
    ['units[1]: recorded 4, found 5', 'seq: recorded nothing, found 1']
    """
    return tuple(_walk("", msgspec.to_builtins(recorded), msgspec.to_builtins(found)))


def _walk(field: str, recorded: Any, found: Any) -> Iterator[Discrepancy]:
    if isinstance(recorded, dict) and isinstance(found, dict):
        for key in dict.fromkeys((*recorded, *found)):
            place = f"{field}.{key}" if field else str(key)
            yield from _walk(place, recorded.get(key, _NOTHING), found.get(key, _NOTHING))
    elif isinstance(recorded, list | tuple) and isinstance(found, list | tuple):
        for index in range(max(len(recorded), len(found))):
            yield from _walk(f"{field}[{index}]", _at(recorded, index), _at(found, index))
    elif recorded != found:
        yield Discrepancy(
            field=field,
            recorded=_text(recorded),
            found=_text(found),
            by_rounding=_differ_by_rounding(recorded, found),
        )


def _at(values: list[Any] | tuple[Any, ...], index: int) -> Any:
    return values[index] if index < len(values) else _NOTHING


def _differ_by_rounding(recorded: Any, found: Any) -> bool:
    both = isinstance(recorded, float) and isinstance(found, float)
    return both and math.isclose(recorded, found, rel_tol=_ROUNDING, abs_tol=_ROUNDING)


def _text(value: Any) -> str:
    if value is _NOTHING:
        return "nothing"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


_NOTHING = object()
