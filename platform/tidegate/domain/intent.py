"""INTENT, `envs/<env>/<agent>.yaml`: people write it, the engine only ever reverts it."""

from typing import Literal

from tidegate.domain.ab import Ab
from tidegate.domain.audience import ForcedVersion
from tidegate.domain.blue_green import BlueGreen
from tidegate.domain.canary import Canary
from tidegate.domain.document import API_VERSION, ApiVersion, Document


class Strategy(Document, frozen=True, kw_only=True):
    """How a new version takes over: exactly one of these.

    Attributes:
        canary: a share of the units at a time.
        blue_green: all units at once, from one environment to another.
        ab: several versions at once, until one wins.
    """

    canary: Canary | None = None
    blue_green: BlueGreen | None = None
    ab: Ab | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("canary", "blue_green", "ab") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError("strategy must be exactly one of canary, blueGreen and ab")

    @property
    def guardrails(self) -> tuple[str, ...] | None:
        """Names of the guardrails that may decide; all of the agent's if None."""
        chosen = self.canary or self.blue_green or self.ab
        return None if chosen is None else chosen.guardrails


class AgentRelease(Document, frozen=True, kw_only=True, tag_field="kind", tag="AgentRelease"):
    """`envs/<env>/<agent>.yaml`, INTENT: the version that people want, and how it should come.

    Attributes:
        version: the version that every unit shall get in the end.
        strategy: how it gets there.
        force: release it although it was rolled back before.
        salt: which units come first. Without one each attempt begins with other units, so that no
            user meets every new version first.
        pin: "conversation" lets a conversation end on the version it began on; a rollback for harm
            recalls it.
        forced: versions that some units are served whatever the split says, such as testers.
    """

    api_version: ApiVersion = API_VERSION
    agent: str
    version: str
    strategy: Strategy
    force: bool = False
    salt: str | None = None
    pin: Literal["conversation"] | None = None
    forced: tuple[ForcedVersion, ...] = ()

    def __post_init__(self) -> None:
        plan = self.strategy.blue_green
        if plan is not None and plan.active_colour.version != self.version:
            raise ValueError(
                f"version is {self.version!r}, but the active colour {plan.active!r} runs "
                f"{plan.active_colour.version!r}; they must be the same"
            )
