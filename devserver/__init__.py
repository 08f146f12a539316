"""A real vantage6 4.15 server for development, tests and the demo: `python3 -m devserver up`.

Server, client and algorithm-tools come from PyPI into an environment of their own, because the
server needs Python 3.10. What runs in that environment are the scripts in `inside`; everything
else is standard library only and talks to them in JSON. See README.md.
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
