"""A git host that is away, hangs or refuses: harm is stopped at once; git learns of it later."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rivals import (
    INTENT,
    METRICS,
    at_once,
    before_pushes,
    decisions_in_git,
    deploy,
    intent_of,
    order,
    second_engine,
    served_versions,
)
from tidegate.adapters import git_command
from tidegate.api.routes.operations import get_drift
from tidegate.domain.errors import RemoteUnreachable
from tidegate.domain.state import Phase
from tidegate.service.engine import EngineLoop
from worlds import World

REVERT = 'Revert "Deploy support v2"'
WATCH = "    afterPromotion:\n      action: rollback\n"
REFUSAL = "#!/bin/sh\necho 'main is protected; ask the release team' >&2\nexit 1\n"


@contextmanager
def _cut_off(world: World) -> Iterator[None]:
    """The engine does not reach the remote; people do."""
    away = world.folder / "nowhere.git"
    world.repository._repository.remotes.set_url("origin", str(away))
    yield
    world.repository._repository.remotes.set_url("origin", str(world.remote))
    at_once(world)


def _drift(world: World) -> dict[str, Any]:
    """What GET /v1/drift answers."""
    service = SimpleNamespace(
        manifest=world.manifest,
        control=world.control,
        settings=SimpleNamespace(environment="production"),
        writer=SimpleNamespace(counters={}),
    )
    return dict(json.loads(asyncio.run(get_drift(service)).body))


def _reverts(world: World) -> list[str]:
    return [line for _, line in decisions_in_git(world) if line.startswith("Revert")]


def test_a_debt_to_git_shows_as_drift_until_it_is_paid_once(canary: World) -> None:
    rollout = canary.release.rollout
    canary.harm()
    with _cut_off(canary):
        canary.turn()
        drift = _drift(canary)
        assert "prompt_injection" in drift["overrides"][rollout]["reason"]
        assert "git" in drift["remote_problem"]
        agent = drift["agents"]["support"]
        assert (agent["phase"], agent["baseline"], agent["share_ppm"]) == ("RolledBack", "v1", 0)
        assert served_versions(canary) == {"v1"}
        canary.restart()
        assert _drift(canary)["overrides"].keys() == {rollout}
    for _ in range(3):
        canary.turn()
        at_once(canary)
    assert _reverts(canary) == [REVERT]
    drift = _drift(canary)
    assert (drift["overrides"], drift["remote_problem"], drift["problems"]) == ({}, None, {})
    assert drift["served"] == drift["head"] == canary.head()


def test_a_push_whose_answer_was_lost_is_not_repeated(
    canary: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    push = git_command.push

    def silent(*arguments: Any, **more: Any) -> None:
        push(*arguments, **more)
        raise RemoteUnreachable("git push: no answer in 30 s")

    canary.harm()
    with monkeypatch.context() as patched:
        patched.setattr(git_command, "push", silent)
        canary.turn()
    assert list(canary.control.open_overrides()) == [canary.release.rollout]
    at_once(canary)
    canary.engine.look()  # before it has fetched: it tries again, on the old head
    canary.turn()
    assert _reverts(canary) == [REVERT]
    assert canary.control.open_overrides() == {}


def test_a_protected_branch_is_named_and_asked_again_with_pauses(canary: World) -> None:
    hook = canary.remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(REFUSAL)
    hook.chmod(0o755)
    head, pushes = canary.head(), []
    before_pushes(canary, *[lambda: pushes.append(1)] * 9)
    canary.harm()
    for _ in range(4):
        canary.turn()
    assert len(pushes) == 1  # the pause is not over
    assert canary.head() == head
    assert served_versions(canary) == {"v1"}
    problem = _drift(canary)["remote_problem"]
    assert "refused the push" in problem
    assert "main is protected; ask the release team" in problem
    canary.restart()
    canary.turn()
    assert served_versions(canary) == {"v1"}
    hook.unlink()
    at_once(canary)
    canary.turn()
    assert _reverts(canary) == [REVERT]
    assert _drift(canary)["remote_problem"] is None


def test_a_persons_revert_while_the_engine_is_cut_off_ends_the_override(canary: World) -> None:
    person, attempt = canary.person(), canary.release.attempt
    canary.harm()
    with _cut_off(canary):
        canary.turn()
        person.revert(attempt)
    canary.turn()
    assert canary.subjects()[:2] == ["support: v1 is live (superseded)", REVERT]
    assert canary.control.open_overrides() == {}


def test_the_same_version_begun_again_before_git_knew_stays_off(canary: World) -> None:
    """A person edits the deploy, or deploys it anew, and cannot know that it does harm."""
    person = canary.person()
    canary.harm()
    with _cut_off(canary):
        canary.turn()
        person.commit(INTENT, f"{intent_of(person)}salt: other\n", "Other units first")
    canary.engine.refresh()
    assert served_versions(canary) == {"v1"}
    canary.restart()
    for _ in range(3):
        canary.turn()
    assert canary.subjects()[0] == "support: v2 is harmful (prompt_injection), back to v1"
    assert canary.release.traffic.phase is Phase.DEGRADED
    assert "force: true" in canary.release.traffic.reason
    assert served_versions(canary) == {"v1"}
    assert canary.control.open_overrides() == {}


def test_the_same_version_begun_again_with_force_begins(canary: World) -> None:
    person = canary.person()
    canary.harm()
    with _cut_off(canary):
        canary.turn()
        deploy(person, "v2", force=True)
    canary.turn()
    assert canary.subjects()[0] == "support: start canary of v2 at 1%"
    assert canary.control.open_overrides() == {}


def test_what_others_wrote_meanwhile_does_not_talk_a_rollback_out_of_git(canary: World) -> None:
    """A person drops the guardrail that stopped the version, while the engine is cut off."""
    person = canary.person()
    canary.harm()
    with _cut_off(canary):
        canary.turn()
        person.pull()
        metrics = (person.folder / METRICS).read_text()
        kept = metrics.replace("- name: prompt_injection\n", "")
        assert kept != metrics
        person.commit(METRICS, kept, "Drop a guardrail")
    canary.turn()
    assert _reverts(canary) == [REVERT]
    assert served_versions(canary) == {"v1"}


def test_another_engines_promotion_does_not_talk_a_rollback_out_of_git(canary: World) -> None:
    """The other engine has seen no harm; it has the order to take the version to everyone."""
    person, rival = canary.person(), second_engine(canary)
    canary.harm()
    with _cut_off(canary):
        canary.turn()
        order(person, canary.release.attempt, full=True)
        rival.turn()
        assert served_versions(rival) == {"v2"}
    canary.turn()
    rival.turn()
    assert _reverts(canary) == [REVERT]
    for each in (canary, rival):
        assert served_versions(each) == {"v1"}
        assert each.manifest.current.problems == {}
    rival.close()


def test_an_override_that_cannot_be_written_down_goes_on_and_is_named(canary: World) -> None:
    person = canary.person()
    canary.harm()
    with _cut_off(canary):
        canary.turn()
        person.pull()
        metrics = (person.folder / METRICS).read_text()
        person.commit(METRICS, metrics.replace("- name: prompt_injection\n", ""), "Drop it")
    kept = f"refs/tidegate/stopped/{canary.release.rollout}"
    canary.repository._repository.references.delete(kept)  # as if the crash had come before it
    canary.turn()
    assert _reverts(canary) == []
    assert served_versions(canary) == {"v1"}
    assert "stopped by an override" in canary.manifest.current.problems["support"]
    person.revert(canary.release.attempt)
    canary.turn()
    assert canary.manifest.current.problems == {}
    assert canary.control.open_overrides() == {}


def test_an_override_outlives_the_clone_and_a_head_that_cannot_be_read(canary: World) -> None:
    """With neither the last good commit nor a readable head nothing is served; then it is mended,
    and the override must still be there.
    """
    rollout, person = canary.release.rollout, canary.person()
    canary.harm()
    with _cut_off(canary):
        canary.turn()
    broken = person.commit("tidegate.yaml", "kind: Other\n", "Break the manifest")
    canary.close()
    (canary.folder / "clone.git").rename(canary.folder / "lost.git")
    canary.open()
    canary.engine.refresh()
    assert canary.manifest.current.releases == {}
    assert list(canary.control.open_overrides()) == [rollout]
    person.revert(broken)
    canary.engine.refresh()
    assert served_versions(canary) == {"v1"}
    canary.engine.look()
    assert _reverts(canary) == [REVERT]


@pytest.fixture
def watched(world: World) -> World:
    """v2 has everyone, is watched, and has become worse; it goes back by itself."""
    person = world.person()
    text = intent_of(person).replace("version: v1", "version: v2")
    person.commit(INTENT, text.replace("  canary:\n", f"  canary:\n{WATCH}"), "Deploy support v2")
    world.turn()
    met = [f"met-{number}" for number in range(1000)]
    world.expose(met)
    world.clock.advance(minutes=11)
    order(person, world.release.attempt, full=True)
    world.turn()
    assert world.release.traffic.phase is Phase.COMPLETED
    later = [f"later-{number}" for number in range(60)]
    world.expose(later)
    world.report(later, "safety", "prompt_injection")
    world.clock.advance(minutes=11)
    return world


def _lost_race(world: World) -> None:
    person = world.person("racer")
    before_pushes(world, lambda: person.commit("notes.txt", "unrelated\n", "Write notes"))
    world.turn()


def _outage(world: World) -> None:
    with _cut_off(world):
        world.turn()
        assert served_versions(world) == {"v1"}
    world.turn()


@pytest.mark.parametrize("trouble", [World.turn, _lost_race, _outage])
def test_a_rollback_after_promotion_reaches_git_whatever_comes_between(
    watched: World, trouble: Callable[[World], None]
) -> None:
    trouble(watched)
    assert _reverts(watched) == [REVERT]
    assert served_versions(watched) == {"v1"}
    assert watched.control.open_overrides() == {}
    assert watched.manifest.current.problems == {}


SLOW_SSH = '#!/bin/sh\nwhile [ -e "$0" ]; do sleep 0.05; done\nexit 1\n'


def test_harm_is_stopped_while_a_git_host_keeps_the_engine_waiting(
    canary: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "slow-ssh"
    slow.write_text(SLOW_SSH)
    slow.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(slow))
    canary.repository._repository.remotes.set_url("origin", "ssh://git.example.invalid/manifest")
    halted, halt = threading.Event(), canary.manifest.halt

    def halting(agent: str, reason: str) -> None:
        halt(agent, reason)
        if canary.engine.waits_for_git:
            halted.set()

    monkeypatch.setattr(canary.manifest, "halt", halting)
    loop = EngineLoop(canary.engine, poll_s=0.1)
    loop.start()
    while not canary.engine.waits_for_git:
        loop.wake()
    canary.harm()
    assert halted.wait(20.0)  # git gives up after 30 seconds
    assert canary.engine.waits_for_git
    assert served_versions(canary) == {"v1"}
    slow.unlink()
    loop.stop()
