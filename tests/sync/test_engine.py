"""One run after another: what the house plan promises of a run, each rule by name."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from connectors.errors import Ambiguous, Denied, Rejected, Stale, Unavailable
from connectors.sandbox.memory import MemoryTracker
from mapping.rules import Route, Rules
from state.effects import Effects
from state.errors import LeaseHeld, Tampered
from state.lease import Holder, this_process
from state.model import Authority, Field, HoldKind, OperationKind, Priority, Status
from state.ticket import Category, Created, Draft, Gone, NotCreated, Ticket
from sync.engine import ExpectationFailed
from sync.plan import Safety
from sync.settle import Side, Undecidable, settle
from tests.databases import raw, statements


class Killed(BaseException):
    """Stands for the end of the process at one point."""


def kinds(plan: Any) -> list[OperationKind]:
    return [o.kind for o in plan.operations]


def holds(world: Any) -> list[HoldKind]:
    return [h.kind for h in world.store.holds(None)]


def comes_to_rest(world: Any, items: int) -> None:
    """Two runs after faults stop: one ticket per item, no open intent, and the next run writes nothing."""
    for _ in range(2):
        world.clock.sleep(600)
        world.sync()
    records, requests = world.records(), len(world.far.tickets())
    world.clock.sleep(600)
    report = world.sync()
    assert report.plan.operations == ()
    assert world.store.open_intents(None) == []
    assert world.records() == records
    assert len(world.far.tickets()) == requests == items


def test_a_new_item_becomes_one_ticket_and_then_nothing_is_written(world: Any) -> None:
    item = world.add(owner="mia@acme.example")
    report = world.sync()
    assert (report.tally.created, report.exit_code) == (1, 0)
    assert world.ticket(item.ref).title == item.title
    assert world.ticket(item.ref).assignee == "mia"
    comes_to_rest(world, 1)


PAST = {
    "a title": ("UPDATE item SET title = 'Leave it open' WHERE ref = ?", "title of AI-000001 is 'Leave it open'"),
    "a status": ("UPDATE item SET status = 'resolved' WHERE ref = ?", "status of AI-000001 is 'resolved'"),
    "a comment": ("UPDATE comment SET text = 'Never mind' WHERE item = ?", "text of "),
    "a ticket": ("DELETE FROM link WHERE item = ?", "the ticket of AI-000001 is nowhere in the database"),
}


@pytest.mark.parametrize("what", PAST)
def test_what_was_changed_past_the_program_is_not_carried_to_a_ticket(world: Any, what: str) -> None:
    item = world.add()
    world.sync()
    world.clock.sleep(600)
    world.store.add_comment(item.ref, "olga@acme.example", "Patched.", world.because())
    statement, words = PAST[what]
    raw(world.url, (statement, (item.ref,)), "UPDATE item SET dirty = 1")
    shown, records = world.far.tickets(), world.records()
    with pytest.raises(Tampered, match=words):
        world.sync()
    assert (world.far.tickets(), world.records()) == (shown, records)


def test_what_was_changed_past_the_program_is_carried_to_no_adopted_ticket_either(world: Any) -> None:
    item = world.add()
    key = world.far.ticket(world.far.open("Made by hand", tracker="eng")).ref.key
    raw(world.url, ("UPDATE item SET title = 'Leave it open' WHERE ref = ?", (item.ref,)))
    shown, records = world.far.tickets(), world.records()
    with pytest.raises(Tampered, match="title of AI-000001 is 'Leave it open'"):
        world.engine().link(item.ref, "eng", key, holder=this_process(), because=world.because())
    assert (world.far.tickets(), world.records(), world.store.link(item.ref)) == (shown, records, None)


def test_planning_writes_nothing_not_even_cursors(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.edit(world.link(item.ref).ref, title="Something else")
    world.edit(item.ref, description="More to say")
    before = (world.records(), world.store.feed("eng"), world.link(item.ref), world.far.tickets())
    plan = world.plan()
    assert kinds(plan) == [OperationKind.UPDATE]
    assert (world.records(), world.store.feed("eng"), world.link(item.ref), world.far.tickets()) == before


def test_plan_and_sync_agree_on_the_digest_and_another_plan_is_refused(world: Any) -> None:
    world.add("Rotate the root key of the payments account")
    approved = world.plan().digest
    world.add("Encrypt the backup bucket")
    with pytest.raises(ExpectationFailed):
        world.sync(expect=approved)
    assert world.far.tickets() == []
    assert world.sync(expect=world.plan().digest).tally.created == 2


def test_a_change_here_is_pushed_and_only_that(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.edit(world.link(item.ref).ref, labels=frozenset({*world.ticket(item.ref).labels, "theirs"}))
    world.edit(item.ref, title="Enable MFA for every administrator", priority=Priority.CRITICAL)
    report = world.sync()
    assert report.tally.updated == 1
    ticket = world.ticket(item.ref)
    assert (ticket.title, ticket.priority) == ("Enable MFA for every administrator", "Highest")
    assert "theirs" in ticket.labels
    comes_to_rest(world, 1)


def test_started_work_comes_back_with_the_person_who_started_it(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.move_to(world.link(item.ref).ref, "In Progress", by="mia")
    assert world.sync().tally.pulled == 1
    assert world.item(item.ref).status is Status.IN_PROGRESS
    record = next(r for r in world.store.log([item.ref]) if '"field":"status"' in r.body and "in_progress" in r.body)
    assert record.told["actor"]["account"] == "mia"
    comes_to_rest(world, 1)


def test_a_ticket_closed_as_done_resolves_its_item(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.move_to(world.link(item.ref).ref, "Done", "Done")
    report = world.sync()
    assert world.item(item.ref).status is Status.RESOLVED
    assert report.exit_code == 0
    comes_to_rest(world, 1)


def test_wont_do_is_a_request_that_waits_and_never_an_acceptance(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.far.comment(ref, "The system is switched off in March", by="tom")
    world.far.move_to(ref, "Done", "Won't Do", by="tom")
    report = world.sync()
    assert world.item(item.ref).status is Status.OPEN
    claim = world.item(item.ref).claim
    assert (claim.kind, claim.by, claim.text) == ("acceptance_requested", "tom", "The system is switched off in March")
    assert holds(world) == [HoldKind.ACCEPTANCE_REQUESTED]
    assert report.exit_code == 5
    assert world.sync().plan.operations == ()


def test_a_request_that_is_withdrawn_in_the_tracker_ends_its_hold(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.far.move_to(ref, "Done", "Won't Do")
    world.sync()
    world.far.move_to(ref, "To Do")
    world.sync()
    assert holds(world) == []
    assert world.item(item.ref).claim is None
    assert world.item(item.ref).status is Status.OPEN


def test_an_unmapped_resolution_is_a_hold_that_names_the_table_and_no_guess(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.move_to(world.link(item.ref).ref, "Done", "Cannot Reproduce")
    world.sync()
    (hold,) = world.store.holds(None)
    assert hold.kind is HoldKind.UNMAPPED
    assert "[trackers.eng.resolution]" in hold.detail
    assert world.item(item.ref).status is Status.OPEN


def test_a_title_edited_in_the_tracker_is_restored_because_the_item_has_the_say(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.edit(world.link(item.ref).ref, title="nope")
    report = world.sync()
    assert report.tally.updated == 1
    assert world.ticket(item.ref).title == item.title
    comes_to_rest(world, 1)


def test_a_title_that_the_ticket_owns_is_pulled_and_not_pushed_back(world: Any) -> None:
    world.authority[Field.TITLE] = Authority.TICKET
    item = world.add()
    world.sync()
    world.far.edit(world.link(item.ref).ref, title="Enable MFA everywhere")
    world.sync()
    assert world.item(item.ref).title == "Enable MFA everywhere"
    assert world.ticket(item.ref).title == "Enable MFA everywhere"
    comes_to_rest(world, 1)


def test_an_edit_here_of_what_the_ticket_owns_is_undone_and_put_down_to_nobody(world: Any) -> None:
    world.authority[Field.TITLE] = Authority.TICKET
    item = world.add()
    world.sync()
    world.far.edit(world.link(item.ref).ref, title="Enable MFA everywhere")
    world.sync()
    world.edit(item.ref, title="Another title for the same thing")
    world.sync()
    assert world.item(item.ref).title == "Enable MFA everywhere"
    told = [record.told for record in world.store.log([item.ref]) if record.told["field"] == "title"]
    assert [each["actor"]["kind"] for each in told] == ["human", "human", "schedule"]
    assert [bool(each["source"]["event"]) for each in told] == [True, False, False]
    assert "over which the ticket has the say" in told[-1]["reason"]


def test_two_sided_edits_of_a_shared_field_wait_for_a_person(world: Any) -> None:
    world.authority[Field.TITLE] = Authority.BOTH
    item = world.add()
    world.sync()
    world.far.edit(world.link(item.ref).ref, title="Theirs")
    world.edit(item.ref, title="Ours and nothing else")
    report = world.sync()
    assert holds(world) == [HoldKind.CONFLICT]
    assert (report.exit_code, world.item(item.ref).title) == (5, "Ours and nothing else")
    assert world.ticket(item.ref).title == "Theirs"
    assert world.sync().plan.operations == ()


def test_equal_edits_on_both_sides_settle_without_a_write(world: Any) -> None:
    world.authority[Field.TITLE] = Authority.BOTH
    item = world.add()
    world.sync()
    world.far.edit(world.link(item.ref).ref, title="The same words")
    world.edit(item.ref, title="The same words")
    report = world.sync()
    assert report.tally.updated == report.tally.held == 0
    assert world.ticket(item.ref).title == "The same words"


def test_reassignment_in_the_tracker_changes_the_owner_and_an_unknown_account_changes_nothing(world: Any) -> None:
    item = world.add(owner="mia@acme.example")
    world.sync()
    ref = world.link(item.ref).ref
    world.far.edit(ref, assignee="tom")
    world.sync()
    assert world.item(item.ref).owner == "tom@acme.example"
    world.far.edit(ref, assignee="stranger")
    report = world.sync()
    assert world.item(item.ref).owner == "tom@acme.example"
    assert world.ticket(item.ref).assignee == "stranger"
    assert any("stranger" in w for w in report.plan.warnings)
    comes_to_rest(world, 1)


def test_a_person_who_cannot_be_assigned_is_a_warning_once_and_stops_nothing(world: Any) -> None:
    world.far.people = frozenset({"tom"})
    item = world.add(owner="mia@acme.example")
    first = world.sync()
    assert (first.tally.created, first.tally.held, first.exit_code) == (1, 0, 0)
    assert any("mia" in w for w in first.warnings)
    assert world.ticket(item.ref).assignee is None
    world.clock.sleep(300)
    assert world.sync().warnings == ()
    world.edit(item.ref, owner="tom@acme.example")
    world.sync()
    assert world.ticket(item.ref).assignee == "tom"
    world.edit(item.ref, owner="mia@acme.example", title="Another title for the same thing")
    later = world.sync()
    assert len(later.warnings) == 1
    assert world.ticket(item.ref).assignee == "tom"
    assert world.ticket(item.ref).title == "Another title for the same thing"
    assert world.item(item.ref).owner == "mia@acme.example"
    comes_to_rest(world, 1)


def test_a_later_date_in_the_tracker_is_a_request_and_the_original_date_stays(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.edit(world.link(item.ref).ref, due_date=date(2027, 3, 1))
    world.sync()
    assert holds(world) == [HoldKind.DUE_CHANGE]
    assert world.item(item.ref).due_date == item.due_date
    assert world.ticket(item.ref).due_date == date(2027, 3, 1)


def test_an_earlier_date_in_the_tracker_is_put_right(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.edit(world.link(item.ref).ref, due_date=date(2026, 12, 1))
    world.sync()
    assert world.ticket(item.ref).due_date == item.due_date


def test_peoples_comments_come_back_once_with_their_author(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.comment(world.link(item.ref).ref, "Which tenant is meant?", by="mia")
    world.sync()
    world.clock.sleep(300)
    world.sync()
    (comment,) = world.store.comments(item.ref)
    assert (comment.text, comment.inbound, "mia" in comment.author.casefold()) == ("Which tenant is meant?", True, True)


def test_our_comment_goes_out_once_and_does_not_come_back(world: Any) -> None:
    item = world.add()
    world.sync()
    world.store.add_comment(item.ref, "olga@acme.example", "Please do this before the audit", world.because())
    assert world.sync().tally.commented == 1
    world.clock.sleep(300)
    assert world.sync().tally.commented == 0
    there = [a for a in world.far.activity(world.link(item.ref).ref) if a.kind == "comment"]
    assert len(there) == 1
    assert "Please do this before the audit" in there[0].text
    assert len(world.store.comments(item.ref)) == 1


def test_a_removed_block_is_answered_with_one_comment_and_not_overwritten(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.far.edit(ref, body="My own words, thank you.")
    assert world.sync().tally.commented == 1
    assert world.ticket(item.ref).body == "My own words, thank you."
    world.clock.sleep(300)
    assert world.sync().tally.commented == 0
    world.edit(item.ref, description="There is more to it.")
    assert world.sync().tally.commented == 1
    assert world.ticket(item.ref).body == "My own words, thank you."
    comes_to_rest(world, 1)


def test_text_around_the_block_is_left_alone_byte_for_byte(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    body = world.ticket(item.ref).body
    world.far.edit(ref, body=f"Before \r\n{body}\r\n\r\n- [ ] after  ")
    world.edit(item.ref, description="Another description")
    world.sync()
    now = world.ticket(item.ref).body
    assert now.startswith("Before \r\n")
    assert now.endswith("\r\n\r\n- [ ] after  ")
    assert "Another description" in now


def test_a_lost_answer_is_found_by_its_marker_and_never_sent_again(world: Any) -> None:
    world.wait = 120
    item = world.add()
    world.far.lose_answer("create")
    report = world.sync()
    assert (report.tally.created, report.tally.deferred, report.exit_code) == (0, 1, 3)
    world.clock.sleep(10)
    world.sync()
    assert world.link(item.ref).ref == world.far.tickets()[0].ref
    comes_to_rest(world, 1)


def test_a_lost_request_is_sent_again_only_after_two_negative_answers_and_the_wait(world: Any) -> None:
    world.wait = 120
    world.add()
    world.far.lose_request("create")
    world.sync()
    world.clock.sleep(60)
    assert world.sync().tally.created == 0
    world.clock.sleep(61)
    assert world.sync().tally.created == 1
    comes_to_rest(world, 1)


def test_other_items_go_on_while_one_is_in_doubt(world: Any) -> None:
    world.wait = 120
    world.tracker.caps = replace(world.tracker.caps, bulk_create=1)
    world.add("Rotate the access keys of the build account")
    world.far.lose_request("create")
    world.sync()
    world.add("Encrypt the backup bucket of the billing system")
    report = world.sync()
    assert (report.tally.created, report.tally.deferred) == (1, 1)


def test_what_is_young_in_doubt_stays_in_doubt_when_something_older_is_settled(world: Any) -> None:
    world.wait = 120
    world.tracker.caps = replace(world.tracker.caps, bulk_create=1)
    world.add("Rotate the access keys of the build account")
    world.far.lose_request("create")
    world.sync()
    world.clock.sleep(100)
    world.add("Encrypt the backup bucket of the billing system")
    world.far.commit_late(60, "create")
    world.sync()
    world.clock.sleep(25)
    assert world.sync().tally.created == 1
    comes_to_rest(world, 2)


def test_an_item_in_doubt_in_one_tracker_is_not_created_in_another(world: Any) -> None:
    world.wait = 120
    world.add()
    world.far.lose_answer("create")
    world.sync()
    engine = world.engine()
    rules = world.rules()
    other = MemoryTracker("other", clock=world.clock)
    table = replace(rules.trackers["eng"], tracker="other")
    elsewhere = replace(
        engine,
        trackers={"eng": world.tracker, "other": other},
        rules=Rules({**rules.trackers, "other": table}, (Route("other"),), rules.people),
        waits={"eng": 120, "other": 120},
        audit_hours={"eng": 24.0, "other": 24.0},
    )
    assert elsewhere.plan("run-elsewhere", only="other").operations == ()


def test_a_comment_in_doubt_on_a_ticket_that_is_gone_stops_nothing(world: Any) -> None:
    item = world.add()
    world.sync()
    world.store.add_comment(item.ref, "olga@acme.example", "Once", world.because())
    world.far.lose_answer("comment")
    world.sync()
    world.far.delete(world.link(item.ref).ref)
    other = world.add("Encrypt the backup bucket of the billing system")
    assert world.sync().tally.created == 1
    assert {i.item for i in world.store.open_intents(None)} == {item.ref}
    assert world.link(other.ref)


def test_a_tracker_that_drops_our_label_stops_after_the_first_ticket(world: Any) -> None:
    world.tracker.caps = replace(world.tracker.caps, bulk_create=1)
    for n in range(3):
        world.add(f"Encrypt volume {n} of the billing system")
    world.far.labels_are_dropped = True
    report = world.sync()
    assert (report.tally.created, report.exit_code) == (1, 5)
    assert any("label" in p for p in report.problems)


def test_the_label_of_a_repository_that_spells_it_in_capitals_is_ours(world: Any) -> None:
    caps = replace(world.tracker.caps, bulk_create=1)
    world.tracker = Capitals("eng", far_side=world.far, caps=caps)
    for n in range(3):
        world.add(f"Encrypt volume {n} of the billing system")
    report = world.sync()
    assert (report.tally.created, report.problems) == (3, ())


class Capitals(MemoryTracker):
    """Shows each label as a repository has it that began to use it before."""

    def _own(self, ticket: Ticket) -> Ticket:
        return replace(super()._own(ticket), labels=frozenset(label.capitalize() for label in ticket.labels))

    def _created(self, draft: Draft) -> Created | NotCreated:
        made = super()._created(draft)
        return replace(made, ticket=self._own(made.ticket)) if isinstance(made, Created) and made.ticket else made


def test_a_label_that_a_tracker_leaves_out_is_not_recorded_and_somebody_is_told(world: Any) -> None:
    item = world.add()
    world.sync()
    world.labels = ("audit",)
    world.far.labels_are_dropped = True
    report = world.sync(full=True)
    assert report.warnings == (f"{item.ref}: MEM-1 did not take the labels it should have",)
    told = [record.told for record in world.store.log([item.ref])]
    assert [body for body in told if body["action"] == "ticket.changed"] == []
    assert world.sync(full=True).plan.operations == ()


def test_a_ticket_committed_late_is_found_and_not_doubled(world: Any) -> None:
    world.wait = 120
    world.add()
    world.far.commit_late(60, "create")
    world.sync()
    for _ in range(4):
        world.clock.sleep(40)
        world.sync()
    comes_to_rest(world, 1)


def test_a_recovered_ticket_keeps_a_persons_quick_edit_as_their_change(world: Any) -> None:
    world.authority[Field.TITLE] = Authority.TICKET
    item = world.add()
    world.far.lose_answer("create")
    world.sync()
    world.far.edit(world.far.tickets()[0].ref, title="Edited at once")
    world.sync()
    world.sync()
    assert world.item(item.ref).title == "Edited at once"
    assert world.ticket(item.ref).title == "Edited at once"


def test_two_finds_park_the_item_for_a_person(world: Any) -> None:
    item = world.add()
    world.far.lose_answer("create")
    world.sync()
    (ticket,) = world.far.tickets()
    world.make_another(ticket)
    world.sync()
    assert holds(world) == [HoldKind.MANY_TICKETS]
    assert world.store.link(item.ref) is None
    world.clock.sleep(900)
    assert world.sync().tally.created == 0


def test_a_comment_whose_answer_was_lost_is_not_said_twice(world: Any) -> None:
    item = world.add()
    world.sync()
    world.store.add_comment(item.ref, "olga@acme.example", "Once", world.because())
    world.far.lose_answer("comment")
    world.sync()
    comes_to_rest(world, 1)
    assert len([a for a in world.far.activity(world.link(item.ref).ref) if a.kind == "comment"]) == 1


def test_a_failed_reading_is_not_absence(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.fail_next("changes", Unavailable("no route"))
    report = world.sync()
    assert report.exit_code == 3
    assert world.store.holds(None) == []
    assert world.link(item.ref).missing_since is None


def test_a_denied_tracker_stops_and_needs_a_person(world: Any) -> None:
    world.add()
    world.far.fail_next("create", Denied("the token was revoked"))
    report = world.sync()
    assert report.exit_code == 5
    assert any("revoked" in p for p in report.problems)
    assert world.sync().tally.created == 1


@pytest.mark.parametrize("why", [Gone.DELETED, Gone.NOT_FOUND])
def test_gone_needs_two_direct_answers_and_nothing_is_recreated(world: Any, why: Gone) -> None:
    world.add("Rotate the access keys of the build account")
    item = world.add("Encrypt the backup bucket of the billing system")
    world.sync()
    world.far.delete(world.link(item.ref).ref, why)
    world.sync(full=True)
    assert holds(world) == []
    world.sync()
    assert holds(world) == [HoldKind.GONE]
    world.clock.sleep(300)
    assert world.sync().plan.operations == ()
    assert len(world.far.tickets()) == 1


def test_a_ticket_that_is_there_again_ends_the_hold(world: Any) -> None:
    world.add("Rotate the access keys of the build account")
    item = world.add("Encrypt the backup bucket of the billing system")
    world.sync()
    ref = world.link(item.ref).ref
    world.far.delete(ref)
    world.sync(full=True)
    world.sync()
    world.far.restore(ref)
    world.sync(full=True)
    assert holds(world) == []
    assert world.link(item.ref).missing_since is None


def test_a_moved_ticket_keeps_its_link_under_its_new_key(world: Any) -> None:
    item = world.add()
    world.sync()
    before = world.link(item.ref)
    world.far.relocate(before.ref, "OTHER")
    world.sync()
    after = world.link(item.ref)
    assert after.ref == before.ref
    assert after.ref.key != before.ref.key
    assert len(world.far.tickets()) == 1


def test_an_item_that_matches_no_route_is_held_once_and_released_by_a_route(world: Any) -> None:
    routes, world.routes = world.routes, ()
    world.add()
    assert world.sync().exit_code == 5
    assert holds(world) == [HoldKind.NO_ROUTE]
    assert world.sync().plan.operations == ()
    world.routes = routes
    assert world.sync().tally.created == 1
    assert holds(world) == []


def test_a_quiet_run_reads_once_what_waits_for_a_person(world: Any) -> None:
    world.routes = ()
    for number in range(3):
        world.add(f"Rotate key {number}")
    world.sync()
    with statements() as said:
        assert world.sync().waiting == 3
    assert sum("hold.detail" in one for one in said) == 1


def test_a_quiet_run_asks_the_database_nothing_that_it_was_told_already(world: Any) -> None:
    for number in range(3):
        world.add(f"Rotate key {number}")
    for _ in range(3):
        world.sync()
        world.clock.sleep(1000)
    with statements() as said:
        assert world.sync().plan.operations == ()
    assert sum("FROM meta" in one for one in said) == 1
    assert sum("FROM lease" in one for one in said) == 2
    assert [one.split()[0] for one in said if " feed" in one] == ["SELECT", "UPDATE"]
    assert not any(one.startswith("SELECT link.id \n") for one in said)
    assert sum("WHERE item.dirty" in one for one in said) == 1


def test_too_many_creates_are_refused_and_force_is_recorded(world: Any) -> None:
    world.safety = Safety(max_creates=2)
    for n in range(3):
        world.add(f"Encrypt volume {n} of the billing system")
    assert world.plan().refused.name == "max_creates"
    report = world.sync()
    assert (report.exit_code, world.far.tickets()) == (4, [])
    assert world.sync(force="first mirror of the spring audit").tally.created == 3
    assert any("first mirror of the spring audit" in str(r.told) for r in world.store.log())


def test_changes_to_more_than_a_third_of_the_links_are_refused(world: Any) -> None:
    world.safety = Safety(change_share=0.30)
    items = [world.add(f"Encrypt volume {n} of the billing system") for n in range(10)]
    world.sync()
    for item in items[:4]:
        world.far.move_to(world.link(item.ref).ref, "In Progress")
    report = world.sync()
    assert (report.plan.refused.name, report.exit_code) == ("change_share", 4)
    assert all(world.item(i.ref).status is Status.OPEN for i in items)


def test_what_was_ended_here_is_no_reason_to_refuse_a_run(world: Any) -> None:
    world.safety = Safety(change_share=0.30)
    items = [world.add(f"Encrypt volume {n} of the billing system") for n in range(10)]
    world.sync()
    for item in items[:6]:
        world.edit(item.ref, status=Status.RESOLVED)
    for item in items[6:9]:
        world.far.move_to(world.link(item.ref).ref, "In Progress")
    report = world.sync()
    assert (report.plan.refused, report.tally.updated, report.tally.pulled) == (None, 6, 3)


def test_a_tracker_that_shows_none_of_its_tickets_is_refused(world: Any) -> None:
    items = [world.add(f"Encrypt volume {n} of the billing system") for n in range(3)]
    world.sync()
    for item in items:
        world.far.delete(world.link(item.ref).ref, Gone.NOT_FOUND)
    assert world.sync(full=True).plan.refused.name == "empty_tracker"
    assert all(world.link(i.ref).missing_since is None for i in items)


def test_a_second_run_is_told_who_holds_the_lease(world: Any) -> None:
    world.store.take_lease(this_process(), 600)
    with pytest.raises(LeaseHeld):
        world.sync(holder=Holder("elsewhere", 1))


def test_a_run_that_lost_its_lease_writes_nothing_more(world: Any) -> None:
    world.add()

    def steal(point: str) -> None:
        if point == "created.before":
            world.clock.sleep(3600)
            world.store.take_lease(Holder("elsewhere", 1), 600)

    world.crash = steal
    with pytest.raises(Exception, match="lease"):
        world.sync()
    assert world.store.open_intents(None) != []


def test_a_refused_ticket_is_held_and_not_tried_again_until_something_changes(world: Any) -> None:
    item = world.add()
    world.far.fail_next("create", Rejected("Field 'duedate' cannot be set"))
    report = world.sync()
    assert (report.tally.failed, holds(world)) == (1, [HoldKind.REJECTED])
    assert world.sync().plan.operations == ()
    world.edit(item.ref, title="Encrypt the backup bucket")
    assert world.sync().tally.created == 1
    assert holds(world) == []


def test_a_status_with_no_way_there_is_held_and_the_rest_goes_on(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.workflow = {"To Do": Category.NEW, "Done": Category.DONE}
    world.edit(item.ref, status=Status.IN_PROGRESS, title="Another title for the same thing")
    world.sync()
    assert holds(world) == [HoldKind.NO_WAY]
    world.sync()
    assert world.ticket(item.ref).title == "Another title for the same thing"
    comes_to_rest(world, 1)


def test_a_ticket_leaves_a_state_of_the_right_kind_that_is_mapped_as_another_status(world: Any) -> None:
    world.authority[Field.STATUS] = Authority.ITEM
    item = world.add()
    world.sync()
    world.edit(item.ref, status=Status.IN_PROGRESS)
    world.far.move_to(world.link(item.ref).ref, "In Review")
    world.status = {"open": ("To Do", "In Review")}
    world.sync()
    assert world.ticket(item.ref).state.name == "In Progress"
    comes_to_rest(world, 1)


def test_a_changed_mapping_compares_every_link_again(world: Any) -> None:
    items = [world.add(f"Encrypt volume {n} of the billing system") for n in range(3)]
    world.sync()
    world.labels = ("compliance",)
    assert world.sync().tally.updated == 3
    assert all("compliance" in world.ticket(i.ref).labels for i in items)
    comes_to_rest(world, 3)


def test_a_status_that_only_the_mapping_reads_anew_is_put_down_to_nobody(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.move_to(world.link(item.ref).ref, "In Review", by="mia")
    world.sync()
    world.status = {"open": ("To Do", "In Review")}
    world.sync()
    assert world.item(item.ref).status is Status.OPEN
    told = [record.told for record in world.store.log([item.ref], action="item.changed")]
    assert [(each["actor"]["account"], each["actor"]["kind"], each["source"]["event"]) for each in told] == [
        ("mia", "human", "e1"),
        ("", "schedule", ""),
    ]
    assert told[-1]["reason"] == 'MEM-1: its status is read as "open" now'
    comes_to_rest(world, 1)


def test_an_edit_during_our_own_writes_is_seen_later(world: Any) -> None:
    first = world.add("Rotate the access keys of the build account")
    second = world.add("Encrypt the backup bucket of the billing system")
    world.tracker.caps = replace(world.tracker.caps, bulk_create=1)
    seen: list[str] = []

    def meddle(point: str) -> None:
        if point == "created.after" and not seen:
            seen.append(point)
            link = world.store.link(first.ref) or world.store.link(second.ref)
            world.far.move_to(link.ref, "In Progress")

    world.crash = meddle
    world.sync()
    world.clock.sleep(300)
    world.sync()
    statuses = {world.item(first.ref).status, world.item(second.ref).status}
    assert Status.IN_PROGRESS in statuses


def conflict(world: Any, call: str = "update", times: int = 1) -> None:
    """The next writes meet a conflict."""
    for _ in range(times):
        world.far.fail_next(call, Stale("409: somebody was faster"))


def meanwhile(world: Any, happens: Any) -> list[str]:
    """Let something happen just before the next update; the points that the run passes from then on."""
    passed: list[str] = []

    def pass_by(point: str) -> None:
        if point == "update.before" and not passed:
            happens()
        if passed or point == "update.before":
            passed.append(point)

    world.crash = pass_by
    return passed


def test_a_conflict_on_a_ticket_that_reads_as_before_is_written_once_more(world: Any) -> None:
    item = world.add()
    world.sync()
    world.edit(item.ref, title="Enable MFA for everyone")
    conflict(world)
    report = world.sync()
    assert (report.exit_code, report.tally.updated, report.tally.deferred) == (0, 1, 0)
    assert world.ticket(item.ref).title == "Enable MFA for everyone"
    comes_to_rest(world, 1)


def test_a_conflict_that_lasts_is_put_off_and_stops_no_other(world: Any) -> None:
    items = [world.add("Rotate the root keys"), world.add("Encrypt the backups")]
    world.sync()
    for item in items:
        world.edit(item.ref, priority=Priority.LOW)
    conflict(world, times=4)
    report = world.sync()
    assert (report.exit_code, report.tally.updated, report.tally.deferred) == (3, 0, 2)
    conflict(world, times=3)
    report = world.sync()
    assert (report.exit_code, report.tally.updated, report.tally.deferred) == (3, 1, 1)
    assert world.sync().tally.updated == 1


def test_a_comment_that_meets_a_conflict_is_said_once(world: Any) -> None:
    item = world.add()
    world.sync()
    world.store.add_comment(item.ref, "olga", "Please begin", world.because())
    conflict(world, "comment")
    report = world.sync()
    assert (report.exit_code, report.tally.commented, report.tally.deferred) == (0, 1, 0)
    said = [a.text for a in world.far.activity(world.link(item.ref).ref) if a.text]
    assert len(said) == 1
    assert "Please begin" in said[0]
    comes_to_rest(world, 1)


def test_nothing_but_the_approved_plan_is_done_where_a_ticket_moves_meanwhile(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.edit(item.ref, title="Enable MFA for everyone")
    conflict(world)
    meanwhile(world, lambda: world.far.move_to(ref, "Done", "Done"))
    report = world.sync(expect=world.plan().digest)
    assert (report.exit_code, report.tally.deferred) == (3, 1)
    moved = f"{item.ref}: its ticket moved while it was written to; the next sync compares it"
    assert report.problems == (moved,)
    assert world.item(item.ref).status is Status.OPEN
    world.sync()
    assert world.item(item.ref).status is Status.RESOLVED


def test_a_moved_ticket_that_cannot_be_read_again_is_told_and_put_off(world: Any) -> None:
    item = world.add()
    world.sync()
    world.edit(item.ref, title="Enable MFA for everyone")
    conflict(world)
    meanwhile(world, lambda: world.far.fail_next("fetch", Unavailable("no route")))
    report = world.sync()
    assert (report.exit_code, report.tally.updated) == (3, 0)
    assert report.problems[0] == "eng: no route"
    world.edit(item.ref, title="Enable MFA for all of us")
    conflict(world)
    meanwhile(world, lambda: world.far.fail_next("fetch", Denied("401")))
    report = world.sync()
    assert (report.exit_code, report.denied, report.tally.updated) == (5, True, 0)
    assert world.sync().tally.updated == 1


def test_the_brakes_hold_for_what_is_planned_again(world: Any) -> None:
    items = [world.add(f"Rotate key {number}") for number in range(14)]
    world.sync()
    world.safety = Safety(change_share=0.15)
    for item in items[:2]:
        world.edit(item.ref, title=f"{item.title}, and the root key")
    conflict(world, times=2)
    meanwhile(world, lambda: [world.store.unlink(item.ref, world.because()) for item in items[10:]])
    report = world.sync()
    assert (report.exit_code, report.tally.updated, report.tally.deferred) == (3, 0, 2)
    assert report.problems[0] == (
        "change_share: 2 of 10 linked items would change, more than 15% (safety.change_share)"
    )


def test_a_reason_to_go_past_a_brake_holds_for_what_is_planned_again(world: Any) -> None:
    items = [world.add(f"Rotate key {number}") for number in range(12)]
    world.sync()
    world.safety = Safety(change_share=0.2)
    for item in items[:3]:
        world.edit(item.ref, title=f"{item.title}, and the root key")
    conflict(world, times=3)
    report = world.sync(force="they are meant")
    assert (report.exit_code, report.tally.updated, report.problems) == (0, 3, ())
    told = [record.told for record in world.store.log(action="brake.overridden")]
    why = "3 of 12 linked items would change, more than 20% (safety.change_share)"
    assert [(one["reason"], one["after"]) for one in told] == 2 * [("they are meant", why)]


def test_only_tickets_that_moved_are_read_again(world: Any) -> None:
    items = [world.add(f"Rotate key {number}") for number in range(3)]
    world.sync()
    world.clock.sleep(25 * 3_600)
    world.labels = ("new",)
    conflict(world)
    passed = meanwhile(world, lambda: world.far.edit(world.link(items[0].ref).ref, title="By Mia"))
    report = world.sync(force="a new label")
    assert (report.exit_code, report.tally.updated) == (0, 3)
    assert "fetch.before" in passed
    assert not {"changes.before", "survey.before"} & set(passed)


def test_an_open_change_begins_work_and_stays_known_when_something_else_happens(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.far.edit(ref, linked_change_open=True)
    world.far.edit(ref, linked_change_open=True, labels=frozenset({*world.ticket(item.ref).labels, "x"}))
    world.sync()
    assert world.item(item.ref).status is Status.IN_PROGRESS
    world.clock.sleep(300)
    world.far.comment(ref, "Still at it")
    world.sync()
    assert world.item(item.ref).status is Status.IN_PROGRESS
    comes_to_rest(world, 1)


def test_an_item_edited_while_the_run_was_reading_keeps_the_edit(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.move_to(world.link(item.ref).ref, "In Progress")

    def meddle(point: str) -> None:
        if point == "pull.before":
            world.edit(item.ref, title="Edited meanwhile by the officer")

    world.crash = meddle
    assert world.sync().tally.deferred == 1
    world.crash = lambda _: None
    world.sync()
    assert world.item(item.ref).title == "Edited meanwhile by the officer"
    assert world.item(item.ref).status is Status.IN_PROGRESS
    assert world.ticket(item.ref).title == "Edited meanwhile by the officer"


def test_a_short_pause_asked_for_is_kept_and_a_long_one_defers(world: Any) -> None:
    world.add()
    world.far.limit_rate(20, "create")
    assert world.sync().tally.created == 1
    world.add("Encrypt the backup bucket of the billing system")
    world.far.limit_rate(1800, "create")
    report = world.sync()
    assert (report.tally.created, report.tally.deferred, report.exit_code) == (0, 1, 3)
    assert world.sync().tally.created == 1


def test_an_update_in_doubt_is_compared_again(world: Any) -> None:
    item = world.add()
    world.sync()
    world.edit(item.ref, title="Another title for the same thing")
    world.far.fail_next("update", Ambiguous("no answer"), after=True)
    assert world.sync().exit_code == 3
    comes_to_rest(world, 1)
    assert world.ticket(item.ref).title == "Another title for the same thing"


def test_a_resolved_item_without_a_ticket_gets_none(world: Any) -> None:
    item = world.add()
    world.edit(item.ref, status=Status.RESOLVED)
    assert world.sync().plan.operations == ()
    assert world.far.tickets() == []


def test_work_begun_here_before_the_first_sync_shows_in_the_ticket(world: Any) -> None:
    item = world.add()
    world.edit(item.ref, status=Status.IN_PROGRESS)
    world.sync()
    world.sync()
    assert world.ticket(item.ref).state.category is Category.INDETERMINATE
    comes_to_rest(world, 1)


def test_effects_of_a_quiet_run_are_one_request(world: Any) -> None:
    for n in range(120):
        world.add(f"Encrypt volume {n} of the billing system")
    world.sync()
    world.clock.sleep(300)
    world.sync()
    world.clock.sleep(300)
    before = world.tracker.requests
    assert world.sync().plan.operations == ()
    assert world.tracker.requests == before + 1


def test_a_person_can_settle_a_conflict_either_way(world: Any) -> None:
    world.authority[Field.TITLE] = Authority.BOTH
    sides: tuple[tuple[Side, str], ...] = (("item", "Ours and nothing else"), ("ticket", "Theirs"))
    for take, title in sides:
        item = world.add(f"Something to settle for the {take}")
        world.sync()
        world.far.edit(world.link(item.ref).ref, title="Theirs")
        world.edit(item.ref, title="Ours and nothing else")
        world.sync()
        (hold,) = world.store.holds(item.ref)
        settle(world.store, hold, take, world.because("agreed in the meeting"), holder=this_process())
        world.sync()
        assert (world.item(item.ref).title, world.ticket(item.ref).title) == (title, title)
        assert world.store.holds(item.ref) == []


def test_a_duplicate_that_is_declined_opens_its_ticket_again_and_says_why(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.move_to(world.link(item.ref).ref, "Done", "Duplicate", by="tom")
    world.sync()
    (hold,) = world.store.holds(item.ref)
    with pytest.raises(Undecidable, match="a comment there"):
        settle(world.store, hold, "ticket", world.because("fine"), holder=this_process())
    settle(world.store, hold, "item", world.because("the auditors expect it"), holder=this_process())
    world.sync()
    assert world.ticket(item.ref).state.category is Category.NEW
    said = [a.text for a in world.far.activity(world.link(item.ref).ref) if a.kind == "comment"]
    assert len(said) == 1
    assert "the auditors expect it" in said[0]
    comes_to_rest(world, 1)


def test_dirty_wins_over_a_stale_plan(world: Any) -> None:
    item = world.add()
    world.sync()
    world.store.commit(None, Effects(dirty=[item.ref]))
    assert world.sync().plan.operations == ()
    assert len(list(world.store.dirty_items())) == 0


def test_an_update_that_happens_late_is_not_taken_for_a_persons_change(world: Any) -> None:
    world.wait = 120
    item = world.add()
    world.sync()
    world.edit(item.ref, status=Status.IN_PROGRESS)
    world.far.commit_late(55, "update")
    world.sync()
    world.edit(item.ref, status=Status.RESOLVED)
    world.clock.sleep(5)
    world.sync()
    world.clock.sleep(60)
    world.sync()
    comes_to_rest(world, 1)
    assert world.item(item.ref).status is Status.RESOLVED
    assert world.ticket(item.ref).state.category is Category.DONE


def test_comments_for_tickets_that_are_gone_wait_without_stopping_anything(world: Any) -> None:
    items = [world.add(f"Encrypt volume {n} of the billing system") for n in range(3)]
    world.sync()
    for item in items[:2]:
        world.far.delete(world.link(item.ref).ref)
    world.sync(full=True)
    assert world.sync().plan.refused is None
    assert holds(world) == [HoldKind.GONE, HoldKind.GONE]
    for item in items[:2]:
        world.store.add_comment(item.ref, "olga@acme.example", "Where has it gone?", world.because())
    world.clock.sleep(300)
    world.sync()
    requests = world.tracker.requests
    assert world.sync().plan.refused is None
    assert world.tracker.requests == requests + 1


def test_nothing_is_written_to_an_archived_ticket_until_it_is_no_longer_archived(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.far.edit(ref, archived=True)
    world.edit(item.ref, title="Another title for the same thing")
    world.store.add_comment(item.ref, "olga@acme.example", "Please do this before the audit", world.because())
    report = world.sync()
    assert (report.tally.updated, report.tally.commented, holds(world)) == (0, 0, [HoldKind.ARCHIVED])
    world.sync()
    world.far.edit(ref, archived=False)
    world.sync()
    world.sync()
    assert world.ticket(item.ref).title == "Another title for the same thing"
    assert len([a for a in world.far.activity(ref) if a.kind == "comment"]) == 1
    comes_to_rest(world, 1)


def test_a_status_decided_here_answers_the_claim_that_stood_beside_it(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.move_to(world.link(item.ref).ref, "Done", "Won't Do", by="tom")
    world.sync()
    world.edit(item.ref, status=Status.IN_PROGRESS)
    assert world.item(item.ref).claim is None
    world.sync()
    assert holds(world) == []
    comes_to_rest(world, 1)
