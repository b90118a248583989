"""What the API says of its answers, and what it says to requests that are none."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from live_service import Live, live
from release_files import at_rest
from tidegate.api.routes.assignments import LARGEST_ATTRIBUTES

FLAG = """\
kind: FeatureFlag
flag: new-checkout
type: boolean
variants: {on: true, off: false}
default: off
rules: [{when: {users: [ada]}, serve: on}]
"""
DOCUMENTED = (
    "AssignmentAnswer",
    "AssignmentRequest",
    "EnvironmentAnswer",
    "EnvironmentsAnswer",
    "ExplanationAnswer",
    "FlagAnswer",
    "FlagListAnswer",
    "FlagRequest",
    "StepAnswer",
)
ASK = {"agent": "support", "unit": "u"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    files = at_rest("v1") | {"envs/production/flags/new-checkout.yaml": FLAG}
    with live(tmp_path_factory.mktemp("answers"), files) as started:
        started.until_served(baseline="v1", phase="Healthy")
        yield started


def _refusal(service: Live, path: str, body: object) -> str:
    status, answer = service.call("POST", path, body)
    assert status == 422
    assert answer["error"]["code"] == "invalid_request"
    message: str = answer["error"]["message"]
    return message


@pytest.mark.parametrize("model", DOCUMENTED)
def test_every_field_of_assignments_and_flags_is_described_or_shown(
    service: Live, model: str
) -> None:
    fields = service.get("/openapi.json")["components"]["schemas"][model]["properties"]
    assert fields
    bare = [name for name, said in fields.items() if not _says_something(said)]
    assert bare == []


def _says_something(said: dict[str, Any]) -> bool:
    """A description, an example, or values that speak for themselves."""
    return bool({"description", "examples", "enum", "$ref"} & said.keys())


@pytest.mark.parametrize(
    ("path", "body", "model"),
    [
        pytest.param("/v1/assignments", ASK, "AssignmentAnswer", id="assignment"),
        pytest.param("/v1/flags/new-checkout", {"unit": "ada"}, "FlagAnswer", id="flag"),
    ],
)
def test_an_answer_has_exactly_the_fields_that_are_documented(
    service: Live, path: str, body: object, model: str
) -> None:
    answer = service.post(path, body)
    documented = service.get("/openapi.json")["components"]["schemas"][model]["properties"]
    assert set(answer) == set(documented)


@pytest.mark.parametrize("path", ["/v1/assignments", "/v1/flags/new-checkout"])
@pytest.mark.parametrize("attributes", [[1], "plan=pro", 7, None], ids=repr)
def test_attributes_that_are_no_json_object_are_refused(
    service: Live, path: str, attributes: object
) -> None:
    asked = ASK if path == "/v1/assignments" else {"unit": "u"}
    message = _refusal(service, path, asked | {"attributes": attributes})
    assert message == "attributes: Input should be a valid dictionary"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        pytest.param(
            {"conversation": "c" * 257},
            "conversation: String should have at most 256 characters",
            id="conversation too long",
        ),
        pytest.param(
            {"conversation": ""},
            "conversation: String should have at least 1 character",
            id="conversation empty",
        ),
        pytest.param(
            {"unit": "u" * 257}, "unit: String should have at most 256 characters", id="unit"
        ),
        pytest.param(
            {"attributes": {"text": "x" * LARGEST_ATTRIBUTES}},
            f"bytes as JSON, the limit is {LARGEST_ATTRIBUTES}",
            id="attributes too large",
        ),
    ],
)
def test_what_is_too_long_is_refused_with_the_limit(
    service: Live, more: dict[str, Any], words: str
) -> None:
    assert words in _refusal(service, "/v1/assignments", ASK | more)


def test_attributes_that_cannot_be_stored_are_refused_and_other_exposures_go_on(
    service: Live,
) -> None:
    """Half of a surrogate pair is valid JSON, but no text that could be written to disk."""
    half = b'{"agent": "support", "unit": "u", "attributes": {"name": "\\ud83d"}}'
    assert "attributes: " in _refusal(service, "/v1/assignments", half)
    assert service.assigned("after")["exposure_recorded"] is True


def test_a_line_that_is_nested_without_end_does_not_sink_its_batch(service: Live) -> None:
    event = ASK | {"event_id": "e1", "kind": "safety", "name": "error"}
    assert service.call("POST", "/v1/events", b"[" * 100_000)[0] == 400
    lines = b'{"a":' + b"[" * 100_000 + b"\n" + json.dumps(event).encode()
    status, answer = service.call("POST", "/v1/events", lines)
    assert (status, answer["accepted"], answer["rejected"]) == (200, 1, 1)
    assert "nested too deep" in answer["rejections"][0]["reason"]
