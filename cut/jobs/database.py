"""The SQLite file that holds the jobs: its schema, its transactions, its faults as one line.

Write-ahead logging lets pages read while the worker writes. A connection is opened for each use,
which takes a fraction of a millisecond: so any thread and any process may use it at any time.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from cut.errors import CutError
from cut.files import reason

VERSION = 1
PATIENCE = 10.0
"""Seconds to wait for another process that is writing."""

_SCHEMA = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    method TEXT NOT NULL,
    preset TEXT NOT NULL,
    overrides TEXT NOT NULL,      -- JSON object of text by setting
    device TEXT NOT NULL,         -- as asked for
    precision TEXT NOT NULL,
    lane TEXT NOT NULL,           -- the device whose worker trains it: cpu, mps, cuda:0, ...
    minutes REAL,
    sources INTEGER NOT NULL,
    targets INTEGER NOT NULL,
    note TEXT NOT NULL,           -- on its pictures
    model TEXT NOT NULL,          -- its name in the library, once it is published
    published INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'queued',
    turn INTEGER NOT NULL,        -- order in the line; larger is later
    stop_asked INTEGER NOT NULL DEFAULT 0,
    forgotten INTEGER NOT NULL DEFAULT 0,  -- deleted while it ran: the worker removes it
    message TEXT NOT NULL DEFAULT '',
    step INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL,
    seconds REAL NOT NULL DEFAULT 0,
    saved_step INTEGER NOT NULL DEFAULT 0,
    saved_seconds REAL NOT NULL DEFAULT 0,
    rate REAL,                    -- steps a second
    memory REAL,                  -- GB
    placement TEXT NOT NULL DEFAULT '',
    deaths INTEGER NOT NULL DEFAULT 0,     -- of its workers, without a save in between
    death_step INTEGER NOT NULL DEFAULT -1,
    created REAL NOT NULL,
    started REAL,
    ended REAL
);
CREATE TABLE metrics (
    job TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
    step INTEGER NOT NULL,
    seconds REAL NOT NULL,
    losses TEXT NOT NULL,         -- JSON object of numbers by name
    PRIMARY KEY (job, step)
) WITHOUT ROWID;
CREATE TABLE previews (
    job TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
    step INTEGER NOT NULL,
    seconds REAL NOT NULL,
    file TEXT NOT NULL,
    PRIMARY KEY (job, step)
) WITHOUT ROWID;
"""


class Database:
    """Transactions on one file, made with its tables when it is first used."""

    def __init__(self, path: Path, patience: float | None = None) -> None:
        """`patience`: seconds to wait for another process that is writing; None for PATIENCE."""
        self.path, self.patience = path, patience

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the database.

        Raises:
            CutError: the file is locked, damaged, of a newer version, or cannot be opened.
        """
        with self._connection() as connection:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes are kept together, or not at all if the block raises.

        The right to write is taken at once: what is read in the block is still true when it
        writes.

        Raises:
            CutError: as `reading`; or the disk is full.
        """
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        patience = PATIENCE if self.patience is None else self.patience
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Closing a connection rolls back what it has not committed.
            with closing(
                sqlite3.connect(self.path, timeout=patience, isolation_level=None)
            ) as connection:
                connection.row_factory = sqlite3.Row
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA synchronous = NORMAL")
                self._prepare(connection)
                yield connection
        except OSError as error:
            raise CutError(f"cannot make {self.path.parent}: {reason(error)}") from error
        except sqlite3.Error as error:
            raise CutError(self._line(error)) from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        version = _version(connection)
        if version == 0:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            version = _version(connection)  # another process may just have made the tables
            if version == 0:
                for statement in _SCHEMA.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {VERSION}")
                version = VERSION
            connection.execute("COMMIT")
        if version != VERSION:
            raise CutError(
                f"{self.path} is of another version of this software: use that one, or move the "
                "file away and begin with no jobs"
            )

    def _line(self, error: sqlite3.Error) -> str:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return (
                f"{self.path} is locked by another program: close it, or try again in a moment; "
                "nothing is lost"
            )
        if name.startswith("SQLITE_FULL"):
            return f"cannot write {self.path}: the disk is full; make room and try again"
        if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            return (
                f"{self.path} is damaged: move it away; models that were trained stay in the "
                "library"
            )
        return f"cannot use {self.path}: {error}; see that its folder may be written"


def _version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]
