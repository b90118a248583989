"""The files of a manifest repository, as values.

INTENT (`AgentRelease`) is written by people, and the engine only ever reverts it. STATE
(`ReleaseState`) is written by the engine alone. Together with the commit that last changed INTENT
they say what is served; see `serving`.
"""

from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Final, Literal, TypeAlias

import msgspec

from tidegate.domain import quantities
from tidegate_sdk.bucketing import HASH_VERSION, PARTS

API_VERSION: Final = "tidegate/v1"
ApiVersion: TypeAlias = Literal["tidegate/v1"]
_LIGHTEST, _HEAVIEST = 1e-3, 1e3  # of a guardrail's weight, so that every budget is a number
SAFETY_KINDS = ("prompt_injection", "unexpected_tool", "error")
"""The safety events every agent has with no configuration."""


class Document(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """Base of all files: unknown keys are errors, keys are written in camelCase."""


class Budgets(Document, frozen=True, kw_only=True):
    """How often the engine may be wrong.

    Attributes:
        false_rollback: P(a candidate no worse than its baseline is ever rolled back), in (0, 1).
        false_promote: P(a candidate beyond a margin reaches 100 %), per guardrail, in (0, 1).
    """

    false_rollback: float = 0.05
    false_promote: float = 0.05

    def __post_init__(self) -> None:
        for name, value in (
            ("falseRollback", self.false_rollback),
            ("falsePromote", self.false_promote),
        ):
            if not 0.0 < value < 1.0:
                raise ValueError(f"{name} is {value}, must lie strictly between 0 and 1")


class Installation(Document, frozen=True, kw_only=True, tag_field="kind", tag="Tidegate"):
    """`tidegate.yaml`: what holds for the whole repository."""

    api_version: ApiVersion = API_VERSION
    environments: tuple[str, ...]
    hash_version: Literal["murmur3-32/1"] = HASH_VERSION
    budgets: Budgets = msgspec.field(default_factory=Budgets)


class Component(Document, frozen=True, kw_only=True):
    """One pinned part of an agent version; which fields matter depends on the part."""

    name: str
    digest: str | None = None
    location: str | None = None
    allowed: tuple[str, ...] = ()


class AgentVersion(Document, frozen=True, kw_only=True, tag_field="kind", tag="AgentVersion"):
    """`agents/<agent>/versions/<version>.yaml`: everything that can change behaviour, pinned.

    Immutable once committed.
    """

    api_version: ApiVersion = API_VERSION
    agent: str
    version: str
    components: dict[Literal["code", "prompts", "model", "tools", "memory"], Component] = {}


class Guardrail(Document, frozen=True, kw_only=True):
    """One metric that must not get worse.

    Attributes:
        name: the safety event's or the outcome's name.
        kind: "incident" (a safety event; more is harm) or "outcome" (a goal; fewer is harm).
        weight: share of the false-rollback budget, relative to the other guardrails' weights.
        margin: what must be excluded before promotion: for incidents a rate ratio above 1, for
            outcomes an absolute loss of the success rate in (0, 1).
        negligible: incident rate below which no ratio need be certified, such as "1%".
        ceiling: incident rate that the candidate must not exceed whatever the baseline does, such
            as "2%"; above it the rollout stops, and promotion needs a rate certified below it.
    """

    name: str
    kind: Literal["incident", "outcome"] = "incident"
    weight: float = 1.0
    margin: float | None = None
    negligible: str = "1%"
    ceiling: str | None = None

    def __post_init__(self) -> None:
        if not _LIGHTEST <= self.weight <= _HEAVIEST:
            raise ValueError(f"weight is {self.weight}, must be {_LIGHTEST:g} to {_HEAVIEST:g}")
        low, high = (1.0, 100.0) if self.kind == "incident" else (0.0, 1.0)
        if not low < self.allowed_margin < high:
            raise ValueError(
                f"margin is {self.allowed_margin}; for kind {self.kind!r} it must lie strictly "
                f"between {low:g} and {high:g}"
            )
        if not 0.0 < self.negligible_rate < 1.0:
            raise ValueError(f"negligible is {self.negligible!r}, must lie between 0% and 100%")
        if self.ceiling is not None:
            self._check_ceiling(self.ceiling)

    def _check_ceiling(self, ceiling: str) -> None:
        if self.kind != "incident":
            raise ValueError("a ceiling is for incidents; an outcome has a margin")
        if not 0.0 < quantities.fraction(ceiling) < 1.0:
            raise ValueError(f"ceiling is {ceiling!r}, must lie between 0% and 100%")

    @property
    def ceiling_rate(self) -> float | None:
        """The ceiling as a rate in (0, 1), if there is one."""
        return None if self.ceiling is None else quantities.fraction(self.ceiling)

    @property
    def allowed_margin(self) -> float:
        """The margin, or its default: a ratio of 1.5 for incidents, 5 points for outcomes."""
        if self.margin is not None:
            return self.margin
        return 1.5 if self.kind == "incident" else 0.05

    @property
    def negligible_rate(self) -> float:
        """The negligible incident rate, in (0, 1)."""
        return quantities.fraction(self.negligible)


class Metrics(Document, frozen=True, kw_only=True, tag_field="kind", tag="Metrics"):
    """`agents/<agent>/metrics.yaml`: what is watched for one agent.

    Attributes:
        guardrails: what may decide.
        window: how long after its exposure a unit with no recorded outcome still counts as open.
    """

    api_version: ApiVersion = API_VERSION
    agent: str
    guardrails: tuple[Guardrail, ...] = tuple(Guardrail(name=name) for name in SAFETY_KINDS)
    window: str = "10m"

    def __post_init__(self) -> None:
        names = [guardrail.name for guardrail in self.guardrails]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"guardrails {names} must be at least one, each named once")
        quantities.seconds(self.window)

    @property
    def watched(self) -> tuple[str, ...]:
        """Names that are counted: the guardrails', and the three safety kinds."""
        named = (guardrail.name for guardrail in self.guardrails)
        return tuple(dict.fromkeys((*named, *SAFETY_KINDS)))

    @property
    def window_s(self) -> int:
        """The window in seconds."""
        return quantities.seconds(self.window)


class Pause(Document, frozen=True, kw_only=True):
    """How long a step lasts at least."""

    duration: str

    def __post_init__(self) -> None:
        quantities.seconds(self.duration)


class Step(Document, frozen=True, kw_only=True):
    """One step of a canary.

    Attributes:
        set_weight: the candidate's share, "5%" or an integer in parts per million.
        min_units: units that must be exposed in this step before the next.
        pause: how long the step lasts at least.
        certify: whether every guardrail must be certified within its margin before the next step.
    """

    set_weight: int | str
    min_units: int = 0
    pause: Pause | None = None
    certify: bool = False

    def __post_init__(self) -> None:
        quantities.share_ppm(self.set_weight)
        if self.min_units < 0:
            raise ValueError(f"minUnits is {self.min_units}, must be at least 0")

    @property
    def share_ppm(self) -> int:
        """The candidate's share in parts per million."""
        return quantities.share_ppm(self.set_weight)

    @property
    def dwell_s(self) -> int:
        """Seconds the step lasts at least."""
        return quantities.seconds(self.pause.duration) if self.pause else 0


class Canary(Document, frozen=True, kw_only=True):
    """The canary strategy: steps of rising share.

    Attributes:
        steps: shares rise strictly; the last is 100 %.
        guardrails: names of the guardrails that may decide; all of the agent's if not given.
    """

    steps: tuple[Step, ...]
    guardrails: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        shares = [step.share_ppm for step in self.steps]
        if len(shares) <= 1 or shares[-1] != PARTS or shares[0] == 0:
            raise ValueError(
                "steps must be at least two, begin above 0% and end with setWeight: 100%"
            )
        if self.guardrails is not None and not self.guardrails:
            raise ValueError("guardrails is empty, so nothing could stop the rollout; name some")
        if any(later <= earlier for earlier, later in pairwise(shares)):
            raise ValueError("steps must raise setWeight each time; a ramp never falls")


class Strategy(Document, frozen=True, kw_only=True):
    """How a new version takes over. One strategy today: `canary`."""

    canary: Canary


class AgentRelease(Document, frozen=True, kw_only=True, tag_field="kind", tag="AgentRelease"):
    """`envs/<env>/<agent>.yaml`, INTENT: the version that people want, and how it should come.

    Attributes:
        version: the version that every unit shall get in the end.
        strategy: how it gets there.
        force: release it although it was rolled back before.
        salt: which units come first. Without one each attempt begins with other units, so that no
            user meets every new version first.
    """

    api_version: ApiVersion = API_VERSION
    agent: str
    version: str
    strategy: Strategy
    force: bool = False
    salt: str | None = None


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


class ReleaseState(Document, frozen=True, kw_only=True, tag_field="kind", tag="ReleaseState"):
    """`envs/<env>/state/<agent>.yaml`, STATE: how far the engine has come. Engine-owned.

    Attributes:
        attempt: the commit that last changed INTENT when this was written; if INTENT has changed
            since, this file says nothing about the new attempt (it is void).
        stable: the version every unit can fall back on.
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
    step_started: datetime | None = None
    reason: str = ""
    window: tuple[str, ...] = ()
    bad: tuple[BadVersion, ...] = ()

    def marks_bad(self, version: str) -> bool:
        """Whether a version was rolled back before."""
        return any(entry.version == version for entry in self.bad)
