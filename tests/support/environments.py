"""Two tiny HTTP agents of one colour each, and users who call them without a pause."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_PATIENCE_S = 60.0


class Environment:
    """An agent that runs in one environment: `/answer` says its colour, `/healthz` its version.

    A test may change at any time whether it is well, which version it says it runs, and whether its
    answers are injected ones.
    """

    def __init__(self, colour: str, version: str) -> None:
        self.colour = colour
        self.version = version
        self.is_well = True
        self.is_injected = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def health(self) -> str:
        return f"{self.endpoint}/healthz"

    def answer(self, path: str) -> tuple[int, dict[str, Any]]:
        """What it answers to a path."""
        if path != "/healthz":
            said = {"colour": self.colour, "version": self.version, "injected": self.is_injected}
            return 200, said
        return (200, {"version": self.version}) if self.is_well else (503, {})

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler_of(environment: Environment) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, said = environment.answer(self.path)
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: a test has its own words."""

    return Handler


@contextmanager
def environments() -> Iterator[tuple[Environment, Environment]]:
    """Blue with v1 and green with v2."""
    blue, green = Environment("blue", "v1"), Environment("green", "v2")
    try:
        yield blue, green
    finally:
        blue.close()
        green.close()


@dataclass(frozen=True)
class Visit:
    """One unit's way through: which version it was told, and whose answer it got.

    Attributes:
        asked_at: just before the service was asked, by the monotonic clock.
        answered_at: when the environment had answered.
    """

    asked_at: float
    answered_at: float
    told: str
    colour: str
    version: str


@dataclass
class Users:
    """Threads that ask for a version and call the endpoint it is at, again and again.

    Nothing is tried twice: whatever goes wrong is a failure.

    Attributes:
        url: of the service.
        attributes: what is known of each of these units.
    """

    url: str
    name: str = "user"
    attributes: dict[str, Any] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _ending: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def busy(self, threads: int) -> Iterator["Users"]:
        """So many threads of them, as long as the block lasts."""
        started = [
            threading.Thread(target=self._call_on, args=(f"{self.name}{number}",))
            for number in range(threads)
        ]
        for each in started:
            each.start()
        try:
            yield self
        finally:
            self._ending.set()
            for each in started:
                each.join()

    def colours(self, since: float, until: float = float("inf")) -> set[str]:
        """Whose answers those got who asked from one instant on, and before another."""
        return {each.colour for each in self.visits if since < each.asked_at < until}

    def _call_on(self, name: str) -> None:
        service = _Connection(self.url)
        number = 0
        while not self._ending.is_set():
            number += 1
            try:
                self.visits.append(self._visit(service, f"{name}-{number}"))
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                self.failures.append(f"{name}-{number}: {error!r}")
        service.close()

    def _visit(self, service: "_Connection", unit: str) -> Visit:
        asked_at = time.monotonic()
        asked = {"agent": "support", "unit": unit, "attributes": self.attributes}
        told = service.call("POST", "/v1/assignments", asked)
        environment = _Connection(told["endpoint"])
        answer = environment.call("GET", "/answer")
        environment.close()
        visit = Visit(
            asked_at, time.monotonic(), told["version"], answer["colour"], answer["version"]
        )
        if answer["injected"]:
            service.call("POST", "/v1/events", [_injection(unit)])
        return visit


class _Connection:
    """One connection that gives up at the first thing that goes wrong."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=_PATIENCE_S
        )
        self.close: Callable[[], None] = self._connection.close

    def call(self, method: str, path: str, body: object = None) -> Any:
        payload = None if body is None else json.dumps(body).encode()
        self._connection.request(method, path, payload, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != http.client.OK:
            raise ValueError(f"{path} answered {answer.status}: {content[:200]!r}")
        return json.loads(content)


def _injection(unit: str) -> dict[str, str]:
    return {
        "event_id": f"{unit}/injection",
        "unit": unit,
        "agent": "support",
        "kind": "safety",
        "name": "prompt_injection",
    }
