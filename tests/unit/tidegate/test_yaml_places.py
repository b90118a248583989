"""On which line a key stands; the lines here are counted by eye."""

import pytest

from tidegate.domain import manifest_files as files
from tidegate.domain.agent_version import AgentVersion
from tidegate.domain.errors import InvalidManifest
from tidegate.domain.yaml_places import line_of, line_of_problem

TEXT = b"""\
# a comment
kind: AgentVersion
agent: support
version: v1
components:
  model: {provider: example,
          model: answers}
  tools:
    - name: lookup
      parameters: {}
    -
      name: refund
      parameters:
        type: object
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("kind", 2),
        ("$.version", 4),
        ("components.model", 6),
        ("components.model.model", 7),
        ("components.tools[0]", 9),
        ("components.tools[1].name", 12),
        ("components.tools[1].parameters.type", 14),
        ("components.tools[1].sha256", 12),
        ("components.tools[7].name", 8),
        ("components.memory", 5),
    ],
)
def test_line_of_a_key_is_its_own_or_that_of_what_is_around_it(key: str, line: int) -> None:
    assert line_of(TEXT, key) == line


@pytest.mark.parametrize(
    "content",
    [b"", b"just text", b"a: [", b"\xff", b"- 1\n"],
    ids=["empty", "a text", "no YAML", "no UTF-8", "a list"],
)
def test_line_in_what_is_no_mapping_is_unknown(content: bytes) -> None:
    assert line_of(content, "agent") is None


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        pytest.param(b"parameters:\n", b"params:\n", 13, id="an unknown key"),
        pytest.param(b"name: refund", b"allowed: true", 12, id="a missing key"),
        pytest.param(b"name: lookup", b"name: 5", 9, id="another type"),
        pytest.param(b"name: lookup", b"name: refund", 8, id="a rule of a mapping, by its key"),
        pytest.param(b"model: answers", b"model: ''", 7, id="a rule of a key"),
        pytest.param(b"agent: support\n", b"", None, id="a missing key at the top"),
    ],
)
def test_line_of_a_problem_is_where_a_person_must_look(
    old: bytes, new: bytes, line: int | None
) -> None:
    content = TEXT.replace(old, new)
    with pytest.raises(InvalidManifest) as refused:
        files.parse("v1.yaml", content, AgentVersion)
    assert line_of_problem(content, refused.value.problem) == line
