"""PURE: certificates of certificate authorities, as PEM text."""

from __future__ import annotations

import re
import ssl

_BLOCK = re.compile(
    rb"-----BEGIN (?:X509 )?CERTIFICATE-----\s[A-Za-z0-9+/=\s]*-----END (?:X509 )?CERTIFICATE-----"
)
_BEGIN = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----")
_DER = b"\x30\x82"


class CertificateError(Exception):
    """The data holds no usable certificate. The text names the remedy."""


def certificates_in(data: bytes) -> str:
    """Return all certificates of a PEM file and nothing else: no comments, no private key.

    Raises:
        CertificateError: the file holds no certificate, or an unreadable certificate.
    """
    blocks = [match.decode() for match in _BLOCK.findall(data)]
    if not blocks and data.startswith(_DER):
        raise CertificateError(
            "is no PEM text but DER; turn it into PEM: openssl x509 -inform der -in FILE"
        )
    if not blocks:
        raise CertificateError(
            "holds no certificate; give PEM text, with lines -----BEGIN CERTIFICATE----- and "
            "-----END CERTIFICATE-----"
        )
    text = "\n".join(blocks) + "\n"
    if len(_BEGIN.findall(data)) != len(blocks) or not _can_be_read(text, len(blocks)):
        raise CertificateError("holds a certificate that cannot be read; get a whole copy of it")
    return text


def doubts_about(text: str, now: float) -> list[str]:
    """Return likely mistakes in certificates of authorities, as messages.

    Args:
        text: certificates, as ``certificates_in`` returns them.
        now: seconds since the epoch.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=text)
    ends = [str(found["notAfter"]) for found in context.get_ca_certs()]
    if not ends:
        return ["holds no certificate of an authority; give the one that signed the server's"]
    return [
        f"a certificate in it was valid until {end}; ask the authority for the new one"
        for end in ends
        if ssl.cert_time_to_seconds(end) < now
    ]


def _can_be_read(text: str, count: int) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        return False
    # The store counts a repeated certificate once.
    return 0 < context.cert_store_stats()["x509"] <= count
