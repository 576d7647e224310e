"""A person's names and words go from what is kept here, on record, and the ledger stays whole."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.engine import make_url

from state import comments, persons, salted
from state.effects import Because, Effects
from state.errors import LeaseHeld, StateError
from state.lease import Holder
from state.model import Actor, Agent, Comment
from state.persons import Person, Traces
from state.salted import ERASED
from tests.databases import disarm, on_sqlite
from tests.state.test_acceptances import approved, asked

if TYPE_CHECKING:
    from tests.state.conftest import Book

HERE = Holder("h1", 1)
RUTH = Because(Agent(Actor.HUMAN, "counterfoil", "ruth@acme.example", "Ruth"), run="run-2", reason="they asked for it")
MIA = Because(Agent(Actor.HUMAN, "eng", "5b10", "Mia"), run="run-1", event="r1", reason="the vendor says so")


def _erase(book: "Book", *names: str, words: bool = False, because: Because = RUTH) -> Traces:
    return book.store.erase_person(Person(names), HERE, because, words=words)


def _said(book: "Book", text: str, remote: str, because: Because = MIA, **changes: Any) -> None:
    said = Comment("", "AI-000001", because.agent.name, text, book.clock(), True, "eng", remote)
    book.store.commit(None, Effects(comments=[(replace(said, **changes), because)]))


def _says(book: "Book") -> str:
    return str(book.records()) + str(book.raw("SELECT * FROM comment"))


def test_every_text_with_a_name_of_theirs_goes_and_the_ledger_is_whole(book: "Book") -> None:
    book.item()
    _said(book, "I leave on Monday", "r1")
    _said(book, "thanks, Mia!", "r2", because=book.because)
    _said(book, "thanks, Miami", "r3", because=book.because)
    gone = _erase(book, "mia", "5b10")
    assert (len(gone.texts), gone.comments) == (3, 1)
    said = [record["after"]["text"] for record in book.records() if record["action"] == "comment.received"]
    assert said == ["I leave on Monday", ERASED, "thanks, Miami"]
    assert [row[0] for row in book.raw("SELECT author FROM comment ORDER BY seq")] == [ERASED, "Kim", "Kim"]
    verdict = book.store.verify()
    assert (verdict.first_bad, verdict.redacted) == (None, 3)


def test_what_went_is_on_record_by_whom_and_why_and_the_record_names_nobody(book: "Book") -> None:
    book.item()
    _said(book, "I leave on Monday", "r1")
    gone = _erase(book, "Mia")
    *_, record = book.store.log()
    told = record.told
    assert (told["action"], told["actor"]["account"], told["reason"]) == (
        "person.erased",
        "ruth@acme.example",
        "they asked for it",
    )
    assert told["after"] == {"hashes": list(gone.texts), "comments": 1, "decisions": []}
    assert "mia" not in _says(book).casefold()


def test_their_words_go_too_if_asked_but_not_what_others_said_as_well(book: "Book") -> None:
    book.item()
    _said(book, "I leave on Monday", "r1")
    _said(book, "done", "r2", because=replace(MIA, reason="asked to"))
    _said(book, "done", "r3", because=book.because)
    assert len(_erase(book, "Mia", words=True).texts) == 3
    told = [record for record in book.records() if record["action"] == "comment.received"]
    assert [(each["after"]["text"], each["reason"]) for each in told] == [
        (ERASED, ERASED),
        ("done", "asked to"),
        ("done", "asked to"),
    ]
    assert book.store.verify().ok


def test_other_names_that_acted_under_the_same_account_are_told(book: "Book") -> None:
    book.item()
    _said(book, "I leave on Monday", "r1")
    with book.store.reading() as connection:
        assert persons.traces(connection, Person(["mia"]), words=False).beside == ("5b10",)
    assert book.raw("SELECT count(*) FROM salted WHERE text = '\"Mia\"'") == [(1,)], "it was only asked"


def test_who_still_owns_something_is_not_erased(book: "Book") -> None:
    book.item(owner="mia@acme.example")
    done = book.item(owner="mia@acme.example")
    with pytest.raises(StateError, match=r"^item AI-000001, item AI-000002: still theirs"):
        _erase(book, "MIA@acme.example")
    book.change(done.ref, owner="kim@acme.example")
    book.change("AI-000001", owner=None)
    assert _erase(book, "mia@acme.example").working == {}


@pytest.mark.parametrize(
    "because",
    [
        replace(RUTH, reason="Mia asked for it"),
        replace(RUTH, agent=Agent(Actor.HUMAN, "counterfoil", "mia")),
        replace(RUTH, agent=Agent(Actor.HUMAN, "counterfoil", "ruth", "Mia")),
    ],
)
def test_the_record_of_it_does_not_name_them_again(book: "Book", because: Because) -> None:
    book.item()
    _said(book, "I leave on Monday", "r1")
    with pytest.raises(StateError, match="would name them again"):
        _erase(book, "mia", because=because)
    assert book.store.verify().redacted == 0


def test_who_is_nowhere_leaves_no_record(book: "Book") -> None:
    book.item()
    assert _erase(book, "nobody@acme.example") == Traces()
    assert book.actions() == ["item.created"]


def test_what_is_worked_with_and_records_that_are_clear_are_told(book: "Book") -> None:
    book.item("MFA is off for mia@acme.example")
    _said(book, "ask mia@acme.example.", "r1", because=book.because)
    told = _erase(book, "mia@acme.example")
    assert told.working == {"comment.text": 1, "item.title": 1}
    assert told.in_clear == 1


def test_the_text_of_a_comment_of_ours_goes_and_it_is_not_said_any_more(book: "Book") -> None:
    book.item()
    _said(book, "ask Mia Wong", "", because=book.because, inbound=False, tracker="")
    _said(book, "ask Mia Wong again", "r1", because=book.because, inbound=False)
    _said(book, "ask Kim", "", because=book.because, inbound=False, tracker="")
    with book.store.reading() as connection:
        assert len(comments.waiting(connection, linked_only=False)) == 2
    told = _erase(book, "Mia Wong")
    assert (len(told.texts), told.comments, told.working, told.in_tickets) == (2, 2, {}, ())
    assert [row[0] for row in book.raw("SELECT text FROM comment ORDER BY seq")] == [ERASED, ERASED, "ask Kim"]
    with book.store.reading() as connection:
        assert [each.text for each in comments.waiting(connection, linked_only=False)] == ["ask Kim"]
    assert book.store.verify().ok


def test_an_item_is_named_whose_ticket_has_a_comment_that_names_them_still(book: "Book") -> None:
    book.item()
    _said(book, "ask Mia Wong", "r1", because=book.because)
    told = _erase(book, "Mia Wong")
    assert (told.working, told.in_tickets) == ({"comment.text": 1}, ("AI-000001",))


def test_nobody_is_erased_while_a_run_is_under_way(book: "Book") -> None:
    book.item()
    book.store.take_lease(Holder("elsewhere", 7), 60)
    with pytest.raises(LeaseHeld):
        _erase(book, "kim")


def test_a_text_that_is_gone_without_a_record_of_it_is_found(book: "Book") -> None:
    book.item(owner="mia@acme.example")
    book.item(owner="omar@acme.example")
    disarm(book.url)
    book.raw("DELETE FROM salted WHERE text = '\"omar@acme.example\"'")
    assert book.store.verify().first_bad == (
        2,
        "a personal text that record 2 stands for is gone, and no record says that it was erased",
    )


def test_the_database_lets_no_text_go_without_a_record_of_it(book: "Book") -> None:
    book.item(owner="mia@acme.example")
    with pytest.raises(StateError, match="goes only with a record of it"), book.store.writing() as w:
        salted.erase(w.connection, [hash_ for hash_, _, _ in salted.every(w.connection)])
    assert book.store.verify().redacted == 0


def test_one_text_in_many_records_is_counted_once(book: "Book") -> None:
    for number in range(3):
        book.item(f"Rotate key {number}", owner="mia@acme.example")
        book.change(f"AI-00000{number + 1}", owner=None)
    _erase(book, "mia@acme.example")
    assert book.store.verify().redacted == 1


@on_sqlite
def test_no_page_of_the_file_keeps_the_name(book: "Book") -> None:
    book.item(owner="zebulon@acme.example")
    _said(book, "zebulon@acme.example leaves", "r1", author="zebulon@acme.example", deleted_at=book.clock())
    for number in range(40):
        book.item(f"Rotate key {number}")
    book.change("AI-000001", owner=None)
    _erase(book, "zebulon@acme.example", words=True)
    file = Path(str(make_url(book.url).database))
    with closing(sqlite3.connect(file, isolation_level=None)) as earlier:
        earlier.execute("PRAGMA secure_delete = OFF")
        earlier.execute("INSERT INTO meta VALUES ('zebulon', 'was here')")
        earlier.execute("DELETE FROM meta WHERE name = 'zebulon'")
        earlier.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"zebulon" in file.read_bytes()
    assert book.store.scrub()
    assert not [each.name for each in file.parent.glob(f"{file.name}*") if b"zebulon" in each.read_bytes()]
    assert book.store.verify().ok


@pytest.mark.parametrize(
    "text", ["please ask @kim about it", "(@Kim)", "[~kim] done", "Kim's", "Jose\u0301 said so", "JOSÉ"]
)
def test_a_name_is_found_however_it_is_written(text: str) -> None:
    assert Person(["kim", "José"]).is_in(text)


@pytest.mark.parametrize("text", ["kim@acme.example", "lee@kim", "a.@kim", "kim-lee", "skim", "kim.lee"])
def test_a_name_within_another_one_is_not_theirs(text: str) -> None:
    assert not Person(["kim", "José"]).is_in(text)


def test_a_word_that_is_nobody_s_name_erases_nothing(book: "Book") -> None:
    book.item()
    _said(book, "not before the audit", "r1")
    with pytest.raises(StateError, match="nobody is recorded as before, the"):
        _erase(book, "the", "before", "mia")
    assert book.store.verify().redacted == 0
    assert _erase(book, "Mia Lee", "mia", words=True).texts


def test_who_decided_an_acceptance_that_stands_goes_only_with_that_on_record(book: "Book") -> None:
    approved(book, asked(book, book.item()))
    for name in ("ruth@acme.example", "tom"):
        with pytest.raises(StateError, match=r"^RA-000001: they asked for it, decided it"):
            _erase(book, name, words=True, because=MIA)
    assert book.store.verify().redacted == 0
    book.store.erase_person(Person(["ruth@acme.example"]), HERE, MIA, words=True, decisions=True)
    assert book.records()[-1]["after"]["decisions"] == ["RA-000001"]
    assert book.store.verify().redacted > 0
