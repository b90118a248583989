"""STATE, `envs/<env>/state/<agent>.yaml`: how far the engine has come; it alone writes it."""

from datetime import datetime
from enum import StrEnum

from tidegate.domain.document import API_VERSION, ApiVersion, Document


class Phase(StrEnum):
    """Where a release stands, in the words of Argo Rollouts."""

    HEALTHY = "Healthy"
    PENDING = "Pending"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    COMPLETED = "Completed"
    ROLLED_BACK = "RolledBack"
    DEGRADED = "Degraded"


class BadVersion(Document, frozen=True, kw_only=True):
    """A version that was rolled back; it does not return unless INTENT says `force: true`."""

    version: str
    attempt: str
    reason: str


class DroppedArm(Document, frozen=True, kw_only=True):
    """An arm of an experiment that did harm.

    Attributes:
        arm: its name.
        stage: the first stage without it.
    """

    arm: str
    stage: int


class ReleaseState(Document, frozen=True, kw_only=True, tag_field="kind", tag="ReleaseState"):
    """`envs/<env>/state/<agent>.yaml`, STATE: how far the engine has come. Engine-owned.

    Attributes:
        attempt: the commit that last changed INTENT when this was written; if INTENT has changed
            since, this file says nothing about the new attempt (it is void).
        stable: the version every unit can fall back on.
        started: when the rollout began.
        dropped: arms of the experiment that did harm; their units are served the control.
        frozen: whether units that met the candidate must stay on it, because its memory cannot be
            read by the version before.
        window: versions that may be served at once without a ramp, newest first.
        bad: versions that were rolled back.
    """

    api_version: ApiVersion = API_VERSION
    agent: str
    attempt: str
    phase: Phase
    stable: str
    candidate: str | None = None
    step: int = 0
    weight: int = 0
    salt: str = ""
    started: datetime | None = None
    step_started: datetime | None = None
    reason: str = ""
    dropped: tuple[DroppedArm, ...] = ()
    frozen: bool = False
    window: tuple[str, ...] = ()
    bad: tuple[BadVersion, ...] = ()

    def marks_bad(self, version: str) -> bool:
        """Whether a version was rolled back before."""
        return any(entry.version == version for entry in self.bad)
