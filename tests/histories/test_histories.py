"""Random histories: whatever people do on both sides and whatever goes wrong, the engine comes to rest in order.

A slice with a fixed seed runs with the other tests. `COUNTERFOIL_HISTORIES=2000 pytest tests/histories` runs so many
histories instead, with a new seed each time; what fails is shrunk and printed as a program.
"""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from connectors.base import MARK
from state.errors import LeaseHeld
from state.model import Authority, Field, Link, Priority, Status
from state.ticket import Gone, TicketState
from sync.engine import CRASH_POINTS
from sync.settle import Side, Undecidable, settle
from tests.histories.history import History, template
from tests.histories.weather import READ_FAULTS, READS, WRITE_FAULTS, WRITES, Killed, Kind, fault

EXAMPLES = int(os.environ.get("COUNTERFOIL_HISTORIES", "0"))
STEPS = int(os.environ.get("COUNTERFOIL_HISTORY_STEPS", "25"))

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

which = st.integers(0, 5)
kinds = st.builds(
    Kind,
    counts=st.booleans(),
    coarse=st.booleans(),
    lag=st.sampled_from((0, 0, 20, 55)),
    starts_work=st.booleans(),
    guarded=st.booleans(),
    told=st.booleans(),
    repeats=st.booleans(),
    bulk=st.sampled_from((1, 3)),
).filter(lambda k: not k.coarse or (k.counts and not k.guarded))


class Histories(RuleBasedStateMachine):
    """What may happen, one thing after another."""

    empty: Path

    @initialize(kind=kinds, items=st.integers(1, 3))
    def start(self, kind: Kind, items: int) -> None:
        self.folder = tempfile.TemporaryDirectory(dir=self.empty.parent)
        self.h = History.begin(Path(self.folder.name), self.empty, kind)
        self.serial = 0
        for _ in range(items):
            self.h.world.add(f"Encrypt volume {self._next()} of the billing system", owner=OWNERS[items])
        self.h.sync()

    def _next(self) -> int:
        self.serial += 1
        return self.serial

    def _ref(self, number: int) -> str:
        refs = [item.ref for item in self.h.world.store.list_items()]
        return refs[number % len(refs)]

    def _link(self, number: int) -> Link | None:
        links = self.h.there()
        return links[number % len(links)] if links else None

    def _by(self, number: int) -> str:
        return ("mia", "tom", "stranger")[number % 3]

    # Our side.

    @rule(owner=st.sampled_from(OWNERS))
    def add_item(self, owner: str | None) -> None:
        if self.serial < 8:
            self.h.world.add(f"Rotate key {self._next()} of the payments account", owner=owner)

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
        self.h.world.edit(ref, **{field: said})
        self.h.ours(ref, field, said)

    @rule(number=which)
    def say(self, number: int) -> None:
        world = self.h.world
        world.store.add_comment(self._ref(number), "olga@acme.example", f"Ours {self._next()}", world.because())

    @rule(number=which)
    def unlink(self, number: int) -> None:
        self.h.world.store.unlink(self._ref(number), self.h.world.because("a mistake"))

    @rule(number=which, take=st.sampled_from(("item", "ticket")))
    def settle(self, number: int, take: Side) -> None:
        holds = self.h.world.store.holds(None)
        if holds:
            hold = holds[number % len(holds)]
            with suppress(Undecidable, LeaseHeld):
                settle(self.h.world.store, hold, take, self.h.world.because("agreed"), holder=self.h.holder())
                self.h.decided(hold, take)

    # The far side.

    @rule(
        number=which,
        field=st.sampled_from(TICKET_FIELDS),
        value=st.integers(0, 6),
    )
    def edit_ticket(self, number: int, field: str, value: int) -> None:
        if (link := self._link(number)) is not None:
            self._edit_ticket(link, field, value)

    def _edit_ticket(self, link: Link, field: str, value: int) -> None:
        ref, by, far = link.ref, self._by(value), self.h.far
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
                self.h.add_their_label(ref, f"theirs-{value}")
            case "comment":
                far.comment(ref, f"Theirs {self._next()}", by=by)
            case _:
                name, resolution = STATES[value]
                far.edit(ref, by=by, state=TicketState(far.workflow[name], name, resolution))

    @rule(number=which)
    def write_around_the_block(self, number: int) -> None:
        if (link := self._link(number)) is not None:
            self.h.write_around(link.ref, f"Before {self._next()}\r\n\r\n", f"\n\n- [ ] after {self._next()}  ")

    @rule(number=which)
    def remove_the_block(self, number: int) -> None:
        if (link := self._link(number)) is not None:
            self.h.remove_block(link.ref)

    @rule(number=which)
    def take_our_labels_off(self, number: int) -> None:
        if (link := self._link(number)) is not None:
            labels = self.h.far.ticket(link.ref).labels
            self.h.far.edit(link.ref, labels=labels - {MARK, *self.h.world.labels})
            self.h.unseen = True

    @rule(number=which, why=st.sampled_from((Gone.DELETED, Gone.NOT_FOUND, Gone.HIDDEN)))
    def delete(self, number: int, why: Gone) -> None:
        if (link := self._link(number)) is not None:
            self.h.far.delete(link.ref, why)
            self.h.unseen = True

    @rule(number=which)
    def restore(self, number: int) -> None:
        gone = [link for link in self.h.linked() if self.h.far.gone(link.ref) is not None]
        if gone:
            self.h.far.restore(gone[number % len(gone)].ref)
            self.h.unseen = True

    @rule(number=which)
    def relocate(self, number: int) -> None:
        if (link := self._link(number)) is not None:
            self.h.far.relocate(link.ref, f"OTHER{self._next()}")

    @rule(number=which)
    def archive_or_take_out_again(self, number: int) -> None:
        if (link := self._link(number)) is not None:
            self.h.far.edit(link.ref, archived=not self.h.far.ticket(link.ref).archived)

    # Time, rules and weather.

    @rule(seconds=st.sampled_from((1, 30, 70, 130, 700)))
    def time_passes(self, seconds: int) -> None:
        self.h.clock.sleep(seconds)

    @rule()
    def clock_jumps_back(self) -> None:
        self.h.clock.behind += timedelta(seconds=90)

    @rule()
    def clock_freezes_or_thaws(self) -> None:
        self.h.clock.tick = timedelta(0) if self.h.clock.tick else timedelta(milliseconds=10)

    @rule(labels=st.sampled_from(((), ("compliance",), ("compliance", "audit"))))
    def labels_change(self, labels: tuple[str, ...]) -> None:
        self.h.world.labels = labels

    @rule(
        field=st.sampled_from((Field.STATUS, Field.TITLE, Field.PRIORITY, Field.ASSIGNEE, Field.DUE_DATE)),
        authority=st.sampled_from(Authority),
    )
    def authority_changes(self, field: Field, authority: Authority) -> None:
        self.h.world.authority[field] = authority
        self.h.shared(field)

    @rule(call=st.sampled_from(WRITES), kind=st.sampled_from(WRITE_FAULTS), seconds=st.sampled_from((5, 20, 55)))
    def a_write_fails(self, call: str, kind: str, seconds: int) -> None:
        fault(self.h.far, call, kind, seconds)

    @rule(call=st.sampled_from(READS), kind=st.sampled_from(READ_FAULTS))
    def a_read_fails(self, call: str, kind: str) -> None:
        fault(self.h.far, call, kind, 20)

    # Runs.

    @rule()
    def sync(self) -> None:
        self.h.sync()

    @rule()
    def sync_in_full(self) -> None:
        self.h.sync(full=True)

    @rule(point=st.sampled_from(CRASH_POINTS), nth=st.integers(1, 2))
    def sync_and_be_killed(self, point: str, nth: int) -> None:
        def kill() -> None:
            raise Killed

        self.h.sync(at=_once(point, nth, kill))

    @rule(
        point=st.sampled_from(CRASH_POINTS),
        nth=st.integers(1, 2),
        number=which,
        what=st.sampled_from(("item", "ticket", "settle", "say", "unlink")),
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
                case _:
                    self.unlink(number)

        self.h.sync(at=_once(point, nth, act))

    @precondition(lambda self: self.serial % 5 == 0)
    @rule()
    def rest(self) -> None:
        self.h.comes_to_rest()

    def teardown(self) -> None:
        if hasattr(self, "h"):
            try:
                self.h.comes_to_rest()
            finally:
                self.h.world.store.close()
                self.folder.cleanup()


def _once(point: str, nth: int, act: Callable[[], None]) -> Callable[[str], None]:
    passes = iter(range(1, 10_000))

    def at(name: str) -> None:
        if name == point and next(passes) == nth:
            act()

    return at


def test_whatever_happens_it_comes_to_rest(tmp_path: Path) -> None:
    Histories.empty = template(tmp_path)
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=EXAMPLES or 100,
            stateful_step_count=STEPS,
            derandomize=not EXAMPLES,
            database=None,
            phases=(Phase.generate, Phase.shrink) if EXAMPLES else (Phase.generate,),
            deadline=None,
            print_blob=bool(EXAMPLES),
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
