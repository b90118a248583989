"""Analyses of experiments for notebooks: tables in, tables out.

What a notebook shows and what it asks for is written there; what it computes is written here, where
it is tested. The statistics themselves are those of `anytime`.

- `peeking`: what a naive test and a confidence sequence say at every snapshot of an experiment
"""

from tidegate_analysis.peeking import (
    InvalidSnapshots,
    peeking_readings,
    peeking_summary,
    peeking_table,
)

__all__ = [
    "InvalidSnapshots",
    "peeking_readings",
    "peeking_summary",
    "peeking_table",
]
