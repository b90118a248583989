"""What a rollback is: git's own revert, complete, and read back."""

import pytest

from tidegate.domain.decision import Verdict
from tidegate.domain.state import Phase
from worlds import World

INTENT = "envs/production/support.yaml"


def test_harm_on_the_candidate_is_rolled_back_by_a_revert_in_gits_own_words(canary: World) -> None:
    deploy = canary.release.attempt
    canary.harm()
    canary.turn()
    message = canary.git("log", "-1", "--format=%B", "main")
    assert message.startswith(f'Revert "Deploy support v2"\n\nThis reverts commit {deploy}.\n')


def test_the_revert_puts_intent_back_byte_for_byte(canary: World) -> None:
    deploy = canary.release.attempt
    canary.harm()
    canary.turn()
    assert canary.git("show", f"main:{INTENT}") == canary.git("show", f"{deploy}^:{INTENT}")


def test_the_revert_is_what_git_revert_would_have_made(canary: World) -> None:
    deploy = canary.release.attempt
    canary.harm()
    canary.turn()
    person = canary.person()
    person.git("checkout", "--quiet", "HEAD~1")
    person.git("revert", "--no-edit", deploy)
    assert person.git("rev-parse", "HEAD^{tree}") == canary.git("rev-parse", "main^{tree}")


def test_after_a_rollback_every_unit_is_served_the_baseline(canary: World) -> None:
    canary.harm()
    canary.turn()
    assert {canary.release.version(f"any-{number}") for number in range(2000)} == {"v1"}
    assert canary.release.traffic.phase is Phase.HEALTHY


def test_after_a_rollback_the_engine_has_nothing_more_to_do(canary: World) -> None:
    canary.harm()
    canary.turn()
    head = canary.head()
    for _ in range(3):
        canary.turn()
    assert canary.head() == head


def test_a_rollback_is_two_commits_in_one_push_the_record_and_the_revert(canary: World) -> None:
    canary.harm()
    canary.turn()
    assert canary.subjects()[:2] == [
        'Revert "Deploy support v2"',
        "support: v2 is harmful (prompt_injection), back to v1",
    ]


def test_only_the_failing_agent_is_reverted_when_one_commit_deployed_more(world: World) -> None:
    person = world.person()
    intent = (person.folder / INTENT).read_text().replace("version: v1", "version: v2")
    (person.folder / INTENT).write_text(intent)
    (person.folder / "agents/other").mkdir(parents=True)
    (person.folder / "agents/other/notes.txt").write_text("deployed with it\n")
    person.git("add", ".")
    person.git("commit", "--quiet", "-m", "Deploy two things at once")
    person.push()
    world.turn()
    world.harm()
    world.turn()
    assert world.git("show", "main:agents/other/notes.txt") == "deployed with it\n"
    assert world.release.traffic.baseline == "v1"


def test_two_agents_deployed_by_one_commit_are_two_rollouts(world: World) -> None:
    person = world.person()
    for path in ("agents/{}/metrics.yaml", "agents/{}/versions/v1.yaml", "envs/production/{}.yaml"):
        copy = (person.folder / path.format("support")).read_text().replace("support", "other")
        (person.folder / path.format("other")).parent.mkdir(parents=True, exist_ok=True)
        (person.folder / path.format("other")).write_text(copy)
    second = (person.folder / "agents/support/versions/v2.yaml").read_text()
    (person.folder / "agents/other/versions/v2.yaml").write_text(second.replace("support", "other"))
    person.git("add", ".")
    person.git("commit", "--quiet", "-m", "Add another agent")
    person.push()
    world.turn()
    person.pull()
    for agent in ("support", "other"):
        intent = person.folder / f"envs/production/{agent}.yaml"
        intent.write_text(intent.read_text().replace("version: v1", "version: v2"))
    person.git("commit", "--quiet", "--all", "-m", "Deploy both")
    person.push()
    world.turn()
    world.harm()
    world.turn()
    assert world.release.traffic.phase is Phase.HEALTHY
    other = world.manifest.release("other")
    assert other.traffic.phase is Phase.PROGRESSING
    assert world.views.one(other.rollout).evidence.stages == ()


def test_a_version_that_was_rolled_back_does_not_return_by_itself(canary: World) -> None:
    canary.harm()
    canary.turn()
    canary.engineer.deploy("v2")
    canary.turn()
    assert canary.release.traffic.phase is Phase.DEGRADED
    assert "force: true" in canary.release.traffic.reason
    assert canary.release.version("anyone") == "v1"


def test_reverting_the_revert_with_force_is_a_new_attempt_from_the_first_step(
    canary: World,
) -> None:
    first = canary.release.attempt
    canary.harm()
    canary.turn()
    person = canary.person()
    person.git("revert", "--no-edit", canary.head())
    intent = person.folder / INTENT
    intent.write_text(intent.read_text() + "force: true\n")
    person.git("commit", "--quiet", "--all", "--amend", "--no-edit")
    person.push()
    canary.turn()
    assert canary.release.attempt != first
    assert canary.release.traffic.phase is Phase.PROGRESSING
    assert canary.release.traffic.share_ppm == 10_000


def test_incidents_of_an_earlier_attempt_do_not_count_in_a_new_one(canary: World) -> None:
    canary.harm(count=3)
    person = canary.person()
    person.revert(canary.release.attempt)
    canary.turn()
    person.pull()
    person.revert("HEAD~1")
    canary.turn()
    assert canary.release.traffic.phase is Phase.PROGRESSING
    detail = canary.views.one(canary.release.rollout)
    assert detail.evidence.stages == ()


@pytest.mark.parametrize("guardrail", ["prompt_injection", "unexpected_tool", "error"])
def test_every_safety_kind_can_roll_back(canary: World, guardrail: str) -> None:
    canary.harm(guardrail)
    canary.turn()
    last = next(iter(canary.records().values()))
    assert (last.decision.verdict, last.decision.guardrail) == (Verdict.ROLL_BACK, guardrail)


def test_the_time_from_harm_to_the_pushed_revert_is_known(canary: World) -> None:
    rollout = canary.release.rollout
    canary.harm(count=3)
    canary.clock.advance(seconds=7)
    more = canary.units("candidate", 5, prefix="later-")
    canary.expose(more)
    canary.report(more, "safety", "prompt_injection")
    canary.turn()
    view = canary.views.one(rollout).rollout
    assert view.phase == "RolledBack"
    assert view.seconds_to_revert == pytest.approx(7.0)
