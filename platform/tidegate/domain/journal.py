"""What the engine did, as the control database keeps it."""

from datetime import datetime

import msgspec


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One look of the engine at a rollout: a point of the charts."""

    rollout: str
    at: datetime
    seq: int
    step: int
    share_ppm: int
    units: int
    candidate_units: int
    verdict: str
    rule: str
    reason: str
    log_e_values: dict[str, float]
    log_thresholds: dict[str, float]


class IndexedDecision(msgspec.Struct, frozen=True, kw_only=True):
    """A decision commit, as indexed from git."""

    decision_id: str
    commit: str
    rollout: str
    attempt: str
    environment: str
    agent: str
    verdict: str
    rule: str
    reason: str
    guardrail: str | None
    step: int
    baseline: str
    candidate: str
    decided_at: datetime
    reverts: str | None = None
    pushed_at: datetime | None = None
    first_harm_at: datetime | None = None


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """A rollback that is in force before git knows of it.

    Attributes:
        seq: the last event of the evidence that led to it, so that it can be decided again.
    """

    rollout: str
    reason: str
    seq: int
    at: datetime
