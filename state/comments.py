"""Comments as rows: what was said about an item, on either side."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, bindparam, insert, select, update

from state.audit import Ledger, digest
from state.effects import Because
from state.errors import UnknownRef
from state.links import CURRENT, LINK
from state.model import Comment
from state.rows import comment_of
from state.series import chunks, next_numbers
from state.tables import CommentRow

COMMENT = CommentRow.__table__  # type: ignore[attr-defined]


_UNSENT = select(COMMENT).where(COMMENT.c.remote_id == "", COMMENT.c.inbound == 0).order_by(COMMENT.c.seq)
_UNSENT_LINKED = _UNSENT.where(select(LINK.c.id).where(LINK.c.item == COMMENT.c.item, CURRENT).exists())
_KNOWN_IDS = select(COMMENT.c.remote_id).where(
    COMMENT.c.tracker == bindparam("in_tracker"), COMMENT.c.remote_id.in_(bindparam("some", expanding=True))
)


def put(connection: Connection, ledger: Ledger, comments: Sequence[tuple[Comment, Because]]) -> tuple[Comment, ...]:
    """Store comments, or where one is known already, that it stands in the tracker; return them as stored."""
    return tuple(_put(connection, ledger, each, because) for each, because in comments)


def _put(connection: Connection, ledger: Ledger, each: Comment, because: Because) -> Comment:
    stored = _known(connection, each)
    if stored is None:
        [number] = next_numbers(connection, "comment", 1)
        stored = replace(each, id=f"C-{number:06d}")
        connection.execute(insert(COMMENT).values(_columns(stored, number)))
        action = "comment.received" if each.inbound else "comment.sent" if each.remote_id else "comment.added"
    elif not stored.remote_id and each.remote_id:
        where = COMMENT.c.seq == _number(stored.id)
        connection.execute(update(COMMENT).where(where).values(tracker=each.tracker, remote_id=each.remote_id))
        stored = replace(stored, tracker=each.tracker, remote_id=each.remote_id)
        action = "comment.sent"
    else:
        return stored
    after = {"id": stored.id, "author": stored.author, "tracker": stored.tracker, "remote_id": stored.remote_id}
    ledger.note(action, stored.item, because, after=after | {"text_sha256": digest(stored.text)})
    return stored


def _known(connection: Connection, each: Comment) -> Comment | None:
    same = COMMENT.c.seq == _number(each.id) if each.id else None
    if each.remote_id:
        there = (COMMENT.c.tracker == each.tracker) & (COMMENT.c.remote_id == each.remote_id)
        same = there if same is None else there | same
    if same is None:
        return None
    row = connection.execute(select(COMMENT).where(same).order_by(COMMENT.c.seq).limit(1)).first()
    return None if row is None else comment_of(row)


def _number(id_: str) -> int:
    digits = id_.upper().removeprefix("C-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 16):
        raise UnknownRef(id_)
    return int(digits)


def _columns(each: Comment, number: int) -> dict[str, object]:
    return {
        "seq": number,
        "item": each.item,
        "author": each.author,
        "text": each.text,
        "at": each.at,
        "inbound": int(each.inbound),
        "tracker": each.tracker,
        "remote_id": each.remote_id,
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
