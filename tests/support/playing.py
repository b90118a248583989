"""One world of a random history: real git, engines and databases, and the model beside them."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pygit2
import yaml
from pygit2.enums import FileMode

from comparing import Mismatch, compare, intent_text
from engine_model import EngineModel
from rivals import add_agent, at_once, before_pushes
from serving_model import AGENTS, VERSIONS, Commit, History, Intent, Orders, State
from tidegate.demo.sample_manifest import SampleManifest
from tidegate.domain.events import Event, Kind, attribute
from tidegate.domain.release import Release
from worlds import ManualClock, World

ENGINES = {"first engine": "one", "second engine": "two"}
_HARMED = 40
_DONE = object()
_PERSON = pygit2.Signature("Person", "person@example.invalid", 1_767_225_600, 0)


def prepare(folder: Path) -> None:
    """A remote with two agents at v1, ready for each of their versions, which an engine adopted."""
    folder.mkdir()
    engineer = SampleManifest(folder, "support")
    engineer.begin("v1")
    for version in VERSIONS[1:]:
        engineer.add_version(version)
    world = World(folder / ENGINES["first engine"], engineer)
    person = world.person()
    for number in (3, 4, 5):
        text = (person.folder / "agents/support/versions/v2.yaml").read_text()
        other = person.folder / f"agents/other/versions/v{number}.yaml"
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_text(text.replace("support", "other").replace("v2", f"v{number}"))
    person.git("add", ".")
    add_agent(person, "other")
    for agent in AGENTS:
        person.commit(intent_path(agent), intent_text(agent, Intent("v1")), f"Plan for {agent}")
    world.turn()
    world.close()


def intent_path(agent: str) -> str:
    return f"envs/production/{agent}.yaml"


class Play:
    """What people, engines and the host can do, in the world and in the model alike.

    Args:
        folder: as `prepare` made it, or a copy.
    """

    def __init__(self, folder: Path) -> None:
        self.remote = folder / "manifest.git"
        self.repository = pygit2.Repository(str(self.remote))
        self.clock = ManualClock()
        self.engines: dict[str, World] = {}
        for name, place in ENGINES.items():
            remote = SimpleNamespace(remote=self.remote)
            self.engines[name] = World(folder / place, remote, clock=self.clock)
            self.engines[name].engine.refresh()
        head = str(self.repository.references["refs/heads/main"].target)
        live = Intent("v1")
        states = dict.fromkeys(AGENTS, State(0, "Healthy", "v1", window=("v1",)))
        self.history = History(Commit(dict.fromkeys(AGENTS, live), states))
        self.names = [head]  # of the model's commits, in git
        release = self.engines["first engine"].manifest.release
        self.begun = {agent: release(agent).attempt for agent in AGENTS}
        self.models = {name: EngineModel(self.history, self._now) for name in ENGINES}
        first, second = self.models.values()
        second.recorded = first.recorded
        self.decided: dict[str, tuple[str, bool]] = {}
        self.met: dict[tuple[str, int], dict[int, frozenset[str]]] = {}
        self.metrics = {agent: self.content(f"agents/{agent}/metrics.yaml") for agent in AGENTS}
        self.happened: Counter[str] = Counter()
        self._count = 0

    def close(self) -> None:
        for world in self.engines.values():
            world.close()

    # What people do.

    def deploy(self, agent: str, version: str, how: str) -> None:
        edit = self._next() if how == "edited" else ""
        self._want({agent: Intent(version, how == "with force", edit)}, f"Deploy {version}")

    def deploy_both(self, version: str) -> None:
        self._want(dict.fromkeys(AGENTS, Intent(version)), f"Deploy both {version}")

    def merge_a_deploy(self, agent: str, version: str) -> None:
        self._want({agent: Intent(version)}, f"Merge the deploy of {version}", by_merge=True)

    def revert_the_deploy(self, agent: str) -> None:
        """Undo the last change of INTENT, whoever made it: also a revert, also the engine's."""
        attempt = self.history.attempt(agent, self.history.head)
        if attempt > 0:
            before = self.history.commits[attempt - 1].intents[agent]
            self._want({agent: before}, f'Revert "{self.names[attempt][:12]}"')

    def break_intent(self, agent: str) -> None:
        self._want({agent: Intent("", text=self._next(), parses=False)}, "Break the manifest")

    def break_metrics(self, agent: str) -> None:
        broken = self.history.commits[-1].broken_metrics
        if agent not in broken:
            self._commit({f"agents/{agent}/metrics.yaml": "guardrails: ["}, "Break the metrics")
            self.history.add(broken_metrics=broken | {agent})

    def mend_metrics(self, agent: str) -> None:
        broken = self.history.commits[-1].broken_metrics
        if agent in broken:
            self._commit({f"agents/{agent}/metrics.yaml": self.metrics[agent]}, "Mend the metrics")
            self.history.add(broken_metrics=broken - {agent})

    def write_notes(self) -> None:
        self._commit({"notes.txt": self._next()}, "Write notes")
        self.history.add()

    def merge_notes(self) -> None:
        self._commit({"notes.txt": self._next()}, "Merge the notes", by_merge=True)
        self.history.add()

    def order(self, agent: str, what: str) -> None:
        """What a person wants of the attempt at head, by the file that the commands write."""
        attempt = self.history.attempt(agent, self.history.head)
        step = self.history.commits[-1].states[agent].step
        orders = {
            "pause": Orders(attempt, paused=True),
            "resume": Orders(attempt),
            "step": Orders(attempt, steps=step + 1),
            "full": Orders(attempt, full=True),
        }[what]
        document = {
            "apiVersion": "tidegate/v1",
            "kind": "RolloutOrders",
            "agent": agent,
            "attempt": self.name(agent, attempt),
            "paused": orders.paused,
            "resumed": what == "resume",
            "promotedSteps": orders.steps,
            "full": orders.full,
            "reason": self._next(),
        }
        path = f"envs/production/orders/{agent}.yaml"
        self._commit({path: yaml.safe_dump(document)}, f"Order {what}")
        self.history.add(orders=self.history.commits[-1].orders | {agent: orders})

    # What happens to engines, and what they do.

    def turn(self, engine: str, overtaken: Callable[[], None] | None = None) -> None:
        """An engine fetches and looks; others may be quicker to push than it."""
        world, model = self.engines[engine], self.models[engine]
        at_once(world)
        turning, publish = model.turning(), world.repository.publish
        writes = next(turning, _DONE) is not _DONE
        if overtaken is not None and model.reachable:
            before_pushes(world, overtaken if writes else _surprise)
        world.turn()
        world.repository.publish = publish
        self.happened["lost race"] += self.history.head > model.seen and model.reachable
        next(turning, None)
        self.happened["debt"] += bool(model.overrides) and not model.reachable
        self._learn()

    def restart(self, engine: str) -> None:
        self.engines[engine].restart()
        self.models[engine].fetch()

    def cut_off(self, engine: str) -> None:
        self._lead(engine, self.remote.with_name("nowhere.git"))
        self.models[engine].reachable = False

    def connect(self, engine: str) -> None:
        self._lead(engine, self.remote)
        self.models[engine].reachable = True

    def healthy_units(self, engine: str, agent: str) -> None:
        """Twenty units, in just the shares that the manifest says."""
        served = self.models[engine].served(agent)
        if served.phase == "Progressing":
            met = 20 * served.share // 1_000_000
            self._meet(engine, agent, {"candidate": met, "baseline": 20 - met})

    def ride(self, engine: str, agent: str) -> None:
        """Units and time enough for a step, and a turn."""
        self.healthy_units(engine, agent)
        self.wait_minutes(11)
        self.turn(engine)

    def harm(self, engine: str, agent: str) -> None:
        """So many units of the candidate are harmed that no candidate could stay."""
        model = self.models[engine]
        if model.served(agent).phase == "Progressing":
            self._meet(engine, agent, {"candidate": _HARMED}, incident="prompt_injection")
            model.harmed.add((agent, model.attempt(agent)))

    def wait_minutes(self, minutes: int) -> None:
        self.clock.advance(minutes=minutes)

    # How it is done.

    def end(self) -> None:
        """Everybody is connected again and comes to rest."""
        for engine in self.engines:
            self.connect(engine)
        for _ in range(3):
            for engine in self.engines:
                self.turn(engine)
                compare(self)

    def name(self, agent: str, attempt: int) -> str:
        """An attempt's commit in git."""
        return self.begun[agent] if attempt == 0 else self.names[attempt]

    def content(self, path: str) -> str:
        """A file at the remote's head."""
        return self.repository[self._head().tree[path].id].data.decode()

    def _now(self) -> float:
        return self.clock.instant.timestamp()

    def _next(self) -> str:
        self._count += 1
        return f"edit {self._count}"

    def _head(self) -> pygit2.Commit:
        return self.repository[self.repository.references["refs/heads/main"].target]

    def _want(self, intents: dict[str, Intent], message: str, *, by_merge: bool = False) -> None:
        texts = {intent_path(agent): intent_text(agent, each) for agent, each in intents.items()}
        self._commit(texts, message, by_merge=by_merge)
        self.history.put_intents(intents)

    def _commit(self, texts: dict[str, str], message: str, *, by_merge: bool = False) -> None:
        """A person's commit on top of the remote's head, pushed."""
        head, index = self._head(), pygit2.Index()
        index.read_tree(head.tree)
        for path, text in texts.items():
            blob = self.repository.create_blob(text.encode())
            index.add(pygit2.IndexEntry(path, blob, FileMode.BLOB))
        tree, parents = index.write_tree(self.repository), [head.id]
        if by_merge:
            side = self.repository.create_commit(None, _PERSON, _PERSON, "Side", tree, parents)
            parents = [head.id, side]
        made = self.repository.create_commit(None, _PERSON, _PERSON, message, tree, parents)
        self.repository.references.create("refs/heads/main", made, force=True)
        self.names.append(str(made))

    def _lead(self, engine: str, remote: Path) -> None:
        world = self.engines[engine]
        world.remote = remote
        world.repository._repository.remotes.set_url("origin", str(remote))

    def _meet(self, engine: str, agent: str, arms: dict[str, int], incident: str = "") -> None:
        """Units of each arm meet what an engine serves."""
        world, model = self.engines[engine], self.models[engine]
        release, events = world.manifest.release(agent), []
        for arm, wanted in arms.items():
            for unit in self._units(release, arm, wanted):
                events.append(_event(unit, agent, "exposure", ""))
                if incident:
                    events.append(_event(unit, agent, "safety", incident))
        world.events.append([[attribute(each, release) for each in events]], self.clock.now())
        step = self.history.commits[model.good[agent]].states[agent].step
        model.units[agent, model.attempt(agent), step] += sum(arms.values())

    def _units(self, release: Release, arm: str, wanted: int) -> list[str]:
        found: list[str] = []
        while len(found) < wanted:
            self._count += 1
            unit = f"unit-{self._count}"
            if release.arm(unit) == arm:
                found.append(unit)
        return found

    def _learn(self) -> None:
        """What an engine has pushed, by name; each decision must be there once."""
        new, at = [], self._head()
        while str(at.id) != self.names[-1]:
            new.append(at)
            at = at.parents[0]
        for commit in reversed(new):
            self.names.append(str(commit.id))
            decision = _trailer(commit.message, "Tidegate-Decision")
            key = (decision, "This reverts commit" in commit.message)
            if key in self.decided.values():
                raise Mismatch(f"decision {decision} was written twice")
            self.decided[str(commit.id)] = key
            self.happened[_trailer(commit.message, "Tidegate-Rule")] += 1


def _surprise() -> None:
    raise Mismatch("an engine pushes, although nothing is due")


def _trailer(message: str, name: str) -> str:
    found = [line for line in message.splitlines() if line.startswith(f"{name}: ")]
    if len(found) != 1:
        raise Mismatch(f"an engine's commit has {len(found)} trailers {name}: {message!r}")
    return found[0].partition(": ")[2]


def _event(unit: str, agent: str, kind: Kind, name: str) -> Event:
    return Event(event_id=f"{unit}/{kind}", unit=unit, agent=agent, kind=kind, name=name)
