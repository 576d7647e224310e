"""The tracker's "done" is a claim: what it is backed by decides, and the ticket is told what is missing."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from connectors.errors import NoWay
from mapping.rules import Route
from state import proofs
from state.acceptance import Terms
from state.grouping import Grouping, GroupRule
from state.lease import this_process
from state.model import Authority, ClaimKind, Field, HoldKind, ItemDraft, OperationKind, Priority, SourceKind, Status
from state.proof import (
    DEMANDS,
    Demand,
    Evidence,
    EvidenceDraft,
    EvidenceKind,
    EvidencePolicy,
    ResolutionPolicy,
    Review,
    Verdict,
)
from state.store import Batch
from state.ticket import ActivityKind, Category
from sync.report.book import read
from sync.report.model import Period, Policy
from sync.report.remarks import remarks
from sync.resolving import Resolving
from tests.sync.test_accepting import OTTO, RUTH, TERMS, deciding
from tests.sync.test_engine import comes_to_rest

POLICY = ResolutionPolicy(reopen_after_days=14)


@pytest.fixture
def asking(world: Any) -> Any:
    world.resolution = POLICY
    return world


def closed(world: Any, resolution: str | None = "Done", by: str = "mia", **said: Any) -> Any:
    """An item whose ticket was just closed, and the sync after that."""
    item = world.add(**said)
    world.sync()
    world.clock.sleep(60)
    world.far.move_to(world.link(item.ref).ref, "Done", resolution, by=by)
    world.clock.sleep(60)
    world.sync()
    return item


def bring(world: Any, ref: str, by: str = "mia@acme.example", **more: Any) -> Evidence:
    draft = EvidenceDraft(EvidenceKind.FILE, "the setting", by, world.clock(), item=ref, name="shot.png", **more)
    with world.store.writing() as w:
        [(evidence, _)] = proofs.add(w.connection, w.ledger, [(draft, world.because())])
    return evidence


def review(world: Any, evidence: Evidence, verdict: Verdict, by: str = "olga@acme.example", why: str = "") -> None:
    with world.store.writing() as w:
        found = Review(verdict, by, world.clock(), why)
        proofs.review(w.connection, w.ledger, evidence, found, world.because(why))


def told(world: Any, item: Any) -> list[str]:
    log = world.far.activity(world.link(item.ref).ref)
    return [a.text for a in log if a.kind is ActivityKind.COMMENT and a.by.ours]


def holds(world: Any) -> list[HoldKind]:
    return [hold.kind for hold in world.store.holds()]


def test_done_without_what_is_asked_for_is_a_claim_with_one_hold_and_one_comment(asking: Any) -> None:
    item = closed(asking)
    stored = asking.item(item.ref)
    assert (stored.status, stored.claim.kind, stored.claim.by) == (Status.IN_PROGRESS, ClaimKind.RESOLVED, "mia")
    (hold,) = asking.store.holds()
    assert hold.kind is HoldKind.EVIDENCE_MISSING
    assert hold.detail == "Mia closed MEM-1 as Done; still missing: 1 piece of evidence asked for, 0 here"
    (text,) = told(asking, item)
    assert "- 1 piece of evidence asked for, 0 here" in text
    assert "/evidence URL what it shows" in text
    assert asking.ticket(item.ref).state.category is Category.DONE
    comes_to_rest(asking, 1)
    assert len(told(asking, item)) == 1


def test_what_is_asked_for_resolves_the_item_at_the_time_of_the_claim_and_nobody_touches_the_ticket(
    asking: Any,
) -> None:
    item = closed(asking)
    claimed = asking.item(item.ref).claim.at
    asking.clock.sleep(86_400)
    evidence = bring(asking, item.ref)
    asking.sync()
    assert "- a review of EV-000002" in told(asking, item)[0]
    assert asking.item(item.ref).status is Status.IN_PROGRESS
    review(asking, evidence, Verdict.ACCEPTED)
    before = asking.ticket(item.ref).state
    report = asking.sync()
    assert [o.kind for o in report.plan.operations] == [
        OperationKind.PULL,
        OperationKind.RELEASE,
        OperationKind.COMMENT,
    ]
    stored = asking.item(item.ref)
    assert (stored.status, stored.claim, stored.resolved_at) == (Status.RESOLVED, None, claimed)
    assert asking.ticket(item.ref).state == before
    assert (holds(asking), len(told(asking, item))) == ([], 1)
    assert "is resolved" in told(asking, item)[0]
    records = [r.told for r in asking.store.log([item.ref])]
    (last,) = [r for r in records if r["field"] == "status" and r["after"] == "resolved"]
    assert (last["actor"]["account"], datetime.fromisoformat(last["at"])) == ("mia", claimed)
    assert last["reason"].endswith("nothing is missing any more: EV-000002")
    comes_to_rest(asking, 1)


def test_what_an_item_was_resolved_by_did_not_change_it_afterwards(asking: Any) -> None:
    item = closed(asking)
    asking.clock.sleep(60)
    review(asking, bring(asking, item.ref), Verdict.ACCEPTED)
    asking.sync()
    bring(asking, item.ref, sha256="b" * 64)
    book = read(asking.store, Period(date(2026, 11, 1), date(2026, 11, 30)), Policy())
    (said,) = (each for each in remarks(book) if each.sort == "changed after it was resolved")
    assert (said.event.action, said.event.said("id")) == ("evidence.added", "EV-000003")


def test_done_with_all_at_hand_resolves_at_once_and_says_nothing(asking: Any) -> None:
    item = asking.add(priority=Priority.MEDIUM)
    asking.sync()
    bring(asking, item.ref)
    asking.far.move_to(asking.link(item.ref).ref, "Done", "Done")
    asking.sync()
    assert (asking.item(item.ref).status, told(asking, item), holds(asking)) == (Status.RESOLVED, [], [])
    comes_to_rest(asking, 1)


def test_what_was_just_brought_is_not_said_in_the_words_of_whoever_brought_it(asking: Any) -> None:
    item = asking.add(priority=Priority.HIGH)
    asking.sync()
    ref = asking.link(item.ref).ref
    asking.far.attach(ref, "a ![x](https://evil.example/p.png) [b](https://evil.example) **c**.pdf", b"%PDF", by="mia")
    asking.far.move_to(ref, "Done", "Done", by="mia")
    asking.sync()
    said = [*told(asking, item), *(hold.detail for hold in asking.store.holds())]
    assert len(said) == 2
    assert all("a review of what was just brought" in text and "evil" not in text for text in said)


@pytest.mark.parametrize("who", ["the one who brought it", "a reviewer who refuses it"])
def test_a_review_by_the_wrong_person_or_a_refusal_resolves_nothing(asking: Any, who: str) -> None:
    item = closed(asking)
    evidence = bring(asking, item.ref)
    if who.startswith("the"):
        review(asking, evidence, Verdict.ACCEPTED, by="mia@acme.example")
    else:
        review(asking, evidence, Verdict.REJECTED, why="another system")
    asking.sync()
    assert asking.item(item.ref).status is Status.IN_PROGRESS
    assert holds(asking) == [HoldKind.EVIDENCE_MISSING]
    comes_to_rest(asking, 1)


def test_after_its_days_the_ticket_is_opened_again_once_with_the_reason_and_a_new_closing_is_a_new_claim(
    asking: Any,
) -> None:
    item = closed(asking)
    asking.clock.sleep(13 * 86_400)
    assert asking.sync().plan.operations == ()
    asking.clock.sleep(2 * 86_400)
    report = asking.sync()
    assert report.tally.updated == 1
    stored = asking.item(item.ref)
    assert (stored.status, stored.claim) == (Status.IN_PROGRESS, None)
    assert asking.ticket(item.ref).state.category is Category.INDETERMINATE
    (text,) = told(asking, item)
    assert "still missing after 14 days" in text
    assert holds(asking) == []
    comes_to_rest(asking, 1)
    asking.far.move_to(asking.link(item.ref).ref, "Done", "Done", by="tom")
    asking.sync()
    assert asking.item(item.ref).claim.by == "tom"
    assert (holds(asking), len(told(asking, item))) == ([HoldKind.EVIDENCE_MISSING], 1)
    comes_to_rest(asking, 1)


@pytest.mark.parametrize("step", ["pull", "update", "updated", "saying", "comment", "said"])
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_kill_while_a_ticket_is_opened_again_leaves_it_open_once(asking: Any, step: str, side: str) -> None:
    item = closed(asking)
    asking.clock.sleep(15 * 86_400)

    def crash(point: str) -> None:
        if point == f"{step}.{side}":
            raise KeyboardInterrupt

    asking.crash = crash
    with pytest.raises(KeyboardInterrupt):
        asking.sync()
    asking.crash = lambda _: None
    comes_to_rest(asking, 1)
    moves = [a.after for a in asking.far.activity(asking.link(item.ref).ref) if a.field == "status" and a.by.ours]
    assert moves == ["In Progress"]
    assert (len(told(asking, item)), holds(asking)) == (1, [])


def test_a_ticket_that_cannot_be_opened_again_is_held_and_not_claimed_anew(asking: Any) -> None:
    item = closed(asking)
    asking.clock.sleep(15 * 86_400)
    asking.far.fail_next("update", NoWay("no transition leads there", ("Done",)))
    asking.sync()
    assert holds(asking) == [HoldKind.NO_WAY]
    assert asking.item(item.ref).claim is None
    comes_to_rest(asking, 1)


def test_a_ticket_that_its_people_open_again_is_claimed_no_more_and_the_comment_says_so(asking: Any) -> None:
    item = closed(asking)
    asking.far.move_to(asking.link(item.ref).ref, "To Do")
    asking.sync()
    stored = asking.item(item.ref)
    assert (stored.status, stored.claim, holds(asking)) == (Status.OPEN, None, [])
    assert "it is being worked on again" in told(asking, item)[0]
    comes_to_rest(asking, 1)


def test_an_item_that_is_opened_again_here_opens_its_ticket(asking: Any) -> None:
    item = closed(asking)
    asking.edit(item.ref, status=Status.OPEN)
    asking.sync()
    assert asking.ticket(item.ref).state.category is Category.NEW
    assert (asking.item(item.ref).claim, holds(asking)) == (None, [])
    comes_to_rest(asking, 1)


@pytest.mark.parametrize("priority", list(Priority))
def test_a_ticket_closed_without_a_resolution_is_flagged_and_asks_for_one_or_for_evidence(
    asking: Any, priority: Priority
) -> None:
    asking.far.workflow["Closed"] = Category.DONE
    item = asking.add(priority=priority)
    asking.sync()
    ref = asking.link(item.ref).ref
    asking.far.move_to(ref, "Closed", None)
    asking.sync()
    (hold,) = asking.store.holds()
    assert (hold.kind, hold.theirs) == (HoldKind.EVIDENCE_MISSING, "resolved, no_resolution")
    assert "without a resolution" in hold.detail
    comes_to_rest(asking, 1)
    if priority is Priority.LOW:
        asking.far.move_to(ref, "Closed", "Fixed")
        asking.sync()
    else:
        review(asking, bring(asking, item.ref), Verdict.ACCEPTED)
        asking.sync()
    assert (asking.item(item.ref).status, holds(asking)) == (Status.RESOLVED, [])
    comes_to_rest(asking, 1)


@pytest.mark.parametrize(
    ("second", "status", "kinds"),
    [
        ("Done", Status.RESOLVED, []),
        ("Won't Do", Status.IN_PROGRESS, [HoldKind.ACCEPTANCE_REQUESTED]),
        ("Duplicate", Status.IN_PROGRESS, [HoldKind.DUPLICATE]),
    ],
)
def test_a_resolution_that_is_set_in_a_second_step_says_then_what_the_closing_meant(
    asking: Any, second: str, status: Status, kinds: list[HoldKind]
) -> None:
    asking.far.workflow["Closed"] = Category.DONE
    item = asking.add(priority=Priority.LOW)
    asking.sync()
    asking.far.move_to(asking.link(item.ref).ref, "Closed", None)
    asking.sync()
    assert holds(asking) == [HoldKind.EVIDENCE_MISSING]
    asking.far.move_to(asking.link(item.ref).ref, "Closed", second)
    asking.clock.sleep(60)
    asking.sync()
    assert (asking.item(item.ref).status, holds(asking)) == (status, kinds)
    assert asking.ticket(item.ref).state.category is Category.DONE
    comes_to_rest(asking, 1)


def test_evidence_that_expires_while_a_claim_waits_is_missing_again(asking: Any) -> None:
    item = closed(asking)
    bring(asking, item.ref, expires_on=asking.clock().date() + timedelta(days=2))
    asking.sync()
    assert "a review of EV-000002" in told(asking, item)[0]
    asking.clock.sleep(4 * 86_400)
    asking.sync()
    assert "0 here (EV-000002 expired on" in told(asking, item)[0]
    comes_to_rest(asking, 1)


def test_what_is_said_of_evidence_is_not_said_twice_while_the_first_may_still_arrive(asking: Any) -> None:
    asking.wait = 120
    item = asking.add(priority=Priority.HIGH)
    asking.sync()
    evidence = bring(asking, item.ref)
    asking.far.move_to(asking.link(item.ref).ref, "Done", "Done")
    asking.far.commit_late(5, "comment")
    assert asking.sync().exit_code == 5
    review(asking, evidence, Verdict.ACCEPTED)
    asking.sync()
    assert asking.item(item.ref).status is Status.RESOLVED
    asking.clock.sleep(600)
    asking.sync()
    asking.sync()
    assert [text.partition("\n")[0] for text in told(asking, item)] == [
        "**AI-000001 is resolved.** Nothing is missing any more: EV-000001."
    ]
    comes_to_rest(asking, 1)


def test_a_ticket_with_the_say_over_the_status_has_none_over_what_is_proven(asking: Any) -> None:
    asking.authority[Field.STATUS] = Authority.TICKET
    item = closed(asking)
    assert asking.item(item.ref).status is Status.IN_PROGRESS
    asking.clock.sleep(15 * 86_400)
    asking.sync()
    assert asking.ticket(item.ref).state.category is Category.INDETERMINATE
    comes_to_rest(asking, 1)


def test_another_item_that_is_only_commented_on_in_the_same_run_keeps_its_status(asking: Any) -> None:
    first, second = asking.add("Rotate the root key"), asking.add("Encrypt the backup bucket")
    asking.sync()
    asking.far.move_to(asking.link(first.ref).ref, "Done", "Done")
    asking.far.comment(asking.link(second.ref).ref, "Looking into it")
    asking.sync()
    assert asking.item(first.ref).claim is not None
    assert (asking.item(second.ref).status, asking.item(second.ref).claim) == (Status.OPEN, None)


def test_an_edit_of_labels_on_a_closed_ticket_changes_nothing_about_its_claim(asking: Any) -> None:
    item = closed(asking)
    before = asking.item(item.ref)
    asking.far.edit(asking.link(item.ref).ref, labels=asking.ticket(item.ref).labels | {"theirs"})
    asking.sync()
    assert asking.item(item.ref) == before
    assert holds(asking) == [HoldKind.EVIDENCE_MISSING]


def test_the_closing_comment_is_kept_as_what_was_claimed(asking: Any) -> None:
    item = asking.add()
    asking.sync()
    ref = asking.link(item.ref).ref
    asking.far.comment(ref, "Enforced in the identity provider", by="tom")
    asking.far.move_to(ref, "Done", "Done", by="tom")
    asking.sync()
    assert asking.item(item.ref).claim.text == "Enforced in the identity provider"
    assert "Enforced in the identity provider" in [c.text for c in asking.store.comments(item.ref)]


def test_adopting_a_closed_ticket_resolves_nothing_that_is_not_backed(asking: Any) -> None:
    asking.routes = (Route("elsewhere"),)
    item = asking.add()
    ref = asking.far.open("Enable MFA for admins", tracker="eng")
    asking.far.move_to(ref, "Done", "Done")
    engine = asking.engine()
    plan = engine.adopt(item.ref, "eng", asking.far.ticket(ref).ref.key, because=asking.because())
    assert HoldKind.EVIDENCE_MISSING in [h.kind for step in plan.steps for h in step.held]


def test_another_policy_judges_anew_what_waits(asking: Any) -> None:
    item = closed(asking, priority=Priority.MEDIUM)
    demands = {**POLICY.evidence.by_priority, Priority.MEDIUM: POLICY.evidence.by_priority[Priority.LOW]}
    asking.resolution = replace(POLICY, evidence=replace(POLICY.evidence, by_priority=demands))
    asking.sync()
    assert asking.item(item.ref).status is Status.RESOLVED


def test_what_is_planned_is_what_is_done(asking: Any) -> None:
    item = closed(asking, priority=Priority.MEDIUM)
    bring(asking, item.ref)
    plan = asking.plan()
    assert asking.sync(expect=plan.digest).plan.digest == plan.digest
    assert asking.item(item.ref).status is Status.RESOLVED


@pytest.mark.parametrize(
    ("how", "linked"),
    [
        ("Duplicate of MEM-1.", ""),
        ("see there", ""),
        ("This one duplicates MEM-77", ""),
        ("Duplicate of MEM-77", "MEM-1"),
    ],
)
def test_a_duplicate_ends_with_its_original_where_that_is_known(asking: Any, how: str, linked: str) -> None:
    first, second = (asking.add(f"Rotate the root key {n}", priority=Priority.MEDIUM) for n in "ab")
    asking.sync()
    ref = asking.link(second.ref).ref
    asking.far.comment(ref, how, by="tom")
    if linked:
        asking.far.link_original(ref, linked, by="tom")
    asking.far.move_to(ref, "Done", "Duplicate", by="tom")
    asking.sync()
    (hold,) = asking.store.holds()
    known = "MEM-1" in how + linked
    assert (hold.kind, hold.ours == first.ref, first.ref in hold.detail) == (HoldKind.DUPLICATE, known, known)
    comes_to_rest(asking, 2)
    bring(asking, first.ref)
    asking.far.move_to(asking.link(first.ref).ref, "Done", "Done")
    state = asking.ticket(second.ref).state
    for _ in range(2):
        asking.sync()
    assert asking.item(first.ref).status is Status.RESOLVED
    assert asking.item(second.ref).status is (Status.RESOLVED if known else Status.OPEN)
    assert holds(asking) == ([] if known else [HoldKind.DUPLICATE])
    assert asking.ticket(second.ref).state == state
    comes_to_rest(asking, 2)


def test_a_duplicate_of_what_was_asked_less_for_waits_for_what_is_asked_of_it(asking: Any) -> None:
    first = asking.add("Rotate the root key", priority=Priority.LOW)
    second = asking.add("Rotate the root key of billing", priority=Priority.HIGH)
    asking.sync()
    keys = {asking.link(each.ref).ref.key: each for each in (first, second)}
    (key,) = [name for name, each in keys.items() if each is first]
    asking.far.comment(asking.link(second.ref).ref, f"Duplicate of {key}", by="tom")
    asking.far.move_to(asking.link(second.ref).ref, "Done", "Duplicate", by="tom")
    asking.far.move_to(asking.link(first.ref).ref, "Done", "Done")
    asking.sync()
    assert asking.item(first.ref).status is Status.RESOLVED
    comes_to_rest(asking, 2)
    assert asking.item(second.ref).status is Status.OPEN
    assert holds(asking) == [HoldKind.DUPLICATE]


def listed(world: Any, **priorities: Priority) -> list[Any]:
    """Findings of one check, by name, in one ticket."""
    drafts = [
        ItemDraft(f"Close {n}", source_kind=SourceKind.AUTOMATED_TEST, source_ref="ssh", fingerprint=n, controls=(n,))
        for n in priorities
    ]
    added = [(draft, date(2026, 12, 20), p) for draft, p in zip(drafts, priorities.values(), strict=True)]
    batch = Batch(added=added, grouping=Grouping((GroupRule("check"),)))
    made = [world.item(item.ref) for item in world.store.take_in(batch, world.because()).added]
    world.sync()
    return made


def test_a_ticket_that_lists_items_is_done_once_each_of_them_has_what_it_needs(asking: Any) -> None:
    first, second, third = listed(asking, a=Priority.MEDIUM, b=Priority.MEDIUM, c=Priority.LOW)
    group = asking.item(first.part_of)
    asking.far.move_to(asking.link(group.ref).ref, "Done", "Done")
    bring(asking, first.ref)
    asking.sync()
    assert holds(asking) == [HoldKind.EVIDENCE_MISSING]
    assert "may be brought for that one alone" in told(asking, group)[-1]
    comes_to_rest(asking, 1)
    piece = bring(asking, second.ref)
    asking.sync()
    assert {asking.item(ref).status for ref in (group.ref, first.ref, second.ref, third.ref)} == {Status.RESOLVED}
    assert piece.ref in told(asking, group)[-1]
    assert asking.store.holds() == []
    comes_to_rest(asking, 1)


def test_what_is_brought_for_a_ticket_counts_for_each_item_that_it_lists(asking: Any) -> None:
    first, second = listed(asking, a=Priority.MEDIUM, b=Priority.HIGH)
    bring(asking, first.part_of)
    resolving = Resolving(asking.store, POLICY, asking.clock, this_process())
    assert resolving.claim(first.ref, "mia@acme.example", asking.because("closed"))[1] == ()
    _, lacking = resolving.claim(second.ref, "mia@acme.example", asking.because("closed"))
    assert lacking == ("a review of EV-000001",)
    asking.sync()
    assert asking.item(first.ref).status is Status.RESOLVED
    assert asking.item(first.part_of).status is Status.OPEN
    assert f"- [x] **{first.ref}**" in asking.ticket(first.part_of).body


def test_what_is_asked_for_one_control_is_asked_of_the_ticket_that_lists_its_item(asking: Any) -> None:
    changes = ("b", Demand(1, frozenset({EvidenceKind.PULL_REQUEST})))
    asking.resolution = replace(POLICY, evidence=replace(POLICY.evidence, by_control=(changes,)))
    first, _ = listed(asking, a=Priority.MEDIUM, b=Priority.MEDIUM)
    bring(asking, first.part_of)
    asking.far.move_to(asking.link(first.part_of).ref, "Done", "Done")
    asking.sync()
    [hold] = asking.store.holds()
    assert "pull request asked for" in hold.detail


def test_what_the_priority_of_one_item_asks_for_is_asked_of_the_ticket_that_lists_it(asking: Any) -> None:
    changes = {**DEMANDS, Priority.MEDIUM: Demand(1, frozenset({EvidenceKind.PULL_REQUEST})), Priority.HIGH: Demand(1)}
    asking.resolution = replace(POLICY, evidence=EvidencePolicy(changes))
    first, second = listed(asking, a=Priority.HIGH, b=Priority.MEDIUM)
    bring(asking, first.part_of)
    asking.far.move_to(asking.link(first.part_of).ref, "Done", "Done")
    asking.sync()
    assert "pull request asked for" in asking.store.holds()[0].detail
    assert asking.item(second.ref).status is Status.OPEN


def test_what_was_brought_for_a_ticket_before_one_of_its_items_was_opened_again_does_not_resolve_that_one(
    asking: Any,
) -> None:
    first, second = listed(asking, a=Priority.MEDIUM, b=Priority.MEDIUM)
    bring(asking, first.part_of)
    resolving = Resolving(asking.store, POLICY, asking.clock, this_process())
    resolving.claim(first.ref, "mia@acme.example", asking.because("closed"))
    asking.clock.sleep(60)
    asking.edit(first.ref, status=Status.OPEN)
    asking.far.move_to(asking.link(first.part_of).ref, "Done", "Done")
    asking.sync()
    [hold] = asking.store.holds()
    assert "EV-000001 is from before it was opened again" in hold.detail
    assert {asking.item(ref).status for ref in (first.ref, second.ref)} == {Status.OPEN}


@pytest.mark.parametrize("said", ["before the run", "before", "there"])
@pytest.mark.parametrize("end", ["accepted", "taken back"])
def test_a_ticket_is_told_what_became_of_a_claim_that_was_ended_here(asking: Any, said: str, end: str) -> None:
    item = closed(asking) if said == "there" else asking.add()
    asking.sync()
    if said != "there":
        by = "olga@acme.example"
        Resolving(asking.store, POLICY, asking.clock, this_process()).claim(item.ref, by, asking.because("done"))
    if said == "before":
        asking.sync()
    if end == "accepted":
        deciding(asking).request(item.ref, TERMS, RUTH, asking.because())
        deciding(asking).approve(item.ref, Terms(""), OTTO, asking.because("we can bear it"))
    else:
        asking.edit(item.ref, status=Status.OPEN)
    asking.sync()
    words = "The risk of AI-000001 is accepted**" if end == "accepted" else "AI-000001 is not resolved**"
    [comment] = told(asking, item)
    assert comment.startswith(f"**{words}")
    comes_to_rest(asking, 1)


@pytest.mark.parametrize("end", ["refused", "void"])
def test_a_request_that_is_over_leaves_the_claim_that_the_work_is_done(asking: Any, end: str) -> None:
    item = closed(asking)
    claim = asking.item(item.ref).claim
    deciding(asking).request(item.ref, TERMS, RUTH, asking.because())
    if end == "refused":
        deciding(asking).reject(item.ref, "it can be mended", OTTO, asking.because())
    else:
        asking.edit(item.ref, title="Encrypt another bucket")
    asking.sync()
    assert asking.item(item.ref).claim == claim
    assert holds(asking) == [HoldKind.EVIDENCE_MISSING]
    comes_to_rest(asking, 1)
    review(asking, bring(asking, item.ref), Verdict.ACCEPTED)
    asking.sync()
    assert asking.item(item.ref).status is Status.RESOLVED
