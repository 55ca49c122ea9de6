"""Where objects live: in memory for reading, in SQLite for keeping.

A write is on its way to the disk before it is answered, and in memory only after that: a full disk leaves
memory as it was. SQLite's write-ahead log with ``synchronous=NORMAL`` survives the death of the process at
any point (about 50 µs a write); a power cut can take back the last moments, and with them everything that
depended on them, because all of the lab ends with the machine.

There is one counter: each write takes the next number, which becomes the object's ``resourceVersion``.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from labs.errors import LabError
from labs.kube.kinds import KINDS
from labs.kube.objects import Key, Object, Stored, key, stored
from labs.kube.status import storage
from labs.kube.watch import Event, History

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    kind TEXT, namespace TEXT, name TEXT, version INTEGER, body BLOB,
    PRIMARY KEY (kind, namespace, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER);
INSERT OR IGNORE INTO counter VALUES (1, 1);
"""
PUT = "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)"
REMOVE = "DELETE FROM objects WHERE kind = ? AND namespace = ? AND name = ?"


class StateUnreadable(LabError):
    """The database cannot be opened or is not ours."""


class Store:
    """All objects; every method that writes raises ``StatusError`` 507 when the disk refuses."""

    def __init__(self, path: Path) -> None:
        self._database = _open(path)
        self._objects: dict[str, dict[Key, Stored]] = {kind: {} for kind in KINDS}
        self.version = self._load()
        self.history = History(self.version)

    def _load(self) -> int:
        (version,) = self._database.execute("SELECT version FROM counter").fetchone()
        for kind, number, body in self._database.execute("SELECT kind, version, body FROM objects"):
            state = _read(body, number)
            self._objects.setdefault(kind, {})[key(state.obj)] = state
            version = max(version, number)
        return int(version)

    def get(self, kind: str, at: Key) -> Stored | None:
        """The newest state of one object."""
        return self._objects[kind].get(at)

    def list(self, kind: str, namespace: str = "") -> Iterator[Stored]:
        """All objects of a kind (in a namespace), ordered by namespace and name."""
        found = self._objects[kind]
        return (found[at] for at in sorted(found) if not namespace or at[0] == namespace)

    def put(self, obj: Object) -> Stored:
        """Create or replace."""
        kind, at = obj["kind"], key(obj)
        state = stored(obj, self.version + 1)
        try:
            self._database.execute(PUT, (kind, *at, state.version, state.raw))
        except sqlite3.Error as error:
            raise storage(error) from error
        old = self._objects[kind].get(at)
        self._objects[kind][at] = state
        self._advance(kind, Event(state.version, old, state))
        return state

    def remove(self, kind: str, at: Key) -> Stored:
        """Take an object away; its last state."""
        version = self.version + 1
        try:
            self._remove(kind, at, version)
        except sqlite3.Error as error:
            self._database.rollback()
            raise storage(error) from error
        old = self._objects[kind].pop(at)
        self._advance(kind, Event(version, old, None))
        return old

    def _remove(self, kind: str, at: Key, version: int) -> None:
        self._database.execute("BEGIN")
        self._database.execute(REMOVE, (kind, *at))
        self._database.execute("UPDATE counter SET version = ?", (version,))
        self._database.execute("COMMIT")

    def _advance(self, kind: str, event: Event) -> None:
        self.version = event.version
        self.history.record(kind, event)

    def close(self) -> None:
        """Write everything into the one file and let go of it."""
        self._database.close()


def _open(path: Path) -> sqlite3.Connection:
    """Only the owner may read it: it holds Secrets. Exclusive: two servers on one file would part ways."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        database = sqlite3.connect(path, isolation_level=None, timeout=5)
        for setting in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=NORMAL"):
            database.execute(f"PRAGMA {setting}")
        database.executescript(SCHEMA)
    except (OSError, sqlite3.Error) as error:
        raise StateUnreadable(
            f"the database {path} cannot be used: {error}",
            "see that the disk is not full and no other lab uses it; `lab down --purge` starts afresh",
        ) from error
    return database


def _read(body: bytes, version: int) -> Stored:
    return Stored(json.loads(body), body, version)
