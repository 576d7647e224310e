"""Whether items, acceptances and evidence stand in the database as their records tell."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from state import acceptances, audit, proofs
from state.audit import AUDIT, FORM, Told
from state.errors import AuditError, Damaged
from state.items import BEGUN_WITH, ITEM, provable
from state.proof import Evidence
from state.rows import item_of
from state.salted import ERASED
from state.series import PAGE, Rows, pages

_LATER = ("part_of", "claim", "accepted")
"""What an item may have from a change on: no record of its beginning names it."""
_NAMES = (*BEGUN_WITH, *_LATER)

_BEGINNINGS: dict[str, dict[str, Any]] = {
    "item.created": dict.fromkeys(_LATER),
    "acceptance.requested": {"decisions": []},
    "evidence.added": {"review": None},
}
"""The records with which something begins, with what each does not tell since it is not there yet."""
_NAMED: dict[str, Callable[[dict[str, Any]], str]] = {
    "item": lambda _: "",
    "acceptance": lambda after: str(after.get("ref")),
    "evidence": lambda after: _piece(after.get("id"), after.get("version")),
}
"""What something is called under the object of its records, by the kind of these."""

_Key = tuple[str, str]
_Values = dict[_Key, dict[str, Any]]
"""What is known of several things, by field: by the object of their records, and by the name they have under it."""

_BEGUN = audit.did("item.created")
_PROVEN = audit.did("evidence.added")
_IS_NO_ITEM = ~select(ITEM.c.ref).where(ITEM.c.ref == AUDIT.c.object).exists()

_UNREADABLE = (Damaged, AuditError, ValueError, TypeError, AttributeError, LookupError)
"""What is raised where somebody wrote what the program does not write."""


@dataclass(frozen=True, slots=True)
class Apart:
    """What something has in the database, and what its records tell, of one `field`, or of all of it if that is empty.

    `name` is the ref of an item or an acceptance, or that of a piece of evidence with the number of the version. Both
    values are in words.
    """

    name: str
    field: str
    stands: str
    told: str

    @property
    def words(self) -> str:
        """The same as a sentence."""
        what = f"{self.field} of {self.name}" if self.field else self.name
        return f"{what} is {self.stands} in the database, and {self.told} in its records"


def apart(rows: Rows, ask: Callable[..., Any]) -> Iterator[Apart]:
    """Yield what differs, page by page; `ask` gives the answer of a table's own function. The ledger must be sound.

    Their times, the names of files and what a date or a priority was at first are not looked at. Nobody can tell of
    what was erased since, nor of what was first recorded in the form that records had at first.
    """
    query = select(ITEM.c.seq, ITEM.c.ref).order_by(ITEM.c.seq).limit(PAGE)
    for page in pages(rows, query, lambda last: query.where(ITEM.c.seq > last.seq), PAGE):
        yield from _of_items(rows, ask, [str(row.ref) for row in page])
    yield from _of_controls(rows, ask)
    gone = select(AUDIT.c.seq, AUDIT.c.object).where(_BEGUN, _IS_NO_ITEM).order_by(AUDIT.c.seq).limit(PAGE)
    for page in pages(rows, gone, lambda last: gone.where(AUDIT.c.seq > last.seq), PAGE):
        yield from (Apart(row.object, "", "nowhere", "there") for row in page)


def _of_items(rows: Rows, ask: Callable[..., Any], refs: list[str]) -> Iterator[Apart]:
    """What differs of these items; what cannot be read is found by looking at each alone."""
    try:
        yield from list(_differing(_standing(rows, ask, refs), _told(rows, refs)))
    except _UNREADABLE:
        if len(refs) == 1:
            yield Apart(refs[0], "", "not to be read", "there")
            return
        for ref in refs:
            yield from _of_items(rows, ask, [ref])


def _standing(rows: Rows, ask: Callable[..., Any], refs: list[str]) -> _Values:
    items = map(item_of, rows(select(ITEM).where(ITEM.c.ref.in_(refs))))
    stands: _Values = {(item.ref, ""): provable(item, _NAMES) for item in items}
    for ref, some in ask(acceptances.of_items, refs).items():
        for each in some:
            decisions = [acceptances.decided(decision) for decision in each.decisions]
            stands[ref, each.ref] = acceptances.provable(each) | {"decisions": decisions}
    for ref, evidence in ask(proofs.of_items, refs).items():
        stands |= {(ref, _piece(each.ref, each.version)): _proof(each) for each in evidence}
    return stands


def _of_controls(rows: Rows, ask: Callable[..., Any]) -> Iterator[Apart]:
    """What differs of evidence that names controls; what it says is looked at here only where it is about no item."""
    try:
        evidence = ask(proofs.of_controls)
        found = rows(select(AUDIT.c.object).distinct().where(_PROVEN, _IS_NO_ITEM).order_by(AUDIT.c.object))
        told = _told(rows, controls) if (controls := [str(row.object) for row in found]) else {}
        stands: _Values = {}
        for each in evidence:
            for control in each.draft.controls:
                key = control, _piece(each.ref, each.version)
                stands[key] = _proof(each) if each.draft.item is None else {}
        yield from dict.fromkeys(_differing(stands, {key: told[key] for key in told if key[1]}))
    except _UNREADABLE:
        yield Apart("evidence of controls", "", "not to be read", "there")


def _differing(stands: _Values, told: _Values) -> Iterator[Apart]:
    for (object_, name), values in stands.items():
        if (said := told.get((object_, name))) is None:
            yield Apart(_called(object_, name), "", "there", "nowhere")
            continue
        for field, value in values.items():
            if field in said and not _is_same(value, said[field]):
                yield Apart(name or object_, field, repr(audit.plain(value)), repr(said[field]))
    yield from (Apart(_called(*key), "", "nowhere", "there") for key in told if key not in stands)


def _called(object_: str, name: str) -> str:
    return f"{name} of {object_}" if name else object_


def _proof(each: Evidence) -> dict[str, Any]:
    return proofs.provable(each) | {"review": None if each.review is None else proofs.reviewed(each.review)}


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
    if action == "item.changed" and (object_, "") in found:
        found[object_, ""][str(record["field"])] = after if is_new else ERASED
    kind = action.partition(".")[0]
    if kind not in _NAMED or not isinstance(after, dict):
        return
    key = object_, _NAMED[kind](after)
    if action in _BEGINNINGS:
        found[key] = {**after, **_BEGINNINGS[action]} if is_new else {}
    elif found.get(key):
        found[key] |= _became(found[key], action, after)


def _became(before: dict[str, Any], action: str, after: dict[str, Any]) -> dict[str, Any]:
    """What a record says of an acceptance or a piece of evidence that was there."""
    said = {name: value for name, value in after.items() if name not in ("id", "version", "ref")}
    match action:
        case "acceptance.decided":
            said.pop("until", None)
            return {"decisions": [*before["decisions"], said]}
        case "evidence.stored":
            return {"stored": True}
        case "evidence.reviewed":
            return {"review": said}
        case _ if action.startswith("acceptance.") and "state" in said:
            said.pop("decisions", None)
            return said
        case _:
            return {}


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
