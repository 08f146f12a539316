"""The stream of logs to a vantage6 server: with many runs, each log is sent more rarely."""

import pytest

from node_poc.protocol.vantage6.outgoing.logs import RunLogs
from tests.fakes.vantage6_taking import Engine


@pytest.mark.parametrize(("runs", "seconds"), [(0, 1.0), (4, 1.0), (20, 5.0), (1000, 10.0)])
def test_all_logs_together_cost_the_server_a_few_events_a_second(runs, seconds):
    logs = RunLogs(Engine(), lambda _: True, share=True)
    for run_id in range(runs):
        logs.start_stream(run_id, task_id=100 + run_id)
    assert logs._pause() == seconds
    for run_id in range(runs):
        logs.end_stream(run_id)
    assert logs._pause() == 1.0
