"""What a reading makes of a tracker that repeats itself, tells little, or is changed while it is read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.base import Page
from connectors.errors import Unavailable
from connectors.sandbox.memory import MemoryTracker
from state.effects import Effects
from state.errors import Damaged
from state.lease import this_process
from state.model import HoldKind, Status
from state.ticket import Activity, ActivityKind, Category, Cursor, Draft, Gone, Missing, Ticket, TicketRef
from sync import gather
from sync.engine import Report
from sync.settle import settle
from tests.databases import raw


class Repeating(MemoryTracker):
    """Shows every page of its feed twice."""

    def changes(self, cursor: Cursor | None) -> Iterator[Page]:
        for page in super().changes(cursor):
            yield page
            yield page


class Counting(MemoryTracker):
    """Tells how many comments a ticket has."""

    def _own(self, ticket: Ticket) -> Ticket:
        count = sum(act.kind is ActivityKind.COMMENT for act in self.far_side.activity(ticket.ref))
        return replace(super()._own(ticket), comments=count)


class Interrupted(MemoryTracker):
    """Has something happen right after each direct read."""

    meddle: Callable[[], None] = staticmethod(lambda: None)

    def fetch(
        self, refs: Sequence[TicketRef], *, history: bool = False, known: Mapping[str, str] = {}
    ) -> Iterator[Ticket | Missing]:
        yield from list(super().fetch(refs, history=history, known=known))
        self.meddle()


def test_an_edit_that_the_index_shows_late_is_not_lost_behind_our_own_write(world: Any) -> None:
    world.wait = 120
    edited, other = world.add("Rotate the access keys"), world.add("Encrypt the backup bucket")
    world.sync()
    world.far.lag = timedelta(seconds=100)
    world.clock.sleep(115)
    world.far.move_to(world.link(edited.ref).ref, "In Progress")
    world.edit(other.ref, title="Encrypt the backup bucket of the billing system")
    world.sync()
    world.clock.sleep(10)
    world.sync()
    world.clock.sleep(1000)
    world.sync()
    assert world.item(edited.ref).status is Status.IN_PROGRESS


@pytest.mark.parametrize("stale_feed", [True, False])
@pytest.mark.parametrize("says", ["", "It is still open for the auditor"])
def test_our_own_change_that_is_shown_with_what_was_there_before_it_moves_nothing_back(
    world: Any, stale_feed: bool, says: str
) -> None:
    world.tracker = MemoryTracker("eng", far_side=world.far, caps=replace(world.tracker.caps, stale_feed=stale_feed))
    item = world.add()
    world.sync()
    world.far.lag = timedelta(seconds=100)
    world.clock.sleep(1000)
    world.far.move_to(world.link(item.ref).ref, "Done", "Done")
    world.clock.sleep(101)
    world.sync()
    assert world.item(item.ref).status is Status.RESOLVED
    world.clock.sleep(110)
    world.edit(item.ref, status=Status.OPEN)
    if says:
        world.store.add_comment(item.ref, "olga@acme.example", says, world.because())
    assert world.sync().tally.updated == 1
    for _ in range(3):
        world.clock.sleep(15)
        world.sync()
    assert (world.item(item.ref).status, world.ticket(item.ref).state.category) == (Status.OPEN, Category.NEW)


def test_a_ticket_that_the_feed_shows_twice_is_answered_once(world: Any) -> None:
    world.tracker = Repeating("eng", far_side=world.far, caps=world.tracker.caps)
    item = world.add()
    world.sync()
    world.far.edit(world.link(item.ref).ref, title="nope")
    world.far.move_to(world.link(item.ref).ref, "In Progress")
    report = world.sync()
    assert (report.tally.updated, report.tally.pulled, report.tally.deferred) == (1, 1, 0)
    assert world.ticket(item.ref).title == item.title


def test_a_ticket_put_back_while_we_commented_on_it_is_noticed(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.far.move_to(ref, "In Progress")
    world.sync()
    world.store.add_comment(item.ref, "olga@acme.example", "Please do this before the audit", world.because())
    world.crash = _at("comment.before", lambda: world.far.move_to(ref, "To Do"))
    world.sync()
    world.clock.sleep(300)
    world.sync()
    assert world.item(item.ref).status is Status.OPEN


def test_a_comment_made_while_we_wrote_is_heard_although_the_tracker_does_not_count_comments(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.edit(item.ref, title="Another title for the same thing")
    world.store.add_comment(item.ref, "olga@acme.example", "Please do this before the audit", world.because())
    world.crash = _at("comment.before", lambda: world.far.comment(ref, "Which tenant?"))
    world.sync()
    world.clock.sleep(300)
    world.sync()
    assert [c.text for c in world.store.comments(item.ref) if c.inbound] == ["Which tenant?"]


def test_a_comment_is_heard_although_one_of_ours_was_deleted_before_we_looked_again(world: Any) -> None:
    world.tracker = Counting("eng", far_side=world.far, caps=world.tracker.caps)
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.store.add_comment(item.ref, "olga@acme.example", "Please do this before the audit", world.because())
    world.sync()
    world.far.comment(ref, "Which tenant?")
    world.far.delete_comment(ref, world.far.activity(ref)[0].id)
    world.sync()
    assert [c.text for c in world.store.comments(item.ref) if c.inbound] == ["Which tenant?"]


def test_an_item_parted_from_its_ticket_while_that_is_read_does_not_stop_the_run(world: Any) -> None:
    world.tracker = Interrupted("eng", far_side=world.far, caps=world.tracker.caps)
    first, second = world.add(), world.add("Encrypt the backup bucket of the billing system")
    world.sync()
    world.far.edit(world.link(second.ref).ref, title="nope")
    world.tracker.meddle = lambda: world.store.unlink(first.ref, world.because("a mistake"))
    world.sync(full=True)
    assert world.ticket(second.ref).title == second.title


def test_a_second_ticket_with_the_same_key_is_held_and_takes_nothing_from_the_first(world: Any) -> None:
    world.tracker = MemoryTracker("eng", far_side=world.far, caps=world.tracker.caps, page_size=1)
    item = world.add()
    world.sync()
    ticket = world.ticket(item.ref)
    world.far.edit(ticket.ref, assignee="tom")
    draft = Draft(ticket.marker, ticket.title, ticket.body, ticket.priority, None, None, tuple(ticket.labels))
    world.far.add("eng", draft)
    world.sync()
    assert [h.kind for h in world.store.holds(item.ref)] == [HoldKind.MANY_TICKETS]
    assert world.item(item.ref).owner == "tom@acme.example"
    world.far.edit(ticket.ref, assignee=None)
    world.far.edit(ticket.ref, assignee="mia")
    world.sync()
    assert world.item(item.ref).owner == "mia@acme.example"


def _at(point: str, act: Callable[[], object]) -> Callable[[str], None]:
    seen: list[str] = []

    def crash(name: str) -> None:
        if name == point and not seen:
            seen.append(name)
            act()

    return crash


def test_a_comment_made_between_our_look_and_our_update_is_heard(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.edit(item.ref, title="Another title for the same thing")
    world.crash = _at("update.before", lambda: world.far.comment(ref, "Which tenant?"))
    world.sync()
    world.clock.sleep(300)
    world.sync()
    assert [c.text for c in world.store.comments(item.ref) if c.inbound] == ["Which tenant?"]


def test_a_ticket_that_shows_only_after_it_was_given_up_is_the_items_however_that_reads_since(world: Any) -> None:
    world.wait = 30
    world.far.lag = timedelta(seconds=100)
    item = world.add("Rotate the access keys of the build account")
    world.far.lose_answer("create")
    world.sync()
    world.clock.sleep(40)
    world.far.fail_next("create", Unavailable("no route"))
    world.sync()
    assert world.store.open_intents(None) == []
    world.edit(item.ref, title="Rotate the keys", description="Of the build account.")
    world.clock.sleep(100)
    world.sync()
    world.sync()
    assert (world.link(item.ref).ref.id, world.store.holds(None)) == ("1", [])
    assert [t.title for t in world.far.tickets()] == ["Rotate the keys"]


def test_a_ticket_that_shows_only_after_it_was_given_up_is_held_beside_the_second_one(world: Any) -> None:
    """The tracker takes longer to show what it did than was waited for, so another ticket was made."""
    world.wait = 30
    world.far.lag = timedelta(seconds=250)
    item = world.add()
    world.far.lose_answer("create")
    world.sync()
    world.clock.sleep(130)
    world.sync()
    first, second = world.far.tickets()
    assert world.link(item.ref).ref == second.ref
    world.clock.sleep(600)
    world.sync(full=True)
    (hold,) = world.store.holds(item.ref)
    assert hold.kind is HoldKind.MANY_TICKETS
    assert first.ref.key in hold.detail
    assert second.ref.key in hold.detail
    records = world.records()
    world.sync(full=True)
    assert [record.told["action"] for record in world.store.log(since=records)] == ["tracker.read"]


def readings(world: Any) -> list[Any]:
    """What was recorded of the trackers' readings."""
    return [record.told["after"] for record in world.store.log(action="tracker.read")]


def test_what_a_tracker_was_asked_is_recorded_with_what_came_page_by_page(world: Any) -> None:
    items = [world.add(f"Rotate key {number}") for number in range(3)]
    world.sync()
    [first] = readings(world)
    assert (first["query"], first["since"], first["pages"]) == ("label = counterfoil", None, [0])
    assert (first["linked"], first["of_no_item"]) == (3, {"count": 0, "ids": []})
    world.clock.sleep(600)
    world.sync()
    assert len(readings(world)) == 1
    world.far.edit(world.link(items[0].ref).ref, title="Other")
    world.sync()
    later = readings(world)[-1]
    assert (sum(later["pages"]) > 0, later["linked"], later["there"]) == (True, 3, None)
    assert later["since"] is not None


def test_a_quiet_run_records_no_reading_but_the_daily_look_at_which_tickets_are_there(world: Any) -> None:
    world.add()
    world.sync()
    world.clock.sleep(600)
    world.sync()
    before = world.records()
    world.sync()
    assert world.records() == before
    world.clock.sleep(25 * 3600)
    world.sync()
    assert [record.told["action"] for record in world.store.log(since=before)] == ["tracker.read"]
    assert readings(world)[-1]["there"] == [1]


def test_a_full_reading_records_how_many_tickets_it_found_of_those_that_the_feed_told_of_and_of_each_chunk(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "CHUNK", 2)
    items = [world.add(f"Rotate key {number}") for number in range(6)]
    world.sync()
    world.clock.sleep(600)
    world.sync()
    world.sync(full=True)
    assert readings(world)[-1]["there"] == [2, 2, 2]
    world.far.edit(world.link(items[0].ref).ref, title="Other")
    world.far.delete(world.link(items[5].ref).ref, Gone.NOT_FOUND)
    world.sync(full=True)
    told = readings(world)[-1]
    assert (told["there"], told["linked"], told["missing"]) == ([1, 2, 2, 0], 6, [items[5].ref])


def test_a_ticket_that_the_feed_tells_of_and_a_direct_look_does_not_find_is_not_counted_as_found(world: Any) -> None:
    world.tracker = MemoryTracker("eng", far_side=world.far, caps=replace(world.tracker.caps, stale_feed=True))
    items = [world.add(f"Rotate key {number}") for number in range(2)]
    world.sync()
    gone = world.link(items[1].ref).ref
    for item in items:
        world.far.edit(world.link(item.ref).ref, title="Other")
    look = world.tracker.fetch
    world.tracker.fetch = lambda refs, **how: (
        Missing(found.ref, Gone.NOT_FOUND, "404") if found.ref == gone else found for found in look(refs, **how)
    )
    world.sync(full=True)
    assert readings(world)[-1]["there"] == [1]


def audited(world: Any, *, hours: int = 25) -> Report:
    world.clock.sleep(hours * 3_600)
    report: Report = world.sync()
    return report


def test_an_audit_asks_once_for_all_that_are_there(world: Any) -> None:
    for number in range(30):
        world.add(f"Encrypt volume {number}")
    world.sync()
    audited(world)
    asked = world.tracker.requests
    audited(world)
    assert world.tracker.requests - asked == 2
    audited(world, hours=1)
    assert world.tracker.requests - asked == 3


def test_an_audit_finds_a_deleted_ticket_and_holds_it_once_it_was_missed_twice(world: Any) -> None:
    first, second = world.add(), world.add("Encrypt the backup bucket of the billing system")
    world.sync()
    world.far.delete(world.link(first.ref).ref, Gone.NOT_FOUND)
    audited(world)
    assert (world.store.holds(first.ref), world.link(second.ref).missing_since) == ([], None)
    world.sync()
    assert [h.kind for h in world.store.holds(first.ref)] == [HoldKind.GONE]


def test_an_audit_finds_a_ticket_that_is_there_again(world: Any) -> None:
    item, _ = world.add(), world.add("Encrypt the backup bucket of the billing system")
    world.sync()
    ref = world.link(item.ref).ref
    world.far.delete(ref, Gone.HIDDEN)
    audited(world)
    world.sync()
    world.far.restore(ref)
    audited(world)
    assert world.store.holds(item.ref) == []


def test_an_audit_takes_in_what_a_ticket_without_our_label_says(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.far.edit(ref, labels=frozenset())
    world.far.edit(ref, assignee="tom")
    world.sync()
    assert world.item(item.ref).owner is None
    audited(world)
    assert world.item(item.ref).owner == "tom@acme.example"


def test_an_audit_finds_what_the_feed_never_showed(world: Any) -> None:
    item = world.add()
    world.sync()
    feed = world.store.feed("eng")
    world.far.edit(world.link(item.ref).ref, assignee="tom")
    later = Cursor(world.clock.now + timedelta(days=3))
    world.store.commit(None, Effects(feeds=[replace(feed, settled=later, fresh=later, settle_at=None)]))
    world.sync()
    assert world.item(item.ref).owner is None
    audited(world)
    assert world.item(item.ref).owner == "tom@acme.example"


def test_every_ticket_of_an_item_that_has_several_is_named_by_one_hold(world: Any) -> None:
    world.far.lag = timedelta(seconds=250)
    item = world.add()
    for _ in range(3):
        world.far.lose_answer("create")
        world.sync()
        world.clock.sleep(30)
    world.sync()
    assert len(world.far.tickets()) == 4
    world.clock.sleep(600)
    world.sync(full=True)
    (hold,) = world.store.holds(item.ref)
    assert all(ticket.ref.key in hold.detail for ticket in world.far.tickets())
    assert world.sync(full=True).plan.operations == ()
    settle(world.store, hold, "item", world.because("the others are closed"), holder=this_process())
    assert world.sync(full=True).plan.operations == ()


def test_nothing_that_waits_for_a_ticket_that_is_gone_for_months_is_given_up(world: Any) -> None:
    world.add("Rotate the access keys of the build account")
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.far.comment(ref, "Which tenant?")
    world.far.delete(ref, Gone.HIDDEN)
    world.edit(item.ref, title="Enable MFA for root")
    world.store.add_comment(item.ref, "olga@acme.example", "Before the audit, please", world.because())
    for _ in range(5):
        world.clock.sleep(30 * 86_400)
        world.sync()
    assert [hold.kind for hold in world.store.holds()] == [HoldKind.GONE]
    world.far.restore(ref)
    for _ in range(2):
        world.clock.sleep(2 * 86_400)
        world.sync()
    assert (world.store.holds(), world.ticket(item.ref).title) == ([], "Enable MFA for root")
    assert {(c.inbound, c.text) for c in world.store.comments(item.ref)} == {
        (False, "Before the audit, please"),
        (True, "Which tenant?"),
    }
    assert sum("Before the audit" in act.text for act in world.far.activity(ref)) == 1


def test_an_item_that_somebody_took_out_of_the_database_stops_the_run(world: Any) -> None:
    world.add("Rotate the access keys of the build account")
    item = world.add()
    world.sync()
    if "postgresql" in world.url:
        raw(world.url, "ALTER TABLE link DROP CONSTRAINT link_item_fkey")
    raw(world.url, ("DELETE FROM item WHERE ref = ?", (item.ref,)))
    with pytest.raises(Damaged, match=f"{item.ref}: not in the database"):
        world.sync(full=True)


class Mute(MemoryTracker):
    """Does not tell what happened to some of its tickets."""

    mute: frozenset[TicketRef] = frozenset()

    def activity(self, ref: TicketRef, since: datetime) -> list[Activity]:
        if ref in self.mute:
            raise Unavailable(f"{ref.key}: 502")
        return super().activity(ref, since)


@pytest.fixture
def mute(world: Any) -> Any:
    """Three items whose tickets were closed, and a fourth that has none yet."""
    world.tracker = Mute("eng", far_side=world.far)
    refs = [world.add(f"Encrypt volume {n}").ref for n in range(3)]
    world.sync()
    for ref in refs:
        world.far.move_to(world.link(ref).ref, "Done", "Done")
    world.add("Encrypt the last volume")
    return world


def test_a_ticket_that_does_not_tell_what_happened_to_it_stops_no_other_and_is_asked_again(mute: Any) -> None:
    mute.tracker.mute = frozenset({mute.link("AI-000002").ref})
    for _ in range(2):
        report = mute.sync()
        (problem,) = report.plan.problems
        assert "ticket of AI-000002" in problem
        assert report.exit_code == 3
    status = [mute.item(f"AI-00000{n}").status for n in (1, 2, 3)]
    assert status == [Status.RESOLVED, Status.OPEN, Status.RESOLVED]
    assert mute.link("AI-000004").missing_since is None
    mute.tracker.mute = frozenset()
    assert mute.sync().plan.problems == ()
    assert mute.item("AI-000002").status is Status.RESOLVED


def test_a_tracker_none_of_whose_tickets_tells_what_happened_is_read_again_as_a_whole(mute: Any) -> None:
    mute.tracker.mute = frozenset(mute.link(f"AI-00000{n}").ref for n in (1, 2, 3))
    before = mute.store.feed("eng")
    (problem,) = mute.sync().plan.problems
    assert problem.startswith("eng: ")
    assert mute.store.feed("eng") == before
    mute.tracker.mute = frozenset()
    assert mute.sync().plan.problems == ()
    assert all(mute.item(f"AI-00000{n}").status is Status.RESOLVED for n in (1, 2, 3))
