"""The user's own `git`, for what touches the network: credentials, proxies and hooks are theirs."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from sys import intern

from tidegate.domain.errors import HeadMoved, RemoteUnreachable, RepositoryError

_TIMEOUT_S = 30.0
_NO_SUCH_BRANCH = "couldn't find remote ref"
_NOT_SET = 1  # what git config says by its exit
_ROLES = ("AUTHOR", "COMMITTER")
_LOST_RACES = ("cannot lock ref", "failed to update ref", "incorrect old value")


def run_git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it printed.

    Raises:
        RemoteUnreachable: git failed or did not finish; the message carries its own words.
    """
    completed = _completed(folder, *arguments)
    if completed.returncode != 0:
        raise RemoteUnreachable(f"git {arguments[0]}: {_last_words(completed.stderr)}")
    return completed.stdout


def fetch(folder: Path, branch: str) -> bool:
    """Bring a branch of `origin` here; false if the remote has no such branch.

    Raises:
        RemoteUnreachable: the remote gave no answer.
    """
    refspec = f"+refs/heads/{branch}:refs/remotes/origin/{branch}"
    completed = _completed(folder, "fetch", "--quiet", "--no-tags", "origin", refspec)
    if completed.returncode == 0:
        return True
    if _NO_SUCH_BRANCH in completed.stderr:
        return False
    raise RemoteUnreachable(f"git fetch: {_last_words(completed.stderr)}")


def push(folder: Path, branch: str, *, commit: str, expected: str | None) -> None:
    """Move a branch of `origin` to a commit, if it still stands where it is expected.

    Raises:
        HeadMoved: it does not.
        RepositoryError: the remote refused the push (a protected branch, a hook).
        RemoteUnreachable: no answer.
    """
    reference = f"refs/heads/{branch}"
    lease = f"--force-with-lease={reference}:{expected or ''}"
    completed = _completed(folder, "push", "--porcelain", lease, "origin", f"{commit}:{reference}")
    if completed.returncode == 0:
        return
    refusal = next((line for line in completed.stdout.splitlines() if line.startswith("!")), None)
    if refusal is None:
        raise RemoteUnreachable(f"git push: {_last_words(completed.stderr)}")
    if "[remote rejected]" in refusal and not any(words in refusal for words in _LOST_RACES):
        facts = (refusal[1:].strip(), *_remote_words(completed.stderr))
        raise RepositoryError(f"the remote refused the push to {branch}: {'; '.join(facts)}")
    raise HeadMoved(f"{branch} is no longer at {expected}; someone pushed first")


def changed_paths(folder: Path, commits: Sequence[tuple[str, str | None]]) -> list[tuple[str, ...]]:
    """The paths whose content differs between each commit and its parent.

    Args:
        folder: the repository.
        commits: pairs of a commit and its parent; None for one that has none.

    Raises:
        RepositoryError: git failed.
    """
    pairs = "".join(f"{commit} {parent or ''}".rstrip() + "\n" for commit, parent in commits)
    arguments = ("--stdin", "-r", "-z", "--root", "--raw", "--no-renames")
    completed = _completed(folder, "diff-tree", *arguments, given=pairs)
    if completed.returncode != 0:
        raise RepositoryError(f"git diff-tree: {_last_words(completed.stderr)}")
    found: dict[str, list[str]] = {commit: [] for commit, _ in commits}
    paths: list[str] = []
    tokens = iter(completed.stdout.split("\0")[:-1])
    for token in tokens:
        if not token.startswith(":"):
            paths = found[token]
            continue
        path, (before, after) = next(tokens), token.split(" ")[2:4]
        if before != after:  # its mode alone may have changed
            paths.append(intern(path))
    return [tuple(found[commit]) for commit, _ in commits]


def signs_commits(folder: Path) -> bool:
    """Whether the user's git is told to sign every commit.

    Raises:
        RepositoryError: `commit.gpgSign` is neither true nor false.
    """
    completed = _completed(folder, "config", "--type=bool", "--get", "commit.gpgSign")
    if completed.returncode not in (0, _NOT_SET):
        raise RepositoryError(f"git config commit.gpgSign: {_last_words(completed.stderr)}")
    return completed.stdout.strip() == "true"


def signed_commit(
    folder: Path, message: str, *, tree: str, parent: str | None, author: tuple[str, str]
) -> str:
    """Make a commit with the signature that the user's git makes: its format, key and program.

    Raises:
        RepositoryError: it could not be signed. An unsigned one is no substitute.
    """
    name, email = author
    who = {f"GIT_{role}_NAME": name for role in _ROLES} | {
        f"GIT_{role}_EMAIL": email for role in _ROLES
    }
    parents = () if parent is None else ("-p", parent)
    try:
        completed = _completed(
            folder, "commit-tree", "-S", *parents, "-F", "-", tree, given=message, extra=who
        )
    except RemoteUnreachable as error:
        raise RepositoryError(f"a commit could not be signed: {error}") from error
    if completed.returncode != 0:
        raise RepositoryError(f"a commit could not be signed: {_last_words(completed.stderr)}")
    return completed.stdout.strip()


def _completed(
    folder: Path, *arguments: str, given: str = "", extra: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"} | (extra or {})
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=environment,
            input=given,
            capture_output=True,
            encoding="utf-8",
            errors="replace",  # hooks and people write in whatever encoding
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RemoteUnreachable(f"git {arguments[0]}: no answer in {_TIMEOUT_S:.0f} s") from error
    except FileNotFoundError as error:
        raise RepositoryError("the command git is not on the PATH; install git") from error


def _last_words(stderr: str) -> str:
    """The line of git's message that names the cause."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (fatal or lines or ["no message"])[0]


def _remote_words(stderr: str) -> list[str]:
    """What hooks of the remote said."""
    lines = (line.strip() for line in stderr.splitlines())
    return [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]
