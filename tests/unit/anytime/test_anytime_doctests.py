"""The examples in the documentation of the statistics and of the hash are true."""

import doctest
import importlib
import pkgutil

import pytest

import anytime

MODULES = [
    "anytime",
    *sorted(f"anytime.{each.name}" for each in pkgutil.iter_modules(anytime.__path__)),
]


@pytest.mark.parametrize("name", [*MODULES, "tidegate_sdk.bucketing"])
def test_examples_of_a_module_when_run_print_what_they_say(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_statistics_have_examples_at_all() -> None:
    tried = sum(doctest.testmod(importlib.import_module(name)).attempted for name in MODULES)
    assert tried >= 4
