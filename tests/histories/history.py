"""One world with bad weather in it, and what must be true of it once the weather is over."""

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from connectors.base import MARK
from connectors.sandbox.far_side import OURS
from connectors.sandbox.memory import CAPS
from mapping import block as blocks
from mapping.read import observe
from mapping.render import desired
from state.lease import Holder, this_process
from state.lifecycle import UNFINISHED
from state.model import Authority, Field, Hold, HoldKind, Link, Status
from state.store import Store
from state.ticket import ActivityKind, BodyFormat, TicketRef
from sync.engine import Report
from sync.plan import Safety
from tests.histories.weather import Clock, Far, Killed, Kind, Tracker
from tests.sync.conftest import PEOPLE, World

WAIT = 120


def template(folder: Path) -> Path:
    """A database without anything in it, to be copied."""
    path = folder / "template.db"
    Store.create(f"sqlite:///{path}", clock=Clock(), entropy=lambda n: b"\x07" * n).close()
    return path


@dataclass
class History:
    """A world, what people did in it, and the faults that are to come."""

    world: World
    clock: Clock
    far: Far
    killed: int = 0
    unseen: bool = False
    outside: dict[str, str] = field(default_factory=dict)
    theirs: dict[str, set[str]] = field(default_factory=dict)
    said: dict[str, dict[str, object]] = field(default_factory=dict)

    @staticmethod
    def begin(folder: Path, empty: Path, kind: Kind) -> "History":
        path = folder / "state.db"
        shutil.copy(empty, path)
        clock = Clock()
        far = Far(clock, kind)
        caps = replace(
            CAPS,
            bulk_create=kind.bulk,
            guarded_update=kind.guarded,
            stale_feed=kind.lag > 0,
            assignment_starts_work=kind.starts_work,
        )
        store = Store.open(f"sqlite:///{path}", clock=clock)
        tracker = Tracker("eng", far_side=far, caps=caps, page_size=2)
        world = World(store, clock, far, tracker, wait=WAIT, audit_hours=1e6)  # type: ignore[arg-type]
        world.safety = Safety(max_creates=1000, change_share=1.0)
        return History(world, clock, far)

    # Runs.

    def holder(self) -> Holder:
        """A person at another machine."""
        return Holder("elsewhere", 1)

    def sync(self, *, full: bool = False, at: Callable[[str], None] = lambda _: None) -> Report | None:
        """One run, which may die; `at` is called with each crash point. `None` means that it died."""

        def crash(point: str) -> None:
            if self.far.killed:
                raise Killed
            try:
                at(point)
            except Killed:
                self.far.killed = True
                raise

        self.world.crash = crash
        mortal = replace(this_process(), started=f"life {self.killed}")
        try:
            return self.world.sync(full=full, force="histories", holder=mortal)
        except Killed:
            self.killed += 1
            self.far.killed = False
            return None
        finally:
            self.world.crash = lambda _: None

    # What is known of who said what.

    def ours(self, ref: str, name: str, value: object) -> None:
        """We gave an item this value, another than last agreed; nobody else may change it but by the rules.

        An owner whom the tracker does not know cannot be told there, so a person assigned there wins.
        """
        compared = Field("assignee" if name == "owner" else name) if name != "description" else Field.BODY
        self.said.setdefault(ref, {}).pop(name, None)
        link, item = self.world.store.link(ref), self.world.item(ref)
        if link is not None and compared in link.baseline:
            ours = desired(item, self.world.rules(), "eng", link.marker).values.get(compared)
            if ours == link.baseline[compared].ours:
                return
        nobody = name == "owner" and not any(person.email == value for person in PEOPLE)
        if self.world.rules().trackers["eng"].authority[compared] is not Authority.TICKET and not nobody:
            self.said[ref][name] = value

    def touched(self, ref: str, name: str) -> None:
        """Somebody changed a field of the ticket, so the item's may follow."""
        follows = {"assignee": ("owner", "status"), "state": ("status",), "due_date": ()}
        authority = self.world.rules().trackers["eng"].authority
        for mine in follows.get(name, (name,)):
            if name in ("assignee", "state") or (name in authority and authority[Field(name)] is not Authority.ITEM):
                self.said.get(ref, {}).pop(mine, None)

    def decided(self, hold: Hold, take: str) -> None:
        """A person settled a hold, perhaps for the ticket's side."""
        if take == "ticket" and hold.field is not None:
            self.said.get(hold.item, {}).pop({"assignee": "owner"}.get(hold.field.value, hold.field.value), None)

    def shared(self, name: Field) -> None:
        """A field got another authority, so what was said of it does not stand for sure any more."""
        for said in self.said.values():
            said.pop({"assignee": "owner"}.get(name.value, name.value), None)

    # What people do on the far side.

    def linked(self) -> list[Link]:
        refs = [item.ref for item in self.world.store.list_items()]
        return sorted(self.world.store.links(refs).values(), key=lambda link: link.item)

    def there(self) -> list[Link]:
        return [link for link in self.linked() if self.far.gone(link.ref) is None]

    def write_around(self, ref: TicketRef, before: str, after: str) -> None:
        body = str(self.far.ticket(ref).body or "")
        self._body(ref, f"{before}{body}{after}")

    def remove_block(self, ref: TicketRef) -> None:
        self._body(ref, str(blocks.remove(self.far.ticket(ref).body, BodyFormat.MARKDOWN) or ""))

    def _body(self, ref: TicketRef, body: str) -> None:
        self.far.edit(ref, body=body)
        self.outside[ref.id] = str(blocks.remove(self.far.ticket(ref).body, BodyFormat.MARKDOWN) or "")

    def add_their_label(self, ref: TicketRef, name: str) -> None:
        self.far.edit(ref, labels=self.far.ticket(ref).labels | {name})
        self.theirs.setdefault(ref.id, set()).add(name)

    # What must be true in the end.

    def comes_to_rest(self, runs: int = 2) -> None:
        """Once faults stop, so many runs later everything is in order and the next run does nothing."""
        self.far.calm()
        for number in range(runs):
            self.clock.sleep(600)
            report = self.sync(full=self.unseen and number == 0)
            assert report is not None
        self._in_order()
        self._quiet(reads=("changes", "fetch", "activity"))
        self._quiet(reads=("changes",))
        self.unseen = False

    def _quiet(self, reads: Sequence[str]) -> None:
        """A run that writes nothing anywhere; what our last write left unclear is read once more by the first one."""
        self.clock.sleep(600)
        records, self.far.asked = self.world.records(), []
        tickets = self.far.tickets()
        report = self.sync()
        assert report is not None
        assert report.plan.operations == ()
        assert self.world.records() == records
        assert self.far.tickets() == tickets
        doubts = {"activity"} if self.world.store.open_intents(None) else set()
        assert set(self.far.asked) <= {*reads, *doubts} or self._looks_on(), self.far.asked

    def _looks_on(self) -> bool:
        """Whether a hold keeps both sides apart, so that the ticket is looked at as often as the feed shows it."""
        apart = {HoldKind.REJECTED, HoldKind.CONFLICT, HoldKind.NO_WAY, HoldKind.ARCHIVED}
        held = any(h.kind in apart for h in self.world.store.holds(None))
        return held and set(self.far.asked) <= {"changes", "fetch", "activity"}

    def _in_order(self) -> None:
        store = self.world.store
        assert store.verify().ok
        held: dict[str, list[Hold]] = {}
        for hold in store.holds(None):
            held.setdefault(hold.item, []).append(hold)
        gone = {item for item, holds in held.items() if any(h.kind is HoldKind.GONE for h in holds)}
        assert {i.item for i in store.open_intents(None)} <= gone
        live = [s for s in self.far.everything() if s.gone is None and s.marker is not None and s.marker_by == OURS]
        doubled = [key for key, n in Counter(s.marker.key for s in live if s.marker).items() if n > 1]
        assert doubled == []
        links = {link.item: link for link in self.linked()}
        for item in store.list_items():
            holds = held.get(item.ref, [])
            if (link := links.get(item.ref)) is None:
                assert holds or item.status not in UNFINISHED, f"{item.ref} has no ticket"
            elif self.far.gone(link.ref) is not None:
                assert any(h.kind is HoldKind.GONE for h in holds), f"{item.ref} is gone and nobody was told"
            elif not any(h.kind is HoldKind.ARCHIVED for h in holds):
                self._agreed(link, holds)
                self._talked(link, holds)
                self._kept(link, holds)
            for name, value in self.said.get(item.ref, {}).items():
                if not any(h.field is not None and h.field.value == name for h in holds):
                    assert getattr(item, name) == value, f"{item.ref}: {name} was {value!r} and nobody changed it"

    def _agreed(self, link: Link, holds: Sequence[Hold]) -> None:
        rules, item = self.world.rules(), self.world.item(link.item)
        ticket = self.far.ticket(link.ref)
        wanted = desired(item, rules, "eng", link.marker)
        there = observe(ticket, rules, "eng", baseline=link.baseline, desired=wanted).values
        explained = {h.field for h in holds}
        for name, theirs in there.items():
            base, ours = link.baseline.get(name), wanted.values.get(name)
            if name in explained:
                continue
            assert base is not None or name not in wanted.values, (link.item, name)
            if base is None:
                continue
            assert base.theirs == theirs, (link.item, name, base, theirs)
            if name in wanted.values:
                assert base.ours == ours, (link.item, name, base, ours)
                assert ours == theirs or self._may_differ(name, theirs), (link.item, name, ours, theirs)

    def _may_differ(self, name: Field, theirs: str | None) -> bool:
        """Whether a field stays apart by rule: a block taken out, a person we do not know, a date taken away,
        or work that counts as begun for as long as somebody is assigned.
        """
        authority = self.world.rules().trackers["eng"].authority[name]
        match name:
            case Field.BODY | Field.DUE_DATE:
                return theirs is None and (name is Field.BODY or authority is not Authority.ITEM)
            case Field.STATUS:
                return self.far.kind.starts_work and theirs == Status.IN_PROGRESS
            case Field.ASSIGNEE:
                return theirs is None or theirs.startswith("account:")
            case _:
                return False

    def _talked(self, link: Link, holds: Sequence[Hold]) -> None:
        log = [a for a in self.far.activity(link.ref) if a.kind is ActivityKind.COMMENT]
        stored = self.world.store.comments(link.item)
        heard = Counter(c.remote_id for c in stored if c.inbound)
        for act in log:
            assert act.by.ours or heard[act.id] == 1, (link.item, act.text, heard[act.id])
        keys = Counter(a.marker_key for a in log if a.by.ours)
        assert set(keys.values()) <= {1}, (link.item, keys)
        refused = any(h.kind is HoldKind.COMMENT_REFUSED for h in holds)
        ids = {a.id for stored in self.far.everything() for a in stored.log}
        for ours in (c for c in stored if not c.inbound):
            assert ours.remote_id or refused, (link.item, ours.text)
            assert ours.remote_id in ids or refused, (link.item, ours.text)

    def _kept(self, link: Link, holds: Sequence[Hold]) -> None:
        ticket = self.far.ticket(link.ref)
        around = str(blocks.remove(ticket.body, BodyFormat.MARKDOWN) or "")
        assert around == self.outside.get(link.ref.id, around) or self.far.kind.coarse
        assert self.theirs.get(link.ref.id, set()) <= ticket.labels
        assert MARK in ticket.labels or any(h.field is Field.LABELS for h in holds)
