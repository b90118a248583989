"""Others who write to the same manifest repository: people, a second engine, the host itself."""

import re
from collections.abc import Callable, Sequence

from tidegate.domain import manifest_files as files
from tidegate.domain.commits import PlannedCommit
from tidegate.domain.events import Event, attribute
from tidegate.domain.orders import RolloutOrders
from worlds import AGENT, Person, World

INTENT = "envs/production/support.yaml"
STATE = "envs/production/state/support.yaml"
METRICS = "agents/support/metrics.yaml"


def second_engine(world: World) -> World:
    """Another engine on the same remote, with a clone and databases of its own."""
    other = World(world.folder / "second-engine", world.engineer, clock=world.clock)
    other.engine.refresh()
    return other


def before_pushes(world: World, *acts: Callable[[], object]) -> None:
    """Before its first push, when it has decided, the engine is overtaken by the first act; and so
    on, one act for each push that it tries.
    """
    publish, waiting = world.repository.publish, list(acts)

    def overtaken(parent: str, commits: Sequence[PlannedCommit]) -> list[str]:
        if waiting:
            waiting.pop(0)()
        return publish(parent, commits)

    world.repository.publish = overtaken


def at_once(world: World) -> None:
    """Let the engine forget that it pauses after a push that failed."""
    world.engine._publish_after = 0.0


def intent_of(person: Person, agent: str = AGENT) -> str:
    """INTENT as it lies in a person's clone."""
    return (person.folder / files.intent_path("production", agent)).read_text()


def naming(intent: str, version: str, *, force: bool = False) -> str:
    """The same INTENT for another version."""
    lines = [line for line in intent.splitlines() if not line.startswith("force:")]
    text = re.sub(r"(?m)^version: .*$", f"version: {version}", "\n".join(lines))
    return f"{text}\n" + ("force: true\n" if force else "")


def deploy(person: Person, version: str, *, force: bool = False, agent: str = AGENT) -> str:
    """A person edits INTENT by hand and pushes it; returns the commit."""
    person.pull()
    content = naming(intent_of(person, agent), version, force=force)
    path = files.intent_path("production", agent)
    return person.commit(path, content, f"Deploy {agent} {version}")


def order(person: Person, attempt: str, **what: object) -> str:
    """A person says how an attempt goes on."""
    person.pull()
    orders = RolloutOrders(agent=AGENT, attempt=attempt, **what)
    path = files.orders_path("production", AGENT)
    return person.commit(path, files.render(orders).decode(), f"Orders: {', '.join(what)}")


def add_agent(person: Person, agent: str) -> str:
    """A second agent like the first, live at v1, with v2 ready."""
    person.pull()
    paths = ("metrics.yaml", "versions/v1.yaml", "versions/v2.yaml")
    for path in (*(f"agents/{{}}/{each}" for each in paths), "envs/production/{}.yaml"):
        text = (person.folder / path.format(AGENT)).read_text()
        new = person.folder / path.format(agent)
        new.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text.replace(AGENT, agent))
    person.git("add", ".")
    person.git("commit", "--quiet", "-m", f"Add {agent}")
    return person.push()


def harm(world: World, agent: str = AGENT, count: int = 8) -> None:
    """Enough harm on an agent's candidate to roll any candidate back."""
    release, found, number = world.manifest.release(agent), [], 0
    while len(found) < count:
        unit = f"harmed-{agent}-{number}"
        if release.arm(unit) == "candidate":
            found.append(unit)
        number += 1
    met = [Event(event_id=f"{each}/x", unit=each, agent=agent, kind="exposure") for each in found]
    hurt = [
        Event(event_id=f"{each}/h", unit=each, agent=agent, kind="safety", name="prompt_injection")
        for each in found
    ]
    stored = [attribute(event, release) for event in (*met, *hurt)]
    world.events.append([stored], world.clock.now())


def decisions_in_git(world: World) -> list[tuple[str, str]]:
    """Decision ids and first lines of the engine's commits on the branch, oldest first."""
    form = "%(trailers:key=Tidegate-Decision,valueonly,separator=)%x09%s"
    lines = world.git("log", "--reverse", "--first-parent", f"--format={form}", "main").splitlines()
    pairs = (line.split("\t", 1) for line in lines)
    return [(decision, subject) for decision, subject in pairs if decision]


def served_versions(world: World, units: int = 3000) -> set[str]:
    """What so many units are served, asked as the API asks."""
    return {world.assigned(f"asks-{number}").version for number in range(units)}
