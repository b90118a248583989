"""`tidegate deploy` in an ordinary checkout: one commit that changes INTENT, and nothing else."""

import json
from pathlib import Path

import pytest

from teams import INTENT, Team, run
from tidegate.domain.state import BadVersion, Phase
from worlds import World

COMMENTED = """\
# Wer hier etwas ändert, sagt es bitte dem Team: 支持 ☎
kind: AgentRelease
agent: support          # the shop's
version: 'v1'           # <- this one
strategy:
  canary: {steps: [{setWeight: 1%, minUnits: 10}, {setWeight: 100%}]}   # short
"""


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def test_deploy_changes_one_line_in_one_commit_and_pushes_it(team: Team) -> None:
    before = team.file(INTENT)
    done = team.done("deploy", "support", "v2")
    assert team.file(INTENT) == before.replace("version: v1", "version: v2")
    assert team.head() == done["commit"]
    assert team.git("show", "--format=", "--name-only", "main").split() == [INTENT]
    assert done["subject"] == "Deploy support v2"
    assert done["upstream"] == "origin/main"
    assert done["outlook"] == "the engine begins the canary of v2 at 1% at its next fetch"


def test_deploy_says_in_words_what_it_did_and_what_comes_next(team: Team) -> None:
    result = team.run("deploy", "support", "v2", "-m", "Deploy support v2, for ticket 7\n\nWhy: ü")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"{team.head()[:12]} Deploy support v2, for ticket 7",
        "Pushed to origin/main.",
        "Next: the engine begins the canary of v2 at 1% at its next fetch.",
    ]
    assert team.git("log", "-1", "--format=%b", "main").strip() == "Why: ü"


def test_deployed_version_is_what_the_engine_begins(world: World) -> None:
    assert run(world.person().folder, "deploy", "support", "v2").exit_code == 0
    world.turn()
    assert world.subjects()[:2] == ["support: start canary of v2 at 1%", "Deploy support v2"]


def test_deploy_keeps_comments_quotes_and_layout(team: Team) -> None:
    team.commit(INTENT, COMMENTED, "Write the release by hand")
    team.done("deploy", "support", "v2")
    assert team.file(INTENT) == COMMENTED.replace("'v1'", "'v2'")


def test_deploy_leaves_other_work_in_the_checkout_alone(team: Team) -> None:
    notes = team.person.folder / "notes.md"
    notes.write_text("a draft\n")
    metrics = team.person.folder / "agents/support/metrics.yaml"
    metrics.write_text(metrics.read_text() + "# thinking\n")
    team.person.git("add", "agents/support/metrics.yaml")
    team.done("deploy", "support", "v2")
    changed = team.person.git("status", "--porcelain").splitlines()
    assert changed == ["M  agents/support/metrics.yaml", "?? notes.md"]
    assert "thinking" not in team.file("agents/support/metrics.yaml")


def test_deploy_goes_by_what_the_remote_has_now(team: Team) -> None:
    """The engine writes all the time; a checkout is behind as a rule."""
    team.done("deploy", "support", "v2", person=team.joined("bob"))
    team.canary_runs("v2")
    done = team.done("deploy", "support", "v3")
    assert done["outlook"].endswith("; the rollout of v2 ends")
    assert team.subjects()[:3] == [
        "Deploy support v3",
        "support: Progressing",
        "Deploy support v2",
    ]


def test_deploy_without_push_commits_here_only(team: Team) -> None:
    result = team.run("deploy", "support", "v2", "--no-push")
    assert "Committed here only: services see it once it is where they fetch from." in result.stdout
    assert team.subjects()[0] == "Add support v3"
    assert team.person.git("log", "-1", "--format=%s").strip() == "Deploy support v2"


def test_deploy_without_a_remote_commits_here_only(team: Team) -> None:
    team.person.git("remote", "remove", "origin")
    assert team.done("deploy", "support", "v2")["upstream"] is None


def test_deploy_pushes_a_new_branch_and_tracks_it(team: Team) -> None:
    """So that a deploy can be a pull request."""
    team.person.git("switch", "--quiet", "--create", "deploy-v2")
    done = team.done("deploy", "support", "v2")
    assert done["upstream"] == "origin/deploy-v2"
    assert team.git("rev-parse", "deploy-v2").strip() == done["commit"]
    assert team.person.git("rev-parse", "--abbrev-ref", "@{upstream}").strip() == "origin/deploy-v2"
    assert team.subjects()[0] == "Add support v3"


def test_deploy_says_how_many_earlier_commits_went_with_it(team: Team) -> None:
    for number in (1, 2):
        team.person.git("commit", "--quiet", "--allow-empty", "-m", f"empty {number}")
    assert "with 2 earlier commits" in team.run("deploy", "support", "v2").stdout


def test_version_that_looks_like_a_number_is_put_in_quotes(team: Team) -> None:
    version = team.file("agents/support/versions/v2.yaml").replace("version: v2", 'version: "1.10"')
    team.commit("agents/support/versions/1.10.yaml", version, "Add 1.10")
    team.done("deploy", "support", "1.10")
    assert 'version: "1.10"\n' in team.file(INTENT)


def test_unknown_version_is_refused_with_those_that_there_are(team: Team) -> None:
    assert team.refusal("deploy", "support", "v9") == (
        "support has no version 'v9': agents/support/versions/v9.yaml is not there; "
        "its versions are v1, v2, v3"
    )


def test_version_that_is_not_committed_is_refused_with_what_to_do(team: Team) -> None:
    path = team.person.folder / "agents/support/versions/v4.yaml"
    path.write_text(team.file("agents/support/versions/v3.yaml").replace("v3", "v4"))
    refusal = team.refusal("deploy", "support", "v4")
    assert "agents/support/versions/v4.yaml is here, but not committed: git add" in refusal


def test_unknown_agent_is_refused_with_those_that_there_are(team: Team) -> None:
    refusal = team.refusal("deploy", "suport", "v2")
    assert refusal == "agent 'suport' has no release in 'production'; known agents: support"


def test_version_that_is_asked_for_already_is_refused(team: Team) -> None:
    refusal = team.refusal("deploy", "support", "v1")
    assert refusal == f"{INTENT} asks for v1 already: first version of this agent"


def test_uncommitted_change_of_the_release_is_refused(team: Team) -> None:
    path = team.person.folder / INTENT
    path.write_text(path.read_text() + "# half a thought\n")
    assert f"{INTENT} has changes that are not committed" in team.refusal("deploy", "support", "v2")


def test_version_known_to_be_bad_is_refused_without_force_and_done_with_it(team: Team) -> None:
    bad = BadVersion(version="v2", attempt="a" * 40, reason="prompt_injection: 9 of 90")
    team.engine_writes(Phase.ROLLED_BACK, bad=(bad,), window=("v1",))
    refusal = team.refusal("deploy", "support", "v2")
    assert f"{INTENT}:4: error: version: v2 was rolled back before; set force: true" in refusal
    assert "prompt_injection: 9 of 90" in refusal
    team.done("deploy", "support", "v2", "--force")
    assert "version: v2\nforce: true\n" in team.file(INTENT)


def test_force_of_an_earlier_deploy_does_not_let_the_next_version_through(team: Team) -> None:
    team.done("deploy", "support", "v2", "--force")
    team.done("deploy", "support", "v3")
    assert "version: v3\nforce: false\n" in team.file(INTENT)


def test_errors_that_lint_would_find_stop_the_deploy_with_file_and_line(team: Team) -> None:
    content = team.file(INTENT).replace("  canary:\n", "  canary:\n    guardrails: [toxicity]\n")
    team.commit(INTENT, content, "Name a guardrail that is not defined")
    refusal = team.refusal("deploy", "support", "v2")
    assert refusal == (
        f"nothing was changed, for lint would find:\n  {INTENT}:7: error: "
        "strategy.canary.guardrails[0]: names 'toxicity'; agents/support/metrics.yaml defines "
        "prompt_injection, unexpected_tool, error, goal"
    )


def test_errors_of_another_agent_do_not_stop_the_deploy(team: Team) -> None:
    team.commit("envs/production/billing.yaml", "kind: Nonsense\n", "Break another agent")
    team.done("deploy", "support", "v2")


def test_forward_only_memory_is_warned_of_before_it_is_too_late(team: Team) -> None:
    memory = "  memory:\n    schema: notes\n    writes: '{0}'\n    reads: ['1']\n"
    for name, writes in (("m1", "1"), ("m2", "2")):
        head = f"kind: AgentVersion\nagent: support\nversion: {name}\ncomponents:\n"
        path = f"agents/support/versions/{name}.yaml"
        team.commit(path, head + memory.format(writes), f"Add {name}")
    team.done("deploy", "support", "m1")
    team.engine_writes(Phase.COMPLETED, stable="m1", window=("m1", "v1"))
    result = team.run("deploy", "support", "m2")
    assert result.exit_code == 0
    assert f"{INTENT}:4: warning: version: m1 cannot read the memory that m2 writes" in (
        result.stdout
    )


def test_blue_green_deploy_gives_the_idle_colour_the_version_and_makes_it_active(
    team: Team,
) -> None:
    content = """\
kind: AgentRelease
agent: support
version: v1
strategy:
  blueGreen:
    active: blue    # now
    blue: {version: v1, endpoint: "http://blue"}
    green:
      version: v3   # last week's
      endpoint: http://green
"""
    team.commit(INTENT, content, "Two environments")
    done = team.done("deploy", "support", "v2")
    assert team.file(INTENT) == (
        content.replace("version: v1\nstrategy", "version: v2\nstrategy")
        .replace("active: blue", "active: green")
        .replace("version: v3   #", "version: v2   #")
    )
    assert done["outlook"] == "the engine previews v2 at its next fetch, and then switches to it"


def test_hook_that_refuses_leaves_the_file_as_it_was_and_its_words_are_shown(team: Team) -> None:
    hook = team.person.folder / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\necho 'Friday: no deploys' >&2\nexit 1\n")
    hook.chmod(0o755)
    assert team.refusal("deploy", "support", "v2") == "git commit: Friday: no deploys"


def test_release_written_so_that_a_line_cannot_be_changed_is_refused(team: Team) -> None:
    content = team.file(INTENT).replace("version: v1", "version: &now v1\nsalt: *now")
    team.commit(INTENT, content, "Be clever")
    assert team.refusal("deploy", "support", "v2") == (
        f"{INTENT}: cannot be changed in place; write version: v2 by hand"
    )


def test_checkout_in_the_middle_of_a_merge_is_refused(team: Team) -> None:
    team.person.git("commit", "--quiet", "--allow-empty", "-m", "Ada's")
    team.joined("bob").commit("NOTES.md", "x\n", "Note")
    team.person.git("fetch", "--quiet")
    team.person.git("merge", "--quiet", "--no-commit", "--no-ff", "origin/main")
    assert team.refusal("deploy", "support", "v2") == (
        "a merge is under way in this checkout; finish it, or: git merge --abort"
    )
    assert (team.person.folder / ".git/MERGE_HEAD").exists()


def test_detached_checkout_is_refused(team: Team) -> None:
    team.person.git("checkout", "--quiet", "--detach")
    assert team.refusal("deploy", "support", "v2") == (
        "no branch is checked out, so there is nothing to commit to: git switch main"
    )


def test_folder_outside_any_checkout_is_refused(tmp_path: Path) -> None:
    result = run(tmp_path, "deploy", "support", "v1")
    assert result.exit_code == 1
    assert "is in no git checkout; go into one of the manifest repository" in result.stderr


def test_wrong_usage_exits_with_two(team: Team) -> None:
    assert team.run("deploy", "support").exit_code == 2
    assert team.run("deploy", "support", "v2", "--no-such").exit_code == 2


def test_json_has_the_warnings_of_lint(team: Team) -> None:
    result = team.run("deploy", "support", "v2", "--json")
    assert set(json.loads(result.stdout)) == {
        "agent",
        "environment",
        "commit",
        "subject",
        "upstream",
        "others",
        "outlook",
        "warnings",
    }


def test_version_of_the_rollback_window_is_refused_and_done_when_at_once_is_said(
    team: Team,
) -> None:
    team.done("deploy", "support", "v2")
    team.engine_writes(Phase.COMPLETED, stable="v2", window=("v2", "v1"))
    assert team.refusal("deploy", "support", "v1") == (
        "v1 is in the rollback window, because it was live lately: every unit would be served it "
        "at once, without steps, preview or health check. If that is what you want: tidegate "
        "deploy support v1 --at-once. To have it by its strategy, add it as a version of another "
        "name"
    )
    assert team.done("deploy", "support", "v1", "--at-once")["outlook"] == (
        "every unit is served v1 from the service's next fetch on, without steps"
    )


def test_live_version_may_be_asked_for_while_another_comes(team: Team) -> None:
    """Everyone outside the share has it already, so no unit meets it untested."""
    team.done("deploy", "support", "v2")
    team.canary_runs("v2")
    done = team.done("deploy", "support", "v1")
    assert done["outlook"].endswith("; the rollout of v2 ends")


def test_at_once_takes_no_step_from_a_new_version(team: Team) -> None:
    done = team.done("deploy", "support", "v2", "--at-once")
    assert done["outlook"] == "the engine begins the canary of v2 at 1% at its next fetch"
