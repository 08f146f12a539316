"""PURE: the configuration of squid 5 for the names in ``whitelist.domains``.

Source of the directives: http://www.squid-cache.org/Versions/v5/cfgman/
"""

from __future__ import annotations

from collections.abc import Sequence

from node_poc.config.whitelist import Whitelist

PORT = 3128
# A name that leads to one of these networks is refused: an outsider decides where a name leads, and
# behind these networks are the cluster, the site's machines and a cloud's metadata.
PRIVATE = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/127",
    "64:ff9b::/96",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
)
_FIXED = """\
access_log stdio:/dev/stdout logformat=v6 asked
cache_log /dev/stderr
cache deny all
cache_mem 0 MB
client_db on
client_lifetime 4 hours
coredump_dir /tmp
forwarded_for delete
httpd_suppress_version_string on
max_filedescriptors 4096
netdb_filename none
pid_filename none
pinger_enable off
reply_header_max_size 64 KB
request_header_max_size 32 KB
request_start_timeout 30 seconds
shutdown_lifetime 1 seconds
strip_query_terms on
via off
visible_hostname squid"""


def squid_conf(whitelist: Whitelist) -> str:
    """Return the file: requests for the names, on the ports, to public addresses."""
    return "\n".join(
        (
            "# Made by `python -m node_poc render vantage6` from whitelist.domains.",
            f"http_port {PORT}",
            f"acl names dstdomain -n {' '.join(without_covered(whitelist.domains))}",
            f"acl ports port {' '.join(map(str, whitelist.open_ports))}",
            "acl tls port 443",
            "acl tunnel method CONNECT",
            f"acl private dst {' '.join(PRIVATE)}",
            "acl crowd maxconn 32",
            "acl asked has request",
            "http_access deny !names",
            "http_access deny !ports",
            "http_access deny tunnel !tls",
            "http_access deny private",
            "http_access deny crowd",
            "http_access allow all",
            # Never a way around the rules by another proxy, and no header about the caller.
            "always_direct allow all",
            "logformat v6 %ts.%03tu %>a %Ss/%03>Hs %<st %rm %ru %<a",
            _FIXED,
            "",
        )
    )


def without_covered(domains: Sequence[str]) -> list[str]:
    """Return the domains without those that a longer list such as ``.example.org`` covers.

    squid refuses a list with a name and the domain around the name.
    """
    wide = {each for each in domains if each.startswith(".")}

    def is_covered(name: str) -> bool:
        parts = name.strip(".").split(".")
        around = {"." + ".".join(parts[n:]) for n in range(len(parts))}
        return bool((around & wide) - {name})

    return [each for each in dict.fromkeys(domains) if not is_covered(each)]
