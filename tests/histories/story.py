"""What people do on both sides in one short story, told by its number, and how everything stands at its end."""

from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from random import Random
from typing import Any

from connectors.sandbox.engineer import Engineer
from state import acceptances, audit, proofs
from state.acceptance import AcceptanceState
from state.effects import Because, Effects, ItemChange
from state.model import Actor, Agent, HoldKind, ItemDraft, Link, Priority
from state.store import Store
from state.ticket import Ticket
from sync.engine import Report
from tests.histories.matters import MATTERS, NUMBERED, STANDING, URL, Office, found
from tests.histories.signing import beyond
from tests.histories.weather import Clock

STORIES = 150
_WAITING = (HoldKind.EVIDENCE_MISSING, HoldKind.ACCEPTANCE_REQUESTED)
"""The holds that a story may end with: what it claims or asks for waits for a person."""
OFFICER = Because(Agent(Actor.HUMAN, "counterfoil", "olga@acme.example", "Olga"), reason="asked for")

_OURS = ("title", "description", "priority", "due_date", "say")
_THEIRS = ("comment", "label", "assign", "start")
_BESIDE = ("say", "label")
_AT_ONCE = ("add", "find", *_OURS)
_FAR = (*_THEIRS, "close", "show", "drop")


@dataclass(frozen=True, slots=True)
class Act:
    """Somebody does something to the item of this number, or to its ticket."""

    item: int
    what: str
    value: int = 0

    def __str__(self) -> str:
        return f"{self.what} {self.value} on item {self.item + 1}"


def story(number: int) -> tuple[tuple[Act, ...], ...]:
    """What is done before each run. The end does not depend on when the runs come to know of it."""
    chance = Random(number)  # noqa: S311
    if number % 6 == 5:
        return _matter(chance)
    items = chance.choice((1, 1, 2))
    turns = [[Act(item, "add", item) for item in range(items)]]
    for turn in range(1, chance.choice((2, 3)) + 1):
        acts = [_act(chance, items, turn)]
        if chance.random() < 0.3:
            acts.append(_act(chance, items, turn + 10))
        if items < 3 and chance.random() < 0.2:
            acts.append(Act(items, "add", items))
            items += 1
        turns.append(acts)
    begun = [act for acts in turns for act in acts if act.what == "start"]
    again = {id(act) for n, act in enumerate(begun) if act.item in {other.item for other in begun[:n]}}
    return tuple(tuple(replace(a, what="comment") if id(a) in again else a for a in acts) for acts in turns)


def _matter(chance: Random) -> tuple[tuple[Act, ...], ...]:
    """A story of one item, or of a group, about which something is claimed, proved or decided."""
    acts = MATTERS[chance.choice([*MATTERS])]
    begin = Act(0, "find" if "drop" not in acts and chance.random() < 0.5 else "add")
    turns = [[begin], *([Act(0, act, turn)] for turn, act in enumerate(acts, 1))]
    chance.choice(turns).append(Act(0, chance.choice(_BESIDE), 9))
    return tuple(map(tuple, turns))


def _act(chance: Random, items: int, value: int) -> Act:
    return Act(chance.randrange(items), chance.choice(_OURS if chance.random() < 0.6 else _THEIRS), value)


@dataclass(frozen=True, slots=True)
class Shown:
    """A ticket on the far side, and what was said there: whether by us, and the words."""

    ticket: Ticket
    said: Sequence[tuple[bool, str]]


class Stage(ABC):
    """One installation with one tracker, where `person` has the account `account`."""

    store: Store
    clock: Clock
    person: Engineer
    account: str

    @abstractmethod
    def sleep(self, seconds: float) -> None:
        """Let time pass for both sides."""

    @abstractmethod
    def run(self) -> Report | None:
        """One run; `None` means that it was killed."""

    @abstractmethod
    def calm(self) -> None:
        """From now on nothing goes wrong."""

    @abstractmethod
    def tickets(self) -> list[Shown]:
        """Every ticket of ours that is there."""

    @abstractmethod
    def is_vouched_for(self) -> bool:
        """Whether the ledger is whole, and signed to its end by what is kept elsewhere."""

    @abstractmethod
    def writes(self) -> int:
        """How many writes ever reached the tracker."""


@dataclass
class Telling:
    """A story as it is told on a stage: people act on a ticket as soon as its item has one."""

    stage: Stage
    refs: list[str] = field(default_factory=list)
    left: dict[int, list[Act]] = field(default_factory=lambda: defaultdict(list))

    def perform(self, act: Act) -> None:
        """Our side acts at once; who has to know of something first, on either side, once it is there."""
        if act.what in _AT_ONCE:
            self._ours(act)
        else:
            self.left[act.item].append(act)

    def catch_up(self) -> bool:
        """Do what could not be done before, in its order; whether anything was."""
        did, office = False, Office(self.stage.store, self.stage.clock)
        for item, acts in self.left.items():
            while acts and (link := self.stage.store.link(ref := self.refs[item])) is not None:
                if acts[0].what in _FAR:
                    self._theirs(acts.pop(0), link.ref.key)
                elif office.may(acts[0].what, ref):
                    office.act(acts.pop(0).what, ref)
                else:
                    break
                did = True
        return did

    def _ours(self, act: Act) -> None:
        store, value = self.stage.store, act.value
        if act.what == "add":
            draft = ItemDraft(title=f"Encrypt volume {value} of the billing system", controls=(), risks=())
            self.refs.append(store.add_items([(draft, date(2031, 12, 20), Priority.HIGH)], OFFICER)[0].ref)
            return
        if act.what == "find":
            self.refs.append(found(store, value, OFFICER))
            return
        ref = self.refs[act.item]
        if act.what == "say":
            store.add_comment(ref, "olga@acme.example", f"Word {value}", OFFICER)
            return
        values: Mapping[str, Any] = {
            "title": f"Encrypt the volume, take {value}",
            "description": f"Take {value}, with *care*",
            "priority": (Priority.LOW, Priority.CRITICAL)[value % 2],
            "due_date": date(2031, 11, value),
        }
        store.commit(None, Effects(changes=[ItemChange(ref, {act.what: values[act.what]}, OFFICER)]))

    def _theirs(self, act: Act, key: str) -> None:
        person = self.stage.person
        match act.what:
            case "comment":
                person.comment(key, f"Answer {act.value}")
            case "label":
                person.add_label(key, f"theirs-{act.value}")
            case "assign":
                person.assign(key, self.stage.account)
            case "close":
                person.close(key)
            case "show":
                person.comment(key, f"/evidence {URL} the build is green")
            case "drop":
                person.wont_do(key, "Not this year.")
            case _:
                person.start(key)


End = Mapping[str, Mapping[str, Any]]


def end(stage: Stage, tickets: Sequence[Shown]) -> End:
    """How every item stands, by its ref: on our side, and on the other as its ticket."""
    refs = [item.ref for item in stage.store.list_items()]
    return {ref: _stands(stage.store, ref, next(iter(_tickets_of(stage.store, ref, tickets)), None)) for ref in refs}


def _tickets_of(store: Store, ref: str, tickets: Sequence[Shown]) -> list[Shown]:
    """The tickets that carry a key of this item."""
    names = {s.ticket.ref.tracker for s in tickets}
    keys = {store.marker_key(ref, name, generation) for name in names for generation in (1, 2)}
    return [s for s in tickets if s.ticket.marker is not None and s.ticket.marker.key in keys]


def _stands(store: Store, ref: str, shown: Shown | None) -> Mapping[str, Any]:
    item = store.item(ref)
    ours = {n: getattr(item, n) for n in ("title", "description", "priority", "owner", "status", "due_date")}
    heard = sorted((c.inbound, c.author, _plain(c.text)) for c in store.comments(ref))
    ours |= {"heard": heard, **_decided(store, ref)}
    if shown is None:
        return {**ours, "ticket": None}
    names = ("title", "body", "state", "priority", "assignee", "due_date", "labels", "archived")
    theirs = {f"ticket {n}": getattr(shown.ticket, n) for n in names}
    return {**ours, **theirs, "said": sorted((by_us, _plain(text)) for by_us, text in shown.said)}


def _decided(store: Store, ref: str) -> Mapping[str, Any]:
    """What is claimed of an item, what shows it, and what was asked for and decided."""
    item, pieces = store.item(ref), store.ask(proofs.of_items, [ref]).get(ref, [])
    asked = store.ask(acceptances.of_items, [ref]).get(ref, [])
    return {
        "part of": item.part_of,
        "claim": item.claim and (item.claim.kind, item.claim.by),
        "evidence": sorted((e.draft.kind, e.draft.url, e.draft.by, e.review and e.review.verdict) for e in pieces),
        "asked": sorted((a.state, a.requester, a.terms.justification, a.terms.until, a.ended_why) for a in asked),
        "waits": sorted(h.kind for h in store.holds(ref) if h.kind in _WAITING),
    }


def _plain(text: str) -> str:
    """What was said, whatever the numbers of evidence and requests."""
    return NUMBERED.sub("some", text)


def wrongs(
    stage: Stage, tickets: Sequence[Shown], ends: End, wanted: End, *, covered: bool
) -> Iterator[tuple[str, str]]:
    """What is wrong once everything is at rest, by name, and in words.

    Where the wait does not cover what the tracker does, an item may be held with words that say why.
    """
    store = stage.store
    holds = [h for h in store.holds(None) if h.kind not in _WAITING]
    held = {h.item for h in holds}
    if covered and holds:
        yield "held", "; ".join(h.detail for h in holds)
    if not stage.is_vouched_for():
        yield "ledger unsound", str(store.verify().first_bad or "nothing kept elsewhere vouches for all of it")
    yield from (("not as recorded", each.words) for each in store.apart())
    if open_ := store.open_intents(None):
        yield "still in doubt", "; ".join(f"{i.kind} of {i.item}" for i in open_)
    links = store.links(ends)
    for ref, ends_as in ends.items():
        shown = _tickets_of(store, ref, tickets)
        yield from _several(store, ref, shown)
        if ends_as["part of"] is not None:
            continue
        there = [s.ticket for s in shown]
        keys = ", ".join(t.ref.key for t in there)
        named = not covered and _named(there, [h for h in holds if h.item == ref])
        if len(there) > 1 and not named:
            yield "duplicates", f"{ref} has {keys}"
        if not there:
            yield "lost", f"{ref} has no ticket"
        elif not named and not _linked(links.get(ref), there):
            yield "unlinked", f"{ref} is not linked to {keys}"
        for name, value in wanted[ref].items():
            if name == "said" and not covered and {*ends_as.get(name, ())} == {*value}:
                continue
            if ends_as.get(name) != value and (covered or ref not in held):
                yield "other than without faults", f"{ref}: {name} is {ends_as.get(name)!r}, not {value!r}"


def _several(store: Store, ref: str, tickets: Iterable[Shown]) -> Iterator[tuple[str, str]]:
    """What an item has several of, of which there is to be one at most."""
    pieces = Counter((e.draft.origin, e.draft.remote_id) for e in store.ask(proofs.of_items, [ref]).get(ref, []))
    if twice := [key for key, n in pieces.items() if n > 1]:
        yield "evidence twice", f"{ref}: {twice}"
    if [a.state for a in store.ask(acceptances.of_items, [ref]).get(ref, [])].count(AcceptanceState.REQUESTED) > 1:
        yield "asked for twice", ref
    if any(sum(bool(STANDING.search(text)) for _, text in each.said) > 1 for each in tickets):
        yield "two standing comments", ref


def tell(
    stage: Stage, turns: Sequence[Sequence[Act]], pauses: Iterator[float], *, covered: bool
) -> Iterator[tuple[str, str]]:
    """Tell a story with a run after each turn; once nothing goes wrong any more, two runs later a third has nothing
    to do. Yields what is wrong about that, by name, and in words.

    Where the wait does not cover what the tracker does, the audit of the next day is waited for.
    """
    telling = Telling(stage)
    for acts in turns:
        for act in acts:
            telling.perform(act)
        telling.catch_up()
        stage.run()
        telling.catch_up()
        stage.sleep(next(pauses))
    stage.calm()
    _rest(stage)
    while telling.catch_up():
        _rest(stage)
    if not covered:
        stage.sleep(86_400)
        stage.run()
    yield from _quiet(stage)


def _rest(stage: Stage) -> None:
    for _ in range(2):
        stage.sleep(600)
        stage.run()


def _quiet(stage: Stage) -> Iterator[tuple[str, str]]:
    stage.sleep(600)
    seq, writes = stage.store.ask(audit.head)[0], stage.writes()
    report = stage.run()
    if report is None or report.plan.operations:
        yield "a further run had work", "nothing" if report is None else "; ".join(map(str, report.plan.operations))
    if (records := beyond(stage.store, seq)) or stage.writes() != writes:
        yield "a further run wrote", f"{', '.join(records)}; {stage.writes() - writes} requests"


def _linked(link: Link | None, there: Sequence[Ticket]) -> bool:
    return link is not None and link.ref.id in {t.ref.id for t in there}


def _named(there: Sequence[Ticket], holds: Sequence[Any]) -> bool:
    """Whether holds name every ticket of an item that has several."""
    said = " ".join(h.detail for h in holds if h.kind is HoldKind.MANY_TICKETS)
    return all(t.ref.key in said for t in there)
