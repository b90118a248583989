"""Semantic versions, as rules compare them.

Source: https://semver.org, version 2.0.0, section 11 (precedence).
"""

import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeAlias

Number: TypeAlias = tuple[int, str]
"""How many digits, and the digits: sorts as the number does, however long it is."""
VersionKey: TypeAlias = tuple[Number, Number, Number, bool, tuple[tuple[bool, Number], ...]]
Bound: TypeAlias = tuple[Callable[[VersionKey, VersionKey], bool], VersionKey]

_LONGEST: Final = 256  # so that the cache of parsed versions stays small whatever clients send
_VERSION = re.compile(
    r"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?"
)
_DIGITS = re.compile(r"[0-9]+")
_COMPARATOR = re.compile(r"(>=|<=|>|<|=)(.+)")
_COMPARISONS: Final[dict[str, Callable[[VersionKey, VersionKey], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}


def version_key(text: str) -> VersionKey | None:
    """A key that sorts as semantic versions do, or None if the text is no version.

    More is taken than the standard allows: a leading "v", and "2" or "2.1" for 2.0.0 and 2.1.0.
    Build metadata does not count, and a text of more than 256 characters is no version.

    Example:
        >>> version_key("1.0.0-rc.1") < version_key("1.0.0-rc.11") < version_key("v1")
        True
        >>> version_key("one") is None
        True
    """
    return _parsed(text) if len(text) <= _LONGEST else None


def version_bounds(text: str) -> tuple[Bound, ...]:
    """The bounds of a range such as ">=2.3.0 <3"; all of them must hold.

    Raises:
        ValueError: the text is no such range.
    """
    bounds = tuple(map(_bound, text.split()))
    if not bounds:
        raise ValueError(f'{text!r} is no range of versions: write such as ">=2.3.0 <3"')
    return bounds


@lru_cache(maxsize=1024)
def _parsed(text: str) -> VersionKey | None:
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    major, minor, patch, prerelease = match.groups()
    identifiers = () if prerelease is None else tuple(map(_identifier, prerelease.split(".")))
    return _number(major), _number(minor), _number(patch), prerelease is None, identifiers


def _bound(text: str) -> Bound:
    match = _COMPARATOR.fullmatch(text)
    key = None if match is None else version_key(match[2])
    if match is None or key is None:
        raise ValueError(
            f"{text!r} bounds no version: write one of {' '.join(_COMPARISONS)} and a version, "
            'such as ">=2.3.0", with spaces only between bounds'
        )
    return _COMPARISONS[match[1]], key


def _number(digits: str | None) -> Number:
    significant = (digits or "").lstrip("0")
    return len(significant), significant


def _identifier(text: str) -> tuple[bool, Number]:
    """Numbers come before words; words are compared as texts."""
    if _DIGITS.fullmatch(text):
        return False, _number(text)
    return True, (0, text)
