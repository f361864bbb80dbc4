"""A minimal HTTP client: one request, bounded in bytes and time whatever the server does.

The server is part of the image, and hostile. Requests go only to the given port. The Host header is always the same, so
that an app that writes absolute links gives the same response on any host port.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import io
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO
from urllib.parse import quote

MAX_BODY = 1 << 20
RESPONSE_SECONDS, BODY_SECONDS = 20.0, 5.0
"""Maximum seconds until a response begins, because some apps load or compile at the first request; and until it ends,
because some responses never end.
"""
STREAM_SECONDS = 1.0
DETECT_SECONDS, TLS_SECONDS, PAUSE_SECONDS = 10.0, 3.0, 0.5
_TLS_ALERT = "\x15\x03"
"""The first bytes of a TLS alert: RFC 8446, section 6."""
MAX_LINES, MAX_LINE, MAX_INTERIM = 100, 1 << 16, 10
"""Maximum number of header lines, bytes of each, and interim responses (RFC 9110, section 15.2)."""
MAX_FIELD = 4000
"""Maximum length in bytes of a header field; longer ones are dropped."""
_FIELDS = frozenset(
    {
        b"content-type",
        b"content-encoding",
        b"content-length",
        b"transfer-encoding",
        b"connection",
        b"location",
        b"retry-after",
    }
)
_INTERIM = re.compile(rb"HTTP/\S*+ ++1(?!01)[0-9]{2}\b")
"""The status line of an interim response: all of 1xx but 101."""
_ENDLESS = ("text/event-stream", "multipart/x-mixed-replace")
SAFE = "!#$%&'()*+,/:;=?@[]~"
_HEADERS = {
    # Some apps reject clients that do not look like a browser.
    "User-Agent": "Mozilla/5.0 (compatible; docker-slim)",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip",
    "Connection": "close",
}
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}
VARIANTS: Mapping[str, tuple[Mapping[str, str], bytes]] = {
    "curl": ({"User-Agent": "curl/8", "Accept": "*/*", "Accept-Encoding": "identity"}, b""),
    "br": ({"Accept-Encoding": "gzip, deflate, br, zstd"}, b""),
    "range": ({"Range": "bytes=0-0", "Accept-Encoding": "identity"}, b""),
    "since": ({"If-Modified-Since": "Fri, 31 Dec 2099 23:59:59 GMT"}, b""),
    "german": ({"Accept-Language": "de-DE,de;q=0.9"}, b""),
    "json": (_JSON, b'{"a": 1}'),
    "no-json": (_JSON, b"{"),
    "gzip": ({**_JSON, "Content-Encoding": "gzip"}, gzip.compress(b'{"a": 1}', mtime=0)),
    "form": ({"Content-Type": "application/x-www-form-urlencoded"}, b"a=1"),
    "websocket": (
        {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "ZG9ja2VyLXNsaW0tcHJvYg==",
        },
        b"",
    ),
}
"""Headers and body of special requests. A method names one in brackets: GET[range]; or the URL under which clients know
the server: GET[https://www.example.org]; or the form that it sends: POST[a=1&b=2].
"""
_PUBLIC = re.compile(r"(https?)://([\w.-]{1,253}(?::[0-9]{1,5})?)")


@dataclass(frozen=True, slots=True)
class Server:
    """A port of the app, and its address on the host."""

    host: str
    host_port: int
    port: int
    """The port in the container."""
    secure: bool = False
    connect: Callable[[float], socket.socket] | None = field(default=None, compare=False)
    """Connects to the port within some seconds, if not by an address on the host."""

    @property
    def authority(self) -> str:
        """The Host header, as seen from inside the container: "localhost" is allowed wherever hosts are checked."""
        return "localhost" if self.port == (443 if self.secure else 80) else f"localhost:{self.port}"


@dataclass(frozen=True, slots=True)
class Response:
    """A response; status is -1 when there was none."""

    status: int
    kind: str = ""
    """Content-Type, in lower case."""
    body: bytes = b""
    location: str = ""
    problem: str = ""
    retry_after: float = 0.0
    """Seconds after which the server wants to be asked again."""
    is_other_protocol: bool = False
    """Whether the server answered in another protocol."""


class _HttpResponse(http.client.HTTPResponse):
    """A response whose head is read here: http.client parses it as a mail header, in time quadratic in its length."""

    def begin(self) -> None:
        stream = self.fp
        self.fp = io.BufferedReader(io.BytesIO(_head(stream)))
        try:
            super().begin()
        finally:
            self.fp = stream


def fetch(server: Server, method: str, path: str, seconds: float = RESPONSE_SECONDS) -> Response:
    """Send one request without following redirects; return the response, which must begin within `seconds`.

    At most MAX_BODY bytes of the body are read.
    """
    try:
        with _connection(server, seconds) as connection:
            # Both headers are set below: http.client would send another host.
            verb, _, variant = method.removesuffix("]").partition("[")
            headers, body = VARIANTS.get(variant) or _form(verb, variant)
            connection.putrequest(verb, quote(path, safe=SAFE), skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": server.authority, **_HEADERS, **_public(variant), **headers}.items():
                connection.putheader(name, value)
            if verb in ("POST", "PUT", "PATCH"):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            stream = connection.sock
            with connection.getresponse() as response:
                stream.settimeout(BODY_SECONDS)
                return Response(
                    response.status,
                    response.getheader("Content-Type", "").lower(),
                    _body(response),
                    response.getheader("Location", ""),
                    retry_after=_seconds(response.getheader("Retry-After", "")),
                )
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Response(-1, problem=_problem(error, seconds), is_other_protocol=_is_other_protocol(error))


def _form(verb: str, variant: str) -> tuple[Mapping[str, str], bytes]:
    """Return headers and body of a form that is sent."""
    if verb == "POST" and "=" in variant:
        return VARIANTS["form"][0], variant.encode("ascii", "replace")
    return {}, b""


def _public(variant: str) -> dict[str, str]:
    """Return the headers of a proxy under whose URL clients know the server."""
    match = _PUBLIC.fullmatch(variant)
    return {"Host": match[2], "X-Forwarded-Proto": match[1], "X-Forwarded-Host": match[2]} if match else {}


def _seconds(text: str) -> float:
    return float(text) if text.isdecimal() and len(text) < 6 else 0.0


def _head(stream: BinaryIO) -> bytes:
    """Return the head of a response: the status line, and the fields that are used."""
    for _ in range(MAX_INTERIM):
        first = _line(stream)
        fields: list[bytes] = []
        if not first.startswith(b"HTTP/"):
            return first
        for _ in range(MAX_LINES):
            line = _line(stream)
            if line in (b"\r\n", b"\n", b""):
                break
            # A line that begins with a blank continues the previous line (RFC 9112, section 5.2).
            if line[:1] in b" \t" and fields:
                fields[-1] = (fields[-1].rstrip() + b" " + line.strip() + b"\r\n")[: MAX_FIELD + 1]
            else:
                fields.append(line)
        else:
            raise http.client.HTTPException(f"got more than {MAX_LINES} headers")
        if not _INTERIM.match(first):
            fields = [one for one in fields if len(one) <= MAX_FIELD and one.partition(b":")[0].lower() in _FIELDS]
            return b"".join((first, *fields, b"\r\n"))
    raise http.client.HTTPException("the answer never comes")


def _line(stream: BinaryIO) -> bytes:
    line = stream.readline(MAX_LINE + 1)
    if len(line) > MAX_LINE:
        raise http.client.LineTooLong("header line")
    return line


@contextlib.contextmanager
def _connection(server: Server, seconds: float) -> Iterator[http.client.HTTPConnection]:
    """Yield a connection that is closed soon after `seconds`, even if bytes still trickle in."""
    connection = http.client.HTTPConnection(server.host, server.host_port)
    connection.response_class = _HttpResponse
    with contextlib.closing(connection), _connected(server, seconds) as plain:
        with plain.dup() as duplicate:
            # A socket timeout applies to one read only; a server that sends a byte now and then would never reach it.
            end = threading.Timer(seconds + BODY_SECONDS, _shut_down, (duplicate,))
            end.daemon = True
            end.start()
            try:
                connection.sock = _tls().wrap_socket(plain, server_hostname="localhost") if server.secure else plain
                yield connection
            finally:
                end.cancel()
                end.join()


def _connected(server: Server, seconds: float) -> socket.socket:
    if server.connect is not None:
        return server.connect(seconds)
    return socket.create_connection((server.host, server.host_port), seconds)


def _shut_down(duplicate: socket.socket) -> None:
    with contextlib.suppress(OSError):
        duplicate.shutdown(socket.SHUT_RDWR)


def _tls() -> ssl.SSLContext:
    """Return a TLS context that accepts any server: the app is tested, not its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def _body(response: http.client.HTTPResponse) -> bytes:
    """Return the first MAX_BODY bytes, decompressed, of the body that arrives within BODY_SECONDS."""
    endless = response.getheader("Content-Type", "").lower().startswith(_ENDLESS)
    deadline = time.monotonic() + (STREAM_SECONDS if endless else BODY_SECONDS)
    packed = response.getheader("Content-Encoding", "").lower() in ("gzip", "x-gzip")
    unpack = zlib.decompressobj(wbits=31)
    body = bytearray()
    # The bytes that arrived before an error count as the body.
    with contextlib.suppress(OSError, http.client.HTTPException, ValueError, zlib.error):
        while len(body) < MAX_BODY and time.monotonic() < deadline and (block := response.read1(1 << 16)):
            body += unpack.decompress(block, MAX_BODY) if packed else block
    return bytes(body[:MAX_BODY])


def _problem(error: Exception, seconds: float) -> str:
    """Return the reason why there is no response, as text."""
    match error:
        case TimeoutError():
            return f"no answer within {seconds:.0f} s"
        case http.client.RemoteDisconnected():
            return "the connection was closed without an answer"
        case ssl.SSLError():
            return f"TLS: {(error.reason or 'it failed').lower().replace('_', ' ')}"
        case OSError():
            return (error.strerror or type(error).__name__).lower()
        case http.client.HTTPException():
            return "the answer is not HTTP"
    return f"the request failed: {error}"


def _is_other_protocol(error: Exception) -> bool:
    """Tell whether the server answered in another protocol than HTTP or TLS."""
    if isinstance(error, http.client.RemoteDisconnected):
        return False
    if isinstance(error, http.client.BadStatusLine):
        return not str(error.args[0]).startswith(_TLS_ALERT)
    return isinstance(error, http.client.LineTooLong | http.client.UnknownProtocol)


def detect_http(plain: Server) -> tuple[Server | None, str]:
    """Return a port as an HTTP or HTTPS server; or None, and the reason."""
    secure = replace(plain, secure=True)
    problem, tls = "", Response(-1)
    for pause in (PAUSE_SECONDS, 0.0):
        response = fetch(plain, "GET", "/", DETECT_SECONDS)
        # nginx and others answer plain HTTP on a TLS port with 400.
        if response.status not in (-1, 400):
            return plain, ""
        if response.is_other_protocol:
            return None, ""
        # If the first TLS hello timed out, the server was up and waited for something else.
        if "no answer" not in tls.problem:
            tls = fetch(secure, "GET", "/", TLS_SECONDS)
        if tls.status != -1:
            return secure, ""
        if response.status == 400:
            return plain, ""
        problem = tls.problem if "alert" in tls.problem else response.problem
        if "no answer" in response.problem:
            break
        # It listens, but the backend may not be ready yet.
        time.sleep(pause)
    return None, problem
