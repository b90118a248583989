"""The table of measured error rates is what the committed results say, and rows judge rightly."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import table
from campaign import FAMILIES, RESULTS, rounded, write
from rows import Case, any_missed

CASE = Case("S1", "a case", "false alarms")


def test_document_is_what_the_committed_results_make() -> None:
    families = json.loads(RESULTS.read_text())
    assert list(families) == list(FAMILIES)
    assert table.DOCUMENT.read_text() == table.markdown(families)


def test_rate_three_standard_errors_above_the_promise_misses_it_and_just_below_does_not() -> None:
    error = math.sqrt(0.05 * 0.95 / 1000)
    most = math.floor(1000 * (0.05 + 3.0 * error))
    kept, missed = (CASE.rate(np.arange(1000) < hits, at_most=0.05) for hits in (most, most + 1))
    assert kept.standard_error == pytest.approx(error)
    assert (kept.ok, missed.ok) == (True, False)
    assert any_missed([kept, missed]) == [missed]


def test_row_without_a_promise_is_neither_kept_nor_missed() -> None:
    row = CASE.rate([True, True])
    assert (row.measured, row.nominal, row.bound, row.ok) == (1.0, None, None, None)
    assert any_missed([row]) == []


def test_target_of_a_mean_is_missed_without_allowance_and_a_least_one_with_it() -> None:
    values = [1.0, 3.0]  # mean 2, standard error 1/sqrt(2)
    assert CASE.mean(values, at_most=1.9).ok is False
    assert CASE.mean(values, at_least=4.0).ok is True
    assert CASE.mean(values, at_least=4.2).ok is False


def test_error_of_a_ratio_vanishes_where_both_move_together() -> None:
    row = CASE.ratio([2.0, 4.0, 6.0], [1.0, 2.0, 3.0], nominal=1.0, at_most=2.0)
    assert (row.measured, row.standard_error, row.ok) == (2.0, 0.0, True)


def test_average_of_independent_rows_has_a_smaller_error() -> None:
    rows = [CASE.mean([1.0, 3.0]), CASE.mean([3.0, 5.0])]
    average = CASE.average(rows, nominal=1.0, at_most=3.0)
    assert (average.measured, average.paths, average.ok) == (3.0, 4, True)
    assert average.standard_error == pytest.approx(0.5)


def test_written_family_takes_the_place_of_its_former_rows_and_leaves_others(
    tmp_path: Path,
) -> None:
    results, document = tmp_path / "results" / "statistics.json", tmp_path / "table.md"
    first, *_, last = FAMILIES
    write(last, [CASE.figure(1.0)], results, document)
    write(first, [CASE.figure(2.0)], results, document)
    write(first, [CASE.figure(3.0)], results, document)
    known = json.loads(results.read_text())
    assert list(known) == [first, last]
    assert [row["measured"] for row in known[first]] == [3.0]
    assert document.read_text() == table.markdown(known)


def test_table_shows_bound_error_and_what_was_missed() -> None:
    missed = rounded(CASE.rate([True] * 10, at_most=0.05))
    beside = rounded(CASE.figure(1234.6))
    text = table.markdown({"S1": [missed, beside]})
    assert "**0 of 1 promises and targets are met.**" in text
    assert "Not met: S1, a case: false alarms 1, wanted ≤ 0.2568." in text
    assert "| S1 | a case | false alarms | 0.05 | 1 | 0.0689 | 10 | ≤ 0.2568 | **no** |" in text
    assert "| S1 | a case | false alarms |  | 1,235 |  |  |  |  |" in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (0.05, "0.05"), (0.0, "0"), (1.19649, "1.196"), (97_530.4, "97,530"), (1.0, "1")],
)
def test_figure_is_shown_with_as_many_digits_as_are_worth_reading(
    value: float | None, shown: str
) -> None:
    assert table.figure(value) == shown
