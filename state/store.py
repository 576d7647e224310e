"""Store: each public method is one short transaction that writes its audit records too."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import NamedTuple, Self

from sqlalchemy import Connection, insert, select, update

from state import (
    acceptances,
    comments,
    controls,
    groups,
    items,
    journal,
    lease,
    persons,
    proofs,
    results,
    roles,
    whereabouts,
)
from state.audit import Ledger
from state.database import Database
from state.effects import Because, Effects, ItemChange, Lease
from state.errors import AuditError, LeaseHeld, LeaseLost, Moved, NotInitialised, StateError, TooNew, UnknownRef
from state.grouping import Grouping
from state.items import Decided, Wanted
from state.known import META, Known
from state.lease import Holder, this_process
from state.model import ActionItem, Comment, Link
from state.persons import Person, Traces
from state.proof import Evidence, EvidenceDraft, Review
from state.register import Test
from state.results import Result, Said
from state.salted import Entropy
from state.transaction import Committed, Transaction

__all__ = [
    "AuditError",
    "Batch",
    "Committed",
    "Holder",
    "LeaseHeld",
    "LeaseLost",
    "Moved",
    "NotInitialised",
    "Result",
    "StateError",
    "Store",
    "TooNew",
    "UnknownRef",
    "Wanted",
    "this_process",
]

_COMMAND_SECONDS = 60
"""How long a command may take that excludes runs."""

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Batch:
    """What an intake writes in one transaction.

    `evidence` is kept, each piece once, and `reviews` say what became of pieces kept before. `heard` is the latest word
    of tests; where an item of the batch has a test's fingerprint, the word is about that item. `grouping` says which of
    the new items share one ticket.
    """

    added: Sequence[Decided] = ()
    changes: Sequence[ItemChange] = ()
    results: Sequence[Said] = ()
    evidence: Sequence[EvidenceDraft] = ()
    reviews: Sequence[tuple[Evidence, Review]] = ()
    heard: Sequence[Test] = ()
    grouping: Grouping = field(default_factory=Grouping)


class TakenIn(NamedTuple):
    """The items that an intake added, and the results of tests that were not known before."""

    added: Sequence[ActionItem]
    results: Sequence[Result]


class Store(Known):
    """What we know, in one database. `clock` gives the time (aware, UTC), `entropy(n)` gives n random bytes."""

    _database: Database

    def __init__(self, database: Database, clock: Clock, entropy: Entropy) -> None:
        super().__init__(database)
        self._clock = clock
        self._entropy = entropy

    @staticmethod
    def create(url: str, *, clock: Clock, entropy: Entropy, owner: str | None = None) -> "Store":
        """Make the database or bring it up to date, and open it.

        Raises `TooNew` for the database of a newer program. Nothing changes if all is in order already. `owner` is the
        URL of the same database for the role that is to own its tables; that of `url` can then only add to the ledger.
        """
        from state.migrations import migrate

        steps = (migrate, partial(_name, entropy=entropy))
        with _opening(url) as database:
            if owner is None:
                database.migrate(*steps)
            else:
                _create_as(owner, database, steps)
            return Store(database, clock, entropy)

    @staticmethod
    def open(url: str, *, clock: Clock, entropy: Entropy = os.urandom) -> "Store":
        """Open a database that is up to date; raises `NotInitialised`, `TooNew` or, for an older one, `StateError`."""
        with _opening(url) as database:
            database.check_version()
            return Store(database, clock, entropy)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def take_lease(self, holder: Holder, ttl_seconds: float) -> Lease:
        """Take the right to run; raises `LeaseHeld` while another living process has it."""
        with self.writing() as w:
            journal.forget(w.connection, w.now)
            return lease.take(w.connection, holder, ttl_seconds, w.now)

    def renew_lease(self, held: Lease, ttl_seconds: float) -> Lease:
        """Keep the right to run for longer; raises `LeaseLost` if another process has it now."""
        with self.writing(held) as w:
            return lease.renew(w.connection, held, ttl_seconds, w.now)

    def release_lease(self, held: Lease) -> bool:
        """Give back the right to run, and say whether it was ours until now; nothing happens if another has it."""
        with self.writing(here=False) as w:
            return lease.release(w.connection, held)

    @contextmanager
    def alone(self, holder: Holder) -> Iterator[Lease]:
        """What a command does while no run is under way, which could not take notice of it; raises `LeaseHeld`."""
        held = self.take_lease(holder, _COMMAND_SECONDS)
        try:
            yield held
        finally:
            self.release_lease(held)

    def commit(self, held: Lease | None, effects: Effects) -> Committed:
        """Write all effects and their records, or nothing.

        Raises `LeaseLost` if the lease is another's now. `None` is for commands outside a run.
        """
        with self.writing(held) as w:
            stored = w.write(held, effects)
        return replace(stored, newest=w.ledger.newest)

    def add_items(self, drafts: Sequence[Decided], because: Because) -> list[ActionItem]:
        """Add items, each with the due date and the priority decided for it, and return them in the same order."""
        with self.writing() as w:
            return items.add(w.connection, w.ledger, w.now, drafts, because)

    def take_in(self, batch: Batch, because: Because) -> TakenIn:
        """Write what an intake found, in one transaction; of each test's result only the first is kept.

        Changes come first, so that an item can give its fingerprint to the one that goes on from it.
        """
        with self.writing() as w:
            acceptances.overtake(
                w.connection, w.ledger, w.now, items.change(w.connection, w.ledger, w.now, batch.changes)
            )
            added = items.add(w.connection, w.ledger, w.now, batch.added, because)
            new = results.record(w.connection, w.ledger, batch.results, because)
            proofs.add(w.connection, w.ledger, [(each, because) for each in batch.evidence])
            proofs.review_all(w.connection, w.ledger, batch.reviews, because)
            about = {each.fingerprint: each.ref for each in added if each.fingerprint}
            controls.heard(w.connection, (replace(t, item=about.get(t.fingerprint, t.item)) for t in batch.heard))
            drafts = [draft for draft, _, _ in batch.added]
            groups.join(w.connection, w.ledger, w.now, zip(drafts, added, strict=True), batch.grouping, because)
            return TakenIn(added, new)

    def add_comment(self, item: str, author: str, text: str, because: Because) -> Comment:
        """Keep a comment of ours, to be sent to the item's ticket by the next run."""
        with self.writing() as w:
            items.one(w.connection, item)
            said = Comment("", item, author, text, because.at or w.now, inbound=False)
            [stored] = comments.put(w.connection, w.ledger, [(said, because)])
            return stored

    def erase_person(
        self, person: Person, holder: Holder, because: Because, *, words: bool, decisions: bool = False
    ) -> Traces:
        """Let what a person is called in records go, and with their `words` what they said; raises `LeaseHeld`."""
        with self.alone(holder), self.writing() as w:
            return persons.erase(w.connection, w.ledger, person, because, words=words, decisions=decisions)

    def scrub(self) -> bool:
        """Leave nothing in the database's file of what was deleted; whether nobody else was reading it."""
        return self._database.scrub()

    def leave(self, to: str, holder: Holder, because: Because) -> None:
        """Take no more writes here: the installation goes to the database at `to`. Raises `LeaseHeld`, `Elsewhere`."""
        with self.writing(here=False) as w:
            whereabouts.leave(w.connection, w.ledger, to, lease.take(w.connection, holder, 0, w.now), because)

    def reclaim(self, because: Because) -> None:
        """Go on here, after the installation was to go to another database."""
        with self.writing(here=False) as w:
            whereabouts.reclaim(w.connection, w.ledger, because)

    def remember(self, name: str, value: str) -> None:
        """Keep a fact about this installation under its name, in place of what was known before."""
        with self.writing() as w:
            if not w.connection.execute(update(META).where(META.c.name == name).values(value=value)).rowcount:
                w.connection.execute(insert(META).values(name=name, value=value))

    def unlink(self, item: str, because: Because) -> Link | None:
        """Forget an item's ticket, close what waits about it, and return the link that was, if any.

        Other tickets that carry a key of the item stay named, so that none is made beside them.
        """
        with self.writing() as w:
            return w.unlink(item, because)

    def check_integrity(self, *, again: bool = False) -> None:
        """Raise `Damaged` if the database contradicts itself; a file still as we left it is only read if `again`."""
        self._database.check_integrity(again=again)

    @contextmanager
    def writing(self, held: Lease | None = None, *, here: bool = True) -> Iterator[Transaction]:
        """One short transaction that writes, for the functions of the tables; everything in it happens, or nothing.

        Raises `Elsewhere` where the installation is kept in another database by now, unless `here` does not matter; a
        lease that is `held` stands for that it is kept here, and then raises `LeaseLost` where it is another's.
        """
        with self._database.writing() as connection:
            if here:
                whereabouts.check(connection, held)
            now = self._clock()
            ledger = Ledger(now, self._entropy)
            yield Transaction(connection, ledger, now)
            ledger.append(connection)


@contextmanager
def _opening(url: str) -> Iterator[Database]:
    """A database that is closed again if what is done first with it fails."""
    database = Database(url)
    try:
        yield database
    except BaseException:
        database.close()
        raise


def _create_as(owner: str, database: Database, steps: Sequence[Callable[[Connection], None]]) -> None:
    """Take steps as the role that owns the tables, and let the one that uses the database do what it has to."""
    app = database.role()
    with _opening(owner) as owned:
        roles.must_fit(owned.role(), app)
        with owned.asking() as connection:
            roles.must_be_given(connection)
        owned.migrate(*steps, partial(roles.share, app=app))
        owned.close()
    database.check_version()


def _name(connection: Connection, entropy: Entropy) -> None:
    """Give the installation its random name, once."""
    if connection.execute(select(META.c.value).where(META.c.name == "installation")).first() is None:
        connection.execute(insert(META).values(name="installation", value=entropy(16).hex()))
