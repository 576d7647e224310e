"""A period as the ledger tells it, read in one pass over its records."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime

from state import controls, risks
from state.audit import GENESIS, AuditRecord, digest
from state.errors import StateError
from state.known import Known
from state.register import Control, Framework, folded
from sync.report.acceptances import acceptance_stories
from sync.report.evidence import pieces
from sync.report.forms import Reader
from sync.report.model import (
    AcceptanceStory,
    Book,
    ControlStory,
    Event,
    ItemStory,
    Period,
    Piece,
    Policy,
    RiskStory,
    Who,
)
from sync.report.readings import tracker_reads
from sync.report.stories import control_story, item_story, risk_story

_ITEM = "AI-"

Log = Mapping[str, Sequence[Event]]
"""What happened, by what it happened to."""


def read(
    store: Known,
    period: Period,
    policy: Policy,
    *,
    position: int | None = None,
    framework: str = "",
    tracker: str = "",
    trackers: Container[str] = (),
) -> Book:
    """What the first `position` records, or all, tell of a period, confined to a framework or a tracker if asked.

    Texts that the ledger holds only the hash of are the database's where the hash fits. Raises `StateError` where a
    record cannot be read, no framework is called so, or no tracker: none of these `trackers`, and none of the ledger.
    """
    head, known, named, events, strange = _heard(store, position, period)
    _refuse_unknown(tracker, trackers, named)
    readable = [each for each in events if not each.strange]
    log = _by_object(readable)
    items = _items(store, log, period)
    found, accepted = pieces(readable, items, period.last, policy.evidence), acceptance_stories(readable, period.last)
    return _confined_if_asked(
        Book(
            period,
            *head,
            items=tuple(_with_proof(items, found, accepted)),
            controls=tuple(_controls(_register(store, framework, items.values()), log, items.values())),
            risks=tuple(_risks(log, items.values(), {each.id: each.statement for each in store.ask(risks.everything)})),
            acceptances=accepted,
            evidence=found,
            events=tuple(events),
            policy=policy,
            later=head[0] - len(events),
            strange=tuple(strange),
            framework=framework,
            tracker=tracker,
            known=known,
            reads=tracker_reads(readable, period, tracker),
        )
    )


def _heard(
    store: Known, position: int | None, period: Period
) -> tuple[tuple[int, str], date | None, set[object], list[Event], list[Event]]:
    """The newest record and its day, the trackers that tickets are in, what happened by then, and what is strange."""
    head, events, strange = (0, GENESIS), list[Event](), list[Event]()
    named: set[object] = set()
    known: date | None = None
    for event, record in _events(store, position):
        head = (record.seq, record.hash)
        known = max(known or event.recorded.date(), event.recorded.date())
        if event.at < period.end:
            events.append(event)
        if event.strange:
            strange.append(event)
        elif event.action.startswith("ticket."):
            named.add(event.said("tracker"))
    return head, known, named, events, strange


def _refuse_unknown(tracker: str, *known: Container[object]) -> None:
    if tracker and not any(tracker in each for each in known):
        raise StateError(f"no tracker is called {tracker}: neither the configuration nor the ledger names it")


def _confined_if_asked(book: Book) -> Book:
    return _confined(book) if book.framework or book.tracker else book


def _events(store: Known, position: int | None) -> Iterator[tuple[Event, AuditRecord]]:
    known: dict[tuple[str, ...], Who] = {}
    reader = Reader()
    for record in store.log():
        if position is not None and record.seq > position:
            return
        try:
            yield _event(record, known, strange=not reader.takes(record.told)), record
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(
                f"record {record.seq} of the ledger cannot be read; see `counterfoil audit verify`"
            ) from error


def _event(record: AuditRecord, known: dict[tuple[str, ...], Who], *, strange: bool) -> Event:
    told, actor = record.told, record.told["actor"]
    names = (str(actor["kind"]), str(actor["system"]), str(actor["account"]), str(actor["name"]))
    return Event(
        record.seq,
        datetime.fromisoformat(told["at"]),
        datetime.fromisoformat(told["recorded"]),
        told["object"],
        told["action"],
        told["field"],
        told["before"],
        told["after"],
        told["reason"],
        known.setdefault(names, Who(*names)),
        told["source"]["run"],
        told["source"]["event"],
        strange,
    )


def _by_object(events: Iterable[Event]) -> dict[str, list[Event]]:
    log: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        log[event.about].append(event)
    return log


def _items(store: Known, log: Log, period: Period) -> dict[str, ItemStory]:
    """The stories of all items that there were, by ref, with the descriptions that are what the ledger says."""
    found = {ref: item_story(ref, log[ref], period) for ref in sorted(log, key=_place) if _is_begun(ref, log)}
    for item in store.list_items():
        story = found.get(item.ref)
        if story is not None and story.values["description"]["sha256"] == digest(item.description):
            found[item.ref] = replace(story, description=item.description)
    return found


def _with_proof(
    items: Mapping[str, ItemStory], found: Iterable[Piece], accepted: Iterable[AcceptanceStory]
) -> Iterator[ItemStory]:
    """The items, each with its evidence and its acceptances."""
    evidence: dict[str, list[Piece]] = defaultdict(list)
    acceptances: dict[str, list[AcceptanceStory]] = defaultdict(list)
    for piece in found:
        for ref in piece.items:
            evidence[ref].append(piece)
    for each in accepted:
        acceptances[each.item].append(each)
    for ref, item in items.items():
        yield replace(item, evidence=tuple(evidence[ref]), acceptances=tuple(acceptances[ref]))


def _place(ref: str) -> tuple[int, str]:
    with suppress(ValueError):
        return int(ref.removeprefix(_ITEM)), ref
    return 0, ref


def _is_begun(ref: str, log: Log) -> bool:
    return ref.startswith(_ITEM) and any(event.action == "item.created" for event in log[ref])


def registered(store: Known, framework: str) -> str:
    """The framework as the register calls it, where that is the same as names are compared; else as it was called."""
    known = [each.id for each in store.ask(controls.frameworks)] if framework else []
    same = (id_ for id_ in known if folded(id_) == folded(framework))
    return framework if framework in known else next(same, framework)


def _register(store: Known, framework: str, items: Iterable[ItemStory]) -> list[tuple[Control, Framework]]:
    """The controls of the register that are shown, each with its framework."""
    frameworks = {each.id: each for each in store.ask(controls.frameworks)}
    if framework and framework not in frameworks and not any(_names(framework, i.values["controls"]) for i in items):
        raise StateError(f"no framework is called {framework}; see `counterfoil framework list`")
    return [(c, frameworks[c.framework]) for c in store.ask(controls.controls, framework or None)]


def _controls(
    register: Sequence[tuple[Control, Framework]], log: Log, items: Iterable[ItemStory]
) -> Iterator[ControlStory]:
    """How each control stood; one that was not known by the end of the period is left out."""
    naming = _naming(items, "controls")
    for control, framework in register:
        added = next((e for e in log.get(framework.id, ()) if e.action == "framework.added"), None)
        if added is not None:
            named = naming.get(folded(control.id), set()) | naming.get(folded(control.code), set())
            yield control_story(control, added, log.get(control.id, ()), tuple(sorted(named, key=_place)))


def _risks(log: Log, items: Iterable[ItemStory], texts: Mapping[str, str]) -> Iterator[RiskStory]:
    naming = _naming(items, "risks")
    for id_ in sorted(log):
        if any(event.action == "risk.added" for event in log[id_]):
            named = tuple(sorted(naming.get(folded(id_), ()), key=_place))
            yield risk_story(id_, log[id_], texts.get(id_), named)


def _naming(items: Iterable[ItemStory], field: str) -> dict[str, set[str]]:
    """Which items name a control or a risk, by its name as names are compared."""
    found: dict[str, set[str]] = defaultdict(set)
    for item in items:
        for name in item.values[field]:
            found[folded(name)].add(item.ref)
    return found


def _names(framework: str, names: Iterable[str]) -> bool:
    """Whether one of these names of controls says that it is of the framework, registered or not."""
    return any(folded(name).startswith(f"{folded(framework)}:") for name in names)


def _confined(book: Book) -> Book:
    """What of a book is about the framework's controls, by the register or by name, and the tracker's tickets."""
    items: Sequence[ItemStory] = book.items
    if book.framework:
        named = {ref for control in book.controls for ref in control.items}
        items = [i for i in items if i.ref in named or _names(book.framework, i.values["controls"])]
    if book.tracker:
        items = [each for each in items if any(t.tracker == book.tracker for t in each.tickets)]
    refs = {each.ref for each in items}
    shown = {each.id for each in book.controls}
    names = {folded(name) for each in book.controls for name in (each.id, each.code)}
    risks_ = [each for each in book.risks if refs & set(each.items)]
    about = refs | shown | {each.id for each in risks_} | ({book.framework} if book.framework else set())
    return replace(
        book,
        items=tuple(items),
        risks=tuple(risks_),
        acceptances=tuple(each for each in book.acceptances if each.item in refs),
        evidence=tuple(
            e
            for e in book.evidence
            if refs & set(e.items)
            or names & set(map(folded, e.controls))
            or (book.framework and _names(book.framework, e.controls))
        ),
        events=tuple(each for each in book.events if each.about in about),
        left_out=len(book.items) - len(items),
    )
