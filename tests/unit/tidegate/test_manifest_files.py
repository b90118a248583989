"""What a file of the manifest repository must be; every refusal names the path and the key."""

from datetime import UTC, datetime

import pytest

from tidegate.domain import manifest_files as files
from tidegate.domain.agent_version import AgentVersion
from tidegate.domain.canary import Step
from tidegate.domain.document import Document
from tidegate.domain.errors import InvalidManifest
from tidegate.domain.installation import Installation
from tidegate.domain.intent import AgentRelease
from tidegate.domain.metrics import Metrics
from tidegate.domain.state import Phase, ReleaseState

INTENT = b"""
apiVersion: tidegate/v1
kind: AgentRelease
agent: support
version: "2.0"
strategy:
  canary:
    steps:
      - {setWeight: 1%, minUnits: 1000, pause: {duration: 10m}}
      - {setWeight: 100%}
"""
STATE = b"""
apiVersion: tidegate/v1
kind: ReleaseState
agent: support
attempt: abc
phase: Progressing
stable: v1
stepStarted: 2026-03-01T12:00:00Z
"""


def test_intent_as_a_person_writes_it_is_read() -> None:
    intent = files.parse("envs/production/support.yaml", INTENT, AgentRelease)
    first, last = intent.strategy.canary.steps
    assert (intent.version, intent.force) == ("2.0", False)
    assert (first.share_ppm, first.min_units, first.dwell_s) == (10_000, 1000, 600)
    assert (last.share_ppm, last.min_units, last.dwell_s) == (1_000_000, 0, 0)


def test_state_with_an_unquoted_instant_is_read() -> None:
    state = files.parse("state.yaml", STATE, ReleaseState)
    assert state.step_started == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert state.phase is Phase.PROGRESSING


@pytest.mark.parametrize(
    ("content", "named"),
    [
        pytest.param(INTENT.replace(b"agent:", b"agnet:"), "agnet", id="unknown key"),
        pytest.param(INTENT.replace(b"minUnits", b"min_units"), "min_units", id="snake case"),
        pytest.param(INTENT.replace(b'"2.0"', b"2.0"), "$.version", id="a number as version"),
        pytest.param(INTENT.replace(b"1000", b"many"), "$.strategy.canary.steps[0].minUnits",
                     id="wrong type deep inside"),
        pytest.param(INTENT.replace(b"1000", b"-1"), "minUnits is -1", id="negative units"),
        pytest.param(INTENT.replace(b"agent: support\n", b""), "`agent`", id="missing key"),
        pytest.param(INTENT.replace(b"AgentRelease", b"AgentVersion"), "$.kind", id="other kind"),
        pytest.param(INTENT.replace(b"tidegate/v1", b"tidegate/v2"), "$.apiVersion",
                     id="other API version"),
        pytest.param(INTENT.replace(b"1%", b"1.5"), "setWeight", id="a float as weight"),
        pytest.param(INTENT.replace(b"10m", b"soon"), "'soon'", id="no duration"),
    ],
)  # fmt: skip
def test_parse_of_a_wrong_file_names_the_path_and_the_key(content: bytes, named: str) -> None:
    path = "envs/production/support.yaml"
    with pytest.raises(InvalidManifest) as refused:
        files.parse(path, content, AgentRelease)
    assert refused.value.path == path
    assert named in refused.value.problem
    assert str(refused.value) == f"{path}: {refused.value.problem}"
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"agent: [unclosed", "no valid YAML", id="not YAML"),
        pytest.param(b"agent: \tx: y: z", "no valid YAML", id="tabs and colons"),
        pytest.param(b"agent: \xff\xfe", "no valid YAML", id="not UTF-8"),
        pytest.param(b"\x00", "no valid YAML", id="a zero byte"),
        pytest.param(b"a: 1\n---\nb: 2\n", "no valid YAML", id="two documents"),
        pytest.param(b"!!python/object:os.system {}", "no valid YAML", id="a Python object"),
        pytest.param(b"", "must be a mapping with kind: AgentRelease", id="empty"),
        pytest.param(b"- 1\n- 2\n", "must be a mapping", id="a list"),
        pytest.param(b"just text", "must be a mapping", id="a text"),
        pytest.param(b"42", "must be a mapping", id="a number"),
    ],
)
def test_parse_of_what_is_no_mapping_names_the_path_and_why(content: bytes, problem: str) -> None:
    with pytest.raises(InvalidManifest, match=problem) as refused:
        files.parse("tidegate.yaml", content, AgentRelease)
    assert refused.value.path == "tidegate.yaml"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"kind: Tidegate\nenvironments: [production]\n1: x\n", id="a number as key"),
        pytest.param(
            b"kind: Tidegate\nenvironments: [production]\n? [a]\n: x\n", id="a list as key"
        ),
        pytest.param(b"kind: Tidegate\nenvironments: [2026-03-01]\n", id="a date as environment"),
        pytest.param(b"kind: Tidegate\nenvironments: &a [*a]\n", id="a list that holds itself"),
        pytest.param(b"kind: 1\nenvironments: [production]\n", id="a number as kind"),
        pytest.param(b"kind: Tidegate\nenvironments: [2026-02-30]\n", id="a date that never was"),
        pytest.param(b"environments: " + b"9" * 5000, id="an endless number"),
        pytest.param(b"environments: " + b"[" * 5000, id="endless nesting"),
    ],
)
def test_parse_of_strange_yaml_is_an_invalid_manifest_and_nothing_else(content: bytes) -> None:
    with pytest.raises(InvalidManifest):
        files.parse("tidegate.yaml", content, Installation)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        pytest.param(
            AgentVersion(agent="support", version="v1"),
            "kind: AgentVersion\napiVersion: tidegate/v1\nagent: support\nversion: v1\n",
            id="nothing said, nothing written",
        ),
        pytest.param(
            Step(set_weight="1%", min_units=5), "setWeight: 1%\nminUnits: 5\n", id="a step"
        ),
    ],
)
def test_render_writes_keys_in_the_order_of_their_declaration(
    document: Document, text: str
) -> None:
    assert files.render(document).decode() == text


@pytest.mark.parametrize("name", ["support", "v1.2.3", "2026-03-01_a", "x", "a" * 100])
def test_name_that_can_be_part_of_a_path_is_a_name(name: str) -> None:
    assert files.is_name(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "-x", "a/b", "../x", "a b", "a\\b", "ä", "a" * 101, "a\n"]
)
def test_name_that_would_leave_its_folder_is_no_name(name: str) -> None:
    assert not files.is_name(name)


def test_paths_of_the_manifest_repository_are_as_documented() -> None:
    assert files.intent_path("production", "support") == "envs/production/support.yaml"
    assert files.state_path("production", "support") == "envs/production/state/support.yaml"
    assert files.evidence_path("production", "support") == "envs/production/evidence/support.json"
    assert files.metrics_path("support") == "agents/support/metrics.yaml"
    assert files.version_path("support", "v1") == "agents/support/versions/v1.yaml"


def test_metrics_without_guardrails_watch_the_safety_events_every_agent_has() -> None:
    metrics = files.parse("metrics.yaml", b"kind: Metrics\nagent: support\n", Metrics)
    names = [guardrail.name for guardrail in metrics.guardrails]
    assert names == ["prompt_injection", "unexpected_tool", "error"]


@pytest.mark.parametrize("word", ["on", "off", "yes", "no", "NO", "y"])
def test_words_that_older_yaml_takes_for_booleans_are_the_words_they_are(word: str) -> None:
    content = f"kind: Tidegate\napiVersion: tidegate/v1\nenvironments: [{word}]\n".encode()
    assert files.parse("tidegate.yaml", content, Installation).environments == (word,)
