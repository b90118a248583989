"""Several writers at once: two engines, people, and a host that rewrites history."""

from collections.abc import Iterator

import pytest

from rivals import (
    at_once,
    before_pushes,
    decisions_in_git,
    deploy,
    second_engine,
    served_versions,
)
from tidegate.domain.state import Phase
from worlds import World

UNITS = 2000  # as many as the first step of the sample canary asks for


@pytest.fixture
def rival(world: World) -> Iterator[World]:
    """A second engine on the same remote."""
    other = second_engine(world)
    yield other
    other.close()


def _healthy(world: World) -> None:
    world.expose([f"healthy-{number}" for number in range(UNITS)])


def test_two_engines_that_begin_the_same_attempt_at_once_begin_it_once(
    world: World, rival: World
) -> None:
    attempt = world.engineer.deploy("v2")
    world.engine.refresh()
    before_pushes(world, rival.turn)
    world.engine.look()
    rival.turn()
    assert world.subjects()[:2] == ["support: start canary of v2 at 1%", "Deploy support v2"]
    assert world.release.traffic == rival.release.traffic
    assert world.release.attempt == rival.release.attempt == attempt


def test_two_engines_that_see_the_same_harm_revert_it_once(canary: World, rival: World) -> None:
    rival.turn()
    for each in (canary, rival):
        each.harm()
    before_pushes(canary, rival.turn)
    canary.turn()
    assert canary.subjects()[:3] == [
        'Revert "Deploy support v2"',
        "support: v2 is harmful (prompt_injection), back to v1",
        "support: start canary of v2 at 1%",
    ]
    for each in (canary, rival):
        assert each.control.open_overrides() == {}
        assert served_versions(each) == {"v1"}


def test_an_engine_that_knows_of_no_harm_follows_the_one_that_does(
    canary: World, rival: World
) -> None:
    rival.turn()
    canary.harm()
    canary.turn()
    head = canary.head()
    _healthy(rival)  # it would go on, had it not to look at the new head first
    rival.turn()
    assert canary.head() == head
    assert served_versions(rival) == {"v1"}


def test_a_step_that_loses_to_a_persons_revert_is_not_taken(canary: World) -> None:
    person, attempt = canary.person(), canary.release.attempt
    _healthy(canary)
    before_pushes(canary, lambda: person.revert(attempt))
    canary.turn()
    assert canary.subjects()[:3] == [
        "support: v1 is live (superseded)",
        'Revert "Deploy support v2"',
        "support: start canary of v2 at 1%",
    ]
    assert served_versions(canary) == {"v1"}


def test_a_decision_is_taken_again_on_the_head_that_won_and_never_rebased(canary: World) -> None:
    person = canary.person()
    tried: list[str] = []

    def push() -> None:
        tried.append(canary.head())
        person.commit("notes.txt", "unrelated\n", "Write notes")

    _healthy(canary)
    before_pushes(canary, push)
    canary.turn()
    (head, lost) = canary.head(), tried[0]
    assert canary.git("log", "-1", "--format=%s", f"{head}^").strip() == "Write notes"
    assert canary.release.step == 1
    children = canary.git("log", "--format=%H %P", "--all").splitlines()
    assert [line for line in children if line.endswith(lost)] == [
        f"{canary.git('rev-parse', 'main^').strip()} {lost}"
    ]  # nothing of the decision that lost is left in the remote


def test_a_second_engine_and_a_person_push_while_an_engine_decides_and_the_person_wins(
    canary: World, rival: World
) -> None:
    person, attempt = canary.person(), canary.release.attempt
    rival.turn()
    for each in (canary, rival):
        each.harm()
    before_pushes(rival, lambda: person.revert(attempt))
    before_pushes(canary, rival.turn)
    canary.turn()
    rival.turn()
    assert canary.subjects()[:3] == [
        "support: v1 is live (superseded)",
        'Revert "Deploy support v2"',
        "support: start canary of v2 at 1%",
    ]
    for each in (canary, rival):
        assert served_versions(each) == {"v1"}
        assert each.control.open_overrides() == {}


def test_an_engine_that_always_loses_gives_up_for_a_while_and_says_so(canary: World) -> None:
    person = canary.person()
    numbers = iter(range(100))
    canary.harm()
    before_pushes(
        canary,
        *[lambda: person.commit("notes.txt", f"{next(numbers)}\n", "Write notes")] * 5,
    )
    canary.turn()
    assert canary.subjects()[0] == "Write notes"
    assert served_versions(canary) == {"v1"}  # who is harmed does not wait for a race to end
    assert "others pushed first 5 times" in (canary.manifest.remote_problem or "")
    at_once(canary)
    canary.turn()
    assert canary.subjects()[0] == 'Revert "Deploy support v2"'
    assert canary.manifest.remote_problem is None


def test_a_person_who_deploys_another_version_while_the_engine_decides_wins(canary: World) -> None:
    canary.engineer.add_version("v3")
    person = canary.person()
    canary.harm()
    before_pushes(canary, lambda: deploy(person, "v3"))
    canary.turn()
    assert canary.subjects()[:2] == ["support: start canary of v3 at 1%", "Deploy support v3"]
    assert (canary.release.traffic.baseline, canary.release.traffic.candidate) == ("v1", "v3")
    assert canary.control.open_overrides() == {}


def test_a_host_that_rewrites_history_while_the_engine_decides_gets_no_commit_on_it(
    canary: World,
) -> None:
    person, served = canary.person(), canary.release.commit
    canary.harm()

    def rewrite() -> None:
        person.git("reset", "--quiet", "--hard", "HEAD~2")
        person.git("commit", "--quiet", "--allow-empty", "-m", "Another past")
        person.git("push", "--quiet", "--force")

    before_pushes(canary, rewrite)
    canary.turn()
    assert canary.subjects()[0] == "Another past"
    assert "rewritten" in canary.manifest.current.problems[""]
    assert canary.release.commit == served
    assert served_versions(canary) == {"v1"}
    assert list(canary.control.open_overrides()) == [canary.release.rollout]
    canary.restart()
    assert served_versions(canary) == {"v1"}


def test_a_rewritten_history_that_is_joined_to_what_was_served_is_served_again(
    canary: World,
) -> None:
    person, served = canary.person(), canary.release.commit
    canary.harm()
    person.git("reset", "--quiet", "--hard", "HEAD~2")
    person.git("commit", "--quiet", "--allow-empty", "-m", "Another past")
    person.git("push", "--quiet", "--force")
    canary.turn()
    way_out = canary.manifest.current.problems[""].rpartition("after: git ")[2]
    assert way_out == f"merge -s ours {served[:12]}"
    person.git(*way_out.split(), "--no-edit")
    person.push()
    canary.turn()
    assert canary.manifest.current.problems == {}
    assert canary.release.commit == canary.head()
    assert canary.release.traffic.phase is Phase.HEALTHY
    assert served_versions(canary) == {"v1"}


def test_a_head_that_is_put_back_is_written_to_once(canary: World) -> None:
    person, served = canary.person(), canary.release.commit
    canary.harm()
    person.git("reset", "--quiet", "--hard", "HEAD~1")
    person.git("push", "--quiet", "--force")
    canary.turn()
    assert canary.head() != served
    person.git("push", "--quiet", "--force", "origin", f"{served}:main")
    for _ in range(3):
        canary.turn()
    reverts = [subject for _, subject in decisions_in_git(canary) if subject.startswith("Revert")]
    assert reverts == ['Revert "Deploy support v2"']
    assert canary.manifest.current.problems == {}
