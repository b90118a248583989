"""`tidegate.yaml`: what holds for the whole repository."""

from typing import Literal

import msgspec

from tidegate.domain.document import API_VERSION, ApiVersion, Document
from tidegate.domain.layer import Holdout, Layer
from tidegate_sdk.bucketing import HASH_VERSION


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
    """`tidegate.yaml`: what holds for the whole repository.

    Attributes:
        environments: the environments that there are.
        hash_version: how units are turned into buckets; fixed, so that other languages repeat it.
        budgets: how often the engine may be wrong.
        layers: by name; experiments of one layer share no unit.
        holdouts: by environment, units that take part in no rollout.
    """

    api_version: ApiVersion = API_VERSION
    environments: tuple[str, ...]
    hash_version: Literal["murmur3-32/1"] = HASH_VERSION
    budgets: Budgets = msgspec.field(default_factory=Budgets)
    layers: dict[str, Layer] = msgspec.field(default_factory=dict)
    holdouts: dict[str, Holdout] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.holdouts) - set(self.environments))
        if unknown:
            raise ValueError(
                f"holdouts names {unknown}, which environments does not; it has "
                f"{list(self.environments)}"
            )
