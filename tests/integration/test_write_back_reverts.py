"""What a rollback goes back to: merges, deploys of two agents, retries, edits of a deploy."""

import pytest

from rivals import (
    INTENT,
    STATE,
    add_agent,
    deploy,
    harm,
    intent_of,
    naming,
    order,
    served_versions,
)
from tidegate.domain.state import Phase
from worlds import Person, World

DEADLINE = "    deadline:\n      after: 1h\n      action: rollback\n"


def _on_a_branch(person: Person, version: str) -> None:
    """A deploy in two commits on a branch, with a file beside it."""
    person.git("checkout", "--quiet", "-b", "deploy")
    (person.folder / INTENT).write_text(naming(intent_of(person), version))
    person.git("commit", "--quiet", "--all", "-m", f"Want {version}")
    (person.folder / "why.txt").write_text("because\n")
    person.git("add", "why.txt")
    person.git("commit", "--quiet", "-m", "Say why")
    person.git("checkout", "--quiet", "main")


def _merged(person: Person, version: str) -> str:
    _on_a_branch(person, version)
    person.git("merge", "--quiet", "--no-ff", "-m", f"Merge the deploy of {version}", "deploy")
    return person.push()


def test_a_merged_deploy_is_one_attempt_that_begins_with_the_merge(world: World) -> None:
    merge = _merged(world.person(), "v2")
    world.turn()
    assert world.release.attempt == merge
    assert world.release.traffic.phase is Phase.PROGRESSING


def test_a_merged_deploy_is_reverted_as_intent_alone_in_gits_own_words(world: World) -> None:
    before = world.git("show", f"main:{INTENT}")
    merge = _merged(world.person(), "v2")
    world.turn()
    world.harm()
    world.turn()
    message = world.git("log", "-1", "--format=%B", "main")
    assert message.startswith(
        f'Revert "Merge the deploy of v2"\n\nThis reverts commit {merge}.\n\n'
    )
    assert world.git("show", f"main:{INTENT}") == before
    assert world.git("show", "main:why.txt") == "because\n"
    assert world.git("diff", "--name-only", "main^", "main").split() == [INTENT]
    assert served_versions(world) == {"v1"}


def test_a_merge_that_leaves_intent_alone_begins_nothing(canary: World) -> None:
    person, attempt = canary.person(), canary.release.attempt
    person.git("checkout", "--quiet", "-b", "notes", "HEAD~1")
    (person.folder / "notes.txt").write_text("unrelated\n")
    person.git("add", "notes.txt")
    person.git("commit", "--quiet", "-m", "Write notes")
    person.git("checkout", "--quiet", "main")
    person.git("merge", "--quiet", "--no-ff", "-m", "Merge the notes", "notes")
    head = person.push()
    canary.turn()
    assert canary.release.attempt == attempt
    assert canary.release.traffic.phase is Phase.PROGRESSING
    assert canary.head() == head


def test_a_pull_that_merges_the_wrong_way_round_only_begins_the_canary_again(world: World) -> None:
    """The merge's first parent is the person's commit: the deploy came to it with the merge."""
    person = world.person()
    (person.folder / "notes.txt").write_text("unrelated\n")
    person.git("add", "notes.txt")
    person.git("commit", "--quiet", "-m", "Write notes")
    world.engineer.deploy("v2")
    world.turn()
    world.expose([f"healthy-{number}" for number in range(2000)])
    world.turn()
    assert world.release.traffic.share_ppm == 50_000
    person.git("pull", "--quiet", "--no-rebase", "--no-edit")
    merge = person.push()
    world.engine.refresh()
    assert served_versions(world) == {"v1"}
    world.engine.look()
    assert world.release.attempt == merge
    assert world.release.traffic.share_ppm == 10_000


def test_two_agents_of_one_deploy_that_both_fail_are_reverted_one_by_one(world: World) -> None:
    person = world.person()
    add_agent(person, "other")
    world.turn()
    person.pull()
    before = {agent: intent_of(person, agent) for agent in ("support", "other")}
    for agent, text in before.items():
        path = person.folder / f"envs/production/{agent}.yaml"
        path.write_text(naming(text, "v2"))
    person.git("commit", "--quiet", "--all", "-m", "Deploy both")
    both = person.push()
    world.turn()
    harm(world, "other")
    world.turn()
    assert world.release.traffic.phase is Phase.PROGRESSING
    assert world.git("diff", "--name-only", "main^", "main").split() == [
        "envs/production/other.yaml"
    ]
    harm(world, "support")
    world.turn()
    for agent, text in before.items():
        assert world.git("show", f"main:envs/production/{agent}.yaml") == text
        assert world.manifest.release(agent).traffic.phase is Phase.HEALTHY
    reverts = world.git("log", "--format=%B", "--grep=^This reverts commit", "main")
    assert reverts.count(f"This reverts commit {both}.") == 2


def test_a_persons_revert_of_the_engines_revert_stays_off_without_force(canary: World) -> None:
    canary.harm()
    canary.turn()
    retry = canary.person().revert(canary.head())
    canary.turn()
    assert canary.head() == retry  # the engine has nothing to say to it
    assert canary.release.traffic.phase is Phase.DEGRADED
    assert "force: true" in canary.release.traffic.reason
    assert served_versions(canary) == {"v1"}


def test_a_forced_retry_begins_at_the_first_step_with_other_units_and_no_old_evidence(
    canary: World,
) -> None:
    old = canary.release
    canary.harm()
    canary.turn()
    deploy(canary.person(), "v2", force=True)
    canary.turn()
    new = canary.release
    assert (new.traffic.phase, new.traffic.share_ppm, new.step) == (Phase.PROGRESSING, 10_000, 0)
    assert new.attempt != old.attempt
    assert new.state is not None
    assert old.state is not None
    assert new.state.salt != old.state.salt
    assert canary.views.one(new.rollout).evidence.stages == ()


def test_a_retry_of_a_version_that_was_live_needs_no_steps(canary: World) -> None:
    attempt, person = canary.release.attempt, canary.person()
    order(person, attempt, full=True)
    canary.turn()
    assert served_versions(canary) == {"v2"}
    person.pull()
    undone = person.revert(attempt)
    canary.turn()
    assert served_versions(canary) == {"v1"}
    person.pull()
    person.revert(undone)
    canary.engine.refresh()  # no engine has to look at it
    assert served_versions(canary) == {"v2"}


def test_a_forced_deploy_that_was_edited_is_not_begun_again_by_its_own_rollback(
    canary: World,
) -> None:
    """Going back to what INTENT was before the edit would ask for the same version, with force."""
    canary.harm()
    canary.turn()
    person = canary.person()
    first = deploy(person, "v2", force=True)
    person.pull()
    edited = person.commit(INTENT, f"{intent_of(person)}salt: other\n", "Other units first")
    canary.turn()
    assert canary.release.traffic.phase is Phase.PROGRESSING
    canary.harm(guardrail="error")
    canary.turn()
    assert canary.git("log", "-1", "--format=%B").startswith(
        f'Revert "Other units first"\n\nThis reverts commit {edited}.\n'
    )
    assert canary.git("show", f"main:{INTENT}") == canary.git("show", f"{first}^:{INTENT}")
    head = canary.head()
    for _ in range(3):
        canary.turn()
    assert canary.head() == head
    assert served_versions(canary) == {"v1"}


def test_a_rollback_for_time_does_not_begin_the_same_version_again(world: World) -> None:
    """It is not marked bad; so going back to an earlier INTENT for it would start it once more."""
    person = world.person()
    before = intent_of(person)
    deploy(person, "v2")
    world.turn()
    person.pull()
    text = naming(before, "v2").replace("  canary:\n", f"  canary:\n{DEADLINE}")
    person.commit(INTENT, text, "Give it an hour")
    world.turn()
    assert world.release.traffic.phase is Phase.PROGRESSING
    world.clock.advance(hours=2)
    world.turn()
    assert world.git("show", f"main:{INTENT}") == before
    for _ in range(3):
        world.turn()
    assert world.subjects()[0] == 'Revert "Give it an hour"'
    assert world.release.traffic.phase is Phase.HEALTHY


def test_a_rollback_goes_back_past_an_intent_that_cannot_be_read(world: World) -> None:
    person = world.person()
    before = intent_of(person)
    person.commit(INTENT, "version: [", "Break the manifest")
    person.commit(INTENT, naming(before, "v2"), "Mend it, and deploy v2")
    world.turn()
    world.harm()
    world.turn()
    assert world.git("show", f"main:{INTENT}") == before
    assert world.manifest.current.problems == {}
    assert world.release.traffic.phase is Phase.HEALTHY


def test_a_rollback_goes_back_past_the_time_when_there_was_no_intent(world: World) -> None:
    person = world.person()
    before = intent_of(person)
    person.git("rm", "--quiet", INTENT)
    person.git("commit", "--quiet", "-m", "Retire the agent")
    person.push()
    world.turn()
    person.pull()
    person.commit(INTENT, naming(before, "v2"), "Bring it back with v2")
    world.turn()
    assert world.release.traffic.phase is Phase.PROGRESSING
    world.harm()
    world.turn()
    assert world.git("show", f"main:{INTENT}") == before
    assert served_versions(world) == {"v1"}


def test_without_an_intent_to_go_back_to_a_rollback_is_recorded_and_says_so(canary: World) -> None:
    """STATE came with the very first INTENT, as in a copy of another environment."""
    state, person = canary.git("show", f"main:{STATE}"), canary.person()
    root = person.git("commit-tree", "HEAD^{tree}", "-m", "Begin").strip()
    person.git("push", "--quiet", "--force", "origin", f"{root}:main")
    canary.close()
    copied = World(canary.folder / "copied", canary.engineer)
    copied.engine.refresh()
    person.git("reset", "--quiet", "--hard", root)
    copied_state = state.replace(canary.release.attempt, root)
    person.commit(STATE, copied_state, "Copy STATE")
    copied.turn()
    copied.harm()
    for _ in range(3):
        copied.turn()
    assert copied.subjects()[0] == "support: v2 is harmful (prompt_injection), back to v1"
    assert "nothing to revert to" in copied.manifest.current.problems["support"]
    assert served_versions(copied) == {"v1"}
    assert copied.control.open_overrides() == {}
    copied.close()
    canary.open()


@pytest.mark.parametrize(
    "orders", [{"full": True}, {"promoted_steps": 1}], ids=lambda o: next(iter(o))
)
def test_a_bad_version_is_not_released_by_the_state_of_another_attempt(
    canary: World, orders: dict[str, object]
) -> None:
    """STATE says that a canary of v3 runs; INTENT has moved on to v2, which was rolled back."""
    canary.harm()
    canary.turn()
    canary.engineer.add_version("v3")
    canary.engineer.deploy("v3")
    canary.turn()
    assert canary.release.traffic.candidate == "v3"
    person = canary.person()
    attempt = deploy(person, "v2")
    order(person, attempt, **orders)
    head = canary.head()
    for _ in range(3):
        canary.turn()
        canary.clock.advance(hours=1)
    assert canary.head() == head
    assert canary.release.traffic.phase is Phase.DEGRADED
    assert served_versions(canary) == {"v1"}
