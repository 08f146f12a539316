"""Deploy stations on a cluster: a node with its proxy, its folders and its server.

Demo, bench, cluster tests and fault tests use this package. README.md says which word means what.
"""

from devstation.cluster import Cluster
from devstation.commands import ROOT, Tell
from devstation.dummy_server import BackgroundServer, DummyServer
from devstation.dummy_station import DummyStation
from devstation.errors import StationError
from devstation.federation import ENCRYPTED, PLAIN, Federation, Vantage6Station
from devstation.location import Location, own_home
from devstation.readiness import wait_for_verdict
from devstation.users_files import ChangeConfig
from devstation.waiting import PATIENCE_SECONDS, wait_for

__all__ = [
    "ENCRYPTED",
    "PATIENCE_SECONDS",
    "PLAIN",
    "ROOT",
    "BackgroundServer",
    "ChangeConfig",
    "Cluster",
    "DummyServer",
    "DummyStation",
    "Federation",
    "Location",
    "StationError",
    "Tell",
    "Vantage6Station",
    "own_home",
    "wait_for",
    "wait_for_verdict",
]
