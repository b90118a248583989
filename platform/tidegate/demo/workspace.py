"""The folder a demo works in."""

import shutil
from pathlib import Path

from tidegate.adapters.data_folder import DataFolder
from tidegate.domain.errors import TidegateError

_MARK = ".tidegate-demo"


class FolderInUse(TidegateError):
    """The folder holds something that no demo made."""

    code = "folder_in_use"


def fresh_workspace(folder: Path) -> Path:
    """An empty folder for a demo; what an earlier demo left there is set aside, once.

    Raises:
        FolderInUse: the folder holds something that no demo made.
        DataFolderInUse: a service works on what an earlier demo left.
    """
    if folder.exists() and any(folder.iterdir()):
        if not (folder / _MARK).exists():
            problem = f"{folder} is not empty and no demo made it; choose another --data-dir"
            raise FolderInUse(problem)
        DataFolder(folder).release()
        aside = folder.with_name(f"{folder.name}.before")
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).touch()
    return folder
