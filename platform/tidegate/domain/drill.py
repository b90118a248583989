"""What a rehearsed rollback showed, step by step."""

from datetime import datetime

import msgspec

STEPS = (
    "deploy_seen",
    "canary_started",
    "harm_stored",
    "rollback_decided",
    "override_in_force",
    "revert_pushed",
    "read_back",
    "intent_restored",
    "marked_bad",
    "verified",
)
"""The steps of a drill, in the order in which they are looked at."""


class DrillStep(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that must happen in a rollback.

    Attributes:
        name: a stable word, one of `STEPS`.
        ok: whether it did.
        after_s: seconds from the pushed deploy to it; None if it is no event, or did not happen.
        detail: one sentence for people.
    """

    name: str
    ok: bool
    after_s: float | None = None
    detail: str


class Casting(msgspec.Struct, frozen=True, kw_only=True):
    """Who plays what.

    Attributes:
        live: the version that is live.
        copy: the name under which it is deployed once more.
        deploy: the commit that deploys it.
        pushed_at: when that was pushed.
        intent_before: what INTENT was before.
        guardrail: what the copy will harm.
        kind: of the events that report the harm: "safety", or "outcome" for a goal not reached.
    """

    environment: str
    agent: str
    live: str
    copy: str
    deploy: str
    pushed_at: datetime
    intent_before: bytes
    guardrail: str
    kind: str

    def after_s(self, instant: datetime) -> float:
        """Seconds from the pushed deploy to an instant."""
        return (instant - self.pushed_at).total_seconds()


class DrillReport(msgspec.Struct, frozen=True, kw_only=True):
    """A rehearsed rollback.

    Attributes:
        units, candidate_units: synthetic units that came, and of these those that met the copy.
        share_ppm: the share of the canary's first step, in parts per million.
        harm_to_served_s: seconds from the first stored harm until all units had the live version.
        harm_to_pushed_s: seconds from the first stored harm to the pushed revert.
        passed: whether every step is as it must be.
        folder: the scratch folder, where it was kept.
    """

    environment: str
    agent: str
    live: str
    copy: str
    deploy: str
    guardrail: str
    share_ppm: int
    units: int
    candidate_units: int
    harm_to_served_s: float | None
    harm_to_pushed_s: float | None
    steps: tuple[DrillStep, ...]
    passed: bool
    folder: str | None = None


def completed(steps: list[DrillStep]) -> tuple[DrillStep, ...]:
    """The steps that were looked at, and those that were not reached, which failed."""
    known = {each.name: each for each in steps}
    return tuple(
        known.get(name) or DrillStep(name=name, ok=False, detail="not reached") for name in STEPS
    )


def seconds_between(steps: tuple[DrillStep, ...], first: str, last: str) -> float | None:
    """Seconds from one step to another; None if one of them did not happen."""
    when = {each.name: each.after_s for each in steps if each.ok}
    began, ended = when.get(first), when.get(last)
    return None if began is None or ended is None else ended - began
