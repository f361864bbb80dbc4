"""X.509 certificates: who they are for, and when they end. A strict, bounded reader of those fields. In the sandbox.

It reads DER (X.690) as RFC 5280 uses it, and verifies nothing: not the signature, not the chain.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

MAX_DER = 64 << 10
"""Bytes of the largest certificate."""
MAX_FOUND = 2_000
"""Most certificates of one file."""
MAX_SUBJECT = 200
"""Characters of a subject."""
MAX_ATTRIBUTES = 64
"""Most attributes of a name."""
_BEGIN = re.compile(rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----")
_END = b"-----END "
_INTEGER, _OID, _UTC_TIME, _GENERALIZED_TIME, _SEQUENCE, _SET, _VERSION = 0x02, 0x06, 0x17, 0x18, 0x30, 0x31, 0xA0
_CHARSETS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}
"""Encodings of the string types in names."""
_SUBJECT_ATTRIBUTES = (b"\x55\x04\x03", b"\x55\x04\x0b", b"\x55\x04\x0a")
"""The attribute that names the subject: commonName, else organizationalUnitName, else organizationName."""
_TIME = re.compile(rb"(\d\d(?:\d\d)?)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z")


@dataclass(frozen=True, slots=True)
class CertificateData:
    """The fields of one certificate."""

    subject: str
    not_before: str
    """ISO 8601, in UTC."""
    not_after: str


class NotDER(ValueError):
    """The data is not a certificate, or not one that can be read here. The text is the reason."""


class _Element(NamedTuple):
    tag: int
    start: int
    """Where the content starts."""
    end: int


def find_certificates(data: bytes, name: str) -> Iterator[bytes]:
    """Yield the DER of the certificates in a file: those in PEM, or the file itself, if its name says so.

    Text between the lines of PEM that is no base64 of DER is skipped: documentation has examples like that.
    """
    at, number = 0, 0
    while number < MAX_FOUND and (begin := _BEGIN.search(data, at)):
        at = data.find(_END, begin.end())
        if at < 0:
            return
        number += 1
        der = _decode(data[begin.end() : at])
        if _is_sequence(der):
            yield der
    if not number and name.lower().endswith((".crt", ".cer", ".der")) and _is_sequence(data):
        yield data


def _is_sequence(data: bytes) -> bool:
    return data[:1] == bytes([_SEQUENCE])


def _decode(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text)
    except binascii.Error:
        return b""


def fingerprint(der: bytes) -> str:
    """Return the sha256 of a certificate. A trusted certificate has more behind it, which does not count."""
    try:
        return hashlib.sha256(der[: _element(der, 0, len(der)).end]).hexdigest()
    except NotDER:
        return hashlib.sha256(der).hexdigest()


def read_certificate(der: bytes) -> CertificateData:
    """Return the fields of a certificate. Raises NotDER."""
    if len(der) > MAX_DER:
        raise NotDER("it is too long")
    outer = _expect(der, 0, len(der), _SEQUENCE)
    body = _expect(der, outer.start, outer.end, _SEQUENCE)
    at, end = body.start, body.end
    if _element(der, at, end).tag == _VERSION:
        at = _element(der, at, end).end
    for tag in (_INTEGER, _SEQUENCE, _SEQUENCE):  # serial number, signature algorithm, issuer
        at = _expect(der, at, end, tag).end
    validity = _expect(der, at, end, _SEQUENCE)
    before = _element(der, validity.start, validity.end)
    after = _element(der, before.end, validity.end)
    subject = _expect(der, validity.end, end, _SEQUENCE)
    return CertificateData(_subject(der, subject), _time(der, before), _time(der, after))


def _element(data: bytes, at: int, end: int) -> _Element:
    """Return the element at `at`: a tag of one byte, a definite length (X.690, 8.1)."""
    if at + 2 > end or data[at] & 0x1F == 0x1F:
        raise NotDER("it has no element there")
    length, start = data[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        if not 1 <= size <= 4 or start + size > end:
            raise NotDER("a length in it is wrong")
        length = int.from_bytes(data[start : start + size], "big")
        start += size
    if length > end - start:
        raise NotDER("an element is longer than what it is in")
    return _Element(data[at], start, start + length)


def _expect(data: bytes, at: int, end: int, tag: int) -> _Element:
    found = _element(data, at, end)
    if found.tag != tag:
        raise NotDER("it has another structure")
    return found


def _time(data: bytes, element: _Element) -> str:
    digits = {_UTC_TIME: 2, _GENERALIZED_TIME: 4}.get(element.tag)
    match = _TIME.fullmatch(data, element.start, element.end)
    if match is None or len(match[1]) != digits:
        raise NotDER("a time in it cannot be read")
    year, *rest = map(int, match.groups())
    if digits == 2:
        # RFC 5280, 4.1.2.5.1
        year += 1900 if year >= 50 else 2000
    try:
        return datetime(year, rest[0], rest[1], rest[2], rest[3], rest[4], tzinfo=UTC).isoformat()
    except ValueError as error:
        raise NotDER("a time in it cannot be read") from error


def _subject(data: bytes, name: _Element) -> str:
    """Return the first attribute that names the subject; "" if there is none."""
    found: dict[bytes, str] = {}
    at = name.start
    for _ in range(MAX_ATTRIBUTES):
        if at == name.end:
            break
        group = _expect(data, at, name.end, _SET)
        attribute = _expect(data, group.start, group.end, _SEQUENCE)
        kind = _expect(data, attribute.start, attribute.end, _OID)
        value = _element(data, kind.end, attribute.end)
        charset = _CHARSETS.get(value.tag)
        if charset:
            text = data[value.start : value.end].decode(charset, "replace")[:MAX_SUBJECT]
            found.setdefault(data[kind.start : kind.end], text)
        at = group.end
    return next((found[one] for one in _SUBJECT_ATTRIBUTES if one in found), "")
