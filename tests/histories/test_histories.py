"""Random histories: whatever people do on both sides and whatever goes wrong, the engine comes to rest in order.

A slice with a fixed seed; `make campaign NAME=histories` runs many more, and prints what fails as a program.
"""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from connectors.sandbox.memory import CAPS
from state.model import Authority, Field, Priority
from state.ticket import Patch, Ticket
from tests.histories.machine import Histories
from tests.histories.slate import ServerSlate
from tests.histories.weather import Clock, Far, Kind, Tracker
from tests.postgresql import Server


def examples(many: int) -> settings:
    return settings(
        max_examples=many,
        stateful_step_count=25,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


def test_whatever_happens_it_comes_to_rest() -> None:
    run_state_machine_as_test(Histories, settings=examples(18))


@pytest.mark.postgresql
def test_whatever_happens_it_comes_to_rest_on_a_server_too(postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    slate = ServerSlate(postgresql)
    monkeypatch.setattr(Histories, "slate", slate)
    try:
        run_state_machine_as_test(Histories, settings=examples(3))
    finally:
        slate.close()


def test_a_change_that_the_history_does_not_tell_is_not_told_as_the_reading_of_another_mapping() -> None:
    told = Histories()
    told.start(eng=Kind(), ops=Kind(), items=1)
    told.authority_changes(field=Field.PRIORITY, authority=Authority.TICKET)
    told.sync(full=False, after=0)
    told.edit_ticket(number=0, field="priority", value=2)
    told.sync(full=False, after=0)
    told.edit_ticket(number=0, field="priority", value=3)
    [link] = told.h.there()
    told.h.far(link.ref).stored(link.ref).log.pop()
    told.sync(full=False, after=0)
    told.h.books.balance()
    assert told.world.store.item(link.item).priority is Priority.LOW


def test_a_tracker_of_whole_seconds_does_not_refuse_for_ever_what_it_cannot_tell_apart() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    far = Far(Clock(now, tick=timedelta(0)), Kind(coarse=True))
    tracker = Tracker("eng", far_side=far, caps=CAPS)
    ref = far.open("Ours", body="Asked for", tracker="eng")
    far.edit(ref, body="Asked for, and more")
    [there] = tracker.fetch([ref])
    assert isinstance(there, Ticket)
    assert there.revision == far.stored(ref).versions[0].revision
    tracker.update(ref, Patch(body="Done"), seen=there.revision)
    assert far.ticket(ref).body == "Done"
