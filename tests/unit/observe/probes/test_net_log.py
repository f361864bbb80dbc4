"""Network logs of Chromium: lines as it writes them, and hostile ones."""

from __future__ import annotations

import time

from docker_slim_plugin.observe.probes.crawl import crawl_server
from docker_slim_plugin.observe.probes.http import Response, Server
from docker_slim_plugin.observe.probes.net_log import MAX_LOADED, Loaded, read_net_log
from tests.unit.observe.probes.test_crawl import Site, soon

LINES = r"""{"constants":{"loadFlag":{"NORMAL":0}},
"events": [
{"params":{"initiator":"http://localhost:8123","load_flags":73728,"method":"GET","network_isolation_key":"http://localhost","request_type":"other","url":"http://localhost:8123/data.json?a=1"},"phase":1,"type":136},
{"params":{"load_flags":2,"method":"POST","url":"http://localhost:8123/save"},"phase":1,"type":136},
{"params":{"load_flags":2,"method":"GET","url":"ws://localhost:8123/comms"},"phase":1,"type":136},
{"params":{"load_flags":2,"method":"GET","url":"http://localhost:8123/data.json?a=1"},"phase":1,"type":136},
{"params":{"load_flags":2,"method":"GET","url":"data:image/png;base64,AAAA"},"phase":1,"type":136},
{"params":{"priority":"MEDIUM","url":"http://localhost:8123/other"},"phase":1,"type":2},
{"params":{"load_flags":2,"method":"GET","url":"http://elsewhere.example/x"},"phase":1,"type":136},
"""
FOUND = (
    Loaded("GET", "http://localhost:8123/data.json?a=1"),
    Loaded("POST", "http://localhost:8123/save"),
    Loaded("GET", "ws://localhost:8123/comms"),
    Loaded("GET", "http://elsewhere.example/x"),
)


def test_requests_of_a_log() -> None:
    assert read_net_log(LINES.encode()) == FOUND
    assert read_net_log(b"") == ()


def test_it_is_bounded_and_linear() -> None:
    begun = time.monotonic()
    line = '{"params":{"load_flags":1,"method":"GET","url":"http://localhost/%d"}}\n'
    assert len(read_net_log("".join(line % number for number in range(50_000)).encode())) == MAX_LOADED
    for text in ('"load_flags""url":"http://' * 100_000, '"load_flags"\n' * 200_000, "x" * 5_000_000):
        read_net_log(text.encode())
    assert time.monotonic() - begun < 5


def test_they_are_requested_from_the_server_alone() -> None:
    site = Site({"/data.json?a=1": Response(200)})
    one = crawl_server(Server("127.0.0.1", 32768, 8123), [], soon(), crawl=False, fetch=site)
    one.request_loaded(FOUND, 1.0)
    assert site.asked == ["/data.json?a=1", "GET[websocket] /comms"]
    assert [(result.kind, result.target) for result in one.results] == [("http-status", "GET 8123/data.json?a=1"), ("http-status", "GET[websocket] 8123/comms")]
