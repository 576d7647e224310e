"""The database that one history after another is written on, each of which begins with an empty one."""

from abc import ABC, abstractmethod
from datetime import datetime
from functools import cache
from sqlite3 import Connection, connect

from sqlalchemy.engine import make_url

from state.store import Store
from tests.histories.signing import Safe
from tests.histories.weather import Clock
from tests.postgresql import Server


class Slate(ABC):
    """A `store` whose ledger is signed, and the `safe` that keeps what was signed; `clock` is that of the history."""

    store: Store

    def __init__(self) -> None:
        self.clock = Clock()
        self.safe = Safe()

    def wipe(self, clock: Clock) -> None:
        """Begin anew, at another time."""
        self.clock = clock
        self._empty()
        self.safe.empty()

    @abstractmethod
    def _empty(self) -> None:
        """Have nothing in the store."""

    def _made(self, url: str) -> Store:
        return Store.create(url, clock=self._now, entropy=_entropy)

    def _now(self) -> datetime:
        return self.clock()


class MemorySlate(Slate):
    """In memory, where it is put back to what it was when it was made, which takes far less time than a new one."""

    def __init__(self) -> None:
        super().__init__()
        self.store = self._made("sqlite://")
        self._nothing = connect(":memory:")
        self._ours().backup(self._nothing)

    def _empty(self) -> None:
        self._nothing.backup(self._ours())

    def _ours(self) -> Connection:
        with self.store.reading() as connection:
            driver = connection.connection.driver_connection
        assert isinstance(driver, Connection)
        return driver


class ServerSlate(Slate):
    """On a PostgreSQL server, where each history begins with a new copy of an empty database."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server
        self._template = server.empty()
        self._made(self._template).close()
        self._open()

    def close(self) -> None:
        """Leave nothing on the server."""
        self.store.close()
        self._server.drop(self._url)
        self._server.drop(self._template)

    def _empty(self) -> None:
        self.store.close()
        self._server.drop(self._url)
        self._open()

    def _open(self) -> None:
        self._url = self._server.copy(self._template)
        self.store = Store.open(self._url, clock=self._now, entropy=_entropy)


def _entropy(size: int) -> bytes:
    return b"\x07" * size


@cache
def in_memory() -> Slate:
    """This process's database in memory."""
    return MemorySlate()


@cache
def on_server(url: str) -> Slate:
    """This process's database on the server of this URL."""
    return ServerSlate(Server(make_url(url)))
