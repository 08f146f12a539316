"""The hops between a site and its server: TLS of a site's own authority, an outer HTTP proxy.

Both run in a thread of this process and record every connection.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

ADDRESS = "127.0.0.1"
USER, PASSWORD = "outer-user", "outer p@ssword"


@dataclass(frozen=True)
class Authority:
    """A site's own certificate authority, with a certificate and key for a server."""

    certificate: Path
    server: Path


def make_authority(folder: Path, address: str = ADDRESS) -> Authority:
    """Make an authority and a certificate signed for an address, as files."""
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _signed("an authority of a test", authority_key, None, authority_key, address)
    server = _signed("a server of a test", server_key, authority, authority_key, address)
    made = Authority(folder / "authority.pem", folder / "server.pem")
    made.certificate.write_bytes(authority.public_bytes(Encoding.PEM))
    secret = server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made.server.write_bytes(secret + server.public_bytes(Encoding.PEM))
    return made


def _signed(
    name: str, key: Any, issuer: x509.Certificate | None, issuer_key: Any, address: str
) -> Any:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


@dataclass
class Seen:
    """The connections of a hop.

    Attributes:
        heads: first lines of the requests.
        peers: ports from which connections came.
        own_ports: ports from which connections went out.
        targets: addresses of the connections that went out.
    """

    heads: list[str] = field(default_factory=list)
    peers: set[int] = field(default_factory=set)
    own_ports: set[int] = field(default_factory=set)
    targets: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)


@dataclass
class Stop:
    """A hop on the way: its port, and the connections it has seen."""

    port: int
    seen: Seen

    @property
    def url(self) -> str:
        """Return an outer proxy's address with user and password, as a site writes it."""
        return f"http://{USER}:{quote(PASSWORD)}@{ADDRESS}:{self.port}"


@contextlib.contextmanager
def front(server_port: int, authority: Authority | None) -> Iterator[Stop]:
    """Run the server's entrance, behind TLS if there is an authority."""
    context = None
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.server)
    seen = Seen()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.peers.add(writer.get_extra_info("peername")[1])
        beyond = await asyncio.open_connection(ADDRESS, server_port)
        await _joined(reader, writer, *beyond, heads=seen.heads)

    with _serving(serve, context) as port:
        yield Stop(port, seen)


@contextlib.contextmanager
def outer_proxy() -> Iterator[Stop]:
    """Run an HTTP proxy that asks for a user and a password."""
    seen = Seen()
    wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line, _, rest = head.decode("latin-1").partition("\r\n")
        if f"basic {wanted}".lower() not in rest.lower():
            seen.refused.append(line)
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        method, target, version = line.split(" ")
        address = target if method == "CONNECT" else target.split("/")[2]
        seen.heads.append(line)
        seen.targets.add(address)
        host, _, port = address.rpartition(":")
        beyond = await asyncio.open_connection(host, int(port))
        seen.own_ports.add(beyond[1].get_extra_info("sockname")[1])
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            # One request for each connection: the next request might be for another server.
            fields = rest.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)
            path = "/" + target.split("/", 3)[3]
            beyond[1].write(f"{method} {path} {version}\r\n{fields}".encode("latin-1"))
        await _joined(reader, writer, *beyond)

    with _serving(serve, None) as port:
        yield Stop(port, seen)


@contextlib.contextmanager
def _serving(serve: Any, context: ssl.SSLContext | None) -> Iterator[int]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = (OSError, asyncio.IncompleteReadError, asyncio.CancelledError, ValueError)
        with contextlib.suppress(*ends):
            await serve(reader, writer)
        writer.close()

    async def start() -> Any:
        return await asyncio.start_server(guarded, ADDRESS, 0, ssl=context)

    async def end() -> None:
        server.close()
        going = asyncio.all_tasks() - {asyncio.current_task()}
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


async def _joined(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    beyond_reader: asyncio.StreamReader,
    beyond_writer: asyncio.StreamWriter,
    heads: list[str] | None = None,
) -> None:
    """Forward bytes in both directions until one side ends."""

    async def carry(
        source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, note: bool
    ) -> None:
        while data := await source.read(65_536):
            if note and heads is not None:
                line = data.split(b"\r\n", 1)[0]
                if line.endswith(b"HTTP/1.1"):
                    heads.append(line.decode())
            sink.write(data)
            await sink.drain()

    ways = [
        asyncio.ensure_future(carry(reader, beyond_writer, note=True)),
        asyncio.ensure_future(carry(beyond_reader, writer, note=False)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        beyond_writer.close()
