"""The manifest repository on real git."""

from pathlib import Path

import pytest

from tidegate.adapters.git_manifest import GitManifest, create_bare
from tidegate.domain.commits import PlannedCommit
from tidegate.domain.errors import HeadMoved, RemoteUnreachable, RepositoryError, UnknownCommit


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    folder = tmp_path / "remote.git"
    create_bare(folder)
    return folder


@pytest.fixture
def clone(tmp_path: Path, remote: Path) -> GitManifest:
    return GitManifest(tmp_path / "clone.git", str(remote))


def _write(path: str, content: str, message: str = "Write") -> PlannedCommit:
    return PlannedCommit(message=message, contents={path: content.encode()})


def test_an_empty_repository_has_no_head(clone: GitManifest) -> None:
    clone.fetch()
    assert clone.head() is None


def test_what_is_published_can_be_read_from_another_clone(
    clone: GitManifest, remote: Path, tmp_path: Path
) -> None:
    made = clone.publish(None, [_write("a/b.yaml", "one"), _write("c.yaml", "two")])
    other = GitManifest(tmp_path / "other.git", str(remote))
    other.fetch()
    assert other.head() == made[-1]
    assert other.read(made[-1], "a/b.yaml") == b"one"
    assert other.read(made[0], "c.yaml") is None
    assert other.names(made[-1], "a") == ["b.yaml"]
    assert other.names(made[-1], "nowhere") == []


def test_a_push_on_a_moved_head_is_refused_and_changes_nothing(
    clone: GitManifest, remote: Path, tmp_path: Path
) -> None:
    first = clone.publish(None, [_write("a", "1")])[-1]
    other = GitManifest(tmp_path / "other.git", str(remote))
    other.fetch()
    second = other.publish(first, [_write("a", "2")])[-1]
    with pytest.raises(HeadMoved, match="someone pushed first"):
        clone.publish(first, [_write("a", "3")])
    clone.fetch()
    assert clone.head() == second


def test_a_protected_branch_is_told_apart_from_a_race(clone: GitManifest, remote: Path) -> None:
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'main is protected' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(RepositoryError, match="refused the push") as caught:
        clone.publish(None, [_write("a", "1")])
    assert not isinstance(caught.value, HeadMoved)


def test_an_unreachable_remote_is_named_and_the_clone_still_reads(
    clone: GitManifest, remote: Path
) -> None:
    head = clone.publish(None, [_write("a", "1")])[-1]
    remote.rename(remote.with_suffix(".away"))
    with pytest.raises(RemoteUnreachable, match="git fetch"):
        clone.fetch()
    with pytest.raises(RemoteUnreachable, match="git push"):
        clone.publish(head, [_write("a", "2")])
    assert clone.read(head, "a") == b"1"


def test_the_last_change_of_a_path_is_not_moved_by_other_paths(clone: GitManifest) -> None:
    made = clone.publish(None, [_write("a", "1"), _write("b", "1"), _write("b", "2")])
    assert clone.last_change(made[-1], "a") == made[0]
    assert clone.last_change(made[-1], "b") == made[2]
    assert clone.last_change(made[1], "b") == made[1]


def test_a_change_that_was_undone_counts_as_a_change(clone: GitManifest) -> None:
    made = clone.publish(None, [_write("a", "1"), _write("a", "2"), _write("a", "1")])
    assert clone.last_change(made[-1], "a") == made[2]


def test_a_commit_that_is_not_there_is_named(clone: GitManifest) -> None:
    clone.publish(None, [_write("a", "1")])
    for wrong in ("0" * 40, "no commit", ""):
        with pytest.raises(UnknownCommit):
            clone.info(wrong)


def test_a_remembered_commit_survives_a_restart(
    clone: GitManifest, remote: Path, tmp_path: Path
) -> None:
    head = clone.publish(None, [_write("a", "1")])[-1]
    clone.remember("good/production/support", head)
    again = GitManifest(tmp_path / "clone.git", str(remote))
    assert again.recall("good/production/support") == head
    assert again.recall("good/production/other") is None


def test_a_remote_may_be_a_relative_path(
    remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clone = GitManifest(Path("clone.git"), remote.name)
    made = clone.publish(None, [_write("a", "1")])
    clone.fetch()
    assert clone.head() == made[-1]


def test_history_since_a_commit_is_oldest_first(clone: GitManifest) -> None:
    made = clone.publish(None, [_write("a", str(number), f"Write {number}") for number in range(4)])
    assert [info.subject for info in clone.since(made[-1], made[1])] == ["Write 2", "Write 3"]
    assert len(clone.since(made[-1], None)) == 4
    assert clone.descends(made[-1], made[0])
    assert not clone.descends(made[0], made[-1])


def test_a_folder_in_use_does_not_become_a_repository(tmp_path: Path) -> None:
    (tmp_path / "something").write_text("precious")
    with pytest.raises(RepositoryError, match="not empty"):
        create_bare(tmp_path)
