"""A database of ours: which version it has, and its two kinds of transaction."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, NoResultFound

from state import failures, permits, roles, seal, sharing
from state.address import sqlite_path, told, usable
from state.errors import Damaged, NotInitialised, Outdated, StateError, TooNew
from state.schema import HEAD, METADATA

_PRAGMAS = ("busy_timeout = 5000", "synchronous = FULL", "foreign_keys = ON")

_TURNS = 50
_WRITERS = 0x636F756E
"""The number of the lock that a writer holds where the database has no lock of its own for all writers."""
_ALONE = (
    "SELECT set_config('lock_timeout', '5s', true), set_config('idle_in_transaction_session_timeout', '30s', true), "
    f"pg_advisory_xact_lock({_WRITERS})"
)
"""Waits for other writers as long as a file would, and has the server end a writer that stands still."""
_CONNECTING = {
    "application_name": "counterfoil",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""How a server is connected to, where the URL does not say: so that one that vanished is noticed."""
_FILES = create_engine("sqlite://").dialect
_COMPILED: dict[Any, Any] = {}
"""What databases are asked, each statement compiled once in a process: that takes longer than most answers."""
_SERVERS: dict[URL, Dialect] = {}
"""How the databases of a server are spoken to, once one of them was: so that they share what was compiled."""

_STAMP = "alembic_version"
_OURS = frozenset(
    name for table in METADATA.tables.values() for name in (table.name, *(str(i.name) for i in table.indexes))
)
"""The names of every table and index at `HEAD`."""
_RELATIONS = {
    "sqlite": "SELECT name FROM sqlite_master",
    "postgresql": "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(current_schema())",
}


class Moment:
    """A database as one transaction sees it, whatever is asked of it and when."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """That transaction."""
        yield self._connection

    asking = reading


class Database:
    """Short transactions on one database; every failure of the database is a `StateError`.

    `name` is its URL without its secrets.
    """

    def __init__(self, url: str) -> None:
        self.url = usable(url)
        self.name = told(self.url)
        self._engine = _engine(self.url)
        self._trusted = _is_as_left(sqlite_path(self.url))
        self._wrote = False

    def close(self) -> None:
        """Close every connection; a file that is trusted is sealed again if this wrote to it."""
        self._engine.dispose()
        path = sqlite_path(self.url)
        if path is not None and self._trusted and self._wrote:
            seal.put(path)

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """Questions of which each sees the moment it is asked at; a server is asked nothing else than those."""
        with self._failing("read"), self._engine.connect() as plain:
            served = plain.dialect.name == "postgresql"
            yield plain.execution_options(isolation_level="AUTOCOMMIT") if served else plain

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment and writes nothing."""
        with self._failing("read"), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            else:
                _begin(connection, "BEGIN")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that excludes every other writer, and is kept only if nothing was raised in it."""
        with self._failing("write"), self._engine.connect() as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(_ALONE)
            else:
                _begin(connection, "BEGIN IMMEDIATE")
                self._writes()
            yield connection

    def _writes(self) -> None:
        """The file is written to from now on: what others did to it before is not to pass for ours."""
        path = sqlite_path(self.url)
        if path is not None and not self._wrote:
            self._trusted = self._trusted and seal.holds(path)
            self._wrote = True

    def migrate(self, *steps: Callable[[Connection], None]) -> None:
        """Take steps in one writing transaction on a database that may have no tables yet, unless it is too new."""
        path = sqlite_path(self.url)
        if path is not None and not path.absolute().parent.is_dir():
            raise StateError(f"there is no folder {path.absolute().parent} for the database; make it first")
        if self.exists():
            self._refuse_half(*self._stamp())
        if path is not None and not path.exists():
            path.touch(mode=0o600)
            if sharing.is_shared(path.absolute().parent):
                path.chmod(0o660)
        with self.writing() as connection, permits.shaping(connection):
            for step in steps:
                step(connection)

    def scrub(self) -> bool:
        """Write a file anew, so that nothing that was deleted is left in it; whether nobody else was reading it.

        A server does so by itself, in time.
        """
        if sqlite_path(self.url) is None:
            return True
        with self._failing("write"), self._engine.connect() as connection, permits.shaping(connection):
            self._writes()
            _say(connection, "VACUUM")
            [still_read, _, _] = _say(connection, "PRAGMA wal_checkpoint(TRUNCATE)")
            return not still_read

    def role(self) -> roles.Role:
        """As whom a server is used; raises `StateError` for a file."""
        if sqlite_path(self.url) is not None:
            raise StateError(f"only a PostgreSQL server has roles, and {self.name} is a file; nothing was done")
        with self.asking() as connection:
            return roles.role(connection)

    def exists(self) -> bool:
        """Whether there is a file to open, or a server to ask."""
        path = sqlite_path(self.url)
        return path is None or path.exists()

    def check_version(self) -> None:
        """Raise unless the database has exactly the tables this program knows."""
        found, there = self._stamp() if self.exists() else (None, frozenset[str]())
        self._refuse_half(found, there)
        if found is None:
            raise NotInitialised(self.name)
        if found < HEAD:
            raise Outdated(
                f"the database at {self.name} has version {found}, and this program needs {HEAD}; "
                "run `counterfoil init` to bring it up to date"
            )

    def holds_anything(self) -> bool:
        """Whether there are tables of ours, finished or not."""
        return self.exists() and bool(self._stamp()[1] & {*_OURS, _STAMP})

    def _stamp(self) -> tuple[str | None, frozenset[str]]:
        """The migration the database is at, if any, and the names of all tables and indexes in it."""
        with self.reading() as connection:
            there = frozenset(connection.exec_driver_sql(_RELATIONS[connection.dialect.name]).scalars())
            if _STAMP not in there:
                return None, there
            found = [*connection.exec_driver_sql(f"SELECT version_num FROM {_STAMP}").scalars()]  # noqa: S608
            if len(found) > 1:
                raise self._damaged("use", f"it says that it has version {' and '.join(sorted(found))}")
            return (str(found[0]) if found else None), there

    def _refuse_half(self, found: str | None, there: frozenset[str]) -> None:
        """Refuse tables of a newer program, tables that no program of ours finished, and a stamp without its tables."""
        if found is not None and found > HEAD:
            if not found.isdecimal():
                raise self._damaged("use", f"it says that it has version {found}, as no program of ours does")
            raise self._too_new(found)
        if found is None and (strange := there & _OURS):
            raise self._damaged("use", f"it has {failures.some(strange)} but does not say of which version")
        if found == HEAD and (gone := _OURS - there):
            raise self._damaged("use", f"it lacks {failures.some(gone)}")

    def _too_new(self, found: str) -> TooNew:
        return TooNew(
            f"the database at {self.name} has version {found}, newer than {HEAD}, the newest this program knows; "
            "install the newer counterfoil"
        )

    def check_integrity(self, *, again: bool) -> None:
        """Raise `Damaged` if tables and indexes disagree; any other server than SQLite is trusted to tell by itself.

        Reads all of it, but not `again` where nobody else wrote to the file since that was found in order.
        """
        path = sqlite_path(self.url)
        if path is None or (self._trusted and not again):
            return
        with self.reading() as connection:
            [found] = connection.exec_driver_sql("PRAGMA integrity_check(1)").one()
            if found != "ok":
                raise self._damaged("use", found)
        self._trusted = True
        seal.put(path)

    def _distrust(self) -> None:
        """Have all of the file checked before it is trusted again."""
        self._trusted = False
        if (path := sqlite_path(self.url)) is not None:
            seal.tear(path)

    @contextmanager
    def _failing(self, doing: str) -> Iterator[None]:
        try:
            yield
        except Damaged:
            self._distrust()
            raise
        except (DBAPIError, NoResultFound, ValueError) as error:
            self._distrust()
            raise self._meaning(doing, error) from error

    def _meaning(self, doing: str, error: DBAPIError | NoResultFound | ValueError) -> StateError:
        if isinstance(error, DBAPIError):
            return failures.meaning(self.name, doing, error)
        if isinstance(error, UnicodeEncodeError):
            return failures.unfit(self.name, doing, "half a character")
        return self._damaged(doing, str(error))

    def _damaged(self, doing: str, why: str) -> Damaged:
        return failures.damaged(self.name, doing, why)


def _is_as_left(path: Path | None) -> bool:
    """Whether a file is as a command of ours that ended in order left it, after it had been found in order."""
    return path is not None and seal.holds(path) and not path.with_name(f"{path.name}-wal").exists()


def _engine(url: URL) -> Engine:
    try:
        engine = create_engine(url, hide_parameters=True, **_connecting(url))
    except ModuleNotFoundError as error:
        raise StateError(
            f"the database driver {error.name} is not installed; run: pip install 'counterfoil[postgresql]'"
        ) from error
    known = engine.execution_options(compiled_cache=_COMPILED)
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare)
        known.dialect = _FILES
    else:

        def met(connection: Any, _record: object) -> None:
            _use_utc(connection)
            known.dialect = _SERVERS.setdefault(url.set(database=""), engine.dialect)

        event.listen(engine, "connect", met)
    return known


def _connecting(url: URL) -> dict[str, Any]:
    """How to connect, beside the URL: a server behind a pooler keeps no prepared statements for us, and none is asked
    for a type that no table of ours has.
    """
    if url.get_backend_name() != "postgresql":
        return {}
    unsaid = {name: value for name, value in _CONNECTING.items() if name not in url.query}
    return {"connect_args": {**unsaid, "prepare_threshold": None}, "use_native_hstore": False}


def _use_utc(connection: Any) -> None:
    """Be told times in UTC: a zone west of it would tell the first hours of the year 1 as before all years.

    It is said where a pooler hears it too, which refuses options that it does not know when it is connected to.
    """
    connection.autocommit = True
    connection.execute("SET TIME ZONE 'UTC'")
    connection.autocommit = False


def _prepare(connection: Any, _record: object) -> None:
    """Let us say BEGIN ourselves, make what is committed survive a power cut, and keep the ledger's past."""
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    _write_ahead(connection)
    permits.guard(connection)


def _write_ahead(connection: Any) -> None:
    """Have changes written ahead to a log.

    Where two do this to a new file at once, one is refused at once instead of waiting, so it waits by another lock.
    """
    for _ in range(_TURNS):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("COMMIT")
        else:
            return
    connection.execute("PRAGMA journal_mode = WAL")


def _begin(connection: Connection, words: str) -> None:
    """Say BEGIN to the driver itself: an engine that listens to its own events does everything more slowly."""
    _say(connection, words)


def _say(connection: Connection, words: str) -> Any:
    """Say something to the driver of a file itself; the first row of its answer."""
    try:
        return connection.connection.driver_connection.execute(words).fetchone()  # type: ignore[union-attr]
    except sqlite3.Error as error:
        raise DBAPIError(words, None, error) from error
