"""Links as rows: which ticket an item has, and how both read when they last agreed."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from state.audit import Ledger
from state.effects import Because
from state.errors import StateError
from state.model import HoldKind, Link
from state.rows import link_columns, link_of
from state.series import Rows, chunks, pages
from state.tables import CommentRow, LinkRow
from state.ticket import TicketRef
from state.waiting import HOLD

LINK = LinkRow.__table__  # type: ignore[attr-defined]
_COMMENT = CommentRow.__table__  # type: ignore[attr-defined]
CURRENT = LINK.c.ended_at.is_(None)
_PAGE = 5000

_SOME: BindParameter[Any] = bindparam("some", expanding=True)
_THERE = LINK.c.tracker == bindparam("in_tracker")
_OF_ITEMS = select(LINK).where(LINK.c.item.in_(_SOME), CURRENT)
_BY_TICKET = select(LINK).where(LINK.c.ticket_id.in_(_SOME), CURRENT, _THERE)
_BY_KEY = select(LINK).where(LINK.c.marker_key.in_(_SOME), CURRENT, _THERE)
_LAST = select(LINK.c.item, func.max(LINK.c.generation).label("last")).where(LINK.c.item.in_(_SOME), _THERE)
_LAST_OF_EACH = _LAST.group_by(LINK.c.item)
_SPENDING = [HoldKind.UNKNOWN_TICKET.value, HoldKind.MANY_TICKETS.value]
_HELD = select(HOLD.c.item, HOLD.c.ours).where(
    HOLD.c.tracker == bindparam("in_tracker"), HOLD.c.kind.in_(_SPENDING), HOLD.c.ours.is_not(None)
)
_NEW = insert(LINK)
_CHANGED = (
    update(LINK)
    .where(LINK.c.item == bindparam("which"), CURRENT)
    .values({column.name: bindparam(column.name) for column in LINK.c if column.name != "id"})
)
_COUNT = select(func.count()).select_from(LINK).where(_THERE, CURRENT)
_ANY = select(LINK.c.id).where(_THERE, CURRENT).limit(1)


def of_items(connection: Connection, items: Iterable[str]) -> dict[str, Link]:
    """The current link of each item that has one."""
    return {link.item: link for link in _current(connection, _OF_ITEMS, items)}


def ever(connection: Connection, items: Iterable[str]) -> list[Link]:
    """Every link that the items have or had, those that ended as they were last known, oldest first."""
    rows = [row for some in chunks(items) for row in connection.execute(select(LINK).where(LINK.c.item.in_(some)))]
    return [link_of(row) for row in sorted(rows, key=lambda row: row.id)]


def by_ticket(connection: Connection, tracker: str, ids: Iterable[str]) -> dict[str, Link]:
    """The current link of each ticket that has one, by the ticket's id."""
    return {link.ref.id: link for link in _current(connection, _BY_TICKET, ids, in_tracker=tracker)}


def by_key(connection: Connection, tracker: str, keys: Iterable[str]) -> dict[str, Link]:
    """The current link of each marker's key that has one."""
    return {link.marker.key: link for link in _current(connection, _BY_KEY, keys, in_tracker=tracker)}


def called(connection: Connection, tracker: str, key: str) -> Link | None:
    """The current link of the ticket that people call so."""
    row = connection.execute(select(LINK).where(LINK.c.tracker == tracker, LINK.c.ticket_key == key, CURRENT)).first()
    return None if row is None else link_of(row)


def named(connection: Connection, name: str) -> list[Link]:
    """The current links of the tickets with this key or URL, in whichever tracker."""
    url = name.partition("#")[0].partition("?")[0].rstrip("/")
    called = or_(func.lower(LINK.c.ticket_key) == name.lower(), LINK.c.url == url)
    return [link_of(row) for row in connection.execute(select(LINK).where(called, CURRENT).order_by(LINK.c.item))]


def _current(connection: Connection, query: Select[Any], values: Iterable[str], **same: str) -> Iterator[Link]:
    for some in chunks(dict.fromkeys(values)):
        yield from map(link_of, connection.execute(query, {"some": some, **same}))


def count(connection: Connection, tracker: str) -> int:
    """How many tickets of a tracker are linked."""
    return int(connection.execute(_COUNT, {"in_tracker": tracker}).scalar_one())


def are_there(connection: Connection, tracker: str) -> bool:
    """Whether any ticket of a tracker is linked."""
    return connection.execute(_ANY, {"in_tracker": tracker}).first() is not None


def refs(rows: Rows, tracker: str) -> Iterator[tuple[TicketRef, str | None]]:
    """Yield the linked tickets of a tracker with the revision last known, `None` for one missing or archived."""
    there = and_(LINK.c.missing_since.is_(None), LINK.c.archived.is_(False))
    names = (LINK.c.id, LINK.c.ticket_id, LINK.c.ticket_key, case((there, LINK.c.ticket_revision)).label("revision"))
    query = select(*names).where(LINK.c.tracker == tracker, CURRENT).order_by(LINK.c.id).limit(_PAGE)
    for page in pages(rows, query, lambda last: query.where(LINK.c.id > last.id), _PAGE):
        yield from ((TicketRef(tracker, row.ticket_id, row.ticket_key), row.revision) for row in page)


def next_generations(connection: Connection, items: Iterable[str], tracker: str) -> dict[str, int]:
    """The number of the next ticket that each item would have in this tracker, from 1.

    Those of tickets which an item was held over are spent, whosever these tickets are.
    """
    found: dict[str, int] = {}
    for some in chunks(items):
        rows = connection.execute(_LAST_OF_EACH, {"some": some, "in_tracker": tracker})
        found |= dict.fromkeys(some, 1) | {row.item: row.last + 1 for row in rows}
    for item, number in connection.execute(_HELD, {"in_tracker": tracker}) if found else ():
        if item in found:
            found[item] = max(found[item], int(number) + 1)
    return found


def link(
    connection: Connection,
    ledger: Ledger,
    now: datetime,
    linked: Sequence[tuple[Link, Because]],
    created: frozenset[str],
) -> None:
    """Make these the current links of their items; a link to another ticket is ended by it.

    `created` are the keys that we planted in creating a ticket; any other was linked as it was.
    """
    known = of_items(connection, (each.item for each, _ in linked))
    for each, because in linked:
        action = "ticket.created" if each.marker.key in created else "ticket.linked"
        before = provable(known[each.item]) if each.item in known else None
        ledger.note(action, each.item, because, before=before, after=provable(each))
    last = {each.item: each for each, _ in linked}.values()
    same = [each for each in last if each.item in known and known[each.item].ref == each.ref]
    others = [each for each in last if not (each.item in known and known[each.item].ref == each.ref)]
    _replace(connection, same)
    _end(connection, [each.item for each in others if each.item in known], now)
    _insert(connection, others)


def touch(connection: Connection, ledger: Ledger, links: Sequence[Link], because: Because) -> list[Link]:
    """Bring links up to date; those that are no longer current are left alone and not returned.

    What people see of a link (its key, URL, whether it is archived or missing) leaves a record when it changes.
    """
    known = of_items(connection, (each.item for each in links))
    current = [each for each in links if each.item in known and known[each.item].ref == each.ref]
    for each in current:
        _record(ledger, known[each.item], each, because)
    _replace(connection, current)
    return current


def _record(ledger: Ledger, before: Link, after: Link, because: Because) -> None:
    if (before.ref.key, before.url) != (after.ref.key, after.url):
        ledger.note("ticket.moved", after.item, because, before=provable(before), after=provable(after))
    if before.archived != after.archived:
        action = "ticket.archived" if after.archived else "ticket.unarchived"
        ledger.note(action, after.item, because, before=before.archived, after=after.archived, field="archived")
    if (before.missing_since is None) != (after.missing_since is None):
        action = "ticket.found" if after.missing_since is None else "ticket.missing"
        times = {"before": before.missing_since, "after": after.missing_since}
        ledger.note(action, after.item, because, field="missing_since", **times)


def unlink(connection: Connection, ledger: Ledger, now: datetime, item: str, because: Because) -> Link | None:
    """End an item's current link and return it as it was; `None` if it has none."""
    link = of_items(connection, [item]).get(item)
    if link is not None:
        _end(connection, [item], now)
        ledger.note("ticket.unlinked", item, because, before=provable(link))
    return link


def provable(link: Link) -> dict[str, Any]:
    """A link as records hold it."""
    return {"tracker": link.ref.tracker, "id": link.ref.id, "key": link.ref.key, "url": link.url}


def _insert(connection: Connection, links: Sequence[Link]) -> None:
    if not links:
        return
    try:
        connection.execute(_NEW, [link_columns(each) for each in links])
    except IntegrityError as error:
        names = ", ".join(f"{each.item} to {each.ref.key or each.ref.id}" for each in links)
        raise StateError(
            f"could not link {names}: the item does not exist, or the ticket belongs to another item. "
            "Nothing of this step was kept; see `counterfoil item list` and unlink the other item first"
        ) from error


def _replace(connection: Connection, links: Sequence[Link]) -> None:
    if links:
        connection.execute(_CHANGED, [link_columns(each) | {"which": each.item} for each in links])


def _end(connection: Connection, items: Iterable[str], now: datetime) -> None:
    """End the current links; what was said in those tickets is edited no more."""
    for some in chunks(items):
        connection.execute(update(LINK).where(LINK.c.item.in_(some), CURRENT).values(ended_at=now))
        said = (_COMMENT.c.item.in_(some), _COMMENT.c.topic != "", _COMMENT.c.remote_id != "")
        connection.execute(update(_COMMENT).where(*said).values(topic="", standing=""))
