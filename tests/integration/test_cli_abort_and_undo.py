"""`tidegate abort` and `undo`: back to a version that was live."""

from pathlib import Path

import pytest

from teams import INTENT, Team, run
from tidegate.domain.state import BadVersion, Phase
from worlds import World


@pytest.fixture
def team(tmp_path: Path) -> Team:
    made = Team(tmp_path)
    made.engine_writes(Phase.HEALTHY, window=("v1",))
    return made


@pytest.fixture
def rollout(team: Team) -> Team:
    """A canary of v2 is at 5 %."""
    team.done("deploy", "support", "v2")
    team.canary_runs("v2")
    return team


@pytest.fixture
def promoted(rollout: Team) -> Team:
    """v2 is live for everyone."""
    rollout.engine_writes(Phase.COMPLETED, stable="v2", window=("v2", "v1"))
    return rollout


def test_abort_is_a_git_revert_of_the_deploy(rollout: Team) -> None:
    deploy = rollout.git("rev-parse", "main^").strip()
    before = rollout.git("show", f"{deploy}^:{INTENT}")
    done = rollout.done("abort", "support")
    assert rollout.file(INTENT) == before
    assert rollout.git("log", "-1", "--format=%B", "main").strip() == (
        f'Revert "Deploy support v2"\n\nThis reverts commit {deploy}.'
    )
    assert done["outlook"] == (
        "every unit is served v1 from the service's next fetch on, without steps"
    )


def test_aborted_rollout_serves_the_stable_version_with_no_engine_alive(canary: World) -> None:
    assert run(canary.person().folder, "abort", "support").exit_code == 0
    canary.engine.refresh()
    assert canary.release.version("anyone") == "v1"
    assert canary.release.traffic.phase is Phase.HEALTHY


def test_abort_takes_back_a_deploy_that_no_engine_has_begun(team: Team) -> None:
    team.done("deploy", "support", "v2")
    team.done("abort", "support")
    assert "version: v1" in team.file(INTENT)


def test_abort_of_a_deploy_on_top_of_another_goes_back_to_what_is_live(rollout: Team) -> None:
    """Reverting only the last deploy would begin the canary of v2 again."""
    rollout.done("deploy", "support", "v3")
    rollout.canary_runs("v3")
    done = rollout.done("abort", "support")
    assert "version: v1" in rollout.file(INTENT)
    assert done["subject"] == "Abort support v3: back to v1"


def test_abort_of_a_commit_that_deployed_more_puts_back_this_agent_alone(team: Team) -> None:
    person = team.person
    person.pull()
    for path in (INTENT, "agents/support/metrics.yaml"):
        file = person.folder / path
        file.write_text(file.read_text().replace("version: v1", "version: v2") + "# both\n")
    person.git("commit", "--quiet", "--all", "-m", "Deploy support and change its metrics")
    person.push()
    team.canary_runs("v2")
    team.done("abort", "support")
    assert "version: v1" in team.file(INTENT)
    assert "# both" in team.file("agents/support/metrics.yaml")
    assert team.subjects()[0] == 'Revert "Deploy support and change its metrics"'


def test_abort_of_a_merged_deploy_says_so_in_gits_own_words(team: Team) -> None:
    person = team.person
    person.pull()
    person.git("switch", "--quiet", "--create", "deploy-v2")
    assert run(person.folder, "deploy", "support", "v2", "--no-push").exit_code == 0
    person.git("switch", "--quiet", "main")
    person.git("merge", "--quiet", "--no-ff", "deploy-v2", "-m", "Merge deploy-v2")
    merge = person.push()
    team.canary_runs("v2")
    team.done("abort", "support")
    assert "version: v1" in team.file(INTENT)
    assert team.git("log", "-1", "--format=%B", "main").startswith(
        f'Revert "Merge deploy-v2"\n\nThis reverts commit {merge}, reversing\nchanges made to '
    )


def test_abort_works_with_other_changes_staged_and_unstaged(rollout: Team) -> None:
    person = rollout.person
    metrics = person.folder / "agents/support/metrics.yaml"
    metrics.write_text(metrics.read_text() + "# staged\n")
    person.git("add", "agents/support/metrics.yaml")
    (person.folder / "tidegate.yaml").write_text("kind: Tidegate\nenvironments: [production]\n")
    rollout.done("abort", "support")
    assert person.git("status", "--porcelain").splitlines() == [
        "M  agents/support/metrics.yaml",
        " M tidegate.yaml",
    ]
    assert rollout.subjects()[0] == 'Revert "Deploy support v2"'


def test_abort_is_not_held_up_by_a_pre_commit_hook(rollout: Team) -> None:
    hook = rollout.person.folder / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    rollout.done("abort", "support")
    assert "version: v1" in rollout.file(INTENT)


def test_revert_that_cannot_be_signed_leaves_everything_as_it_was(rollout: Team) -> None:
    person = rollout.person
    for key, value in (
        ("commit.gpgSign", "true"),
        ("gpg.format", "ssh"),
        ("user.signingKey", str(person.folder / "no-such-key")),
    ):
        person.git("config", key, value)
    assert "no-such-key" in rollout.refusal("abort", "support")
    assert not (person.folder / ".git/REVERT_HEAD").exists()


def test_abort_of_nothing_is_refused_and_names_undo(promoted: Team) -> None:
    assert promoted.refusal("abort", "support") == (
        "no rollout of support is under way in production: v2 is served (Completed). "
        "To go back to the version before it: tidegate undo support"
    )


def test_frozen_enrolment_is_aborted_only_with_force(rollout: Team) -> None:
    rollout.canary_runs("v2", phase=Phase.DEGRADED, frozen=True)
    assert rollout.refusal("abort", "support") == (
        "v1 cannot read the memory that v2 has written: units that met v2 would lose or corrupt "
        "it. Release a version that can read it, or go back all the same with --force"
    )
    rollout.done("abort", "support", "--force")
    assert "version: v1" in rollout.file(INTENT)


def test_undo_reverts_the_deploy_of_what_is_live(promoted: Team) -> None:
    done = promoted.done("undo", "support")
    assert "version: v1" in promoted.file(INTENT)
    assert done["subject"] == 'Revert "Deploy support v2"'


def test_undone_promotion_is_served_at_once(world: World) -> None:
    person = world.person()
    for command in (["deploy", "support", "v2"], ["promote", "support", "--full"]):
        assert run(person.folder, *command).exit_code == 0
        world.turn()
    assert world.release.version("anyone") == "v2"
    assert run(person.folder, "undo", "support").exit_code == 0
    world.turn()
    assert world.release.version("anyone") == "v1"


def test_undo_while_a_rollout_runs_ends_it(rollout: Team) -> None:
    rollout.done("undo", "support")
    assert rollout.subjects()[0] == 'Revert "Deploy support v2"'


def test_undo_leaves_out_versions_that_were_rolled_back(promoted: Team) -> None:
    bad = BadVersion(version="v2", attempt="a" * 40, reason="error: 9 of 90")
    promoted.done("deploy", "support", "v3")
    promoted.engine_writes(Phase.COMPLETED, stable="v3", window=("v3", "v2", "v1"), bad=(bad,))
    done = promoted.done("undo", "support")
    assert "version: v1" in promoted.file(INTENT)
    assert done["subject"] == "Undo support v3: back to v1"


def test_undo_to_a_version_that_was_live_once(promoted: Team) -> None:
    promoted.done("deploy", "support", "v3")
    promoted.engine_writes(Phase.COMPLETED, stable="v3", window=("v3",))
    done = promoted.done("undo", "support", "--to", "v1")
    assert "version: v1" in promoted.file(INTENT)
    assert done["outlook"] == "the engine begins the canary of v1 at 1% at its next fetch"


def test_undo_of_an_undo_comes_back_without_steps(promoted: Team) -> None:
    promoted.done("undo", "support")
    promoted.engine_writes(Phase.HEALTHY, stable="v1", window=("v1", "v2"))
    promoted.done("undo", "support")
    assert "version: v2" in promoted.file(INTENT)


def test_undo_of_an_experiments_winner_goes_back_to_the_control(team: Team) -> None:
    content = """\
kind: AgentRelease
agent: support
version: v1
strategy:
  ab:
    arms: {bold: {version: v2, weight: 50%}}
    goal: {name: goal}
    horizon: {units: 1000}
    winner: promote
"""
    team.commit(INTENT, content, "Begin an experiment")
    team.engine_writes(Phase.COMPLETED, stable="v2", window=("v2", "v1"))
    done = team.done("undo", "support")
    assert done["subject"] == 'Revert "Begin an experiment"'
    assert "every unit is served v1" in done["outlook"]


def test_undo_of_a_blue_green_release_switches_the_colours_back(team: Team) -> None:
    content = """\
kind: AgentRelease
agent: support
version: v1
strategy:
  blueGreen:
    active: blue
    blue: {version: v1, endpoint: "http://blue"}
    green: {version: v3, endpoint: "http://green"}
"""
    team.commit(INTENT, content, "Two environments")
    team.engine_writes(Phase.HEALTHY, stable="v1", window=("v1",))
    team.done("deploy", "support", "v2")
    team.engine_writes(Phase.COMPLETED, stable="v2", window=("v2", "v1"))
    team.commit(INTENT, team.file(INTENT) + "# noted\n", "So that a revert would not do")
    team.engine_writes(Phase.COMPLETED, stable="v2", window=("v2", "v1"))
    team.done("undo", "support")
    assert team.file(INTENT) == content.replace("version: v3", "version: v2") + "# noted\n"


def test_nothing_to_undo_before_a_second_version_was_live(team: Team) -> None:
    assert team.refusal("undo", "support") == (
        "no version of support was live before v1; there is none to go back to"
    )


def test_undo_where_all_earlier_versions_are_bad_names_the_way_out(promoted: Team) -> None:
    bad = BadVersion(version="v1", attempt="a" * 40, reason="error: 9 of 90")
    promoted.engine_writes(Phase.COMPLETED, stable="v2", window=("v2", "v1"), bad=(bad,))
    assert promoted.refusal("undo", "support") == (
        "every version of support that was live before v2 was rolled back: v1. "
        "To release one all the same: tidegate deploy support v1 --force"
    )


def test_undo_to_a_bad_version_is_refused_with_the_reason(promoted: Team) -> None:
    bad = BadVersion(version="v1", attempt="a" * 40, reason="error: 9 of 90")
    promoted.engine_writes(Phase.COMPLETED, stable="v2", window=("v2", "v1"), bad=(bad,))
    assert promoted.refusal("undo", "support", "--to", "v1") == (
        "v1 was rolled back before: error: 9 of 90. To release it all the same: "
        "tidegate deploy support v1 --force"
    )


def test_undo_to_a_version_that_was_never_live_is_refused(promoted: Team) -> None:
    assert promoted.refusal("undo", "support", "--to", "v3") == (
        "v3 was never live for support in production; these were: v2, v1. "
        "To release another: tidegate deploy support v3"
    )


def test_undo_to_what_is_live_is_refused(promoted: Team) -> None:
    assert promoted.refusal("undo", "support", "--to", "v2") == "v2 is what is served already"


def test_undo_that_would_corrupt_memory_needs_force(team: Team) -> None:
    memory = "  memory:\n    schema: notes\n    writes: '{0}'\n    reads: ['1']\n"
    for name, writes in (("m1", "1"), ("m2", "2")):
        head = f"kind: AgentVersion\nagent: support\nversion: {name}\ncomponents:\n"
        path = f"agents/support/versions/{name}.yaml"
        team.commit(path, head + memory.format(writes), f"Add {name}")
    team.done("deploy", "support", "m1")
    team.engine_writes(Phase.COMPLETED, stable="m1", window=("m1", "v1"))
    team.done("deploy", "support", "m2")
    team.engine_writes(Phase.COMPLETED, stable="m2", window=("m2", "m1", "v1"))
    assert "m1 cannot read the memory that m2 has written" in team.refusal("undo", "support")
    team.done("undo", "support", "--force")
    assert "version: m1" in team.file(INTENT)


def test_without_any_state_undo_goes_by_the_history_of_the_release(tmp_path: Path) -> None:
    team = Team(tmp_path)
    for version in ("v2", "v3"):
        team.done("deploy", "support", version)
    done = team.done("undo", "support", "--to", "v1")
    assert "version: v1" in team.file(INTENT)
    assert done["subject"] == "Undo support v3: back to v1"


def test_reason_of_an_abort_stands_below_gits_own_lines(rollout: Team) -> None:
    deploy = rollout.git("rev-parse", "main^").strip()
    before = rollout.git("show", f"{deploy}^:{INTENT}")
    rollout.done("abort", "support", "--reason", "complaints: 支持")
    assert rollout.file(INTENT) == before
    assert rollout.git("log", "-1", "--format=%B", "main").strip() == (
        f'Revert "Deploy support v2"\n\nThis reverts commit {deploy}.\n\ncomplaints: 支持'
    )


def test_reason_of_an_undo_stands_in_a_commit_of_its_own_too(promoted: Team) -> None:
    promoted.done("deploy", "support", "v3")
    promoted.engine_writes(Phase.COMPLETED, stable="v3", window=("v3", "v2", "v1"))
    promoted.done("undo", "support", "--to", "v1", "--reason", "slow")
    assert promoted.git("log", "-1", "--format=%B", "main").strip() == (
        "Undo support v3: back to v1\n\nslow"
    )
