"""Whether items, controls and risks, and what belongs to them, stand in the database as their records tell."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, and_, case, or_, select
from sqlalchemy.exc import DBAPIError

from state import acceptances, audit, comments, controls, due_dates, links, proofs, risks, waiting
from state.acceptance import DueChange
from state.audit import AUDIT
from state.errors import AuditError, Damaged
from state.items import BEGUN_WITH, ITEM, provable
from state.model import Comment, Link
from state.proof import Evidence
from state.register import Control, Risk
from state.rows import item_of
from state.salted import ERASED, PERSON
from state.series import PAGE, Rows, chunks, pages
from state.told import Thing, Values, first, piece, told

_NAMES = (*BEGUN_WITH, "part_of", "claim", "accepted")
_KEPT: dict[str, tuple[str, ColumnElement[str]]] = {
    "item": ("item.created", ITEM.c.ref),
    "control": ("control.%", controls.CONTROL.c.id),
    "risk": ("risk.added", risks.RISK.c.id),
}
"""Of each kind with a table of its own, which records say that there is one, and by what its rows are told apart."""
_OF_ITEMS = {"evidence": ("evidence.added", ITEM.c.ref), "hold": ("hold.opened", ITEM.c.ref)}
"""The same of what may be about something that is no item."""
_GONE = {
    kind: and_(audit.did(action), ~select(id_).where(id_ == AUDIT.c.object).exists())
    for kind, (action, id_) in (_KEPT | _OF_ITEMS).items()
}
"""Which records tell of something that has no row; of evidence and holds, those about what is no item."""
_KIND = case(*((which, kind) for kind, which in _GONE.items())).label("kind")
_ALL_GONE = select(AUDIT.c.object.label("id"), _KIND).where(or_(*_GONE.values()))
"""Of all kinds at once and in no order: to look through the texts of all records takes long, if not as they lie."""

_UNREADABLE = (Damaged, AuditError, ValueError, TypeError, AttributeError, LookupError)
"""What is raised where somebody wrote what the program does not write."""

_SHOWN = frozenset({"item", "ticket", "comment", "acceptance"})
"""What of an item a ticket shows, or is found by."""

_NO_TEXT = "decode to UTF-8"
"""What a file says of a text that is none."""

_Ask = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Apart:
    """What something has in the database, and what its records tell, of one `field`, or of all of it if that is empty.

    `name` is what people call it. Both values are in words.
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


def apart_of(rows: Rows, ask: _Ask, refs: list[str]) -> Iterator[Apart]:
    """Yield what differs of these items and of what a ticket shows of them, as `apart` does of all there is."""
    said = {thing: values for thing, values in told(rows, refs).items() if thing.kind in _SHOWN}
    yield from _differing(_shown(rows, ask, refs, is_erased=_is_erased(rows)), said)


def apart(rows: Rows, ask: _Ask) -> Iterator[Apart]:
    """Yield what differs, read page by page but for what is gone. The ledger must be sound.

    `ask` gives the answer of a table's own function. Looked at are items with their tickets, holds, comments,
    acceptances, evidence and requests for later due dates, controls and risks; not their times, the names of files, the
    words of holds and what a date or a priority was at first. Nobody can tell of what was erased since, nor of what was
    first recorded in the form that records had at first.
    """
    is_erased = _is_erased(rows)
    by_control: dict[str, Values] | None = None
    try:
        by_control = _by_control(ask(proofs.of_controls))
    except _UNREADABLE:
        yield Apart("evidence of controls", "", "not to be read", "there")
    gone = _gone(rows)
    for kind, standing in (
        ("item", partial(_items, rows, ask, by_control or {}, is_erased=is_erased)),
        ("control", partial(_controls, ask)),
        ("risk", partial(_risks, ask)),
    ):
        query = select(_KEPT[kind][1].label("id")).order_by(_KEPT[kind][1]).limit(PAGE)
        try:
            for page in pages(rows, query, partial(_after, query, _KEPT[kind][1]), PAGE):
                yield from _of(rows, kind, standing, [str(row.id) for row in page])
        except DBAPIError as error:
            yield _named_by_no_text(kind, error)
    if by_control is not None:
        yield from _of_evidence(rows, by_control, gone.get("evidence", []))
    yield from _of_holds(rows, ask, gone.get("hold", []))
    for kind in _KEPT:
        yield from (Apart(str(Thing(kind, id_)), "", "nowhere", "there") for id_ in gone.get(kind, []))


def _is_erased(rows: Rows) -> bool:
    return bool(rows(select(AUDIT.c.seq).where(AUDIT.c.object == PERSON).limit(1)))


def _gone(rows: Rows) -> dict[str, list[str]]:
    """What has no row though records tell of it: of each kind that there is of that, its ids in order."""
    found: dict[str, set[str]] = {}
    for row in rows(_ALL_GONE):
        found.setdefault(row.kind, set()).add(str(row.id))
    return {kind: sorted(ids) for kind, ids in found.items()}


def _named_by_no_text(kind: str, error: DBAPIError) -> Apart:
    """Of a kind one has a name that is no text; raises any other error of the database."""
    if _NO_TEXT not in str(error.orig):
        raise error
    return Apart(f"the name of a {kind}", "", "not to be read", "there")


def _after(query: Any, column: ColumnElement[str], last: Any) -> Any:
    return query.where(column > last.id)


def _of(rows: Rows, kind: str, standing: Callable[[list[str]], Values], ids: list[str]) -> Iterator[Apart]:
    """What differs of these; what cannot be read is found by looking at each alone."""
    try:
        stands = standing(ids)
    except (*_UNREADABLE, DBAPIError) as error:
        if isinstance(error, DBAPIError) and _NO_TEXT not in str(error.orig):
            raise
        if len(ids) == 1:
            yield Apart(str(Thing(kind, ids[0])), "", "not to be read", "there")
            return
        for id_ in ids:
            yield from _of(rows, kind, standing, [id_])
        return
    said = {
        thing: values
        for thing, values in told(rows, ids).items()
        if kind == (thing.kind if thing.kind in _KEPT else "item")
    }
    said |= {thing: first(thing.kind) for thing in stands if thing.kind == "control" and thing not in said}
    yield from _differing(stands, said)


def _shown(rows: Rows, ask: _Ask, refs: list[str], *, is_erased: bool) -> Values:
    """The items themselves, and what of them a ticket shows."""
    items = map(item_of, rows(select(ITEM).where(ITEM.c.ref.in_(refs))))
    stands: Values = {Thing("item", item.ref): provable(item, _NAMES) for item in items}
    for ref, some in ask(acceptances.of_items, refs).items():
        for each in some:
            decisions = [acceptances.decided(decision) for decision in each.decisions]
            stands[Thing("acceptance", ref, each.ref)] = acceptances.provable(each) | {"decisions": decisions}
    for ref, link in ask(links.of_items, refs).items():
        stands[Thing("ticket", ref)] = _ticket(link)
    for ref, said in ask(comments.of_items, refs).items():
        stands |= {Thing("comment", ref, each.id): _comment(each, is_erased=is_erased) for each in said}
    return stands


def _items(rows: Rows, ask: _Ask, by_control: Mapping[str, Values], refs: list[str], *, is_erased: bool) -> Values:
    stands = _shown(rows, ask, refs, is_erased=is_erased)
    for ref in refs:
        stands |= by_control.get(ref, {})  # A control may be called like an item.
    for ref, evidence in ask(proofs.of_items, refs).items():
        stands |= {Thing("evidence", ref, piece(each.ref, each.version)): _proof(each) for each in evidence}
    stands |= _holds(ask, refs)
    for ref, changes in ask(due_dates.of_items, refs).items():
        stands[Thing("due", ref)] = {"requests": [_request(each) for each in changes]}
    return stands


def _controls(ask: _Ask, ids: list[str]) -> Values:
    return {Thing("control", id_): _control(each) for id_, each in ask(controls.get, ids).items()}


def _risks(ask: _Ask, ids: list[str]) -> Values:
    return {Thing("risk", id_): _risk(each) for id_, each in ask(risks.get, ids).items()}


def _by_control(evidence: Iterable[Evidence]) -> dict[str, Values]:
    """The evidence that names each control; what it says is looked at here only where it is about no item."""
    found: dict[str, Values] = {}
    for each in evidence:
        for control in each.draft.controls:
            about = Thing("evidence", control, piece(each.ref, each.version))
            found.setdefault(control, {})[about] = _proof(each) if each.draft.item is None else {}
    return found


def _of_evidence(rows: Rows, by_control: Mapping[str, Values], objects: list[str]) -> Iterator[Apart]:
    """What differs of evidence that names controls, but for those that are called like an item; `objects` are those
    which records about evidence name.
    """
    items = {row.ref for some in chunks(by_control) for row in rows(select(ITEM.c.ref).where(ITEM.c.ref.in_(some)))}
    said = told(rows, objects) if objects else {}
    stands: Values = {}
    for control, some in by_control.items():
        stands |= {} if control in items else some
    yield from _differing(stands, {thing: values for thing, values in said.items() if thing.kind == "evidence"})


def _of_holds(rows: Rows, ask: _Ask, objects: list[str]) -> Iterator[Apart]:
    """What differs of holds on what is no item here, such as a ticket that was made after the database was copied;
    `objects` are those which records about holds name.
    """
    said = told(rows, objects) if objects else {}
    yield from _differing(_holds(ask), {thing: values for thing, values in said.items() if thing.kind == "hold"})


def _holds(ask: _Ask, refs: list[str] | None = None) -> Values:
    return {
        Thing("hold", hold.item, hold.id): {"kind": hold.kind, "tracker": hold.tracker, "open": is_open}
        for hold, is_open in ask(lambda connection: [*waiting.standing(connection, refs)])
    }


def _differing(stands: Values, said: Values) -> Iterator[Apart]:
    for thing, values in stands.items():
        if thing not in said:
            yield Apart(str(thing), "", "there", "nowhere")
            continue
        for field, value in values.items():
            if field in said[thing] and not _is_same(value, said[thing][field]):
                yield Apart(str(thing), field, repr(audit.plain(value)), repr(said[thing][field]))
    yield from (Apart(str(thing), "", "nowhere", "there") for thing in said if thing not in stands)


def _proof(each: Evidence) -> dict[str, Any]:
    return proofs.provable(each) | {"review": None if each.review is None else proofs.reviewed(each.review)}


def _ticket(link: Link) -> dict[str, Any]:
    return {**links.provable(link), "archived": link.archived, "missing": link.missing_since is not None}


def _comment(each: Comment, *, is_erased: bool) -> dict[str, Any]:
    """What it says, by whom, and where it stands if that is known; without what may have been erased."""
    unknown = () if each.remote_id else ("tracker", "remote_id")
    said = comments.provable(each).items()
    return {name: value for name, value in said if name not in unknown and not (is_erased and value == ERASED)}


def _request(asked: DueChange) -> dict[str, Any]:
    decided = {"decided": asked.decided_at is not None, **due_dates.ruled(asked)}
    return {"before": asked.before, **due_dates.requested(asked), **decided}


def _control(each: Control) -> dict[str, Any]:
    exemption = controls.exempted(each.exemption)
    return {"status": each.status, "answered_by": each.answered_by, "exemption": exemption, **controls.worded(each)}


def _risk(each: Risk) -> dict[str, Any]:
    scores = [{"kind": score.kind, **risks.rated(score)} for score in each.scores]
    return risks.provable(each) | {"scores": scores, "due": each.due_since is not None}


def _is_same(stands: Any, said: Any) -> bool:
    return stands == said or _is_like(audit.plain(stands), said)


def _is_like(stands: Any, said: Any) -> bool:
    """Whether it is the same but for what was erased from the records."""
    if said == ERASED or stands == said:
        return True
    if isinstance(stands, dict) and isinstance(said, dict):
        return stands.keys() == said.keys() and all(_is_like(stands[name], said[name]) for name in stands)
    if isinstance(stands, list) and isinstance(said, list):
        return len(stands) == len(said) and all(map(_is_like, stands, said))
    return False
