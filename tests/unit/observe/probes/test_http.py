"""The HTTP client with local servers that behave like real ones, and worse."""

from __future__ import annotations

import gzip
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.observe.probes import http
from docker_slim_plugin.observe.probes.http import Response, Server, detect_http, fetch
from docker_slim_plugin.observe.probes.http_spelling import HttpProbe, parse_http_probe

Talk = Callable[[socket.socket], None]


@contextmanager
def listener(talk: Talk, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Call `talk` with each connection until the block ends; yield the port."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        open_: list[socket.socket] = []

        def serve(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                with tls.wrap_socket(connection, server_side=True) if tls else connection as spoken_to:
                    open_.append(spoken_to)
                    talk(spoken_to)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        for connection in open_:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def request(connection: socket.socket) -> bytes:
    """Read the head of one request."""
    data = b""
    while not data.endswith(b"\r\n\r\n") and (more := connection.recv(4096)):
        data += more
    return data


def respond_with(answer: bytes, *, hold: bool = False) -> Talk:
    def talk(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(answer)
        if hold:
            connection.recv(1)

    return talk


def send_banner(line: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.sendall(line)
        request(connection)

    return talk


def stay_silent(connection: socket.socket) -> None:
    with suppress(TimeoutError):
        connection.settimeout(1)
        while connection.recv(4096):
            pass


def trickle(head: bytes, drop: bytes, pause: float = 0.02) -> Talk:
    def talk(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(head)
        while True:
            connection.sendall(drop)
            time.sleep(pause)

    return talk


def fetch_from(talk: Talk, method: str = "GET", path: str = "/", seconds: float = 2.0) -> Response:
    with listener(talk) as port:
        return fetch(Server("127.0.0.1", port, 80), method, path, seconds)


@pytest.fixture(autouse=True)
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BODY_SECONDS", "STREAM_SECONDS", "DETECT_SECONDS", "TLS_SECONDS"):
        monkeypatch.setattr(http, name, 0.15)
    monkeypatch.setattr(http, "PAUSE_SECONDS", 0.05)


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        pytest.param(OK + b"Content-Length: 2\r\n\r\nhi", Response(200, body=b"hi"), id="a length"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\nuntil the end", Response(200, body=b"until the end"), id="HTTP/1.0"),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", Response(200, body=b"abc"), id="chunked"
        ),
        pytest.param(
            OK + b"Content-Encoding: gzip\r\nContent-Type: Text/HTML\r\n\r\n" + gzip.compress(b"packed"),
            Response(200, "text/html", b"packed"),
            id="gzip",
        ),
        pytest.param(OK + b"Content-Encoding: gzip\r\n\r\nnot packed", Response(200), id="gzip that is none"),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\nnonsense", Response(200, body=b"ab"), id="broken chunks"
        ),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", Response(204), id="no content"),
        pytest.param(
            b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
            Response(302, location="/x"),
            id="a redirect is not followed",
        ),
        pytest.param(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", Response(500), id="an error is an answer"),
    ],
)
@pytest.mark.parametrize("hold", [False, True], ids=["closed", "kept open"])
def test_responses(said: bytes, answer: Response, hold: bool) -> None:
    assert fetch_from(respond_with(said, hold=hold)) == answer


@pytest.mark.parametrize(
    ("talk", "status", "size"),
    [
        pytest.param(trickle(OK + b"\r\n", b"x"), 200, range(2, 30), id="a body without an end"),
        pytest.param(
            trickle(OK + b"Content-Type: text/event-stream\r\n\r\n", b"data: x\n\n"), 200, range(10, 300), id="events"
        ),
        pytest.param(trickle(OK + b"\r\n", b"x" * 500_000), 200, range(1 << 20, (1 << 20) + 1), id="no end of bytes"),
        pytest.param(respond_with(OK + b"Content-Length: 9\r\n\r\nhi", hold=True), 200, range(2, 3), id="less than promised"),
        # So slowly that their number is not what ends them.
        pytest.param(trickle(OK, b"A: b\r\n", 0.2), 200, range(1), id="headers without an end"),
        pytest.param(trickle(b"", b"H"), -1, range(1), id="a first line without an end"),
        pytest.param(
            respond_with(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(50_000_000))),
            200,
            range(1 << 20, (1 << 20) + 1),
            id="a bomb",
        ),
    ],
)
def test_an_endless_body_is_truncated(talk: Talk, status: int, size: range) -> None:
    begun = time.monotonic()
    answer = fetch_from(talk, seconds=0.5)
    assert (answer.status, len(answer.body) in size) == (status, True), len(answer.body)
    assert time.monotonic() - begun < 3


def test_too_many_headers_are_no_answer() -> None:
    """The time limit is long enough for them, even on a busy machine."""
    answer = fetch_from(trickle(OK, b"A: b\r\n"), seconds=20.0)
    assert (answer.status, answer.body, answer.problem) == (-1, b"", "the answer is not HTTP")


@pytest.mark.parametrize(
    ("talk", "problem", "foreign"),
    [
        pytest.param(lambda connection: request(connection) and None, "closed without an answer", False, id="closed"),
        pytest.param(stay_silent, "no answer within 0 s", False, id="silent"),
        pytest.param(send_banner(b"-ERR unknown command\r\n"), "not HTTP", True, id="redis"),
        pytest.param(send_banner(b"220 mail ESMTP\r\n"), "not HTTP", True, id="smtp"),
        pytest.param(send_banner(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x40\x00"), "not HTTP", True, id="HTTP/2 alone"),
        pytest.param(send_banner(b"HTTP/2.0 200 OK\r\n"), "not HTTP", True, id="a version that is not spoken so"),
        pytest.param(send_banner(b"\x15\x03\x01\x00\x02\x02\x46\n"), "not HTTP", False, id="a TLS alert is no protocol"),
        pytest.param(send_banner(b"x" * 70_000), "not HTTP", True, id="one endless line"),
    ],
)
def test_no_answer(talk: Talk, problem: str, foreign: bool) -> None:
    answer = fetch_from(talk, seconds=0.4)
    assert (answer.status, answer.is_other_protocol, problem in answer.problem) == (-1, foreign, True), answer


def test_a_port_without_a_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert fetch(Server("127.0.0.1", port, 80), "GET", "/").problem == "connection refused"


@pytest.mark.parametrize(
    ("port", "method", "path", "line", "host"),
    [
        pytest.param(80, "GET", "/a?b=c%20d", "GET /a?b=c%20d HTTP/1.1", "localhost", id="as it stands"),
        pytest.param(8080, "GET", "/ü/a b", "GET /%C3%BC/a%20b HTTP/1.1", "localhost:8080", id="quoted"),
        pytest.param(80, "GET", "/a\r\nX: y", "GET /a%0D%0AX:%20y HTTP/1.1", "localhost", id="no line of its own"),
        pytest.param(80, "DELETE", "/a", "DELETE /a HTTP/1.1", "localhost", id="a method"),
    ],
)
def test_what_is_sent(port: int, method: str, path: str, line: str, host: str) -> None:
    heads: list[list[str]] = []

    def talk(connection: socket.socket) -> None:
        heads.append(request(connection).decode().split("\r\n"))
        connection.sendall(OK + b"Content-Length: 0\r\n\r\n")

    with listener(talk) as host_port:
        assert fetch(Server("127.0.0.1", host_port, port), method, path).status == 200
    assert heads[0][0] == line
    assert f"Host: {host}" in heads[0]
    assert "X: y" not in heads[0]


def test_a_post_has_a_content_length_of_zero() -> None:
    heads: list[bytes] = []
    fetch_from(lambda connection: heads.append(request(connection)), "POST")
    assert b"Content-Length: 0\r\n" in heads[0]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for another name."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=example", "-days", "1"]
    subprocess.run([*command, "-keyout", str(file), "-out", str(file) + ".crt"], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + Path(str(file) + ".crt").read_bytes())
    return file


def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


HELLO = respond_with(OK + b"Content-Length: 2\r\n\r\nhi")


def test_tls_with_a_self_signed_certificate(certificate: Path) -> None:
    with listener(HELLO, tls(certificate)) as port:
        assert fetch(Server("127.0.0.1", port, 443, secure=True), "GET", "/") == Response(200, body=b"hi")
        assert detect_http(Server("127.0.0.1", port, 443)) == (Server("127.0.0.1", port, 443, secure=True), "")


def test_tls_that_requires_a_client_certificate(certificate: Path) -> None:
    context = tls(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(certificate)
    with listener(HELLO, context) as port:
        server, problem = detect_http(Server("127.0.0.1", port, 443))
    assert server is None
    assert problem.startswith("TLS: ")


@pytest.mark.parametrize(
    ("talk", "spoken_http"),
    [
        pytest.param(HELLO, True, id="http"),
        pytest.param(respond_with(b"HTTP/1.1 400 Bad\r\n\r\n"), True, id="http that says 400"),
        pytest.param(respond_with(b"HTTP/1.1 503 Wait\r\n\r\n"), True, id="http that is not ready"),
        pytest.param(send_banner(b"-ERR\r\n"), False, id="another protocol"),
        pytest.param(stay_silent, False, id="silence"),
        pytest.param(lambda connection: request(connection) and None, False, id="closed at once"),
    ],
)
def test_what_a_port_speaks(talk: Talk, spoken_http: bool) -> None:
    with listener(talk) as port:
        assert (detect_http(Server("127.0.0.1", port, 80))[0] is not None) == spoken_http


def test_a_server_that_waits_for_more_input_is_not_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """redis closes the connection of an HTTP client, and waits for the rest of a line after a TLS hello."""
    monkeypatch.setattr(http, "TLS_SECONDS", 0.2)
    begun: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        begun.append(connection.recv(1))
        if begun[-1] == b"\x16":
            stay_silent(connection)

    with listener(talk) as port:
        assert detect_http(Server("127.0.0.1", port, 6379))[0] is None
    assert begun == [b"G", b"\x16", b"G"]


def test_plain_http_refused_on_a_port_for_tls(certificate: Path) -> None:
    """nginx answers plain HTTP on a TLS port with 400 in plain text."""
    context = tls(certificate)

    def talk(connection: socket.socket) -> None:
        if connection.recv(1, socket.MSG_PEEK) == b"\x16":
            with context.wrap_socket(connection, server_side=True) as secure:
                HELLO(secure)
        else:
            respond_with(b"HTTP/1.1 400 Bad Request\r\n\r\nThe plain HTTP request was sent to HTTPS port")(connection)

    with listener(talk) as port:
        server, _ = detect_http(Server("127.0.0.1", port, 8443))
    assert server is not None
    assert server.secure
    assert server.authority == "localhost:8443"


def test_a_listener_whose_app_is_not_ready_is_retried() -> None:
    first = threading.Event()

    def talk(connection: socket.socket) -> None:
        if not first.is_set():
            request(connection)
            threading.Timer(0.02, first.set).start()
            return
        HELLO(connection)

    with listener(talk) as port:
        assert detect_http(Server("127.0.0.1", port, 80))[0] is not None


@pytest.mark.parametrize(
    ("text", "probe"),
    [
        ("/", HttpProbe("GET", None, "/")),
        ("8080/", HttpProbe("GET", 8080, "/")),
        ("POST:/a?b=c", HttpProbe("POST", None, "/a?b=c")),
        ("put:65535/a:b/c", HttpProbe("PUT", 65535, "/a:b/c")),
        ("/8080/x", HttpProbe("GET", None, "/8080/x")),
    ],
)
def test_parse(text: str, probe: HttpProbe) -> None:
    assert parse_http_probe(text) == probe


@pytest.mark.parametrize("text", ["", "health", "80", "0/", "65536/", "GET 80/", "http://a/", "/a b", "GET:", ":80/"])
def test_parse_refuses(text: str) -> None:
    with pytest.raises(UsageError, match="cannot read the probe"):
        parse_http_probe(text)


@pytest.mark.parametrize(
    ("text", "probe"),
    [
        ("404:/none", HttpProbe("GET", None, "/none", 404)),
        ("404:8080/none", HttpProbe("GET", 8080, "/none", 404)),
        ("POST:401:8080/login", HttpProbe("POST", 8080, "/login", 401)),
        ("404/none", HttpProbe("GET", 404, "/none")),
    ],
)
def test_parse_a_status(text: str, probe: HttpProbe) -> None:
    assert parse_http_probe(text) == probe


@pytest.mark.parametrize("text", ["99:/", "600:/", "4040:/", "401:POST:/login", "404:404:/"])
def test_parse_refuses_what_is_no_status(text: str) -> None:
    with pytest.raises(UsageError, match="cannot read the probe"):
        parse_http_probe(text)


@pytest.mark.parametrize(
    "field",
    [
        b"Content-Type: multipart/x" + (b";" * 60_000 + b"\r\n ") * 95 + b"x",
        b'Content-Type: multipart/x; boundary="' + (b";" * 60_000 + b"\r\n ") * 95 + b"x",
        b"\r\n".join(b"Set-Cookie: " + b"a=b; " * 12_000 for _ in range(95)),
        b"\r\n".join([b"Content-Type: multipart/mixed; boundary=x\r\nno field\r\n--x"] * 30),
        b"X-Odd: " + b"\x85\x0b\x0c" * 20_000,
        b"Location: /" + b"x" * 60_000,
    ],
)
def test_a_head_is_read_in_one_pass(field: bytes) -> None:
    """http.client parses a head as mail, and searches for parts of a multipart in quadratic time."""
    begun = time.monotonic()
    answer = fetch_from(respond_with(b"HTTP/1.1 200 OK\r\n" + field + b"\r\nContent-Length: 4\r\n\r\nbodyand more"))
    assert time.monotonic() - begun < 1
    assert (answer.status, answer.body) == (200, b"body")
    assert len(answer.kind) + len(answer.location) < 5000


def test_a_folded_header_field() -> None:
    answer = fetch_from(respond_with(b"HTTP/1.1 200 OK\r\nContent-Type: text/html;\r\n\tcharset=x\r\nX: y\r\n z\r\n\r\nbody"))
    assert (answer.kind, answer.body) == ("text/html; charset=x", b"body")


def test_interim_responses() -> None:
    early = b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n"
    assert fetch_from(respond_with(early * 3 + b"HTTP/1.1 204 No Content\r\n\r\n")).status == 204
    assert fetch_from(respond_with(early + b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nbody")).body == b"body"
    assert fetch_from(respond_with(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")).status == 101
    assert fetch_from(respond_with(early * 1000)).problem == "the answer is not HTTP"


def test_too_many_header_lines() -> None:
    assert fetch_from(respond_with(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n")).problem == "the answer is not HTTP"
