"""The user's own `git`, for what touches the network: credentials, proxies and hooks are theirs."""

import os
import subprocess
from pathlib import Path

from tidegate.domain.errors import HeadMoved, RemoteUnreachable, RepositoryError

_TIMEOUT_S = 30.0
_NO_SUCH_BRANCH = "couldn't find remote ref"
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


def fetch(folder: Path, branch: str) -> None:
    """Bring a branch of `origin` here. A remote without that branch is an empty repository.

    Raises:
        RemoteUnreachable: the remote gave no answer.
    """
    refspec = f"+refs/heads/{branch}:refs/remotes/origin/{branch}"
    completed = _completed(folder, "fetch", "--quiet", "--no-tags", "origin", refspec)
    if completed.returncode != 0 and _NO_SUCH_BRANCH not in completed.stderr:
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
        raise RepositoryError(f"the remote refused the push to {branch}: {refusal[1:].strip()}")
    raise HeadMoved(f"{branch} is no longer at {expected}; someone pushed first")


def _completed(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
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
