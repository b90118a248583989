"""Every statistical method against its promise, measured by simulation.

Writes `benchmarks/results/statistics.json` and the table in `docs/statistics-validation.md`, family
by family. `TIDEGATE_PATHS` sets another number of paths for a quick look, which writes nothing.
"""

import os
import time

import pytest
import table
from campaign import FAMILIES, RESULTS, write
from rows import any_missed

PATHS = os.environ.get("TIDEGATE_PATHS")


@pytest.mark.validation
@pytest.mark.parametrize("family", FAMILIES)
def test_family_of_methods_keeps_its_promises_in_the_campaign(family: str) -> None:
    began = time.perf_counter()
    rows = FAMILIES[family].rows(int(PATHS) if PATHS else FAMILIES[family].paths)
    for row in rows:
        print(row.method, row.case, row.measure, table.figure(row.measured), row.ok, sep=" | ")
    print(f"{family}: {time.perf_counter() - began:.0f} s", flush=True)
    if not PATHS:
        write(family, rows, RESULTS, table.DOCUMENT)
    assert any_missed(rows) == []
