"""The layers hold, and nothing in the repository belongs to one machine or one mirror."""

import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
# Written so that no pattern matches its own text.
FOREIGN = {
    "a path of one machine": r"/w[o]rk/|/h[o]me/\w|/U[s]ers/\w|/r[o]ot/|/t[m]p/w/|C:\\U[s]ers",
    "a registry or mirror": (
        r"pythonh[o]sted|registry\.n[p]m|pypi\.[o]rg/simple|--(extra-)?index-[u]rl|art[i]factory|"
        r"registry\.y[a]rn|proxy\.g[o]lang|conda\.an[a]conda|static\.cr[a]tes"
    ),
    "an address to download from": r"https?://\S+\.(whl|tar\.gz|tgz|zip|deb|rpm|exe|dmg)\b",
}


def test_import_contracts_are_kept() -> None:
    ran = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 broken" in ran.stdout


@pytest.mark.parametrize("what", FOREIGN)
def test_tracked_files_name_nothing_that_is_foreign(what: str) -> None:
    pattern = re.compile(FOREIGN[what])
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in _tracked()
        for number, line in enumerate(_text(path).splitlines(), start=1)
        if pattern.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("a path of one machine", "cd /" + "work/main"),
        ("a path of one machine", "/" + "home/someone/.cache"),
        ("a registry or mirror", "https://files.python" + "hosted.org/packages/x"),
        ("a registry or mirror", "pip install --index" + "-url https://mirror.example/simple"),
        ("an address to download from", "https://example.org/a/b-1.0.tar" + ".gz"),
    ],
)
def test_pattern_of_what_is_foreign_finds_an_example(what: str, line: str) -> None:
    assert re.search(FOREIGN[what], line)


def test_constraints_are_exact_versions_and_nothing_else() -> None:
    lines = CONSTRAINTS.read_text().splitlines()
    wrong = [each for each in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", each)]
    assert wrong == []
    names = [_normal(each.split("==")[0]) for each in lines]
    assert len(set(names)) == len(names)


def test_constraints_pin_every_direct_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = chain(project["dependencies"], *project["optional-dependencies"].values())
    names = {_normal(re.split(r"[^A-Za-z0-9._-]", each, maxsplit=1)[0]) for each in wanted}
    pinned = {_normal(each.split("==")[0]) for each in CONSTRAINTS.read_text().splitlines()}
    assert names - pinned == set()


def _tracked() -> list[Path]:
    ran = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if ran.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for name in ran.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def _text(path: Path) -> str:
    content = path.read_bytes()
    return "" if b"\0" in content[:8000] else content.decode(errors="replace")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
