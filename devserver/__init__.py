"""A real vantage6 4.15 server for development, tests and the demo: ``python3 -m devserver up``.

Server, client and algorithm-tools come from PyPI into their own environment, because the server
needs Python 3.10. The scripts in ``inside`` run in the environment; everything else uses the
standard library only and exchanges JSON with the scripts. See README.md.
"""

from devserver.client import Client, ClientError
from devserver.environment import ensure
from devserver.errors import DevServerError, MissingError
from devserver.server import DevServer, Options
from devserver.world import World, provision

__all__ = [
    "Client",
    "ClientError",
    "DevServer",
    "DevServerError",
    "MissingError",
    "Options",
    "World",
    "ensure",
    "provision",
]
