"""INTENT, `envs/<env>/<agent>.yaml`: people write it, the engine only ever reverts it."""

from itertools import pairwise

from tidegate.domain import quantities
from tidegate.domain.document import API_VERSION, ApiVersion, Document
from tidegate_sdk.bucketing import PARTS


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
