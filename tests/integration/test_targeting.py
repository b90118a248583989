"""Who is served what: segments, forced versions, ramps up and down, and conversations."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import msgspec
import pytest

import release_files
from release_files import release_file
from tidegate.domain.assignment import Assignment
from tidegate.domain.events import Event, attribute
from tidegate.domain.evidence import ArmCounts
from tidegate.domain.state import Phase
from tidegate.domain.traffic import Traffic
from worlds import AGENT, Person, World

UNITS = [f"u{number}" for number in range(3000)]
INTENT = "envs/production/support.yaml"
BETA = """\
kind: Segment
segment: beta
users: [grace]
rules:
  - attributes: {email: {endsWith: "@example.com"}}
"""


def _asked(world: World, unit: str, **attributes: object) -> Assignment:
    return world.assigner.assign(AGENT, unit, attributes).assignment


def _release(
    world: World, person: Person, strategy: str, more: str = "", version: str = "v2"
) -> None:
    """Commit INTENT, and let the engine act on it."""
    (text,) = release_file(version, strategy, more=more).values()
    person.pull()
    person.commit(INTENT, text, f"Deploy {version}")
    world.turn()


def _served_v2(world: World) -> set[str]:
    return {unit for unit in UNITS if world.release.version(unit) == "v2"}


def _steps(share_ppm: int) -> str:
    first = f"{{setWeight: {share_ppm}, pause: {{}}}}"
    return release_files.canary(first, "{setWeight: 100%}")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_share_that_goes_up_and_down_by_commits_moves_only_the_units_between(
    world: World, seed: int
) -> None:
    """A salt in INTENT lets each attempt begin with the same units: those who are served v2 at one
    share are so at every larger one, in whatever order the shares come."""
    person, chance = world.person(), random.Random(seed)
    shares = [1, 10_000, 999_999, *chance.sample(range(2, 999_998), 4)]
    chance.shuffle(shares)
    served = {}
    for share in shares:
        _release(world, person, _steps(share), "salt: constant\n")
        assert world.release.traffic.share_ppm == share
        served[share] = _served_v2(world)
    ordered = [served[share] for share in sorted(served)]
    assert all(lower <= higher for lower, higher in pairwise(ordered))
    for share, units in served.items():
        expected = len(UNITS) * share / 1e6
        four_errors = 4 * (expected * (1 - share / 1e6)) ** 0.5
        assert abs(len(units) - expected) <= four_errors + 1


def test_a_ramp_takes_no_unit_back_from_the_candidate(canary: World) -> None:
    before: set[str] = set()
    for step in range(5):
        now = _served_v2(canary)
        assert before <= now
        before = now
        orders = (
            f"kind: RolloutOrders\nagent: support\nattempt: {canary.release.attempt}\n"
            f"promotedSteps: {step + 1}\n"
        )
        canary.person(f"p{step}").commit("envs/production/orders/support.yaml", orders, "Go on")
        canary.turn()
    assert before == set(UNITS)
    assert canary.release.traffic.phase is Phase.COMPLETED


def test_without_a_salt_another_attempt_begins_with_other_units(world: World) -> None:
    person = world.person()
    _release(world, person, _steps(100_000))
    first = _served_v2(world)
    _release(world, person, _steps(100_001))
    second = _served_v2(world)
    assert 0 < len(first & second) < len(first) / 2


def test_forced_units_are_served_their_version_before_during_and_after_and_compared_with_nobody(
    world: World,
) -> None:
    person = world.person()
    person.commit("segments/beta.yaml", BETA, "Name the beta testers")
    forced = (
        "forced:\n"
        "  - {when: {users: [ada]}, version: v1}\n"
        "  - {when: {any: [{segment: beta}, {teams: [qa]}]}, version: v2}\n"
    )
    _release(world, person, _steps(1), forced, version="v1")
    assert world.release.traffic.phase is Phase.HEALTHY
    before = _asked(world, "grace")
    assert (before.version, before.reason, before.grounds) == ("v2", "TARGETING_MATCH", "forced")
    _release(world, person, _steps(999_999), forced)
    told = {
        "ada": _asked(world, "ada"),
        "grace": _asked(world, "grace"),
        "by mail": _asked(world, "x", email="x@example.com"),
        "by team": _asked(world, "y", team=["sales", "qa"]),
    }
    assert {name: each.version for name, each in told.items()} == {
        "ada": "v1",
        "grace": "v2",
        "by mail": "v2",
        "by team": "v2",
    }
    assert {(each.arm, each.grounds) for each in told.values()} == {(None, "forced")}
    assert _asked(world, "x", email="x@example.org").grounds == "split"


def test_what_forced_units_report_decides_nothing(world: World) -> None:
    testers = [f"tester{number}" for number in range(50)]
    forced = f"forced: [{{when: {{users: [{', '.join(testers)}]}}, version: v2}}]\n"
    _release(world, world.person(), _steps(10_000), forced)
    world.expose(testers)
    world.report(testers, "safety", "prompt_injection")
    head = world.head()
    world.turn()
    assert world.head() == head
    assert world.release.traffic.candidate == "v2"


def test_a_segment_that_changes_takes_effect_with_its_commit(world: World) -> None:
    person = world.person()
    person.commit("segments/beta.yaml", BETA, "Name the beta testers")
    forced = "forced: [{when: {segment: beta}, version: v2}]\n"
    _release(world, person, _steps(1), forced, version="v1")
    assert _asked(world, "ada").version == "v1"
    person.pull()
    person.commit("segments/beta.yaml", BETA.replace("[grace]", "[ada]"), "Ada for Grace")
    world.engine.refresh()
    assert _asked(world, "ada").version == "v2"
    assert _asked(world, "grace").version == "v1"


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        pytest.param(
            "segments/beta.yaml",
            "kind: Segment\nsegment: beta\nuser: [ada]\n",
            "user",
            id="a segment that cannot be read",
        ),
        pytest.param(
            "segments/beta.yaml",
            "kind: Segment\nsegment: beta\nrules: [{segment: beta}]\n",
            "beta",
            id="a segment that names itself",
        ),
    ],
)
def test_a_segment_that_cannot_be_used_leaves_what_was_served(
    world: World, path: str, content: str, words: str
) -> None:
    person = world.person()
    person.commit("segments/beta.yaml", BETA, "Name the beta testers")
    _release(world, person, _steps(1), "forced: [{when: {segment: beta}, version: v2}]\n", "v1")
    person.pull()
    person.commit(path, content, "A slip")
    for _ in range(2):
        assert _asked(world, "grace").version == "v2"
        world.restart()
    assert AGENT in world.manifest.current.problems
    assert words in " ".join(world.manifest.current.problems.values())


def test_conversations_that_many_units_begin_at_once_have_one_version_for_all(
    world: World,
) -> None:
    _release(world, world.person(), _steps(500_000), "pin: conversation\n")
    units = [*world.units("candidate", 4), *world.units("baseline", 4)]

    def ask(started: threading.Barrier, unit: str, conversation: str) -> str:
        started.wait()
        return world.assigned(unit, conversation).version

    with ThreadPoolExecutor(len(units)) as pool:
        for conversation in map("c{}".format, range(30)):
            started = threading.Barrier(len(units))
            asked = [pool.submit(ask, started, unit, conversation) for unit in units]
            assert len({each.result() for each in asked}) == 1
            assert len({world.assigned(unit, conversation).version for unit in units}) == 1


def test_a_unit_pinned_in_one_conversation_is_counted_once_it_meets_its_arm_in_another(
    world: World,
) -> None:
    """In one stage: the exposure to its arm must not pass for a repetition of the pinned one."""
    _release(world, world.person(), _steps(500_000), "pin: conversation\n")
    (other,) = world.units("baseline", 1)
    (unit,) = world.units("candidate", 1)
    assert world.assigned(other, "talk").version == "v1"
    for conversation in ("talk", "talk", "another", "another"):
        answer = world.assigner.assign(AGENT, unit, {}, conversation)
        world.events.append([[answer.exposure({}, conversation)]], world.clock.now())
    counts = _counts(world)
    assert counts["candidate"].units == 1
    assert "baseline" not in counts


def test_a_unit_that_met_a_frozen_version_stays_on_it_also_if_that_is_reported_late(
    canary: World,
) -> None:
    before = canary.release
    units = canary.units("candidate", 2)
    frozen = Traffic(
        baseline="v1", candidate="v2", phase=Phase.DEGRADED, reason="frozen", frozen=True
    )
    canary.manifest.current = msgspec.structs.replace(
        canary.manifest.current, releases={AGENT: msgspec.structs.replace(before, traffic=frozen)}
    )
    assert {canary.assigned(unit).version for unit in units} == {"v1"}
    met = Event(event_id="met", unit=units[0], agent=AGENT, kind="exposure")
    canary.events.append([[attribute(met, before)]], canary.clock.now())
    canary.clock.advance(seconds=2)
    assert [canary.assigned(unit).version for unit in units] == ["v2", "v1"]
    assert canary.assigned(units[0]).grounds == "frozen"


def _counts(world: World) -> dict[str, ArmCounts]:
    stages = world.events.arms(
        world.release.rollout, world.events.last_seq(), world.clock.now(), 600
    )
    return {arm: counts for stage in stages for arm, counts in stage.arms.items()}
