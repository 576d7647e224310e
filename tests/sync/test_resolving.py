"""What people on our side say about work that is done, and what the next sync makes of it in the ticket."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from connectors.errors import Unavailable
from state import acceptances
from state.acceptance import AcceptanceState, Authorities, Decider, Terms
from state.lease import Holder, this_process
from state.lifecycle import OURS
from state.model import Actor, Agent, Authority, Field, HoldKind, Priority, Status
from state.proof import EvidenceKind
from state.ticket import Category
from sync.accepting import Deciding
from sync.resolving import NotResolved, Resolving
from sync.settle import settle
from tests.sync.test_backing import asking, bring, closed, holds, listed, told
from tests.sync.test_engine import comes_to_rest

__all__ = ["asking"]

OLGA, MIA = "olga@acme.example", "mia@acme.example"


def resolving(world: Any) -> Resolving:
    return Resolving(world.store, world.resolution, world.clock, this_process())


def test_what_is_said_to_be_done_here_and_backed_closes_its_ticket(asking: Any) -> None:
    item = asking.add(priority=Priority.MEDIUM)
    asking.sync()
    bring(asking, item.ref)
    resolving(asking).claim(item.ref, OLGA, asking.because("seen"))
    assert asking.item(item.ref).status is Status.RESOLVED
    asking.sync()
    assert asking.ticket(item.ref).state.category is Category.DONE
    assert (told(asking, item), holds(asking)) == ([], [])
    comes_to_rest(asking, 1)


def test_what_is_proven_here_closes_its_ticket_though_that_has_the_say_over_the_status(asking: Any) -> None:
    asking.authority[Field.STATUS] = Authority.TICKET
    item = asking.add(priority=Priority.MEDIUM)
    asking.sync()
    bring(asking, item.ref)
    resolving(asking).claim(item.ref, OLGA, asking.because("seen"))
    asking.sync()
    assert asking.item(item.ref).status is Status.RESOLVED
    assert asking.ticket(item.ref).state.category is Category.DONE
    comes_to_rest(asking, 1)
    asking.far.move_to(asking.link(item.ref).ref, "In Review")
    asking.sync()
    assert asking.item(item.ref).status is Status.IN_PROGRESS
    comes_to_rest(asking, 1)


def test_a_claim_waits_from_the_first_run_on_though_the_ticket_has_the_say_over_the_status(asking: Any) -> None:
    asking.authority[Field.STATUS] = Authority.TICKET
    item = asking.add(priority=Priority.MEDIUM)
    asking.sync()
    resolving(asking).claim(item.ref, OLGA, asking.because("it is done"))
    asking.store.unlink(item.ref, asking.because("a mistake"))
    asking.sync()
    asking.sync()
    assert (asking.item(item.ref).status, holds(asking)) == (Status.OPEN, [HoldKind.EVIDENCE_MISSING])
    comes_to_rest(asking, 2)


def test_who_refuses_a_claim_that_was_taken_back_leaves_the_item_where_it_is_by_now(asking: Any) -> None:
    item = asking.add(priority=Priority.MEDIUM)
    asking.sync()
    resolving(asking).claim(item.ref, OLGA, asking.because("it is done"))
    asking.sync()
    asking.edit(item.ref, status=Status.OPEN, claim=None)
    [hold] = asking.store.holds(item.ref)
    settle(asking.store, hold, "item", asking.because("it is not"), holder=this_process())
    assert asking.item(item.ref).status is Status.OPEN
    asking.sync()
    assert asking.ticket(item.ref).state.category is Category.NEW
    comes_to_rest(asking, 1)


def test_what_is_said_to_be_done_here_and_not_backed_is_asked_for_in_the_ticket_until_it_is_there(asking: Any) -> None:
    item = asking.add(priority=Priority.MEDIUM)
    asking.sync()
    _, missing = resolving(asking).claim(item.ref, OLGA, asking.because("it is done"))
    assert missing == ("1 piece of evidence asked for, 0 here",)
    claimed = asking.item(item.ref).claim.at
    asking.sync()
    assert asking.ticket(item.ref).state.category is Category.INDETERMINATE
    assert len(told(asking, item)) == 1
    comes_to_rest(asking, 1)
    asking.far.move_to(asking.link(item.ref).ref, "In Review")
    asking.sync()
    assert asking.item(item.ref).claim.by == OLGA
    bring(asking, item.ref)
    asking.sync()
    assert (asking.item(item.ref).resolved_at, holds(asking)) == (claimed, [])
    assert asking.ticket(item.ref).state.category is Category.DONE
    assert "is resolved" in told(asking, item)[0]
    comes_to_rest(asking, 1)


def test_what_is_said_to_be_done_here_is_said_no_more_after_its_days(asking: Any) -> None:
    item = asking.add()
    asking.sync()
    resolving(asking).claim(item.ref, OLGA, asking.because("it is done"))
    asking.sync()
    asking.clock.sleep(15 * 86_400)
    asking.sync()
    assert (asking.item(item.ref).claim, asking.item(item.ref).status) == (None, Status.IN_PROGRESS)
    assert (holds(asking), len(told(asking, item))) == ([], 1)
    comes_to_rest(asking, 1)


def test_what_is_said_to_be_done_before_there_is_a_ticket_is_held_once_and_ends_like_any_claim(asking: Any) -> None:
    item = asking.add(priority=Priority.MEDIUM)
    resolving(asking).claim(item.ref, OLGA, asking.because("it is done"))
    comes_to_rest(asking, 1)
    assert holds(asking) == [HoldKind.EVIDENCE_MISSING]
    asking.clock.sleep(15 * 86_400)
    asking.sync()
    assert (asking.item(item.ref).claim, holds(asking)) == (None, [])
    comes_to_rest(asking, 1)


def test_a_claim_on_an_item_whose_ticket_is_gone_asks_for_no_look_at_it_in_every_run(asking: Any) -> None:
    item = asking.add(priority=Priority.MEDIUM)
    asking.sync()
    ref = asking.link(item.ref).ref
    asking.far.delete(ref)
    resolving(asking).claim(item.ref, OLGA, asking.because("it is done"))
    asking.clock.sleep(15 * 86_400)
    asking.sync()
    asking.sync()
    asking.far.fail_next("fetch", Unavailable("it was looked at"))
    assert asking.sync().plan.problems == ()
    asking.far.restore(ref)
    asking.sync(full=True)
    asking.sync(full=True)
    asking.sync()
    assert (asking.item(item.ref).claim, holds(asking)) == (None, [])


def test_a_review_settles_a_claim_with_the_next_sync(asking: Any) -> None:
    item = closed(asking)
    bring(asking, item.ref)
    asking.sync()
    names = frozenset({OLGA})
    accepted = resolving(asking).accept(item.ref, OLGA, names, asking.because("seen"))
    assert [piece.draft.kind for piece in accepted] == [EvidenceKind.TICKET_SNAPSHOT, EvidenceKind.FILE]
    asking.sync()
    assert asking.item(item.ref).status is Status.RESOLVED
    comes_to_rest(asking, 1)


@pytest.mark.parametrize("when", ["claimed", "resolved"])
@pytest.mark.parametrize("how", ["review", "settle"])
def test_a_refusal_opens_the_ticket_again_once_and_says_why(asking: Any, when: str, how: str) -> None:
    item = closed(asking)
    if when == "resolved":
        bring(asking, item.ref)
        resolving(asking).accept(item.ref, OLGA, frozenset({OLGA}), asking.because("seen"))
        asking.sync()
        assert asking.item(item.ref).status is Status.RESOLVED
    if how == "review":
        resolving(asking).reject(item.ref, OLGA, frozenset({OLGA}), asking.because("the log is of another system"))
    elif when == "resolved":
        return
    else:
        (hold,) = asking.store.holds()
        why = asking.because("the log is of another system")
        settle(asking.store, hold, "item", why, holder=this_process())
    assert (asking.item(item.ref).status, asking.item(item.ref).claim) == (Status.IN_PROGRESS, None)
    asking.sync()
    assert asking.ticket(item.ref).state.category is Category.INDETERMINATE
    (text,) = told(asking, item)
    assert "the log is of another system" in text
    assert holds(asking) == []
    comes_to_rest(asking, 1)
    asking.far.move_to(asking.link(item.ref).ref, "Done", "Done")
    asking.sync()
    assert holds(asking) == [HoldKind.EVIDENCE_MISSING]


@pytest.mark.parametrize("reason", ["Cannot Reproduce", "Duplicate", "Won't Do"])
def test_a_person_may_say_that_a_ticket_closed_for_another_reason_is_done(asking: Any, reason: str) -> None:
    item = asking.add(priority=Priority.LOW)
    asking.sync()
    asking.far.move_to(asking.link(item.ref).ref, "Done", reason)
    asking.sync()
    assert asking.item(item.ref).status is Status.OPEN
    assert len(holds(asking)) == 1
    resolving(asking).claim(item.ref, OLGA, asking.because("it is done"))
    asking.sync()
    assert (asking.item(item.ref).status, holds(asking)) == (Status.RESOLVED, [])
    assert not [r for r in asking.store.log(action="ticket.changed") if '"field":"status"' in r.body]
    comes_to_rest(asking, 1)
    asking.edit(item.ref, status=Status.OPEN)
    asking.sync()
    assert asking.ticket(item.ref).state.category is not Category.DONE
    assert (asking.item(item.ref).status, holds(asking)) == (Status.OPEN, [])
    comes_to_rest(asking, 1)


def test_what_is_resolved_or_not_said_to_be_done_is_refused_in_words(asking: Any) -> None:
    item = asking.add(priority=Priority.LOW)
    with pytest.raises(NotResolved, match="not said to be done"):
        resolving(asking).reject(item.ref, OLGA, frozenset({OLGA}), asking.because("no"))
    resolving(asking).claim(item.ref, OLGA, asking.because("done"))
    with pytest.raises(NotResolved, match="already"):
        resolving(asking).claim(item.ref, OLGA, asking.because("done"))


@pytest.mark.parametrize("how", ["there", "here", "refused"])
def test_what_was_there_before_an_item_was_opened_again_does_not_resolve_it_anew(asking: Any, how: str) -> None:
    item = asking.add(priority=Priority.MEDIUM)
    asking.sync()
    ref = asking.link(item.ref).ref
    first = bring(asking, item.ref, OLGA, sha256="a1")
    resolving(asking).claim(item.ref, OLGA, asking.because("done"))
    asking.sync()
    asking.clock.sleep(60)
    if how == "there":
        asking.far.move_to(ref, "To Do")
    elif how == "here":
        asking.edit(item.ref, status=Status.OPEN)
    else:
        resolving(asking).reject(item.ref, OLGA, frozenset({OLGA}), asking.because("not on that host"))
    asking.sync()
    asking.clock.sleep(60)
    asking.far.move_to(ref, "Done", "Done")
    asking.sync()
    (hold,) = asking.store.holds()
    assert hold.kind is HoldKind.EVIDENCE_MISSING
    assert f"{first.ref} is from before it was opened again on 2026-11-20" in hold.detail
    assert bring(asking, item.ref, OLGA, sha256="a1").ref != first.ref
    asking.sync()
    assert (asking.item(item.ref).status, holds(asking)) == (Status.RESOLVED, [])
    comes_to_rest(asking, 1)


@pytest.mark.parametrize("later", [False, True])
def test_a_claim_that_came_with_a_conflict_names_its_person_and_its_time_once_it_is_settled_for_the_ticket(
    asking: Any, later: bool
) -> None:
    item = asking.add(priority=Priority.MEDIUM)
    asking.sync()
    asking.clock.sleep(60)
    asking.edit(item.ref, status=Status.IN_PROGRESS)
    asking.far.move_to(asking.link(item.ref).ref, "Done", "Done", by="mia")
    at = asking.clock()
    asking.clock.sleep(3600)
    asking.sync()
    (hold,) = asking.store.holds()
    assert hold.kind is HoldKind.CONFLICT
    if later:
        asking.far.comment(asking.link(item.ref).ref, "Is it?", by="tom")
        asking.sync()
    asking.clock.sleep(3600)
    settle(asking.store, hold, "ticket", asking.because("it is done"), holder=this_process())
    asking.sync()
    stored = asking.item(item.ref)
    assert (stored.status, stored.claim.by) == (Status.IN_PROGRESS, "mia")
    assert abs(stored.claim.at - at).total_seconds() < 1
    assert holds(asking) == [HoldKind.EVIDENCE_MISSING]
    bring(asking, item.ref)
    asking.sync()
    assert (asking.item(item.ref).status, asking.item(item.ref).resolved_at) == (Status.RESOLVED, stored.claim.at)
    comes_to_rest(asking, 1)


def records(asking: Any, item: Any, **said: str) -> list[Any]:
    told = [record.told for record in asking.store.log([item.ref])]
    return [each for each in told if all(each[name] == value for name, value in said.items())]


@pytest.mark.parametrize("who", ["here", "bot", "nobody"])
def test_the_record_says_that_who_claimed_it_resolved_it_whoever_closed_the_ticket_or_ran_the_sync(
    asking: Any, who: str
) -> None:
    item = asking.add(priority=Priority.MEDIUM)
    asking.sync()
    if who == "here":
        resolving(asking).claim(item.ref, OLGA, asking.because("done"))
        asking.sync()
    asking.clock.sleep(60)
    ref = asking.link(item.ref).ref
    asking.far.move_to(ref, "Done", "Done", by="tom")
    log = asking.far.stored(ref).log
    log[:] = [] if who == "nobody" else [replace(act, by=replace(act.by, bot=act.by.id == "tom")) for act in log]
    asking.sync()
    bring(asking, item.ref)
    asking.sync()
    (record,) = records(asking, item, field="status", after="resolved")
    actor = record["actor"]
    wanted = {
        "here": ("human", "counterfoil", OLGA),
        "bot": ("bot", "eng", "tom"),
        "nobody": ("unknown", "eng", "unknown"),
    }
    assert (actor["kind"], actor["system"], actor["account"]) == wanted[who]


def test_a_review_and_what_it_resolves_are_one_transaction_as_of_the_claim_by_who_made_it(asking: Any) -> None:
    asking.routes = ()
    item, other = asking.add(), asking.add("Enable MFA for guests", priority=Priority.MEDIUM)
    for each in (item, other):
        resolving(asking).claim(each.ref, MIA, asking.because("done"))
        bring(asking, each.ref, MIA)
    claimed = asking.item(item.ref).claim.at
    asking.clock.sleep(86_400)
    resolving(asking).accept(item.ref, OLGA, frozenset({OLGA}), asking.because("seen"))
    assert (asking.item(item.ref).status, asking.item(item.ref).resolved_at) == (Status.RESOLVED, claimed)
    assert asking.item(other.ref).status is Status.IN_PROGRESS
    (seen,) = records(asking, item, action="evidence.reviewed")
    (done,) = records(asking, item, field="status", after="resolved")
    assert seen["recorded"] == done["recorded"]
    assert "said to be done, and nothing is missing any more: EV-000001" in done["reason"]


def test_what_waits_without_a_ticket_is_settled_item_by_item_and_by_a_run_as_a_whole(asking: Any) -> None:
    asking.routes = ()
    first, second = (asking.add(f"Enable MFA for team {n}", priority=Priority.MEDIUM) for n in (1, 2))
    for item in (first, second):
        resolving(asking).claim(item.ref, MIA, asking.because("done"))
        bring(asking, item.ref, MIA)
    resolving(asking).settle("run-x", [first.ref])
    assert [asking.item(i.ref).status for i in (first, second)] == [Status.RESOLVED, Status.IN_PROGRESS]
    with asking.store.alone(Holder("elsewhere", 1)):
        resolving(asking).settle("run-x")
    assert asking.item(second.ref).status is Status.IN_PROGRESS
    resolving(asking).settle("run-x")
    assert asking.item(second.ref).status is Status.RESOLVED


def test_who_says_it_again_once_all_is_there_resolves_it_as_of_the_first_claim(asking: Any) -> None:
    item = asking.add(priority=Priority.MEDIUM)
    asking.sync()
    resolving(asking).claim(item.ref, MIA, replace(asking.because("done"), agent=Agent(Actor.HUMAN, OURS, MIA, MIA)))
    claimed = asking.item(item.ref).claim.at
    asking.clock.sleep(86_400)
    bring(asking, item.ref, MIA)
    resolving(asking).claim(item.ref, OLGA, asking.because("it is there now"))
    assert asking.item(item.ref).resolved_at == claimed
    (record,) = records(asking, item, field="status", after="resolved")
    assert record["actor"]["account"] == MIA
    assert record["reason"].endswith(f"EV-000001 ({OLGA}: it is there now)")


@pytest.mark.parametrize("how", ["here", "there", "with the ticket that lists it"])
def test_what_is_asked_for_on_an_item_is_withdrawn_with_its_resolution_and_nobody_is_told_of_it(
    world: Any, how: str
) -> None:
    item = listed(world, a=Priority.LOW)[0] if how.startswith("with") else world.add()
    world.sync()
    terms, decider = Terms("switched off in March", date(2027, 1, 1)), Decider(OLGA)
    Deciding(world.store, Authorities(), {}, world.clock).request(item.ref, terms, decider, world.because())
    if how == "here":
        resolving(world).claim(item.ref, OLGA, world.because("it is off"))
    else:
        world.far.move_to(world.link(item.part_of or item.ref).ref, "Done", "Done", by="tom")
    world.sync()
    [asked] = world.store.ask(acceptances.of_items, [item.ref])[item.ref]
    assert (world.item(item.ref).status, asked.state) == (Status.RESOLVED, AcceptanceState.WITHDRAWN)
    assert asked.ended_why == f"{item.ref} is resolved"
    (record,) = records(world, item, action="acceptance.withdrawn")
    assert record["actor"]["account"] == (OLGA if how == "here" else "tom")
    world.clock.sleep(15 * 86_400)
    comes_to_rest(world, 1)
    assert (holds(world), told(world, world.item(item.part_of or item.ref))) == ([], [])
