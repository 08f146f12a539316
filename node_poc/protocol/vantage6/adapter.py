"""The adapter of vantage6 4.x servers."""

from __future__ import annotations

from node_poc.protocol.adapter import Adapter
from node_poc.protocol.vantage6.online_check import ask_server, look_up
from node_poc.protocol.vantage6.server import Vantage6Server

ADAPTER = Adapter(make_server=Vantage6Server, ask_server=ask_server, look_up=look_up)
