"""The folder `platform/` must never hide the standard library's module of that name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(
    folder.name for folder in ROOT.iterdir() if folder.is_dir() and not folder.name.startswith(".")
)
SOURCE_ROOTS = ["platform", "analysis", "dashboards"]
PACKAGES = {
    "tidegate": ROOT / "platform",
    "tidegate_sdk": ROOT / "platform",
    "anytime": ROOT / "analysis",
    "tidegate_analysis": ROOT / "analysis",
    "tidegate_dashboards": ROOT / "dashboards",
}
PROGRAM = "import platform; print(platform.python_version(), platform.__file__)"


@pytest.mark.parametrize("folder", FOLDERS)
def test_top_level_folder_is_a_source_root_and_no_package(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()


@pytest.mark.parametrize("folder", [".", *FOLDERS])
@pytest.mark.parametrize("python_path", [None, "."], ids=["plain", "PYTHONPATH=."])
def test_fresh_interpreter_in_a_top_level_folder_imports_the_standard_platform(
    folder: str, python_path: str | None
) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if python_path is not None:
        environment["PYTHONPATH"] = python_path
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT / folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    version, place = ran.stdout.split(maxsplit=1)
    assert version.startswith("3.")
    assert not Path(place.strip()).is_relative_to(ROOT / "platform")


@pytest.mark.parametrize("module", ["pytest", "streamlit", "uvicorn"])
def test_tool_run_as_a_module_from_the_root_starts(module: str) -> None:
    """`python -m` puts the working directory first on the path: where the trap would close."""
    ran = subprocess.run(
        [sys.executable, "-m", module, "--version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_packages_are_where_the_source_roots_say() -> None:
    for package, root in PACKAGES.items():
        assert (root / package / "__init__.py").exists()
        assert (root / package / "py.typed").exists()


def test_no_module_of_ours_is_named_like_one_of_the_standard_library() -> None:
    """A package `tidegate/http/` breaks every script that is run from inside `tidegate/`."""
    named = {
        path.relative_to(ROOT): (path.parent.name if path.name == "__init__.py" else path.stem)
        for root in SOURCE_ROOTS
        for path in (ROOT / root).rglob("*.py")
        if path.name != "__main__.py"
    }
    shadows = {str(path) for path, name in named.items() if name in sys.stdlib_module_names}
    assert len(named) > 40
    assert shadows == set()


def test_no_script_lies_directly_in_a_source_root_but_the_dashboards_entry() -> None:
    """Source roots are on the path: whatever lies there can be imported under a common name."""
    found = {
        path.relative_to(ROOT).as_posix()
        for root in SOURCE_ROOTS
        for path in (ROOT / root).glob("*.py")
    }
    assert found == {"dashboards/app.py"}


def test_tests_are_no_packages() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_test_files_have_names_of_their_own_and_a_bounded_length() -> None:
    files = list((ROOT / "tests").rglob("test_*.py"))
    names = [path.name for path in files]
    assert sorted(set(names)) == sorted(names)
    long = {path.name for path in files if len(path.read_text().splitlines()) > 400}
    assert long == set()
