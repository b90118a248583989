"""How often the engine may write about one attempt, so that it cannot fight another machine."""

from typing import Final

MOST_COMMITS: Final = 50
"""Commits of the engine in one attempt.

A plan of twenty steps, with a pause and its end at half of them, makes fewer. More come only from
something that undoes what the engine writes, and that must not go on for ever.
"""
_OF_A_ROLLBACK = 2  # the record and the revert; they always have room


def may_write(written: int, *, ends: bool) -> bool:
    """Whether one more decision of an attempt may be written.

    Args:
        written: commits of the engine in the attempt so far.
        ends: whether the decision ends it: a rollback, or a freeze.
    """
    room = MOST_COMMITS - written
    return room >= _OF_A_ROLLBACK if ends else room > _OF_A_ROLLBACK
