"""New tickets, several requests of them at once, and those that are there although nothing is known of them."""

import json
from dataclasses import replace
from typing import Any

import pytest

from connectors.sandbox.memory import CAPS, MemoryTracker
from state.lease import this_process
from state.model import HoldKind, OperationKind, Status
from state.store import Store
from state.ticket import ActivityKind
from sync.app.threads import at_once
from sync.settle import settle
from tests.databases import Databases


def many(world: Any, count: int) -> None:
    world.tracker = MemoryTracker("eng", far_side=world.far, caps=replace(CAPS, bulk_create=5, parallel=4))
    world.at_once = at_once
    for number in range(count):
        world.add(f"Encrypt volume {number}")


def test_requests_at_once_make_one_ticket_each_item(world: Any) -> None:
    many(world, 48)
    report = world.sync()
    assert (report.tally.created, len(world.far.tickets())) == (48, 48)
    assert world.sync().plan.operations == ()


def test_a_short_pause_holds_all_requests_back_and_loses_none(world: Any) -> None:
    many(world, 40)
    for _ in range(3):
        world.far.limit_rate(20)
    began = world.clock.now
    report = world.sync()
    assert (report.tally.created, report.tally.deferred, len(world.far.tickets())) == (40, 0, 40)
    assert (world.clock.now - began).total_seconds() < 100


def test_a_long_pause_stops_the_requests_that_have_not_begun(world: Any) -> None:
    many(world, 48)
    world.far.limit_rate(3_000)
    report = world.sync()
    assert report.tally.deferred >= 5
    assert report.tally.created == len(world.far.tickets()) <= 43
    assert world.sync().tally.created == 48 - report.tally.created
    assert len(world.far.tickets()) == 48


def test_an_answer_lost_among_others_stays_open_and_is_found(world: Any) -> None:
    many(world, 48)
    world.far.lose_answer()
    report = world.sync()
    assert (report.tally.created, report.tally.deferred) == (43, 5)
    assert world.sync().tally.recovered == 5
    assert len(world.far.tickets()) == 48


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
    actions = [json.loads(r.body)["action"] for r in restored.store.log(["AI-000002"])]
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
