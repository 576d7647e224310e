"""The Hypothesis machine: what may happen to an installation, one thing after another."""

import sys
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from connectors.base import MARK
from mapping.rules import Route
from state.model import Authority, Field, ItemDraft, Link, Person, Priority, Status
from state.ticket import ActivityKind, Gone, TicketState
from sync import notary, watched
from sync.intake import take_in
from sync.settle import Side
from sync.verdicts import DuePolicy
from tests.histories.history import History
from tests.histories.installation import BY_PRIORITY, PEOPLE
from tests.histories.order import comes_to_rest
from tests.histories.slate import Slate, in_memory
from tests.histories.weather import ASKING, READ_FAULTS, READS, START, WRITE_FAULTS, WRITES, Far, Killed, Kind, fault

WORDS = ("Alpha", "Bravo", "Charlie", "Delta")
OWNERS = ("mia@acme.example", "tom@acme.example", "olga@acme.example", None)
ACCOUNTS = ("mia", "tom", "stranger", None)
DATES = (date(2026, 12, 1), date(2026, 12, 20), date(2027, 3, 1))
STATES = (
    ("To Do", None),
    ("In Progress", None),
    ("In Review", None),
    ("Done", "Done"),
    ("Done", "Won't Do"),
    ("Done", "Duplicate"),
    ("Done", "Cannot Reproduce"),
)
ITEM_FIELDS = ("title", "description", "priority", "owner", "due_date", "status")
TICKET_FIELDS = ("title", "priority", "assignee", "due_date", "labels", "comment", "state")
STATUSES = (Status.OPEN, Status.IN_PROGRESS, Status.RESOLVED)
STATUS_TABLES: tuple[Mapping[str, tuple[str, ...]], ...] = (
    {},
    {"open": ("To Do", "In Review")},
    {"in_progress": ("In Review", "In Progress")},
    {"acceptance": ("In Review", "risk-accept")},
    {"resolved": ("Done", "In Review")},
)
PRIORITY_TABLES: tuple[Mapping[Priority, str], ...] = (
    {},
    {Priority.LOW: "Whatever"},
    {Priority.CRITICAL: "High", Priority.HIGH: "Highest"},
)
CREW = (PEOPLE, PEOPLE[:1], (*PEOPLE, Person("sam@acme.example", {"memory": "stranger"})))
ROUTES = (BY_PRIORITY, (Route("eng"),), (Route("ops"),), (Route("eng", {"priority": ("high", "critical")}),))
SPANS = (timedelta(seconds=90), timedelta(hours=1), timedelta(days=1))

CRASH_POINTS = (*watched.CRASH_POINTS, *notary.CRASH_POINTS)
PROOFS = ("claim", "bring", "bring", "accept", "accept", "reject")
VERDICTS = ("ask", "approve", "approve", "approve too", "reject", "revoke", "renew")

which = st.integers(0, 5)
spans = st.sampled_from((5, 20, 55))
kinds = st.builds(
    Kind,
    counts=st.booleans(),
    coarse=st.booleans(),
    lag=st.sampled_from((0, 0, 20, 55)),
    starts_work=st.booleans(),
    told=st.booleans(),
    repeats=st.booleans(),
    bulk=st.sampled_from((1, 3)),
).filter(lambda k: not k.coarse or k.counts)


class Histories(RuleBasedStateMachine):
    """What may happen, one thing after another."""

    @property
    def slate(self) -> Slate:
        """The database that a history is written on."""
        return in_memory()

    @initialize(eng=kinds, ops=kinds, items=st.integers(1, 3))
    def start(self, eng: Kind, ops: Kind, items: int) -> None:
        self.h = History.begin(self.slate, eng, ops)
        self.world, self.serial = self.h.world, 0
        for number in range(items):
            priority = (Priority.HIGH, Priority.CRITICAL)[number % 2]
            title = f"Encrypt volume {self._next()} of the billing system"
            self.world.add(title, owner=OWNERS[items], priority=priority)
        self.h.sync()

    def _next(self) -> int:
        self.serial += 1
        return self.serial

    def _ref(self, number: int) -> str:
        refs = [item.ref for item in self.world.store.list_items()]
        return refs[number % len(refs)]

    def _link(self, number: int) -> Link | None:
        links = self.h.there()
        return links[number % len(links)] if links else None

    def _by(self, number: int) -> str:
        return ("mia", "tom", "stranger")[number % 3]

    def _far(self, number: int) -> Far:
        return list(self.world.fars.values())[number % 2]

    # Our side.

    @rule(owner=st.sampled_from(OWNERS), priority=st.sampled_from(Priority))
    def add_item(self, owner: str | None, priority: Priority) -> None:
        if self.serial < 8:
            self.world.add(f"Rotate key {self._next()} of the payments account", owner=owner, priority=priority)

    @rule(number=which, field=st.sampled_from(ITEM_FIELDS))
    def edit_item(self, number: int, field: str) -> None:
        self._edit_item(number, field, self._next())

    def _edit_item(self, number: int, field: str, value: int) -> None:
        said = {
            "title": f"Encrypt the volumes of {WORDS[value % 4]}",
            "description": f"{WORDS[value % 4]} and *more*",
            "priority": list(Priority)[value % 4],
            "owner": OWNERS[value % 4],
            "due_date": DATES[value % 3],
            "status": STATUSES[value % 3],
        }[field]
        ref = self._ref(number)
        if field != "status" or self.world.store.item(ref).accepted is None:
            self.h.edit(ref, field, said)

    @rule(count=st.integers(1, 3), shift=st.integers(0, 3))
    def take_in(self, count: int, shift: int) -> None:
        """A file is taken in again, with rows that came, went or changed."""
        rows = [
            ItemDraft(f"Close port {n} of {WORDS[shift]}", owner=OWNERS[(n + shift) % 3], external_ref=f"row-{n}")
            for n in range(shift % 2, count)
        ]
        before = {item.external_ref: item for item in self.world.store.list_items() if item.external_ref}
        with self.h.books.witnessing():
            take_in(
                self.world.store,
                rows,
                policy=DuePolicy(),
                today=START.date(),
                because=self.world.because("rows.json"),
            )
        for row in rows:
            if (item := before.get(row.external_ref or "")) is not None:
                for name in ("title", "owner"):
                    if getattr(item, name) != getattr(row, name):
                        self.h.ours(item.ref, name, getattr(row, name))

    @rule(number=which)
    def say(self, number: int) -> None:
        because = self.world.because()
        self.world.store.add_comment(self._ref(number), "olga@acme.example", f"Ours {self._next()}", because)

    @rule(number=which)
    def unlink(self, number: int) -> None:
        self.world.store.unlink(self._ref(number), self.world.because("a mistake"))

    @rule(number=which, side=which)
    def adopt(self, number: int, side: int) -> None:
        """An item is linked to a ticket that somebody opened, or that was some item's before."""
        tracker, far = list(self.world.fars.items())[side % 2]
        if side < 3:
            body = f"Asked for {self._next()}"
            ref = far.open(f"Somebody's own {self._next()}", body=body, tracker=tracker)
        else:
            tickets = far.tickets()
            if not tickets:
                return
            ref = tickets[side % len(tickets)].ref
        self.h.adopt(self._ref(number), tracker, ref.key)

    @rule(number=which, take=st.sampled_from(("item", "ticket")))
    def settle(self, number: int, take: Side) -> None:
        holds = self.world.store.holds(None)
        if holds:
            self.h.settle(holds[number % len(holds)], take)

    @rule(number=which, verdict=st.sampled_from(VERDICTS))
    def decide(self, number: int, verdict: str) -> None:
        self.h.decide(self._ref(number), verdict)

    @rule(number=which, act=st.sampled_from(PROOFS))
    def prove(self, number: int, act: str) -> None:
        self.h.prove(self._ref(number), act)

    # The far side.

    @rule(number=which, field=st.sampled_from(TICKET_FIELDS), value=st.integers(0, 6))
    def edit_ticket(self, number: int, field: str, value: int) -> None:
        if (link := self._link(number)) is not None:
            self._edit_ticket(link, field, value)

    def _edit_ticket(self, link: Link, field: str, value: int) -> None:
        ref, by, far = link.ref, self._by(value), self.h.far(link.ref)
        self.h.touched(link.item, field)
        match field:
            case "title":
                far.edit(ref, by=by, title=f"Not the words of {WORDS[value % 4]}")
            case "priority":
                far.edit(ref, by=by, priority=("Highest", "High", "Medium", "Low", "Whatever")[value % 5])
            case "assignee":
                far.edit(ref, by=by, assignee=ACCOUNTS[value % 4])
            case "due_date":
                far.edit(ref, by=by, due_date=(*DATES, None)[value % 4])
            case "labels":
                self.h.add_their_label(ref, ASKING if value == 6 else f"theirs-{value}")
            case "comment":
                far.comment(ref, f"Theirs {self._next()}", by=by)
            case _:
                name, resolution = STATES[value]
                far.edit(ref, by=by, state=TicketState(far.workflow[name], name, resolution))

    @rule(number=which, edits=st.booleans())
    def edit_or_delete_a_comment(self, number: int, edits: bool) -> None:
        """Anybody's comment, ours too."""
        if (link := self._link(number)) is not None:
            far = self.h.far(link.ref)
            said = [act for act in far.activity(link.ref) if act.kind is ActivityKind.COMMENT]
            if said and edits:
                far.edit_comment(link.ref, said[number % len(said)].id, f"In other words {self._next()}")
            elif said:
                far.delete_comment(link.ref, said[number % len(said)].id)

    @rule(number=which)
    def copy_a_ticket(self, number: int) -> None:
        """Somebody clones a ticket, marker and all, which makes the copy nobody's."""
        if (link := self._link(number)) is not None:
            far = self.h.far(link.ref)
            ticket = far.ticket(link.ref)
            far.open(ticket.title, tracker=link.ref.tracker, marker=link.marker, body=ticket.body, labels=ticket.labels)

    @rule(number=which, what=st.sampled_from(("around", "block", "labels")))
    def spoil(self, number: int, what: str) -> None:
        """Somebody writes around our block, takes it out, or takes our labels off."""
        if (link := self._link(number)) is None:
            return
        match what:
            case "around":
                self.h.write_around(link.ref, f"Before {self._next()}\r\n\r\n", f"\n\n- [ ] after {self._next()}  ")
            case "block":
                self.h.remove_block(link.ref)
            case _:
                far = self.h.far(link.ref)
                labels = far.ticket(link.ref).labels
                far.edit(link.ref, labels=labels - {MARK, *self.world.config.labels})
                self.h.unseen = True

    @rule(number=which, what=st.sampled_from((*Gone, "restore", "restore", "relocate", "archive")))
    def move(self, number: int, what: str) -> None:
        """A ticket is deleted, hidden from us or moved to where we do not see it, comes back, gets another key, or is
        archived or taken out again.
        """
        gone = [link for link in self.world.linked() if self.h.far(link.ref).gone(link.ref) is not None]
        if what == "restore" and gone:
            ref = gone[number % len(gone)].ref
            self.h.far(ref).restore(ref)
            self.h.unseen = True
        if what == "restore" or (link := self._link(number)) is None:
            return
        far = self.h.far(link.ref)
        match what:
            case "relocate":
                far.relocate(link.ref, f"OTHER{self._next()}")
            case "archive":
                far.edit(link.ref, archived=not far.ticket(link.ref).archived)
            case _:
                far.delete(link.ref, Gone(what))
                self.h.unseen = True

    # Time, rules and weather.

    @rule(span=st.sampled_from((None, *SPANS)), ahead=st.booleans())
    def clock_goes_wrong(self, span: timedelta | None, ahead: bool) -> None:
        """Ours jumps, but never more than a day from the true time, or it stands still until it goes on."""
        clock = self.world.clock
        if span is None:
            clock.tick = timedelta(0) if clock.tick else timedelta(milliseconds=10)
        else:
            behind = clock.behind + (-span if ahead else span)
            clock.behind = max(-SPANS[-1], min(SPANS[-1], behind))

    @rule(days=st.sampled_from((15, 50)))
    def days_pass(self, days: int) -> None:
        """Requests stay without an answer, ends come near or pass."""
        self.world.clock.sleep(days * 86400)

    @rule(what=st.sampled_from(("labels", "status", "priority", "people", "routes")), value=which)
    def mapping_changes(self, what: str, value: int) -> None:
        tables: dict[str, tuple[object, ...]] = {
            "labels": ((), ("compliance",), ("compliance", "audit")),
            "status": STATUS_TABLES,
            "priority": PRIORITY_TABLES,
            "people": CREW,
            "routes": ROUTES,
        }
        setattr(self.world.config, what, tables[what][value % len(tables[what])])
        # Where an assignment starts work, whom the assigned account is read as decides the status too.
        reads = {"status": ("status",), "priority": ("priority",), "people": ("owner", "status")}
        self.h.shared(*reads.get(what, ()))

    @rule(
        field=st.sampled_from((Field.STATUS, Field.TITLE, Field.PRIORITY, Field.ASSIGNEE, Field.DUE_DATE)),
        authority=st.sampled_from(Authority),
    )
    def authority_changes(self, field: Field, authority: Authority) -> None:
        self.world.config.authority[field] = authority
        self.h.shared({"assignee": "owner"}.get(field.value, field.value))

    @rule(
        side=which, call=st.sampled_from(WRITES), kind=st.sampled_from(WRITE_FAULTS), seconds=st.sampled_from((5, 55))
    )
    def a_write_fails(self, side: int, call: str, kind: str, seconds: int) -> None:
        fault(self._far(side), call, kind, seconds)

    @rule(side=which, call=st.sampled_from(READS), kind=st.sampled_from(READ_FAULTS))
    def a_read_fails(self, side: int, call: str, kind: str) -> None:
        fault(self._far(side), call, kind, 20)

    @rule(side=which)
    def one_is_denied_while_the_other_works(self, side: int) -> None:
        denied, other = self._far(side), self._far(side + 1)
        denied.denied = True
        before = len(other.asked)
        report = self.h.sync()
        denied.denied = False
        linked = [self.h.far(link.ref) for link in self.world.linked()]
        assert report is None or report.denied or denied not in linked
        assert report is None or len(other.asked) > before or other not in linked, "the other tracker was not asked"

    @rule(side=which)
    def somebody_cannot_be_assigned(self, side: int) -> None:
        far = self._far(side)
        far.people = None if far.people else frozenset({"mia", "stranger"})
        far.choosy = True

    # Webhooks: lost unless they arrive, and then perhaps more than once, late, and out of order.

    @rule(number=which)
    def a_delivery_is_on_its_way(self, number: int) -> None:
        if (link := self._link(number)) is not None:
            self.h.delivered(link)

    @precondition(lambda self: self.h.deliveries)
    @rule(number=which)
    def a_delivery_arrives(self, number: int) -> None:
        self.h.hear(number)

    # Runs.

    @rule(full=st.sampled_from((False, False, True)), after=st.sampled_from((0, 1, 30, 70, 130, 700)))
    def sync(self, full: bool, after: int) -> None:
        self.world.clock.sleep(after)
        self.h.sync(full=full)

    @rule(point=st.sampled_from(CRASH_POINTS), nth=st.integers(1, 2))
    def sync_and_be_killed(self, point: str, nth: int) -> None:
        def kill() -> None:
            raise Killed

        self.h.sync(at=_once(point, nth, kill))

    @rule(
        point=st.sampled_from(CRASH_POINTS),
        nth=st.integers(1, 2),
        number=which,
        what=st.sampled_from(("item", "ticket", "settle", "say", "unlink", "decide")),
        value=st.integers(0, 6),
    )
    def sync_while_somebody_does_something(self, point: str, nth: int, number: int, what: str, value: int) -> None:
        def act() -> None:
            match what:
                case "item":
                    self._edit_item(number, ITEM_FIELDS[value % 6], self._next())
                case "ticket":
                    self.edit_ticket(number, TICKET_FIELDS[value], value)
                case "settle":
                    self.settle(number, "item" if value % 2 else "ticket")
                case "say":
                    self.say(number)
                case "decide":
                    self.decide(number, "ask" if value % 2 else "approve")
                case _:
                    self.unlink(number)

        self.h.sync(at=_once(point, nth, act))

    @rule(point=st.sampled_from(CRASH_POINTS), nth=st.integers(1, 2))
    def sync_twice_at_once(self, point: str, nth: int) -> None:
        self.h.sync(at=_once(point, nth, lambda: self.h.second_run(point)))

    @rule(point=st.sampled_from(CRASH_POINTS), nth=st.integers(1, 2))
    def sync_and_be_taken_over(self, point: str, nth: int) -> None:
        judges: list[Callable[[], None]] = []
        self.h.sync(at=_once(point, nth, lambda: judges.append(self.h.take_over(point))))
        for judge in judges:
            judge()

    @precondition(lambda self: self.serial % 5 == 0)
    @rule()
    def rest(self) -> None:
        comes_to_rest(self.h)

    def teardown(self) -> None:
        if hasattr(self, "h") and sys.exception() is None:
            comes_to_rest(self.h)


def _once(point: str, nth: int, act: Callable[[], None]) -> Callable[[str], None]:
    passes = iter(range(1, 10_000))

    def at(name: str) -> None:
        if name == point and next(passes) == nth:
            act()

    return at
