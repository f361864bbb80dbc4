"""Read and cut rpm's sqlite database, rpmdb.sqlite, on a copy in memory.

The database is not trusted, and nothing in it may be executed. Only plain tables and indexes as rpm makes them are
accepted: no triggers, views, virtual tables or expressions. Headers stay as they are, because they are signed; only
rows are removed. Berkeley databases and ndb are not read.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import sys
from collections.abc import Callable, Collection, Iterable, Iterator

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.packages.metadata import rpm_header
from docker_slim_plugin.resolve.packages.metadata.rpm_header import Header

FILE = "rpmdb.sqlite"
MAX_BYTES = 192 << 20
MAX_STEPS = 5_000
"""Most steps of a query, each of STEP_INSTRUCTIONS instructions of sqlite's virtual machine."""
STEP_INSTRUCTIONS = 100_000
ERRORS = (sqlite3.Error, ValueError, OSError, MemoryError, OverflowError)
# sqlite opens /dev/urandom for its first random number. Do that now, while files can be opened.
with contextlib.closing(sqlite3.connect(":memory:")) as _seed_connection:
    _seed_connection.execute("SELECT random()").fetchall()
_MAGIC = b"SQLite format 3\0"
_NAME = r"['\"]?\w+['\"]?"
_COLUMNS = r"[\w\s'\"]+(?:,[\w\s'\"]+)*"
_REFERENCE = rf",\s*FOREIGN KEY\s*\(\w+\)\s*REFERENCES {_NAME}\s*\(\w+\)\s*"
_PLAIN = re.compile(
    rf"CREATE TABLE {_NAME}\s*\({_COLUMNS}(?:{_REFERENCE})?\)"
    rf"|CREATE (?:UNIQUE )?INDEX {_NAME} ON {_NAME}\s*\({_COLUMNS}\)"
)
_EXPRESSION = re.compile(r"\b(?:CHECK|AS|DEFAULT|GENERATED|COLLATE)\b", re.IGNORECASE)
_VERSION = slice(96, 100)


def find_database(database: Iterable[RootPath]) -> RootPath | None:
    """Return the readable database among the files of rpm's directory, or None."""
    files = list(database)
    if any(path.endswith(("/Packages", "/Packages.db")) for path in files):
        return None
    return next((path for path in files if path.endswith(f"/{FILE}")), None)


@contextlib.contextmanager
def open_copy(raw: bytes) -> Iterator[sqlite3.Connection]:
    """Yield a copy of the database in memory. Raises one of `ERRORS` if it is not a plain, intact database of rpm."""
    if not raw.startswith(_MAGIC) or len(raw) > MAX_BYTES:
        raise ValueError("it is too large" if len(raw) > MAX_BYTES else "it is no sqlite database")
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        # rpm uses WAL mode (2, 2), in which a copy in memory cannot be opened.
        connection.deserialize(raw[:18] + b"\1\1" + raw[20:])
        _confine(connection)
        _check(connection)
        yield connection
    finally:
        connection.close()


def read_headers(connection: sqlite3.Connection) -> Iterator[tuple[str, Header]]:
    """Yield the key (name and row number) and the header of each package."""
    left = MAX_BYTES
    for number, blob in connection.execute("SELECT hnum, blob FROM Packages ORDER BY hnum"):
        if not isinstance(number, int) or not isinstance(blob, bytes):
            raise ValueError("it has a row that is not a package")  # noqa: TRY004  # what is wrong is the file
        # Rows may share pages in a crafted database.
        left -= len(blob)
        if left < 0:
            raise ValueError("its rows are larger than the largest database that is read")
        header = rpm_header.read(blob)
        yield f"{header.name.replace(':', '_')}:{number}", header


def cut_database(raw: bytes, keys: Collection[str]) -> bytes:
    """Return the database with only these packages."""
    numbers = [(int(key.rpartition(":")[2]),) for key in keys]
    with open_copy(raw) as connection:
        return _serialize_after(connection, raw, lambda: _remove(connection, numbers))


def merge_databases(raw: bytes, below: bytes) -> bytes:
    """Return the database with the additional packages of the one `below`."""
    with open_copy(raw) as connection, open_copy(below) as other:
        identities = {_identity(header) for _, header in read_headers(connection)}
        missing = {
            int(key.rpartition(":")[2]): None
            for key, header in read_headers(other)
            if _identity(header) not in identities
        }
        return _serialize_after(connection, raw, lambda: _insert(connection, other, missing)) if missing else raw


def _remove(connection: sqlite3.Connection, numbers: Iterable[tuple[int]]) -> None:
    """Remove all other packages from every table."""
    connection.execute("CREATE TEMP TABLE kept (hnum INTEGER PRIMARY KEY)")
    connection.executemany("INSERT INTO temp.kept VALUES (?)", numbers)
    for table in _tables(connection):
        connection.execute(f'DELETE FROM main."{table}" WHERE hnum NOT IN (SELECT hnum FROM temp.kept)')  # noqa: S608
    connection.execute("DROP TABLE temp.kept")


def _insert(connection: sqlite3.Connection, other: sqlite3.Connection, missing: dict[int, None]) -> None:
    (last,) = connection.execute("SELECT coalesce(max(hnum), 0) FROM Packages").fetchone()
    numbers = {number: last + position for position, number in enumerate(missing, 1)}
    theirs = _tables(other)
    for table, columns in _tables(connection).items():
        if theirs.get(table) == columns:
            at = columns.index("hnum")
            rows = other.execute(f'SELECT * FROM main."{table}"')  # noqa: S608
            fill = ",".join("?" * len(columns))
            moved = ((*row[:at], numbers[row[at]], *row[at + 1 :]) for row in rows if row[at] in numbers)
            connection.executemany(f'INSERT INTO main."{table}" VALUES ({fill})', moved)  # noqa: S608


def _serialize_after(connection: sqlite3.Connection, raw: bytes, change: Callable[[], None]) -> bytes:
    connection.execute("BEGIN")
    change()
    connection.execute("COMMIT")
    connection.execute("VACUUM")
    content = bytearray(connection.serialize())
    # Keep the sqlite version number of the original, so that the result does not depend on this host.
    content[_VERSION] = raw[_VERSION]
    return bytes(content)


def _identity(header: Header) -> tuple[object, ...]:
    # Vendor keys are packages too, and all have the same name.
    return (header.name, header.architecture, header.version if header.name == "gpg-pubkey" else ())


def _confine(connection: sqlite3.Connection) -> None:
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "temp_store=MEMORY", "journal_mode=MEMORY"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, False)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_VIEW, False)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_BYTES)
    steps = iter(range(MAX_STEPS))
    connection.set_progress_handler(lambda: int(next(steps, None) is None), STEP_INSTRUCTIONS)


def _check(connection: sqlite3.Connection) -> None:
    for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall():
        own = kind == "table" and name == "sqlite_sequence"
        automatic = kind == "index" and sql is None
        if kind not in ("table", "index") or not (own or automatic or _is_plain(str(sql))):
            raise ValueError(f"it has a {kind} that rpm does not make")
    if "hnum" not in _tables(connection).get("Packages", ()):
        raise ValueError("it has no packages")


def _is_plain(sql: str) -> bool:
    return _PLAIN.fullmatch(sql.strip()) is not None and _EXPRESSION.search(sql) is None


def _tables(connection: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    """Return the columns of each table that has rows of packages."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid").fetchall()
    found = {}
    for (name,) in names:
        if re.fullmatch(r"\w+", str(name)):
            columns = tuple(row[1] for row in connection.execute(f'PRAGMA main.table_info("{name}")'))
            if "hnum" in columns:
                found[name] = columns
    return found
