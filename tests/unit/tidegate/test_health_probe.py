"""What an environment's health address may answer, and what never keeps the engine waiting."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tidegate.adapters.health_probe import HttpProbe

PATIENCE_S = 0.5


@contextmanager
def _answering(*parts: bytes) -> Iterator[str]:
    """An address that answers one request with these parts, a while between them."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                for part in parts[:-1]:
                    connection.sendall(part)
                    done.wait(PATIENCE_S / 2)
                connection.sendall(parts[-1])

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/healthz"
        done.set()
        thread.join()


def _said(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.0 {status}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(_said(b'{"version": "v2"}'), (True, "v2"), id="well, with its version"),
        pytest.param(_said(b"ok"), (True, None), id="no JSON"),
        pytest.param(_said(b'["v2"]'), (True, None), id="no object"),
        pytest.param(_said(b'{"version": 2}'), (True, None), id="a version that is no text"),
        pytest.param(_said(b"[" * 60_000), (True, None), id="nested too deep"),
        pytest.param(_said(b"{}", "204 No Content"), (False, None), id="another status"),
        pytest.param(_said(b"", "503 Unavailable"), (False, None), id="an error"),
        pytest.param(b"what?\r\n\r\n", (False, None), id="no HTTP"),
    ],
)
def test_an_environment_is_well_if_it_answers_200_and_runs_what_it_says(
    answer: bytes, expected: tuple[bool, str | None]
) -> None:
    with _answering(answer) as address:
        health = HttpProbe().ask(address)
    assert (health.well, health.version) == expected
    assert health.well or health.detail


def test_an_answer_that_comes_drop_by_drop_is_waited_for_no_longer_than_the_patience() -> None:
    """Each drop comes in time for a socket's own patience, and there are many."""
    drops = [b"HTTP/1.0 200 OK\r\n\r\n", *[b" "] * 12]
    probe = HttpProbe(PATIENCE_S)
    with _answering(*drops) as address:
        first, second = probe.ask(address), probe.ask(address)
    assert first.detail == f"{address} did not answer in full within 0.5 s"
    assert second.detail == f"{address} still has not answered in full"
    assert not first.well
    assert not second.well


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("http://127.0.0.1:1/healthz", id="nobody listens"),
        pytest.param("http://[::1/healthz", id="half an address"),
        pytest.param("http://a..b/healthz", id="a name that is none"),
        pytest.param("http://127.0.0.1:1/gesünd", id="a path that is not ASCII"),
        pytest.param("http://127.0.0.1:port/healthz", id="a port that is none"),
        pytest.param("file:///etc/hostname", id="a file"),
        pytest.param("", id="nothing"),
    ],
)
def test_an_address_that_cannot_be_asked_is_unwell_and_no_error(address: str) -> None:
    health = HttpProbe().ask(address)
    assert not health.well
    assert "address" in health.detail or "answer" in health.detail
