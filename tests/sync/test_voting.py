"""Decisions in comments: every role, relation and way in which a comment may not be what it seems."""

import itertools
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from state import acceptances
from state.acceptance import AcceptancePolicy, AcceptanceState, Authorities, Channel, Decider, Terms
from state.effects import Effects
from state.model import Person, Priority, Status
from state.proof import EvidenceDraft, EvidenceKind
from state.queries import status
from state.ticket import Category
from sync.accepting import find
from tests.sync.test_accepting import IDA, deciding
from tests.sync.test_engine import comes_to_rest
from tests.sync.test_hearing import Counting

ROLES = ("risk owner", "of another priority", "none")
RELATIONS = ("none", "requester", "owner", "assignee", "reporter", "fixer", "editor")
ODD = ("plain", "edited", "deleted", "by a program", "by e-mail", "confined", "not in people", "ours", "of a tracker")
PEOPLE = (
    Person("ruth@acme.example", {"memory": "ruth"}),
    Person("tom@acme.example", {"memory": "tom"}),
    Person("otto@acme.example", {"memory": "otto"}),
)
RUTH = Decider("ruth@acme.example")
TERMS = Terms("switched off in March", date(2027, 2, 1), "an alert", 2, 2)


def policy(role: str) -> AcceptancePolicy:
    priority = {"risk owner": Priority.HIGH, "of another priority": Priority.LOW}.get(role)
    owners = {} if priority is None else {priority: frozenset({"Ruth@acme.example", "counterfoil@acme.example"})}
    return AcceptancePolicy(Authorities(risk_owners=owners), by_comment=True)


def asked(world: Any, *relations: str) -> list[Any]:
    """Items that somebody has asked about, and that Ruth has to do with in one way or none."""
    items = [world.add(owner="ruth@acme.example" if relation == "owner" else None) for relation in relations]
    world.sync()
    for item, relation in zip(items, relations, strict=True):
        ref = world.link(item.ref).ref
        if relation in ("reporter", "assignee"):
            world.far.edit(ref, by="otto", **{relation: "ruth"})
        elif relation == "owner":
            world.far.edit(ref, by="otto", assignee=None)
        elif relation == "fixer":
            piece = EvidenceDraft(EvidenceKind.PULL_REQUEST, "mended", "memory:ruth", world.clock(), item.ref)
            world.store.commit(None, Effects(evidence=[(piece, world.because())]))
        asker = "ruth" if relation == "requester" else "tom"
        world.far.comment(ref, "/accept-risk switched off in March until 2027-02-01", by=asker)
    world.sync()
    for item, relation in zip(items, relations, strict=True):
        who = RUTH if relation == "editor" else Decider("otto@acme.example")
        deciding(world).request(item.ref, replace(TERMS, justification=""), who, world.because())
    return items


def say(world: Any, item: Any, odd: str, words: str = "/approve-risk RA-{n} we can bear it") -> str:
    ref = world.link(item.ref).ref
    stored = world.far.stored(ref)
    number = world.store.ask(acceptances.asked_for, item.ref).ref.removeprefix("RA-").lstrip("0")
    by = {"not in people": "stranger", "ours": "counterfoil-bot"}.get(odd, "ruth")
    id_: str = world.far.comment(ref, words.replace("{n}", number), by=by)
    act = stored.log[-1]
    changes = {
        "by a program": {"by": replace(act.by, bot=True)},
        "by e-mail": {"by_email": True},
        "confined": {"confined": True, "text": ""},
    }
    stored.log[-1] = replace(act, **changes.get(odd, {}))
    if odd == "edited":
        world.far.edit_comment(ref, id_, act.text)
    if odd == "deleted":
        world.far.delete_comment(ref, id_)
    return id_


@pytest.mark.parametrize("role", ROLES)
def test_a_comment_approves_only_as_its_author_s_own_undoubted_word(world: Any, role: str) -> None:
    world.people, world.policy = PEOPLE, policy(role)
    cases = list(itertools.product(RELATIONS, ODD))
    items = asked(world, *(relation for relation, _ in cases))
    for vouches in (True, False):
        world.tracker.caps = replace(world.tracker.caps, vouches=vouches)
        for item, (_, odd) in zip(items, cases, strict=True):
            if (odd == "of a tracker") is not vouches:
                say(world, item, odd)
        world.sync()
    taken = [world.item(item.ref).status is Status.ACCEPTED_AS_RISK for item in items]
    right = ("risk owner", "none", "plain")
    assert [case for case, done in zip(cases, taken, strict=True) if done is not ((role, *case) == right)] == []
    assert len(cases) * len(ROLES) == 189


def test_an_approval_keeps_the_comment_s_id_and_a_hash_of_it_and_names_its_author(world: Any) -> None:
    world.people, world.policy = PEOPLE, policy("risk owner")
    [item] = asked(world, "none")
    id_ = say(world, item, "plain")
    report = world.sync()
    [decision] = find(world.store, item.ref).approvals  # type: ignore[union-attr]
    assert (decision.by, decision.channel, decision.event) == ("ruth@acme.example", Channel.COMMENT, id_)
    assert (len(decision.snapshot), decision.reason) == (64, "we can bear it")
    assert "acceptance" in [o.kind.value for o in report.plan.operations]
    records = [record.told for record in world.store.log([item.ref])]
    [active] = [record for record in records if record["action"] == "acceptance.active"]
    assert (active["actor"]["account"], active["source"]["event"]) == ("ruth", id_)
    world.sync()
    assert world.store.holds(item.ref) == []
    assert world.sync().plan.operations == ()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("/approve-risk RA-99 fine", "does not name RA-000001"),
        ("/approve-risk fine", "does not name RA-000001"),
        ("/approve-risk RA-{n}", "says no reason"),
        ("```\n/approve-risk RA-{n} fine\n```", ""),
        ("I would not /approve-risk RA-{n} this", ""),
    ],
)
def test_a_comment_that_does_not_say_what_it_approves_and_why_approves_nothing(
    world: Any, words: str, why: str
) -> None:
    world.people, world.policy = PEOPLE, policy("risk owner")
    [item] = asked(world, "none")
    say(world, item, "plain", words)
    report = world.sync()
    assert world.item(item.ref).status is Status.OPEN
    assert [why in text for text in report.plan.warnings] == ([True] if why else [])


def test_no_comment_approves_where_that_is_not_allowed(world: Any) -> None:
    world.people, world.policy = PEOPLE, replace(policy("risk owner"), by_comment=False)
    [item] = asked(world, "none")
    say(world, item, "plain")
    world.sync()
    assert world.item(item.ref).status is Status.OPEN


def test_a_comment_refuses_only_as_its_author_s_own_undoubted_word(world: Any) -> None:
    world.people, world.policy = PEOPLE, policy("risk owner")
    cases = [*((relation, "plain") for relation in RELATIONS), *(("none", odd) for odd in ODD[1:-1])]
    items = asked(world, *(relation for relation, _ in cases))
    for item, (_, odd) in zip(items, cases, strict=True):
        say(world, item, odd, "/reject-risk RA-{n} too sensitive")
    report = world.sync()
    states = [find(world.store, item.ref).state for item in items]  # type: ignore[union-attr]
    assert [c for c, s in zip(cases, states, strict=True) if s is AcceptanceState.REJECTED] == [("none", "plain")]
    assert {text.partition(" decides nothing: ")[1] for text in report.plan.warnings} == {" decides nothing: "}


@pytest.mark.parametrize("also", ["", "reopened"])
def test_a_refusal_in_a_comment_opens_the_ticket_once_with_the_reason(world: Any, also: str) -> None:
    world.people, world.policy = PEOPLE, policy("risk owner")
    item = world.add(priority=Priority.HIGH)
    world.sync()
    ref = world.link(item.ref).ref
    world.far.move_to(ref, "Done", "Won't Do", by="tom")
    world.sync()
    id_ = say(world, item, "plain", "/reject-risk RA-{n} too sensitive")
    if also:
        world.far.move_to(ref, "To Do", None, by="ruth")
    world.sync()
    found = find(world.store, item.ref)
    assert found is not None
    [decision] = found.decisions
    assert (found.state, decision.verdict.value, decision.event) == (AcceptanceState.REJECTED, "reject", id_)
    assert (world.item(item.ref).status, world.item(item.ref).claim) == (Status.OPEN, None)
    assert (world.ticket(item.ref).state.category, world.store.holds(item.ref)) == (Category.NEW, [])
    told = [act.text for act in world.far.activity(ref) if "is refused: ruth@acme.example: too sensitive" in act.text]
    assert len(told) == 1
    comes_to_rest(world, 1)


@pytest.mark.parametrize("became", ["edited", "deleted"])
def test_a_decision_stands_and_is_flagged_where_its_comment_is_changed_or_deleted_since(
    world: Any, became: str
) -> None:
    world.people, world.policy = PEOPLE, policy("risk owner")
    world.tracker = Counting("eng", far_side=world.far)
    [item] = asked(world, "none")
    id_ = say(world, item, "plain")
    world.sync()
    assert status(world.store, world.clock().date()).questioned == ()
    ref = world.link(item.ref).ref
    if became == "edited":
        world.far.edit_comment(ref, id_, "I never said that")
    else:
        world.far.delete_comment(ref, id_)
    world.sync()
    [doubt] = status(world.store, world.clock().date()).questioned
    assert (doubt.ref, doubt.by, doubt.event, doubt.became) == ("RA-000001", "ruth@acme.example", id_, became)
    assert world.item(item.ref).status is Status.ACCEPTED_AS_RISK
    records = [record.told for record in world.store.log([item.ref])]
    [noted] = [record for record in records if record["action"] == "acceptance.questioned"]
    assert noted["after"] == {"ref": "RA-000001", "by": "ruth@acme.example", "event": id_, "comment": became}
    world.sync()
    assert world.sync().plan.operations == ()


def test_a_renewal_that_a_comment_approves_after_the_end_leaves_the_old_acceptance_lapsed(world: Any) -> None:
    world.people, world.policy = PEOPLE, policy("risk owner")
    [item] = asked(world, "none")
    court = deciding(world)
    court.approve(item.ref, Terms(""), IDA, world.because())
    world.clock.sleep(70 * 86400)
    court.renew(item.ref, Terms("", date(2027, 4, 1)), Decider("olga@acme.example"), world.because())
    world.clock.sleep(5 * 86400)
    say(world, item, "plain")
    world.sync()
    first, second = world.store.ask(acceptances.of_items, [item.ref])[item.ref]
    assert (first.state, second.state) == (AcceptanceState.LAPSED, AcceptanceState.ACTIVE)
    world.sync()
    assert world.item(item.ref).accepted.ref == second.ref
    comes_to_rest(world, 1)
