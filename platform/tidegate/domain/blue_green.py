"""The blue-green strategy: two full environments, one of them active, and a switch in between."""

from typing import Literal, TypeAlias

from tidegate.domain import quantities
from tidegate.domain.audience import Condition
from tidegate.domain.canary import Watch
from tidegate.domain.document import Document

ColourName: TypeAlias = Literal["blue", "green"]


class Colour(Document, frozen=True, kw_only=True):
    """One environment.

    Attributes:
        version: the agent version that runs there.
        endpoint: where clients reach it.
        health: address that answers 200 and a JSON object with the key `version` while it is well.
    """

    version: str
    endpoint: str
    health: str | None = None


class PrePromotion(Document, frozen=True, kw_only=True):
    """What the idle environment must show before the switch.

    Testers are no sample of users, so what happens to them is counted, not tested.

    Attributes:
        min_units: preview units that must have met it.
        max_incidents: incidents of any guardrail that preview units may have had.
        duration: how long it must have been in preview.
    """

    min_units: int = 0
    max_incidents: int = 0
    duration: str = "0s"

    def __post_init__(self) -> None:
        if self.min_units < 0 or self.max_incidents < 0:
            raise ValueError("minUnits and maxIncidents must be at least 0")
        quantities.seconds(self.duration)

    @property
    def duration_s(self) -> int:
        """How long the preview lasts at least, in seconds."""
        return quantities.seconds(self.duration)


class BlueGreen(Document, frozen=True, kw_only=True):
    """Two environments; a change of `active` is the switch.

    Attributes:
        active: the colour that all units shall have.
        blue, green: the environments.
        preview: who is served the colour that becomes active, before it does.
        auto_promotion: switch as soon as the preview has shown what it must; otherwise a person
            lets it go on.
        pre_promotion: what the preview must show.
        post_promotion: how long the new colour is watched, and what an alarm leads to.
        keep_warm: how long the old colour must be kept running after the switch.
        guardrails: names of the guardrails that may decide; all of the agent's if not given.
    """

    active: ColourName
    blue: Colour
    green: Colour
    preview: Condition | None = None
    auto_promotion: bool = True
    pre_promotion: PrePromotion = PrePromotion()
    post_promotion: Watch = Watch(duration="1h", run_length=100_000, action="rollback")
    keep_warm: str = "30m"
    guardrails: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        quantities.seconds(self.keep_warm)
        if self.blue.version == self.green.version:
            raise ValueError(
                f"blue and green both run {self.blue.version!r}; a switch between them is no change"
            )
        if self.guardrails is not None and not self.guardrails:
            raise ValueError("guardrails is empty, so nothing could switch back; name some")

    @property
    def keep_warm_s(self) -> int:
        """How long the old colour must be kept running, in seconds."""
        return quantities.seconds(self.keep_warm)

    @property
    def active_colour(self) -> Colour:
        """The environment that all units shall have."""
        return self.colour(self.active)

    def colour(self, name: ColourName) -> Colour:
        """An environment by its name."""
        return self.blue if name == "blue" else self.green

    def colour_of(self, version: str) -> Colour | None:
        """The environment that runs a version, if one does."""
        return next((each for each in (self.blue, self.green) if each.version == version), None)
