"""How controls stand, from real items, tests and evidence: found out where something happened, and not elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from state import controls, grounds, items, proofs
from state.effects import Because, Effects, ItemChange
from state.model import Accepted, ActionItem, Actor, Agent, ItemDraft, Priority, SourceKind, Status, TestOutcome
from state.proof import EvidenceDraft, EvidenceKind, LinkCheck, LinkHealth, Review, Verdict
from state.register import ControlDraft, ControlStatus, Exemption, Framework, Test
from state.store import Store
from sync.standing import BATCH, restate
from tests.databases import Databases, statements

WHEN = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = WHEN.date()
KIM = Because(Agent(Actor.HUMAN, "counterfoil", "kim@acme.example"))
NOT_STARTED, IN_PROGRESS, IMPLEMENTED, FAILING, NOT_APPLICABLE = ControlStatus


@dataclass
class Programme:
    """A store with two frameworks, in which days go by."""

    store: Store
    today: date = TODAY

    def item(self, *names: str, **said: Any) -> ActionItem:
        draft = ItemDraft("Enable MFA", controls=names, **said)
        [item] = self.store.add_items([(draft, date(2026, 12, 20), Priority.HIGH)], KIM)
        return item

    def change(self, item: ActionItem, **values: Any) -> None:
        self.store.commit(None, Effects(changes=[ItemChange(item.ref, values, KIM)]))

    def prove(self, item: ActionItem | None = None, *names: str, **said: Any) -> str:
        kind = said.pop("kind", EvidenceKind.FILE)
        draft = EvidenceDraft(kind, "it is on", "mia@acme.example", WHEN, **said)
        draft = replace(draft, item=item.ref if item else None, controls=names)
        with self.store.writing() as w:
            [(evidence, _)] = proofs.add(w.connection, w.ledger, [(draft, KIM)])
        return evidence.ref

    def hear(self, outcome: TestOutcome, *names: str, item: ActionItem | None = None, at: datetime = WHEN) -> None:
        test = Test("f1", "Root MFA", outcome, at, names, item.ref if item else None)
        with self.store.writing() as w:
            controls.heard(w.connection, [test])

    def stands(self, name: str = "CC6.1") -> tuple[ControlStatus, str]:
        restate(self.store, self.today, KIM)
        control = self.store.ask(controls.control, name)
        assert not self.store.ask(grounds.is_news, self.today)
        return control.status, control.why


@pytest.fixture
def programme(databases: Databases) -> Iterator[Programme]:
    with Store.open(databases.made(), clock=lambda: WHEN) as store:
        with store.writing() as w:
            for name, codes in (("soc2", ("CC6.1", "CC7.2")), ("iso", ("A.5.15",))):
                framework = Framework(name, name, "", f"{name}.csv", name, WHEN)
                drafts = [ControlDraft(code, code) for code in codes]
                controls.add_framework(w.connection, w.ledger, framework, drafts, KIM)
        yield Programme(store)


def test_a_control_goes_from_failing_to_implemented(programme: Programme) -> None:
    assert programme.stands() == (NOT_STARTED, "no evidence")
    item = programme.item("cc6.1", source_kind=SourceKind.AUTOMATED_TEST)
    assert programme.stands() == (FAILING, f"failing: {item.ref}")
    programme.hear(TestOutcome.FAIL, "CC6.1", item=item)
    assert programme.stands() == (FAILING, "failing: Root MFA")
    programme.hear(TestOutcome.PASS, "CC6.1", item=item, at=WHEN + timedelta(hours=1))
    assert programme.stands() == (IN_PROGRESS, f"open: {item.ref}")
    programme.change(item, status=Status.RESOLVED)
    assert programme.stands() == (IMPLEMENTED, "evidence: Root MFA")
    told = [record.told["reason"] for record in programme.store.log(action="control.status")]
    assert len(told) == 3
    assert told[-1] == "evidence: Root MFA"


def test_evidence_of_an_item_implements_its_control_until_it_is_rejected(programme: Programme) -> None:
    item = programme.item("SOC2/CC6.1")
    programme.change(item, status=Status.RESOLVED)
    assert programme.stands() == (IN_PROGRESS, "no evidence")
    ref = programme.prove(item)
    assert programme.stands() == (IMPLEMENTED, f"evidence: {ref}")
    with programme.store.writing() as w:
        [evidence] = proofs.versions(w.connection, ref)
        review = Review(Verdict.REJECTED, "ada@acme.example", WHEN, "another host")
        proofs.review(w.connection, w.ledger, evidence, review, KIM)
    assert programme.stands() == (IN_PROGRESS, f"no valid evidence: {ref} (rejected: another host)")


def test_that_a_ticket_was_closed_implements_nothing(programme: Programme) -> None:
    item = programme.item("CC6.1")
    programme.change(item, status=Status.RESOLVED)
    programme.prove(item, kind=EvidenceKind.TICKET_SNAPSHOT)
    programme.prove(None, "CC6.1", kind=EvidenceKind.TICKET_SNAPSHOT)
    assert programme.stands() == (IN_PROGRESS, "no evidence")
    ref = programme.prove(item)
    assert programme.stands() == (IMPLEMENTED, f"evidence: {ref}")


def test_a_link_that_vanished_supports_nothing(programme: Programme) -> None:
    ref = programme.prove(None, "CC6.1", url="https://ci.example/1")
    assert programme.stands() == (IMPLEMENTED, f"evidence: {ref}")
    with programme.store.writing() as w:
        [evidence] = proofs.versions(w.connection, ref)
        proofs.check(w.connection, w.ledger, evidence, LinkCheck(LinkHealth.GONE, WHEN), KIM)
    assert programme.stands() == (NOT_STARTED, f"no valid evidence: {ref} (its link is gone)")


def test_a_newer_version_stands_for_the_older_ones(programme: Programme) -> None:
    for sha256 in ("a" * 64, "b" * 64):
        ref = programme.prove(None, "CC6.1", remote_id="report", sha256=sha256)
    assert programme.stands() == (IMPLEMENTED, f"evidence: {ref}")


def test_evidence_ends_on_its_day_although_nobody_did_anything(programme: Programme) -> None:
    item = programme.item("CC6.1")
    programme.change(item, status=Status.RESOLVED)
    ref = programme.prove(item, expires_on=TODAY + timedelta(days=2))
    other = programme.prove(None, "CC7.2", expires_on=TODAY + timedelta(days=2))
    assert programme.stands() == (IMPLEMENTED, f"evidence: {ref}")
    programme.today += timedelta(days=2)
    assert programme.stands()[0] is IMPLEMENTED
    programme.today += timedelta(days=1)
    assert programme.stands() == (IN_PROGRESS, f"no valid evidence: {ref} (expired on 2026-11-22)")
    assert programme.stands("CC7.2") == (NOT_STARTED, f"no valid evidence: {other} (expired on 2026-11-22)")


@pytest.mark.parametrize("pauses", [(1, 30, 31), (45,)])
def test_a_test_that_is_silent_for_long_proves_nothing_any_more(programme: Programme, pauses: tuple[int, ...]) -> None:
    programme.hear(TestOutcome.PASS, "CC6.1")
    for days in pauses:
        assert programme.stands() == (IMPLEMENTED, "evidence: Root MFA")
        programme.today = TODAY + timedelta(days=days)
    assert programme.stands() == (NOT_STARTED, "no valid evidence: Root MFA (silent since 2026-11-20)")


def test_what_answers_a_control_answers_it_with_items_tests_and_evidence(programme: Programme) -> None:
    with programme.store.writing() as w:
        controls.answer(w.connection, w.ledger, {"iso:A.5.15": "soc2:CC6.1"}, KIM)
    item = programme.item("CC6.1")
    assert programme.stands("A.5.15") == programme.stands() == (NOT_STARTED, f"open: {item.ref}")
    ref = programme.prove(item)
    programme.change(item, status=Status.RESOLVED)
    assert programme.stands("A.5.15") == programme.stands() == (IMPLEMENTED, f"evidence: {ref}")
    own = programme.item("A.5.15", "CC6.1")
    assert programme.stands("A.5.15") == (IN_PROGRESS, f"open: {own.ref}")


def test_an_accepted_risk_is_not_treated_and_ends_on_its_day_although_nobody_did_anything(programme: Programme) -> None:
    item = programme.item("CC6.1")
    programme.prove(item)
    assert programme.stands() == (IN_PROGRESS, f"open: {item.ref}")
    with programme.store.writing() as w:
        accepted = Accepted("RA-000001", TODAY + timedelta(days=2), "f")
        items.accept(w.connection, w.ledger, w.now, item.ref, accepted, KIM)
    assert programme.stands() == (IN_PROGRESS, f"the risk is accepted, not treated: {item.ref}")
    programme.today += timedelta(days=2)
    assert programme.stands() == (IN_PROGRESS, f"the risk is accepted, not treated: {item.ref}")
    programme.today += timedelta(days=1)
    assert programme.stands() == (IN_PROGRESS, f"open: {item.ref}")


def test_an_item_that_lists_others_is_not_counted_beside_them(programme: Programme) -> None:
    group = programme.item("CC6.1")
    parts = [programme.item("CC6.1") for _ in range(4)]
    for part in parts:
        programme.change(part, part_of=group.ref)
    refs = ", ".join(part.ref for part in parts[:3])
    assert programme.stands() == (NOT_STARTED, f"open: {refs} and 1 more")
    for part in parts:
        programme.change(part, status=Status.RESOLVED)
    ref = programme.prove(group)
    assert programme.stands() == (IMPLEMENTED, f"evidence: {ref}")


def test_evidence_on_the_ticket_of_a_group_supports_what_its_parts_name(programme: Programme) -> None:
    group, part = programme.item(), programme.item("CC6.1")
    programme.change(part, part_of=group.ref, status=Status.RESOLVED)
    assert programme.stands() == (IN_PROGRESS, "no evidence")
    ref = programme.prove(group)
    assert programme.stands() == (IMPLEMENTED, f"evidence: {ref}")


def test_an_item_counts_for_what_it_names_now(programme: Programme) -> None:
    item = programme.item("CC6.1", "soc2:CC6.1")
    assert programme.stands() == (NOT_STARTED, f"open: {item.ref}")
    programme.change(item, controls=("CC7.2",))
    assert programme.stands() == (NOT_STARTED, "no evidence")
    assert programme.stands("CC7.2") == (NOT_STARTED, f"open: {item.ref}")


def test_items_and_tests_that_named_a_control_before_it_was_there_count(programme: Programme) -> None:
    item = programme.item("CC8.1", "CC6.1")
    programme.hear(TestOutcome.FAIL, "pci/8.1")
    with programme.store.writing() as w:
        for name, code in (("soc2", "CC8.1"), ("pci", "8.1")):
            framework = Framework(name, name, "2", "newer.csv", "newer", WHEN)
            controls.add_framework(w.connection, w.ledger, framework, [ControlDraft(code, code)], KIM)
    assert programme.stands("CC8.1") == (NOT_STARTED, f"open: {item.ref}")
    assert programme.stands("pci:8.1") == (FAILING, "failing: Root MFA")


def test_an_exemption_is_told_with_who_approved_it_and_ends(programme: Programme) -> None:
    for exemption, expected in (
        (Exemption("no hosts", "ada@acme.example", WHEN), (NOT_APPLICABLE, "no hosts (approved by ada@acme.example)")),
        (None, (NOT_STARTED, "no evidence")),
    ):
        with programme.store.writing() as w:
            about = controls.control(w.connection, "CC6.1")
            controls.exempt(w.connection, w.ledger, about, exemption, KIM)
        assert programme.stands() == expected


def test_of_much_evidence_the_one_piece_that_counts_is_found(programme: Programme) -> None:
    item = programme.item("CC6.1")
    programme.change(item, status=Status.RESOLVED)
    good = programme.prove(item)
    for _ in range(30):
        programme.prove(item, expires_on=TODAY - timedelta(days=1))
    assert programme.stands() == (IMPLEMENTED, f"evidence: {good}")


def test_where_nothing_happened_nothing_is_written_or_looked_at(programme: Programme) -> None:
    for _ in range(3):
        programme.item("CC6.1")
    programme.stands()
    before = list(programme.store.log())
    with statements() as said:
        assert restate(programme.store, TODAY, KIM) == []
    assert len(said) <= 3
    assert not [each for each in said if not each.lstrip().startswith("SELECT")]
    assert list(programme.store.log()) == before


def test_how_many_questions_are_asked_does_not_grow_with_items_or_controls(programme: Programme) -> None:
    counts = []
    for size in (5, BATCH - 1):
        with programme.store.writing() as w:
            framework = Framework(f"f{size}", "", "", "", str(size), WHEN)
            drafts = [ControlDraft(f"{size}.{n}", "") for n in range(size)]
            controls.add_framework(w.connection, w.ledger, framework, drafts, KIM)
        new = [ItemDraft(f"Do {n}", controls=(f"{size}.{n}",)) for n in range(size) for _ in range(3)]
        programme.store.add_items([(each, TODAY, Priority.LOW) for each in new], KIM)
        restate(programme.store, TODAY - timedelta(days=1), KIM)
        programme.store.commit(
            None,
            Effects(changes=[ItemChange(i.ref, {"status": Status.IN_PROGRESS}, KIM) for i in _of(programme, size)]),
        )
        with statements() as said:
            assert len(restate(programme.store, TODAY - timedelta(days=1), KIM)) == size
        counts.append(len([each for each in said if each.lstrip().startswith(("SELECT", "WITH"))]))
    assert counts[0] == counts[1]


def _of(programme: Programme, size: int) -> list[ActionItem]:
    return [item for item in programme.store.list_items() if item.controls[0].startswith(f"{size}.")]


def test_many_controls_are_taken_in_steps_and_all_of_them(programme: Programme) -> None:
    with programme.store.writing() as w:
        framework = Framework("big", "", "", "", "big", WHEN)
        drafts = [ControlDraft(f"B.{n}", "") for n in range(3 * BATCH + 1)]
        controls.add_framework(w.connection, w.ledger, framework, drafts, KIM)
    programme.store.add_items(
        [(ItemDraft(f"Do {n}", controls=(f"B.{n}",)), TODAY, Priority.LOW) for n in range(3 * BATCH + 1)], KIM
    )
    restate(programme.store, TODAY, KIM)
    whys = {each.code: each.why for each in programme.store.ask(controls.controls, "big")}
    assert whys["B.75"].startswith("open: AI-")
    assert not [why for why in whys.values() if not why.startswith("open: ")]
