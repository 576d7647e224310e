"""A database that is wiped clean for each history, which takes far less time than a new one."""

from datetime import datetime
from sqlite3 import Connection, connect

from state.store import Store
from tests.histories.signing import Safe
from tests.histories.weather import Clock


class Slate:
    """A store in memory whose ledger is signed; `clock` is that of the history that is written on it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.safe = Safe()
        self.store = Store.create("sqlite://", clock=self._now, entropy=lambda n: b"\x07" * n)
        self._empty = connect(":memory:")
        self._ours().backup(self._empty)

    def wipe(self, clock: Clock) -> None:
        """Begin anew, at another time."""
        self.clock = clock
        self._empty.backup(self._ours())
        self.safe.empty()

    def _now(self) -> datetime:
        return self.clock()

    def _ours(self) -> Connection:
        with self.store.reading() as connection:
            driver = connection.connection.driver_connection
        assert isinstance(driver, Connection)
        return driver
