"""A sample of the fault matrix (`make faults`): once each fault that needs only one machine.

The matrix has its own station, so that its faults do not touch the other tests' station.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.catalogue import FAULTS, Fault
from tests.faults.matrix import Verdict
from tests.faults.matrix_run import MatrixRun

pytestmark = pytest.mark.alone  # faults strike the control plane
_RUNS = 6


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MatrixRun]:
    with MatrixRun(tmp_path_factory.mktemp("faults")) as matrix:
        yield matrix


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.in_sample], ids=lambda fault: fault.name)
def test_no_run_is_lost_doubled_or_wrong(matrix: MatrixRun, fault: Fault):
    row = matrix.strike(fault, _RUNS, hurry=True)
    assert row.struck, row.trouble
    harm = {verdict: row.counts[verdict] for verdict in Verdict if verdict is not Verdict.RIGHT}
    assert harm == dict.fromkeys(harm, 0), row.trouble
    assert row.sent == _RUNS
