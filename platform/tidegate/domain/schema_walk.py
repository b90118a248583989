"""Where a comparison of two JSON Schemas stands, and what it has found."""

from collections.abc import Callable, Hashable, Iterator
from itertools import count
from typing import Any, Final, TypeAlias

import msgspec

from tidegate.domain.json_schema import (
    DEFINITIONS,
    Schema,
    UnreadableSchema,
    is_local,
    references,
    same,
)

_MOST_COMPARISONS: Final = 10_000
_DEEPEST: Final = 80


class Narrowing(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which a new schema takes less than the old.

    Attributes:
        at: the argument, such as `lines[].price`; empty for the arguments as a whole.
        what: what is narrower, one clause for people.
        before: the old rule, if it can be shown.
        after: the new rule, if it can be shown.
    """

    at: str
    what: str
    before: str | None = None
    after: str | None = None


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """Where a comparison stands.

    Attributes:
        roots: the two schemas as wholes, for references.
        same_definitions: whether a reference to a definition means the same in both.
        steps: counts the comparisons of the whole walk.
        at: the argument that is compared.
        depth: how many comparisons this one is inside.
        pairs: pairs of referenced schemas under comparison. Meeting one again inside itself says
            nothing new: arguments are finite, so a difference shows before the recursion ends.
    """

    roots: tuple[Schema, Schema]
    same_definitions: bool
    steps: Iterator[int]
    at: str = ""
    depth: int = 0
    pairs: frozenset[tuple[Hashable, Hashable]] = frozenset()

    @classmethod
    def of(cls, before: Schema, after: Schema) -> "Walk":
        """The beginning of a walk."""
        old, new = _definitions(before), _definitions(after)
        return cls(
            roots=(before, after),
            same_definitions=same(old, new) and _stays_in_definitions(old),
            steps=count(),
        )

    def property(self, name: str) -> "Walk":
        """Into one property."""
        return msgspec.structs.replace(self, at=f"{self.at}.{name}" if self.at else name)

    def items(self) -> "Walk":
        """Into the items of a list."""
        return msgspec.structs.replace(self, at=f"{self.at}[]")

    def deeper(self) -> "Walk":
        """One comparison further in.

        Raises:
            UnreadableSchema: the walk is endless for practical purposes.
        """
        if self.depth > _DEEPEST or next(self.steps) > _MOST_COMPARISONS:
            raise UnreadableSchema("it is too intricate to compare")
        return msgspec.structs.replace(self, depth=self.depth + 1)

    def found(self, what: str, before: Any = None, after: Any = None) -> Narrowing:
        """A narrowing here, told by the predicate of its sentence."""
        subject = f"`{self.at}`" if self.at else "the arguments"
        return Narrowing(
            at=self.at, what=f"{subject} {what}", before=_shown(before), after=_shown(after)
        )

    def means_the_same(self, before: Any, after: Any) -> bool:
        """Whether two parts are equal, with all that they refer to."""
        if not same(before, after):
            return False
        is_closed = not any(is_local(each) for each in references(before))
        return is_closed or (self.same_definitions and _stays_in_definitions(before))


Rule: TypeAlias = Callable[[dict[str, Any], dict[str, Any], Walk], Iterator[Narrowing]]


def _shown(value: Any) -> str | None:
    """A JSON value as people read it: a text as it is, the rest as JSON; None stays None."""
    return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()


def _definitions(schema: Schema) -> dict[str, Any]:
    return {} if isinstance(schema, bool) else {k: schema[k] for k in DEFINITIONS if k in schema}


def _stays_in_definitions(value: Any) -> bool:
    """Whether every local reference in a value leads to one of the definitions at the top."""
    return all(
        each.split("/")[0] == "#" and each.split("/")[1:2] in ([name] for name in DEFINITIONS)
        for each in references(value)
        if is_local(each)
    )
