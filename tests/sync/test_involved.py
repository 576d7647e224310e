"""Nobody sheds what they have to do with an item: by its group, by handing it on, or by what they wrote."""

from datetime import date
from typing import Any

import pytest

from state.acceptance import Decider, Terms
from state.effects import Because
from state.grouping import Grouping, GroupRule
from state.model import Actor, Agent, ItemDraft, Priority
from state.proof import ResolutionPolicy
from state.store import Batch
from state.ticket import Account, Activity, ActivityKind, Artefact, TicketRef
from sync.accepting import NotDecided
from sync.involved import BY_HAND
from tests.sync.test_accepting import OTTO, RUTH, TERMS, deciding

OLGA = Decider("olga@acme.example")


def refused(world: Any, ref: str, why: str) -> None:
    """Otto may accept the risk of the item, and Ruth may not."""
    court = deciding(world)
    court.request(ref, TERMS, OLGA, world.because())
    with pytest.raises(NotDecided, match=why):
        court.approve(ref, Terms(""), RUTH, world.because())
    court.approve(ref, Terms(""), OTTO, world.because())


def grouped(world: Any) -> tuple[str, str]:
    """The group of an item, and the item; the group has a ticket."""
    draft = ItemDraft("Fix it", source_ref="chk", controls=(), risks=())
    rules = Grouping((GroupRule("check"),))
    world.store.take_in(Batch(added=[(draft, date(2026, 12, 20), Priority.HIGH)], grouping=rules), world.because())
    world.sync()
    [member] = [item for item in world.store.list_items() if item.part_of]
    return member.part_of, member.ref


def closed_by_a_commit(world: Any, ref: TicketRef) -> None:
    world.resolution = ResolutionPolicy()
    change = Artefact("https://code.example/acme/app/commit/c0ffee", "c0ffee", commit="c0ffee", closes=True)
    by = Account("ruth", "Ruth")
    world.far.stored(ref).log.append(
        Activity("ec0", ActivityKind.LINK, by, world.clock(), field="commit", artefact=change)
    )
    world.far.move_to(ref, "Done", "Done", by="ruth")


@pytest.mark.parametrize("relation", ["assignee", "reported it", "author of the fix"])
@pytest.mark.parametrize("left", [False, True])
def test_who_has_to_do_with_the_ticket_that_lists_an_item_is_involved_in_it(
    world: Any, relation: str, left: bool
) -> None:
    group, member = grouped(world)
    ref = world.link(group).ref
    if relation == "author of the fix":
        closed_by_a_commit(world, ref)
    else:
        world.far.edit(ref, **{"reporter" if relation == "reported it" else relation: "ruth"})
    world.sync()
    if left:
        world.edit(member, part_of=None)
    refused(world, member, relation)


def test_who_wrote_the_commit_that_closed_the_ticket_is_an_author_of_the_fix(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    closed_by_a_commit(world, ref)
    world.sync()
    refused(world, item.ref, "author of the fix")


def test_who_handed_an_item_on_stays_involved(world: Any) -> None:
    item = world.add(owner="ruth@acme.example")
    world.edit(item.ref, owner=OLGA.email)
    refused(world, item.ref, "owns or owned")


def test_an_assignee_stays_involved_once_the_item_has_no_ticket_and_another_owner(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.edit(world.link(item.ref).ref, assignee="ruth")
    world.sync()
    world.store.unlink(item.ref, world.because())
    refused(world, item.ref, "is or was the ticket's assignee")


@pytest.mark.parametrize("name", ["ruth", "ruth@acme.example"])
def test_who_filed_an_item_by_hand_reported_it(world: Any, name: str) -> None:
    draft = (ItemDraft("Close the port", controls=(), risks=()), date(2026, 12, 20), Priority.HIGH)
    filed = Because(Agent(Actor.HUMAN, "counterfoil", name), reason=BY_HAND)
    [item] = world.store.add_items([draft], filed)
    refused(world, item.ref, "reported it")


def test_who_took_in_a_file_that_tells_of_an_item_did_not_report_it(world: Any) -> None:
    taken = Because(Agent(Actor.HUMAN, "counterfoil", RUTH.email), reason="intake csv gaps.csv")
    draft = (ItemDraft("Close the port", controls=(), risks=()), date(2026, 12, 20), Priority.HIGH)
    [item] = world.store.take_in(Batch(added=[draft]), taken).added
    court = deciding(world)
    court.request(item.ref, TERMS, OLGA, world.because())
    assert RUTH.email in court.able(court.approve(item.ref, Terms(""), OTTO, world.because()), item)
