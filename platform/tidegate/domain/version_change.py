"""One change between two agent versions, and the class of its risk."""

from typing import Final, Literal, TypeAlias, get_args

import msgspec

Part: TypeAlias = Literal["code", "prompts", "model", "tools", "memory"]
Risk: TypeAlias = Literal[
    "prompt-only",
    "tool-compatible",
    "memory-compatible",
    "model",
    "code",
    "tool-breaking",
    "memory-breaking",
    "memory-forward-only",
]
RISKS: Final[tuple[Risk, ...]] = get_args(Risk)
"""From the mildest to the worst; the class of a diff is the worst of its changes.

`prompt-only` is first, so that a diff of that class is what it says. Compatible changes can be
taken back and break no call; a model or a program may do anything new, but takes the same calls and
memory; then what breaks calls, what loses memory, and last what a rollback would not undo.
"""
BREAKING: Final[frozenset[Risk]] = frozenset(
    ("tool-breaking", "memory-breaking", "memory-forward-only")
)
"""The classes that need a person's eye before they are released."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it was.

    Attributes:
        component: the part of the agent.
        name: which prompt, tool or setting of it.
        before: what it was, None if it was not there.
        after: what it is, None if it is gone.
        risk: the class of the change.
        why: one sentence on why it is of that class.
    """

    component: Part
    name: str
    before: str | None
    after: str | None
    risk: Risk
    why: str
