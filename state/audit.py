"""A ledger of every change, each record chained to the one before."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
import rfc8785
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, or_, select

from state import merkle, salted
from state.effects import Because
from state.errors import AuditError
from state.model import Actor, Agent
from state.salted import Entropy, Personal, marked, personal
from state.series import Rows, chunks, pages
from state.shape import stands_well
from state.tables import AuditRow

AUDIT = AuditRow.__table__  # type: ignore[attr-defined]
GENESIS = "0" * 64
"""What the first record names as the one before it."""

FORM = 2
"""The form that records have now, which each tells as its `v`."""

EDITED = "ticket.edited"
"""The action of a record of what somebody else did to a ticket, which changed nothing about its item."""

_PAGE = 2000
_PEOPLE = frozenset({Actor.HUMAN, Actor.SCHEDULE})
"""The kinds of agents with the account of a person: a schedule runs under one."""
_EXACT = 2**53
_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS
_NO_TEXTS: Mapping[str, Any] = MappingProxyType({})
_BEYOND = re.compile(rb"[\xf0-\xff]")
"""A character that UTF-16, by which RFC 8785 sorts names, does not sort as UTF-8 does."""


Told = Mapping[str, Any]
"""What a record says, with the personal texts it stands for."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One chained record of one change, as stored.

    `body` is the canonical text that was hashed; `told` is what it says, with the personal texts it stands for, and
    empty where it cannot be read.
    """

    seq: int
    prev: str
    hash: str
    body: str
    told: Told


def digest(text: str) -> str:
    """The SHA-256 of a text, for records that prove a text without holding it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def moment(at: datetime) -> str:
    """An aware date-time in the ledger's form: RFC 3339, UTC, microseconds."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def plain(value: Any) -> Any:
    """A value as the JSON that records are made of; floats, huge numbers and foreign types are an `AuditError`."""
    if value is None or value.__class__ is str:
        return value
    match value:
        case Enum():
            return plain(value.value)
        case bool() | Personal():
            return value
        case str():
            return str.__str__(value)
        case int() if -_EXACT < value < _EXACT:
            return value
        case datetime():
            return moment(value)
        case date():
            return value.isoformat()
        case list() | tuple():
            return [plain(each) for each in value]
        case Mapping():
            return {str(plain(key)): plain(each) for key, each in value.items()}
        case set() | frozenset():
            return [plain(each) for each in sorted(value, key=str)]
        case _:
            raise AuditError(f"a record cannot hold this {type(value).__name__}; nothing was written")


def canonical(body: Mapping[str, Any], standing: Mapping[str, Any] = _NO_TEXTS) -> bytes:
    """The RFC 8785 bytes of a plain body, with what is `standing` for each personal text in its place.

    orjson gives the same bytes many times faster, but where it would sort the names in another order.
    """
    try:
        quick = orjson.dumps(body, default=standing.__getitem__, option=_SORTED)
        return rfc8785.dumps(orjson.loads(quick)) if _is_beyond(quick) else quick
    except (ValueError, TypeError, RecursionError) as error:
        raise AuditError(f"a record has no canonical form ({type(error).__name__}); nothing was written") from error


def read(text: str | bytes) -> dict[str, Any]:
    """A record's body from its text; a `ValueError` if it holds anything but plain JSON."""
    body = json.loads(text, parse_float=_no_number, parse_constant=_no_number, parse_int=_number)
    if not isinstance(body, dict):
        raise ValueError("not an object")
    return body


def read_quickly(text: bytes) -> Any:
    """What a canonical text says; `None` where it may be none, and `read` and `canonical` have to tell."""
    if _is_beyond(text):
        return None
    try:
        body = orjson.loads(text)
        same = orjson.dumps(body, option=orjson.OPT_SORT_KEYS) == text
        return body if same and _is_plain((body,)) else None
    except (ValueError, TypeError, RecursionError):
        return None


def _is_plain(values: Iterable[Any]) -> bool:
    """Whether parsed values are such as records are made of."""
    for each in values:
        kind = each.__class__
        if kind is str or kind is bool or each is None:
            continue
        if kind is dict or kind is list:
            if not _is_plain(each.values() if kind is dict else each):
                return False
        elif kind is not int or not -_EXACT < each < _EXACT:
            return False
    return True


def _is_beyond(text: bytes) -> bool:
    return not text.isascii() and _BEYOND.search(text) is not None


def _number(digits: str) -> int:
    return int(digits) if len(digits) < 18 and -_EXACT < int(digits) < _EXACT else _no_number(digits)


def _no_number(digits: str) -> int:
    raise ValueError(f"{digits[:20]} is not a plain number")


def leaf(body: bytes) -> str:
    """A record's hash, as RFC 6962 hashes a leaf."""
    return merkle.leaf(body).hex()


class Ledger:
    """The records of one transaction, gathered while it writes and appended in one batch at its end.

    `entropy(n)` gives n random bytes, for the salts of personal texts.
    """

    def __init__(self, now: datetime, entropy: Entropy) -> None:
        self._now = moment(now)
        self._entropy = entropy
        self._records: list[dict[str, Any]] = []
        self.newest = 0
        """The number of the last record it appended, 0 for none."""

    def note(
        self, action: str, object_: str, because: Because, *, field: str = "", before: Any = None, after: Any = None
    ) -> None:
        """Gather one record of one change; what people are called in it, and what they said, is personal."""
        agent = because.agent
        own = personal if agent.kind in _PEOPLE else str
        self._records.append(
            {
                "v": FORM,
                "at": self._now if because.at is None else moment(because.at),
                "recorded": self._now,
                "actor": {
                    "kind": agent.kind.value,
                    "system": agent.system,
                    "account": own(agent.account),
                    "name": own(agent.name),
                },
                "source": {"run": because.run, "event": plain(because.event)},
                "action": action,
                "object": object_,
                "field": field,
                "before": marked(plain(before), action, field),
                "after": marked(plain(after), action, field),
                "reason": personal(because.reason),
            }
        )

    def append(self, connection: Connection) -> None:
        """Chain the gathered records to the ledger's head and write them."""
        if not self._records:
            return
        seq, prev = head(connection)
        rows = []
        standing = self._standing(connection)
        for body in self._records:
            seq += 1
            text = canonical(body | {"seq": seq, "prev": prev}, standing)
            if not stands_well(told := text.decode(), len(salted.named_in(told))):
                raise AuditError("a record cannot hold anything called `salted`; nothing was written")
            hash_ = leaf(text)
            rows.append((seq, prev, hash_, body["object"], told))
            prev = hash_
        _append(connection, rows)
        self._records.clear()
        self.newest = seq

    def _standing(self, connection: Connection) -> Mapping[str, Any]:
        """What stands for the personal texts of the gathered records."""
        try:
            return salted.commit(connection, salted.texts(self._records), self._entropy)
        except (TypeError, UnicodeEncodeError) as error:
            raise AuditError("a record cannot hold half a character; nothing was written") from error


_COLUMNS = ("seq", "prev", "hash", "object", "body")
_INSERT = f"INSERT INTO audit ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
_APPEND = "SELECT audit_append(%s::integer[], %s::text[], %s::text[], %s::text[], %s::text[])"
"""What a server is asked, where the program may have no right to the table but to read it."""
_HEAD = select(AUDIT.c.seq, AUDIT.c.hash).order_by(AUDIT.c.seq.desc()).limit(1)


def _append(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    """Write records, in the order of `_COLUMNS`, at the ledger's end, in one statement."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_APPEND, tuple(map(list, zip(*rows, strict=True))))
    else:
        connection.exec_driver_sql(_INSERT, rows)


def head(connection: Connection) -> tuple[int, str]:
    """The newest record's number and hash."""
    row = connection.execute(_HEAD).first()
    return (row.seq, row.hash) if row else (0, GENESIS)


def recorded(connection: Connection, seq: int) -> datetime | None:
    """When a record was written down (UTC), `None` where it is not there or cannot be read."""
    body = connection.execute(select(AUDIT.c.body).where(AUDIT.c.seq == seq)).scalar()
    with suppress(ValueError, KeyError, TypeError, RecursionError, AuditError):
        return None if body is None else datetime.fromisoformat(read(body)["recorded"])
    return None


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
    yield from _records(rows, reversed(rows(query.order_by(AUDIT.c.seq.desc()).limit(newest))))


def reopened(connection: Connection, items: Iterable[str]) -> dict[str, datetime]:
    """When each of the items was last opened again after it had been resolved, where it happened (UTC)."""
    status = and_(did("item.changed"), AUDIT.c.body.like('%"before":"resolved","field":"status"%'))
    return {ref: datetime.fromisoformat(told["at"]) for ref, told in _last(connection, items, status).items()}


def claimants(connection: Connection, items: Iterable[str]) -> dict[str, Agent]:
    """Who made the claim that each of the items has, as recorded with it."""
    made = and_(AUDIT.c.body.like('%"field":"claim"%'), AUDIT.c.body.not_like('%"after":null,%'))
    actors = {ref: told["actor"] for ref, told in _last(connection, items, made).items()}
    return {ref: Agent(Actor(a["kind"]), a["system"], a["account"], a["name"]) for ref, a in actors.items()}


class Events(NamedTuple):
    """The tracker's own ids of what is on record of it: what changed an item, each with the field that it moved
    (`taken`), and what was done to its tickets alone, each with its time (`noted`).
    """

    taken: frozenset[tuple[str, str]] = frozenset()
    noted: frozenset[tuple[str, datetime]] = frozenset()


def events(connection: Connection, item: str, tracker: str) -> Events:
    """What of a tracker's is on record about an item."""
    told = [json.loads(row.body) for row in connection.execute(_EVENTS, {"item": item})]
    mine = [(t, t["source"]["event"]) for t in told if t["actor"]["system"] == tracker]
    return Events(
        frozenset((t["field"], event) for t, event in mine if t["action"] != EDITED),
        frozenset((event, datetime.fromisoformat(t["at"])) for t, event in mine if t["action"] == EDITED),
    )


def comments_since_linked(connection: Connection, item: str) -> set[str]:
    """The ids of comments that were said, on either side, on the ticket that an item has, and on none before it."""
    said: set[str] = set()
    linked, spoken = ("ticket.created", "ticket.linked"), ("comment.sent", "comment.received")
    for row in _such(connection, [item], or_(*map(did, (*linked, *spoken)))):
        told = json.loads(row.body)
        after = told["after"]
        said = set() if told["action"] in linked else said | {str(after.get("id")) if isinstance(after, dict) else ""}
    return said


def bodies(connection: Connection) -> Iterator[str]:
    """The text of every record, in order."""
    query = select(AUDIT.c.seq, AUDIT.c.body).order_by(AUDIT.c.seq).limit(_PAGE)
    rows: Rows = lambda some: connection.execute(some).all()  # noqa: E731
    for page in pages(rows, query, lambda last: query.where(AUDIT.c.seq > last.seq), _PAGE):
        yield from (row.body for row in page)


def told_of(connection: Connection, object_: str) -> list[Told]:
    """What the records of one object say, in their order."""
    return [record.told for record in log(lambda query: connection.execute(query).all(), objects=[object_])]


def _last(connection: Connection, items: Iterable[str], which: ColumnElement[bool]) -> dict[str, dict[str, Any]]:
    """The last of such records about each of the items, where there is one."""
    found = {row.object: row.body for row in _such(connection, items, which)}
    told = salted.told(lambda query: connection.execute(query).all(), found.values())
    return {ref: told(body) for ref, body in found.items()}


def _such(connection: Connection, items: Iterable[str], which: ColumnElement[bool]) -> Iterator[Row[Any]]:
    """The object and the text of such records about the items, those of each in their order."""
    for some in chunks(dict.fromkeys(items)):
        query = select(AUDIT.c.object, AUDIT.c.body).where(AUDIT.c.object.in_(some), which).order_by(AUDIT.c.seq)
        yield from connection.execute(query)


def did(action: str) -> ColumnElement[bool]:
    """Whether a record is of this action, which stands first in its text."""
    which: ColumnElement[bool] = AUDIT.c.body.like(f'{{"action":"{action}",%')
    return which


_EVENTS = select(AUDIT.c.body).where(
    AUDIT.c.object == bindparam("item"),
    or_(did(EDITED), and_(did("item.changed"), AUDIT.c.body.not_like('%"source":{"event":"",%'))),
)


def _records(rows: Rows, page: Iterable[Row[Any]]) -> Iterator[AuditRecord]:
    some = list(page)
    told = salted.told(rows, (row.body for row in some))
    for row in some:
        yield AuditRecord(row.seq, row.prev, row.hash, row.body, said(row.body, told))


def said(body: str | bytes, told: Callable[[Any], Any] = json.loads) -> Mapping[str, Any]:
    """What a body says that may be no sound one, read as it is `told`; nothing if it says nothing that can be read."""
    try:
        found = told(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is(record: AuditRecord, action: str | None, run: str | None) -> bool:
    told = record.told
    return action in (None, told.get("action")) and run in (None, told.get("source", {}).get("run"))


def _paged(rows: Rows, query: Select[Any]) -> Iterator[AuditRecord]:
    query = query.order_by(AUDIT.c.seq).limit(_PAGE)
    for page in pages(rows, query, lambda last: query.where(AUDIT.c.seq > last.seq), _PAGE):
        yield from _records(rows, page)
