"""Connect to the Kubernetes API: the official client's transport, plain JSON in and out.

The node does not use the client's generated methods: their models cost time for each object and
know only the fields of their own release. The node uses the parts that are hard to do well:
in-cluster credentials that renew themselves, TLS, kubeconfig files, connection pools.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from node_poc.cluster.errors import ClusterError, ExpiredError, error_of

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 15.0
# A dead connection, whose packets the network drops, is as silent as an idle connection. The
# kernel probes the peer after 10 s of silence and gives up after 20 s without an answer. The
# probes are no API requests.
_KEEP_ALIVE = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),  # as urllib3 has it by default
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000),
]
_MERGE_PATCH = "application/merge-patch+json"
#: The method of ``KubernetesApi.call`` for a server-side apply, which HTTP knows as a PATCH.
APPLY = "APPLY"
_CONTENT_TYPES = {"PATCH": _MERGE_PATCH, APPLY: "application/apply-patch+yaml"}
Query = list[tuple[str, str]]


class NoClusterError(Exception):
    """No cluster is configured. The text names the configuration that was looked for."""


def connect(context: str | None = None, pool_size: int = 16) -> KubernetesApi:
    """Connect with the pod's ServiceAccount, or outside a pod with a kubeconfig context.

    Args:
        context: kubeconfig context; only used outside a pod.
        pool_size: maximum number of connections kept open.

    Raises:
        NoClusterError: there is neither a ServiceAccount nor a usable kubeconfig.
    """
    settings = client.Configuration()
    # HTTPS_PROXY and similar variables are for connections to the vantage6 server. The library
    # would use them for the Kubernetes API too, unless NO_PROXY names the API's address. A
    # kubeconfig may still name its own proxy.
    settings.proxy = settings.no_proxy = None
    try:
        if os.environ.get("KUBERNETES_SERVICE_HOST"):
            config.load_incluster_config(client_configuration=settings)
        else:
            config.load_kube_config(context=context, client_configuration=settings)
    except config.ConfigException as error:
        raise NoClusterError(
            f"no cluster: not in a pod with a ServiceAccount, and no usable kubeconfig ({error}); "
            "run in the cluster (kubectl apply -f ./kubeconfs), or set KUBECONFIG"
        ) from error
    settings.retries = False  # the callers decide about retries
    settings.connection_pool_maxsize = pool_size
    settings.socket_options = _KEEP_ALIVE
    return KubernetesApi(client.ApiClient(configuration=settings))


class KubernetesApi:
    """Makes single calls, without retries. Thread-safe, as the client's connection pool is."""

    def __init__(self, api_client: client.ApiClient) -> None:
        """``api_client`` must be configured, with credentials."""
        self._client = api_client

    @property
    def cluster(self) -> str:
        """A short text that differs from cluster to cluster: of the API's address and authority."""
        settings = self._client.configuration
        try:
            authority = Path(settings.ssl_ca_cert or "").read_text(encoding="utf-8")
        except OSError:
            authority = ""
        return hashlib.sha256(f"{settings.host}\n{authority}".encode()).hexdigest()[:16]

    def call(
        self,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        query: Query | None = None,
    ) -> dict[str, Any]:
        """Make one call and return the answer's JSON object. Raises ClusterError.

        ``method`` is a method of HTTP, PATCH for a merge patch, or ``APPLY``.
        """
        return self._answer(method, path, body, query or [])[0]

    def version(self) -> tuple[str, float | None]:
        """Return the API server's version, and its clock in seconds since the epoch if it tells.

        Raises ClusterError.
        """
        data, response = self._answer("GET", "/version", None, [])
        if "gitVersion" not in data:
            raise ClusterError("GET /version", 0, "BadAnswer", "Kubernetes did not answer")
        text = str(data["gitVersion"])
        try:
            clock = parsedate_to_datetime(str(response.headers.get("Date"))).timestamp()
        except ValueError:
            return text, None
        return text, clock

    def _answer(
        self, method: str, path: str, body: dict[str, Any] | None, query: Query
    ) -> tuple[dict[str, Any], Any]:
        """Return the JSON object of an answer, and the response. Raises ClusterError."""
        response = self._send(method, path, body, query, (_CONNECT_SECONDS, _READ_SECONDS))
        call = f"{method} {path}"
        if not 200 <= response.status <= 299:
            raise _error_in(call, response)
        try:
            data = json.loads(_read_body(call, response))
        except ValueError:
            data = None
        if not isinstance(data, dict):  # a proxy has answered, not Kubernetes
            raise ClusterError(call, 0, "BadAnswer", "the answer is not a JSON object")
        return data, response

    def stream(self, path: str, query: Query, silence_seconds: float) -> Iterator[dict[str, Any]]:
        """Yield the events of a watch, one JSON object each, until the API server ends the watch.

        Raises:
            ClusterError: the connection broke, or was silent for ``silence_seconds``.
            ExpiredError: the watch must start again from a list.
        """
        call = f"WATCH {path}"
        response = self._send("GET", path, None, query, (_CONNECT_SECONDS, silence_seconds))
        with contextlib.closing(response):
            if response.status != 200:
                raise _error_in(call, response)
            try:
                yield from _events(call, response)
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                raise ClusterError(call, 0, type(error).__name__, str(error)) from error

    def _send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        query: Query,
        timeout: tuple[float, float],
    ) -> Any:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = _CONTENT_TYPES.get(method, "application/json")
        call = self._client.param_serialize(
            method="PATCH" if method == APPLY else method,
            resource_path=path,
            query_params=query,
            header_params=headers,
            body=json.dumps(body) if method == APPLY else body,  # JSON is YAML, too
            auth_settings=["BearerToken"],
        )
        try:
            return self._client.call_api(*call, _request_timeout=timeout).response
        except ApiException as error:
            text = str(error.body or error)
            wait = (error.headers or {}).get("Retry-After")
            raise error_of(f"{method} {path}", error.status or 0, text, wait) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ClusterError(f"{method} {path}", 0, type(error).__name__, str(error)) from error


def _error_in(call: str, response: Any) -> ClusterError:
    wait = response.headers.get("Retry-After")
    return error_of(call, response.status, _read_body(call, response), wait)


def _read_body(call: str, response: Any) -> str:
    try:
        return str(response.data.decode("utf-8", "replace"))
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ClusterError(call, 0, type(error).__name__, str(error)) from error


def _events(call: str, response: Any) -> Iterator[dict[str, Any]]:
    rest = b""
    for chunk in response.stream(amt=None, decode_content=False):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            event = json.loads(line)
            if event["type"] == "ERROR":
                status = event["object"]
                error = error_of(call, int(status.get("code", 0)), json.dumps(status))
                if status.get("reason") == "Expired":
                    raise ExpiredError(call, 410, "Expired", error.message)
                raise error
            yield event
