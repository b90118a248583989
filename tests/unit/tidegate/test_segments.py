"""Named audiences of a manifest."""

import pytest

from tidegate.domain import manifest_files as files
from tidegate.domain.audience import Condition
from tidegate.domain.errors import InvalidManifest
from tidegate.domain.segment import Segment, compile_segments, segment_path

BETA = b"""
kind: Segment
segment: beta
users: [ada]
teams: [qa]
rules:
  - attributes: {plan: enterprise, country: [DE, AT]}
  - segment: staff
    not: {users: [bob]}
"""


def test_unit_belongs_to_a_segment_by_any_of_its_parts() -> None:
    beta = files.parse(segment_path("beta"), BETA, Segment)
    staff = Segment(segment="staff", users=("bob", "eve"))
    belongs = compile_segments({"beta": beta, "staff": staff})["beta"]
    assert belongs("ada", {})
    assert belongs("x", {"team": ["dev", "qa"]})
    assert belongs("x", {"plan": "enterprise", "country": "AT"})
    assert belongs("eve", {})
    assert not belongs("x", {"plan": "enterprise"})
    assert not belongs("bob", {"country": "AT"})


def test_segment_that_names_nobody_is_valid_and_holds_nobody() -> None:
    """Taking the last tester out must not make the manifest invalid, and so keep them in."""
    empty = files.parse("segments/beta.yaml", b"kind: Segment\nsegment: beta\nusers: []\n", Segment)
    assert not compile_segments({"beta": empty})["beta"]("", {"team": ""})


@pytest.mark.parametrize(
    ("references", "path", "problem"),
    [
        pytest.param({"a": "b", "b": "a"}, "segments/a.yaml", "refers to itself: a -> b -> a",
                     id="a circle"),
        pytest.param({"a": "b", "b": "gone"}, "segments/b.yaml", "segment 'gone' is not defined",
                     id="unknown"),
    ],
)  # fmt: skip
def test_segments_that_end_nowhere_are_refused_with_the_file_and_the_way(
    references: dict[str, str], path: str, problem: str
) -> None:
    segments = {
        name: Segment(segment=name, rules=(Condition(segment=other),))
        for name, other in references.items()
    }
    with pytest.raises(InvalidManifest, match=problem) as refused:
        compile_segments(segments)
    assert refused.value.path == path


def test_segment_is_read_back_as_it_was_written() -> None:
    beta = files.parse("segments/beta.yaml", BETA, Segment)
    assert files.parse("segments/beta.yaml", files.render(beta), Segment) == beta
