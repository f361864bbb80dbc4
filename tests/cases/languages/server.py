"""Answers "/" with a word, and "/second" with what is only asked for then."""

import concurrent.futures
import datetime as dt
import http.server
import importlib
import importlib.metadata
import multiprocessing
import os
import pkgutil
import signal
import ssl
import sys
import zoneinfo

import jobs


def square(number: int) -> int:
    return number * number


def second() -> str:
    (entry,) = importlib.metadata.entry_points(group="tool.jobs")
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=spawn) as pool:
        squares = list(pool.map(square, (2, 3)))
    zone = zoneinfo.ZoneInfo("Asia/Tokyo")
    import sqlite3

    answers = (
        importlib.metadata.version("tool"),
        entry.load(),
        [job.name for job in pkgutil.iter_modules(jobs.__path__)],
        os.path.exists("/etc/debian_version"),
        squares,
        dt.datetime(2020, 1, 1, tzinfo=zone).utcoffset(),
        len(ssl.create_default_context().get_ca_certs()) > 50,
        len("あ".encode("shift_jis")),
        sqlite3.connect(":memory:").execute("select 6 * 7").fetchone()[0],
        importlib.import_module("requests").__name__,
    )
    return " ".join(map(str, answers))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = (second() if self.path == "/second" else "first").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
