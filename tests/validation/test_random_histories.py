"""Thousands of random operations on real repositories, each compared with the model."""

import logging
from pathlib import Path

import pytest

from histories import Histories, random_history

pytestmark = pytest.mark.validation
SEEDS = range(1000, 1040)
LENGTH = 150
LEAST = {
    "start": 100,
    "step_complete": 100,
    "all_steps_complete": 20,
    "ordered": 10,
    "harm": 50,
    "superseded": 30,
    "lost race": 40,
    "debt": 50,
}
"""How often each thing must have happened, or the histories would have shown little."""


def test_six_thousand_random_operations_go_as_the_model_says(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, logger="tidegate")
    histories = Histories(tmp_path)
    for number, seed in enumerate(SEEDS, 1):
        histories.check(random_history(seed, LENGTH))
        print(f"{number * LENGTH} operations: {dict(histories.happened)}", flush=True)
    rare = {what: histories.happened[what] for what in LEAST}
    assert all(rare[what] >= least for what, least in LEAST.items()), rare
