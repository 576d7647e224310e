"""New tickets, several requests of them at once, and those that are there although nothing is known of them."""

from dataclasses import replace
from typing import Any

import pytest

from connectors.sandbox.memory import CAPS, MemoryTracker
from state.model import OperationKind, Status
from state.store import Store
from sync.app.threads import at_once
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
        OperationKind.CREATE,
        f"{restored.ticket('AI-000002').ref.key} is its ticket",
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
