"""One service to a data folder, by a lock that is given back when its process dies."""

import fcntl
from pathlib import Path
from typing import IO

from tidegate.domain.errors import DataFolderInUse

_LOCK = "service.lock"


class DataFolder:
    """Holds a data folder for one service.

    Args:
        path: the folder; made if it is not there.

    Raises:
        DataFolderInUse: another process holds it.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = (path / _LOCK).open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise DataFolderInUse(path) from error

    def release(self) -> None:
        """Let others have the folder."""
        self._file.close()
