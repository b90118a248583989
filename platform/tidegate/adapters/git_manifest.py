"""The manifest repository: a bare clone read and written with libgit2, the network left to git."""

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pygit2
from pygit2.enums import FileMode, ObjectType

from tidegate.adapters import git_command
from tidegate.adapters.path_history import PathHistory
from tidegate.domain.commits import CommitInfo, PlannedCommit
from tidegate.domain.errors import RemoteUnreachable, RepositoryError, UnknownCommit

AUTHOR = ("Tidegate", "engine@tidegate.invalid")
_LARGEST_TREE = 1024 * 1024
_OBJECT_CACHE = 32 * 1024 * 1024

# libgit2 keeps no tree of more than 4 KiB unless told to: with a thousand agents it would decode
# their folder anew for every file.
pygit2.settings.cache_object_limit(ObjectType.TREE, _LARGEST_TREE)
pygit2.settings.cache_max_size(_OBJECT_CACHE)


class GitManifest:
    """The `ManifestRepository` port on a bare clone of its own.

    Args:
        folder: where the clone lies; made if it is not there.
        remote: address or path of the remote repository.
        branch: the branch that is served.
        author: name and address on the commits made here.
    """

    def __init__(
        self,
        folder: Path,
        remote: str,
        *,
        branch: str = "main",
        author: tuple[str, str] = AUTHOR,
    ) -> None:
        self._folder = folder.absolute()
        self._branch = branch
        self._author = author
        self._lock = threading.RLock()
        self._repository = _open(folder, _address(remote))
        self._history = PathHistory(self._folder, self._first_parent)

    def fetch(self) -> None:
        """Bring the remote's head here; see the port.

        A remote without the branch is an empty repository, unless the branch was there before.
        """
        if not git_command.fetch(self._folder, self._branch) and self.head() is not None:
            raise RemoteUnreachable(
                f"git fetch: the remote has no branch {self._branch} any more; push it there again"
            )

    def head(self) -> str | None:
        """The head as last fetched or pushed."""
        with self._lock:
            reference = self._repository.references.get(self._remote_reference)
            return str(reference.target) if reference is not None else None

    def read(self, commit: str, path: str) -> bytes | None:
        """A file's content at a commit."""
        with self._lock:
            entry = self._entry(commit, path)
            return entry.data if isinstance(entry, pygit2.Blob) else None

    def blob(self, commit: str, path: str) -> str | None:
        """The identity of a file's content at a commit."""
        with self._lock:
            entry = self._entry(commit, path)
            return str(entry.id) if isinstance(entry, pygit2.Blob) else None

    def names(self, commit: str, folder: str) -> list[str]:
        """File names directly in a folder at a commit, sorted."""
        with self._lock:
            tree = self._entry(commit, folder)
            if not isinstance(tree, pygit2.Tree):
                return []
            return sorted(str(entry.name) for entry in tree if isinstance(entry, pygit2.Blob))

    def last_change(self, commit: str, path: str) -> str:
        """The last first-parent commit that changed a path."""
        with self._lock:
            found = self._history.last_change(self._full(commit), path)
        if found is None:
            raise UnknownCommit(commit)
        return found

    def changed(self, commit: str, ancestor: str) -> frozenset[str] | None:
        """Paths that first-parent commits after `ancestor` changed; see the port."""
        with self._lock:
            return self._history.changed(self._full(commit), ancestor)

    def info(self, commit: str) -> CommitInfo:
        """One commit as plain data."""
        with self._lock:
            return _info(self._commit(commit))

    def since(self, commit: str, ancestor: str | None) -> list[CommitInfo]:
        """First-parent commits after `ancestor` up to `commit`, oldest first."""
        with self._lock:
            found = []
            for each in self._first_parents(commit):
                if str(each.id) == ancestor:
                    break
                found.append(_info(each))
            return found[::-1]

    def descends(self, commit: str, ancestor: str) -> bool:
        """Whether `commit` is `ancestor` or comes after it."""
        with self._lock:
            return commit == ancestor or self._repository.descendant_of(commit, ancestor)

    def publish(self, parent: str | None, commits: Sequence[PlannedCommit]) -> list[str]:
        """Make commits on top of `parent` and push them together; see the port."""
        signs = git_command.signs_commits(self._folder)
        made: list[str] = []
        for planned in commits:
            made.append(self._make(made[-1] if made else parent, planned, signs=signs))
        git_command.push(self._folder, self._branch, commit=made[-1], expected=parent)
        with self._lock:
            self._repository.references.create(self._remote_reference, made[-1], force=True)
        return made

    def publish_branch(self, branch: str, parent: str, commit: PlannedCommit) -> str:
        """Make a commit on top of `parent` and push it to a branch of its own; see the port."""
        made = self._make(parent, commit, signs=git_command.signs_commits(self._folder))
        git_command.push(self._folder, branch, commit=made, expected=None)
        return made

    def remember(self, name: str, commit: str) -> None:
        """Keep a commit under a name, as a reference of the clone."""
        with self._lock:
            self._repository.references.create(_kept(name), commit, force=True)

    def recall(self, name: str) -> str | None:
        """The commit kept under a name."""
        with self._lock:
            reference = self._repository.references.get(_kept(name))
            return str(reference.target) if reference is not None else None

    def show(self, commit: str) -> str:
        """One commit with its changes, as git shows it."""
        full = self.info(commit).commit
        return git_command.run_git(
            self._folder, "show", "--format=fuller", "--stat", "--patch", full
        )

    @property
    def _remote_reference(self) -> str:
        return f"refs/remotes/origin/{self._branch}"

    def _make(self, parent: str | None, planned: PlannedCommit, *, signs: bool) -> str:
        message = planned.message + "\n"
        with self._lock:
            tree = self._tree(parent, planned.contents)
        if signs:  # it may take as long as a person needs to touch a key; reads go on
            return git_command.signed_commit(
                self._folder, message, tree=str(tree), parent=parent, author=self._author
            )
        signature = pygit2.Signature(*self._author)
        parents = [pygit2.Oid(hex=parent)] if parent is not None else []
        with self._lock:
            return str(
                self._repository.create_commit(None, signature, signature, message, tree, parents)
            )

    def _tree(self, parent: str | None, contents: dict[str, bytes]) -> pygit2.Oid:
        """The tree of a commit with some files changed."""
        index = pygit2.Index()
        if parent is not None:
            index.read_tree(self._commit(parent).tree)
        for path, content in contents.items():
            blob = self._repository.create_blob(content)
            index.add(pygit2.IndexEntry(path, blob, FileMode.BLOB))
        return index.write_tree(self._repository)

    def _commit(self, commit: str) -> pygit2.Commit:
        try:
            found = self._repository.get(commit)
        except ValueError as error:
            raise UnknownCommit(commit) from error
        if not isinstance(found, pygit2.Commit):
            raise UnknownCommit(commit)
        return found

    def _entry(self, commit: str, path: str) -> pygit2.Object | None:
        return _entry_of(self._commit(commit), path)

    def _full(self, commit: str) -> str:
        """The whole id of a commit, which people may shorten."""
        return str(self._commit(commit).id)

    def _first_parent(self, commit: str) -> str | None:
        parents = self._commit(commit).parent_ids
        return str(parents[0]) if parents else None

    def _first_parents(self, commit: str) -> Iterator[pygit2.Commit]:
        current: pygit2.Commit | None = self._commit(commit)
        while current is not None:
            yield current
            current = current.parents[0] if current.parents else None


def _open(folder: Path, remote: str) -> pygit2.Repository:
    if not (folder / "HEAD").exists():
        pygit2.init_repository(str(folder), bare=True)
    repository = pygit2.Repository(str(folder))
    names = [each.name for each in repository.remotes]
    if "origin" not in names:
        repository.remotes.create("origin", remote)
    elif repository.remotes["origin"].url != remote:
        repository.remotes.set_url("origin", remote)
    return repository


def _address(remote: str) -> str:
    """A remote as git must be told: a path relative to here means nothing inside the clone."""
    path = Path(remote)
    return str(path.absolute()) if path.exists() else remote


def _kept(name: str) -> str:
    """The reference under which a commit is kept; some good names of agents are no good ones."""
    reference = f"refs/tidegate/{name}"
    if pygit2.reference_is_valid_name(reference):
        return reference
    return f"refs/tidegate/{quote(name, errors='surrogateescape').replace('.', '%2E')}"


def _entry_of(commit: pygit2.Commit, path: str) -> pygit2.Object | None:
    try:
        return commit.tree[path]
    except KeyError:
        return None


def _info(commit: pygit2.Commit) -> CommitInfo:
    return CommitInfo(
        commit=str(commit.id),
        parent=str(commit.parents[0].id) if commit.parents else None,
        message=commit.message,
        committed_at=datetime.fromtimestamp(commit.commit_time, UTC),
    )


def create_bare(folder: Path, branch: str = "main") -> None:
    """Make an empty bare repository to serve as a remote.

    Raises:
        RepositoryError: the folder is in use.
    """
    if folder.exists() and any(folder.iterdir()):
        raise RepositoryError(f"{folder} is not empty; choose another folder for the repository")
    pygit2.init_repository(str(folder), bare=True, initial_head=branch)
