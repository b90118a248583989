"""`agents/<agent>/versions/<version>.yaml`: an agent version with all its parts."""

from typing import Literal

import msgspec

from tidegate.domain.document import API_VERSION, ApiVersion, Document


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
    components: dict[Literal["code", "prompts", "model", "tools", "memory"], Component] = (
        msgspec.field(default_factory=dict)
    )
