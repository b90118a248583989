"""JSON values inside manifests: what is one, and when two are the same."""

import math
from collections.abc import Hashable, Iterable
from typing import Any

MOST_VALUES = 10_000
DEEPEST = 60


def check_json(key: str, value: object) -> None:
    """Refuse what JSON cannot hold; YAML has dates, aliases that hold themselves, and more.

    Args:
        key: the key under which the value stands, for the message.
        value: what the parser made of it.

    Raises:
        ValueError: something in it is no JSON value, or it is too deep or too large.
    """
    waiting: list[tuple[object, int]] = [(value, 0)]
    seen = 0
    while waiting:
        each, depth = waiting.pop()
        seen += 1
        if depth > DEEPEST:
            raise ValueError(f"{key} is nested deeper than {DEEPEST} levels")
        waiting += [(inner, depth + 1) for inner in _inside(key, each)]
        if seen + len(waiting) > MOST_VALUES:
            raise ValueError(f"{key} holds more than {MOST_VALUES} values")


def _inside(key: str, value: object) -> Iterable[object]:
    match value:
        case dict():
            wrong = [name for name in value if not isinstance(name, str)]
            if wrong:
                raise ValueError(f"{key} has the key {wrong[0]!r}, which is no text; quote it")
            return value.values()
        case list() | tuple():
            return value
        case float() if not math.isfinite(value):
            raise ValueError(f"{key} holds {value!r}, which is no JSON number")
        case None | bool() | int() | float() | str():
            return ()
    raise ValueError(f"{key} holds {value!s}, a {type(value).__name__}; quote it to make it a text")


def canonical(value: Any) -> Hashable:
    """A key that two JSON values share if and only if JSON holds them to be the same.

    The order of keys does not matter, 1 and 1.0 are one number, and `true` is none.

    >>> canonical({"a": 1, "b": [True]}) == canonical({"b": [True], "a": 1.0})
    True
    >>> canonical(True) == canonical(1)
    False
    """
    match value:
        case bool():
            return "boolean", value
        case int() | float():
            return "number", value
        case dict():
            return "object", frozenset((name, canonical(each)) for name, each in value.items())
        case list() | tuple():
            return "array", tuple(canonical(each) for each in value)
        case str():
            return "string", value
    return "null"
