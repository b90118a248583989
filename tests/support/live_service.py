"""A real service process on a real git remote, spoken to over HTTP, and people who commit to it."""

import http.client
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tidegate.adapters.git_manifest import create_bare
from tidegate.demo import processes
from worlds import AGENT, Person

T = TypeVar("T")
POLL_S = 0.2
_AT_ONCE = 8
_PATIENCE_S = 180.0  # for things that take seconds: only a hang may reach it
_INSTALLATION = "kind: Tidegate\nenvironments: [production]\n"


@dataclass
class Live:
    """A service, and the remote it goes by."""

    folder: Path
    remote: Path
    url: str
    process: processes.Watched

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and decoded answer of one request; bytes are sent as they are."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=60)
        connection.request(
            method,
            path,
            None if body is None else payload,
            {"Content-Type": "application/json"},
        )
        answer = connection.getresponse()
        status, content = answer.status, answer.read()
        connection.close()
        return status, json.loads(content)

    def post(self, path: str, body: object) -> Any:
        """The answer to a request that must succeed."""
        return _fine(*self.call("POST", path, body))

    def get(self, path: str) -> Any:
        """The answer to a request that must succeed."""
        return _fine(*self.call("GET", path))

    def assigned(self, unit: str, agent: str = AGENT, **more: Any) -> dict[str, Any]:
        """What a unit is told that meets the agent."""
        told: dict[str, Any] = self.post("/v1/assignments", {"agent": agent, "unit": unit} | more)
        return told

    def all_assigned(self, units: list[str], agent: str = AGENT, **more: Any) -> dict[str, Any]:
        """What each of many units is told that meet the agent at about the same time."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            told = pool.map(lambda unit: self.assigned(unit, agent, **more), units)
            return dict(zip(units, told, strict=True))

    def in_arm(self, arm: str | None, count: int, prefix: str, agent: str = AGENT) -> list[str]:
        """So many units that meet an arm, which they are seen to do."""
        found: list[str] = []
        batch = 0
        while len(found) < count:
            units = [f"{prefix}{batch}-{number}" for number in range(2 * count)]
            told = self.all_assigned(units, agent)
            found += [unit for unit in units if told[unit]["arm"] == arm]
            batch += 1
        return found[:count]

    def report(
        self, units: list[str], kind: str, name: str, value: float | None = None, agent: str = AGENT
    ) -> None:
        """Units report something, in one batch; all of it must be taken."""
        events = [
            {
                "event_id": f"{agent}/{unit}/{kind}/{name}",
                "unit": unit,
                "agent": agent,
                "kind": kind,
                "name": name,
                "value": value,
            }
            for unit in units
        ]
        assert self.post("/v1/events", events)["accepted"] == len(events)

    def traffic(self, agent: str = AGENT) -> dict[str, Any]:
        """What is served of an agent, as `/v1/drift` has it."""
        found: dict[str, Any] = self.get("/v1/drift")["agents"].get(agent, {})
        return found

    def until(self, look: Callable[[], T | None], what: str) -> T:
        """What a look finds as soon as it finds something."""
        give_up_at = time.monotonic() + _PATIENCE_S
        while time.monotonic() < give_up_at:
            found = look()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"never: {what}\n{self._standing()}")

    def until_served(self, agent: str = AGENT, **wanted: Any) -> dict[str, Any]:
        """What is served of an agent once it is as wanted: baseline, phase, share_ppm and so on."""

        def look() -> dict[str, Any] | None:
            traffic = self.traffic(agent)
            fits = all(traffic.get(key) == value for key, value in wanted.items())
            return traffic if fits else None

        return self.until(look, f"{agent} served with {wanted}")

    def until_subject(self, subject: str) -> None:
        """Wait until the remote has a commit of this subject."""
        self.until(lambda: subject in self.subjects(), f"a commit {subject!r}")

    def until_fetched(self, commit: str) -> None:
        """Wait until the service serves a commit, or one after it."""
        self.until(
            lambda: self._descends(self.get("/v1/drift")["head"], commit), f"{commit} fetched"
        )

    def looks(self, agent: str = AGENT) -> Any:
        """The engine's looks at the agent's newest rollout."""
        rollouts = self.get("/v1/rollouts")["rollouts"]
        newest = next((each["id"] for each in rollouts if each["agent"] == agent), None)
        return self.get(f"/v1/rollouts/{newest}/evidence")["looks"] if newest is not None else []

    def until_seen(self, words: str, agent: str = AGENT) -> None:
        """Wait until a look of the engine says these words."""
        self.until(
            lambda: any(words in look["reason"] for look in self.looks(agent)),
            f"a look at {agent} that says {words!r}",
        )

    def subjects(self, agent: str | None = None) -> list[str]:
        """Subjects of the remote's history, newest first; of the engine's about one agent."""
        found = self.git("log", "--format=%s", "main").splitlines()
        return [each for each in found if agent is None or each.startswith(f"{agent}: ")]

    def git(self, *arguments: str) -> str:
        """The real git, in the remote."""
        return subprocess.run(
            ["git", "-C", str(self.remote), *arguments], capture_output=True, text=True, check=True
        ).stdout

    def person(self, name: str) -> Person:
        """One more person with a clone."""
        return Person(self.folder / name, self.remote)

    def restart(self) -> None:
        """End the process, and start another one on what it left."""
        self.process.end()
        self.process = processes.service(
            self.folder, str(self.remote), int(self.url.rpartition(":")[2]), poll_s=POLL_S
        )
        processes.wait_until_ready(self.process, self.url)

    def _descends(self, head: str, commit: str) -> bool:
        command = ["git", "-C", str(self.remote), "merge-base", "--is-ancestor", commit, head]
        return subprocess.run(command, check=False).returncode == 0

    def _standing(self) -> str:
        log = self.process.log_path.read_text()[-2000:]
        return f"{self.traffic()}\n{self.subjects()[:5]}\n{log}"


def _fine(status: int, answer: Any) -> Any:
    assert status == http.client.OK, answer
    return answer


@contextmanager
def live(folder: Path, contents: Mapping[str, str]) -> Iterator[Live]:
    """A service on a new remote whose first commit has these files.

    Args:
        folder: where everything lies.
        contents: text by path; `tidegate.yaml` need not be among them.
    """
    remote = folder / "manifest.git"
    create_bare(remote)
    founder = Person(folder / "founder", remote)
    _commit(founder, {"tidegate.yaml": _INSTALLATION} | dict(contents), "Begin")
    founder.git("push", "--quiet", "--set-upstream", "origin", "HEAD:main")
    port = processes.free_port()
    started = processes.service(folder, str(remote), port, poll_s=POLL_S)
    service = Live(folder, remote, f"http://127.0.0.1:{port}", started)
    try:
        processes.wait_until_ready(started, service.url)
        yield service
    finally:
        service.process.end()


def committed(person: Person, contents: Mapping[str, str], message: str) -> str:
    """One commit of several files, pushed; where the engine was first, on top of what it wrote."""
    _commit(person, contents, message)
    return pushed(person)


def reverted(person: Person, commit: str) -> str:
    """An ordinary `git revert` of a commit, pushed."""
    person.pull()
    person.git("revert", "--no-edit", commit)
    return pushed(person)


def pushed(person: Person) -> str:
    """Push as people do who find that someone was first: rebase, and push again."""
    for _ in range(10):
        person.git("pull", "--quiet", "--rebase")
        try:
            return person.push()
        except subprocess.CalledProcessError:
            continue
    raise AssertionError("the engine was first ten times")


def _commit(person: Person, contents: Mapping[str, str], message: str) -> None:
    for path, content in contents.items():
        (person.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (person.folder / path).write_text(content)
        person.git("add", path)
    person.git("commit", "--quiet", "-m", message)
