"""The HTTP face, asked over real HTTP of a real service process."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tidegate.demo import processes
from tidegate.demo.sample_manifest import SampleManifest
from tidegate_sdk import Client, RequestRefused


@dataclass
class Running:
    url: str
    folder: Path
    engineer: SampleManifest
    process: processes.Watched

    def call(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=20)
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        status, content = answer.status, answer.read()
        connection.close()
        return status, _decoded(content)

    def post(self, path: str, body: object) -> tuple[int, Any]:
        return self.call("POST", path, json.dumps(body).encode())

    def get(self, path: str) -> tuple[int, Any]:
        return self.call("GET", path)


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("service")
    engineer = SampleManifest(folder, "support", None)
    engineer.begin("v1")
    engineer.add_version("v2")
    port = processes.free_port()
    url = f"http://127.0.0.1:{port}"
    with processes.service(folder, str(engineer.remote), port, poll_s=0.2) as process:
        processes.wait_until_ready(process, url)
        engineer.deploy("v2")
        with Client(url) as client:
            while not client.get("/v1/rollouts")["rollouts"]:
                pass
        yield Running(url, folder, engineer, process)


def test_a_unit_gets_a_version_with_its_grounds(service: Running) -> None:
    status, answer = service.post("/v1/assignments", {"agent": "support", "unit": "u1"})
    assert status == 200
    assert answer["version"] in ("v1", "v2")
    assert answer["reason"] == "SPLIT"
    assert answer["exposure_recorded"] is True
    assert len(answer["manifest_commit"]) == 40


def test_the_same_unit_gets_the_same_answer_by_get_and_by_post(service: Running) -> None:
    body = {"agent": "support", "unit": "u1", "expose": False}
    _, posted = service.post("/v1/assignments", body)
    _, got = service.get("/v1/agents/support/assignment?unit=u1")
    assert posted == got


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        pytest.param(
            "/v1/assignments",
            {"agent": "nobody", "unit": "u"},
            404,
            "agent 'nobody' has no release in 'production'; known agents: support",
            id="unknown agent",
        ),
        pytest.param(
            "/v1/assignments", {"agent": "support"}, 422, "unit: Field required", id="missing unit"
        ),
        pytest.param(
            "/v1/assignments",
            {"agent": "support", "unit": ""},
            422,
            "unit: String should have at least 1 character",
            id="empty unit",
        ),
        pytest.param(
            "/v1/assignments",
            {"agent": "support", "unit": "u", "user": 1},
            422,
            "user: Extra inputs",
            id="unknown field",
        ),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(
    service: Running, path: str, body: object, status: int, words: str
) -> None:
    code, answer = service.post(path, body)
    assert code == status
    assert words in answer["error"]["message"]


def test_asking_without_a_unit_is_told_so(service: Running) -> None:
    status, answer = service.get("/v1/agents/support/assignment")
    assert (status, answer["error"]["message"]) == (422, "unit: Field required")


def test_an_unknown_rollout_and_an_unknown_commit_are_404(service: Running) -> None:
    assert service.get("/v1/rollouts/none")[0] == 404
    assert service.get("/v1/commits/none")[0] == 404
    assert service.get("/v1/nothing")[0] == 404


def _event(number: int, **fields: Any) -> dict[str, Any]:
    common = {"event_id": f"e{number}", "unit": f"u{number}", "agent": "support"}
    return common | {"kind": "safety", "name": "error"} | fields


def test_a_bad_line_is_rejected_with_its_index_and_reason_and_the_rest_is_stored(
    service: Running,
) -> None:
    lines = [
        json.dumps(_event(1)),
        "{no json",
        json.dumps(_event(2, unit="")),
        json.dumps(_event(3, kind="explosion")),
        json.dumps(_event(4, agent="nobody")),
        json.dumps(_event(5, kind="outcome", name="goal", value=0.5)),
        json.dumps(_event(6, kind="exposure", manifest_commit="0" * 40)),
        json.dumps(_event(7, ts=1e300)),
        json.dumps([1, 2]),
        json.dumps(_event(8)),
    ]
    status, answer = service.call("POST", "/v1/events", "\n".join(lines).encode())
    assert status == 200
    assert (answer["accepted"], answer["duplicate"], answer["rejected"]) == (2, 0, 8)
    reasons = {each["index"]: each["reason"] for each in answer["rejections"]}
    assert sorted(reasons) == [1, 2, 3, 4, 5, 6, 7, 8]
    for index, words in {
        1: "no JSON",
        2: "unit must have 1 to 256 characters",
        3: "explosion",
        4: "agent 'nobody' has no release",
        5: "value 1 (success) or 0 (failure)",
        6: "is not in the manifest repository",
        7: "ts",
        8: "object",
    }.items():
        assert words in reasons[index]


def test_an_event_that_nothing_counts_is_stored_with_a_warning(service: Running) -> None:
    _, answer = service.post("/v1/events", [_event(50, name="promptinjection")])
    assert (answer["accepted"], answer["rejected"]) == (1, 0)
    assert answer["warnings"][0]["index"] == 0
    assert "nothing counts 'promptinjection'" in answer["warnings"][0]["reason"]
    assert "prompt_injection" in answer["warnings"][0]["reason"]


def test_a_batch_sent_again_stores_nothing_twice(service: Running) -> None:
    batch = [_event(number) for number in range(100, 110)]
    assert service.post("/v1/events", batch)[1]["accepted"] == 10
    again = service.post("/v1/events", batch)[1]
    assert (again["accepted"], again["duplicate"]) == (0, 10)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        pytest.param(b"[{", 400, "no JSON array", id="broken array"),
        pytest.param(b"x" * (16 * 1024 * 1024 + 1), 413, "send it in parts", id="too large"),
    ],
)
def test_a_batch_that_is_no_batch_is_refused_as_a_whole(
    service: Running, body: bytes, status: int, words: str
) -> None:
    code, answer = service.call("POST", "/v1/events", body)
    assert code == status
    assert words in answer["error"]["message"]


def test_an_empty_batch_is_no_error(service: Running) -> None:
    assert service.call("POST", "/v1/events", b"")[1]["accepted"] == 0


def test_an_exposure_is_counted_in_the_arm_that_the_service_computes(service: Running) -> None:
    """The client claims the wrong version; the claim is stored, not believed."""
    _, answer = service.get("/v1/agents/support/assignment?unit=liar")
    rollout = answer["rollout"]
    _, before = service.get(f"/v1/rollouts/{rollout}")
    claim = {
        "event_id": answer["exposure_id"],
        "unit": "liar",
        "agent": "support",
        "kind": "exposure",
        "version": "v2" if answer["version"] == "v1" else "v1",
        "manifest_commit": answer["manifest_commit"],
    }
    assert service.post("/v1/events", [claim])[1]["accepted"] == 1
    _, after = service.get(f"/v1/rollouts/{rollout}")
    on_candidate = after["exposed_candidate_units"] - before["exposed_candidate_units"]
    assert on_candidate == (answer["arm"] == "candidate")


def test_the_service_says_what_it_serves_and_shows_a_commit(service: Running) -> None:
    status, drift = service.get("/v1/drift")
    assert status == 200
    assert drift["head"] == drift["served"]
    assert drift["problems"] == {}
    status, shown = service.get(f"/v1/commits/{drift['head']}")
    assert status == 200
    assert "support: start canary of v2 at 1%" in shown
    assert "Tidegate-Decision:" in shown


def test_the_openapi_document_names_every_route(service: Running) -> None:
    _, document = service.get("/openapi.json")
    assert {"/v1/assignments", "/v1/events", "/v1/rollouts", "/v1/drift"} <= set(document["paths"])


def test_the_client_says_what_the_service_refused(service: Running) -> None:
    with (
        Client(service.url) as client,
        pytest.raises(RequestRefused, match="known agents: support"),
    ):
        client.assign("nobody", "u1")


def test_a_second_service_on_the_same_data_says_so_and_ends(service: Running) -> None:
    command = [sys.executable, "-m", "tidegate", "serve", "--port", str(processes.free_port())]
    command += ["--data-dir", str(service.folder), "--manifest", str(service.engineer.remote)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert "is another service running on it?" in ended.stderr
    assert "Traceback" not in ended.stderr
