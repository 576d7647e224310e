"""Whether items stand in the database as their records tell."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from state import audit
from state.audit import AUDIT, FORM
from state.items import BEGUN_WITH, ITEM, provable
from state.rows import item_of
from state.salted import ERASED
from state.series import PAGE, Rows, pages

_LATER = ("part_of", "claim", "accepted")
"""What an item may have from a change on: no record of its beginning names it."""
_NAMES = (*BEGUN_WITH, *_LATER)


@dataclass(frozen=True, slots=True)
class Apart:
    """What an item has in the database, and what its records tell, of one `field`, or of the item if that is empty."""

    item: str
    field: str
    stands: Any
    told: Any

    @property
    def words(self) -> str:
        """The same as a sentence."""
        if not self.field:
            return f"{self.item} is {self.stands} in the database, and {self.told} in its records"
        return f"{self.field} of {self.item} is {self.stands!r} in the database, and {self.told!r} in its records"


def apart(rows: Rows) -> Iterator[Apart]:
    """Yield what differs, by item, read in short steps.

    Nobody can tell of what was erased since, nor of what was last recorded in the form that records had at first.
    """
    query = select(ITEM).order_by(ITEM.c.seq).limit(PAGE)
    for page in pages(rows, query, lambda last: query.where(ITEM.c.seq > last.seq), PAGE):
        records = _told(rows, [row.ref for row in page])
        for row in page:
            if (told := records.get(row.ref)) is None:
                yield Apart(row.ref, "", "there", "nowhere")
                continue
            stands = provable(item_of(row), _NAMES)
            fields = (name for name in _NAMES if name in told and not _is_same(stands[name], told[name]))
            yield from (Apart(row.ref, name, audit.plain(stands[name]), told[name]) for name in fields)
    alone = AUDIT.c.object.like("AI-%"), ~select(ITEM.c.ref).where(ITEM.c.ref == AUDIT.c.object).exists()
    for row in rows(select(AUDIT.c.object).distinct().where(*alone).order_by(AUDIT.c.object).limit(PAGE)):
        yield Apart(row.object, "", "nowhere", "there")


def _told(rows: Rows, refs: list[str]) -> dict[str, dict[str, Any]]:
    """What items have according to their records, by ref and field."""
    found: dict[str, dict[str, Any]] = {}
    for record in audit.log(rows, objects=refs):
        match record.told:
            case {"action": "item.created", "object": ref, "v": v, "after": dict(after)}:
                found[ref] = dict.fromkeys(_LATER) | after if v == FORM else {}
            case {"action": "item.changed", "object": ref, "v": v, "field": name, "after": after} if ref in found:
                found[ref] |= {name: after if v == FORM else ERASED}
            case _:
                pass
    return found


def _is_same(stands: Any, told: Any) -> bool:
    if stands == told or told == ERASED:
        return True
    if isinstance(stands, dict) and isinstance(told, dict):
        return stands.keys() == told.keys() and all(_is_same(stands[name], told[name]) for name in stands)
    return not isinstance(stands, str) and bool(audit.plain(stands) == told)
