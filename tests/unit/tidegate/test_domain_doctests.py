"""The examples in the documentation of the domain are true."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["json_values", "tool_schemas", "yaml_places"])
def test_examples_of_a_domain_module_when_run_print_what_they_say(name: str) -> None:
    ran = doctest.testmod(importlib.import_module(f"tidegate.domain.{name}"))
    assert ran.attempted > 0
    assert ran.failed == 0
