"""``whitelist``: the destinations that a site opens for all of a node's algorithms."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import Field, field_validator

from node_poc.config.base import Strict

#: vantage6's ``whitelist`` is for HTTP and HTTPS.
WEB_PORTS = (80, 443)
#: The forward proxy's name for algorithms, as in vantage6.
FORWARD_PROXY = "squid"
# squid reads the list at each start, and people have to oversee the list.
_MOST_DOMAINS = 200
_LABEL = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"\.?(?:{_LABEL}\.)+{_LABEL}")
_MOST_CHARACTERS = 253


class Whitelist(Strict):
    """Destinations of algorithms besides the proxy: names, addresses or networks, on TCP ports."""

    domains: list[str] = Field(default=[], max_length=_MOST_DOMAINS)
    """Host names that algorithms reach by `HTTP_PROXY` and `HTTPS_PROXY`: `host.example.org`, or
    `.example.org` for the domain and all names below.

    Differs: squid is a pod of its own, and refuses names that lead to private addresses
    ([more](#names-in-the-whitelist)).
    """

    ips: list[str] = Field(default=[])
    """Addresses and networks that algorithms reach, on the ports below.

    Differs: algorithms reach the addresses directly, not by squid.
    """

    ports: list[Annotated[int, Field(ge=1, le=65535)]] = Field(default=[])
    """TCP ports of these names and addresses. An empty list: 80 and 443.

    Differs: TLS to names (`CONNECT`) on port 443 only.
    """

    @field_validator("domains")
    @classmethod
    def _domains(cls, value: list[str]) -> list[str]:
        for index, each in enumerate(value):
            if fault := _fault(each.lower()):
                raise ValueError(f"entry {index + 1} {fault}")
        return [each.lower() for each in value]

    @field_validator("ips")
    @classmethod
    def _ips(cls, value: list[str]) -> list[str]:
        for each in value:
            try:
                ipaddress.ip_network(each, strict=False)
            except ValueError:
                raise ValueError("must be IP addresses or networks such as 10.0.0.0/8") from None
        return value

    @property
    def open_ports(self) -> tuple[int, ...]:
        """The ports of the list, or those of the web."""
        return tuple(self.ports or WEB_PORTS)

    @property
    def opened(self) -> tuple[str, ...]:
        """The opened ways, for people; none without names and addresses."""
        ports = ", ".join(map(str, self.open_ports))
        lists = (("domains", self.domains), ("ips", self.ips))
        return tuple(
            f"whitelist.{key} {', '.join(values)} (ports {ports})"
            for key, values in lists
            if values
        )


def _fault(text: str) -> str:
    """Return rule and remedy for an entry that is no name; empty for a name."""
    if "*" in text:
        return "has a *: write .example.org for a domain and all names below"
    if "/" in text or ":" in text:
        return "is a URL, a network or has a port: write the host's name alone, and whitelist.ports"
    if not text.isascii():
        return "has letters beyond ASCII: write the name's form that begins with xn--"
    if text.strip(".").replace(".", "").isdecimal():
        return "is an address: write it to whitelist.ips"
    if len(text) > _MOST_CHARACTERS or not _DOMAIN.fullmatch(text):
        return "is no host name with a dot: write host.example.org, or .example.org"
    return ""
