"""Store: each public method is one short transaction that writes its audit records too."""

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self

from sqlalchemy import Connection, Row, Select, insert, select

from state import audit, comments, feeds, items, journal, lease, links, waiting, whereabouts
from state.audit import Ledger, Verdict
from state.database import Database
from state.effects import Because, Effects, Feed, Intent, ItemChange, Lease
from state.errors import AuditError, LeaseHeld, LeaseLost, Moved, NotInitialised, StateError, TooNew, UnknownRef
from state.items import Decided, Result, Said, Wanted
from state.lease import Holder, this_process
from state.model import ActionItem, Actor, Agent, AuditRecord, Comment, Hold, Link
from state.tables import Meta
from state.ticket import TicketRef

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

META = Meta.__table__  # type: ignore[attr-defined]
Clock = Callable[[], datetime]
Entropy = Callable[[int], bytes]

_KEY_LENGTH = 26


@dataclass(frozen=True, slots=True)
class Committed:
    """What a transaction stored, with the ids it gave, in the order of its effects."""

    holds: tuple[Hold, ...] = ()
    comments: tuple[Comment, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """What an intake writes in one transaction."""

    added: Sequence[Decided] = ()
    changes: Sequence[ItemChange] = ()
    results: Sequence[Said] = ()


class TakenIn(NamedTuple):
    """The items that an intake added, and the results of tests that were not known before."""

    added: Sequence[ActionItem]
    results: Sequence[Result]


@dataclass(frozen=True, slots=True)
class _Writing:
    connection: Connection
    ledger: Ledger
    now: datetime


class Store:
    """What we know, in one database. `clock` gives the time (aware, UTC)."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        with database.reading() as connection:
            query = select(META.c.value).where(META.c.name == "installation")
            self.installation: str = connection.execute(query).scalar_one()

    @staticmethod
    def create(url: str, *, clock: Clock, entropy: Entropy) -> "Store":
        """Make the database or bring it up to date, and open it; `entropy(n)` gives n random bytes.

        Raises `TooNew` for the database of a newer program. Nothing changes if all is in order already.
        """
        from state.migrations import migrate

        with _opening(url) as database:
            database.migrate(migrate, lambda connection: _name(connection, entropy))
            return Store(database, clock)

    @staticmethod
    def open(url: str, *, clock: Clock) -> "Store":
        """Open a database that is up to date; raises `NotInitialised`, `TooNew` or, for an older one, `StateError`."""
        with _opening(url) as database:
            database.check_version()
            return Store(database, clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def marker_key(self, item: str, tracker: str, generation: int) -> str:
        """The key planted in the ticket that an item has in a tracker: the same for the same, and no other's."""
        named = "|".join((self.installation, item, tracker, str(generation)))
        hashed = hashlib.sha256(named.encode()).digest()
        return base64.b32encode(hashed).decode().lower()[:_KEY_LENGTH]

    def take_lease(self, holder: Holder, ttl_seconds: float) -> Lease:
        """Take the right to run; raises `LeaseHeld` while another living process has it."""
        with self._writing() as w:
            journal.forget(w.connection, w.now)
            return lease.take(w.connection, holder, ttl_seconds, w.now)

    def renew_lease(self, held: Lease, ttl_seconds: float) -> Lease:
        """Keep the right to run for longer; raises `LeaseLost` if another process has it now."""
        with self._writing() as w:
            return lease.renew(w.connection, held, ttl_seconds, w.now)

    def release_lease(self, held: Lease) -> None:
        """Give back the right to run; nothing happens if another process has it now."""
        with self._writing() as w:
            lease.release(w.connection, held)

    def commit(self, held: Lease | None, effects: Effects) -> Committed:
        """Write all effects and their records, or nothing.

        Raises `LeaseLost` if the lease is another's now. `None` is for commands outside a run.
        """
        with self._writing() as w:
            if held is not None:
                lease.check(w.connection, held)
            journal.begin(w.connection, effects.begun)
            journal.finish(w.connection, effects.finished, w.now)
            journal.ask(w.connection, effects.asked, w.now)
            journal.resend(w.connection, effects.resent, w.now)
            items.change(w.connection, w.ledger, w.now, effects.changes)
            _write_links(w, effects, held)
            stored = Committed(
                holds=waiting.place(w.connection, w.ledger, w.now, effects.held),
                comments=comments.put(w.connection, w.ledger, effects.comments),
            )
            waiting.release(w.connection, w.ledger, w.now, effects.released, effects.took)
            for note in effects.notes:
                said = {"field": note.field, "before": note.before, "after": note.after}
                w.ledger.note(note.action, note.object, note.because, **said)
            feeds.put(w.connection, effects.feeds, w.now)
            items.mark_dirty(w.connection, effects.dirty)
            return stored

    def add_items(self, drafts: Sequence[Decided], because: Because) -> list[ActionItem]:
        """Add items, each with the due date and the priority decided for it, and return them in the same order."""
        with self._writing() as w:
            return items.add(w.connection, w.ledger, w.now, drafts, because)

    def take_in(self, batch: Batch, because: Because) -> TakenIn:
        """Write what an intake found, in one transaction; of each test's result only the first is kept."""
        with self._writing() as w:
            added = items.add(w.connection, w.ledger, w.now, batch.added, because)
            items.change(w.connection, w.ledger, w.now, batch.changes)
            return TakenIn(added, items.record_results(w.connection, w.ledger, batch.results, because))

    def add_comment(self, item: str, author: str, text: str, because: Because) -> Comment:
        """Keep a comment of ours, to be sent to the item's ticket by the next run."""
        with self._writing() as w:
            _known(w.connection, item)
            said = Comment("", item, author, text, because.at or w.now, inbound=False)
            [stored] = comments.put(w.connection, w.ledger, [(said, because)])
            return stored

    def leave(self, to: str, holder: Holder, because: Because) -> None:
        """Take no more writes here: the installation goes to the database at `to`. Raises `LeaseHeld`, `Elsewhere`."""
        with self._writing(here=False) as w:
            whereabouts.leave(w.connection, w.ledger, to, lease.take(w.connection, holder, 0, w.now), because)

    def reclaim(self, because: Because) -> None:
        """Go on here, after the installation was to go to another database."""
        with self._writing(here=False) as w:
            whereabouts.reclaim(w.connection, w.ledger, because)

    def unlink(self, item: str, because: Because) -> Link | None:
        """Forget an item's ticket, close what waits about it, and return the link that was, if any."""
        with self._writing() as w:
            _known(w.connection, item)
            ended = links.unlink(w.connection, w.ledger, w.now, item, because)
            if ended is not None:
                open_ = waiting.holds(w.connection, item)
                about = {each.id: because for each in open_ if each.tracker == ended.ref.tracker}
                waiting.release(w.connection, w.ledger, w.now, about, {})
                items.mark_dirty(w.connection, [item])
            return ended

    def item(self, ref: str) -> ActionItem:
        """The item that has this ref; raises `UnknownRef`."""
        with self._database.asking() as connection:
            return _known(connection, ref)

    def items(self, refs: Iterable[str]) -> dict[str, ActionItem]:
        """The items that have these refs; unknown refs are left out."""
        with self._database.asking() as connection:
            return items.get(connection, refs)

    def existing(
        self, external_refs: Iterable[str] = (), fingerprints: Iterable[str] = ()
    ) -> dict[tuple[str, str], ActionItem]:
        """Items by what a source calls them, under `("external_ref", value)` and `("fingerprint", value)`."""
        with self._database.asking() as connection:
            return items.existing(connection, external_refs, fingerprints)

    def list_items(self, wanted: Wanted | None = None) -> Iterator[ActionItem]:
        """Yield the wanted items in the order of their refs, read in short steps."""
        return items.in_order(self._rows, wanted or Wanted())

    def dirty_items(self) -> Iterator[ActionItem]:
        """Yield the items to be compared again, by priority, due date and ref, read in short steps."""
        return items.dirty(self._rows)

    def link(self, item: str) -> Link | None:
        """An item's current link."""
        return self.links([item]).get(item)

    def links(self, refs: Iterable[str]) -> dict[str, Link]:
        """The current link of each item that has one."""
        with self._database.asking() as connection:
            return links.of_items(connection, refs)

    def links_by_ticket(self, tracker: str, ids: Iterable[str]) -> dict[str, Link]:
        """The current link of each ticket that has one, by the ticket's id."""
        with self._database.asking() as connection:
            return links.by_ticket(connection, tracker, ids)

    def find_link_by_key(self, tracker: str, keys: Iterable[str]) -> dict[str, Link]:
        """The current link of each marker's key that has one."""
        with self._database.asking() as connection:
            return links.by_key(connection, tracker, keys)

    def link_count(self, tracker: str) -> int:
        """How many tickets of a tracker are linked."""
        with self._database.asking() as connection:
            return links.count(connection, tracker)

    def has_links(self, tracker: str) -> bool:
        """Whether any ticket of a tracker is linked."""
        with self._database.asking() as connection:
            return links.are_there(connection, tracker)

    def link_refs(self, tracker: str) -> Iterator[tuple[TicketRef, str | None]]:
        """Yield a tracker's linked tickets and the revision last seen of each, `None` if it was missing or archived."""
        return links.refs(self._rows, tracker)

    def generations(self, refs: Iterable[str], tracker: str) -> dict[str, int]:
        """The number of the next ticket that each item would have in this tracker, from 1."""
        with self._database.asking() as connection:
            return links.next_generations(connection, refs, tracker)

    def feed(self, tracker: str) -> Feed:
        """Where a tracker's change feed stands."""
        with self._database.asking() as connection:
            return feeds.feed(connection, tracker)

    def open_intents(self, tracker: str | None = None) -> list[Intent]:
        """The operations not yet known to have happened or not, oldest first."""
        with self._database.asking() as connection:
            return journal.open_intents(connection, tracker)

    def given_up(self, tracker: str) -> list[Intent]:
        """The creates of late that counted as not sent, because the tracker had nothing of them when it was asked."""
        with self._database.asking() as connection:
            return journal.given_up(connection, tracker)

    def content_at(self, tracker: str, since: datetime, until: datetime, after: int = 0) -> datetime | None:
        """When (UTC) the newest create or comment, `after` others apart, was begun; `None` if not in that time."""
        with self._database.asking() as connection:
            return journal.content_at(connection, tracker, since, until, after)

    def waiting_comments(self) -> list[Comment]:
        """Our comments on linked items that do not stand in the tracker yet, oldest first."""
        with self._database.asking() as connection:
            return comments.waiting(connection)

    def comments(self, item: str) -> list[Comment]:
        """Everything said about an item, oldest first."""
        with self._database.asking() as connection:
            return comments.of_item(connection, item)

    def known_comments(self, tracker: str, ids: Iterable[str]) -> set[str]:
        """Those of a tracker's comment ids that are stored already."""
        with self._database.asking() as connection:
            return comments.known_ids(connection, tracker, ids)

    def holds(self, item: str | None = None, *, open_only: bool = True) -> list[Hold]:
        """What waits for a person, about one item or all, oldest first."""
        with self._database.asking() as connection:
            return waiting.holds(connection, item, open_only=open_only)

    def hold(self, id_: str) -> Hold:
        """The hold that has this id; raises `UnknownRef`."""
        with self._database.asking() as connection:
            return waiting.hold(connection, id_)

    def log(
        self,
        objects: Sequence[str] | None = None,
        *,
        action: str | None = None,
        run: str | None = None,
        since: int = 0,
        newest: int | None = None,
    ) -> Iterator[AuditRecord]:
        """Yield records after number `since` in order, of some objects, one action or one run; the `newest` so many.

        They are read in short steps.
        """
        return audit.log(self._rows, objects=objects, action=action, run=run, since=since, newest=newest)

    def verify(self, last: int | None = None) -> Verdict:
        """Check the whole ledger, or its `last` so many records."""
        with self._database.reading() as connection:
            return audit.verify(connection, last=last)

    def check_integrity(self, *, again: bool = False) -> None:
        """Raise `Damaged` if the database contradicts itself; a file still as we left it is only read if `again`."""
        self._database.check_integrity(again=again)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One moment of the database, for `state.queries`."""
        with self._database.reading() as connection:
            yield connection

    def _rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        with self._database.asking() as connection:
            return connection.execute(query).all()

    @contextmanager
    def _writing(self, *, here: bool = True) -> Iterator[_Writing]:
        with self._database.writing() as connection:
            if here:
                whereabouts.check(connection)
            now = self._clock()
            ledger = Ledger(now)
            yield _Writing(connection, ledger, now)
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


def _write_links(w: _Writing, effects: Effects, held: Lease | None) -> None:
    """Write new and touched links, and mark items clean, theirs too, where nothing newer is to be compared."""
    made: Sequence[Link] = [each for each, _ in effects.linked]
    if made:
        created = journal.created_keys(w.connection, (each.item for each in made))
        links.link(w.connection, w.ledger, w.now, effects.linked, created)
    if effects.touched:
        because = effects.because or Because(_ourselves(held))
        made = [*made, *links.touch(w.connection, w.ledger, effects.touched, because)]
    items.mark_clean(w.connection, [*effects.clean, *((each.item, each.item_revision) for each in made)])


def _ourselves(held: Lease | None) -> Agent:
    return Agent(Actor.SCHEDULE, "counterfoil", held.holder if held else "")


def _known(connection: Connection, ref: str) -> ActionItem:
    found: Mapping[str, ActionItem] = items.get(connection, [ref])
    if ref not in found:
        raise UnknownRef(ref)
    return found[ref]


def _name(connection: Connection, entropy: Entropy) -> None:
    """Give the installation its random name, once."""
    if connection.execute(select(META.c.value).where(META.c.name == "installation")).first() is None:
        connection.execute(insert(META).values(name="installation", value=entropy(16).hex()))
