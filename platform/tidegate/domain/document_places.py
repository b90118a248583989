"""Which file of a manifest repository holds what: one line for each kind of file.

Lint, the schemas, the reference and `init` go by this table; a new kind of file is a new line.
"""

import re
from functools import cached_property
from typing import Final, Literal

import msgspec

from tidegate.domain.agent_version import AgentVersion
from tidegate.domain.document import Document
from tidegate.domain.flag import FeatureFlag
from tidegate.domain.installation import Installation
from tidegate.domain.intent import AgentRelease
from tidegate.domain.metrics import Metrics
from tidegate.domain.orders import RolloutOrders
from tidegate.domain.segment import Segment
from tidegate.domain.state import ReleaseState

_BLANK: Final = re.compile(r"<(\w+)>")


class Place(msgspec.Struct, frozen=True, dict=True):
    """Files of one kind.

    Attributes:
        pattern: their path from the top of the repository; what stands in <> is a name.
        document: what they hold; None if people have no reason to read it by themselves.
        writer: who writes them.
    """

    pattern: str
    document: type[Document] | None
    writer: Literal["people", "commands", "engine"] = "people"

    @cached_property
    def kind(self) -> str:
        """What `kind:` says in such a file."""
        return "" if self.document is None else str(self.document.__struct_config__.tag)

    def names(self, path: str) -> dict[str, str] | None:
        """The names in a path of this kind; None if it is of another.

        >>> Place("segments/<segment>.yaml", None).names("segments/testers.yaml")
        {'segment': 'testers'}
        """
        found = self._expression.fullmatch(path)
        return None if found is None else found.groupdict()

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        literal, *rest = _BLANK.split(self.pattern)
        pairs = zip(rest[::2], rest[1::2], strict=True)
        named = (f"(?P<{name}>[^/]+){re.escape(text)}" for name, text in pairs)
        return re.compile(re.escape(literal) + "".join(named))


PLACES: Final = (
    Place("tidegate.yaml", Installation),
    Place("agents/<agent>/versions/<version>.yaml", AgentVersion),
    Place("agents/<agent>/metrics.yaml", Metrics),
    Place("envs/<environment>/<agent>.yaml", AgentRelease),
    Place("envs/<environment>/flags/<flag>.yaml", FeatureFlag),
    Place("segments/<segment>.yaml", Segment),
    Place("envs/<environment>/orders/<agent>.yaml", RolloutOrders, "commands"),
    Place("envs/<environment>/state/<agent>.yaml", ReleaseState, "engine"),
    Place("envs/<environment>/evidence/<agent>.json", None, "engine"),
)
DOCUMENTS: Final = {each.kind: each.document for each in PLACES if each.document is not None}
"""What each kind of file holds, by the word after `kind:`."""


def place_of(path: str) -> Place | None:
    """The kind of file that a path leads to; None for files that Tidegate does not read itself."""
    return next((each for each in PLACES if each.names(path) is not None), None)
