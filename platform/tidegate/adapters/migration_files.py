"""Where the migrations lie: in a checkout at the top, in an installed wheel inside the package."""

from pathlib import Path

import tidegate


def migrations_folder(database: str) -> Path:
    """The folder of one database's migrations, "control" or "events".

    Raises:
        FileNotFoundError: neither place has it; the installation is broken.
    """
    package = Path(tidegate.__file__).parent
    for root in (package / "migrations", package.parents[1] / "migrations"):
        folder = root / database
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"migrations of {database!r} are missing from this installation")
