"""Examples in the SDK's docstrings are true."""

import doctest
from types import ModuleType

import pytest

from tidegate_sdk import allocation, bucketing, semantic_version


@pytest.mark.parametrize(
    "module", [allocation, bucketing, semantic_version], ids=lambda module: module.__name__
)
def test_examples_in_the_docstrings_of_a_module_are_true(module: ModuleType) -> None:
    ran = doctest.testmod(module)
    assert ran.attempted > 0
    assert ran.failed == 0
