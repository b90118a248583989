"""`segments/<segment>.yaml`: named audiences."""

from collections.abc import Mapping

from tidegate.domain.audience import Condition, rules_of
from tidegate.domain.document import API_VERSION, ApiVersion, Document
from tidegate.domain.errors import InvalidManifest
from tidegate_sdk import rules as evaluated
from tidegate_sdk.predicates import Matcher
from tidegate_sdk.rules import InvalidSegment

SEGMENTS_FOLDER = "segments"


class Segment(Document, frozen=True, kw_only=True, tag_field="kind", tag="Segment"):
    """`segments/<segment>.yaml`: a named audience. One of these is enough to belong to it.

    Attributes:
        users: units that belong to it.
        teams: teams whose units belong to it, by the attribute `team`.
        rules: a unit that meets one of these belongs to it; they may name other segments.
    """

    api_version: ApiVersion = API_VERSION
    segment: str
    users: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    rules: tuple[Condition, ...] = ()

    def rule(self) -> evaluated.Condition:
        """The same as service and SDK evaluate it."""
        users = (evaluated.Users(self.users),) if self.users else ()
        teams = (evaluated.Teams(self.teams),) if self.teams else ()
        return evaluated.AnyOf((*users, *teams, *rules_of(self.rules)))


def segment_path(segment: str) -> str:
    """Path of a segment."""
    return f"{SEGMENTS_FOLDER}/{segment}.yaml"


def compile_what_can_be(
    segments: Mapping[str, Segment],
) -> tuple[dict[str, Matcher], dict[str, str]]:
    """Matchers of the segments that can be compiled, and why the others cannot.

    One broken segment must not take the others with it: what does not name it goes on.
    """
    rest, problems = {name: each.rule() for name, each in segments.items()}, dict[str, str]()
    while True:
        try:
            return evaluated.compile_segments(rest), problems
        except InvalidSegment as error:
            path = segment_path(error.segment)
            problems[path.removesuffix(".yaml")] = f"{path}: {error.problem}"
            del rest[error.segment]


def compile_segments(segments: Mapping[str, Segment]) -> dict[str, Matcher]:
    """One matcher for each segment of the manifest, by its name.

    Raises:
        InvalidManifest: a segment names one that is not there, or itself in the end.
    """
    try:
        return evaluated.compile_segments({name: each.rule() for name, each in segments.items()})
    except InvalidSegment as error:
        raise InvalidManifest(segment_path(error.segment), error.problem) from error
