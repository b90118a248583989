"""The client tells an answer from an error, and an error from silence."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tidegate_dashboards.navigation import DEFAULT_SERVICE, service_of
from tidegate_dashboards.service_client import AnswerUnusable, ServiceClient, ServiceUnreachable


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = {
            "/v1/rollouts": (200, b'{"rollouts": [{"id": "abc"}]}'),
            "/v1/drift": (200, b"<html>a proxy says hello</html>"),
            "/v1/rollouts/a%2Fb/evidence": (200, b'{"looks": []}'),
        }.get(self.path, (404, b'{"error": "unknown_rollout"}'))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quietly."""


@pytest.fixture
def client() -> Iterator[ServiceClient]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield ServiceClient(f"http://127.0.0.1:{server.server_port}/")
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_answer_comes_as_plain_values(client: ServiceClient) -> None:
    assert client.rollouts() == [{"id": "abc"}]


def test_an_id_cannot_reach_into_another_path(client: ServiceClient) -> None:
    assert client.looks("a/b") == []


def test_an_error_of_the_service_carries_its_status_and_words(client: ServiceClient) -> None:
    with pytest.raises(AnswerUnusable, match=r"HTTP 404.*unknown_rollout") as caught:
        client.rollout("nope")
    assert caught.value.status == 404


def test_an_answer_that_is_no_json_is_named_as_such(client: ServiceClient) -> None:
    with pytest.raises(AnswerUnusable, match="not what the API promises"):
        client.drift()


def test_silence_is_an_error_of_its_own() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        silent = ServiceClient(f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(ServiceUnreachable) as caught:
            silent.rollouts()
    assert caught.value.reason == "connection refused"


def test_a_commit_has_an_address() -> None:
    assert ServiceClient("http://h:1/").commit_url("ab12") == "http://h:1/v1/commits/ab12"


def test_the_service_comes_from_the_command_line_or_is_the_default() -> None:
    assert service_of(["--service", "http://h:2"]) == "http://h:2"
    assert service_of([]) == DEFAULT_SERVICE
