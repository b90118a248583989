"""The folder a demo works in."""

import shutil
from pathlib import Path

from tidegate.domain.errors import TidegateError

_MARK = ".tidegate-demo"


class FolderInUse(TidegateError):
    """The folder holds something that no demo made."""

    code = "folder_in_use"


def fresh_workspace(folder: Path) -> Path:
    """An empty folder for a demo; what an earlier demo left there is removed.

    Raises:
        FolderInUse: the folder holds something that no demo made.
    """
    if folder.exists() and any(folder.iterdir()):
        if not (folder / _MARK).exists():
            raise FolderInUse(
                f"{folder} is not empty and no demo made it; choose another --data-dir"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).touch()
    return folder
