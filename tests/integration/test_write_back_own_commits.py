"""The engine's own commits: known by trailer, limited in number, read back, and signed."""

import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from rivals import (
    INTENT,
    STATE,
    at_once,
    decisions_in_git,
    deploy,
    intent_of,
    naming,
    served_versions,
)
from tidegate.adapters.git_manifest import GitManifest
from tidegate.domain import commit_limit
from tidegate.domain.commits import PlannedCommit
from tidegate.domain.release import Release
from tidegate.domain.state import Phase
from tidegate.domain.write_back import Deploy
from tidegate.service.reading import ManifestReader
from worlds import Person, World


def test_own_commits_are_known_by_trailer_whoever_the_author_is(canary: World) -> None:
    """A person who commits in the engine's name decides nothing; an engine of any name does."""
    before = [each.commit for each in canary.control.decisions()]
    person = canary.person()
    person.git("config", "user.name", "Tidegate")
    person.git("config", "user.email", "engine@tidegate.invalid")
    person.commit("notes.txt", "unrelated\n", "support: advance v2 to 5% (step 2 of 5)")
    canary.turn()
    assert [each.commit for each in canary.control.decisions()] == before
    canary.repository._author = ("Release Bot", "bot@example.invalid")
    canary.harm()
    canary.turn()
    assert canary.git("log", "-1", "--format=%an", "main").strip() == "Release Bot"
    assert len(canary.control.decisions()) == len(before) + 2
    assert canary.views.all()[0].phase == "RolledBack"


def test_a_persons_revert_of_a_decision_is_no_decision(canary: World) -> None:
    canary.harm()
    canary.turn()
    record = canary.git("rev-parse", "main^").strip()
    undone = canary.person().revert(record)
    canary.turn()
    assert undone not in [each.commit for each in canary.control.decisions()]
    assert canary.subjects()[0] == "support: v1 is live (superseded)"
    assert served_versions(canary) == {"v1"}


def test_the_index_holds_each_decision_commit_of_the_branch_once(canary: World) -> None:
    canary.harm()
    canary.turn()
    canary.restart()
    indexed = [each.decision_id for each in canary.control.decisions()]
    assert indexed == [decision for decision, _ in decisions_in_git(canary)]


class _Undoer:
    """A machine that puts STATE back whenever the engine has written it, as a template would."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._state = (person.folder / STATE).read_text()

    def act(self) -> None:
        self._person.pull()
        if (self._person.folder / STATE).read_text() != self._state:
            self._person.commit(STATE, self._state, "Apply the template")


def test_a_machine_that_undoes_every_decision_meets_an_end_and_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_limit, "MOST_COMMITS", 6)
    undoer = _Undoer(world.person())
    world.engineer.deploy("v2")
    for _ in range(9):
        world.turn()
        undoer.act()
    own = [line for _, line in decisions_in_git(world) if "start canary" in line]
    assert len(own) == 4  # two of the six are kept for a rollback
    problem = world.manifest.current.problems["support"]
    assert "the engine has made 4 commits" in problem
    assert "something undoes them" in problem
    assert served_versions(world) == {"v1"}
    deploy(world.person("mender"), "v1")
    world.turn()
    assert world.manifest.current.problems == {}


def test_a_rollback_always_has_room(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_limit, "MOST_COMMITS", 3)
    world.engineer.deploy("v2")
    world.turn()
    world.expose([f"healthy-{number}" for number in range(2000)])
    world.turn()
    assert world.release.step == 0
    assert "makes no more" in world.manifest.current.problems["support"]
    world.harm()
    world.turn()
    assert world.subjects()[0] == 'Revert "Deploy support v2"'
    assert served_versions(world) == {"v1"}
    assert world.manifest.current.problems == {}


def test_at_the_limit_harm_is_stopped_though_git_is_not_told(
    canary: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_limit, "MOST_COMMITS", 2)
    head = canary.head()
    canary.harm()
    canary.turn()
    assert canary.head() == head
    assert served_versions(canary) == {"v1"}
    assert "makes no more" in canary.manifest.current.problems["support"]
    assert len(canary.control.open_overrides()) == 1


def test_a_rollback_that_changes_nothing_is_an_alarm_and_the_engine_lets_go(
    canary: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The revert that it makes asks for the bad version again, with force."""
    deploy_of = ManifestReader.deploy_of
    again = naming(intent_of(canary.person("reader")), "v2", force=True).encode()

    def wrong(reader: ManifestReader, release: Release) -> Deploy:
        return msgspec.structs.replace(deploy_of(reader, release), intent_before=again)

    monkeypatch.setattr(ManifestReader, "deploy_of", wrong)
    canary.harm()
    canary.turn()
    head = canary.head()
    assert "after the rollback of v2" in canary.manifest.current.problems["support"]
    for _ in range(3):
        canary.turn()
    assert canary.head() == head
    assert canary.release.traffic.phase is Phase.PENDING
    assert served_versions(canary) == {"v1"}


def test_after_a_rollback_units_that_ask_are_served_the_baseline_of_the_new_head(
    canary: World,
) -> None:
    canary.harm()
    canary.turn()
    answers = [canary.assigned(f"asks-{number}") for number in range(500)]
    assert {each.version for each in answers} == {"v1"}
    assert {each.manifest_commit for each in answers} == {canary.head()}
    assert canary.manifest.current.problems == {}


ssh_keys = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed"
)


def _sign_with(clone: Path, key: Path) -> None:
    """Sign as the user's own configuration asks: with this key, trusted for the engine."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    signers = key.with_suffix(".signers")
    signers.write_text(f"engine@tidegate.invalid {key.with_suffix('.pub').read_text()}")
    for name, value in (
        ("commit.gpgSign", "true"),
        ("gpg.format", "ssh"),
        ("user.signingKey", str(key)),
        ("gpg.ssh.allowedSignersFile", str(signers)),
    ):
        subprocess.run(["git", "-C", str(clone), "config", name, value], check=True)


def _verified(world: World, commit: str) -> str:
    """What git says of a signature, in the engine's clone."""
    ran = subprocess.run(
        ["git", "-C", str(world.folder / "clone.git"), "verify-commit", commit],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stderr


@ssh_keys
def test_decisions_are_signed_with_the_users_ssh_key_where_git_is_told_to(
    canary: World, tmp_path: Path
) -> None:
    _sign_with(canary.folder / "clone.git", tmp_path / "key")
    canary.harm()
    canary.turn()
    assert canary.subjects()[0] == 'Revert "Deploy support v2"'
    for commit in ("main", "main^"):
        said = _verified(canary, canary.git("rev-parse", commit).strip())
        assert 'Good "git" signature for engine@tidegate.invalid' in said
    assert canary.git("log", "-1", "--format=%an <%ae>|%cn", "main").strip() == (
        "Tidegate <engine@tidegate.invalid>|Tidegate"
    )


@ssh_keys
def test_a_signed_commit_says_and_holds_the_same_as_an_unsigned_one(
    canary: World, tmp_path: Path
) -> None:
    twin = GitManifest(tmp_path / "twin.git", str(canary.remote))
    twin.fetch()
    _sign_with(tmp_path / "twin.git", tmp_path / "key")
    planned = [_planned("Größe\n\nTidegate-Rule: harm"), _planned("Second", "2")]
    head = twin.head()
    plain = [canary.repository._make(head, each, signs=False) for each in planned]
    signed = twin.publish(head, planned)
    for one, other in zip(plain, signed, strict=True):
        assert canary.repository.info(one).message == twin.info(other).message
        assert canary.repository._commit(one).tree_id == twin._commit(other).tree_id


def _planned(message: str, content: str = "1") -> PlannedCommit:
    return PlannedCommit(message=message, contents={"a/b": content.encode()})


@ssh_keys
def test_a_key_that_is_gone_leaves_the_override_and_nothing_unsigned(
    canary: World, tmp_path: Path
) -> None:
    key, head = tmp_path / "key", canary.head()
    _sign_with(canary.folder / "clone.git", key)
    hidden = key.rename(tmp_path / "hidden")
    canary.harm()
    canary.turn()
    assert canary.head() == head
    assert served_versions(canary) == {"v1"}
    assert "could not be signed" in (canary.manifest.remote_problem or "")
    hidden.rename(key)
    at_once(canary)
    canary.turn()
    assert canary.git("show", f"main:{INTENT}") == canary.git("show", f"{head}~2:{INTENT}")
    _verified(canary, canary.head())


def test_a_setting_of_git_that_makes_no_sense_is_named(canary: World) -> None:
    clone = canary.folder / "clone.git"
    subprocess.run(["git", "-C", str(clone), "config", "commit.gpgSign", "maybe"], check=True)
    canary.harm()
    canary.turn()
    assert served_versions(canary) == {"v1"}
    assert "commit.gpgSign" in (canary.manifest.remote_problem or "")
