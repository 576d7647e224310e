"""Items as rows: found, added and changed."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, case, insert, literal_column, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from state import lifecycle, members, naming
from state.acceptance import as_of
from state.audit import Ledger, digest
from state.effects import Because, ItemChange
from state.errors import Moved, StateError, UnknownRef
from state.model import URGENCY, Accepted, ActionItem, Claim, ItemDraft, Priority, Status
from state.rows import accepted_columns, claim_columns, item_of
from state.series import PAGE, Rows, chunks, next_numbers, pages
from state.tables import ItemRow

ITEM = ItemRow.__table__  # type: ignore[attr-defined]

Decided = tuple[ItemDraft, date, Priority]
"""A draft, with the due date and the priority that were decided for it."""

_CONTENT = ("title", "description", "priority", "status", "owner", "due_date", "controls", "risks")

CHANGEABLE = frozenset({*_CONTENT, "source_ref", "external_ref", "fingerprint", "part_of", "claim"})
"""The attributes of an item that a change may name."""

BEGUN_WITH = (
    *_CONTENT,
    *("source_kind", "source_ref", "external_ref", "fingerprint", "origin", "predecessor"),
)
"""The attributes of an item that the record of its beginning tells."""

IS_DIRTY = literal_column("item.dirty") == literal_column("1")

_PERHAPS = (Status.ACCEPTED_AS_RISK,)
"""What is open on a day although its row says otherwise, where an acceptance is over."""

_SOME = select(ITEM).where(ITEM.c.ref.in_(bindparam("some", expanding=True)))
_DIRTY = select(ITEM).where(IS_DIRTY).order_by(ITEM.c.urgency, ITEM.c.due_date, ITEM.c.seq).limit(PAGE)
_CHANGE = update(ITEM).where(ITEM.c.ref == bindparam("which"))
_SOIL = update(ITEM).where(ITEM.c.ref.in_(bindparam("some", expanding=True))).values(dirty=literal_column("1"))
_IS_TIMELY = literal_column("item.overdue") == literal_column("0")
_LATE = (
    update(ITEM)
    .where(ITEM.c.ref.in_(bindparam("some", expanding=True)))
    .values(
        overdue=literal_column("1"),
        dirty=case((ITEM.c.status.in_(sorted(lifecycle.UNFINISHED)), literal_column("1")), else_=ITEM.c.dirty),
    )
)
_CLEAN = (
    update(ITEM)
    .where(ITEM.c.ref == bindparam("which"), ITEM.c.revision == bindparam("seen"))
    .values(dirty=literal_column("0"))
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which items are asked for; what is `None` or empty does not matter. `control` may hold `*` and `?`.

    On a day `on`, an accepted risk whose acceptance is over has the status that it has without it.
    """

    status: frozenset[Status] = frozenset()
    priority: frozenset[Priority] = frozenset()
    owner: str | None = None
    control: str | None = None
    overdue_on: date | None = None
    on: date | None = None
    part_of: str | None = None


def get(connection: Connection, refs: Iterable[str]) -> dict[str, ActionItem]:
    """The items that have these refs; unknown refs are left out."""
    found: dict[str, ActionItem] = {}
    for some in chunks(dict.fromkeys(refs)):
        rows = connection.execute(_SOME, {"some": some})
        found.update((row.ref, item_of(row)) for row in rows)
    return found


def one(connection: Connection, ref: str) -> ActionItem:
    """The item that has this ref; raises `UnknownRef`."""
    if (found := get(connection, [ref]).get(ref)) is None:
        raise UnknownRef(ref)
    return found


def existing(
    connection: Connection, external_refs: Iterable[str], fingerprints: Iterable[str]
) -> dict[tuple[str, str], ActionItem]:
    """The items found by what a source calls them, under `("external_ref", value)` and `("fingerprint", value)`."""
    found: dict[tuple[str, str], ActionItem] = {}
    for name, values in (("external_ref", external_refs), ("fingerprint", fingerprints)):
        for some in chunks(dict.fromkeys(values)):
            rows = connection.execute(select(ITEM).where(ITEM.c[name].in_(some)))
            found.update(((name, getattr(row, name)), item_of(row)) for row in rows)
    return found


def in_order(rows: Rows, wanted: Wanted) -> Iterator[ActionItem]:
    """Yield the wanted items in the order of their refs."""
    query = _wanted(wanted).order_by(ITEM.c.seq).limit(PAGE)
    for page in pages(rows, query, lambda last: query.where(ITEM.c.seq > last.seq)):
        found = (_as_wanted(item_of(row), wanted) for row in page if _is_like(row, wanted))
        yield from (item for item in found if _has_status(item, wanted))


def dirty(rows: Rows) -> Iterator[ActionItem]:
    """Yield the items to be compared again, by priority, due date and ref."""
    query = dirty_query()
    for page in pages(rows, query, lambda last: query.where(_need() > (last.urgency, last.due_date, last.seq))):
        yield from map(item_of, page)


def dirty_query() -> Select[Any]:
    """One page of the items to be compared again."""
    return _DIRTY


def _need() -> Any:
    return tuple_(ITEM.c.urgency, ITEM.c.due_date, ITEM.c.seq)


def _wanted(wanted: Wanted) -> Select[Any]:
    query = select(ITEM)
    if wanted.status:
        over = wanted.on is not None and Status.OPEN in wanted.status
        query = query.where(ITEM.c.status.in_(sorted({*wanted.status, *_PERHAPS} if over else wanted.status)))
    if wanted.part_of is not None:
        query = query.where(ITEM.c.part_of == wanted.part_of)
    if wanted.priority:
        query = query.where(ITEM.c.priority.in_(sorted(wanted.priority)))
    if wanted.overdue_on is not None:
        unfinished = {*lifecycle.UNFINISHED, *(_PERHAPS if wanted.on is not None else ())}
        query = query.where(ITEM.c.status.in_(sorted(unfinished)), ITEM.c.due_date < wanted.overdue_on)
    return query


def _has_status(item: ActionItem, wanted: Wanted) -> bool:
    if wanted.overdue_on is not None and item.status not in lifecycle.UNFINISHED:
        return False
    return not wanted.status or item.status in wanted.status


def _as_wanted(item: ActionItem, wanted: Wanted) -> ActionItem:
    return item if wanted.on is None else as_of(item, wanted.on)


def _is_like(row: Row[Any], wanted: Wanted) -> bool:
    """Whether an item's row has what databases would compare each in its own way: letters of either case, patterns."""
    if wanted.owner is not None and (row.owner or "").casefold() != wanted.owner.casefold():
        return False
    return wanted.control is None or any(fnmatchcase(control, wanted.control) for control in row.controls)


def add(
    connection: Connection, ledger: Ledger, now: datetime, drafts: Sequence[Decided], because: Because
) -> list[ActionItem]:
    """Add items in the given order, dirty and open."""
    if not drafts:
        return []
    numbers = next_numbers(connection, "item", len(drafts))
    items = [_new(number, decided, now) for number, decided in zip(numbers, drafts, strict=True)]
    columns = [_columns(item) | _constant(item, number) for item, number in zip(items, numbers, strict=True)]
    try:
        connection.execute(insert(ITEM), columns)
    except IntegrityError as error:
        raise StateError(
            "an item with one of these external references or fingerprints exists already; none of this batch was "
            "added. Look for it with `counterfoil item list`"
        ) from error
    naming.added(connection, items)
    for item in items:
        ledger.note("item.created", item.ref, because, after=provable(item))
    return items


def _new(number: int, decided: Decided, now: datetime) -> ActionItem:
    draft, due_date, priority = decided
    return ActionItem(
        ref=f"AI-{number:06d}",
        title=draft.title,
        description=draft.description,
        priority=priority,
        original_priority=priority,
        status=Status.OPEN,
        owner=draft.owner,
        due_date=due_date,
        original_due_date=due_date,
        controls=tuple(draft.controls or ()),
        risks=tuple(draft.risks or ()),
        source_kind=draft.source_kind,
        source_ref=draft.source_ref,
        external_ref=draft.external_ref,
        fingerprint=draft.fingerprint,
        claim=None,
        created_at=now,
        updated_at=now,
        resolved_at=None,
        revision=1,
        origin=draft.origin,
        predecessor=draft.predecessor,
    )


def _constant(item: ActionItem, number: int) -> dict[str, Any]:
    return {
        "seq": number,
        "ref": item.ref,
        "original_priority": item.original_priority.value,
        "original_due_date": item.original_due_date,
        "source_kind": item.source_kind.value,
        "origin": json.dumps(dict(item.origin), ensure_ascii=False) if item.origin else "",
        "predecessor": item.predecessor,
        "created_at": item.created_at,
        "dirty": 1,
    }


def _columns(item: ActionItem) -> dict[str, Any]:
    """The columns that a change may touch."""
    return {
        "title": item.title,
        "description": item.description,
        "priority": item.priority.value,
        "urgency": URGENCY[item.priority],
        "status": item.status.value,
        "owner": item.owner,
        "due_date": item.due_date,
        "controls": item.controls,
        "risks": item.risks,
        "source_ref": item.source_ref,
        "external_ref": item.external_ref,
        "fingerprint": item.fingerprint,
        "part_of": item.part_of,
        **claim_columns(item.claim),
        **accepted_columns(item.accepted),
        "updated_at": item.updated_at,
        "resolved_at": item.resolved_at,
        "revision": item.revision,
        "overdue": int(item.overdue),
    }


def change(connection: Connection, ledger: Ledger, now: datetime, changes: Sequence[ItemChange]) -> dict[str, Because]:
    """Give items new values; each changed item is dirty and one revision on, and what was so already is skipped.

    Groups follow from their items in the same step, and the items of a group that is said to be done are done with it.
    Returns which items are resolved by that, and why.
    """
    if not changes:
        return {}
    items = get(connection, (each.item for each in changes))
    before, changed, why = dict(items), dict[str, ActionItem](), dict[str, Because]()
    for each in changes:
        if (item := items.get(each.item)) is None:
            raise UnknownRef(each.item)
        if each.seen is not None and each.seen != item.revision:
            raise Moved(item.ref, each.seen, item.revision)
        if values := _moved(item, each):
            _record(ledger, item, values, each.because)
            items[item.ref] = changed[item.ref] = _after(item, values, each.because.at or now, now)
            why[item.ref] = each.because
    if not changed:
        return {}
    connection.execute(_CHANGE, [_columns(item) | {"dirty": 1, "which": ref} for ref, item in changed.items()])
    naming.changed(connection, before, changed)
    pairs = {ref: (before[ref], item, why[ref]) for ref, item in changed.items()}
    done = {ref: why[ref] for ref, item in changed.items() if item.status is Status.RESOLVED}
    return done | change(connection, ledger, now, members.consequences(connection, pairs))


def accept(
    connection: Connection, ledger: Ledger, now: datetime, ref: str, accepted: Accepted | None, because: Because
) -> ActionItem:
    """Have an item's risk accepted, or no more: it is open again then. Only a decision leads here, or its end."""
    before = item = one(connection, ref)
    status = Status.OPEN if accepted is None else Status.ACCEPTED_AS_RISK
    values: dict[str, Any] = {"status": status, "accepted": accepted, "claim": None}
    moved = {name: value for name, value in values.items() if value != getattr(item, name)}
    if moved:
        _record(ledger, item, moved, because)
        item = replace(item, **moved, updated_at=now, revision=item.revision + 1)
        connection.execute(_CHANGE, _columns(item) | {"dirty": 1, "which": ref})
        naming.changed(connection, {ref: before}, {ref: item})
        change(connection, ledger, now, members.consequences(connection, {ref: (before, item, because)}))
    return item


def _moved(item: ActionItem, change: ItemChange) -> dict[str, Any]:
    """The values that differ from what the item has, in the model's types; refuses what may not be."""
    if unknown := change.values.keys() - CHANGEABLE:
        raise StateError(f"{item.ref}: {', '.join(sorted(unknown))} cannot be changed")
    values = {name: _typed(name, value) for name, value in change.values.items()}
    moved = {name: value for name, value in values.items() if value != getattr(item, name)}
    if "status" in moved and "claim" not in values and item.claim is not None:
        moved["claim"] = None
    if "status" in moved and (why := lifecycle.refusal(item.status, moved["status"], change.because.agent.system)):
        raise StateError(f"{item.ref} cannot become {moved['status'].value}: {why}")
    return moved


def _typed(name: str, value: Any) -> Any:
    match name:
        case "status":
            return Status(value)
        case "priority":
            return Priority(value)
        case "controls" | "risks":
            return tuple(value)
        case _:
            return value


def _after(item: ActionItem, values: dict[str, Any], at: datetime, now: datetime) -> ActionItem:
    if "due_date" in values:
        values = values | {"overdue": False}
    if "status" in values:
        values = values | {"resolved_at": at if values["status"] is Status.RESOLVED else None}
    return replace(item, **values, updated_at=now, revision=item.revision + 1)


def _record(ledger: Ledger, item: ActionItem, values: dict[str, Any], because: Because) -> None:
    for name, value in sorted(values.items()):
        before, after = _provable(name, getattr(item, name)), _provable(name, value)
        ledger.note("item.changed", item.ref, because, field=name, before=before, after=after)


def _provable(name: str, value: Any) -> Any:
    """A value as records hold it: long or personal text as its digest, which proves it without keeping it."""
    if name == "description":
        return {"sha256": digest(value), "characters": len(value)}
    if name == "origin":
        return [[key, digest(text)] for key, text in sorted(value.items())]
    if isinstance(value, Accepted):
        return {"ref": value.ref, "until": value.until}
    if isinstance(value, Claim):
        return {"kind": value.kind, "by": value.by, "at": value.at, "text": value.text}
    return value


def provable(item: ActionItem, names: Iterable[str] = BEGUN_WITH) -> dict[str, Any]:
    """Attributes of an item as records hold them."""
    return {name: _provable(name, getattr(item, name)) for name in names}


def fallen_due(connection: Connection, today: date) -> list[ActionItem]:
    """The items whose due date has passed since a run last looked, by ref."""
    query = select(ITEM).where(_IS_TIMELY, ITEM.c.due_date < today).order_by(ITEM.c.seq)
    return [item_of(row) for row in connection.execute(query)]


def mark_overdue(connection: Connection, refs: Iterable[str]) -> None:
    """Keep that the due date of items has passed; those that are unfinished are compared again."""
    for some in chunks(refs):
        connection.execute(_LATE, {"some": some})


def mark_dirty(connection: Connection, refs: Iterable[str]) -> None:
    """Have items compared again."""
    for some in chunks(refs):
        connection.execute(_SOIL, {"some": some})


def mark_clean(connection: Connection, revisions: Sequence[tuple[str, int]]) -> None:
    """End the comparing of items that still have the revision they were compared at."""
    if revisions:
        connection.execute(_CLEAN, [{"which": ref, "seen": revision} for ref, revision in revisions])
