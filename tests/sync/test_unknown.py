"""Tickets that carry an item's key although nothing is known of them, as an older database was put in place."""

from datetime import date
from typing import Any

import pytest

from state.lease import this_process
from state.model import HoldKind, OperationKind, Status
from state.store import Store
from state.ticket import ActivityKind, Gone
from sync.plan import Plan
from sync.report.book import read
from sync.report.model import Period, Policy
from sync.report.remarks import remarks
from sync.settle import settle
from tests.databases import Databases


@pytest.fixture
def restored(world: Any, databases: Databases) -> Any:
    """A world whose database was put back to what it was before the ticket of AI-000002 was made."""
    world.add("Enable MFA")
    world.sync()
    world.add("Rotate keys")
    world.store.close()
    kept = databases.copy(world.url)
    world.store = Store.open(world.url, clock=world.clock)
    world.sync()
    world.store.close()
    world.store = Store.open(kept, clock=world.clock)
    return world


def test_an_older_database_takes_the_tickets_made_since_and_makes_none_twice(restored: Any) -> None:
    report = restored.sync()
    [operation] = report.plan.operations
    assert (operation.kind, operation.reason) == (
        OperationKind.LINK,
        f"{restored.ticket('AI-000002').ref.key} carries its key",
    )
    assert len(restored.far.tickets()) == 2
    assert restored.ticket("AI-000002").title == "Rotate keys"
    restored.sync()
    assert restored.sync().plan.operations == ()


def put_back(world: Any, kept: str) -> None:
    world.store.close()
    world.url = kept
    world.store = Store.open(kept, clock=world.clock)


def kept(world: Any, databases: Databases) -> str:
    """A copy of the database as it is now."""
    world.store.close()
    copied = databases.copy(world.url)
    world.store = Store.open(world.url, clock=world.clock)
    return copied


def test_a_database_from_before_the_first_sync_takes_the_tickets_made_since(world: Any, databases: Databases) -> None:
    world.add("Enable MFA")
    world.add("Rotate keys")
    copy = kept(world, databases)
    world.sync()
    put_back(world, copy)
    world.sync()
    world.sync()
    assert len(world.far.tickets()) == 2
    assert [world.ticket(ref).title for ref in ("AI-000001", "AI-000002")] == ["Enable MFA", "Rotate keys"]
    assert world.sync().plan.operations == ()


def test_what_people_did_in_such_a_ticket_meanwhile_is_kept(restored: Any) -> None:
    [ref] = [t.ref for t in restored.far.tickets() if t.title == "Rotate keys"]
    restored.far.move_to(ref, "Done", "Done")
    restored.sync()
    restored.sync()
    assert restored.item("AI-000002").status is Status.RESOLVED
    assert len(restored.far.tickets()) == 2


def lost(world: Any, databases: Databases, *titles: str) -> None:
    """Mirror these, and put the database back to before they were added."""
    copy = kept(world, databases)
    for title in titles:
        world.add(title, source_ref=f"S-{title}")
    world.sync()
    put_back(world, copy)
    world.clock.sleep(600)


def at_rest(world: Any) -> None:
    for _ in range(3):
        world.sync()
    assert world.sync().plan.operations == ()


def test_items_taken_in_again_get_their_tickets_back_even_after_a_sync(world: Any, databases: Databases) -> None:
    lost(world, databases, "Enable MFA", "Rotate keys")
    assert [(h.kind, h.item) for h in world.plan().holds] == [
        (HoldKind.UNKNOWN_TICKET, "AI-000001"),
        (HoldKind.UNKNOWN_TICKET, "AI-000002"),
    ]
    report = world.sync()
    assert (report.exit_code, report.tally.held) == (5, 2)
    assert world.sync().tally.held == 0
    for title in ("Enable MFA", "Rotate keys"):
        world.add(title, source_ref=f"S-{title}")
    at_rest(world)
    assert [world.ticket(ref).title for ref in ("AI-000001", "AI-000002")] == ["Enable MFA", "Rotate keys"]
    assert (len(world.far.tickets()), world.store.holds()) == (2, [])


def test_a_report_takes_what_is_said_of_a_lost_items_ticket_for_this_programs(world: Any, databases: Databases) -> None:
    lost(world, databases, "Enable MFA")
    world.sync()
    settle(world.store, world.store.holds()[0], "item", world.because("another one's"), holder=this_process())
    book = read(world.store, Period(date(2026, 11, 1), date(2026, 11, 30)), Policy())
    assert [each.action for each in book.events if each.about == "AI-000001"] == ["hold.opened", "hold.settled"]
    assert book.strange == ()
    assert remarks(book) == []


def test_holds_that_a_sync_opens_and_ends_by_itself_are_in_the_plan(world: Any, databases: Databases) -> None:
    lost(world, databases, "Enable MFA")
    [opened] = world.plan().operations
    assert (opened.kind, opened.item) == (OperationKind.HOLD, "AI-000001")
    assert world.plan().digest != Plan(()).digest
    world.sync(expect=world.plan().digest)
    assert world.plan().operations == ()
    [ticket] = world.far.tickets()
    world.add("Rotate keys", source_ref="S-Rotate keys")
    other = world.add("Enable MFA for all", source_ref="S-Enable MFA for all")
    world.engine().link(other.ref, "eng", ticket.ref.key, holder=this_process(), because=world.because())
    assert (OperationKind.RELEASE, "AI-000001") in [(o.kind, o.item) for o in world.plan().operations]


def test_an_item_does_not_take_the_ticket_of_another_that_had_its_number(world: Any, databases: Databases) -> None:
    lost(world, databases, "Enable MFA", "Rotate keys")
    first, second = (t.ref for t in world.far.tickets())
    world.far.move_to(first, "Done", "Done")
    rotate = world.add("Rotate keys", source_ref="S-Rotate keys")
    enable = world.add("Enable MFA", source_ref="S-Enable MFA")
    at_rest(world)
    assert (world.item(rotate.ref).status, world.item(enable.ref).status) == (Status.OPEN, Status.OPEN)
    assert [(h.kind, h.item) for h in world.store.holds()] == [
        (HoldKind.UNKNOWN_TICKET, rotate.ref),
        (HoldKind.UNKNOWN_TICKET, enable.ref),
    ]
    assert [t.title for t in world.far.tickets()] == ["Enable MFA", "Rotate keys"]
    for ref, ticket in ((rotate.ref, second), (enable.ref, first)):
        world.engine().link(ref, "eng", ticket.key, holder=this_process(), because=world.because())
    at_rest(world)
    assert (world.item(enable.ref).status, world.item(rotate.ref).status) == (Status.RESOLVED, Status.OPEN)
    assert (len(world.far.tickets()), world.ticket(rotate.ref).ref.id) == (2, second.id)


def test_a_ticket_left_alone_is_not_asked_about_again(world: Any, databases: Databases) -> None:
    lost(world, databases, "Enable MFA")
    world.sync()
    [hold] = world.store.holds()
    settle(world.store, hold, "item", world.because("not needed"), holder=this_process())
    at_rest(world)
    world.far.comment(world.far.tickets()[0].ref, "Still needed?")
    at_rest(world)
    other = world.add("Patch hosts")
    at_rest(world)
    assert (world.ticket(other.ref).title, len(world.far.tickets())) == ("Patch hosts", 2)


def test_a_second_ticket_made_since_is_held_beside_the_first(world: Any, databases: Databases) -> None:
    item = world.add("Enable MFA")
    world.sync()
    copy = kept(world, databases)
    world.store.unlink(item.ref, world.because("a fresh start"))
    world.sync()
    put_back(world, copy)
    world.clock.sleep(600)
    at_rest(world)
    [hold] = world.store.holds()
    assert (hold.kind, hold.item) == (HoldKind.MANY_TICKETS, item.ref)
    assert "MEM-1 and MEM-2" in hold.detail


def test_a_ticket_found_again_is_recorded_as_linked_and_not_as_created(restored: Any) -> None:
    report = restored.sync()
    assert (report.tally.created, report.tally.recovered) == (0, 1)
    actions = [r.told["action"] for r in restored.store.log(["AI-000002"])]
    assert ("ticket.linked" in actions, "ticket.created" in actions) == (True, False)


def test_a_comment_sent_since_is_not_said_twice(world: Any, databases: Databases) -> None:
    item = world.add()
    world.sync()
    world.sync()
    world.store.add_comment(item.ref, "olga@acme.example", "Please hurry.", world.because())
    copy = kept(world, databases)
    world.sync()
    put_back(world, copy)
    world.clock.sleep(600)
    world.store.add_comment(item.ref, "olga@acme.example", "It is late.", world.because())
    at_rest(world)
    said = [a.text for a in world.far.activity(world.link(item.ref).ref) if a.kind is ActivityKind.COMMENT]
    assert [text.partition("\n")[0] for text in said] == ["Please hurry.", "It is late."]
    assert all(c.remote_id for c in world.store.comments(item.ref))


def test_another_comment_of_the_same_number_is_said(world: Any, databases: Databases) -> None:
    item = world.add()
    world.sync()
    copy = kept(world, databases)
    world.store.add_comment(item.ref, "olga@acme.example", "Please hurry.", world.because())
    world.sync()
    put_back(world, copy)
    world.clock.sleep(600)
    world.store.add_comment(item.ref, "olga@acme.example", "It is late.", world.because())
    at_rest(world)
    said = [a.text for a in world.far.activity(world.link(item.ref).ref) if a.kind is ActivityKind.COMMENT]
    assert [text.partition("\n")[0] for text in said] == ["Please hurry.", "It is late."]


def test_a_key_that_another_ticket_carries_is_not_planted_again(world: Any, databases: Databases) -> None:
    lost(world, databases, "Enable MFA")
    world.sync()
    [hold] = world.store.holds()
    settle(world.store, hold, "item", world.because("not needed"), holder=this_process())
    [left] = world.far.tickets()
    world.far.move_to(left.ref, "Done", "Done")
    other = world.add("Patch hosts")
    world.far.lose_request("create")
    world.clock.sleep(300)
    for _ in range(4):
        world.sync()
        world.clock.sleep(300)
    assert (world.item(other.ref).status, world.ticket(other.ref).title) == (Status.OPEN, "Patch hosts")
    assert world.far.ticket(left.ref).title == "Enable MFA"
    world.far.comment(left.ref, "Still needed?")
    at_rest(world)
    assert world.store.holds() == []


def link(world: Any, item: str, ticket: str) -> None:
    world.engine().link(item, "eng", ticket, holder=this_process(), because=world.because())


def test_items_that_changed_numbers_get_their_tickets_back_one_by_one(world: Any, databases: Databases) -> None:
    titles = ("Enable MFA", "Rotate keys", "Patch hosts")
    lost(world, databases, *titles)
    there = {t.title: t.ref for t in world.far.tickets()}
    items = [world.add(title, source_ref=f"S-{title}") for title in (*titles[1:], titles[0])]
    at_rest(world)
    for item in items:
        at_rest(world)
        link(world, item.ref, there[item.title].key)
    at_rest(world)
    assert {world.item(i.ref).title: world.link(i.ref).ref for i in items} == there
    assert (len(world.far.tickets()), world.store.holds()) == (3, [])


@pytest.fixture
def crossed(world: Any, databases: Databases) -> Any:
    """A world where AI-000002 waits for the ticket that carries the key of AI-000001, which has its own."""
    lost(world, databases, "Enable MFA", "Rotate keys")
    [_, second] = world.far.tickets()
    for title in ("Rotate keys", "Enable MFA"):
        world.add(title, source_ref=f"S-{title}")
    at_rest(world)
    link(world, "AI-000001", second.ref.key)
    at_rest(world)
    return world


def test_an_item_is_held_for_a_ticket_that_reads_as_it_and_carries_another_key(crossed: Any) -> None:
    told = {h.item: h.detail for h in crossed.store.holds()}
    assert told["AI-000001"].startswith("MEM-1 carries the key of AI-000001, but is about something else")
    assert told["AI-000002"].startswith("MEM-1 reads as AI-000002, but carries another key")
    assert crossed.store.link("AI-000002") is None
    assert len(crossed.far.tickets()) == 2


def test_an_item_whose_ticket_is_said_to_be_none_of_its_own_gets_another(crossed: Any) -> None:
    [hold] = crossed.store.holds("AI-000002")
    settle(crossed.store, hold, "item", crossed.because("another one"), holder=this_process())
    at_rest(crossed)
    assert crossed.ticket("AI-000002").ref.key == "MEM-3"
    [left] = crossed.store.holds()
    assert left.item == "AI-000001"


def test_a_hold_is_over_when_its_ticket_was_not_found_twice(world: Any, databases: Databases) -> None:
    lost(world, databases, "Enable MFA")
    world.sync()
    [ticket] = world.far.tickets()
    [hold] = world.store.holds()
    world.far.delete(ticket.ref)
    assert world.sync().exit_code == 5
    [missed] = world.store.holds()
    assert (missed.id, missed.detail) == (hold.id, f"{hold.detail}; it was not found when it was looked for")
    assert world.sync().exit_code == 0
    other = world.add("Patch hosts")
    at_rest(world)
    assert world.ticket(other.ref).title == "Patch hosts"


def test_a_ticket_that_came_back_is_waited_for_as_before(world: Any, databases: Databases) -> None:
    lost(world, databases, "Enable MFA")
    world.sync()
    [ticket], [hold] = world.far.tickets(), world.store.holds()
    world.far.delete(ticket.ref, Gone.HIDDEN)
    world.sync()
    world.far.restore(ticket.ref)
    world.sync()
    assert world.store.holds() == [hold]
    world.add("Enable MFA", source_ref="S-Enable MFA")
    at_rest(world)
    assert world.link("AI-000001").ref == ticket.ref


def test_an_item_that_is_here_is_not_said_to_be_unknown(world: Any, databases: Databases) -> None:
    item = world.add()
    copy = kept(world, databases)
    world.sync()
    put_back(world, copy)
    world.edit(item.ref, status=Status.RESOLVED)
    world.clock.sleep(600)
    at_rest(world)
    words = "MEM-1 carries the key of AI-000001, which is not linked to it; link the item to it, or leave it alone"
    assert [h.detail for h in world.store.holds()] == [words]
    link(world, item.ref, "MEM-1")
    at_rest(world)
    assert (world.store.holds(), world.link(item.ref).ref.key) == ([], "MEM-1")


def test_a_hold_says_that_its_item_is_here_once_it_is(world: Any, databases: Databases) -> None:
    lost(world, databases, "Enable MFA")
    at_rest(world)
    [before] = world.store.holds()
    world.routes = ()
    world.add("Enable MFA", source_ref="S-Enable MFA")
    at_rest(world)
    [after] = [h for h in world.store.holds() if h.kind is HoldKind.UNKNOWN_TICKET]
    assert (after.id, "knows nothing" in before.detail, "is not linked" in after.detail) == (before.id, True, True)


@pytest.fixture
def overtaken(world: Any, databases: Databases) -> Any:
    """A world whose copy says that a ticket is AI-000001's, which AI-000002 has adopted since."""
    item = world.add("Enable MFA")
    at_rest(world)
    copy = kept(world, databases)
    world.store.unlink(item.ref, world.because("a fresh start"))
    world.add("Rotate keys", source_ref="S")
    link(world, "AI-000002", "MEM-1")
    at_rest(world)
    put_back(world, copy)
    world.clock.sleep(600)
    at_rest(world)
    return world


def test_a_linked_ticket_that_is_another_item_s_since_is_left_alone(overtaken: Any) -> None:
    assert [t.title for t in overtaken.far.tickets()] == ["Rotate keys", "Enable MFA"]
    overtaken.edit("AI-000001", description="More to say.")
    overtaken.add("Rotate keys", source_ref="S")
    at_rest(overtaken)
    assert [t.title for t in overtaken.far.tickets()] == ["Rotate keys", "Enable MFA"]
    assert overtaken.store.link("AI-000002") is None
    kinds = {h.item: h.kind for h in overtaken.store.holds()}
    assert kinds == {"AI-000001": HoldKind.MANY_TICKETS, "AI-000002": HoldKind.UNKNOWN_TICKET}
    overtaken.store.unlink("AI-000001", overtaken.because("it is not"))
    at_rest(overtaken)
    link(overtaken, "AI-000001", "MEM-2")
    at_rest(overtaken)
    assert (overtaken.link("AI-000001").ref.key, overtaken.link("AI-000002").ref.key) == ("MEM-2", "MEM-1")
    assert (overtaken.store.holds(), len(overtaken.far.tickets())) == ([], 2)


def test_a_linked_ticket_that_a_person_keeps_is_written_to_again(overtaken: Any) -> None:
    [hold] = [h for h in overtaken.store.holds() if h.kind is HoldKind.UNKNOWN_TICKET]
    settle(overtaken.store, hold, "item", overtaken.because("it is AI-000001's"), holder=this_process())
    overtaken.edit("AI-000001", description="More to say.")
    at_rest(overtaken)
    assert overtaken.ticket("AI-000001").title == "Enable MFA"


def another(world: Any, item: str) -> None:
    """Part the item from its ticket, and mirror it once more."""
    world.store.unlink(item, world.because("a fresh start"))
    world.sync()


def test_a_ticket_that_took_the_place_of_a_deleted_one_is_the_item_s_again(world: Any, databases: Databases) -> None:
    item = world.add("Enable MFA")
    copy = kept(world, databases)
    world.sync()
    for _ in range(3):
        world.far.delete(world.link(item.ref).ref)
        another(world, item.ref)
    put_back(world, copy)
    world.clock.sleep(600)
    at_rest(world)
    assert [t.ref.key for t in world.far.tickets()] == ["MEM-4"]
    assert (world.link(item.ref).ref.key, world.link(item.ref).generation, world.store.holds()) == ("MEM-4", 4, [])


def test_a_ticket_made_after_another_was_left_alone_is_the_item_s_again(world: Any, databases: Databases) -> None:
    lost(world, databases, "Enable MFA")
    world.sync()
    copy = kept(world, databases)
    [hold] = world.store.holds()
    settle(world.store, hold, "item", world.because("not needed"), holder=this_process())
    item = world.add("Enable MFA", source_ref="S-Enable MFA")
    at_rest(world)
    put_back(world, copy)
    world.clock.sleep(600)
    again = world.add("Enable MFA", source_ref="S-Enable MFA")
    at_rest(world)
    assert (again.ref, len(world.far.tickets())) == (item.ref, 2)
    [one, both] = world.store.holds()
    assert (one.kind, both.kind) == (HoldKind.UNKNOWN_TICKET, HoldKind.MANY_TICKETS)
    assert both.detail.startswith(f"MEM-1, MEM-2 all carry keys of {item.ref}, and none is linked to it")
    link(world, item.ref, "MEM-2")
    settle(world.store, one, "item", world.because("not needed"), holder=this_process())
    at_rest(world)
    assert (world.link(item.ref).ref.key, world.store.holds()) == ("MEM-2", [])
    assert len(world.far.tickets()) == 2


@pytest.mark.parametrize("ended", [False, True])
def test_an_item_is_held_over_all_tickets_that_carry_its_keys(world: Any, databases: Databases, ended: bool) -> None:
    item = world.add("Enable MFA")
    copy = kept(world, databases)
    world.sync()
    another(world, item.ref)
    another(world, item.ref)
    put_back(world, copy)
    world.clock.sleep(600)
    if ended:
        world.edit(item.ref, status=Status.RESOLVED)
    at_rest(world)
    assert (world.store.link(item.ref), len(world.far.tickets())) == (None, 3)
    [hold] = world.store.holds()
    assert (hold.kind, hold.detail[:21]) == (HoldKind.MANY_TICKETS, "MEM-1, MEM-2, MEM-3 a")
    link(world, item.ref, "MEM-3")
    at_rest(world)
    assert world.link(item.ref).generation == 3
    assert (world.link(item.ref).ref.key, len(world.far.tickets()), world.store.holds()) == ("MEM-3", 3, [])


def test_a_linked_item_is_held_over_all_later_tickets(world: Any, databases: Databases) -> None:
    item = world.add("Enable MFA")
    world.sync()
    copy = kept(world, databases)
    another(world, item.ref)
    another(world, item.ref)
    put_back(world, copy)
    world.clock.sleep(600)
    at_rest(world)
    told = [h for h in world.store.holds() if h.kind is HoldKind.MANY_TICKETS]
    assert (told[-1].theirs or "").split() == [t.ref.id for t in world.far.tickets()[1:]]
    assert len(world.far.tickets()) == 3


def test_a_later_ticket_is_not_forgotten_while_an_older_answer_is_waited_for(world: Any, databases: Databases) -> None:
    world.wait = 120
    other = world.add("Rotate keys")
    world.sync()
    item = world.add("Enable MFA")
    world.far.lose_request("create")
    world.sync()
    copy = kept(world, databases)
    for _ in range(3):
        world.clock.sleep(130)
        world.sync()
    world.far.delete(world.link(item.ref).ref)
    another(world, item.ref)
    second = world.link(item.ref).ref
    put_back(world, copy)
    world.wait = 3600
    for _ in range(8):
        world.clock.sleep(600)
        world.far.comment(world.link(other.ref).ref, "Is it done?")
        world.sync()
    assert world.link(item.ref).ref == second
    assert (len(world.far.tickets()), world.store.holds(), world.sync().plan.operations) == (2, [], ())


def test_forgetting_a_deleted_ticket_makes_no_other_beside_one_that_was_told_of(
    world: Any, databases: Databases
) -> None:
    item = world.add("Enable MFA")
    world.sync()
    copy = kept(world, databases)
    world.far.delete(world.link(item.ref).ref)
    another(world, item.ref)
    put_back(world, copy)
    world.clock.sleep(600)
    world.edit(item.ref, title="Enable MFA now")
    for _ in range(3):
        world.sync()
    gone = next(h for h in world.store.holds() if h.kind is HoldKind.GONE)
    settle(world.store, gone, "item", world.because("deleted"), holder=this_process())
    at_rest(world)
    assert [t.ref.key for t in world.far.tickets()] == ["MEM-2"]
    assert [h.kind for h in world.store.holds()] == [HoldKind.MANY_TICKETS]
    link(world, item.ref, "MEM-2")
    at_rest(world)
    assert (world.link(item.ref).ref.key, world.store.holds()) == ("MEM-2", [])
