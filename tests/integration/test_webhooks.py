"""A git host says that something was pushed; the service fetches at once, if it may be believed."""

import http.client
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tidegate.demo import processes
from tidegate.demo.sample_manifest import SampleManifest
from tidegate.service.engine import EngineLoop
from tidegate.settings import Settings, webhook_secret
from tidegate_sdk import Client
from worlds import World

# As GitHub's documentation has it; the signature is what `openssl dgst -sha256 -hmac` says.
SECRET = "It's a Secret to Everybody"  # noqa: S105 - an example
BODY = b"Hello, World!"
SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
NEVER_S = 3600.0
_PATIENCE_S = 60.0


@dataclass
class Hooked:
    """A service that fetches when it is told to, and never by itself."""

    url: str
    engineer: SampleManifest

    def call(self, body: bytes = BODY, headers: Mapping[str, str] | None = None) -> int:
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=20)
        connection.request("POST", "/v1/hooks/manifest", body, dict(headers or {}))
        status = connection.getresponse().status
        connection.close()
        return status

    def served(self) -> str:
        with Client(self.url) as client:
            return str(client.get("/readyz")["served"])

    def serves(self, commit: str) -> bool:
        """Whether it comes to serve a commit."""
        give_up_at = time.monotonic() + _PATIENCE_S
        while time.monotonic() < give_up_at:
            if self.served() == commit:
                return True
            time.sleep(0.02)
        return False


@contextmanager
def _hooked(folder: Path) -> Iterator[Hooked]:
    engineer = SampleManifest(folder, "support")
    engineer.begin("v1")
    port = processes.free_port()
    url = f"http://127.0.0.1:{port}"
    with processes.service(folder, str(engineer.remote), port, poll_s=NEVER_S) as process:
        processes.wait_until_ready(process, url)
        yield Hooked(url, engineer)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hooked]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEGATE_WEBHOOK_SECRET", SECRET)
        with _hooked(tmp_path_factory.mktemp("guarded")) as service:
            yield service


def test_a_push_that_is_announced_is_served_without_a_poll(tmp_path: Path) -> None:
    with _hooked(tmp_path) as service:
        for body in (b'{"ref": "refs/heads/main"}', b"payload=%7B%7D", b"\xff\x00", b""):
            pushed = service.engineer.add_version(f"v{len(body)}")
            assert service.call(body) == 202
            assert service.serves(pushed)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"X-Hub-Signature-256": SIGNATURE}, id="GitHub and Gitea"),
        pytest.param({"X-Gitlab-Token": SECRET}, id="GitLab"),
    ],
)
def test_who_knows_the_secret_is_believed(guarded: Hooked, headers: dict[str, str]) -> None:
    pushed = guarded.engineer.add_version(f"believed-{len(next(iter(headers)))}")
    assert guarded.call(BODY, headers) == 202
    assert guarded.serves(pushed)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(BODY, {}, id="nothing"),
        pytest.param(BODY + b"!", {"X-Hub-Signature-256": SIGNATURE}, id="another body"),
        pytest.param(
            BODY, {"X-Hub-Signature-256": SIGNATURE.removeprefix("sha256=")}, id="no algorithm"
        ),
        pytest.param(BODY, {"X-Hub-Signature-256": "sha256="}, id="no signature"),
        pytest.param(BODY, {"X-Hub-Signature": "sha1=0"}, id="the old signature"),
        pytest.param(BODY, {"X-Gitlab-Token": SECRET[:-1]}, id="another token"),
        pytest.param(BODY, {"X-Gitlab-Token": ""}, id="empty token"),
        pytest.param(BODY, {"X-Gitlab-Token": "\xe9"}, id="token outside ASCII"),
    ],
)
def test_who_does_not_know_the_secret_is_refused_and_starts_no_fetch(
    guarded: Hooked, body: bytes, headers: dict[str, str]
) -> None:
    before = guarded.served()
    guarded.engineer.add_version(f"refused-{len(body)}-{len(repr(headers))}")
    assert guarded.call(body, headers) == 401
    assert guarded.served() == before


def test_calls_during_a_fetch_share_the_next_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Semaphore(0), threading.Semaphore(0)

    def slow_refresh() -> None:
        begun.release()
        may_end.acquire()

    monkeypatch.setattr(world.engine, "refresh", slow_refresh)
    loop = EngineLoop(world.engine, poll_s=NEVER_S)
    loop.start()
    begun.acquire()
    for _ in range(100):
        loop.fetch()
    may_end.release()
    assert begun.acquire(timeout=_PATIENCE_S)
    may_end.release()
    assert not begun.acquire(timeout=0.2)
    loop.stop()


def test_the_secret_comes_from_the_environment_and_is_never_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TIDEGATE_WEBHOOK_SECRET", SECRET)
    settings = Settings(data_dir=tmp_path, manifest="", webhook_secret=webhook_secret())
    assert settings.webhook_secret == SECRET
    assert SECRET not in repr(settings)


def test_an_empty_secret_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_WEBHOOK_SECRET", "")
    assert webhook_secret() is None
