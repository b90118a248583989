"""What a rule may ask of one attribute.

Every predicate is total: a value that is missing, null or of another type than the question does
not satisfy it, and nothing raises. Types are JSON's: a text, a boolean, a number (1 and 1.0 are the
same number; true is no number).
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final, TypeAlias

import msgspec

from tidegate_sdk.semantic_version import version_bounds, version_key

Scalar: TypeAlias = bool | int | float | str
Attributes: TypeAlias = Mapping[str, object]
Matcher: TypeAlias = Callable[[str, Attributes], bool]
"""A compiled condition: whether it holds for a unit and its attributes."""

LARGEST_INTEGER: Final = 2**53 - 1
"""Beyond it a reader of JSON in another language may get another number."""


def is_text(value: object) -> bool:
    """Whether a value is a text."""
    return isinstance(value, str)


def is_boolean(value: object) -> bool:
    """Whether a value is true or false."""
    return isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


_KINDS: tuple[Callable[[object], bool], ...] = (is_text, is_boolean, is_number)


def is_scalar(value: object) -> bool:
    """Whether a value is a text, a boolean or a number."""
    return isinstance(value, str | int | float)


def kind_of(values: tuple[Scalar, ...]) -> Callable[[object], bool]:
    """The one kind that all values are of; of no values, any scalar.

    Raises:
        ValueError: they are of several kinds.
    """
    if not values:
        return is_scalar
    kind = next((kind for kind in _KINDS if all(map(kind, values))), None)
    if kind is None:
        raise ValueError(
            f"{list(values)} mixes texts, numbers and booleans; put quotes around what is a text"
        )
    return kind


class _Predicate(msgspec.Struct, frozen=True, tag_field="is"):
    """Base of the predicates: plain data that travels as JSON."""


class OneOf(_Predicate, frozen=True, tag="in"):
    """The value is one of these; equality is the case of one."""

    values: tuple[Scalar, ...]

    def matcher(self, key: str) -> Matcher:
        """The predicate on the attribute of this name."""
        kind, members = kind_of(self.values), frozenset(self.values)
        if kind is is_text:
            return lambda _, attributes: (
                isinstance(value := attributes.get(key), str) and value in members
            )
        return lambda _, attributes: kind(value := attributes.get(key)) and value in members

    def __str__(self) -> str:
        return f"in {list(self.values)}"


class NoneOf(_Predicate, frozen=True, tag="notIn"):
    """The value is of the same kind as these and none of them."""

    values: tuple[Scalar, ...]

    def matcher(self, key: str) -> Matcher:
        """The predicate on the attribute of this name."""
        kind, members = kind_of(self.values), frozenset(self.values)
        if kind is is_text:
            return lambda _, attributes: (
                isinstance(value := attributes.get(key), str) and value not in members
            )
        return lambda _, attributes: kind(value := attributes.get(key)) and value not in members

    def __str__(self) -> str:
        return f"not in {list(self.values)}"


class Exists(_Predicate, frozen=True, tag="exists"):
    """There is a value (or there is none); null is none."""

    exists: bool = True

    def matcher(self, key: str) -> Matcher:
        """The predicate on the attribute of this name."""
        wanted = self.exists
        return lambda _, attributes: (attributes.get(key) is not None) is wanted

    def __str__(self) -> str:
        return "exists" if self.exists else "does not exist"


class Between(_Predicate, frozen=True, tag="between"):
    """The value is a number within all bounds that are given."""

    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None

    def matcher(self, key: str) -> Matcher:
        """The predicate on the attribute of this name."""
        gt, gte, lt, lte = self.gt, self.gte, self.lt, self.lte

        def matches(_: str, attributes: Attributes) -> bool:
            value = attributes.get(key)
            return (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and (gt is None or value > gt)
                and (gte is None or value >= gte)
                and (lt is None or value < lt)
                and (lte is None or value <= lte)
            )

        return matches

    def __str__(self) -> str:
        bounds = ((">", self.gt), (">=", self.gte), ("<", self.lt), ("<=", self.lte))
        return " and ".join(f"{sign} {bound:.15g}" for sign, bound in bounds if bound is not None)


class VersionIn(_Predicate, frozen=True, tag="semver"):
    """The value is a semantic version within a range such as ">=2.3.0 <3"."""

    range: str

    def matcher(self, key: str) -> Matcher:
        """The predicate on the attribute of this name."""
        bounds = version_bounds(self.range)

        def matches(_: str, attributes: Attributes) -> bool:
            value = attributes.get(key)
            version = version_key(value) if isinstance(value, str) else None
            if version is None:
                return False
            for compare, bound in bounds:  # noqa: SIM110 - twice as fast as all() of a generator
                if not compare(version, bound):
                    return False
            return True

        return matches

    def __str__(self) -> str:
        return f"is a version {self.range}"


class StartsWith(_Predicate, frozen=True, tag="startsWith"):
    """The value is a text that begins so."""

    text: str

    def matcher(self, key: str) -> Matcher:
        """The predicate on the attribute of this name."""
        text = self.text
        return lambda _, attributes: (
            isinstance(value := attributes.get(key), str) and value.startswith(text)
        )

    def __str__(self) -> str:
        return f"starts with {self.text!r}"


class EndsWith(_Predicate, frozen=True, tag="endsWith"):
    """The value is a text that ends so."""

    text: str

    def matcher(self, key: str) -> Matcher:
        """The predicate on the attribute of this name."""
        text = self.text
        return lambda _, attributes: (
            isinstance(value := attributes.get(key), str) and value.endswith(text)
        )

    def __str__(self) -> str:
        return f"ends with {self.text!r}"


class Contains(_Predicate, frozen=True, tag="contains"):
    """The value is a text that holds this text, or a list that has it as a member."""

    text: str

    def matcher(self, key: str) -> Matcher:
        """The predicate on the attribute of this name."""
        text = self.text

        def matches(_: str, attributes: Attributes) -> bool:
            value = attributes.get(key)
            if isinstance(value, str):
                return text in value
            return has_text_of(value, {text})

        return matches

    def __str__(self) -> str:
        return f"contains {self.text!r}"


Predicate: TypeAlias = (
    OneOf | NoneOf | Exists | Between | VersionIn | StartsWith | EndsWith | Contains
)


def has_text_of(value: object, texts: AbstractSet[str]) -> bool:
    """Whether a value is a list with at least one of these texts."""
    return isinstance(value, list | tuple) and any(
        isinstance(each, str) and each in texts for each in value
    )
