"""No public function of `anytime` ever answers with a number that is none: an error, or a verdict.

All of them are found by looking; what they are called with is in `anytime_inputs`. Warnings are
errors here too, so nothing overflows or divides by zero unnoticed.
"""

import dataclasses
import importlib
import inspect
import math
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import anytime
from anytime import AnytimeError
from anytime_inputs import INPUTS


def _public() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function, class that computes, and public method of it, by its dotted name."""
    for info in pkgutil.iter_modules(anytime.__path__):
        module = importlib.import_module(f"anytime.{info.name}")
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
                continue
            if inspect.isclass(value) and not _only_holds(value):
                yield f"{info.name}.{name}", value
                yield from ((f"{info.name}.{name}.{at}", each) for at, each in _methods(value))
            elif inspect.isroutine(inspect.unwrap(value)) if callable(value) else False:
                yield f"{info.name}.{name}", value


def _only_holds(kind: type) -> bool:
    """Errors, enumerations and named tuples compute nothing but by functions and methods."""
    return issubclass(kind, BaseException | Enum) or hasattr(kind, "_fields")


def _methods(kind: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name, value in vars(kind).items():
        if name == "__add__" or not name.startswith("_"):
            if isinstance(value, property):
                assert value.fget is not None
                yield name, value.fget
            elif isinstance(value, classmethod | staticmethod) or inspect.isfunction(value):
                yield name, getattr(kind, name)


PUBLIC = dict(_public())


def test_every_public_function_has_input_to_be_tried_with() -> None:
    """A new function needs an entry in `anytime_inputs.INPUTS`, and an old one none."""
    assert set(INPUTS) == set(PUBLIC)


@pytest.mark.parametrize("name", sorted(INPUTS))
@settings(
    max_examples=60, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)
@given(data=st.data())
def test_function_of_any_input_refuses_it_or_answers_with_numbers(
    name: str, data: st.DataObject
) -> None:
    positional, named = data.draw(INPUTS[name])
    try:
        answer = PUBLIC[name](*positional, **named)
    except AnytimeError as refused:
        assert str(refused)  # noqa: PT017 - either outcome is right
    else:
        assert [each for each in _numbers(answer) if math.isnan(each)] == []


def _numbers(answer: object) -> Iterator[float]:
    """Every number within an answer, however deep."""
    if isinstance(answer, float | int | np.number):
        yield float(answer)
    elif isinstance(answer, np.ndarray):
        yield from answer.ravel().tolist()
    elif dataclasses.is_dataclass(answer):
        for field in dataclasses.fields(answer):
            yield from _numbers(getattr(answer, field.name))
    elif isinstance(answer, Mapping):
        yield from _numbers(tuple(answer.items()))
    elif isinstance(answer, tuple | list):
        for each in answer:
            yield from _numbers(each)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(math.nan, id="itself"),
        pytest.param((1.0, [0, {"a": (math.nan,)}]), id="nested"),
        pytest.param(np.array([[1.0, math.nan]]), id="in an array"),
        pytest.param(anytime.IncidentStratum(1, 2, math.nan), id="in a named tuple"),
    ],
)
def test_number_that_is_none_is_found_wherever_it_hides(answer: object) -> None:
    """Or the test above could not fail."""
    assert any(math.isnan(each) for each in _numbers(answer))
