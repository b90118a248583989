"""Changes of what an agent remembers: whether each version can live with what the other wrote."""

from collections.abc import Iterator

from tidegate.domain.agent_version import Memory
from tidegate.domain.version_change import Change, Risk


def memory_changes(before: Memory | None, after: Memory | None) -> Iterator[Change]:
    """The change of memory, if there is one.

    Compatible is what can be read in both directions, or brought back automatically. Forward-only
    is what the earlier version cannot read: units that have met the later one cannot go back.
    Breaking is what the later version cannot read: units lose their memory as they meet it, but a
    rollback finds it again.
    """
    if before is None and after is not None:
        why = "the earlier version has no memory, so it leaves unread what the later one wrote"
        yield _memory_change(after.schema, None, after, ("memory-compatible", why))
    elif before is not None and after is None:
        why = "the later version has no memory: units lose it until a rollback"
        yield _memory_change(before.schema, before, None, ("memory-breaking", why))
    elif before is not None and after is not None and _differs(before, after):
        yield _memory_change(after.schema, before, after, _verdict(before, after))


def _memory_change(
    name: str, before: Memory | None, after: Memory | None, verdict: tuple[Risk, str]
) -> Change:
    old, new = (None if each is None else _in_words(each) for each in (before, after))
    risk, why = verdict
    return Change(component="memory", name=name, before=old, after=new, risk=risk, why=why)


def _verdict(before: Memory, after: Memory) -> tuple[Risk, str]:
    back = after.migrate_down != "none"
    if not back and _is_another_under_one_name(before, after):
        return "memory-forward-only", (
            f"the structure changed but is still called {after.writes!r}, so whether the earlier "
            "version can read it is not known; give it a version of its own, or migrateDown"
        )
    if not back and after.writes not in before.readable:
        return "memory-forward-only", (
            f"the earlier version cannot read {after.writes!r} and migrateDown is none: a rollback "
            "would corrupt memory"
        )
    if before.writes not in after.readable:
        return "memory-breaking", (
            f"the later version cannot read {before.writes!r}, which the earlier one wrote: units "
            "lose their memory until a rollback"
        )
    how = "a rollback migrates it back" if back else "the earlier version reads what is written"
    return "memory-compatible", f"the later version reads what it finds, and {how}"


def _differs(before: Memory, after: Memory) -> bool:
    """Whether memory changed; a file that only moved did not."""
    facts = [(each.writes, each.readable, each.migrate_down) for each in (before, after)]
    return facts[0] != facts[1] or _has_another_structure(before, after)


def _has_another_structure(before: Memory, after: Memory) -> bool:
    if before.sha256 is not None and after.sha256 is not None:
        return before.sha256 != after.sha256
    return before.schema != after.schema


def _is_another_under_one_name(before: Memory, after: Memory) -> bool:
    return before.writes == after.writes and _has_another_structure(before, after)


def _in_words(memory: Memory) -> str:
    reads = ", ".join(sorted(memory.readable))
    return f"writes {memory.writes}, reads {reads}, migrateDown {memory.migrate_down}"
