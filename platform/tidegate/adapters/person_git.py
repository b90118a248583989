"""The git of the person who runs a command: their settings, credentials, hooks and signing apply.

Unlike the engine's calls of git these may ask for a password or a passphrase, and wait for it.
"""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tidegate.domain.errors import RepositoryError

_OF_A_HOOK: Final = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
)
"""Set while a hook runs, and then about the repository of the hook, not the one meant here."""


def run(folder: Path, *arguments: str, given: bytes | None = None) -> bytes:
    """What git prints.

    Args:
        folder: where it runs.
        arguments: as on the command line.
        given: its standard input; the person's own if None.

    Raises:
        RepositoryError: it failed; the message carries its words.
    """
    completed = _completed(folder, arguments, given)
    if completed.returncode != 0:
        words = _words(completed.stderr) or _words(completed.stdout) or "it said nothing"
        raise RepositoryError(f"git {arguments[0]}: {words}")
    return completed.stdout


def line(folder: Path, *arguments: str) -> str:
    """The one line that git prints."""
    return run(folder, *arguments).decode(errors="replace").strip()


def lines(folder: Path, *arguments: str) -> list[str]:
    """The lines that git prints."""
    return run(folder, *arguments).decode(errors="replace").splitlines()


def fields(folder: Path, *arguments: str, count: int) -> list[str]:
    """The fields of the one line that git prints, apart by tabs; empty where there is none."""
    printed = run(folder, *arguments).decode(errors="replace").strip("\n")
    return (printed.split("\t") + [""] * count)[:count]


def names(folder: Path, *arguments: str) -> list[str]:
    """What git prints with -z: file names, in whatever script."""
    printed = run(folder, *arguments).decode(errors="surrogateescape")
    return [name for name in printed.split("\0") if name]


def maybe(folder: Path, *arguments: str) -> str | None:
    """The one line that git prints; None if it fails, which then is an answer."""
    completed = _completed(folder, arguments, None)
    return None if completed.returncode != 0 else completed.stdout.decode(errors="replace").strip()


def contents(folder: Path, objects: Iterable[str]) -> dict[str, bytes]:
    """Contents of files, in one call.

    Args:
        folder: where git runs.
        objects: as git names them: an id, or `COMMIT:PATH`. Those that are not there are left out.
    """
    wanted = list(dict.fromkeys(objects))
    printed = run(folder, "cat-file", "--batch", given="".join(f"{o}\n" for o in wanted).encode())
    found, position = {}, 0
    for each in wanted:
        end = printed.index(b"\n", position)
        header, position = printed[position:end], end + 1
        if not header.endswith(b" missing"):
            size = int(header.rsplit(b" ", 1)[1])
            found[each] = printed[position : position + size]
            position += size + 1
    return found


def _completed(
    folder: Path, arguments: tuple[str, ...], given: bytes | None
) -> subprocess.CompletedProcess[bytes]:
    environment = {key: value for key, value in os.environ.items() if key not in _OF_A_HOOK}
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=environment,
            input=given,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise RepositoryError("the command git is not on the PATH; install git") from error


def _words(printed: bytes) -> str:
    """What git and hooks said, without the hints on other commands."""
    kept = [
        each.rstrip()
        for each in printed.decode(errors="replace").splitlines()
        if each.strip() and not each.startswith("hint:")
    ]
    return "\n".join(kept)
