"""Databases of both kinds for tests, empty or just made, and a way into them past the program."""

import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.engine import make_url

from state.audit import canonical, leaf
from state.guards import SQLITE
from state.migrations.versions.v0001_first_tables import POSTGRESQL
from state.store import Store
from tests import postgresql
from tests.postgresql import Server

on_sqlite = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
"""Marks a test of what only an SQLite file has."""
on_postgresql = pytest.mark.parametrize(
    "databases", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
"""Marks a test of what only a PostgreSQL server has."""

DISARM = {
    "sqlite": (
        "DROP TRIGGER audit_no_update",
        "DROP TRIGGER audit_no_delete",
        "DROP TRIGGER audit_only_next",
        "DROP TRIGGER IF EXISTS salted_only_erased",
    ),
    "postgresql": ("ALTER TABLE audit DISABLE TRIGGER ALL", "ALTER TABLE salted DISABLE TRIGGER ALL"),
}
"""What takes the guards off the ledger, by kind."""
ARM = {"sqlite": SQLITE, "postgresql": POSTGRESQL[-3:]}
"""What puts them back."""

WHEN = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Databases(Protocol):
    """Where databases of one kind come from. `kind` is the dialect's name."""

    kind: str

    def empty(self) -> str:
        """The URL of a new one that `counterfoil init` can make its own."""
        ...

    def made(self, entropy: Callable[[int], bytes] = bytes) -> str:
        """The URL of a new one that is up to date and has nothing in it."""
        ...

    def copy(self, url: str) -> str:
        """The URL of a new one that holds what another one of the kind does, which nobody has open."""
        ...

    def keep(self, name: bytes, url: str) -> None:
        """Have `made` give copies of this one, as it is now and nobody has it open, where the entropy gives `name`."""
        ...


class Files:
    """SQLite files in a folder."""

    kind = "sqlite"

    def __init__(self, folder: Path, templates: dict[bytes, Path], shelf: Callable[[], Path]) -> None:
        self._folder, self._templates, self._shelf = folder, templates, shelf
        self._numbers = count(1)

    def empty(self) -> str:
        return f"sqlite:///{self._path()}"

    def made(self, entropy: Callable[[int], bytes] = bytes) -> str:
        name = entropy(16)
        if name not in self._templates:
            self._templates[name] = self._shelf() / "empty.db"
            _make(f"sqlite:///{self._templates[name]}", entropy)
        return self.copy(f"sqlite:///{self._templates[name]}")

    def copy(self, url: str) -> str:
        path = self._path()
        shutil.copy(str(make_url(url).database), path)
        return f"sqlite:///{path}"

    def keep(self, name: bytes, url: str) -> None:
        self._templates[name] = self._shelf() / "kept.db"
        shutil.copy(str(make_url(url).database), self._templates[name])

    def _path(self) -> Path:
        return self._folder / f"book-{next(self._numbers)}.db"


class OnServer:
    """Databases of a PostgreSQL server, taken away by `close`."""

    kind = "postgresql"

    def __init__(self, server: Server, templates: dict[bytes, str]) -> None:
        self.server = server
        self._templates = templates
        self._given: list[str] = []

    def empty(self) -> str:
        self._given.append(url := self.server.empty())
        return url

    def made(self, entropy: Callable[[int], bytes] = bytes) -> str:
        name = entropy(16)
        if name not in self._templates:
            self._templates[name] = self.server.empty()
            _make(self._templates[name], entropy)
        return self.copy(self._templates[name])

    def copy(self, url: str) -> str:
        self._given.append(made := self.server.copy(url))
        return made

    def keep(self, name: bytes, url: str) -> None:
        self._templates[name] = self.server.copy(url)

    def close(self) -> None:
        for url in self._given:
            self.server.drop(url)


@contextmanager
def statements() -> Iterator[list[str]]:
    """Every statement that goes to a database meanwhile."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    with listening(("before_cursor_execute",), note):
        yield said


@contextmanager
def listening(kinds: Sequence[str], told: Callable[..., None]) -> Iterator[None]:
    """Have something told of every event of these kinds on any database meanwhile.

    An engine asks for listeners ever after there was one, which made all that follows slower by a tenth.
    """
    before = Engine._has_events
    for kind in kinds:
        event.listen(Engine, kind, told)
    try:
        yield
    finally:
        for kind in kinds:
            event.remove(Engine, kind, told)
        Engine._has_events = before


def disarm(url: str) -> None:
    """Take the guards off the ledger."""
    raw(url, *DISARM[make_url(url).get_backend_name()])


def contents(url: str) -> str:
    """All that a database holds, as text."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return Path(str(parsed.database)).read_bytes().decode("latin-1")
    tables = raw(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return "\n".join(str(row) for (name,) in tables for row in raw(url, f"SELECT * FROM {name}"))  # noqa: S608


def _make(url: str, entropy: Callable[[int], bytes]) -> None:
    Store.create(url, clock=lambda: WHEN, entropy=entropy).close()


def raw(url: str, *statements: str | tuple[str, Sequence[Any]]) -> list[Any]:
    """Run statements as somebody who has the database and another program; gives what the last one found.

    A value's place is `?` in either dialect.
    """
    rows: list[Any] = []
    parsed = make_url(url)
    for statement in statements:
        sql, values = (statement, ()) if isinstance(statement, str) else statement
        if parsed.get_backend_name() == "postgresql":
            rows = postgresql.run(url, sql.replace("?", "%s"), values)
            continue
        with closing(sqlite3.connect(str(parsed.database), isolation_level=None)) as connection:
            rows = connection.execute(sql, values).fetchall()
    return rows


def plant(url: str, bodies: Iterable[Mapping[str, Any]]) -> None:
    """Append records to the ledger, each of which follows the one before, past the program."""
    insert = "INSERT INTO audit (seq, prev, hash, object, body) VALUES (?, ?, ?, ?, ?)"
    [(seq, prev)] = raw(url, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
    rows: list[tuple[str, Sequence[Any]]] = []
    for number, told in enumerate(bodies, seq + 1):
        text = canonical({"object": "x"} | {**told} | {"seq": number, "prev": prev})
        rows.append((insert, (number, prev, leaf(text), told.get("object", "x"), text.decode())))
        prev = leaf(text)
    raw(url, *rows)
