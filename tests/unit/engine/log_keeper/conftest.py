"""A keeper of logs that reads from a kubelet over real sockets, in short pauses."""

import pytest

from node_poc.cluster import logs as logs_module
from node_poc.concurrency.backoff import Backoff
from node_poc.engine import log_keeper
from node_poc.engine.log_keeper import LogKeeper
from tests.unit.cluster.kubelet_logs import KubeletLogs
from tests.unit.engine.log_keeper.kept_log import MEGABYTE


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(logs_module, "_PAUSES", Backoff(0.02, 0.1))
    monkeypatch.setattr(log_keeper, "_SAVE_SECONDS", 0.02)
    monkeypatch.setattr(log_keeper, "_AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(log_keeper, "_PAUSE_SECONDS", 0.02)


@pytest.fixture
def kubelet():
    with KubeletLogs() as made:
        yield made


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "7").mkdir()
    return tmp_path / "7"


@pytest.fixture
def make_keeper(kubelet, folder):
    made = []

    def make(source=None, head=MEGABYTE, tail=MEGABYTE):
        keeper = LogKeeper(
            source or kubelet.logs(), lambda run_id: folder.parent / str(run_id), head, tail
        )
        made.append(keeper)
        return keeper

    yield make
    for keeper in made:
        keeper.stop()


@pytest.fixture
def keeper(make_keeper):
    return make_keeper()
