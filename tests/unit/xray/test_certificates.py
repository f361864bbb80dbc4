"""The fields of certificates: read as openssl reads them, and anything else refused."""

from __future__ import annotations

import random
import ssl
import time

import pytest

from docker_slim_plugin.xray.certificates import NotDER, find_certificates, fingerprint, read_certificate
from tests.certificates import MADE, MADE_SHA256, certificate, element, pem

AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


def test_one_that_openssl_has_made() -> None:
    (der,) = find_certificates(MADE.encode(), "server.pem")
    found = read_certificate(der)
    assert (found.subject, found.not_before, found.not_after) == (
        "exämple.test", "2026-11-28T04:26:54+00:00", "2081-08-31T04:26:54+00:00",
    )  # fmt: skip
    assert fingerprint(der) == MADE_SHA256


def test_all_authorities_of_this_host_as_openssl_reads_them() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=MADE)
    try:
        with open(AUTHORITIES, "rb") as file:
            data = file.read() + MADE.encode()
        context.load_verify_locations(cafile=AUTHORITIES)
    except FileNotFoundError:
        data = MADE.encode()
    theirs = sorted(int(ssl.cert_time_to_seconds(one["notAfter"])) for one in context.get_ca_certs())
    read = {fingerprint(der): read_certificate(der) for der in find_certificates(data, "x")}
    assert sorted(int(time.mktime(time.strptime(one.not_after[:19], "%Y-%m-%dT%H:%M:%S"))) - time.timezone for one in read.values()) == theirs
    assert all(one.subject for one in read.values())


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (b"491231235959Z", "2049-12-31T23:59:59+00:00"),
        (b"500101000000Z", "1950-01-01T00:00:00+00:00"),
        (b"20500101000000Z", "2050-01-01T00:00:00+00:00"),
        (b"99991231235959Z", "9999-12-31T23:59:59+00:00"),
    ],
)
def test_times(given: bytes, read: str) -> None:
    """RFC 5280, 4.1.2.5."""
    assert read_certificate(certificate(after=given)).not_after == read


def test_names() -> None:
    assert read_certificate(certificate(b"a\nb\x1b[31m")).subject == "a\nb\x1b[31m"
    assert read_certificate(certificate(b"\xff")).subject == "\ufffd"
    assert read_certificate(certificate(b"x" * 5000)).subject == "x" * 200
    assert read_certificate(certificate(version=b"")).subject == "by hand"


def test_what_is_no_certificate() -> None:
    whole = certificate()
    for wrong in (b"", b"\x30", b"\x30\x80" + whole[2:], b"\x30\x85\0\0\0\0\1", b"\x31" + whole[1:], element(0x30, b"x" * 70_000)):
        with pytest.raises(NotDER):
            read_certificate(wrong)
    for after in (b"20301301000000Z", b"300101000000", b"300101000000+0100", b"2030010100000Z", b"000001010000Z"):
        with pytest.raises(NotDER):
            read_certificate(certificate(after=after))
    for end in range(len(whole) - 1):
        with pytest.raises(NotDER):
            read_certificate(whole[:end])


def test_random_changes_end_in_a_certificate_or_an_error() -> None:
    chance = random.Random(16)
    for _ in range(20_000):
        data = bytearray(certificate())
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            found = read_certificate(bytes(data))
        except NotDER:
            continue
        assert len(found.not_after) == 25


def test_where_they_are_found() -> None:
    one, other = certificate(b"1"), certificate(b"2")
    bundle = f"# one\n{pem(one)}# other\r\n{pem(other, 'TRUSTED CERTIFICATE')}".encode()
    assert list(find_certificates(bundle, "bundle")) == [one, other]
    assert list(find_certificates(one, "x.DER")) == [one]
    assert list(find_certificates(one, "x")) == []
    assert list(find_certificates(pem(one).encode()[:-40], "x.crt")) == []
    example = b"-----BEGIN CERTIFICATE-----\n... (certificate in base64 PEM encoding) ...\n-----END CERTIFICATE-----\n"
    assert list(find_certificates(example, "README")) == []
    # openssl puts what it trusts behind the certificate.
    assert fingerprint(one + element(0x30)) == fingerprint(one)
