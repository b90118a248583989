"""Documents of the manifest repository, kept by the identity of their content."""

import threading
from collections import OrderedDict
from typing import cast

from tidegate.domain import manifest_files as files
from tidegate.domain.errors import InvalidManifest
from tidegate.service.ports import ManifestRepository

_REMEMBERED = 50_000


class Documents:
    """Reads documents; one that another commit has too is not parsed again.

    Args:
        repository: where they are.
    """

    def __init__(self, repository: ManifestRepository) -> None:
        self._repository = repository
        self._parsed: OrderedDict[tuple[str, str, str], object] = OrderedDict()
        self._lock = threading.Lock()

    def names(self, commit: str, folder: str) -> list[str]:
        """Names of the YAML files directly in a folder, without the suffix."""
        names = self._repository.names(commit, folder)
        return [name.removesuffix(".yaml") for name in names if name.endswith(".yaml")]

    def optional(self, commit: str, path: str, kind: type[files.D]) -> files.D | None:
        """The document of a file; None if there is no such file.

        Raises:
            InvalidManifest: it cannot be read as what it must be.
        """
        blob = self._repository.blob(commit, path)
        if blob is None:
            return None
        key = (kind.__name__, path, blob)
        with self._lock:
            known = self._parsed.get(key)
        if known is not None:
            return cast("files.D", known)
        content = self._repository.read(commit, path) or b""
        document = files.parse(path, content, kind)
        with self._lock:
            self._parsed[key] = document
            while len(self._parsed) > _REMEMBERED:
                self._parsed.popitem(last=False)
        return document

    def required(self, commit: str, path: str, kind: type[files.D]) -> files.D:
        """The document of a file that must be there.

        Raises:
            InvalidManifest: it is not, or cannot be read as what it must be.
        """
        found = self.optional(commit, path, kind)
        if found is None:
            raise InvalidManifest(path, "is missing at this commit; add it, or name another")
        return found
