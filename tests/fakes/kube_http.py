"""HTTP of the fake API server: paths and verbs in, objects and streams out."""

from __future__ import annotations

import itertools
import json
import re
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.kube_store import (
    KINDS,
    AlreadyThere,
    Changed,
    Expired,
    NotThere,
    Object,
    merge,
)

if TYPE_CHECKING:
    from tests.fakes.kube_api import FakeKubeApi

_PATH = re.compile(
    r"/(?:api/v1|apis/(?:batch|coordination\.k8s\.io|networking\.k8s\.io)/v1)"
    rf"/namespaces/(?P<namespace>[^/]+)/(?P<kind>{'|'.join(KINDS)})"
    r"(?:/(?P<name>[^/]+)(?P<log>/log)?)?"
)
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_REASONS = {400: "BadRequest", 403: "Forbidden", 429: "TooManyRequests", 500: "InternalError"}
_tokens = itertools.count(1)


@dataclass(frozen=True)
class Request:
    """A request as received; ``at`` in monotonic seconds. A watch has the method WATCH."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    at: float


class Refusal(Exception):  # noqa: N818  it is an HTTP answer, not a mistake
    """An answer with a status other than 2xx."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message


class Handler(BaseHTTPRequestHandler):
    """A client's connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536

    @property
    def api(self) -> FakeKubeApi:
        return self.server.api  # type: ignore[attr-defined, no-any-return]

    def log_message(self, *_: object) -> None:
        """Log nothing: requests are recorded."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815  the base class looks for these names

    def _serve(self) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(text) if text else None
        if query.get("dryRun") == "All":  # neither recorded nor broken: the node asks by itself
            self._send_status(403, "Forbidden", self.api.job_policy)
            return
        watch = query.get("watch") in {"true", "1"}
        method = "WATCH" if watch else self.command
        self.api.record(Request(method, url.path, query, body, time.monotonic()))
        fault = self.api.faults.take(self.command, url.path, ("watch",) if watch else ())
        if fault is not None:
            time.sleep(fault.seconds_before)
            if fault.raw is not None:
                self._send(fault.status or 200, fault.raw)
                return
            if fault.status is not None:
                reason = fault.reason or _REASONS.get(fault.status, "")
                self._send_status(fault.status, reason, fault.message, fault.headers)
                return
        try:
            answer = self._answer(url.path, query, body, watch=watch)
        except Refusal as refusal:
            self._send_status(refusal.code, refusal.reason, refusal.message)
            return
        if fault is not None:
            time.sleep(fault.seconds_after)
        if answer is not None:
            self._send(*answer)

    def _answer(
        self, path: str, query: dict[str, str], body: Any, *, watch: bool
    ) -> tuple[int, bytes] | None:
        match = _PATH.fullmatch(path)
        if match is None or match["namespace"] != self.api.namespace:
            raise Refusal(404, "NotFound", "the fake serves no such path")
        kind, name = match["kind"], match["name"]
        try:
            if watch:
                self._watch(kind, query)
                return None
            if match["log"]:
                return 200, self._log(name, query)
            code, data = self._verb(kind, name, query, body)
        except NotThere as error:
            raise Refusal(404, "NotFound", f"{kind} {error} not found") from error
        except Changed as error:
            raise Refusal(409, "Conflict", f"{kind} {error} was changed meanwhile") from error
        except AlreadyThere as error:
            raise Refusal(409, "AlreadyExists", f"{kind} {error} already exists") from error
        return code, json.dumps(data).encode()

    def _verb(
        self, kind: str, name: str | None, query: dict[str, str], body: Any
    ) -> tuple[int, Object]:
        store = self.api.store
        match (self.command, name):
            case ("GET", None):
                return 200, self._list(kind, query)
            case ("GET", str()):
                return 200, store.get(kind, name)
            case ("POST", None):
                check_object(kind, body)
                return 201, store.create(kind, body)
            case ("PATCH", str()):
                if self.headers.get("Content-Type") != "application/merge-patch+json":
                    raise Refusal(415, "UnsupportedMediaType", "the fake knows merge-patch only")
                return 200, store.change(kind, name, lambda made: merge(made, body))
            case ("PUT", str()):
                return 200, store.replace(kind, name, body)
            case ("DELETE", str()):
                return 200, store.delete(kind, name)
        raise Refusal(405, "MethodNotAllowed", "the fake has no such verb")

    def _list(self, kind: str, query: dict[str, str]) -> Object:
        api = self.api
        token = query.get("continue")
        if token is None:
            items, version = api.store.all(kind, selector_of(query))
            items = [made for made in items if fields_fit(query, made)]
        elif token in api.pages:
            items, version = api.pages.pop(token)
        else:
            raise Refusal(410, "Expired", "the continue token is too old")
        limit = min(int(query.get("limit") or 0) or len(items), api.page_limit)
        metadata = {"resourceVersion": str(version)}
        if len(items) > limit:
            metadata["continue"] = f"page-{next(_tokens)}"
            api.pages[metadata["continue"]] = (items[limit:], version)
        return {"kind": f"{KINDS[kind]}List", "metadata": metadata, "items": items[:limit]}

    def _log(self, name: str | None, query: dict[str, str]) -> bytes:
        pod = self.api.store.get("pods", str(name))
        states = (pod["status"].get("containerStatuses") or [{}])[0].get("state", {})
        if not {"running", "terminated"} & set(states):
            raise Refusal(400, "BadRequest", "container is waiting to start")
        lines = self.api.kubelet.logs.get(str(name), b"").splitlines(keepends=True)
        if query.get("timestamps") != "true":
            return b"".join(lines)
        # All lines have the same second, so sinceTime gives all of them, as a real API server may.
        return b"".join(
            b"2026-01-01T00:00:00.%09dZ " % (number + 1) + line for number, line in enumerate(lines)
        )

    # --- a watch

    def _watch(self, kind: str, query: dict[str, str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        self._tell_events(kind, query)
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _tell_events(self, kind: str, query: dict[str, str]) -> None:
        api, selector = self.api, selector_of(query)
        generation = api.watch_generation
        version = int(query.get("resourceVersion") or api.store.version)
        until = time.monotonic() + float(query.get("timeoutSeconds") or 3600)
        while (left := until - time.monotonic()) > 0 and api.watch_generation == generation:
            try:
                events = api.store.events_since(kind, version, min(left, api.bookmark_seconds))
            except Expired as error:
                told = status_object(410, "Expired", str(error))
                self._chunk(json.dumps({"type": "ERROR", "object": told}).encode() + b"\n")
                return
            if api.watches_mute:
                continue
            for event in events:
                version = event.version
                if all(event.labels.get(key) == value for key, value in selector.items()):
                    self._chunk(event.line)
            if not events and query.get("allowWatchBookmarks") == "true":
                mark = {"metadata": {"resourceVersion": str(version)}}
                self._chunk(json.dumps({"type": "BOOKMARK", "object": mark}).encode() + b"\n")
            self.wfile.flush()

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    # --- answers

    def _send_status(
        self, code: int, reason: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        self._send(code, json.dumps(status_object(code, reason, message)).encode(), headers)

    def _send(self, code: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()


def selector_of(query: dict[str, str]) -> dict[str, str]:
    """Return the ``labelSelector`` of a query: ``key=value`` pairs only."""
    pairs = [pair.partition("=") for pair in query.get("labelSelector", "").split(",") if pair]
    return {key: value for key, _, value in pairs}


def fields_fit(query: dict[str, str], made: Object) -> bool:
    """Return whether the ``fieldSelector`` of a query selects the object."""
    for pair in filter(None, query.get("fieldSelector", "").split(",")):
        path, _, wanted = pair.partition("=")
        found: Any = made
        for part in path.split("."):
            found = found.get(part, {})
        if found != wanted:
            return False
    return True


def check_object(kind: str, body: Any) -> None:
    """Raise Refusal for an object that a real API server refuses, as far as the tests need it."""
    if not isinstance(body, dict) or body.get("kind") != KINDS[kind]:
        raise Refusal(400, "BadRequest", f"not a {KINDS[kind]}")
    metadata = body.get("metadata") or {}
    if not _NAME.fullmatch(str(metadata.get("name", ""))):
        raise Refusal(422, "Invalid", "metadata.name: not a DNS label")
    for value in (metadata.get("labels") or {}).values():
        if not re.fullmatch(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?", value):
            raise Refusal(422, "Invalid", "metadata.labels: not a label value")


def status_object(code: int, reason: str, message: str) -> dict[str, Any]:
    """Return an error in Kubernetes' own form."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "reason": reason,
        "message": message,
        "code": code,
    }
