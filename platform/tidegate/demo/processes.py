"""The processes of a demo: started, watched, started again when they die, and ended."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from tidegate.domain.errors import TidegateError
from tidegate_sdk import Client, TidegateClientError

_READY_WITHIN_S = 60.0
_END_WITHIN_S = 10.0
_BREATH_S = 0.2
_QUICK_S = 5.0
_QUICK_DEATHS = 3


class DidNotStart(TidegateError):
    """A process of the demo did not come up."""

    code = "did_not_start"


def end_with_children_on_sigterm() -> None:
    """Let SIGTERM end this process as Ctrl-C would, so that its children end with it."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def require_free(port: int, option: str) -> None:
    """Make sure that a port can be listened on.

    Raises:
        DidNotStart: another process has it; names the option that chooses another.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DidNotStart(f"port {port} is taken; choose another with {option}") from error


def free_port() -> int:
    """A port of the loopback interface that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Watched:
    """A process that, once it is watched, is started again when it dies by itself.

    Args:
        name: what it is, for its log file and for messages.
        command: its argument vector.
        folder: where its log file goes.
    """

    def __init__(self, name: str, command: Sequence[str], folder: Path) -> None:
        self.name = name
        self.log_path = folder / f"{name}.log"
        self._command = list(command)
        self._ending = threading.Event()
        self._process = self._start()

    @property
    def pid(self) -> int:
        """The process's id now."""
        return self._process.pid

    @property
    def has_died(self) -> bool:
        """Whether it ended by itself."""
        return self._process.poll() is not None

    def watch(self, say: Callable[[str], None]) -> None:
        """From now on start it again when it dies, and say so."""
        threading.Thread(target=self._revive, args=(say,), name=self.name, daemon=True).start()

    def end(self) -> None:
        """Ask it to end, and wait; if it does not, end it."""
        self._ending.set()
        end_all([self._process])

    def _revive(self, say: Callable[[str], None]) -> None:
        quick_deaths = 0
        while True:
            began = time.monotonic()
            status = self._process.wait()
            if self._ending.wait(_BREATH_S):
                return
            # A process that was killed may live if started again; one that gives up early will not.
            gave_up = status > 0 and time.monotonic() - began < _QUICK_S
            quick_deaths = quick_deaths + 1 if gave_up else 0
            if quick_deaths == _QUICK_DEATHS:
                say(f"the {self.name} keeps dying and stays down:\n{last_lines(self.log_path)}")
                return
            self._process = self._start()
            if self._ending.is_set():
                end_all([self._process])
                return
            say(f"the {self.name} died; started again as process {self.pid}, see {self.log_path}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log_path.open("ab") as log:
            return subprocess.Popen(self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def end_all(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask processes to end, wait for them, and end those that do not."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def service(data_dir: Path, manifest: str, port: int, *, poll_s: float) -> Watched:
    """The service as a process of its own."""
    command = [sys.executable, "-m", "tidegate", "serve", "--data-dir", str(data_dir)]
    command += ["--manifest", manifest, "--port", str(port), "--poll", str(poll_s)]
    return Watched("service", command, data_dir)


def wait_until_ready(watched: Watched, url: str) -> None:
    """Wait until the service serves a commit.

    Raises:
        DidNotStart: it does not, in time; the message carries the end of its log.
    """
    give_up_at = time.monotonic() + _READY_WITHIN_S
    with Client(url, patience_s=0.0) as client:
        while time.monotonic() < give_up_at and not watched.has_died:
            try:
                client.get("/readyz")
            except TidegateClientError:
                time.sleep(0.1)
            else:
                return
    said = last_lines(watched.log_path)
    raise DidNotStart(f"the service did not start; {watched.log_path} ends with:\n{said}")


def last_lines(path: Path) -> str:
    """The end of a log file."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-5:])
