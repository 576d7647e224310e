"""Answers for people: how everything stands, and why one item does."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from state import acceptances, audit, comments, due_dates, feeds, items, journal, links, results, waiting
from state.acceptance import Acceptance, AcceptanceState, DueChange, Questioned, as_of
from state.audit import AuditRecord
from state.effects import Intent
from state.errors import UnknownRef
from state.items import ITEM
from state.lifecycle import UNFINISHED, lint, missing
from state.model import ActionItem, Comment, Hold, HoldKind, Link, Outcome, Priority, Status, TestOutcome
from state.outlook import is_single
from state.results import Result
from state.rows import item_of
from state.series import pages
from state.store import Store
from state.waiting import HOLD

_PAGE = 2000
_OPEN_HOLDS = select(func.count()).select_from(HOLD).where(waiting.OPEN)


@dataclass(frozen=True, slots=True)
class Overview:
    """How everything stands.

    `overdue` and `unlinked` count unfinished items only. `dirty` items are to be compared by the next run. `synced`
    says per tracker when its feed was last read. `requested` are acceptances that wait for a decision, `ending` those
    that are over soon, or that are over and not written down as that, `questioned` the decisions on those that stand
    whose comment was changed or deleted since, `later` the due dates that somebody asks for.
    `warned` are the first items that lint has words for, `warnings`
    counts all of them by what is said. `records` and `head` are the ledger's length and newest hash.
    """

    items: Mapping[tuple[Status, Priority], int]
    overdue: int
    unlinked: int
    requested: tuple[Acceptance, ...]
    ending: tuple[Acceptance, ...]
    questioned: tuple[Questioned, ...]
    later: tuple[DueChange, ...]
    dirty: int
    holds: Mapping[HoldKind, int]
    intents: int
    waiting_comments: int
    links: Mapping[str, int]
    synced: Mapping[str, datetime]
    warnings: Mapping[str, int]
    warned: tuple[tuple[str, str], ...]
    records: int
    head: str


@dataclass(frozen=True, slots=True)
class Failure:
    """An operation that did not end well, how it ended and when (UTC)."""

    intent: Intent
    outcome: Outcome
    at: datetime


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an item and its ticket look as they do, as far as we know without asking the tracker.

    `listing` is the link of the item whose ticket lists it. `waiting` are comments not sent yet. `records` are the
    newest on the item and its ticket, oldest first.
    """

    item: ActionItem
    warnings: tuple[str, ...]
    link: Link | None
    listing: Link | None
    holds: tuple[Hold, ...]
    intents: tuple[Intent, ...]
    waiting: tuple[Comment, ...]
    results: tuple[Result, ...]
    failure: Failure | None
    records: tuple[AuditRecord, ...]


def status(store: Store, today: date, *, warned: int = 20, soon: int = 14) -> Overview:
    """How everything stands on `today`, with at most `warned` items that lint has words for.

    Acceptances that end within `soon` days are told of.
    """
    with store.reading() as connection:
        over = _over(connection, today)
        counts, first = _warnings(connection, today, warned)
        records, head = audit.head(connection)
        overdue = _count(connection, select(ITEM.c.ref).where(_unfinished(), is_single(), ITEM.c.due_date < today))
        return Overview(
            items=_by_status(connection, over),
            overdue=overdue + sum(item.due_date < today for item in over),
            unlinked=_count(connection, _unlinked()),
            requested=_only(connection, AcceptanceState.REQUESTED),
            ending=tuple(acceptances.ending(connection, today, soon)),
            questioned=tuple(acceptances.questioned(connection)),
            later=tuple(due_dates.changes(connection)),
            dirty=_count(connection, select(ITEM.c.ref).where(items.IS_DIRTY)),
            holds=_holds_by_kind(connection),
            intents=len(journal.open_intents(connection)),
            waiting_comments=len(comments.waiting(connection, linked_only=False)),
            links=_links(connection),
            synced=feeds.last_stored(connection),
            warnings=counts,
            warned=first,
            records=records,
            head=head,
        )


def open_holds(store: Store) -> int:
    """How many holds wait for a person."""
    with store.reading() as connection:
        return int(connection.execute(_OPEN_HOLDS).scalar_one())


def explain(store: Store, ref: str, today: date, *, records: int = 20) -> Explanation:
    """Why an item and its ticket look as they do; raises `UnknownRef`."""
    with store.reading() as connection:
        item = items.get(connection, [ref]).get(ref)
        if item is None:
            raise UnknownRef(ref)
        linked = links.of_items(connection, filter(None, [ref, item.part_of]))
        link = linked.get(ref)
        failed = journal.last_failure(connection, ref)
        return Explanation(
            item=item,
            warnings=tuple(lint(item, today)),
            link=link,
            listing=linked.get(item.part_of or ""),
            holds=tuple(waiting.holds(connection, ref)),
            intents=tuple(journal.open_intents(connection, item=ref)),
            waiting=tuple(comments.waiting(connection, ref, linked_only=False)),
            results=tuple(_results(connection, ref)),
            failure=None if failed is None else Failure(*failed),
            records=tuple(
                audit.log(lambda query: connection.execute(query).all(), objects=_objects(ref, link), newest=records)
            ),
        )


def _objects(ref: str, link: Link | None) -> list[str]:
    """What records about an item and its ticket call their object."""
    if link is None:
        return [ref]
    names = {link.ref.id, link.ref.key} - {""}
    return [ref, *(f"{link.ref.tracker}{mark}{name}" for name in sorted(names) for mark in ":/")]


def _unfinished() -> Any:
    return ITEM.c.status.in_(sorted(UNFINISHED))


def _unlinked() -> Select[Any]:
    linked = select(links.LINK.c.id).where(links.LINK.c.item == ITEM.c.ref, links.CURRENT)
    return select(ITEM.c.ref).where(_unfinished(), ITEM.c.part_of.is_(None), ~linked.exists())


def _count(connection: Connection, query: Select[Any]) -> int:
    return int(connection.execute(select(func.count()).select_from(query.subquery())).scalar_one())


def _over(connection: Connection, today: date) -> list[ActionItem]:
    """The items whose acceptance is over although no run has written that down yet, as they are without it."""
    query = select(ITEM).where(ITEM.c.status == Status.ACCEPTED_AS_RISK.value)
    found = (as_of(item_of(row), today) for row in connection.execute(query))
    return [item for item in found if item.accepted is None]


def _only(connection: Connection, state: AcceptanceState) -> tuple[Acceptance, ...]:
    return tuple(each for each in acceptances.standing(connection) if each.state is state)


def _by_status(connection: Connection, over: Sequence[ActionItem]) -> dict[tuple[Status, Priority], int]:
    query = select(ITEM.c.status, ITEM.c.priority, func.count().label("n")).where(is_single())
    query = query.group_by(ITEM.c.status, ITEM.c.priority)
    counts = {(Status(row.status), Priority(row.priority)): row.n for row in connection.execute(query)}
    for item in over:
        counts[Status.ACCEPTED_AS_RISK, item.priority] -= 1
        counts[item.status, item.priority] = counts.get((item.status, item.priority), 0) + 1
    return {key: number for key, number in counts.items() if number}


def _holds_by_kind(connection: Connection) -> dict[HoldKind, int]:
    query = select(HOLD.c.kind, func.count().label("n")).where(waiting.OPEN).group_by(HOLD.c.kind)
    return {HoldKind(row.kind): row.n for row in connection.execute(query)}


def _links(connection: Connection) -> dict[str, int]:
    tracker = links.LINK.c.tracker
    query = select(tracker, func.count().label("n")).where(links.CURRENT).group_by(tracker)
    return {row.tracker: row.n for row in sorted(connection.execute(query))}


def _warnings(connection: Connection, today: date, most: int) -> tuple[dict[str, int], tuple[tuple[str, str], ...]]:
    counts: dict[str, int] = {}
    first: list[tuple[str, str]] = []
    for row in _unfinished_rows(connection):
        said = missing(row.title, row.owner, row.due_date, today)
        for text in said:
            counts[text] = counts.get(text, 0) + 1
        if said and len(first) < most:
            first.append((row.ref, "; ".join(said)))
    return counts, tuple(first)


def _unfinished_rows(connection: Connection) -> Iterator[Any]:
    columns = (ITEM.c.seq, ITEM.c.ref, ITEM.c.title, ITEM.c.owner, ITEM.c.due_date)
    query = select(*columns).where(_unfinished(), is_single()).order_by(ITEM.c.seq).limit(_PAGE)
    found = pages(
        lambda some: connection.execute(some).all(), query, lambda last: query.where(ITEM.c.seq > last.seq), _PAGE
    )
    for page in found:
        yield from page


def _results(connection: Connection, ref: str) -> list[Result]:
    result = results.RESULT
    query = select(result).where(result.c.item == ref).order_by(result.c.observed_at)
    rows = connection.execute(query)
    return [Result(row.item, TestOutcome(row.outcome), row.observed_at, row.source_ref) for row in rows]
