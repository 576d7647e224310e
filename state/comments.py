"""Comments as rows: what was said about an item, on either side."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection, bindparam, insert, select, tuple_, update

from state.audit import Ledger, digest
from state.effects import Because
from state.errors import UnknownRef
from state.links import CURRENT, LINK
from state.model import Comment
from state.rows import comment_of
from state.series import chunks, next_numbers
from state.tables import CommentRow

COMMENT = CommentRow.__table__  # type: ignore[attr-defined]

_Key = tuple[str, str] | int


_UNSENT = select(COMMENT).where(COMMENT.c.remote_id == "", COMMENT.c.inbound == 0).order_by(COMMENT.c.seq)
_UNSENT_LINKED = _UNSENT.where(select(LINK.c.id).where(LINK.c.item == COMMENT.c.item, CURRENT).exists())
_STANDING = select(COMMENT).where(tuple_(COMMENT.c.tracker, COMMENT.c.remote_id).in_(bindparam("some", expanding=True)))
_KNOWN_IDS = select(COMMENT.c.remote_id).where(
    COMMENT.c.tracker == bindparam("in_tracker"), COMMENT.c.remote_id.in_(bindparam("some", expanding=True))
)


def put(connection: Connection, ledger: Ledger, comments: Sequence[tuple[Comment, Because]]) -> tuple[Comment, ...]:
    """Store comments, or where one is known already, that it stands in the tracker; return them as stored."""
    settled = {place: _settle(connection, ledger, *one) for place, one in enumerate(comments) if one[0].id}
    others = {_key(place, one[0]): one for place, one in enumerate(comments) if place not in settled}
    there = _there(connection, others)
    there |= _add(connection, ledger, {key: new for key, new in others.items() if key not in there})
    return tuple(settled.get(place) or there[_key(place, each)] for place, (each, _) in enumerate(comments))


def _key(place: int, each: Comment) -> _Key:
    """What tells a comment from the others of its transaction: where it stands in the tracker, or else here."""
    return (each.tracker, each.remote_id) if each.remote_id else place


def _there(connection: Connection, keys: Iterable[_Key]) -> dict[_Key, Comment]:
    """Those that stand in the tracker and are known."""
    found: dict[_Key, Comment] = {}
    for some in chunks(key for key in keys if isinstance(key, tuple)):
        rows = connection.execute(_STANDING, {"some": some})
        found |= {(row.tracker, row.remote_id): comment_of(row) for row in rows}
    return found


def _add(connection: Connection, ledger: Ledger, new: Mapping[_Key, tuple[Comment, Because]]) -> dict[_Key, Comment]:
    if not new:
        return {}
    numbers = next_numbers(connection, "comment", len(new))
    added = {
        key: replace(each, id=f"C-{number:06d}") for number, (key, (each, _)) in zip(numbers, new.items(), strict=True)
    }
    connection.execute(insert(COMMENT), [_columns(each) for each in added.values()])
    for key, each in added.items():
        action = "comment.received" if each.inbound else "comment.sent" if each.remote_id else "comment.added"
        _note(ledger, action, each, new[key][1])
    return added


def _settle(connection: Connection, ledger: Ledger, each: Comment, because: Because) -> Comment:
    """Keep that a comment of ours stands in the tracker."""
    stored = _known(connection, each)
    if not stored.remote_id and each.remote_id:
        where = COMMENT.c.seq == _number(stored.id)
        connection.execute(update(COMMENT).where(where).values(tracker=each.tracker, remote_id=each.remote_id))
        stored = replace(stored, tracker=each.tracker, remote_id=each.remote_id)
        _note(ledger, "comment.sent", stored, because)
    return stored


def _note(ledger: Ledger, action: str, each: Comment, because: Because) -> None:
    after = {"id": each.id, "author": each.author, "tracker": each.tracker, "remote_id": each.remote_id}
    ledger.note(action, each.item, because, after=after | {"text_sha256": digest(each.text)})


def _known(connection: Connection, each: Comment) -> Comment:
    same = COMMENT.c.seq == _number(each.id)
    if each.remote_id:
        same = ((COMMENT.c.tracker == each.tracker) & (COMMENT.c.remote_id == each.remote_id)) | same
    row = connection.execute(select(COMMENT).where(same).order_by(COMMENT.c.seq).limit(1)).first()
    if row is None:
        raise UnknownRef(each.id)
    return comment_of(row)


def _number(id_: str) -> int:
    digits = id_.upper().removeprefix("C-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 16):
        raise UnknownRef(id_)
    return int(digits)


def _columns(each: Comment) -> dict[str, object]:
    return {
        "seq": _number(each.id),
        "item": each.item,
        "author": each.author,
        "text": each.text,
        "at": each.at,
        "inbound": int(each.inbound),
        "tracker": each.tracker,
        "remote_id": each.remote_id,
        "topic": each.topic,
        "standing": each.standing,
        "edited_at": each.edited_at,
        "deleted_at": each.deleted_at,
    }


def waiting(connection: Connection, item: str | None = None, *, linked_only: bool = True) -> list[Comment]:
    """Our comments that do not stand in a tracker yet, oldest first."""
    query = _UNSENT_LINKED if linked_only else _UNSENT
    if item is not None:
        query = query.where(COMMENT.c.item == item)
    return [comment_of(row) for row in connection.execute(query)]


def of_item(connection: Connection, item: str) -> list[Comment]:
    """Everything that was said about an item, oldest first."""
    query = select(COMMENT).where(COMMENT.c.item == item).order_by(COMMENT.c.at, COMMENT.c.seq)
    return [comment_of(row) for row in connection.execute(query)]


def known_ids(connection: Connection, tracker: str, ids: Iterable[str]) -> set[str]:
    """Those of a tracker's comment ids that are stored already."""
    known: set[str] = set()
    for some in chunks(ids):
        known.update(connection.execute(_KNOWN_IDS, {"in_tracker": tracker, "some": some}).scalars())
    return known
