"""What packages promise to export, and what can go wrong, is said in one place and is true."""

import importlib
import inspect
import pkgutil
import re
from collections import Counter
from types import ModuleType

import pytest

import anytime.errors
import tidegate
import tidegate.domain.errors
import tidegate_sdk.errors
from tidegate.api.errors import STATUS
from tidegate.domain.errors import TidegateError

SHOWING = ("anytime", "tidegate_analysis", "tidegate_sdk")
PACKAGES = ["anytime", "tidegate", "tidegate_analysis", "tidegate_sdk", "tidegate_dashboards"]
_IN_TREE = re.compile(r"^(?P<branch>[│├└─ ]*)(?P<name>[A-Z]\w+)")


def _modules(package: str) -> list[str]:
    root = importlib.import_module(package)
    found = pkgutil.walk_packages(root.__path__, prefix=f"{package}.")
    return [package, *sorted(each.name for each in found if not each.name.endswith("__main__"))]


def _exporting() -> list[ModuleType]:
    modules = (importlib.import_module(name) for package in PACKAGES for name in _modules(package))
    return [module for module in modules if hasattr(module, "__all__")]


def test_every_exported_name_exists() -> None:
    modules = _exporting()
    assert {"anytime", "tidegate_sdk"} <= {module.__name__ for module in modules}
    missing = {
        f"{module.__name__}.{name}"
        for module in modules
        for name in module.__all__
        if not hasattr(module, name)
    }
    assert missing == set()


def test_exported_names_are_sorted_and_named_once() -> None:
    for module in _exporting():
        names = list(module.__all__)
        assert names == sorted(set(names), key=_rank), module.__name__


def test_exported_names_are_all_that_a_package_shows() -> None:
    """What a package's own file imports from its modules is meant to be seen."""
    for module in (importlib.import_module(name) for name in SHOWING):
        shown = {
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and not inspect.ismodule(value)
        }
        assert shown == set(module.__all__)


def _rank(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions: the order that the linter asks for."""
    if name.isupper():
        return 0, name
    return (1, name) if name[0].isupper() else (2, name)


def _errors() -> list[type[TidegateError]]:
    """Every error class of the service, wherever it is defined."""
    for name in _modules(tidegate.__name__):
        importlib.import_module(name)
    found: list[type[TidegateError]] = []
    waiting: list[type[TidegateError]] = [TidegateError]
    while waiting:
        kind = waiting.pop()
        if kind not in found:
            found.append(kind)
            waiting.extend(kind.__subclasses__())
    return [kind for kind in found if kind.__module__.startswith("tidegate.")]


def test_every_error_has_a_status_at_the_edge() -> None:
    for kind in _errors():
        status = next(STATUS[base] for base in kind.__mro__ if base in STATUS)
        assert 400 <= status < 600, kind.__name__


def test_every_error_has_a_code_of_its_own() -> None:
    kinds = _errors()
    assert len(kinds) > 10
    codes = Counter(kind.code for kind in kinds)
    assert [code for code, times in codes.items() if times > 1] == []
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


def test_every_status_is_of_a_class_that_exists_and_none_is_hidden_by_its_parent() -> None:
    for kind, status in STATUS.items():
        parents = [STATUS[base] for base in kind.__mro__[1:] if base in STATUS]
        assert not parents or parents[0] != status, f"{kind.__name__} repeats its parent's status"


@pytest.mark.parametrize(
    "module",
    [tidegate.domain.errors, anytime.errors, tidegate_sdk.errors],
    ids=lambda module: module.__name__,
)
def test_tree_drawn_at_the_top_names_exactly_the_errors_defined_there(module: ModuleType) -> None:
    """Also the branches: an error hangs where it inherits from."""
    defined = {
        name: kind.__bases__[0].__name__
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__
    }
    drawn = _drawn(module.__doc__ or "")
    root = next(iter(drawn))
    assert drawn | {root: defined[root]} == defined


def _drawn(text: str) -> dict[str, str]:
    """Each name of the tree with the name above it, the root first."""
    above: list[tuple[int, str]] = []
    found: dict[str, str] = {}
    tree = text[text.index("\n\n") :]
    for line in tree.splitlines():
        match = _IN_TREE.match(line)
        if match is None:
            continue
        depth = len(match["branch"])
        above = [entry for entry in above if entry[0] < depth]
        found[match["name"]] = above[-1][1] if above else ""
        above.append((depth, match["name"]))
    return found
