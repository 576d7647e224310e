"""Whether items, acceptances and evidence stand in the database as their records tell."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from state import acceptances, audit, proofs
from state.acceptance import Acceptance
from state.audit import AUDIT, FORM, Told
from state.items import BEGUN_WITH, ITEM, provable
from state.proof import Evidence
from state.rows import item_of
from state.salted import ERASED
from state.series import PAGE, Rows, chunks, pages

_LATER = ("part_of", "claim", "accepted")
"""What an item may have from a change on: no record of its beginning names it."""
_NAMES = (*BEGUN_WITH, *_LATER)

_BEGINNINGS: dict[str, dict[str, Any]] = {
    "item.created": dict.fromkeys(_LATER),
    "acceptance.requested": {"decisions": []},
    "evidence.added": {"review": None},
}
"""The records with which something begins, with what each does not tell since it is not there yet."""

_Values = dict[str, dict[str, Any]]
"""What is known of each of several things, by field."""


@dataclass(frozen=True, slots=True)
class Apart:
    """What something has in the database, and what its records tell, of one `field`, or of all of it if that is empty.

    `name` is the ref of an item or an acceptance, or that of a piece of evidence with the number of the version.
    """

    name: str
    field: str
    stands: Any
    told: Any

    @property
    def words(self) -> str:
        """The same as a sentence."""
        if not self.field:
            return f"{self.name} is {self.stands} in the database, and {self.told} in its records"
        return f"{self.field} of {self.name} is {self.stands!r} in the database, and {self.told!r} in its records"


def apart(rows: Rows, ask: Callable[..., Any]) -> Iterator[Apart]:
    """Yield what differs, by item, read in short steps; `ask` gives the answer of a table's own function.

    Nobody can tell of what was erased since, nor of what was first recorded in the form that records had at first.
    """
    query = select(ITEM).order_by(ITEM.c.seq).limit(PAGE)
    for page in pages(rows, query, lambda last: query.where(ITEM.c.seq > last.seq), PAGE):
        refs = [row.ref for row in page]
        stands = {row.ref: provable(item_of(row), _NAMES) for row in page}
        stands |= {a.ref: _accepted(a) for some in ask(acceptances.of_items, refs).values() for a in some}
        stands |= _pieces(each for some in ask(proofs.of_items, refs).values() for each in some)
        told = _told(rows, refs)
        yield from _differing(stands, told)
        yield from (Apart(name, "", "nowhere", "there") for name in told if name not in stands)
    yield from _of_controls_alone(rows, ask(proofs.of_controls))
    alone = AUDIT.c.object.like("AI-%"), ~select(ITEM.c.ref).where(ITEM.c.ref == AUDIT.c.object).exists()
    for row in rows(select(AUDIT.c.object).distinct().where(*alone).order_by(AUDIT.c.object).limit(PAGE)):
        yield Apart(row.object, "", "nowhere", "there")


def _of_controls_alone(rows: Rows, evidence: Iterable[Evidence]) -> Iterator[Apart]:
    """What differs of evidence that is about no item, each piece of which is recorded under its controls."""
    some = [each for each in evidence if each.draft.item is None]
    for controls in chunks(dict.fromkeys(name for each in some for name in each.draft.controls)):
        here = _pieces(each for each in some if each.draft.controls[0] in controls)
        yield from _differing(here, _told(rows, controls))


def _differing(stands: _Values, told: _Values) -> Iterator[Apart]:
    for name, values in stands.items():
        if name not in told:
            yield Apart(name, "", "there", "nowhere")
            continue
        for field, value in values.items():
            if field in told[name] and not _is_same(value, told[name][field]):
                yield Apart(name, field, audit.plain(value), told[name][field])


def _accepted(each: Acceptance) -> dict[str, Any]:
    return acceptances.provable(each) | {"decisions": [acceptances.decided(some) for some in each.decisions]}


def _pieces(evidence: Iterable[Evidence]) -> _Values:
    found: _Values = {}
    for each in evidence:
        review = None if each.review is None else proofs.reviewed(each.review)
        found[_piece(each.ref, each.version)] = proofs.provable(each) | {"review": review}
    return found


def _piece(ref: object, version: object) -> str:
    return f"{ref} in version {version}"


def _told(rows: Rows, objects: list[str]) -> _Values:
    """What items, and what belongs to them or to controls, have according to the records about these."""
    found: _Values = {}
    for record in audit.log(rows, objects=objects):
        _hear(found, record.told)
    return found


def _hear(found: _Values, record: Told) -> None:
    """Take in one record; what began in an earlier form has no values."""
    action, object_, after, is_new = record["action"], record["object"], record["after"], record["v"] == FORM
    if action == "item.changed" and object_ in found:
        found[object_][str(record["field"])] = after if is_new else ERASED
    if not isinstance(after, dict):
        return
    name = _piece(after["id"], after.get("version")) if "id" in after else str(after.get("ref", object_))
    if action in _BEGINNINGS:
        found[name] = {**_BEGINNINGS[action], **after} if is_new else {}
    elif found.get(name):
        found[name] |= _became(found[name], action, after)


def _became(before: dict[str, Any], action: str, after: dict[str, Any]) -> dict[str, Any]:
    """What a record says of an acceptance or a piece of evidence that was there."""
    match action:
        case "acceptance.decided":
            decision = {name: value for name, value in after.items() if name not in ("ref", "until")}
            return {"decisions": [*before.get("decisions", ()), decision]}
        case "evidence.stored":
            return {"stored": True}
        case "evidence.reviewed":
            return {"review": {name: value for name, value in after.items() if name not in ("id", "version")}}
        case _:
            return after if action.startswith("acceptance.") and "state" in after else {}


def _is_same(stands: Any, told: Any) -> bool:
    return stands == told or _is_like(audit.plain(stands), told)


def _is_like(stands: Any, told: Any) -> bool:
    """Whether it is the same but for what was erased from the records."""
    if told == ERASED or stands == told:
        return True
    if isinstance(stands, dict) and isinstance(told, dict):
        return stands.keys() == told.keys() and all(_is_like(stands[name], told[name]) for name in stands)
    if isinstance(stands, list) and isinstance(told, list):
        return len(stands) == len(told) and all(map(_is_like, stands, told))
    return False
