"""`agents/<agent>/metrics.yaml`: what is watched for one agent."""

from typing import Literal

from tidegate.domain import quantities
from tidegate.domain.document import API_VERSION, ApiVersion, Document

_LIGHTEST, _HEAVIEST = 1e-3, 1e3  # of a guardrail's weight, so that every budget is a number
SAFETY_KINDS = ("prompt_injection", "unexpected_tool", "error")
"""The safety events every agent has with no configuration."""


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
        exposure: whether a unit is one task, over when its outcome is known ("once"), or a user who
            keeps coming and stays at risk ("ongoing"). Incidents are certified accordingly, by the
            ratio of rates or of hazards; harm is judged the same way for both.
    """

    api_version: ApiVersion = API_VERSION
    agent: str
    guardrails: tuple[Guardrail, ...] = tuple(Guardrail(name=name) for name in SAFETY_KINDS)
    window: str = "10m"
    exposure: Literal["once", "ongoing"] = "once"

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
