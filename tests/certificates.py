"""Certificates for tests: one that openssl has made, and any by hand, unsigned."""

from __future__ import annotations

import base64

MADE = """\
-----BEGIN CERTIFICATE-----
MIIBpDCCAUmgAwIBAgIUIZAVT5fcQs49nt71OythL8yLNgUwCgYIKoZIzj0EAwIw
JjEMMAoGA1UECgwDT3JnMRYwFAYDVQQDDA1leMOkbXBsZS50ZXN0MCAXDTI2MTEy
ODA0MjY1NFoYDzIwODEwODMxMDQyNjU0WjAmMQwwCgYDVQQKDANPcmcxFjAUBgNV
BAMMDWV4w6RtcGxlLnRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASWF6yH
/fuMJq/EPSdhRD8fmd2gZq30jsDlyhXEVo6e6jCLswM3zBr+xXKRIZ1ZCFsh4D5w
wg3p+PBfPKPfqA5Eo1MwUTAdBgNVHQ4EFgQUkqe8ZL3AQD5phJ9Zxsq1n/owv3sw
HwYDVR0jBBgwFoAUkqe8ZL3AQD5phJ9Zxsq1n/owv3swDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNJADBGAiEA5liYE6u+sojS2peCETer9neUcFyYsSfWYA8H
gAUButkCIQDGNuuigyCR/G2sgxmdCzJYPcHGNIDY+UcM5aBwG8sFUw==
-----END CERTIFICATE-----
"""
"""openssl req -x509 -days 20000 -subj "/O=Org/CN=exämple.test": 2026-11-28 04:26:54 to 2081-08-31 04:26:54."""
MADE_SHA256 = "544e40d15a79749b6673735e406caf158e0562040ba2b5b022384c69bfb58054"
COMMON_NAME, ORGANIZATION = b"\x55\x04\x03", b"\x55\x04\x0a"


def element(tag: int, *content: bytes) -> bytes:
    """Return an element of DER."""
    data = b"".join(content)
    if len(data) < 128:
        return bytes([tag, len(data)]) + data
    size = len(data).to_bytes((len(data).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + data


def certificate(subject: bytes = b"by hand", before: bytes = b"200101000000Z", after: bytes = b"300101000000Z", *, version: bytes = b"\xa0\x03\x02\x01\x02") -> bytes:
    """Return the DER of a certificate without a key and a signature."""
    name = element(0x30, element(0x31, element(0x30, element(0x06, COMMON_NAME), element(0x0C, subject))))
    times = (element(0x17 if len(one) == 13 else 0x18, one) for one in (before, after))
    body = element(0x30, version, element(0x02, b"\x01"), element(0x30), element(0x30), element(0x30, *times), name)
    return element(0x30, body)


def pem(der: bytes, kind: str = "CERTIFICATE") -> str:
    return f"-----BEGIN {kind}-----\n{base64.encodebytes(der).decode()}-----END {kind}-----\n"
