"""Known: what a database knows, where each public method asks one question in a short transaction."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Row, Select, select

from state import agreement, audit, comments, feeds, items, journal, links, verifying, waiting
from state.agreement import Apart
from state.audit import AuditRecord
from state.database import Database, Moment
from state.effects import Feed, Intent
from state.errors import StateError, UnknownRef
from state.items import Wanted
from state.model import ActionItem, Comment, Hold, Link
from state.series import chunks
from state.tables import Meta
from state.ticket import TicketRef
from state.verifying import Point, Verdict

META = Meta.__table__  # type: ignore[attr-defined]
P = ParamSpec("P")
T = TypeVar("T")

_KEY_LENGTH = 26
_ITEM = re.compile(r"AI-\d{6,}", re.ASCII)


class Known:
    """What is known in one database. `installation` is its random name."""

    def __init__(self, database: Database | Moment) -> None:
        self._database: Database | Moment = database
        query = select(META.c.value).where(META.c.name == "installation")
        with database.reading() as connection:
            self.installation: str = connection.execute(query).scalar_one()

    def marker_key(self, item: str, tracker: str, generation: int) -> str:
        """The key planted in the ticket that an item has in a tracker: the same for the same, and no other's."""
        named = "|".join((self.installation, item, tracker, str(generation)))
        hashed = hashlib.sha256(named.encode()).digest()
        return base64.b32encode(hashed).decode().lower()[:_KEY_LENGTH]

    def remembered(self, name: str) -> str | None:
        """What `state.store.Store.remember` last kept under this name."""
        with self._database.asking() as connection:
            return connection.execute(select(META.c.value).where(META.c.name == name)).scalar()

    def ask(self, question: Callable[Concatenate[Connection, P], T], *args: P.args, **named: P.kwargs) -> T:
        """The answer of a table's own function, such as `links.count`, in one short transaction."""
        with self._database.asking() as connection:
            return question(connection, *args, **named)

    def item(self, ref: str) -> ActionItem:
        """The item that has this ref; raises `UnknownRef`."""
        return self.ask(items.one, ref)

    def called(self, name: str) -> str:
        """The ref of the item that is called so: a ref as it is, else that of the item with this ticket's key or URL.

        Raises `UnknownRef`, and `StateError` where several items have such a ticket.
        """
        if _ITEM.fullmatch(name):
            return name
        found = self.ask(links.named, name)
        if not found:
            raise UnknownRef(name)
        if len(found) > 1:
            both = " and ".join(f"that of {link.item} in {link.ref.tracker}" for link in found)
            raise StateError(f"several tickets are called {name!r}: {both}; name the item")
        return found[0].item

    def items(self, refs: Iterable[str]) -> dict[str, ActionItem]:
        """The items that have these refs; unknown refs are left out."""
        return self.ask(items.get, named) if (named := list(refs)) else {}

    def existing(
        self, external_refs: Iterable[str] = (), fingerprints: Iterable[str] = ()
    ) -> dict[tuple[str, str], ActionItem]:
        """Items by what a source calls them, under `("external_ref", value)` and `("fingerprint", value)`."""
        return self.ask(items.existing, external_refs, fingerprints)

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
        return self.ask(links.of_items, named) if (named := list(refs)) else {}

    def links_by_ticket(self, tracker: str, ids: Iterable[str]) -> dict[str, Link]:
        """The current link of each ticket that has one, by the ticket's id."""
        return self.ask(links.by_ticket, tracker, named) if (named := list(ids)) else {}

    def find_link_by_key(self, tracker: str, keys: Iterable[str]) -> dict[str, Link]:
        """The current link of each marker's key that has one."""
        return self.ask(links.by_key, tracker, named) if (named := list(keys)) else {}

    def link_count(self, tracker: str) -> int:
        """How many tickets of a tracker are linked."""
        return self.ask(links.count, tracker)

    def has_links(self, tracker: str) -> bool:
        """Whether any ticket of a tracker is linked."""
        return self.ask(links.are_there, tracker)

    def link_refs(self, tracker: str) -> Iterator[tuple[TicketRef, str | None]]:
        """Yield a tracker's linked tickets and the revision last seen of each, `None` if it was missing or archived."""
        return links.refs(self._rows, tracker)

    def generations(self, refs: Iterable[str], tracker: str) -> dict[str, int]:
        """The number of the next ticket that each item would have in this tracker, from 1."""
        return self.ask(links.next_generations, named, tracker) if (named := list(refs)) else {}

    def feed(self, tracker: str) -> Feed:
        """Where a tracker's change feed stands."""
        return self.ask(feeds.feed, tracker)

    def open_intents(self, tracker: str | None = None) -> list[Intent]:
        """The operations not yet known to have happened or not, oldest first."""
        return self.ask(journal.open_intents, tracker)

    def given_up(self, tracker: str) -> list[Intent]:
        """The creates of late that counted as not sent, because the tracker had nothing of them when it was asked."""
        return self.ask(journal.given_up, tracker)

    def content_at(self, tracker: str, since: datetime, until: datetime, after: int = 0) -> datetime | None:
        """When (UTC) the newest create or comment, `after` others apart, was begun; `None` if not in that time."""
        return self.ask(journal.content_at, tracker, since, until, after)

    def waiting_comments(self) -> list[Comment]:
        """Our comments on linked items that do not stand in the tracker yet, oldest first."""
        return self.ask(comments.waiting)

    def comments(self, item: str) -> list[Comment]:
        """Everything said about an item, oldest first."""
        return self.ask(comments.of_item, item)

    def known_comments(self, tracker: str, ids: Iterable[str]) -> set[str]:
        """Those of a tracker's comment ids that are stored already."""
        return self.ask(comments.known_ids, tracker, named) if (named := list(ids)) else set()

    def holds(self, item: str | None = None, *, open_only: bool = True) -> list[Hold]:
        """What waits for a person, about one item or all, oldest first."""
        return self.ask(waiting.holds, item, open_only=open_only)

    def hold(self, id_: str) -> Hold:
        """The hold that has this id; raises `UnknownRef`."""
        return self.ask(waiting.hold, id_)

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

    def verify(self, points: Iterable[Point] = (), *, last: int | None = None) -> Verdict:
        """Check the whole ledger, and that it agrees with checkpoints; or its `last` so many records."""
        with self._database.reading() as connection:
            return verifying.verify(connection, points) if last is None else verifying.verify_last(connection, last)

    def apart(self) -> Iterator[Apart]:
        """Yield what does not stand in the database as the ledger tells, page by page."""
        return agreement.apart(self._rows, self.ask)

    def apart_of(self, refs: Iterable[str]) -> Iterator[Apart]:
        """Yield what of these items, and of what a ticket shows of them, does not stand as the ledger tells."""
        for some in chunks(refs):
            with self.moment() as now:
                yield from agreement.apart_of(now._rows, now.ask, some)

    @contextmanager
    def moment(self) -> Iterator["Known"]:
        """What is known now; what is written meanwhile is not."""
        with self._database.reading() as connection:
            yield Known(Moment(connection))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One moment of the database, for `state.queries`."""
        with self._database.reading() as connection:
            yield connection

    def _rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        with self._database.asking() as connection:
            return connection.execute(query).all()
