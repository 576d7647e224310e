"""Comments as rows: what was said about an item, on either side."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, and_, bindparam, insert, select, text, tuple_, update

from state.audit import Ledger, digest
from state.effects import Because
from state.errors import UnknownRef
from state.links import CURRENT, LINK
from state.model import Comment
from state.rows import comment_of
from state.salted import ERASED
from state.series import chunks, next_numbers, number_in
from state.tables import CommentRow

COMMENT = CommentRow.__table__  # type: ignore[attr-defined]

UNKNOWN = "?"
"""What stands in a tracker where that is not known for sure, and is to be written again."""

_Key = tuple[str, str] | int

_DUE = text("(comment.remote_id = '' OR comment.standing <> '') AND comment.inbound = 0")
_TICKET = select(LINK.c.id).where(LINK.c.item == COMMENT.c.item, CURRENT)
_IS_ELSEWHERE = and_(COMMENT.c.tracker != "", ~_TICKET.where(LINK.c.tracker == COMMENT.c.tracker).exists())
"""What was to be said on a ticket that the item has no more."""
_UNSENT = select(COMMENT).where(_DUE, ~_IS_ELSEWHERE, COMMENT.c.text != ERASED).order_by(COMMENT.c.seq)
_UNSENT_LINKED = _UNSENT.where(_TICKET.exists())
_STANDING = select(COMMENT).where(tuple_(COMMENT.c.tracker, COMMENT.c.remote_id).in_(bindparam("some", expanding=True)))
_KNOWN_IDS = select(COMMENT.c.remote_id).where(
    COMMENT.c.tracker == bindparam("in_tracker"), COMMENT.c.remote_id.in_(bindparam("some", expanding=True))
)


def put(connection: Connection, ledger: Ledger, comments: Sequence[tuple[Comment, Because]]) -> tuple[Comment, ...]:
    """Store comments, or where one is known already, that it stands in the tracker; return them as stored.

    Of an item there is one about each topic: said anew, it is the same one with other words.
    """
    settled = {place: _settle(connection, ledger, *one) for place, one in enumerate(comments) if one[0].id}
    settled |= {
        place: known
        for place, one in enumerate(comments)
        if not one[0].id and one[0].topic and (known := _reword(connection, ledger, *one)) is not None
    }
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
    """Keep that a comment of ours stands in the tracker, or of one about a topic, what is known to stand there."""
    stored = _known(connection, each)
    if stored.remote_id and not stored.topic:
        return stored
    stands = each.standing or ("" if each.text == stored.text else digest(each.text))
    after = replace(stored, tracker=each.tracker, remote_id=each.remote_id, standing=stands if each.remote_id else "")
    if after != stored:
        _update(connection, after)
        if after.remote_id and after.standing != UNKNOWN:
            _note(ledger, "comment.sent", replace(after, text=each.text), because)
    return after


def _reword(connection: Connection, ledger: Ledger, each: Comment, because: Because) -> Comment | None:
    """The item's comment about this topic with these words, to be sent unless they stand there; none if it is new."""
    stored = about(connection, each.topic, [each.item], each.tracker).get(each.item)
    if stored is None or stored.text == each.text:
        return stored
    before = stored.standing or digest(stored.text)
    stands = "" if before == digest(each.text) or not stored.remote_id else before
    after = replace(stored, author=each.author, text=each.text, at=each.at, standing=stands)
    _update(connection, after)
    _note(ledger, "comment.reworded", after, because)
    return after


def revise(connection: Connection, ledger: Ledger, changed: Sequence[tuple[Comment, Because]]) -> None:
    """Keep what stored comments have become in the tracker; each record tells the words before and after by their hash.

    The words of one that was deleted stay.
    """
    for each, because in changed:
        stored = _known(connection, each)
        if (stored.text, stored.deleted_at) == (each.text, each.deleted_at):
            continue
        after = replace(stored, text=each.text, edited_at=each.edited_at, deleted_at=each.deleted_at)
        _update(connection, after)
        lasts = "comment.restored" if stored.text == each.text else "comment.edited"
        _note(
            ledger,
            "comment.deleted" if each.deleted_at else lasts,
            after,
            because,
            before={"text": stored.text},
        )


def standing(connection: Connection, item: str, tracker: str) -> dict[str, Comment]:
    """What was said about an item that stands or stood in the tracker, on either side, by the tracker's id of it."""
    where = (COMMENT.c.item == item) & (COMMENT.c.tracker == tracker) & (COMMENT.c.remote_id != "")
    rows = connection.execute(select(COMMENT).where(where).order_by(COMMENT.c.seq))
    return {row.remote_id: comment_of(row) for row in rows}


def _update(connection: Connection, each: Comment) -> None:
    connection.execute(update(COMMENT).where(COMMENT.c.seq == _number(each.id)).values(**_columns(each)))


def _note(ledger: Ledger, action: str, each: Comment, because: Because, before: object = None) -> None:
    ledger.note(action, each.item, because, before=before, after=provable(each))


def provable(each: Comment) -> dict[str, Any]:
    """A comment as records hold it."""
    names = ("id", "author", "tracker", "remote_id", "text")
    return {name: getattr(each, name) for name in names}


def _known(connection: Connection, each: Comment) -> Comment:
    same = COMMENT.c.seq == _number(each.id)
    if each.remote_id:
        same = ((COMMENT.c.tracker == each.tracker) & (COMMENT.c.remote_id == each.remote_id)) | same
    row = connection.execute(select(COMMENT).where(same).order_by(COMMENT.c.seq).limit(1)).first()
    if row is None:
        raise UnknownRef(each.id)
    return comment_of(row)


def _number(id_: str) -> int:
    return number_in(id_, "C-")


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


def about(connection: Connection, topic: str, items: Iterable[str], tracker: str) -> dict[str, Comment]:
    """The comment of each of the items about a topic, for a tracker's ticket."""
    found: dict[str, Comment] = {}
    for some in chunks(dict.fromkeys(items)):
        these = (COMMENT.c.item.in_(some), COMMENT.c.topic == topic, COMMENT.c.tracker == tracker)
        found |= {row.item: comment_of(row) for row in connection.execute(select(COMMENT).where(*these))}
    return found


def of_item(connection: Connection, item: str) -> list[Comment]:
    """Everything that was said about an item, oldest first."""
    return of_items(connection, [item]).get(item, [])


def of_items(connection: Connection, items: Iterable[str]) -> dict[str, list[Comment]]:
    """The same of those of the items about which anything was said."""
    found: dict[str, list[Comment]] = {}
    for some in chunks(items):
        query = select(COMMENT).where(COMMENT.c.item.in_(some)).order_by(COMMENT.c.at, COMMENT.c.seq)
        for row in connection.execute(query):
            found.setdefault(row.item, []).append(comment_of(row))
    return found


def known_ids(connection: Connection, tracker: str, ids: Iterable[str]) -> set[str]:
    """Those of a tracker's comment ids that are stored already."""
    known: set[str] = set()
    for some in chunks(ids):
        known.update(connection.execute(_KNOWN_IDS, {"in_tracker": tracker, "some": some}).scalars())
    return known
