"""What the tracker in memory adds to the contract: faults that are told apart, and an index that lags."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from connectors.errors import Ambiguous, Denied, RateLimited
from connectors.sandbox.memory import OURS, FarSide, MemoryTracker
from state.ticket import Category, Created, Draft, Gone, Marker, Missing, NotCreated, Patch, TransitionTo


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tracker(clock: Clock) -> MemoryTracker:
    return MemoryTracker(clock=clock)


def draft(number: int = 1, title: str = "Rotate the root key") -> Draft:
    return Draft(Marker(f"{number:026d}", f"AI-{number:06d}"), title, "text", "high", None, None, ("security",))


def test_a_lost_answer_leaves_the_ticket_and_a_lost_request_leaves_nothing(tracker: MemoryTracker) -> None:
    tracker.far_side.lose_answer()
    tracker.far_side.lose_request()
    for number in (1, 2):
        with pytest.raises(Ambiguous):
            list(tracker.create([draft(number)]))
    assert [ticket.marker for ticket in tracker.far_side.tickets()] == [draft(1).marker]


def test_a_late_commit_appears_when_its_time_has_come(tracker: MemoryTracker, clock: Clock) -> None:
    tracker.far_side.commit_late(30)
    with pytest.raises(Ambiguous):
        list(tracker.create([draft()]))
    assert tracker.find([draft().marker], clock()) == []
    clock.tick(31)
    assert [ticket.title for ticket in tracker.find([draft().marker], clock())] == ["Rotate the root key"]


def test_the_index_lags_and_the_direct_read_does_not(tracker: MemoryTracker, clock: Clock) -> None:
    tracker.far_side.lag = timedelta(seconds=60)
    (made,) = tracker.create([draft()])
    assert isinstance(made, Created)
    assert [list(page.tickets) for page in tracker.changes(None)] == [[]]
    assert [type(found).__name__ for found in tracker.fetch([made.ref])] == ["Ticket"]
    clock.tick(61)
    assert [ticket.ref for page in tracker.changes(None) for ticket in page.tickets] == [made.ref]


@pytest.mark.parametrize("why", list(Gone))
def test_the_reasons_for_which_a_ticket_is_gone_are_told_apart(tracker: MemoryTracker, why: Gone) -> None:
    ref = tracker.far_side.open("Made by a person")
    tracker.far_side.delete(ref, why)
    (missing,) = tracker.fetch([ref])
    assert isinstance(missing, Missing)
    assert missing.why is why


def test_refusals_rate_limits_and_denials_are_told_apart(tracker: MemoryTracker, clock: Clock) -> None:
    tracker.far_side.refused["Bad"] = "no such component"
    refused, made = tracker.create([draft(1, "Bad"), draft(2)])
    assert isinstance(refused, NotCreated)
    assert refused.reason == "no such component"
    assert isinstance(made, Created)
    tracker.far_side.limit_rate(90, "fetch")
    with pytest.raises(RateLimited) as limited:
        list(tracker.fetch([made.ref]))
    assert limited.value.retry_at == clock() + timedelta(seconds=90)
    tracker.far_side.denied = True
    with pytest.raises(Denied):
        list(tracker.changes(None))
    assert tracker.check()[0].fatal


def test_what_people_do_is_told_with_their_name(tracker: MemoryTracker, clock: Clock) -> None:
    (made,) = tracker.create([draft()])
    assert isinstance(made, Created)
    far: FarSide = tracker.far_side
    acts: list[Callable[[], object]] = [
        lambda: far.move_to(made.ref, "Done", "Won't Do", by="omar"),
        lambda: far.edit(made.ref, by="mia", title="Rotate it"),
        lambda: tracker.update(made.ref, Patch(state=TransitionTo(Category.NEW)), seen=""),
    ]
    for act in acts:
        clock.tick(1)
        act()
    told = [
        (event.by.id, event.field, event.after) for event in tracker.activity(made.ref, clock.now - timedelta(days=1))
    ]
    assert told == [
        ("omar", "status", "Done"),
        ("omar", "resolution", "Won't Do"),
        ("mia", "title", "Rotate it"),
        (OURS, "status", "To Do"),
        (OURS, "resolution", None),
    ]


def test_a_second_object_sees_the_same_world_under_its_own_name(tracker: MemoryTracker) -> None:
    ref = tracker.far_side.open("Made by a person", labels=frozenset({"counterfoil"}))
    again = MemoryTracker("again", far_side=tracker.far_side)
    (page,) = again.changes(None)
    assert [(ticket.ref.tracker, ticket.ref.id) for ticket in page.tickets] == [("again", ref.id)]
    assert (tracker.requests, again.requests) == (0, 1)
