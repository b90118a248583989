"""Which commits of a first-parent line changed which paths."""

from bisect import bisect_right
from collections.abc import Callable
from itertools import chain
from pathlib import Path

from tidegate.adapters import git_command


class PathHistory:
    """The changes on the line from the first commit to the one that was asked about last.

    The whole line is compared once, by the `git` command, which is much quicker at it than libgit2;
    after that a new commit costs one comparison with its parent, whatever is asked about it.

    Args:
        folder: the repository.
        parent_of: the first parent of a commit; None if it has none.
    """

    def __init__(self, folder: Path, parent_of: Callable[[str], str | None]) -> None:
        self._folder = folder
        self._parent_of = parent_of
        self._line: list[str] = []
        self._changed: list[tuple[str, ...]] = []  # paths, for each commit of the line
        self._positions: dict[str, int] = {}  # of commits in the line
        self._changes: dict[str, list[int]] = {}  # positions, for each path

    def last_change(self, commit: str, path: str) -> str | None:
        """The last commit up to `commit` that changed a path; None if none did.

        Raises:
            UnknownCommit: there is no such commit.
        """
        position = self._position(commit)
        changes = self._changes.get(path, [])
        before = bisect_right(changes, position)
        return self._line[changes[before - 1]] if before else None

    def changed(self, commit: str, ancestor: str) -> frozenset[str] | None:
        """Paths that commits after `ancestor` up to `commit` changed, even if changed back since.

        Returns:
            The paths; None if `ancestor` is not among the first parents of `commit`.

        Raises:
            UnknownCommit: there is no such commit.
        """
        position = self._position(commit)
        known = self._positions.get(ancestor, position + 1)
        if known > position:
            return None
        return frozenset(chain.from_iterable(self._changed[known + 1 : position + 1]))

    def _position(self, commit: str) -> int:
        if commit not in self._positions:
            self._extend(commit)
        return self._positions[commit]

    def _extend(self, commit: str) -> None:
        """Go on to a commit; where the line forked before it, what comes after that is dropped."""
        new: list[tuple[str, str | None]] = []
        each: str | None = commit
        while each is not None and each not in self._positions:
            parent = self._parent_of(each)
            new.append((each, parent))
            each = parent
        new.reverse()
        compared = git_command.changed_paths(self._folder, new)
        self._shorten(0 if each is None else self._positions[each] + 1)
        for (made, _), paths in zip(new, compared, strict=True):
            self._append(made, paths)

    def _append(self, commit: str, paths: tuple[str, ...]) -> None:
        position = len(self._line)
        self._line.append(commit)
        self._changed.append(paths)
        self._positions[commit] = position
        for path in paths:
            self._changes.setdefault(path, []).append(position)

    def _shorten(self, length: int) -> None:
        while len(self._line) > length:
            del self._positions[self._line.pop()]
            for path in self._changed.pop():
                self._changes[path].pop()
