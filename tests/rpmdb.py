"""A database as rpm writes it, for tests that need no rpm."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Mapping, Sequence

TABLES = ("Name", "Basenames", "Providename")


def header(name: str, files: Sequence[str], version: str = "1", provides: Sequence[str] = (), requires: Sequence[str] = ()) -> bytes:
    """Return a header blob with what a database's reader wants of it."""
    directories = sorted({path.rpartition("/")[0] + "/" for path in files})
    numbers = [directories.index(path.rpartition("/")[0] + "/") for path in files]
    fields: list[tuple[int, int, int, bytes]] = [
        (tag, 6, 1, text.encode() + b"\0") for tag, text in ((1000, name), (1001, version), (1002, "1"), (1022, "x86_64"))
    ]
    if files:
        fields += [
            (1116, 4, len(files), struct.pack(f">{len(files)}I", *numbers)),
            (1117, 8, len(files), b"".join(path.rpartition("/")[2].encode() + b"\0" for path in files)),
            (1118, 8, len(directories), b"".join(path.encode() + b"\0" for path in directories)),
        ]
    fields += [
        (tag, 8, len(names), b"".join(one.encode() + b"\0" for one in names)) for tag, names in ((1047, provides), (1049, requires)) if names
    ]
    index = data = b""
    for tag, kind, count, value in fields:
        data += bytes(-len(data) % 4)
        index += struct.pack(">IIII", tag, kind, len(data), count)
        data += value
    return struct.pack(">II", len(fields), len(data)) + index + data


def database(packages: Mapping[str, Sequence[str]], *more: str, first: int = 1, needs: Mapping[str, Sequence[str]] | None = None) -> bytes:
    """Return rpmdb.sqlite, in WAL mode as rpm leaves it; `more` are further statements.

    `needs` are the names that packages require. Each package provides its own name and "virtual-NAME".
    """
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)")
    for table in TABLES:
        reference = "FOREIGN KEY (hnum) REFERENCES 'Packages'(hnum)"
        connection.execute(f"CREATE TABLE '{table}' (key 'TEXT' NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL, {reference})")
        connection.execute(f"CREATE INDEX '{table}_key_idx' ON '{table}'(key ASC)")
    for number, (name, files) in enumerate(packages.items(), first):
        connection.execute("INSERT INTO Packages VALUES (?, ?)", (number, header(name, files, provides=(name, f"virtual-{name}"), requires=(needs or {}).get(name, ()))))
        keys = {"Name": [name], "Basenames": [path.rpartition("/")[2] for path in files], "Providename": [name]}
        for table, values in keys.items():
            connection.executemany(f"INSERT INTO '{table}' VALUES (?, ?, ?)", [(key, number, at) for at, key in enumerate(values)])
    for statement in more:
        connection.execute(statement)
    connection.commit()
    content = bytearray(connection.serialize())
    content[18:20] = b"\2\2"
    return bytes(content)


def rows(content: bytes) -> dict[str, list[str]]:
    """Return the names of the packages, and the keys of each index."""
    connection = sqlite3.connect(":memory:")
    connection.deserialize(content[:18] + b"\1\1" + content[20:])
    found = {table: sorted(key for (key,) in connection.execute(f"SELECT key FROM '{table}'")) for table in TABLES}
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    numbers = {number for (number,) in connection.execute("SELECT hnum FROM Packages")}
    assert {number for table in TABLES for (number,) in connection.execute(f"SELECT hnum FROM '{table}'")} <= numbers
    return found
