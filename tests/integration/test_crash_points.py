"""A process that is killed anywhere between a decision and the books ends as if it had lived."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import pytest

from crashes import Crash, Outcome, Recorder, copied, outcome, turn_until_quiet
from rivals import INTENT, at_once, before_pushes, harm, intent_of, naming, order, served_versions
from tidegate.demo.sample_manifest import SampleManifest
from worlds import AGENT, World

AWAY = "manifest.away"
EXPERIMENT = """\
apiVersion: tidegate/v1
kind: AgentRelease
agent: support
version: v1
strategy:
  ab:
    arms: {concise: {version: v2, weight: 50%}}
    goal: {name: goal, minimumEffect: 0.02}
    horizon: {units: 50000}
    winner: propose
"""
MEMORY = """\
apiVersion: tidegate/v1
kind: AgentVersion
agent: support
version: {version}
components:
  memory: {{schema: "{version}.json", sha256: "{digest}", reads: [{reads}], writes: {writes}{down}}}
"""


@dataclass(frozen=True)
class Scenario:
    """Something that the engine does, and may die of.

    Attributes:
        prepare: leads up to it.
        act: it; what the engine is killed in.
        steps: calls that change something, and that it must die at among others.
        ends: first lines of the engine's last commits, newest first.
        serves: versions that units are served in the end.
        keeps: what must be served from the first turn after the restart on, whatever git says.
    """

    prepare: Callable[[World], None]
    act: Callable[[World], None]
    steps: frozenset[str]
    ends: tuple[str, ...]
    serves: frozenset[str]
    keeps: str | None = None


def _begin(world: World) -> None:
    world.engineer.deploy("v2")


def _canary(world: World) -> None:
    _begin(world)
    world.turn()


def _healthy(world: World) -> None:
    _canary(world)
    world.expose([f"healthy-{number}" for number in range(2000)])


def _harmed(world: World) -> None:
    _canary(world)
    harm(world)


def _ordered(world: World) -> None:
    _canary(world)
    order(world.person(), world.release.attempt, full=True)


def _reverted(world: World) -> None:
    _canary(world)
    world.person().revert(world.release.attempt)


def _edited(world: World) -> None:
    """Harm is stopped while the remote is away; then the same version is begun again."""
    _harmed(world)
    away = world.remote.rename(world.folder / AWAY)
    world.turn()
    away.rename(world.remote)
    person = world.person()
    person.commit(INTENT, f"{intent_of(person)}salt: other\n", "Other units first")
    at_once(world)


def _forward_only(world: World) -> None:
    """v4, which is being released, writes memory that v3, which is live, cannot read."""
    person = world.person()
    old = MEMORY.format(version="v3", digest="a" * 64, reads="m1", writes="m1", down="")
    new = MEMORY.format(
        version="v4", digest="b" * 64, reads="m1, m2", writes="m2", down=", migrateDown: none"
    )
    person.commit("agents/support/versions/v3.yaml", old, "Add v3")
    person.commit("agents/support/versions/v4.yaml", new, "Add v4")
    person.commit(INTENT, naming(intent_of(person), "v3"), "Deploy support v3")
    world.turn()
    order(person, world.release.attempt, full=True)
    world.turn()
    person.pull()
    person.commit(INTENT, naming(intent_of(person), "v4"), "Deploy support v4")
    world.turn()
    harm(world)


def _outrun(world: World) -> None:
    """Somebody pushes just before the engine does."""
    person = world.person("racer")
    before_pushes(world, lambda: person.commit("notes.txt", "unrelated\n", "Write notes"))
    world.turn()


def _cut_off(world: World) -> None:
    """The remote is away when harm is found, and then comes back."""
    away = world.remote.rename(world.folder / AWAY)
    world.turn()
    away.rename(world.remote)
    at_once(world)
    world.turn()


HARMFUL = ('Revert "Deploy support v2"', "support: v2 is harmful (prompt_injection), back to v1")
FROZEN = "support: v4 is harmful (prompt_injection), enrolment is frozen: its memory cannot go back"
ONLY_V1, BOTH = frozenset({"v1"}), frozenset({"v1", "v2"})
WRITES = frozenset(
    {
        "repository.fetch",
        "repository._make",
        "git push",
        "git pushed",
        "repository.remember",
        "control.add_decision",
    }
)
STOPS = frozenset({"control.add_override", "manifest.halt"})
SETTLES = frozenset({"control.settle_override", "control.note_push"})
SCENARIOS = {
    "begin": Scenario(_begin, World.turn, WRITES, ("support: start canary of v2 at 1%",), BOTH),
    "advance": Scenario(
        _healthy, World.turn, WRITES, ("support: advance v2 to 5% (step 2 of 5)",), BOTH
    ),
    "promote": Scenario(
        _ordered, World.turn, WRITES, ("support: promote v2 to 100%, ordered",), frozenset({"v2"})
    ),
    "follow a person": Scenario(
        _reverted, World.turn, WRITES, ("support: v1 is live (superseded)",), ONLY_V1
    ),
    "roll back": Scenario(_harmed, World.turn, WRITES | STOPS | SETTLES, HARMFUL, ONLY_V1, "v1"),
    "roll back after a lost race": Scenario(
        _harmed, _outrun, WRITES | STOPS | SETTLES, HARMFUL, ONLY_V1, "v1"
    ),
    "roll back once the host is back": Scenario(
        _harmed, _cut_off, WRITES | STOPS | SETTLES, HARMFUL, ONLY_V1, "v1"
    ),
    "freeze": Scenario(
        _forward_only, World.turn, WRITES | STOPS | SETTLES, (FROZEN,), frozenset({"v3"}), "v3"
    ),
    "stop the same version begun again": Scenario(
        _edited, World.turn, WRITES | SETTLES, HARMFUL[1:], ONLY_V1, "v1"
    ),
}


@pytest.fixture(scope="module")
def rehearse(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], "Rehearsal"]:
    """Each scenario once, without a crash; and the world as it was before."""
    known: dict[str, Rehearsal] = {}
    folder = tmp_path_factory.mktemp("rehearsals")

    def rehearsal(name: str) -> Rehearsal:
        if name not in known:
            known[name] = _rehearsed(SCENARIOS[name], folder / f"{len(known)}")
        return known[name]

    return rehearsal


@dataclass(frozen=True)
class Rehearsal:
    """A scenario that went well: how it began, what was called, and how it ended."""

    template: World
    recorder: Recorder
    end: Outcome


def _rehearsed(scenario: Scenario, folder: Path) -> Rehearsal:
    (folder / "template").mkdir(parents=True)
    engineer = SampleManifest(folder / "template", AGENT)
    engineer.begin("v1")
    engineer.add_version("v2")
    template = World(folder / "template", engineer)
    template.turn()
    scenario.prepare(template)
    template.close()
    world, recorder = copied(template, folder / "rehearsal"), Recorder()
    _act(world, scenario, recorder)
    turn_until_quiet(world)
    end = outcome(world)
    world.close()
    return Rehearsal(template, recorder, end)


def _act(world: World, scenario: Scenario, recorder: Recorder) -> None:
    world.engine.refresh()
    recorder.listen(world)
    with recorder.pushing():
        scenario.act(world)


@pytest.mark.parametrize("name", SCENARIOS)
def test_without_a_crash_it_ends_well_and_every_change_is_a_crash_point(
    name: str, rehearse: Callable[[str], Rehearsal]
) -> None:
    scenario, rehearsal = SCENARIOS[name], rehearse(name)
    end, recorder = rehearsal.end, rehearsal.recorder
    subjects = [subject for _, subject in reversed(end.decisions)]
    assert tuple(subjects[: len(scenario.ends)]) == scenario.ends
    assert (end.served, end.overrides, end.problems) == (scenario.serves, (), {})
    assert end.is_head
    assert scenario.steps <= {recorder.calls[point] for point in recorder.points}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_crash_anywhere_ends_as_if_there_had_been_none(
    name: str, rehearse: Callable[[str], Rehearsal], tmp_path: Path
) -> None:
    scenario, rehearsal = SCENARIOS[name], rehearse(name)
    points = rehearsal.recorder.points
    for number, point in enumerate(points, 1):
        print(f"{name}: dies at {number} of {len(points)}, {rehearsal.recorder.calls[point]}")
        end = _after_a_crash(scenario, rehearsal, point, tmp_path / str(number))
        assert sorted(end.own) == sorted(end.indexed)
        _check_once(end)
        assert replace(end, own=(), indexed=()) == replace(rehearsal.end, own=(), indexed=())


def _after_a_crash(scenario: Scenario, rehearsal: Rehearsal, point: int, folder: Path) -> Outcome:
    """How a scenario ends whose engine was killed at a call and started again."""
    world = copied(rehearsal.template, folder)
    with pytest.raises(Crash):
        _act(world, scenario, Recorder(dies_at=point))
    world.close()
    again = World(world.folder, world.engineer, clock=world.clock)
    again.turn()  # if the host was away, it still is
    if scenario.keeps is not None:
        assert served_versions(again, 200) == {scenario.keeps}
    _mend(again)
    turn_until_quiet(again)
    end = outcome(again)
    again.close()
    return end


def _check_once(end: Outcome) -> None:
    """A decision is one commit; a rollback is two, of which one is the revert."""
    assert len(set(end.decisions)) == len(end.decisions)
    reverts = [decision for decision, subject in end.decisions if subject.startswith("Revert")]
    assert len(set(reverts)) == len(reverts)
    assert len(end.decisions) - len(set(dict(end.decisions))) == len(reverts)


def _mend(world: World) -> None:
    """What the others would have done meanwhile, if the crash was quicker."""
    away, racer = world.folder / AWAY, world.folder / "racer"
    if away.exists():
        away.rename(world.remote)
    if racer.exists() and "Write notes" not in world.subjects():
        world.person("late").commit("notes.txt", "unrelated\n", "Write notes")


def test_a_winner_that_was_not_proposed_before_the_crash_is_proposed_after_it(
    world: World,
) -> None:
    """The decision is pushed; the branch that proposes the winner was to come next."""
    world.person().commit(INTENT, EXPERIMENT, "Compare two tones")
    world.turn()
    _run_experiment(world)
    world.repository.publish_branch = _dies
    with pytest.raises(Crash):
        world.turn()
    assert "wins" in world.subjects()[0]
    assert world.git("branch", "--list", "tidegate/*") == ""
    world.restart()
    for _ in range(2):
        world.turn()
    (branch,) = world.git("branch", "--format=%(refname:short)", "--list", "tidegate/*").split()
    assert "version: v2" in world.git("show", f"{branch}:{INTENT}")
    world.git("branch", "-D", branch)
    world.restart()
    world.turn()
    assert world.git("branch", "--list", "tidegate/*") == ""  # people are done with it


def _dies(*_: object) -> NoReturn:
    raise Crash


def _run_experiment(world: World) -> None:
    """Seven in eight units of the new arm reach the goal, and half of the control's."""
    units = [f"asks-{number}" for number in range(8000)]
    world.expose(units)
    new = {unit for unit in units if world.release.version(unit) == "v2"}
    won = [unit for number, unit in enumerate(units) if number % (8 if unit in new else 2)]
    world.report(won, "outcome", "goal", 1.0)
    world.report(sorted(set(units) - set(won)), "outcome", "goal", 0.0)
    world.clock.advance(minutes=11)
