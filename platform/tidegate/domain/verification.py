"""What came of taking a decision again: one check after another, and a verdict on them all."""

from datetime import datetime

import msgspec

from tidegate.domain.discrepancies import Discrepancy

_MOST_TOLD = 3


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a decision commit claims.

    Attributes:
        name: a stable word: decision, digest, id, trailers, history, rule, figures, release,
            policy, evidence, state, untouched, revert.
        ok: whether it is so.
        detail: one sentence for people.
        differences: the fields that are not as recorded.
    """

    name: str
    ok: bool
    detail: str
    differences: tuple[Discrepancy, ...] = ()


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """A decision commit that was looked at again.

    Attributes:
        commit: the commit of the decision.
        revert: for a rollback, the commit after it, which puts INTENT back.
        rollout, verdict, rule, reason, seq, decided_at: what is recorded; None if nothing is.
        verified: whether every check holds.
        conclusion: "verified", or what does not hold.
    """

    commit: str
    revert: str | None = None
    environment: str | None = None
    rollout: str | None = None
    verdict: str | None = None
    rule: str | None = None
    reason: str | None = None
    seq: int | None = None
    decided_at: datetime | None = None
    verified: bool
    conclusion: str
    checks: tuple[Check, ...]


def compared(name: str, differences: tuple[Discrepancy, ...], *, holds: str, fails: str) -> Check:
    """A check of fields against what they should be.

    Figures that differ by rounding alone are reported, and no problem.

    Args:
        name: of the check.
        differences: the fields that differ.
        holds: what to say if none does.
        fails: what to say before those that do.
    """
    real = [each for each in differences if not each.by_rounding]
    if real:
        return Check(name=name, ok=False, detail=f"{fails}: {told(real)}", differences=differences)
    if differences:
        digits = "1 figure differs" if len(differences) == 1 else f"{len(differences)} differ"
        holds = f"{holds}, but for the last digits ({digits} by rounding)"
    return Check(name=name, ok=True, detail=holds, differences=differences)


def told(differences: list[Discrepancy]) -> str:
    """The first few differences, and how many more there are."""
    text = "; ".join(map(str, differences[:_MOST_TOLD]))
    more = len(differences) - _MOST_TOLD
    return f"{text}; and {more} more" if more > 0 else text


def conclusion(checks: tuple[Check, ...]) -> str:
    """The verdict on all checks together."""
    failed = [each for each in checks if not each.ok]
    if not failed:
        return "verified"
    return "not verified: " + "; ".join(f"{each.name}: {each.detail}" for each in failed)
