"""INTENT, `envs/<env>/<agent>.yaml`: people write it, the engine only ever reverts it."""

from tidegate.domain.canary import Canary
from tidegate.domain.document import API_VERSION, ApiVersion, Document


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
