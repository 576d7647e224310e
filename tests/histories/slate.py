"""A database that is wiped clean for each history, which takes far less time than a new one."""

from datetime import datetime
from functools import cache
from sqlite3 import Connection, connect

from sqlalchemy.engine import make_url

from state.store import Store
from tests.histories.signing import Safe
from tests.histories.weather import Clock
from tests.postgresql import Server


class Slate:
    """A store in memory whose ledger is signed; `clock` is that of the history that is written on it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.safe = Safe()
        self.store = self._made("sqlite://")
        self._empty = connect(":memory:")
        self._ours().backup(self._empty)

    def wipe(self, clock: Clock) -> None:
        """Begin anew, at another time."""
        self.clock = clock
        self._empty.backup(self._ours())
        self.safe.empty()

    def _made(self, url: str) -> Store:
        return Store.create(url, clock=self._now, entropy=lambda n: b"\x07" * n)

    def _now(self) -> datetime:
        return self.clock()

    def _ours(self) -> Connection:
        with self.store.reading() as connection:
            driver = connection.connection.driver_connection
        assert isinstance(driver, Connection)
        return driver


class ServerSlate(Slate):
    """The same on a PostgreSQL server, where each history begins with a new copy of an empty database."""

    def __init__(self, server: Server) -> None:
        self.clock = Clock()
        self.safe = Safe()
        self._server = server
        self._template = server.empty()
        self._made(self._template).close()
        self._open()

    def wipe(self, clock: Clock) -> None:
        self.clock = clock
        self.store.close()
        self._server.drop(self._url)
        self._open()
        self.safe.empty()

    def close(self) -> None:
        """Leave nothing on the server."""
        self.store.close()
        self._server.drop(self._url)
        self._server.drop(self._template)
        self._server.leave()

    def _open(self) -> None:
        self._url = self._server.copy(self._template)
        self.store = Store.open(self._url, clock=self._now)


@cache
def in_memory() -> Slate:
    """This process's database in memory."""
    return Slate()


@cache
def on_server(url: str) -> Slate:
    """This process's database on the server of this URL."""
    return ServerSlate(Server(make_url(url)))
