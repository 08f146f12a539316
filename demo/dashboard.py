"""Show the cluster in a browser: kube-web-view, on this machine's loopback address only.

kube-web-view uses the rights of the given kubeconfig, and cannot change anything. By default the
program would listen on every address, and show the cluster to the whole network.
"""

from __future__ import annotations

import functools
import os
import runpy
import sys

from aiohttp import web

_PORT = os.environ.get("DASHBOARD_PORT", "8090")


def main() -> None:
    """Serve until Ctrl-C, with the kubeconfig in KUBECONFIG."""
    web.run_app = functools.partial(web.run_app, host="127.0.0.1")
    context = os.environ.get("CONTEXT")
    sys.argv = ["kube_web", "--port", _PORT, "--kubeconfig-path", os.environ["KUBECONFIG"]]
    sys.argv += ["--kubeconfig-contexts", context] if context else []
    sys.argv += ["--default-label-columns", "jobs=vantage6.ai/run-id;pods=vantage6.ai/run-id"]
    print(f"dashboard: http://127.0.0.1:{_PORT}/  (namespace v6-jobs; Ctrl-C ends it)", flush=True)
    runpy.run_module("kube_web", run_name="__main__")


if __name__ == "__main__":
    main()
