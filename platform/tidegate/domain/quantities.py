"""How people write shares and durations in a manifest, and what they mean."""

import re
from datetime import date
from fractions import Fraction
from functools import lru_cache

from tidegate_sdk.bucketing import PARTS

_PERCENT = re.compile(r"^(\d+(?:\.\d+)?)\s*%$")
_DURATION = re.compile(r"^(\d+)\s*(s|m|h|d)$")
_DAY = re.compile(r"^(\d{1,2})\.(\d{1,2})\.(\d{4})$")
_HUNDRED = 100
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@lru_cache(maxsize=4096)  # the same few texts are asked for at every look
def share_ppm(value: int | str) -> int:
    """Parts per million of "12.5%" or of an integer that already counts parts per million.

    Raises:
        ValueError: the value is no such thing, is outside [0, 100 %], or is finer than 1 ppm.
    """
    if isinstance(value, str):
        match = _PERCENT.match(value.strip())
        if match is None:
            raise ValueError(
                f'{value!r} is no share: write "1%", or an integer in parts per million'
            )
        exact = Fraction(match.group(1)) * PARTS / 100
        if exact.denominator != 1:
            raise ValueError(f"{value!r} is finer than 1 part per million")
        value = exact.numerator
    if not 0 <= value <= PARTS:
        raise ValueError(f"{value} parts per million is outside 0 to {PARTS}")
    return value


def percent(ppm: int) -> str:
    """A share as people read it: 10000 -> "1%", 1 -> "0.0001%"."""
    return f"{ppm / 10_000:.4f}".rstrip("0").rstrip(".") + "%"


def said_share(value: int | str) -> str:
    """A share as it was written, and what an integer means: 5 -> "5 (0.0005%)"."""
    return value if isinstance(value, str) else f"{value} ({percent(value)})"


def percent_meant(value: int | str) -> str:
    """A question for an integer that is likely a percent sign forgotten; empty for all else."""
    likely = isinstance(value, int) and 0 < value <= _HUNDRED
    return f'; did you mean "{value}%"?' if likely else ""


def day_of(text: str) -> str | None:
    """A day that was written as such as 30.06.2027, as it must be written: 2027-06-30."""
    match = _DAY.match(text.strip())
    if match is None:
        return None
    try:
        return date(int(match[3]), int(match[2]), int(match[1])).isoformat()
    except ValueError:
        return None


def seconds(value: str) -> int:
    """Seconds of a duration such as "90s", "10m", "72h" or "7d".

    Raises:
        ValueError: the value is no such thing.
    """
    match = _DURATION.match(value.strip())
    if match is None:
        raise ValueError(
            f'{value!r} is no duration: write a number and s, m, h or d, such as "10m"'
        )
    return int(match.group(1)) * _SECONDS[match.group(2)]


def fraction(value: str) -> float:
    """A rate in [0, 1] written as a percentage, such as "1%" -> 0.01."""
    return share_ppm(value) / PARTS
