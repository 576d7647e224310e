"""Frameworks, their controls and the tests of them as they are kept."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from state import controls
from state.errors import StateError, UnknownRef
from state.model import TestOutcome
from state.register import ControlDraft, ControlStatus, Exemption, Framework, Test
from tests.state.conftest import WHEN

if TYPE_CHECKING:
    from state.controls import Added
    from tests.state.conftest import Book

SOC2 = Framework("soc2", "SOC 2", "2017", "soc2.csv", "a" * 64, WHEN)
ISO = Framework("iso", "ISO 27001", "2022", "iso.csv", "b" * 64, WHEN)
DRAFTS = (ControlDraft("CC6.1", "Access", "Restrict it.", "ada@acme.example"), ControlDraft("CC7.2", "Monitoring"))
MFA = Test("f1", "Root MFA", TestOutcome.FAIL, WHEN, ("CC6.1",), source_ref="prowler", report_sha256="c" * 64)


def _add(book: "Book", new: Framework = SOC2, drafts: tuple[ControlDraft, ...] = DRAFTS) -> "Added":
    with book.store.writing() as w:
        return controls.add_framework(w.connection, w.ledger, new, drafts, book.because)


def _hear(book: "Book", *tests: Test) -> None:
    with book.store.writing() as w:
        controls.heard(w.connection, tests)


def test_a_test_that_names_no_item_is_about_the_item_that_it_was_about_before(book: "Book") -> None:
    item = book.item()
    _hear(book, replace(MFA, item=item.ref))
    _hear(book, replace(MFA, outcome=TestOutcome.PASS, observed_at=WHEN + timedelta(days=1)))
    [word] = book.store.ask(controls.latest_words)
    assert (word.outcome, word.item) == (TestOutcome.PASS, item.ref)


def test_a_framework_and_its_controls_are_kept_in_the_order_of_the_file(book: "Book") -> None:
    assert _add(book) == (2, 0, ())
    assert book.store.ask(controls.frameworks) == [SOC2]
    first, second = book.store.ask(controls.controls, "soc2")
    assert (first.id, first.title, first.guidance, first.owner) == (
        "soc2:CC6.1",
        "Access",
        "Restrict it.",
        "ada@acme.example",
    )
    assert (second.id, second.status, second.why) == ("soc2:CC7.2", ControlStatus.NOT_STARTED, "no evidence")
    assert book.actions() == ["framework.added"]


def test_the_same_file_again_changes_nothing(book: "Book") -> None:
    _add(book)
    before = book.records()
    assert _add(book, replace(SOC2, added_at=WHEN + timedelta(days=1))) == (0, 0, ())
    assert book.records() == before


def test_a_newer_file_changes_texts_and_keeps_what_was_decided(book: "Book") -> None:
    _add(book)
    with book.store.writing() as w:
        about = controls.control(w.connection, "CC7.2")
        controls.exempt(w.connection, w.ledger, about, Exemption("no hosts", "kim", WHEN), book.because)
    newer = (ControlDraft("CC6.1", "Logical access"), ControlDraft("CC8.1", "Changes"))
    assert _add(book, replace(SOC2, sha256="d" * 64), newer) == (1, 1, ("CC7.2",))
    access, monitoring, changes = sorted(book.store.ask(controls.controls), key=lambda each: each.code)
    assert (access.title, access.guidance, access.owner) == ("Logical access", "", "ada@acme.example")
    assert (monitoring.exemption, changes.code) == (Exemption("no hosts", "kim", WHEN), "CC8.1")
    assert book.actions()[-2:] == ["framework.added", "control.changed"]


def test_a_code_that_is_there_twice_is_refused_whole(book: "Book") -> None:
    with pytest.raises(StateError, match=r"AC-2\(1\) is there twice"):
        _add(book, SOC2, (ControlDraft("AC-2(1)", "One"), ControlDraft("ac-2.1", "Other")))
    assert book.store.ask(controls.frameworks) == []


def test_a_control_is_found_by_its_id_or_by_a_code_that_no_other_has(book: "Book") -> None:
    _add(book)
    assert book.store.ask(controls.control, "cc6.1").id == "soc2:CC6.1"
    _add(book, ISO, (ControlDraft("CC6.1", "The same code"),))
    assert book.store.ask(controls.control, "ISO/CC6.1").id == "iso:CC6.1"
    with pytest.raises(StateError, match=r"iso:CC6\.1, soc2:CC6.1; name one"):
        book.store.ask(controls.control, "CC6.1")
    with pytest.raises(UnknownRef, match="counterfoil controls list"):
        book.store.ask(controls.control, "CC9")


def test_one_control_answers_another_but_not_in_a_row(book: "Book") -> None:
    _add(book)
    _add(book, ISO, (ControlDraft("A.5.15", "Access"), ControlDraft("A.8.15", "Logging")))
    with book.store.writing() as w:
        said = {"iso:A.5.15": "soc2:CC6.1"}
        assert controls.answer(w.connection, w.ledger, said, book.because) == ["iso:A.5.15"]
        assert controls.answer(w.connection, w.ledger, said, book.because) == []
    for wrong, why in [
        ({"iso:A.8.15": "iso:A.5.15"}, "answered by soc2:CC6.1 itself"),
        ({"soc2:CC6.1": "soc2:CC6.1"}, "the same control"),
        ({"soc2:CC6.1": "iso:A.8.15", "iso:A.8.15": "soc2:CC6.1"}, "itself"),
    ]:
        with pytest.raises(StateError, match=why), book.store.writing() as w:
            controls.answer(w.connection, w.ledger, wrong, book.because)
    assert book.store.ask(controls.control, "A.5.15").answered_by == "soc2:CC6.1"
    assert book.actions()[-1] == "control.answered"


def test_a_control_that_others_answer_through_cannot_be_answered_later(book: "Book") -> None:
    _add(book)
    _add(book, ISO, (ControlDraft("A.5.15", "Access"),))
    with book.store.writing() as w:
        controls.answer(w.connection, w.ledger, {"iso:A.5.15": "soc2:CC6.1"}, book.because)
    with pytest.raises(StateError, match=r"it answers iso:A\.5\.15"), book.store.writing() as w:
        controls.answer(w.connection, w.ledger, {"soc2:CC6.1": "soc2:CC7.2"}, book.because)


def test_each_change_of_a_status_is_a_record_that_names_its_cause(book: "Book") -> None:
    _add(book)
    book.clock.forward(60)
    with book.store.writing() as w:
        found = {"soc2:CC6.1": (ControlStatus.FAILING, "failing: Root MFA")}
        [moved] = controls.stand(w.connection, w.ledger, w.now, found, book.because)
        assert controls.stand(w.connection, w.ledger, w.now, found, book.because) == []
    assert (moved.status, moved.since) == (ControlStatus.FAILING, book.clock())
    record = book.records()[-1]
    assert (record["action"], record["object"], record["before"]) == ("control.status", "soc2:CC6.1", "not_started")
    assert (record["after"], record["reason"]) == (
        {"status": "failing", "why": "failing: Root MFA"},
        "failing: Root MFA",
    )


def test_another_reason_for_the_same_status_is_kept_without_a_record(book: "Book") -> None:
    _add(book)
    before = book.store.ask(controls.control, "CC6.1")
    book.clock.forward(60)
    with book.store.writing() as w:
        found = {"soc2:CC6.1": (ControlStatus.NOT_STARTED, "open: AI-000001")}
        assert controls.stand(w.connection, w.ledger, w.now, found, book.because) == []
    after = book.store.ask(controls.control, "CC6.1")
    assert (after.why, after.since) == ("open: AI-000001", before.since)
    assert book.actions() == ["framework.added"]


def test_the_latest_word_of_a_test_is_kept(book: "Book") -> None:
    item = book.item()
    _hear(book, replace(MFA, item=item.ref))
    later = replace(MFA, outcome=TestOutcome.PASS, observed_at=WHEN + timedelta(hours=1), item=None)
    _hear(book, later)
    assert book.store.ask(controls.latest_words) == [replace(later, item=item.ref)]
    _hear(book, MFA)
    assert book.store.ask(controls.latest_words) == [replace(later, item=item.ref)]


def test_silent_tests_are_told_apart(book: "Book") -> None:
    _hear(book, MFA, replace(MFA, fingerprint="f2", title="Ports", observed_at=WHEN - timedelta(days=40)))
    silent = controls.latest_words
    assert [t.title for t in book.store.ask(silent, silent_since=WHEN - timedelta(days=30))] == ["Ports"]
