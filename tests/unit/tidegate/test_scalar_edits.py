"""One value changes, and every other byte stays as a person wrote it."""

import doctest
from collections.abc import Mapping
from types import ModuleType

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tidegate.domain import document_places, scalar_edits
from tidegate.domain.errors import InvalidManifest
from tidegate.domain.scalar_edits import Value, with_values

BLUE_GREEN = """\
version: v1
strategy:
  blueGreen:
    active: blue          # now
    blue: {version: v1, endpoint: x}
    green: {version: v0, endpoint: y}
"""


@pytest.mark.parametrize(
    ("before", "values", "after"),
    [
        pytest.param("version: v1\n", {"version": "v2"}, "version: v2\n", id="plain"),
        pytest.param("version: 'v1' # ü\n", {"version": "v2"}, "version: 'v2' # ü\n", id="quoted"),
        pytest.param('version: "v1"', {"version": "v2"}, 'version: "v2"', id="no last line end"),
        pytest.param(
            "# 支持\r\nversion: v1\r\nforce: true\r\n",
            {"version": "v2", "force": False},
            "# 支持\r\nversion: v2\r\nforce: false\r\n",
            id="line ends of Windows",
        ),
        pytest.param("version: v1\n", {"version": "1.10"}, 'version: "1.10"\n', id="a number"),
        pytest.param("version: v1\n", {"version": "on"}, 'version: "on"\n', id="a boolean"),
        pytest.param(
            "version: v1 # a\nsalt: x\n",
            {"version": "v2", "force": True},
            "version: v2 # a\nforce: true\nsalt: x\n",
            id="a new key",
        ),
        pytest.param(
            "salt: x\nversion: v1",
            {"version": "v2", "force": True},
            "salt: x\nversion: v2\nforce: true\n",
            id="a new key at the end",
        ),
        pytest.param(
            "{kind: A, version: v1}\n",
            {"version": "v2"},
            "{kind: A, version: v2}\n",
            id="in braces",
        ),
        pytest.param("\ufeffversion: v1\n", {"version": "v2"}, "\ufeffversion: v2\n", id="a mark"),
        pytest.param(
            BLUE_GREEN,
            {
                "version": "v2",
                "strategy.blueGreen.active": "green",
                "strategy.blueGreen.green.version": "v2",
            },
            BLUE_GREEN.replace("version: v1\nstrategy", "version: v2\nstrategy")
            .replace("active: blue ", "active: green ")
            .replace("version: v0", "version: v2"),
            id="several further in",
        ),
    ],
)
def test_only_the_values_change(before: str, values: Mapping[str, Value], after: str) -> None:
    assert with_values("x.yaml", before.encode(), values) == after.encode()


@pytest.mark.parametrize(
    ("before", "values"),
    [
        pytest.param("version: &a v1\nsalt: *a\n", {"version": "v2"}, id="an anchor"),
        pytest.param("salt: &a v1\nversion: *a\n", {"version": "v2"}, id="an alias"),
        pytest.param("version: v0\nversion: v1\n", {"version": "v2"}, id="a key twice"),
        pytest.param("version: {a: 1}\n", {"version": "v2"}, id="no single value"),
        pytest.param("{version: v1}\n", {"version": "v2", "force": True}, id="no line of its own"),
        pytest.param("salt: x\n", {"force": True}, id="nothing to stand below"),
        pytest.param("version: v1\n", {"a.b": "c"}, id="a mapping that is not there"),
    ],
)
def test_what_cannot_be_changed_in_place_is_refused(
    before: str, values: Mapping[str, Value]
) -> None:
    with pytest.raises(InvalidManifest, match=r"x\.yaml: .* by hand"):
        with_values("x.yaml", before.encode(), values)


@pytest.mark.parametrize("module", [scalar_edits, document_places])
def test_examples_when_run_print_what_they_say(module: ModuleType) -> None:
    ran = doctest.testmod(module)
    assert ran.attempted > 0
    assert ran.failed == 0


def test_other_encodings_are_refused() -> None:
    with pytest.raises(InvalidManifest, match="is not UTF-8; save it as such"):
        with_values("x.yaml", "version: v1\n".encode("utf-16"), {"version": "v2"})


NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,9}", fullmatch=True)
COMMENTS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=9)


@given(old=NAMES, new=NAMES, comment=COMMENTS, quote=st.sampled_from(["'", '"']))
def test_any_name_reads_back_and_goes_back(old: str, new: str, comment: str, quote: str) -> None:
    before = f"# {comment}\nversion: {quote}{old}{quote} # {comment}\nsalt: s\n".encode()
    there = with_values("x.yaml", before, {"version": new})
    assert yaml.safe_load(there) == {"version": new, "salt": "s"}
    assert with_values("x.yaml", there, {"version": old}) == before
