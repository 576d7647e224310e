"""Risks that are to be lived with: asked for in a ticket, decided here, and over when they are over."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from state import acceptances, risks
from state.acceptance import Acceptance, AcceptanceState, Authorities, Decider, Terms
from state.effects import Effects, Lease
from state.errors import LeaseLost
from state.lease import Holder, this_process
from state.model import HoldKind, Person, Priority, Status
from state.proof import EvidenceDraft, EvidenceKind
from state.register import Risk, Treatment
from state.store import Store
from state.ticket import ActivityKind, Category, Gone
from sync.accepting import Deciding, NotDecided, find

PEOPLE = [Person(f"{name}@acme.example", {"memory": name}, name) for name in ("ruth", "otto", "ida")]
RUTH, OTTO, IDA = [Decider(each.email, each.names) for each in PEOPLE]
OWNERS = Authorities(
    risk_owners=dict.fromkeys(Priority, frozenset({*(each.email for each in PEOPLE), "tom@acme.example"}))
)
TERMS = Terms("switched off in March", date(2027, 2, 15), "an alert on every login", 2, 3)


def deciding(world: Any) -> Deciding:
    return Deciding(world.store, OWNERS, {"eng": "memory"}, world.clock, this_process(), PEOPLE)


def asked(world: Any, by: str = "tom", words: str = "We switch it off in March until 2027-02-15", **said: Any) -> Any:
    item = world.add(**said)
    world.sync()
    ref = world.link(item.ref).ref
    world.far.comment(ref, words, by=by)
    world.far.move_to(ref, "Done", "Won't Do", by=by)
    world.sync()
    return item


def accepted(world: Any, **said: Any) -> Any:
    item = asked(world, **said)
    deciding(world).approve(item.ref, Terms("", None, "an alert", 2, 3), RUTH, world.because("we can bear it"))
    world.sync()
    return item


def the(world: Any, item: Any) -> Acceptance:
    found = find(world.store, item.ref)
    assert found is not None
    return found


def told(world: Any, item: Any) -> list[str]:
    log = world.far.activity(world.link(item.ref).ref)
    return [a.text for a in log if a.kind is ActivityKind.COMMENT and a.by.ours]


def at_rest(world: Any) -> None:
    assert world.sync().plan.operations == ()
    assert world.sync(full=True).plan.operations == ()


def test_a_request_names_the_person_who_closed_the_ticket_with_their_words_and_their_end(world: Any) -> None:
    request = the(world, asked(world))
    assert request.state is AcceptanceState.REQUESTED
    assert (request.requester, request.system) == ("tom@acme.example", "eng")
    assert (request.terms.justification, request.terms.until) == ("We switch it off in March", date(2027, 2, 15))


def test_an_account_that_nobody_here_has_asks_under_its_own_name(world: Any) -> None:
    assert the(world, asked(world, by="stranger")).requester == "memory:stranger"


def test_an_approved_risk_is_accepted_and_its_ticket_stays_closed_and_says_until_when(world: Any) -> None:
    item = accepted(world)
    stored = world.item(item.ref)
    assert (stored.status, stored.accepted.until) == (Status.ACCEPTED_AS_RISK, date(2027, 2, 15))
    ticket = world.ticket(item.ref)
    assert ticket.state.resolution == "Won't Do"
    assert "risk-accepted" in ticket.labels
    assert f"until 2027-02-15, by {the(world, item).ref}" in ticket.body
    assert world.store.holds(None) == []
    at_rest(world)


def test_who_put_the_label_on_asks_and_not_who_moved_the_ticket_since(world: Any) -> None:
    item = world.add()
    world.sync()
    ticket = world.link(item.ref).ref
    world.far.edit(ticket, labels=world.ticket(item.ref).labels | {"risk-accept"}, by="mia")
    world.far.move_to(ticket, "In Progress", by="tom")
    world.sync()
    [hold] = world.store.holds(item.ref)
    assert hold.detail.startswith("Mia put the label risk-accept on MEM-1; a risk is accepted by")
    [asked] = world.store.ask(acceptances.standing)
    assert asked.requester.endswith("mia@acme.example")
    [told] = [r.told for r in world.store.log([item.ref], action="item.changed") if r.told["field"] == "claim"]
    assert (told["actor"]["account"], told["source"]["event"]) == ("mia", asked.event)


def test_a_ticket_that_asked_by_its_label_is_closed_once_its_risk_is_accepted(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.edit(world.link(item.ref).ref, labels=world.ticket(item.ref).labels | {"risk-accept"})
    world.sync()
    [record] = world.store.log([item.ref], action="acceptance.requested")
    assert record.told["reason"] == "MEM-1: marked risk-accept"
    deciding(world).approve(item.ref, TERMS, RUTH, world.because())
    world.sync()
    closed = world.ticket(item.ref).state
    assert (closed.category, closed.resolution) == (Category.DONE, "Won't Do")
    at_rest(world)
    assert [each.state for each in world.store.ask(acceptances.standing)] == [AcceptanceState.ACTIVE]


@pytest.mark.parametrize("stands", [True, False])
def test_a_ticket_that_we_closed_without_knowing_it_asks_for_nothing(world: Any, stands: bool) -> None:
    world.wait = 120
    item = world.add()
    world.sync()
    by = deciding(world)
    by.request(item.ref, TERMS, Decider("tom@acme.example"), world.because())
    by.approve(item.ref, Terms(""), RUTH, world.because())
    world.far.lose_answer("update")
    world.sync()
    if not stands:
        by.revoke(item.ref, "the vendor is back", RUTH, world.because())
    for _ in range(3):
        world.clock.sleep(300)
        world.sync()
    closed = world.ticket(item.ref).state
    assert (closed.category, closed.resolution) == ((Category.DONE, "Won't Do") if stands else (Category.NEW, None))
    assert (world.store.holds(None), world.store.open_intents(None)) == ([], [])
    at_rest(world)


def test_a_lapsed_acceptance_opens_item_and_ticket_once_with_the_reason(world: Any) -> None:
    item = accepted(world)
    world.clock.sleep(90 * 86400)
    planned = world.plan()
    assert [o.kind.value for o in planned.operations] == ["acceptance", "update", "comment"]
    assert world.sync(expect=planned.digest).exit_code == 0
    assert world.item(item.ref).status is Status.OPEN
    assert the(world, item).state is AcceptanceState.LAPSED
    ticket = world.ticket(item.ref)
    assert (ticket.state.category, "risk-accepted" in ticket.labels) == (Category.NEW, False)
    assert (world.item(item.ref).due_date, "overdue since 2026-12-21" in ticket.body) == (item.due_date, True)
    assert [text for text in told(world, item) if "its last day was 2027-02-15" in text] == told(world, item)
    at_rest(world)
    assert len(told(world, item)) == 1


@pytest.mark.parametrize("end", ["lapsed", "revoked", "voided"])
def test_an_acceptance_that_is_over_before_a_sync_told_of_it_opens_the_ticket_too(world: Any, end: str) -> None:
    item = asked(world)
    deciding(world).approve(item.ref, Terms("", None, "an alert", 2, 3), RUTH, world.because("we can bear it"))
    match end:
        case "lapsed":
            world.clock.sleep(90 * 86_400)
        case "revoked":
            deciding(world).revoke(item.ref, "it is used after all", RUTH, world.because("it is used after all"))
        case _:
            world.edit(item.ref, title="Encrypt another bucket")
    world.sync()
    assert the(world, item).state == end
    assert world.store.item(item.ref).status is Status.OPEN
    assert world.ticket(item.ref).state.category is Category.NEW
    at_rest(world)


def test_the_end_is_told_of_once_before_it_comes(world: Any) -> None:
    item = accepted(world)
    world.clock.sleep(80 * 86400)
    world.sync()
    world.clock.sleep(86400)
    at_rest(world)
    [words] = told(world, item)
    assert "accepted until 2027-02-15" in words


@pytest.mark.parametrize("values", [{"priority": Priority.CRITICAL}, {"description": "And the root accounts."}])
def test_a_material_change_voids_an_acceptance_and_both_sides_are_told(world: Any, values: Any) -> None:
    item = accepted(world)
    world.edit(item.ref, **values)
    world.sync()
    assert (world.item(item.ref).status, the(world, item).state) == (Status.OPEN, AcceptanceState.VOIDED)
    assert world.ticket(item.ref).state.category is Category.NEW
    [words] = [text for text in told(world, item) if "is void" in text]
    assert f"is not what was accepted any more: Olga changed its {next(iter(values))}." in words
    at_rest(world)


def test_what_is_not_part_of_what_was_accepted_may_change(world: Any) -> None:
    item = accepted(world)
    world.edit(item.ref, owner="mia@acme.example", due_date=date(2027, 1, 1))
    world.sync()
    assert world.item(item.ref).status is Status.ACCEPTED_AS_RISK
    at_rest(world)


def test_a_refused_request_opens_the_ticket_once_with_the_reason(world: Any) -> None:
    item = asked(world)
    deciding(world).reject(item.ref, "the data is too sensitive", RUTH, world.because())
    world.sync()
    assert world.ticket(item.ref).state.category is Category.NEW
    assert world.item(item.ref).claim is None
    assert [("the data is too sensitive" in text) for text in told(world, item)] == [True]
    at_rest(world)


def test_a_request_that_nobody_answers_is_refused_in_the_end(world: Any) -> None:
    item = asked(world)
    world.clock.sleep(13 * 86400)
    at_rest(world)
    world.clock.sleep(86400)
    planned = world.plan()
    world.sync(expect=planned.digest)
    assert the(world, item).state is AcceptanceState.REJECTED
    assert world.ticket(item.ref).state.category is Category.NEW
    assert "nobody answered within 14 days" in told(world, item)[0]
    assert world.store.holds(None) == []
    at_rest(world)


def test_a_ticket_that_was_out_of_sight_when_its_request_ended_goes_back_once_it_is_seen_again(world: Any) -> None:
    item = asked(world)
    ticket = world.link(item.ref).ref
    world.clock.sleep(14 * 86400)
    world.far.delete(ticket, Gone.HIDDEN)
    world.sync()
    assert the(world, item).state is AcceptanceState.REJECTED
    world.far.restore(ticket)
    world.sync()
    assert world.ticket(item.ref).state.category is Category.NEW
    at_rest(world)


def test_a_request_that_was_made_while_nothing_ran_has_its_whole_time_for_an_answer(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.move_to(world.link(item.ref).ref, "Done", "Won't Do", by="tom")
    world.clock.sleep(40 * 86400)
    world.sync()
    at_rest(world)
    assert the(world, item).state is AcceptanceState.REQUESTED
    world.clock.sleep(14 * 86400)
    world.sync()
    assert the(world, item).state is AcceptanceState.REJECTED


@pytest.mark.parametrize("who", ["mia", ""], ids=["since somebody moved it", "as the mapping reads its state now"])
def test_a_request_is_withdrawn_when_the_ticket_no_longer_asks(world: Any, who: str) -> None:
    world.status = {"acceptance": ("In Review",)}
    item = world.add()
    world.sync()
    ticket = world.link(item.ref).ref
    world.far.move_to(ticket, "In Review", by="tom")
    world.sync()
    if who:
        world.far.move_to(ticket, "To Do", by=who)
    else:
        world.status = {"in_progress": ("In Review",)}
    world.sync()
    assert the(world, item).state is AcceptanceState.WITHDRAWN
    told = [record.told for record in world.store.log([item.ref], action="acceptance.withdrawn")]
    assert [(each["actor"]["account"], bool(each["source"]["event"])) for each in told] == [(who, bool(who))]
    assert told[0]["reason"] == "MEM-1 no longer asks for it"
    assert world.store.holds(None) == []
    at_rest(world)


def test_a_ticket_asks_again_after_it_was_refused(world: Any) -> None:
    item = asked(world)
    deciding(world).reject(item.ref, "no", RUTH, world.because())
    world.sync()
    world.far.move_to(world.link(item.ref).ref, "Done", "Won't Do", by="tom")
    world.sync()
    assert (the(world, item).ref, the(world, item).state) == ("RA-000002", AcceptanceState.REQUESTED)


def test_a_comment_asks_for_acceptance_while_the_ticket_stays_open(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.comment(world.link(item.ref).ref, "/accept-risk The vendor left until 2027-01-31", by="tom")
    world.sync()
    request = the(world, item)
    assert (request.terms.justification, request.terms.until) == ("The vendor left", date(2027, 1, 31))
    assert [h.kind for h in world.store.holds(item.ref)] == [HoldKind.ACCEPTANCE_REQUESTED]
    at_rest(world)
    deciding(world).approve(item.ref, Terms("", None, "an alert", 1, 1), RUTH, world.because())
    world.sync()
    assert world.store.holds(None) == []
    assert world.ticket(item.ref).state.category is Category.DONE


def test_a_ticket_that_is_opened_again_does_not_end_an_acceptance(world: Any) -> None:
    item = accepted(world)
    world.far.move_to(world.link(item.ref).ref, "To Do", by="tom")
    world.sync()
    assert world.item(item.ref).status is Status.ACCEPTED_AS_RISK
    [hold] = world.store.holds(item.ref)
    assert (hold.kind, "accept revoke" in hold.detail) == (HoldKind.CONFLICT, True)


def test_a_label_that_changes_does_not_end_an_acceptance(world: Any) -> None:
    item = accepted(world)
    world.far.edit(world.link(item.ref).ref, labels=world.ticket(item.ref).labels | {"theirs"}, title="Another title")
    world.sync()
    assert world.item(item.ref).status is Status.ACCEPTED_AS_RISK
    at_rest(world)


def test_revoking_opens_item_and_ticket_and_keeps_every_text(world: Any) -> None:
    item = accepted(world)
    before = the(world, item)
    deciding(world).revoke(item.ref, "the vendor is back", OTTO, world.because())
    world.sync()
    after = the(world, item)
    assert (after.state, after.terms, after.decisions[0]) == (
        AcceptanceState.REVOKED,
        before.terms,
        before.decisions[0],
    )
    assert world.item(item.ref).status is Status.OPEN
    assert world.ticket(item.ref).state.category is Category.NEW
    assert "the vendor is back" in told(world, item)[-1]
    at_rest(world)


def test_a_renewal_is_a_new_request_and_the_old_one_stands_until_it_is_approved(world: Any) -> None:
    item = accepted(world)
    old = the(world, item)
    court = deciding(world)
    new = court.renew(old.ref, Terms("", date(2027, 4, 1)), OTTO, world.because())
    assert (new.renewal_of, world.item(item.ref).accepted.ref) == (old.ref, old.ref)
    with pytest.raises(NotDecided, match="asked for it"):
        court.approve(new.ref, Terms(""), OTTO, world.because())
    court.approve(new.ref, Terms(""), RUTH, world.because())
    assert find(world.store, old.ref).state is AcceptanceState.RENEWED  # type: ignore[union-attr]
    world.sync()
    assert "until 2027-04-01" in world.ticket(item.ref).body
    at_rest(world)


def test_an_end_that_has_passed_or_that_renews_nothing_is_not_even_asked_for(world: Any) -> None:
    court, tom = deciding(world), Decider("tom@acme.example")
    item = accepted(world)
    for until, words in ((date(2027, 2, 15), "is not later than 2027-02-15"), (date(2028, 1, 1), "may be accepted")):
        with pytest.raises(NotDecided, match=words):
            court.renew(item.ref, Terms("", until), tom, world.because())
    other = world.add("Close the port")
    with pytest.raises(NotDecided, match="its end 2020-01-01 has passed"):
        court.request(other.ref, Terms("later", date(2020, 1, 1)), tom, world.because())
    court.request(other.ref, Terms("later"), tom, world.because())
    with pytest.raises(NotDecided, match="its end 2020-01-01 has passed"):
        court.request(other.ref, Terms("", date(2020, 1, 1)), tom, world.because())
    world.far.comment(world.link(item.ref).ref, "/accept-risk for less until 2027-01-31", by="tom")
    world.sync()
    with pytest.raises(NotDecided, match="is not later than 2027-02-15"):
        court.approve(item.ref, TERMS, OTTO, world.because())


def test_a_request_to_renew_ends_with_what_is_revoked_and_nothing_asks_any_more(world: Any) -> None:
    item = accepted(world)
    world.far.comment(world.link(item.ref).ref, "/accept-risk for longer until 2027-03-31", by="tom")
    world.sync()
    assert [h.kind for h in world.store.holds(item.ref)] == [HoldKind.ACCEPTANCE_REQUESTED]
    deciding(world).revoke("RA-000001", "the vendor is back", OTTO, world.because())
    renewal = find(world.store, "RA-000002")
    assert renewal is not None
    assert (renewal.state, renewal.ended_why) == ("withdrawn", "RA-000001, which it was to renew, was revoked")
    world.sync()
    assert (world.store.holds(None), world.item(item.ref).status) == ([], Status.OPEN)
    at_rest(world)


def test_critical_risks_take_two_people(world: Any) -> None:
    item = asked(world, priority=Priority.CRITICAL)
    court = deciding(world)
    court.approve(item.ref, Terms("", None, "an alert", 4, 4), RUTH, world.because())
    assert world.item(item.ref).status is Status.OPEN
    assert RUTH.email not in court.able(the(world, item), item)
    with pytest.raises(NotDecided, match="takes another person"):
        court.approve(item.ref, Terms(""), RUTH, world.because())
    with pytest.raises(NotDecided, match="stand as they are"):
        court.approve(item.ref, Terms("", date(2027, 2, 16)), OTTO, world.because())
    court.approve(item.ref, Terms(""), OTTO, world.because())
    assert world.item(item.ref).status is Status.ACCEPTED_AS_RISK
    assert len(the(world, item).approvals) == 2


def test_the_approval_of_somebody_who_is_involved_by_now_does_not_count(world: Any) -> None:
    item = asked(world, priority=Priority.CRITICAL)
    court = deciding(world)
    court.approve(item.ref, Terms("", None, "an alert", 4, 4), RUTH, world.because())
    world.far.edit(world.link(item.ref).ref, reporter="ruth")
    world.sync(full=True)
    court.approve(item.ref, Terms(""), OTTO, world.because())
    assert world.item(item.ref).status is Status.OPEN
    assert court.spent(the(world, item), world.item(item.ref)) == {
        RUTH.email: f"{RUTH.email} reported it, and nobody decides about their own matter"
    }
    court.approve(item.ref, Terms(""), IDA, world.because())
    assert world.item(item.ref).status is Status.ACCEPTED_AS_RISK


@pytest.mark.parametrize("end", [AcceptanceState.LAPSED, AcceptanceState.VOIDED])
def test_an_acceptance_that_was_over_before_anything_ran_is_not_renewed_by_the_next(
    world: Any, end: AcceptanceState
) -> None:
    item = accepted(world)
    if end is AcceptanceState.LAPSED:
        world.clock.sleep(89 * 86400)
    else:
        world.edit(item.ref, description="And the root accounts.")
    court = deciding(world)
    court.request(item.ref, replace(TERMS, until=date(2027, 4, 1)), OTTO, world.because())
    court.approve(item.ref, Terms(""), IDA, world.because())
    first, second = world.store.ask(acceptances.of_items, [item.ref])[item.ref]
    assert (first.state, second.state) == (end, AcceptanceState.ACTIVE)
    [over] = [r.told for r in world.store.log([item.ref], action=f"acceptance.{end.value}")]
    assert (over["actor"]["kind"], over["reason"]) == ("schedule", first.ended_why)
    world.sync()
    assert world.item(item.ref).accepted.ref == second.ref
    at_rest(world)


def overtaken(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever commits next be so late that a run has taken over."""
    commit = Store.commit

    def late(store: Store, held: Lease | None, effects: Effects) -> Any:
        world.clock.sleep(61)
        store.take_lease(Holder("elsewhere", 1), 300)
        return commit(store, held, effects)

    monkeypatch.setattr(Store, "commit", late)


def test_a_decision_that_a_run_overtook_is_not_written(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    item = asked(world)
    overtaken(world, monkeypatch)
    with pytest.raises(LeaseLost):
        deciding(world).approve(item.ref, TERMS, RUTH, world.because())
    assert world.item(item.ref).status is Status.OPEN


def test_nothing_is_approved_for_longer_than_the_priority_allows_or_without_its_terms(world: Any) -> None:
    item = asked(world, words="because")
    court = deciding(world)
    with pytest.raises(
        NotDecided, match=r"no end, .* keeps the risk small meanwhile \(--compensating\), the residual likelihood"
    ):
        court.approve(item.ref, Terms(""), RUTH, world.because())
    with pytest.raises(NotDecided, match="later than a high risk"):
        court.approve(item.ref, Terms("", date(2028, 1, 1), "an alert", 1, 1), RUTH, world.because())
    assert world.item(item.ref).status is Status.OPEN


def test_a_request_that_our_own_account_would_have_made_is_none(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.move_to(world.link(item.ref).ref, "Done", "Won't Do", by="counterfoil-bot")
    world.sync()
    assert world.store.ask(acceptances.standing) == []


def test_where_nobody_can_be_told_everyone_who_touched_the_ticket_is_involved(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.far.comment(ref, "What is this?", by="otto")
    world.sync()
    stored = world.far.stored(ref)
    world.far.move_to(ref, "Done", "Won't Do", by="tom")
    stored.log[:] = [act for act in stored.log if act.kind is ActivityKind.COMMENT]
    world.sync()
    assert the(world, item).requester == "unknown"
    court = deciding(world)
    with pytest.raises(NotDecided, match="had a hand in the request"):
        court.approve(item.ref, TERMS, OTTO, world.because())
    court.approve(item.ref, TERMS, RUTH, world.because())


@pytest.mark.parametrize("role", ["reported", "assignee", "author of the fix"])
def test_who_has_to_do_with_the_ticket_does_not_decide(world: Any, role: str) -> None:
    item = asked(world)
    ref = world.link(item.ref).ref
    if role == "reported":
        world.far.edit(ref, reporter="ruth")
    elif role == "assignee":
        world.far.edit(ref, assignee="ruth")
    else:
        piece = EvidenceDraft(EvidenceKind.PULL_REQUEST, "mended", "memory:ruth", world.clock(), item.ref)
        world.store.commit(None, Effects(evidence=[(piece, world.because())]))
    world.sync()
    with pytest.raises(NotDecided, match=role):
        deciding(world).approve(item.ref, TERMS, RUTH, world.because())


def test_the_risks_of_an_item_are_to_be_scored_again_once_its_acceptance_is_over(world: Any) -> None:
    with world.store.writing() as w:
        risk = Risk("R-0001", "Accounts are taken over", None, Treatment.MITIGATE, "", (), None, w.now, w.now)
        risks.add(w.connection, w.ledger, [risk], world.because())
    accepted(world, risks=("R-0001",))
    assert world.store.ask(risks.one, "R-0001").due_since is None
    world.clock.sleep(90 * 86400)
    world.sync()
    assert "its last day was" in world.store.ask(risks.one, "R-0001").due_why


class Killed(Exception):
    pass


@pytest.mark.parametrize("point", ["pull.before", "pull.after", "update.after", "comment.before", "comment.after"])
@pytest.mark.parametrize("end", ["lapse", "void", "unanswered"])
def test_an_end_that_a_crash_cut_off_is_told_once(world: Any, end: str, point: str) -> None:
    item = asked(world) if end == "unanswered" else accepted(world)
    if end == "void":
        world.edit(item.ref, title="Another thing altogether")
    else:
        world.clock.sleep(90 * 86400)
    left = [point]

    def die(at: str) -> None:
        if left == [at]:
            left.clear()
            raise Killed

    world.crash = die
    with pytest.raises(Killed):
        world.sync()
    world.clock.sleep(3600)
    world.sync()
    world.sync()
    assert world.item(item.ref).status is Status.OPEN
    assert world.ticket(item.ref).state.category is Category.NEW
    assert len(told(world, item)) == 1
    at_rest(world)
