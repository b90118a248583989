"""A person's commit meets others on its way: it goes on top of them, or says why not."""

import shutil
import subprocess
from pathlib import Path

import pytest

from teams import INTENT, ORDERS, STATE, Team, run
from tidegate.domain.state import Phase
from worlds import Person

RACE = """\
#!/bin/sh
# Somebody else pushes after our git has looked at the remote, and before it writes there.
unset GIT_DIR
{once}
cd '{folder}' && {work} && git push --quiet origin HEAD:main
"""
ONCE = '[ -e "$0.done" ] && exit 0; touch "$0.done"'


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def _race(team: Team, other: Person, work: str = "true", once: str = ONCE) -> None:
    """The other person pushes just as this one does."""
    _hook(
        team.person.folder / ".git",
        "pre-push",
        RACE.format(once=once, folder=other.folder, work=work),
    )


def _hook(git_folder: Path, name: str, script: str) -> None:
    hook = git_folder / "hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(script)
    hook.chmod(0o755)


def _prepared(person: Person, path: str, content: str, message: str) -> None:
    """A commit that is not pushed yet."""
    file = person.folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    person.git("add", path)
    person.git("commit", "--quiet", "-m", message)


def test_lost_race_against_another_file_is_run_again_on_top(team: Team) -> None:
    bob = team.joined("bob")
    _prepared(bob, "envs/production/state/billing.yaml", "kind: ReleaseState\n", "billing: decided")
    _race(team, bob)
    done = team.done("deploy", "support", "v2")
    assert team.subjects()[:2] == ["Deploy support v2", "billing: decided"]
    assert done["commit"] == team.head()
    assert team.person.git("status", "--porcelain") == ""


def test_work_in_progress_survives_a_lost_race(team: Team) -> None:
    bob = team.joined("bob")
    _prepared(bob, "README.md", "Bob's\n", "Say something")
    _race(team, bob)
    draft = team.person.folder / "agents/support/metrics.yaml"
    draft.write_text(draft.read_text() + "# a draft\n")
    team.done("deploy", "support", "v2")
    assert draft.read_text().endswith("# a draft\n")
    assert team.subjects()[:2] == ["Deploy support v2", "Say something"]
    assert "a draft" not in team.file("agents/support/metrics.yaml")


def test_lost_race_against_another_deploy_leaves_the_commit_and_says_whose_it_was(
    team: Team,
) -> None:
    bob = team.joined("bob")
    assert run(bob.folder, "deploy", "support", "v3", "--no-push").exit_code == 0
    theirs = bob.git("rev-parse", "HEAD").strip()
    _race(team, bob)
    result = team.run("deploy", "support", "v2")
    assert result.exit_code == 1
    ours = team.person.git("rev-parse", "HEAD").strip()
    what = f'meanwhile Bob changed {INTENT} in {theirs[:12]} "Deploy support v3".'
    assert result.stderr.splitlines() == [
        f"Error: {ours[:12]} is committed here, but not pushed: {what}",
        f"Look at it:             git show {theirs[:12]}",
        "Drop yours and go on:   git reset --keep origin/main",
        "Put yours on top of it: git pull --rebase && git push",
    ]
    assert team.head() == theirs
    assert "version: v2" in (team.person.folder / INTENT).read_text()


def test_what_the_message_advises_works(team: Team) -> None:
    bob = team.joined("bob")
    assert run(bob.folder, "deploy", "support", "v3", "--no-push").exit_code == 0
    _race(team, bob)
    assert team.run("deploy", "support", "v2").exit_code == 1
    team.person.git("reset", "--keep", "origin/main")
    team.done("deploy", "support", "v2")
    assert team.subjects()[:2] == ["Deploy support v2", "Deploy support v3"]


def test_orders_are_not_pushed_when_the_rollout_was_ended_meanwhile(team: Team) -> None:
    team.done("deploy", "support", "v2")
    team.canary_runs("v2")
    bob = team.joined("bob")
    assert run(bob.folder, "abort", "support", "--no-push").exit_code == 0
    _race(team, bob)
    result = team.run("promote", "support")
    assert result.exit_code == 1
    assert f"meanwhile Bob changed {INTENT}" in result.stderr
    assert ORDERS not in team.git("ls-tree", "-r", "--name-only", "main")


def test_orders_go_on_top_of_a_decision_of_the_engine(team: Team) -> None:
    team.done("deploy", "support", "v2")
    team.canary_runs("v2")
    bob = team.joined("bob")
    state = team.file(STATE).replace("step: 1", "step: 2")
    _prepared(bob, STATE, state, "support: advance v2\n\nTidegate-Decision: 1")
    _race(team, bob)
    team.done("pause", "support")
    assert team.subjects()[:2] == ["Pause support v2", "support: advance v2"]


def test_only_one_commit_is_put_on_top(team: Team) -> None:
    _prepared(team.person, "README.md", "Ada's\n", "Say something")
    bob = team.joined("bob")
    _prepared(bob, "NOTES.md", "Bob's\n", "Note something")
    _race(team, bob)
    result = team.run("deploy", "support", "v2")
    assert result.exit_code == 1
    assert (
        "origin/main has moved on, and 2 commits are here only: git pull --rebase && git push"
        in (result.stderr)
    )
    assert team.subjects()[0] == "Note something"


def test_races_without_end_are_given_up(team: Team) -> None:
    bob = team.joined("bob")
    _race(team, bob, work="git commit --quiet --allow-empty -m again", once="")
    result = team.run("deploy", "support", "v2")
    assert result.exit_code == 1
    assert "others pushed first 5 times; try once more: git push" in result.stderr
    assert team.subjects()[:6] == [*["again"] * 5, "Add support v3"]


def test_remote_that_refuses_is_quoted_and_the_commit_stays(team: Team) -> None:
    _hook(team.remote, "pre-receive", "#!/bin/sh\necho 'deploys need a review' >&2\nexit 1\n")
    result = team.run("deploy", "support", "v2")
    assert result.exit_code == 1
    assert "is committed here, but not pushed: git push:" in result.stderr
    assert "deploys need a review" in result.stderr
    assert team.subjects()[0] == "Add support v3"
    assert team.person.git("log", "-1", "--format=%s").strip() == "Deploy support v2"


def test_remote_that_gives_no_answer_stops_before_anything_is_changed(team: Team) -> None:
    away = team.remote.with_name("away.git")
    team.remote.rename(away)
    result = team.run("deploy", "support", "v2")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: origin gives no answer: git fetch: ")
    assert team.person.git("log", "-1", "--format=%s").strip() == "Add support v3"
    assert team.run("deploy", "support", "v2", "--no-push").exit_code == 0
    away.rename(team.remote)
    team.person.git("push", "--quiet")
    assert team.subjects()[0] == "Deploy support v2"


def test_remote_that_falls_silent_before_the_push_leaves_the_commit(team: Team) -> None:
    script = f"#!/bin/sh\nmv '{team.remote}' '{team.remote}.away'\n"
    _hook(team.person.folder / ".git", "post-commit", script)
    result = team.run("deploy", "support", "v2")
    assert result.exit_code == 1
    assert "When it answers again: git push" in result.stderr
    Path(f"{team.remote}.away").rename(team.remote)


def test_checkout_that_has_gone_apart_from_its_remote_is_refused(team: Team) -> None:
    _prepared(team.person, "README.md", "Ada's\n", "Say something")
    team.joined("bob").commit("NOTES.md", "Bob's\n", "Note something")
    result = team.run("deploy", "support", "v2")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: this checkout has 1 commit that origin/main has not, and lacks 1; nothing was "
        "changed. Bring them together first: git pull --rebase\n"
    )
    assert team.person.git("log", "-1", "--format=%s").strip() == "Say something"


def test_changes_in_the_way_of_the_remotes_news_stop_the_command(team: Team) -> None:
    metrics = "agents/support/metrics.yaml"
    team.joined("bob").commit(metrics, team.file(metrics) + "# Bob's\n", "Change the metrics")
    (team.person.folder / metrics).write_text("# Ada's\n")
    assert "would be overwritten by merge" in team.refusal("deploy", "support", "v2")


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_commits_are_signed_as_the_person_signs_also_after_a_lost_race(team: Team) -> None:
    key = team.folder / "key"
    _keygen(key)
    team.engine_writes(Phase.HEALTHY, window=("v1",))
    bob = team.joined("bob")
    _prepared(bob, "README.md", "Bob's\n", "Say something")
    _race(team, bob)
    signers = team.folder / "signers"
    signers.write_text(f"person@example.invalid {key.with_suffix('.pub').read_text()}")
    for name, value in (
        ("commit.gpgSign", "true"),
        ("gpg.format", "ssh"),
        ("user.signingKey", str(key)),
        ("gpg.ssh.allowedSignersFile", str(signers)),
    ):
        team.person.git("config", name, value)
    deployed = team.done("deploy", "support", "v2")["commit"]
    reverted = team.done("abort", "support")["commit"]
    assert team.subjects()[:3] == [
        'Revert "Deploy support v2"',
        "Deploy support v2",
        "Say something",
    ]
    for commit in (deployed, reverted):
        team.person.git("verify-commit", commit)


def _keygen(key: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
