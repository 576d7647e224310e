"""The attack tables: each statement that would rewrite a ledger is refused, whoever of its database's users says it."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import psycopg
from sqlalchemy.engine import make_url

from state.effects import Because
from state.errors import StateError
from state.model import Actor, Agent, ItemDraft, Priority
from state.store import Store
from tests.campaigns.spread import Case
from tests.databases import WHEN, raw
from tests.postgresql import Server, as_role, session
from tests.state import attacks

ON_A_FILE = [
    *(("another program", each) for each in (*attacks.REWRITES, *attacks.ON_SQLITE)),
    *(
        ("the program", each)
        for each in (*attacks.REWRITES, *attacks.OF_PROOFS, *attacks.ON_SQLITE, *attacks.SHAPING_ON_SQLITE)
    ),
]
"""Who says what to a file."""
ON_A_SERVER = [
    *(("the owner", each) for each in (*attacks.REWRITES, *attacks.ON_POSTGRESQL)),
    *(
        ("the program", each)
        for each in (*attacks.REWRITES, *attacks.OF_PROOFS, *attacks.ON_POSTGRESQL, *attacks.SHAPING_ON_POSTGRESQL)
    ),
]
"""And to a server, where one role owns the tables and the program has another."""

_KIM = Because(Agent(Actor.HUMAN, "counterfoil", "kim@acme.example", "Kim"))


@dataclass(frozen=True)
class Ledger:
    """Ten records, and the URLs by which each of those who may use them do."""

    url: str
    owner: str
    superuser: str

    def refuses(self, who: str, statement: str) -> bool:
        """Whether somebody is refused a statement."""
        try:
            if self.url.startswith("sqlite") and who == "the program":
                with Store.open(self.url, clock=lambda: WHEN) as store, store.writing() as w:
                    w.connection.exec_driver_sql(statement)
            elif self.url.startswith("sqlite"):
                with closing(sqlite3.connect(str(make_url(self.url).database))) as connection, connection:
                    connection.execute(statement)
            else:
                with session(self.owner if who == "the owner" else self.url) as session_:
                    session_.execute(statement.encode())
        except (StateError, sqlite3.DatabaseError, psycopg.DatabaseError):
            return True
        return False

    def all(self) -> list[object]:
        """What is there."""
        return [raw(self.superuser, f"SELECT * FROM {name} ORDER BY 1") for name in ("audit", "salted")]  # noqa: S608

    def attacked(self, number: int, who: str, statement: str) -> Case:
        """What became of one statement."""
        before = self.all()
        wrong = [] if self.refuses(who, statement) else ["not refused"]
        if self.all() != before:
            wrong.append("changed")
        with Store.open(self.url, clock=lambda: WHEN) as store:
            if not store.verify().ok:
                wrong.append("not trusted any more")
        return Case(number, tuple(wrong), story=f"{who}: {statement}")


def on_a_file(number: int) -> Case:
    """One statement on a new file."""
    with tempfile.TemporaryDirectory(prefix="statements-") as folder:
        url = f"sqlite:///{folder}/counterfoil.db"
        with Store.create(url, clock=lambda: WHEN, entropy=bytes) as store:
            _add(store)
        return Ledger(url, url, url).attacked(number, *ON_A_FILE[number])


def on_a_server(number: int, ledger: Ledger) -> Case:
    """One statement on a server."""
    return ledger.attacked(number, *ON_A_SERVER[number])


@contextmanager
def served(server: Server) -> Iterator[Ledger]:
    """A ledger on a server, with a role that owns it and one for the program."""
    superuser, owner, app = server.empty(), server.role(), server.role()
    server.run(f"ALTER DATABASE {make_url(superuser).database} OWNER TO {owner}")
    made = Ledger(as_role(superuser, app), as_role(superuser, owner), superuser)
    with Store.create(made.url, clock=lambda: WHEN, entropy=bytes, owner=made.owner) as store:
        _add(store)
    yield made
    server.drop(superuser)


def _add(store: Store) -> None:
    store.add_items([(ItemDraft(f"Rotate key {number}"), WHEN.date(), Priority.HIGH) for number in range(10)], _KIM)
