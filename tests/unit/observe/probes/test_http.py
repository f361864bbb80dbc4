"""Against servers on this machine that behave as real ones do, and worse."""

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
    """Have `talk` speak to each that connects, until the block ends; yield the port."""
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
    """Read one request's head."""
    data = b""
    while not data.endswith(b"\r\n\r\n") and (more := connection.recv(4096)):
        data += more
    return data


def says(answer: bytes, *, hold: bool = False) -> Talk:
    def talk(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(answer)
        if hold:
            connection.recv(1)

    return talk


def greets(line: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.sendall(line)
        request(connection)

    return talk


def silent(connection: socket.socket) -> None:
    with suppress(TimeoutError):
        connection.settimeout(1)
        while connection.recv(4096):
            pass


def trickles(head: bytes, drop: bytes, pause: float = 0.02) -> Talk:
    def talk(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(head)
        while True:
            connection.sendall(drop)
            time.sleep(pause)

    return talk


def asked(talk: Talk, method: str = "GET", path: str = "/", seconds: float = 2.0) -> Response:
    with listener(talk) as port:
        return fetch(Server("127.0.0.1", port, 80), method, path, seconds)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_answers(said: bytes, answer: Response, hold: bool) -> None:
    assert asked(says(said, hold=hold)) == answer


@pytest.mark.parametrize(
    ("talk", "status", "size"),
    [
        pytest.param(trickles(OK + b"\r\n", b"x"), 200, range(2, 30), id="a body without an end"),
        pytest.param(
            trickles(OK + b"Content-Type: text/event-stream\r\n\r\n", b"data: x\n\n"), 200, range(10, 300), id="events"
        ),
        pytest.param(trickles(OK + b"\r\n", b"x" * 500_000), 200, range(1 << 20, (1 << 20) + 1), id="no end of bytes"),
        pytest.param(says(OK + b"Content-Length: 9\r\n\r\nhi", hold=True), 200, range(2, 3), id="less than promised"),
        # So slowly that their number is not what ends them.
        pytest.param(trickles(OK, b"A: b\r\n", 0.2), 200, range(1), id="headers without an end"),
        pytest.param(trickles(b"", b"H"), -1, range(1), id="a first line without an end"),
        pytest.param(
            says(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(50_000_000))),
            200,
            range(1 << 20, (1 << 20) + 1),
            id="a bomb",
        ),
    ],
)
def test_what_has_no_end_is_cut(talk: Talk, status: int, size: range) -> None:
    begun = time.monotonic()
    answer = asked(talk, seconds=0.5)
    assert (answer.status, len(answer.body) in size) == (status, True), len(answer.body)
    assert time.monotonic() - begun < 3


def test_too_many_headers_are_no_answer() -> None:
    """There is time enough for them, on a busy machine too."""
    answer = asked(trickles(OK, b"A: b\r\n"), seconds=20.0)
    assert (answer.status, answer.body, answer.problem) == (-1, b"", "the answer is not HTTP")


@pytest.mark.parametrize(
    ("talk", "problem", "foreign"),
    [
        pytest.param(lambda connection: request(connection) and None, "closed without an answer", False, id="closed"),
        pytest.param(silent, "no answer within 0 s", False, id="silent"),
        pytest.param(greets(b"-ERR unknown command\r\n"), "not HTTP", True, id="redis"),
        pytest.param(greets(b"220 mail ESMTP\r\n"), "not HTTP", True, id="smtp"),
        pytest.param(greets(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x40\x00"), "not HTTP", True, id="HTTP/2 alone"),
        pytest.param(greets(b"HTTP/2.0 200 OK\r\n"), "not HTTP", True, id="a version that is not spoken so"),
        pytest.param(greets(b"\x15\x03\x01\x00\x02\x02\x46\n"), "not HTTP", False, id="a TLS alert is no protocol"),
        pytest.param(greets(b"x" * 70_000), "not HTTP", True, id="one endless line"),
    ],
)
def test_no_answer(talk: Talk, problem: str, foreign: bool) -> None:
    answer = asked(talk, seconds=0.4)
    assert (answer.status, answer.is_other_protocol, problem in answer.problem) == (-1, foreign, True), answer


def test_nobody_listens() -> None:
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


def test_a_post_says_that_it_is_empty() -> None:
    heads: list[bytes] = []
    asked(lambda connection: heads.append(request(connection)), "POST")
    assert b"Content-Length: 0\r\n" in heads[0]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody signed, for another name."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=example", "-days", "1"]
    subprocess.run([*command, "-keyout", str(file), "-out", str(file) + ".crt"], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + Path(str(file) + ".crt").read_bytes())
    return file


def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


HELLO = says(OK + b"Content-Length: 2\r\n\r\nhi")


def test_tls_with_a_certificate_of_nobody(certificate: Path) -> None:
    with listener(HELLO, tls(certificate)) as port:
        assert fetch(Server("127.0.0.1", port, 443, secure=True), "GET", "/") == Response(200, body=b"hi")
        assert detect_http("127.0.0.1", port, 443) == (Server("127.0.0.1", port, 443, secure=True), "")


def test_tls_that_wants_a_certificate_of_ours(certificate: Path) -> None:
    context = tls(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(certificate)
    with listener(HELLO, context) as port:
        server, problem = detect_http("127.0.0.1", port, 443)
    assert server is None
    assert problem.startswith("TLS: ")


@pytest.mark.parametrize(
    ("talk", "spoken_http"),
    [
        pytest.param(HELLO, True, id="http"),
        pytest.param(says(b"HTTP/1.1 400 Bad\r\n\r\n"), True, id="http that says 400"),
        pytest.param(says(b"HTTP/1.1 503 Wait\r\n\r\n"), True, id="http that is not ready"),
        pytest.param(greets(b"-ERR\r\n"), False, id="another protocol"),
        pytest.param(silent, False, id="silence"),
        pytest.param(lambda connection: request(connection) and None, False, id="closed at once"),
    ],
)
def test_what_a_port_speaks(talk: Talk, spoken_http: bool) -> None:
    with listener(talk) as port:
        assert (detect_http("127.0.0.1", port, 80)[0] is not None) == spoken_http


def test_who_waits_on_for_more_speaks_no_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """As redis does: it hangs up on a browser, and a TLS hello is no whole line yet."""
    monkeypatch.setattr(http, "TLS_SECONDS", 0.2)
    begun: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        begun.append(connection.recv(1))
        if begun[-1] == b"\x16":
            silent(connection)

    with listener(talk) as port:
        assert detect_http("127.0.0.1", port, 6379)[0] is None
    assert begun == [b"G", b"\x16", b"G"]


def test_plain_http_refused_on_a_port_for_tls(certificate: Path) -> None:
    """As nginx does: 400 in plain text to who speaks plain."""
    context = tls(certificate)

    def talk(connection: socket.socket) -> None:
        if connection.recv(1, socket.MSG_PEEK) == b"\x16":
            with context.wrap_socket(connection, server_side=True) as secure:
                HELLO(secure)
        else:
            says(b"HTTP/1.1 400 Bad Request\r\n\r\nThe plain HTTP request was sent to HTTPS port")(connection)

    with listener(talk) as port:
        server, _ = detect_http("127.0.0.1", port, 8443)
    assert server is not None
    assert server.secure
    assert server.authority == "localhost:8443"


def test_a_listener_whose_app_is_not_up_yet_gets_another_chance() -> None:
    first = threading.Event()

    def talk(connection: socket.socket) -> None:
        if not first.is_set():
            request(connection)
            threading.Timer(0.02, first.set).start()
            return
        HELLO(connection)

    with listener(talk) as port:
        assert detect_http("127.0.0.1", port, 80)[0] is not None


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
    """http.client takes it for a mail, and looks for the parts of a multipart by the square of its length."""
    begun = time.monotonic()
    answer = asked(says(b"HTTP/1.1 200 OK\r\n" + field + b"\r\nContent-Length: 4\r\n\r\nbodyand more"))
    assert time.monotonic() - begun < 1
    assert (answer.status, answer.body) == (200, b"body")
    assert len(answer.kind) + len(answer.location) < 5000


def test_a_field_that_goes_on_in_the_next_line() -> None:
    answer = asked(says(b"HTTP/1.1 200 OK\r\nContent-Type: text/html;\r\n\tcharset=x\r\nX: y\r\n z\r\n\r\nbody"))
    assert (answer.kind, answer.body) == ("text/html; charset=x", b"body")


def test_answers_before_the_answer() -> None:
    early = b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n"
    assert asked(says(early * 3 + b"HTTP/1.1 204 No Content\r\n\r\n")).status == 204
    assert asked(says(early + b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nbody")).body == b"body"
    assert asked(says(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")).status == 101
    assert asked(says(early * 1000)).problem == "the answer is not HTTP"


def test_more_lines_than_anybody_reads() -> None:
    assert asked(says(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n")).problem == "the answer is not HTTP"
