"""PURE: certificates of authorities, as PEM text."""

from __future__ import annotations

import re
import ssl

_BLOCK = re.compile(
    rb"-----BEGIN (?:X509 )?CERTIFICATE-----\s[A-Za-z0-9+/=\s]*-----END (?:X509 )?CERTIFICATE-----"
)
_BEGIN = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----")
_DER = b"\x30\x82"


class CertificateError(Exception):
    """What was given holds no certificate that can be used. The text tells remedies."""


def certificates_in(data: bytes) -> str:
    """All certificates of a PEM file, and nothing else of it: no comment and no private key.

    Raises:
        CertificateError: there is none, or one that cannot be read.
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
    """What is most likely wrong with certificates of authorities, in words.

    Args:
        text: as ``certificates_in`` gives it.
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
    # The same one twice counts once.
    return 0 < context.cert_store_stats()["x509"] <= count
