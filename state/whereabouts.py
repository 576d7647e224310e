"""Whether this database is still the one that the installation lives in."""

from sqlalchemy import Connection, delete, insert, select

from state.address import place
from state.audit import Ledger
from state.effects import Because, Lease
from state.errors import Elsewhere
from state.lease import in_force, lost, release
from state.tables import Meta

META = Meta.__table__  # type: ignore[attr-defined]
MOVED = "moved_to"
"""The name of the fact that says where the installation went; a database that has it takes no more writes."""

_MOVED = select(META.c.value).where(META.c.name == MOVED)


def moved_to(connection: Connection) -> str:
    """Where the installation went, by URL; empty while it lives here."""
    return str(connection.execute(_MOVED).scalar() or "")


def check(connection: Connection, held: Lease | None = None) -> None:
    """Raise `Elsewhere` if the installation went to another database, and else `LeaseLost` if `held` is not in force.

    While a lease is in force the installation goes nowhere, so that is not looked up then.
    """
    if held is None or not in_force(connection, held):
        if to := moved_to(connection):
            raise Elsewhere(to)
        if held is not None:
            raise lost(held)


def may_leave(connection: Connection, to: str) -> None:
    """Raise `Elsewhere` if the installation went to another place than `to`, as it would live in both."""
    if (before := moved_to(connection)) and place(before) != place(to):
        raise Elsewhere(before)


def leave(connection: Connection, ledger: Ledger, to: str, held: Lease, because: Because) -> None:
    """Have the installation go to another database; the lease, which shows that no run is under way, is given back."""
    release(connection, held)
    may_leave(connection, to)
    before = moved_to(connection)
    connection.execute(delete(META).where(META.c.name == MOVED))
    connection.execute(insert(META).values(name=MOVED, value=to))
    ledger.note("state.moved", "installation", because, before=before or None, after=to)


def reclaim(connection: Connection, ledger: Ledger, because: Because) -> None:
    """Have the installation live here again."""
    if before := moved_to(connection):
        connection.execute(delete(META).where(META.c.name == MOVED))
        ledger.note("state.reclaimed", "installation", because, before=before)
