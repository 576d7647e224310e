"""What becomes of a write whose answer was lost."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from connectors.errors import NoWay, RateLimited, Rejected, TrackerError, Unavailable
from connectors.sandbox.memory import OURS, MemoryTracker
from state import journal
from state.errors import LeaseLost
from state.journal import INTENT
from state.lease import Holder, this_process
from state.model import Authority, Field, HoldKind, OperationKind, Outcome, Priority, Status
from state.ticket import Category, Marker, Patch, Ticket, TicketRef, TransitionTo
from sync.recover import FOUND, Recovery
from sync.settle import settle


def said(world: Any, ref: Any) -> list[str]:
    return [a.text for a in world.far.activity(ref) if a.kind == "comment" and a.by.ours]


def how_it_ended(world: Any, item: str) -> Outcome:
    """How the last write ended that did not end well."""
    failed = world.store.ask(journal.last_failure, item)
    assert failed is not None
    return Outcome(failed[1].kind, failed[1].reason)


def later(world: Any, *, full: bool = False) -> None:
    """Three runs, each once what was sent before it can happen no more."""
    for _ in range(3):
        world.clock.sleep(300)
        world.sync(full=full)


@pytest.fixture
def lost(world: Any) -> Any:
    """An item with a comment that stands on its ticket, which we do not know."""
    world.wait = 120
    for n in range(4):
        world.add(f"Encrypt volume {n} of the billing system")
    item = world.add("Rotate the access keys of the build account")
    world.sync()
    world.store.add_comment(item.ref, "olga@acme.example", "Before the audit, please", world.because())
    world.far.lose_answer("comment")
    world.sync()
    return item


def test_a_comment_on_a_ticket_that_was_hidden_for_a_while_is_not_said_again(world: Any, lost: Any) -> None:
    ref = world.link(lost.ref).ref
    world.far.delete(ref)
    for _ in range(4):
        world.clock.sleep(300)
        world.sync(full=True)
    assert [h.kind for h in world.store.holds(lost.ref)] == [HoldKind.GONE]
    world.far.restore(ref)
    later(world, full=True)
    assert len(said(world, ref)) == 1
    assert world.store.holds(None) == world.store.open_intents(None) == []


def test_parting_the_item_from_a_ticket_that_is_gone_ends_the_doubt(world: Any, lost: Any) -> None:
    world.far.delete(world.link(lost.ref).ref)
    later(world, full=True)
    (hold,) = world.store.holds(lost.ref)
    settle(world.store, hold, "item", world.because("make a new one"), holder=this_process())
    later(world)
    assert len(said(world, world.link(lost.ref).ref)) == 1
    assert world.store.open_intents(None) == []


def test_a_persons_comment_is_heard_beside_one_of_ours_that_is_in_doubt(world: Any, lost: Any) -> None:
    ref = world.link(lost.ref).ref
    world.far.comment(ref, "Which audit?", by="mia")
    later(world)
    assert [c.text for c in world.store.comments(lost.ref) if c.inbound] == ["Which audit?"]
    assert [i for i in world.store.open_intents(None) if i.kind is OperationKind.COMMENT] == []
    assert len(said(world, ref)) == 1


def outrun(world: Any) -> Recovery:
    """What a run would settle that has lost its lease to another."""
    lease = world.store.take_lease(Holder("elsewhere", 1), 1)
    world.clock.sleep(600)
    world.store.take_lease(Holder("elsewhere", 2), 1)
    work = world.engine()._work(lease, {"eng": world.tracker}, world.because())
    return Recovery(work, world.tracker, timedelta(seconds=120), world.clock())


@pytest.mark.parametrize("tickets", [0, 1, 2])
def test_a_run_that_lost_its_lease_settles_no_create_whatever_is_found(world: Any, tickets: int) -> None:
    world.add()
    if tickets:
        world.far.lose_answer("create")
    else:
        world.far.lose_request("create")
    world.sync()
    if tickets == 2:
        [ticket] = world.far.tickets()
        world.make_another(ticket)
    before, records = world.store.open_intents(None), world.records()
    assert [intent.kind for intent in before] == [OperationKind.CREATE]
    with pytest.raises(LeaseLost):
        outrun(world).run()
    assert world.store.open_intents(None) == before
    assert world.records() == records
    assert world.store.holds(None) == []


@pytest.mark.parametrize("stands", [True, False])
def test_a_run_that_lost_its_lease_settles_no_comment_whatever_is_found(world: Any, lost: Any, stands: bool) -> None:
    if not stands:
        world.far.stored(world.link(lost.ref).ref).log.clear()
    before, records = world.store.open_intents(None), world.records()
    with pytest.raises(LeaseLost):
        outrun(world).run()
    assert world.store.open_intents(None) == before
    assert world.records() == records


def test_two_tickets_with_one_marker_are_named_to_a_person_and_asked_about_no_more(world: Any) -> None:
    item = world.add()
    world.far.lose_answer("create")
    world.sync()
    [ticket] = world.far.tickets()
    world.make_another(ticket)
    world.sync()
    first, second = sorted(each.ref.key for each in world.far.tickets())
    [hold] = world.store.holds(None)
    assert hold.detail == (
        f"{first}, {second} all carry the marker of {item.ref}; delete all but one, then link that one"
    )
    assert (hold.kind, hold.item, hold.tracker, hold.ours) == (HoldKind.MANY_TICKETS, item.ref, "eng", "1")
    assert (hold.theirs or "").split() == [each.ref.id for each in sorted(world.far.tickets(), key=lambda t: t.ref.key)]
    assert how_it_ended(world, item.ref) == Outcome("refused", hold.detail)
    assert world.store.open_intents(None) == []


def changes(world: Any, ref: str) -> list[tuple[str, str, Any, Any]]:
    bodies = [r.told for r in world.store.log([ref])]
    return [(b["action"], b["field"], b["before"], b["after"]) for b in bodies if "changed" in b["action"]]


def test_an_update_whose_answer_was_lost_is_recorded_once_it_is_found_in_the_ticket(world: Any) -> None:
    world.wait = 120
    item = world.add()
    world.sync()
    world.edit(item.ref, priority=Priority.LOW)
    world.far.lose_answer("update")
    world.sync()
    assert changes(world, item.ref) == [("item.changed", "priority", "high", "low")]
    later(world)
    told = [each for each in changes(world, item.ref) if each[1] == "priority"]
    assert told == [("item.changed", "priority", "high", "low"), ("ticket.changed", "priority", "high", "low")]


def test_an_update_of_which_nothing_is_seen_any_more_is_recorded_as_perhaps_written(world: Any) -> None:
    world.wait = 120
    item = world.add()
    world.sync()
    world.edit(item.ref, priority=Priority.LOW)
    world.far.lose_answer("update")
    world.sync()
    world.far.edit(world.link(item.ref).ref, priority="Highest")
    later(world)
    told = [each for each in changes(world, item.ref) if each[1] == "priority"][1:]
    assert told == [
        ("ticket.perhaps_changed", "priority", "high", "low"),
        ("ticket.changed", "priority", "critical", "low"),
    ]
    assert world.ticket(item.ref).priority == "Low"


def test_our_own_update_is_not_taken_for_a_persons_after_a_run_that_died_on_the_way(world: Any) -> None:
    world.authority[Field.PRIORITY] = Authority.BOTH
    world.wait = 120
    item = world.add()
    world.sync()
    world.edit(item.ref, priority=Priority.LOW)
    world.far.lose_answer("update")
    world.sync()
    world.clock.sleep(300)
    world.far.fail_next("changes", Unavailable("no route"))
    world.sync()
    world.edit(item.ref, priority=Priority.HIGH)
    for _ in range(2):
        world.clock.sleep(300)
        world.sync()
    assert world.item(item.ref).priority is Priority.HIGH
    assert world.ticket(item.ref).priority == "High"


class HalfDone(MemoryTracker):
    """Writes `first` of the next update, and fails then; a second request of the same update would do the rest."""

    first: Patch | None = None
    error: TrackerError = Unavailable("503")

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Any:
        if self.first is None:
            return super().update(ref, patch, seen=seen)
        half, self.first = self.first, None
        super().update(ref, half, seen=seen)
        self.error.partly = True
        raise self.error


@pytest.mark.parametrize(
    ("write", "ended", "record"),
    [
        ("create", ("done", FOUND), "ticket.created"),
        ("comment", ("done", FOUND), "comment.sent"),
        ("update", ("deferred", "may have been written; both sides are compared again"), "ticket.changed"),
    ],
)
def test_how_a_write_in_doubt_ended_is_in_the_journal_and_on_record(
    world: Any, write: str, ended: tuple[str, str], record: str
) -> None:
    world.wait = 120
    item = world.add()
    if write != "create":
        world.sync()
        world.edit(item.ref, priority=Priority.LOW)
        world.sync()
    if write == "comment":
        world.store.add_comment(item.ref, "olga@acme.example", "Before the audit, please", world.because())
    if write == "update":
        world.edit(item.ref, title="Rotate the keys")
    world.far.lose_answer(write)
    world.sync()
    later(world)
    asked = select(INTENT.c.outcome, INTENT.c.reason).where(INTENT.c.kind == write).order_by(INTENT.c.begun_at.desc())
    with world.store.reading() as connection:
        assert tuple(connection.execute(asked).first()) == ended
    told = [r.told["reason"] for r in world.store.log([item.ref]) if r.told["action"] == record]
    assert told[-1] == (
        FOUND if write != "update" else "what came of it was not known, and then the ticket was looked at"
    )


@pytest.fixture
def halfway(world: Any) -> Any:
    """A linked item whose next update will be done by half."""
    world.wait = 120
    world.tracker = HalfDone("eng", far_side=world.far, caps=world.tracker.caps)
    world.add()
    world.sync()
    return world


def test_what_an_update_wrote_before_it_failed_is_recorded(halfway: Any) -> None:
    halfway.edit("AI-000001", priority=Priority.LOW, title="Rotate the keys")
    halfway.tracker.first = Patch(title="Rotate the keys")
    halfway.sync()
    assert [i.kind for i in halfway.store.open_intents(None)] == [OperationKind.UPDATE]
    later(halfway)
    told = [each[:2] for each in changes(halfway, "AI-000001") if each[1] in ("title", "priority")][2:]
    assert told == [("ticket.changed", "title"), ("ticket.perhaps_changed", "priority"), ("ticket.changed", "priority")]


@pytest.mark.parametrize("somebody", [False, True])
def test_a_status_that_we_alone_left_on_its_way_is_brought_there_and_asks_nobody(halfway: Any, somebody: bool) -> None:
    """What else is done to the ticket meanwhile has no say in that."""
    halfway.edit("AI-000001", status=Status.RESOLVED)
    halfway.tracker.first = Patch(state=TransitionTo(Category.INDETERMINATE))
    halfway.sync()
    ref = halfway.link("AI-000001").ref
    if somebody:
        halfway.far.move_to(ref, "To Do", by="mia")
        halfway.far.move_to(ref, "In Progress", by="mia")
    halfway.far.edit(ref, priority="Highest", by="mia")
    later(halfway)
    held = [h.kind for h in halfway.store.holds(None)]
    there = halfway.far.ticket(ref).state.category
    assert (held, there) == ([HoldKind.CONFLICT], Category.INDETERMINATE) if somebody else ([], Category.DONE)
    told = [each[:2] for each in changes(halfway, "AI-000001")]
    assert (("ticket.changed", "status") in told) is not somebody


def test_what_is_in_doubt_when_the_clock_is_put_back_is_settled_soon_and_not_when_it_catches_up(world: Any) -> None:
    world.wait = 120
    item = world.add()
    world.far.lose_request("create")
    world.sync()
    world.clock.now -= timedelta(hours=1)
    world.far.clock = lambda: world.clock() + timedelta(hours=1)
    for _ in range(3):
        world.clock.sleep(100)
        world.sync()
    assert world.link(item.ref).ref.id == "1"


@pytest.mark.parametrize("passed", [60, 300])
def test_where_our_clock_was_put_back_the_trackers_time_tells_whether_a_write_can_still_happen(
    world: Any, passed: int
) -> None:
    world.wait = 120
    item = world.add()
    world.far.lose_request("create")
    world.sync()
    world.clock.now -= timedelta(hours=1)
    world.far.clock = lambda: world.clock() + timedelta(hours=1)
    world.clock.sleep(passed)
    world.tracker = MemoryTracker("eng", far_side=world.far)
    world.sync()
    assert (world.store.link(item.ref) is not None) is (passed > world.wait)


def test_an_update_in_doubt_when_the_clock_is_put_back_is_settled_by_the_trackers_time(world: Any) -> None:
    world.wait = 120
    item = world.add()
    world.sync()
    world.edit(item.ref, title="Enable MFA for all admins")
    world.far.lose_request("update")
    world.sync()
    world.clock.now -= timedelta(hours=1)
    world.far.clock = lambda: world.clock() + timedelta(hours=1)
    world.clock.sleep(300)
    world.tracker = MemoryTracker("eng", far_side=world.far)
    world.sync()
    assert world.ticket(item.ref).title == "Enable MFA for all admins"


def test_a_status_that_we_took_on_its_way_and_back_is_recorded_as_no_change(halfway: Any) -> None:
    halfway.edit("AI-000001", status=Status.RESOLVED)
    halfway.tracker.first, halfway.tracker.error = Patch(state=TransitionTo(Category.INDETERMINATE)), NoWay("no way")
    halfway.sync()
    halfway.clock.sleep(1)
    halfway.far.move_to(halfway.link("AI-000001").ref, "To Do", by=OURS)
    later(halfway)
    assert changes(halfway, "AI-000001") == [("item.changed", "status", "open", "resolved")]
    assert [h.kind for h in halfway.store.holds(None)] == [HoldKind.NO_WAY]
    assert halfway.store.open_intents(None) == []


@pytest.mark.parametrize("seen", [True, False])
def test_of_an_update_that_was_refused_by_half_only_what_the_ticket_does_not_show_is_held(
    halfway: Any, seen: bool
) -> None:
    halfway.edit("AI-000001", priority=Priority.LOW, title="Rotate the keys")
    halfway.tracker.first, halfway.tracker.error = Patch(title="Rotate the keys"), Rejected("no such priority")
    if not seen:
        halfway.far.fail_next("fetch", Unavailable("503"))
    halfway.sync()
    refused = {Field.PRIORITY, Field.BODY} | (set() if seen else {Field.TITLE})
    assert {(h.kind, h.field) for h in halfway.store.holds(None)} == {(HoldKind.REJECTED, field) for field in refused}


def test_what_a_person_decided_of_a_status_that_stopped_on_its_way_stands(halfway: Any) -> None:
    halfway.edit("AI-000001", status=Status.RESOLVED)
    halfway.tracker.first, halfway.tracker.error = Patch(state=TransitionTo(Category.INDETERMINATE)), NoWay("no way")
    halfway.sync()
    [hold] = halfway.store.holds(None)
    settle(halfway.store, hold, "ticket", halfway.because("as it is there"), holder=this_process())
    later(halfway)
    assert halfway.item("AI-000001").status is Status.IN_PROGRESS
    assert halfway.ticket("AI-000001").state.category is Category.INDETERMINATE


@pytest.mark.parametrize("adopted", [False, True])
def test_a_comment_in_doubt_on_a_ticket_that_is_the_items_no_more_is_recorded_as_perhaps_sent(
    world: Any, lost: Any, adopted: bool
) -> None:
    former = world.link(lost.ref).ref
    world.store.unlink(lost.ref, world.because("a mistake"))
    if adopted:
        other = world.far.ticket(world.far.open("Made by hand", tracker="eng")).ref
        world.engine().link(lost.ref, "eng", other.key, holder=this_process(), because=world.because())
    later(world)
    told = [r.told for r in world.store.log([lost.ref]) if r.told["action"].startswith("comment.")]
    assert [each["action"] for each in told] == ["comment.added", "comment.perhaps_sent", "comment.sent"]
    assert told[1]["after"] == {"id": "C-000001", "tracker": "eng", "ticket": former.id, "remote_id": ""}
    assert told[1]["reason"] == "its answer was lost, and then the item was parted from the ticket"
    assert how_it_ended(world, lost.ref) == Outcome("deferred", "nothing to say any more")


@pytest.mark.parametrize("take", ["ticket", "item"])
def test_a_status_that_we_left_on_its_way_and_a_person_decided_on_is_recorded_as_it_was(
    halfway: Any, take: Any
) -> None:
    halfway.edit("AI-000001", status=Status.RESOLVED)
    halfway.tracker.first, halfway.tracker.error = Patch(state=TransitionTo(Category.INDETERMINATE)), NoWay("no way")
    halfway.sync()
    [hold] = halfway.store.holds()
    settle(halfway.store, hold, take, halfway.because("as it stands"), holder=this_process())
    later(halfway)
    halfway.sync()
    status = Status.IN_PROGRESS if take == "ticket" else Status.RESOLVED
    category = Category.INDETERMINATE if take == "ticket" else Category.DONE
    assert (halfway.item("AI-000001").status, halfway.ticket("AI-000001").state.category) == (status, category)
    assert (halfway.store.holds(), halfway.sync().plan.operations) == ([], ())
    told = [each for each in changes(halfway, "AI-000001") if each[0] != "hold.settled"]
    last = {"ticket": ("item.changed", "status", "resolved", "in_progress")}
    done = ("ticket.changed", "status", "open", "in_progress")
    assert told == [
        ("item.changed", "status", "open", "resolved"),
        done,
        last.get(take, ("ticket.changed", "status", "in_progress", "resolved")),
    ]


class AnotherAccount(MemoryTracker):
    """Has another account than the one that made the `strange` tickets, so their markers do not count."""

    strange: frozenset[str] = frozenset()

    def _own(self, ticket: Ticket) -> Ticket:
        shown = super()._own(ticket)
        return replace(shown, marker=None) if shown.ref.id in self.strange else shown

    def suspects(self, markers: Sequence[Marker], since: datetime) -> list[Ticket]:
        return MemoryTracker(self.name, far_side=self.far_side, caps=self.caps).find(markers, since)


@pytest.mark.parametrize("take", ["link", "item"])
def test_a_lost_ticket_that_another_account_of_ours_made_is_held_and_not_made_twice(world: Any, take: str) -> None:
    world.wait = 120
    item = world.add()
    world.far.lose_answer("create")
    world.sync()
    world.tracker = AnotherAccount("eng", far_side=world.far, caps=world.tracker.caps)
    world.tracker.strange = frozenset(t.ref.id for t in world.far.tickets())
    later(world)
    [ticket], [hold] = world.far.tickets(), world.store.holds()
    assert hold.kind is HoldKind.UNKNOWN_TICKET
    assert hold.detail.startswith("MEM-1 carries the key of AI-000001, but was made by another account")
    if take == "link":
        world.engine().link(item.ref, "eng", ticket.ref.key, holder=this_process(), because=world.because())
    else:
        settle(world.store, hold, "item", world.because("a copy"), holder=this_process())
    later(world)
    assert (world.link(item.ref).ref == ticket.ref, len(world.far.tickets())) == (
        (True, 1) if take == "link" else (False, 2)
    )
    assert (world.store.holds(), world.sync().plan.operations) == ([], ())


class ShownBetween(MemoryTracker):
    """Shows what was made from the moment on at which it is asked for tickets of any account."""

    shown = False

    def find(self, markers: Sequence[Marker], since: datetime) -> list[Ticket]:
        return super().find(markers, since) if self.shown else []

    def suspects(self, markers: Sequence[Marker], since: datetime) -> list[Ticket]:
        self.shown = True
        return super().suspects(markers, since)


def test_a_lost_ticket_that_is_shown_between_two_questions_is_ours_and_not_held(world: Any) -> None:
    """Found by the fault schedules: seed 29, number 9169."""
    world.wait = 120
    item = world.add()
    world.far.lose_answer("create")
    world.sync()
    world.edit(item.ref, title="Enable MFA for everybody")
    world.tracker = ShownBetween("eng", far_side=world.far, caps=world.tracker.caps)
    later(world)
    [ticket] = world.far.tickets()
    assert (world.link(item.ref).ref, ticket.title) == (ticket.ref, "Enable MFA for everybody")
    assert (world.store.holds(open_only=False), world.sync().plan.operations) == ([], ())


def test_a_ticket_that_we_opened_again_is_recorded_so_though_somebody_is_assigned_and_the_answer_was_lost(
    world: Any,
) -> None:
    world.tracker.caps = replace(world.tracker.caps, assignment_starts_work=True)
    item = world.add(owner="mia@acme.example")
    world.sync()
    world.edit(item.ref, status=Status.IN_PROGRESS)
    world.sync()
    world.edit(item.ref, status=Status.OPEN)
    world.far.lose_answer("update")
    world.sync()
    later(world)
    moved = [r.told for r in world.store.log([item.ref], action="ticket.changed") if r.told["field"] == "status"]
    assert [(told["before"], told["after"]) for told in moved] == [("open", "in_progress"), ("in_progress", "open")]
    assert "then the ticket was looked at" in moved[-1]["reason"]
    assert world.far.ticket(world.link(item.ref).ref).state.category is Category.NEW
    assert world.sync().plan.operations == ()


class Busy(MemoryTracker):
    """Asks for two pauses of 80 seconds before an update, whose answer it then loses, and which it does after 100."""

    pauses, late = 0, False

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket | None:
        if self.pauses:
            self.pauses -= 1
            raise RateLimited("update: 429", self.far_side.now() + timedelta(seconds=80))
        if self.late:
            self.late = False
            self.far_side.commit_late(100, "update")
        return super().update(ref, patch, seen=seen)


def test_an_update_that_went_out_after_pauses_counts_from_then_and_undoes_no_decision(world: Any) -> None:
    world.wait, world.tracker = 120, Busy("eng", far_side=world.far)
    item = world.add(owner="mia@acme.example")
    for pause in (0, 0, 600):
        world.clock.sleep(pause)
        world.sync()
    world.edit(item.ref, owner="tom@acme.example")
    world.tracker.pauses, world.tracker.late = 2, True
    world.sync()
    world.clock.sleep(5)
    world.edit(item.ref, owner="mia@acme.example")
    for _ in range(6):
        world.sync()
        world.clock.sleep(60)
    assert (world.item(item.ref).owner, world.ticket(item.ref).assignee) == ("mia@acme.example", "mia")
