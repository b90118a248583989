"""A checkout through the person's git sees the history that the service sees through libgit2."""

import random
import subprocess
from pathlib import Path

import pytest

from tidegate.adapters.checkout import Checkout
from tidegate.adapters.git_manifest import GitManifest
from tidegate.domain.errors import RepositoryError, UnknownCommit

PATHS = ("envs/production/a.yaml", "envs/production/b.yaml")


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    _git(tmp_path, "init", "--quiet", "--initial-branch=main", str(made))
    _git(made, "config", "user.name", "Ada Lovelace 🚢")
    _git(made, "config", "user.email", "ada@example.invalid")
    return made


def _commit(folder: Path, path: str, text: str, message: str = "Change") -> str:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--allow-empty", "-m", message)
    return _git(folder, "rev-parse", "HEAD").strip()


def _random_history(folder: Path, seed: int) -> None:
    """Commits on two branches that are merged now and then, with either side's version winning."""
    draw = random.Random(seed)
    for path in PATHS:
        _commit(folder, path, "0\n")
    for number in range(1, 12):
        if draw.random() < 0.4:
            _git(folder, "switch", "--quiet", "--create", f"side-{number}")
            _commit(folder, draw.choice(PATHS), f"{draw.randrange(3)}\n", f"side {number}")
            _git(folder, "switch", "--quiet", "main")
            _commit(folder, "README.md", f"{number}\n", f"main {number}")
            side = draw.choice(["ours", "theirs"])
            _git(folder, "merge", "--quiet", "--no-ff", "-X", side, f"side-{number}", "-m", "Merge")
        else:
            _commit(folder, draw.choice(PATHS), f"{draw.randrange(3)}\n", f"main {number}")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_last_change_of_a_path_is_the_same_as_the_service_finds(folder: Path, seed: int) -> None:
    """On it hangs which attempt orders are for."""
    _random_history(folder, seed)
    service = GitManifest(folder.parent / "clone.git", str(folder))
    service.fetch()
    checkout = Checkout(folder)
    commits = _git(folder, "rev-list", "--first-parent", "HEAD").split()
    assert len(commits) > 10
    for commit in commits[:-2]:
        for path in PATHS:
            assert checkout.changes(commit, path, limit=1)[0] == service.last_change(commit, path)


def test_changes_are_told_newest_first(folder: Path) -> None:
    made = [_commit(folder, PATHS[0], f"{number}\n") for number in range(3)]
    _commit(folder, PATHS[1], "x\n")
    assert Checkout(folder).changes("HEAD", PATHS[0]) == made[::-1]


def test_tree_and_history_read_the_same_contents(folder: Path) -> None:
    first = _commit(folder, PATHS[0], "grüße\n")
    second = _commit(folder, PATHS[0], "")
    checkout = Checkout(folder)
    assert checkout.tree(first).read(PATHS[0]) == "grüße\n".encode()
    assert checkout.tree(second).read(PATHS[0]) == b""
    assert checkout.tree(first).read("nowhere") is None
    found = checkout.read_at([first, second], PATHS[0])
    assert found == {first: "grüße\n".encode(), second: b""}
    assert checkout.read_at([first], "nowhere") == {}


def test_commit_is_told_with_author_and_message(folder: Path) -> None:
    commit = _commit(folder, PATHS[0], "x\n", "Deploy ☎\n\nWhy: because\n\nTidegate-Decision: 1")
    info = Checkout(folder).info(commit)
    assert (info.author, info.subject) == ("Ada Lovelace 🚢", "Deploy ☎")
    assert (info.trailer("Tidegate-Decision"), info.parent) == ("1", None)


def test_unknown_commit_is_an_error(folder: Path) -> None:
    _commit(folder, PATHS[0], "x\n")
    with pytest.raises(UnknownCommit, match="'aaaa"):
        Checkout(folder).info("a" * 40)


def test_checkout_is_found_from_a_folder_inside_it(folder: Path) -> None:
    _commit(folder, PATHS[0], "x\n")
    assert Checkout(folder / "envs/production").top == folder.resolve()


def test_linked_working_tree_is_a_checkout(folder: Path) -> None:
    _commit(folder, PATHS[0], "x\n")
    other = folder.parent / "linked"
    _git(folder, "worktree", "add", "--quiet", str(other), "-b", "other")
    commit = Checkout(other).commit(PATHS[0], b"y\n", "In the linked one")
    assert _git(folder, "rev-parse", "other").strip() == commit


def test_links_that_lead_out_of_the_checkout_are_not_followed(folder: Path) -> None:
    secret = folder.parent / "secret"
    secret.write_text("s")
    _commit(folder, "a.txt", "x\n")
    (folder / "leak").symlink_to(secret)
    tree = Checkout(folder).working_tree()
    assert "leak" not in tree.paths
    assert tree.read("leak") is None
    assert tree.read("../secret") is None


def test_variables_that_git_sets_for_hooks_lead_nowhere_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _commit(folder, PATHS[0], "x\n")
    monkeypatch.setenv("GIT_DIR", str(folder.parent / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(folder.parent / "no-index"))
    assert Checkout(folder).resolve("HEAD") is not None
    assert Checkout(folder).working_tree().paths == {PATHS[0]}


def test_path_with_signs_of_a_pattern_is_taken_as_it_is(folder: Path) -> None:
    _commit(folder, "envs/*/a.yaml", "x\n")
    newer = _commit(folder, "envs/b/a.yaml", "x\n")
    checkout = Checkout(folder)
    assert newer not in checkout.changes("HEAD", "envs/*/a.yaml")
    (folder / "envs/b/a.yaml").write_text("y\n")
    assert checkout.is_clean("envs/*/a.yaml")
    commit = checkout.commit("envs/*/a.yaml", b"z\n", "One only")
    assert _git(folder, "show", "--format=", "--name-only", commit).strip() == "envs/*/a.yaml"


def test_several_remotes_without_an_upstream_are_asked_about(folder: Path) -> None:
    _commit(folder, PATHS[0], "x\n")
    for name in ("left", "right"):
        _git(folder, "remote", "add", name, str(folder))
    with pytest.raises(RepositoryError, match=r"several remotes \(left, right\): git push --set"):
        Checkout(folder).upstream()


def test_missing_git_is_told_as_such(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(RepositoryError, match="the command git is not on the PATH; install git"):
        Checkout(folder)
