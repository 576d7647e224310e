"""Evidence as rows: pieces once, in versions; reviews and looks are added and never changed."""

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from state import proofs
from state.effects import Effects
from state.errors import StateError, UnknownRef
from state.proof import Evidence, EvidenceDraft, EvidenceKind, LinkCheck, LinkHealth, Review, Verdict
from state.series import PAGE
from tests.state.conftest import WHEN

if TYPE_CHECKING:
    from tests.state.conftest import Book

DRAFT = EvidenceDraft(
    EvidenceKind.LOG, "the rotation's log", "mia@acme.example", WHEN, item="AI-000001", sha256="a" * 64, size=3
)
ATTACHED = replace(DRAFT, origin="eng", remote_id="77", name="run.log")


def add(book: "Book", *drafts: EvidenceDraft) -> list[tuple[Evidence, bool]]:
    with book.store.writing() as w:
        return proofs.add(w.connection, w.ledger, [(each, book.because) for each in drafts])


def again(book: "Book", ref: str, draft: EvidenceDraft) -> tuple[Evidence, bool]:
    with book.store.writing() as w:
        return proofs.add_version(w.connection, w.ledger, ref, draft, book.because)


def judge(book: "Book", evidence: Evidence, verdict: Verdict, reason: str = "") -> None:
    found = Review(verdict, "rae@acme.example", book.clock(), reason)
    with book.store.writing() as w:
        proofs.review(w.connection, w.ledger, evidence, found, book.because)


def look(book: "Book", evidence: Evidence, health: LinkHealth, sha256: str | None = None) -> bool:
    found = LinkCheck(health, book.clock(), sha256)
    with book.store.writing() as w:
        return proofs.check(w.connection, w.ledger, evidence, found, book.because)


def newest(book: "Book", ref: str = "EV-1") -> Evidence:
    return book.store.ask(proofs.versions, ref)[-1]


def test_evidence_gets_a_ref_and_is_read_as_it_was_written(book: "Book") -> None:
    book.item()
    full = replace(
        DRAFT,
        controls=("CC6.1",),
        url="https://ci.example/é",
        name="run.log",
        mime="text/plain",
        stored=True,
        period_start=date(2026, 7, 1),
        period_end=date(2026, 9, 30),
        expires_on=date(2027, 9, 30),
    )
    [(stored, new)] = add(book, full)
    assert (stored, new) == (Evidence("EV-000001", 1, full), True)
    assert [newest(book, name) for name in ("EV-000001", "ev-1", "1")] == [stored] * 3
    assert book.store.ask(proofs.of_items, ["AI-000001", "AI-000009"]) == {"AI-000001": [stored]}
    assert book.store.ask(proofs.everything) == [stored]


def test_evidence_is_recorded_under_all_that_it_supports_and_its_texts_beside_it(book: "Book") -> None:
    book.item()
    add(book, replace(DRAFT, controls=("CC6.1", "CC6.2"), url="https://ci.example/?token=1"))
    records = book.records(1)
    assert [(each["action"], each["object"]) for each in records] == [
        ("evidence.added", name) for name in ("AI-000001", "CC6.1", "CC6.2")
    ]
    assert records[0]["after"]["sha256"] == "a" * 64
    assert "rotation" not in book.bodies()
    assert "token" not in book.bodies()
    assert book.store.verify().ok


def test_the_same_said_again_is_the_same_piece(book: "Book") -> None:
    book.item()
    [(first, _)] = add(book, DRAFT)
    later = replace(DRAFT, captured_at=WHEN + timedelta(days=1), by="kim@acme.example", name="copy.log")
    assert add(book, later, DRAFT) == [(first, False), (first, False)]
    [(other, new)] = add(book, replace(DRAFT, shows="something else"))
    assert (other.ref, new) == ("EV-000002", True)
    assert book.actions() == ["item.created", "evidence.added", "evidence.added"]


def test_what_a_tracker_calls_the_same_is_a_new_version_only_with_other_bytes(book: "Book") -> None:
    book.item()
    book.item("Another")
    [(first, _)] = add(book, ATTACHED)
    assert add(book, replace(ATTACHED, shows="told anew")) == [(first, False)]
    [(second, new)] = add(book, replace(ATTACHED, sha256="b" * 64))
    assert (second.ref, second.version, new) == ("EV-000001", 2, True)
    [(elsewhere, _), (foreign, _)] = add(book, replace(ATTACHED, item="AI-000002"), replace(ATTACHED, origin="web"))
    assert (elsewhere.ref, foreign.ref) == ("EV-000002", "EV-000003")
    assert [(e.version, e.superseded) for e in book.store.ask(proofs.versions, "EV-1")] == [(1, True), (2, False)]


def test_without_bytes_the_address_the_name_and_the_size_tell(book: "Book") -> None:
    book.item()
    link = replace(ATTACHED, kind=EvidenceKind.LINK, sha256=None, size=None, url="https://ci.example/1")
    [(first, _)] = add(book, link)
    assert add(book, link, replace(link, sha256="c" * 64)) == [(first, False), (first, False)]
    [(second, new)] = add(book, replace(link, url="https://ci.example/2"))
    assert (second.version, new) == (2, True)


def test_bytes_that_come_later_are_kept_for_what_is_known(book: "Book") -> None:
    book.item()
    add(book, ATTACHED)
    [(stored, new)] = add(book, replace(ATTACHED, stored=True))
    assert (stored.draft.stored, new) == (True, False)
    assert newest(book).draft.stored
    add(book, replace(ATTACHED, stored=True))
    assert book.actions(1) == ["evidence.added", "evidence.stored"]


BROUGHT = replace(DRAFT, by="kim@acme.example", captured_at=WHEN + timedelta(days=9), stored=True)


def test_the_bytes_of_which_the_hash_alone_was_kept_are_no_new_version_when_somebody_brings_them(book: "Book") -> None:
    book.item()
    add(book, ATTACHED)
    for _ in range(2):
        kept, new = again(book, "EV-1", BROUGHT)
        assert (kept, new) == (newest(book), False)
        assert (kept.version, kept.draft.by, kept.draft.stored) == (1, "mia@acme.example", True)
    assert book.actions(1) == ["evidence.added", "evidence.stored"]


@pytest.mark.parametrize(
    "other",
    [
        replace(BROUGHT, sha256="b" * 64),
        replace(BROUGHT, shows="another"),
        replace(BROUGHT, kind=EvidenceKind.SCREENSHOT),
        replace(BROUGHT, url="https://ci.example/1"),
        replace(BROUGHT, controls=("CC6.1",)),
        replace(BROUGHT, period_start=date(2026, 7, 1)),
        replace(BROUGHT, expires_on=date(2026, 12, 1)),
    ],
    ids=["bytes", "what it shows", "kind", "address", "controls", "period", "end"],
)
def test_what_is_said_of_known_bytes_in_another_way_is_a_new_version(book: "Book", other: EvidenceDraft) -> None:
    book.item()
    add(book, ATTACHED)
    kept, new = again(book, "EV-1", other)
    assert (new, kept.version, kept.draft) == (True, 2, other)


def test_bytes_that_nobody_saw_when_their_hash_was_rejected_are_a_new_version_to_look_at(book: "Book") -> None:
    book.item()
    [(first, _)] = add(book, ATTACHED)
    judge(book, first, Verdict.REJECTED, "the file is not here")
    kept, new = again(book, "EV-1", BROUGHT)
    assert (new, kept.version, kept.review) == (True, 2, None)
    judge(book, kept, Verdict.REJECTED, "cut off")
    assert again(book, "EV-1", BROUGHT)[1] is False


def test_a_piece_gets_versions_by_name_and_keeps_every_one(book: "Book") -> None:
    book.item()
    add(book, DRAFT)
    [(second, new), (same, not_new)] = [again(book, "ev-1", replace(DRAFT, sha256="b" * 64)) for _ in range(2)]
    assert (second.ref, second.version, new, not_new) == ("EV-000001", 2, True, False)
    assert same == second
    assert [e.draft.sha256 for e in book.store.ask(proofs.versions, "EV-1")] == ["a" * 64, "b" * 64]
    assert [(each.ref, new) for each, new in add(book, DRAFT)] == [("EV-000002", True)]
    with pytest.raises(UnknownRef):
        again(book, "EV-9", DRAFT)


@pytest.mark.parametrize("ref", ["EV-9", "EV-", "EV-²", "EV-" + "9" * 40, "H-1", "", "EV-1/1"])
def test_unknown_evidence_is_named_with_the_command_that_lists_it(book: "Book", ref: str) -> None:
    with pytest.raises(UnknownRef) as error:
        book.store.ask(proofs.versions, ref)
    if ref.startswith("EV-"):
        assert "counterfoil evidence list" in str(error.value)


def test_evidence_for_nothing_is_refused_whole(book: "Book") -> None:
    with pytest.raises(StateError, match="supports an item or a control"):
        add(book, replace(DRAFT, item=None, controls=("CC6.1",)), replace(DRAFT, item=None))
    with pytest.raises(StateError):
        add(book, DRAFT)
    assert book.store.ask(proofs.everything) == []
    assert book.records() == []


def test_what_names_controls_is_found_by_them(book: "Book") -> None:
    book.item()
    own = replace(DRAFT, item=None, controls=("CC6.1",))
    add(book, DRAFT, own, replace(DRAFT, controls=("CC7.1",)))
    assert [e.ref for e in book.store.ask(proofs.of_controls)] == ["EV-000002", "EV-000003"]


def test_the_latest_review_of_a_version_counts_and_none_is_lost(book: "Book") -> None:
    book.item()
    [(first, _)] = add(book, DRAFT)
    judge(book, first, Verdict.ACCEPTED)
    book.clock.forward(60)
    judge(book, first, Verdict.REJECTED, "cut off")
    assert newest(book).review == Review(Verdict.REJECTED, "rae@acme.example", book.clock(), "cut off")
    again(book, "EV-1", replace(DRAFT, sha256="b" * 64))
    assert newest(book).review is None
    found = book.store.ask(proofs.reviews, "EV-1")
    assert {version: [each.verdict for each in some] for version, some in found.items()} == {
        1: [Verdict.ACCEPTED, Verdict.REJECTED]
    }
    assert book.actions().count("evidence.reviewed") == 2


def test_a_look_at_a_link_is_kept_when_it_finds_something_else(book: "Book") -> None:
    book.item()
    [(first, _)] = add(book, DRAFT)
    kept = []
    for health, sha256 in [
        *((LinkHealth.SAME, "a"), (LinkHealth.SAME, "a"), (LinkHealth.CHANGED, "b"), (LinkHealth.UNREACHABLE, None)),
        *((LinkHealth.UNREACHABLE, None), (LinkHealth.CHANGED, "b"), (LinkHealth.CHANGED, "c")),
    ]:
        book.clock.forward(60)
        kept.append(look(book, first, health, sha256))
    assert kept == [True, False, True, True, False, True, True]
    word = newest(book).check
    assert word is not None
    assert (word.health, word.sha256) == (LinkHealth.CHANGED, "c")
    assert len(book.store.ask(proofs.checks, "EV-1")[1]) == 5
    assert book.actions().count("evidence.checked") == 5


def test_a_changed_link_stays_flagged_while_it_cannot_be_seen_and_until_it_is_reviewed(book: "Book") -> None:
    book.item()
    [(first, _)] = add(book, DRAFT)
    look(book, first, LinkHealth.SAME, "a")
    look(book, first, LinkHealth.CHANGED, "b")
    look(book, first, LinkHealth.UNREACHABLE)
    assert newest(book).why_not(WHEN.date()) == "its link is changed"
    book.clock.forward(60)
    judge(book, first, Verdict.ACCEPTED)
    book.clock.forward(60)
    look(book, first, LinkHealth.CHANGED, "b")
    assert newest(book).resolves(WHEN.date())
    look(book, first, LinkHealth.CHANGED, "c")
    assert not newest(book).resolves(WHEN.date())


def test_what_ends_is_found_in_its_newest_version_only(book: "Book") -> None:
    book.item()
    day = date(2026, 12, 1)
    add(book, replace(DRAFT, expires_on=day), replace(DRAFT, shows="for ever"))
    assert book.store.ask(proofs.ending, day) == []
    assert [e.ref for e in book.store.ask(proofs.ending, day + timedelta(days=1))] == ["EV-000001"]
    again(book, "EV-1", replace(DRAFT, sha256="b" * 64, expires_on=None))
    assert book.store.ask(proofs.ending, day + timedelta(days=1)) == []


def test_a_run_keeps_evidence_in_its_own_transaction(book: "Book") -> None:
    book.item()
    effects = Effects(evidence=[(ATTACHED, book.because)])
    book.store.commit(None, effects)
    book.store.commit(None, effects)
    assert [e.version for e in book.store.ask(proofs.everything)] == [1]


def test_more_pieces_are_read_than_one_statement_names(book: "Book") -> None:
    book.item()
    add(book, *(replace(ATTACHED, remote_id=str(n)) for n in range(PAGE + 1)))
    assert len(book.store.ask(proofs.everything)) == PAGE + 1
    assert newest(book, f"EV-{PAGE + 1}").draft.remote_id == str(PAGE)


def test_what_is_said_several_times_at_once_is_kept_as_if_one_after_the_other(book: "Book") -> None:
    item = book.item()
    first = EvidenceDraft(
        EvidenceKind.FILE, "MFA is on", "scan", book.clock(), item=item.ref, origin="scan", remote_id="a"
    )
    said = [replace(first, sha256="1" * 64), replace(first, sha256="1" * 64, stored=True)]
    said += [said[1], replace(first, sha256="2" * 64), replace(first, remote_id="b")]
    with book.store.writing() as w:
        kept = proofs.add(w.connection, w.ledger, [(each, book.because) for each in said])
    places = [(each.ref, each.version, each.draft.stored, new) for each, new in kept]
    assert places == [
        ("EV-000001", 1, False, True),
        ("EV-000001", 1, True, False),
        ("EV-000001", 1, True, False),
        ("EV-000001", 2, False, True),
        ("EV-000002", 1, False, True),
    ]
    assert [each.draft.stored for each in book.store.ask(proofs.everything)] == [True, False, False]
    assert book.actions(since=1) == ["evidence.added", "evidence.stored", "evidence.added", "evidence.added"]
