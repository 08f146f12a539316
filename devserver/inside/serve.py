"""Runs the vantage6 server; for the environment of Python 3.10 only.

    serve.py SETTINGS     SETTINGS: a JSON file with config, host, port, token_seconds,
                          refresh_seconds, root_password, requests_file and ends_with_parent

Ends with exit code 0 on SIGTERM, and at once when its standard input is closed, if that is asked.
"""

import base64
import functools
import json
import os
import sys
from pathlib import Path

import bcrypt
import flask
import gevent
from vantage6.server import run_server
from vantage6.server.resource import blobstream

_BCRYPT_ROUNDS = 4


def _end_with_parent():
    while os.read(0, 4096):
        pass
    os._exit(0)


def _mend_kill_node(permissions):
    """Let users kill the runs on a node, for which 4.15.2 always returns 500.

    The server looks up the right to send events among the rights of tasks, where it is missing.
    """
    for scope in ("org", "col", "glo"):
        right = getattr(permissions.event, f"s_{scope}")
        setattr(permissions.task, f"s_{scope}", right)


class _Uwsgi:
    """Reads an upload of unknown length under this server; vantage6 relies on uWSGI for that."""

    @staticmethod
    def chunked_read(_size):
        """Return the next part; empty at the end. This server sets a part's length, not uWSGI's."""
        return flask.request.environ["wsgi.input"].read(65536)


class _Noting:
    """A WSGI application that logs requester and path; tokens are decoded without verification."""

    def __init__(self, app, path):
        self._app = app
        self._file = path.open("a", buffering=1)

    def __call__(self, environ, start_response):
        """Log the request, and pass the request to the server."""
        who = _who(environ.get("HTTP_AUTHORIZATION", ""))
        self._file.write(f"{who} {environ['REQUEST_METHOD']} {environ['PATH_INFO']}\n")
        return self._app(environ, start_response)


def _who(authorization):
    try:
        claims = authorization.split(".")[1]
        claims_of = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        kind, number = claims_of["client_type"], claims_of["sub"]
        return kind if isinstance(number, dict) else f"{kind} {number}"
    except (IndexError, ValueError, KeyError, TypeError):
        return "nobody"


def main():
    """Serve until SIGTERM."""
    settings = json.loads(Path(sys.argv[1]).read_text())
    if settings["ends_with_parent"]:
        # A real thread, not one of gevent's. Started before the imports, the thread would make them
        # hang.
        gevent.monkey.get_original("_thread", "start_new_thread")(_end_with_parent, ())
    # At a node's login the server compares the API key with the keys of all its nodes, a quarter of
    # a second each, and does nothing else meanwhile. The least cost is enough for a test's server.
    bcrypt.gensalt = functools.partial(bcrypt.gensalt, _BCRYPT_ROUNDS)
    hashed = bcrypt.hashpw(settings["root_password"].encode(), bcrypt.gensalt())
    os.environ["V6_INIT_SUPER_PASS_HASHED"] = hashed.decode()
    app = run_server(settings["config"], system_folders=False)
    # The configuration file takes whole hours, at least half of one, so short lifetimes are set
    # here.
    for key, name in (("ACCESS", "token_seconds"), ("REFRESH", "refresh_seconds")):
        if settings[name]:
            app.app.config[f"JWT_{key}_TOKEN_EXPIRES"] = settings[name]
    _mend_kill_node(app.permissions)
    blobstream.uwsgi = _Uwsgi
    if settings["requests_file"]:
        app.app.wsgi_app = _Noting(app.app.wsgi_app, Path(settings["requests_file"]))
    gevent.signal_handler(15, lambda: os._exit(0))
    app.socketio.run(app.app, host=settings["host"], port=settings["port"], log_output=False)


if __name__ == "__main__":
    main()
