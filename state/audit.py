"""A ledger of every change, each record chained to the one before."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

import rfc8785
from sqlalchemy import ColumnElement, Connection, LargeBinary, Row, Select, and_, cast, func, insert, or_, select

from state.effects import Because
from state.errors import AuditError
from state.model import Actor, Agent, AuditRecord
from state.series import Rows, chunks, pages
from state.tables import AuditRow, ItemRow

AUDIT = AuditRow.__table__  # type: ignore[attr-defined]
ITEM = ItemRow.__table__  # type: ignore[attr-defined]
GUARDS = {
    "sqlite": frozenset({"audit_no_update", "audit_no_delete", "audit_only_next"}),
    "postgresql": frozenset({"audit_no_rewrite", "audit_no_truncate", "audit_only_next"}),
}
"""The triggers that keep the ledger from being rewritten, by dialect."""

_STANDING = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE tgrelid = 'audit'::regclass AND tgenabled = 'A'",
}
"""How to ask for the triggers that stand and, where they can be switched off, are on for everybody."""

GENESIS = "0" * 64
"""What the first record names as the one before it."""

_PAGE = 2000
_EXACT = 2**53
_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking the ledger found.

    `first_bad` is the first record that cannot be trusted and why. `ok` says that what is here is consistent;
    `anchored` that a copy kept elsewhere agrees, without which a ledger rewritten as a whole is not noticed.
    """

    ok: bool
    records: int
    head: str
    first_bad: tuple[int, str] | None = None
    anchored: bool = False


def digest(text: str) -> str:
    """The SHA-256 of a text, for records that prove a text without holding it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def moment(at: datetime) -> str:
    """An aware date-time in the ledger's form: RFC 3339, UTC, microseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def plain(value: Any) -> Any:
    """A value as the JSON that records are made of; floats, huge numbers and foreign types are an `AuditError`."""
    if value is None or value.__class__ is str:
        return value
    match value:
        case Enum():
            return plain(value.value)
        case bool() | str():
            return value
        case int() if -_EXACT < value < _EXACT:
            return value
        case datetime():
            return moment(value)
        case date():
            return value.isoformat()
        case Mapping():
            return {str(plain(key)): plain(each) for key, each in value.items()}
        case set() | frozenset():
            return [plain(each) for each in sorted(value, key=str)]
        case list() | tuple():
            return [plain(each) for each in value]
        case _:
            raise AuditError(f"a record cannot hold this {type(value).__name__}; nothing was written")


def canonical(body: Mapping[str, Any]) -> bytes:
    """The RFC 8785 bytes of a plain body.

    Where that is ASCII, the standard library's encoder gives the same bytes five times faster.
    """
    try:
        quick = _ENCODE(body)
        return quick.encode() if quick.isascii() else rfc8785.dumps(dict(body))
    except (ValueError, RecursionError) as error:
        raise AuditError(f"a record has no canonical form ({type(error).__name__}); nothing was written") from error


def read(text: str | bytes) -> dict[str, Any]:
    """A record's body from its text; a `ValueError` if it holds anything but plain JSON."""
    body = json.loads(text, parse_float=_no_number, parse_constant=_no_number, parse_int=_number)
    if not isinstance(body, dict):
        raise ValueError("not an object")
    return body


def _number(digits: str) -> int:
    return int(digits) if len(digits) < 18 and -_EXACT < int(digits) < _EXACT else _no_number(digits)


def _no_number(digits: str) -> int:
    raise ValueError(f"{digits[:20]} is not a plain number")


def leaf(body: bytes) -> str:
    """A record's hash, as RFC 6962 hashes a leaf."""
    return hashlib.sha256(b"\0" + body).hexdigest()


class Ledger:
    """The records of one transaction, gathered while it writes and appended in one batch at its end."""

    def __init__(self, now: datetime) -> None:
        self._now = moment(now)
        self._records: list[dict[str, Any]] = []

    def note(
        self, action: str, object_: str, because: Because, *, field: str = "", before: Any = None, after: Any = None
    ) -> None:
        """Gather one record of one change."""
        agent = because.agent
        self._records.append(
            {
                "v": 1,
                "at": self._now if because.at is None else moment(because.at),
                "recorded": self._now,
                "actor": {
                    "kind": agent.kind.value,
                    "system": agent.system,
                    "account": agent.account,
                    "name": agent.name,
                },
                "source": {"run": because.run, "event": because.event},
                "action": action,
                "object": object_,
                "field": field,
                "before": plain(before),
                "after": plain(after),
                "reason": because.reason,
            }
        )

    def append(self, connection: Connection) -> None:
        """Chain the gathered records to the ledger's head and write them."""
        if not self._records:
            return
        seq, prev = head(connection)
        rows = []
        for body in self._records:
            seq += 1
            text = canonical(body | {"seq": seq, "prev": prev})
            hash_ = leaf(text)
            rows.append({"seq": seq, "prev": prev, "hash": hash_, "object": body["object"], "body": text.decode()})
            prev = hash_
        connection.execute(_APPEND, rows)


_APPEND = insert(AUDIT)
_HEAD = select(AUDIT.c.seq, AUDIT.c.hash).order_by(AUDIT.c.seq.desc()).limit(1)


def head(connection: Connection) -> tuple[int, str]:
    """The newest record's number and hash."""
    row = connection.execute(_HEAD).first()
    return (row.seq, row.hash) if row else (0, GENESIS)


def log(
    rows: Rows,
    *,
    objects: Sequence[str] | None = None,
    action: str | None = None,
    run: str | None = None,
    since: int = 0,
    newest: int | None = None,
) -> Iterator[AuditRecord]:
    """Yield records in their order, of some objects, one action or one run; `newest` keeps only that many last."""
    query = select(AUDIT).where(AUDIT.c.seq > since)
    if objects is not None:
        query = query.where(AUDIT.c.object.in_(list(objects)))
    if newest is None or action or run:
        found = (record for record in _paged(rows, query) if _is(record, action, run))
        yield from found if newest is None else list(found)[-newest:]
        return
    for row in reversed(rows(query.order_by(AUDIT.c.seq.desc()).limit(newest))):
        yield _record(row)


def reopened(connection: Connection, items: Iterable[str]) -> dict[str, datetime]:
    """When each of the items was last opened again after it had been resolved, where it happened (UTC)."""
    status = AUDIT.c.body.like('%"before":"resolved","field":"status"%')
    return {ref: datetime.fromisoformat(told["at"]) for ref, told in _last(connection, items, status).items()}


def claimants(connection: Connection, items: Iterable[str]) -> dict[str, Agent]:
    """Who made the claim that each of the items has, as recorded with it."""
    made = and_(AUDIT.c.body.like('%"field":"claim"%'), AUDIT.c.body.not_like('%"after":null,%'))
    actors = {ref: told["actor"] for ref, told in _last(connection, items, made).items()}
    return {ref: Agent(Actor(a["kind"]), a["system"], a["account"], a["name"]) for ref, a in actors.items()}


def status_events(connection: Connection, item: str) -> frozenset[str]:
    """The trackers' own ids of what moved an item's status."""
    moved = and_(_did("item.changed"), AUDIT.c.body.like('%"field":"status"%'))
    return frozenset(json.loads(row.body)["source"]["event"] for row in _such(connection, [item], moved))


def comments_since_linked(connection: Connection, item: str) -> set[str]:
    """The ids of comments that were said, on either side, on the ticket that an item has, and on none before it."""
    said: set[str] = set()
    linked, spoken = ("ticket.created", "ticket.linked"), ("comment.sent", "comment.received")
    for row in _such(connection, [item], or_(*map(_did, (*linked, *spoken)))):
        told = json.loads(row.body)
        said = set() if told["action"] in linked else said | {told["after"]["id"]}
    return said


def _last(connection: Connection, items: Iterable[str], which: ColumnElement[bool]) -> dict[str, dict[str, Any]]:
    """The last of such records about each of the items, where there is one."""
    found = {row.object: row.body for row in _such(connection, items, which)}
    return {ref: json.loads(body) for ref, body in found.items()}


def _such(connection: Connection, items: Iterable[str], which: ColumnElement[bool]) -> Iterator[Row[Any]]:
    """The object and the text of such records about the items, those of each in their order."""
    for some in chunks(dict.fromkeys(items)):
        query = select(AUDIT.c.object, AUDIT.c.body).where(AUDIT.c.object.in_(some), which).order_by(AUDIT.c.seq)
        yield from connection.execute(query)


def _did(action: str) -> ColumnElement[bool]:
    """Whether a record is of this action, which stands first in its text."""
    which: ColumnElement[bool] = AUDIT.c.body.like(f'{{"action":"{action}",%')
    return which


def _record(row: Row[Any]) -> AuditRecord:
    return AuditRecord(row.seq, row.prev, row.hash, row.body)


def _is(record: AuditRecord, action: str | None, run: str | None) -> bool:
    if action is None and run is None:
        return True
    body = json.loads(record.body)
    return action in (None, body["action"]) and run in (None, body["source"]["run"])


def _paged(rows: Rows, query: Select[Any]) -> Iterator[AuditRecord]:
    query = query.order_by(AUDIT.c.seq).limit(_PAGE)
    for page in pages(rows, query, lambda last: query.where(AUDIT.c.seq > last.seq), _PAGE):
        yield from map(_record, page)


def verify(connection: Connection, *, last: int | None = None) -> Verdict:
    """Check every record, or the `last` so many: its text, its hash, its number, and that it follows the one before."""
    newest = connection.execute(select(func.max(AUDIT.c.seq))).scalar() or 0
    seq = 0 if last is None else max(0, newest - last)
    prev, records = _hash_of(connection, seq), 0
    for row in _raw(connection, seq or None):
        stored = _Stored(row.seq, *(_text(each) for each in (row.prev, row.hash, row.object, row.body)))
        if (bad := _fault(stored, seq, prev)) is not None:
            return Verdict(False, records, prev, bad)
        seq, prev, records = stored.seq, stored.hash, records + 1
    if not seq and connection.execute(select(func.count()).select_from(ITEM)).scalar_one():
        return Verdict(False, 0, prev, (1, "the ledger is empty, but there are items, each of which had its record"))
    if gone := _gone(connection):
        return Verdict(False, records, prev, (seq + 1, f"the ledger's guard is gone: {', '.join(sorted(gone))}"))
    return Verdict(True, records, prev)


def _gone(connection: Connection) -> frozenset[str]:
    """Which of the triggers that guard the ledger do not stand."""
    dialect = connection.dialect.name
    return GUARDS[dialect].difference(connection.exec_driver_sql(_STANDING[dialect]).scalars())


@dataclass(frozen=True, slots=True)
class _Stored:
    seq: int
    prev: str
    hash: str
    object: str
    body: str


def _fault(row: _Stored, seq: int, prev: str) -> tuple[int, str] | None:
    """What is wrong with a record that should come after number `seq` with hash `prev`."""
    if row.seq != seq + 1:
        return seq + 1, f"record {seq + 1} is missing: record {row.seq} comes after record {seq}"
    if (wrong := _inner_fault(row)) is not None:
        return row.seq, f"record {row.seq} {wrong}"
    if row.prev != prev:
        if seq == 0:
            return 1, "record 1 is not the first of its chain"
        return seq, f"record {seq} was changed or replaced: record {row.seq} does not follow it"
    return None


def _inner_fault(row: _Stored) -> str | None:
    """What is wrong with a record by itself."""
    text = row.body.encode("utf-8", "surrogateescape")
    if leaf(text) != row.hash:
        return "does not match its hash: its text or its hash was changed"
    try:
        body = read(text)
        if canonical(body) != text:
            return "is not in canonical form"
    except (ValueError, RecursionError, AuditError):
        return "is not a record"
    copies = {"seq": row.seq, "prev": row.prev, "object": row.object}
    wrong = [name for name, value in copies.items() if body.get(name) != value]
    return f"says another {wrong[0]} in its text than beside it" if wrong else None


def _raw(connection: Connection, after: int | None) -> Iterator[Row[Any]]:
    """The stored records in order of number, read so that even broken text arrives."""
    names = ("prev", "hash", "object", "body")
    bare = connection.dialect.name == "sqlite"
    columns = [cast(AUDIT.c[name], LargeBinary).label(name) if bare else AUDIT.c[name] for name in names]
    query = select(AUDIT.c.seq, *columns).order_by(AUDIT.c.seq).limit(_PAGE)
    first = query if after is None else query.where(AUDIT.c.seq > after)
    found = pages(
        lambda some: connection.execute(some).all(), first, lambda last: query.where(AUDIT.c.seq > last.seq), _PAGE
    )
    for page in found:
        yield from page


def _text(value: str | bytes | None) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value or ""


def _hash_of(connection: Connection, seq: int) -> str:
    found = connection.execute(select(AUDIT.c.hash).where(AUDIT.c.seq == seq)).scalar()
    return found or (GENESIS if seq == 0 else "")
