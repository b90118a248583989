"""All files of a repository at one moment: at a commit, or as they lie in the working tree."""

from pathlib import Path
from typing import Final

from tidegate.adapters import person_git

_FILES: Final = ("100644", "100755")
_TOGETHER: Final = ("agents/", "envs/", "segments/", "tidegate.yaml")
"""Files of a manifest, which are read in one call; what else lies there may be large."""


class CommitTree:
    """The files at a commit; those of the manifest are read together when the first is asked for.

    Args:
        top: the checkout.
        commit: the commit.
        known: contents by their ids, shared among the trees of a checkout.
    """

    def __init__(self, top: Path, commit: str, known: dict[str, bytes]) -> None:
        self._top = top
        self._known = known
        self._ids: dict[str, str] = {}
        for entry in person_git.names(top, "ls-tree", "-r", "-z", "--full-tree", commit):
            facts, _, path = entry.partition("\t")
            mode, _, blob = facts.split(" ")
            if mode in _FILES:
                self._ids[path] = blob

    @property
    def paths(self) -> frozenset[str]:
        """Paths of all files."""
        return frozenset(self._ids)

    def read(self, path: str) -> bytes | None:
        """One file."""
        if path not in self._ids:
            return None
        wanted = self._ids[path]
        if wanted not in self._known:
            near = {blob for name, blob in self._ids.items() if name.startswith(_TOGETHER)}
            missing = (near | {wanted}) - self._known.keys()
            self._known.update(person_git.contents(self._top, missing))
        return self._known[wanted]


class WorkingTree:
    """The files as they lie there: tracked ones, and new ones that git does not ignore.

    Args:
        top: the checkout.
    """

    def __init__(self, top: Path) -> None:
        self._top = top
        listed = person_git.names(
            top, "ls-files", "-z", "--cached", "--others", "--exclude-standard"
        )
        self.paths = frozenset(path for path in listed if self._file(path) is not None)

    def read(self, path: str) -> bytes | None:
        """One file; none outside the checkout, where a link may lead."""
        file = self._file(path)
        return None if file is None else file.read_bytes()

    def _file(self, path: str) -> Path | None:
        found = (self._top / path).resolve()
        return found if found.is_relative_to(self._top) and found.is_file() else None
