"""ORDERS, `envs/<env>/orders/<agent>.yaml`: what a person wants of the rollout under way.

INTENT says where to go, and every change of it is a new attempt. How the present attempt goes on
(a pause, an approval, a step taken at once) is therefore said here, for that attempt alone: for any
other the file is void.
"""

from tidegate.domain.document import API_VERSION, ApiVersion, Document
from tidegate.domain.evidence import Orders


class RolloutOrders(Document, frozen=True, kw_only=True, tag_field="kind", tag="RolloutOrders"):
    """What a person wants of one attempt.

    Attributes:
        attempt: the commit that last changed INTENT.
        paused: hold the rollout where it is; harm still ends it.
        resumed: go on after a pause of the engine's; the alarm that paused it is waived.
        promoted_steps: how many steps a person has let go on, whatever they were waiting for.
        full: take all steps that are left at once.
        reason: why, for people.
    """

    api_version: ApiVersion = API_VERSION
    agent: str
    attempt: str
    paused: bool = False
    resumed: bool = False
    promoted_steps: int = 0
    full: bool = False
    reason: str = ""

    def __post_init__(self) -> None:
        if self.promoted_steps < 0:
            raise ValueError(f"promotedSteps is {self.promoted_steps}, must be at least 0")
        if self.paused and (self.resumed or self.full):
            raise ValueError("paused does not go with resumed or full; say one of them")

    def for_attempt(self, attempt: str) -> Orders:
        """The orders as they hold for an attempt: none for another one."""
        if self.attempt != attempt:
            return Orders()
        return Orders(
            paused=self.paused,
            resumed=self.resumed,
            promoted_steps=self.promoted_steps,
            full=self.full,
        )
