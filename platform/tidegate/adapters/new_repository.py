"""Makes the first commit of a repository, in a folder that nothing uses yet."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from tidegate.adapters import person_git
from tidegate.domain.errors import RepositoryError

_BRANCH = "main"


def create_repository(
    folder: Path, contents: Mapping[str, bytes], *, executable: frozenset[str], message: str
) -> str:
    """Make a repository with one commit; returns the commit's id.

    Args:
        folder: made if it is not there. An empty clone will do, too.
        contents: files by their paths.
        executable: paths of those that can be run.
        message: of the commit.

    Raises:
        RepositoryError: the folder is in use, or git refused; then nothing is left behind.
    """
    _check_free(folder)
    is_new, is_clone = not folder.exists(), (folder / ".git").exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not is_clone:
            person_git.run(folder, "init", "--quiet", f"--initial-branch={_BRANCH}")
        for path, content in contents.items():
            _write(folder / path, content, executable=path in executable)
        person_git.run(folder, "add", "--all")
        person_git.run(folder, "commit", "--quiet", f"--message={message}")
    except BaseException:
        _clear(folder, is_new=is_new, is_clone=is_clone)
        raise
    return person_git.line(folder, "rev-parse", "HEAD")


def _check_free(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise RepositoryError(f"{folder} is a file; name a folder")
    others = sorted(each.name for each in folder.iterdir() if each.name != ".git")
    if others:
        raise RepositoryError(
            f"{folder.absolute()} is in use ({', '.join(others[:3])}); name a new or empty folder"
        )
    if (folder / ".git").exists() and person_git.maybe(folder, "rev-parse", "--verify", "HEAD"):
        raise RepositoryError(
            f"{folder.absolute()} is a repository with commits; name a new folder"
        )


def _write(file: Path, content: bytes, *, executable: bool) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    if executable:
        file.chmod(0o755)


def _clear(folder: Path, *, is_new: bool, is_clone: bool) -> None:
    """Take away what was made here, and no more."""
    if is_new:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for each in folder.iterdir():
        if each.name == ".git" and is_clone:
            person_git.maybe(folder, "rm", "-r", "--cached", "--quiet", "--", ".")
        elif each.is_dir():
            shutil.rmtree(each, ignore_errors=True)
        else:
            each.unlink()
