"""Intents: written down before acting, crossed out after, left open by a crash."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, String, bindparam, case, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from state.effects import Intent
from state.errors import StateError
from state.model import OperationKind, Outcome
from state.rows import intent_columns, intent_of
from state.series import chunks
from state.tables import IntentRow

INTENT = IntentRow.__table__  # type: ignore[attr-defined]
OPEN = INTENT.c.finished_at.is_(None)
KEPT = timedelta(days=7)
"""How long a done or deferred intent is kept, for counting what was written lately."""

_OPEN = select(INTENT).where(OPEN)
_OPEN_IN = _OPEN.where(INTENT.c.tracker == bindparam("in_tracker"))
_CONTENT = (OperationKind.CREATE.value, OperationKind.COMMENT.value)
_GIVEN_UP = select(INTENT).where(
    INTENT.c.tracker == bindparam("in_tracker"),
    INTENT.c.kind == OperationKind.CREATE.value,
    INTENT.c.asked_at.is_not(None),
    INTENT.c.outcome == "deferred",
)
_HOW = bindparam("how", type_=String)
_BEGIN = insert(INTENT)
_FINISH = (
    update(INTENT)
    .where(INTENT.c.id == bindparam("which"), OPEN)
    .values(
        outcome=_HOW,
        reason=bindparam("why"),
        finished_at=bindparam("at"),
        payload=case((_HOW == "done", "{}"), else_=INTENT.c.payload),
    )
)
_SEND = (
    update(INTENT)
    .where(INTENT.c.id == bindparam("which"), OPEN)
    .values(begun_at=bindparam("now"), begun_there=bindparam("theirs"))
)
_CREATED = select(INTENT.c.key).where(
    INTENT.c.item.in_(bindparam("some", expanding=True)),
    INTENT.c.kind == OperationKind.CREATE.value,
    INTENT.c.outcome == "done",
)
_FORGET = delete(INTENT).where(
    or_(INTENT.c.outcome == "done", INTENT.c.outcome == "deferred"), INTENT.c.finished_at < bindparam("before")
)


def begin(connection: Connection, intents: Sequence[Intent]) -> None:
    """Write intents down; an id that was used before is an error."""
    if not intents:
        return
    try:
        connection.execute(_BEGIN, [intent_columns(each) for each in intents])
    except IntegrityError as error:
        raise StateError("an intent with this id was begun before; nothing of this step was kept") from error


def finish(connection: Connection, finished: Mapping[str, Outcome], now: datetime) -> None:
    """Cross intents out, with how they ended."""
    if not finished:
        return
    rows = [{"which": id_, "how": end.kind, "why": end.reason, "at": now} for id_, end in finished.items()]
    if connection.execute(_FINISH, rows).rowcount != len(rows):
        raise StateError(f"no open intent is called {' or '.join(finished)}; nothing of this step was kept")


def ask(connection: Connection, ids: Iterable[str], now: datetime) -> None:
    """Note that the tracker was asked for these just now and had nothing."""
    for some in chunks(ids):
        connection.execute(update(INTENT).where(INTENT.c.id.in_(some), OPEN).values(asked_at=now))


def send(connection: Connection, there: Mapping[str, datetime | None], now: datetime) -> None:
    """Note that these begin only now, at the tracker's time given, as their last request goes out only now."""
    if there:
        connection.execute(_SEND, [{"which": id_, "now": now, "theirs": theirs} for id_, theirs in there.items()])


def forget(connection: Connection, now: datetime) -> None:
    """Drop done and deferred intents that nothing asks for any more."""
    connection.execute(_FORGET, {"before": now - KEPT})


def open_intents(connection: Connection, tracker: str | None = None, item: str | None = None) -> list[Intent]:
    """The intents not yet known to have happened or not, oldest first."""
    query, values = (_OPEN, {}) if tracker is None else (_OPEN_IN, {"in_tracker": tracker})
    if item is not None:
        query = query.where(INTENT.c.item == item)
    found = [intent_of(row) for row in connection.execute(query, values)]
    return sorted(found, key=lambda intent: (intent.begun_at, intent.id))


def given_up(connection: Connection, tracker: str) -> list[Intent]:
    """The creates of late that counted as not sent, because the tracker had nothing of them when it was asked."""
    return [intent_of(row) for row in connection.execute(_GIVEN_UP, {"in_tracker": tracker})]


def last_failure(connection: Connection, item: str) -> tuple[Intent, Outcome, datetime] | None:
    """The newest operation on an item that did not end well, how it ended and when."""
    failed = (INTENT.c.item == item, INTENT.c.finished_at.is_not(None), INTENT.c.outcome != "done")
    row = connection.execute(select(INTENT).where(*failed).order_by(INTENT.c.finished_at.desc()).limit(1)).first()
    return None if row is None else (intent_of(row), Outcome(row.outcome, row.reason), row.finished_at)


def content_at(connection: Connection, tracker: str, since: datetime, until: datetime, after: int) -> datetime | None:
    """When the newest create or comment of a tracker was begun, or the one that `after` others came after.

    `None` where that was before `since`, or never. What was begun after `until` does not count.
    """
    mine = (INTENT.c.tracker == tracker, INTENT.c.kind.in_(_CONTENT), INTENT.c.begun_at.between(since, until))
    newest = select(INTENT.c.begun_at).where(*mine).order_by(INTENT.c.begun_at.desc())
    return connection.execute(newest.offset(after).limit(1)).scalar()


def created_keys(connection: Connection, items: Iterable[str]) -> frozenset[str]:
    """The keys of the tickets that we are known to have created for these items."""
    keys: set[str] = set()
    for some in chunks(items):
        keys.update(connection.execute(_CREATED, {"some": some}).scalars())
    return frozenset(keys)
