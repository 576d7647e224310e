"""Personal text: the ledger stands for it and does not hold it, and is whole once it is erased."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from state.effects import Because, Effects, Note
from state.errors import AuditError
from state.model import Actor, Agent
from state.salted import commitment, held, named_in

if TYPE_CHECKING:
    from tests.state.conftest import Book


def test_what_a_person_is_called_and_says_is_no_part_of_a_record_and_is_read_with_it(book: "Book") -> None:
    book.item(owner="mia@acme.example")
    [record] = book.store.log()
    assert not [each for each in ("kim", "Kim", "mia", "asked to") if each in record.body]
    told = record.told
    assert (told["actor"]["account"], told["actor"]["name"]) == ("kim@acme.example", "Kim")
    assert (told["after"]["owner"], told["reason"]) == ("mia@acme.example", "asked to")


@pytest.mark.parametrize("kind", Actor)
def test_the_account_of_a_person_is_hidden_also_where_a_schedule_runs_under_it(book: "Book", kind: Actor) -> None:
    by = Because(Agent(kind, "counterfoil", "kim"), reason="asked to")
    book.store.commit(None, Effects(notes=[Note("ticket.written", "eng:1", by)]))
    [record] = book.store.log()
    assert ("kim" in record.body) is (kind in {Actor.BOT, Actor.UNKNOWN})
    assert record.told["actor"]["account"] == "kim"


def test_a_record_holds_the_hash_of_salt_and_text(book: "Book") -> None:
    book.item(owner="mia@acme.example")
    [record] = book.store.log()
    named = json.loads(record.body)["after"]["owner"]["salted"]
    [(salt, text)] = book.raw(("SELECT salt, text FROM salted WHERE hash = ?", (named,)))
    assert (commitment(salt, json.loads(text)), text, len(salt)) == (named, '"mia@acme.example"', 32)


def test_the_same_text_has_one_salt(book: "Book") -> None:
    book.item(owner="mia@acme.example")
    book.item(owner="mia@acme.example")
    first, second = (set(named_in(record.body)) for record in book.store.log())
    assert first == second
    assert book.raw("SELECT count(*), count(DISTINCT salt) FROM salted") == [(4, 4)]


def test_a_text_that_is_given_a_form_of_its_own_passes_for_no_other(book: "Book") -> None:
    forged = '{"salted":"' + "0" * 64 + '"}'
    book.item(forged, owner=forged)
    [record] = book.store.log()
    assert (record.told["after"]["title"], record.told["after"]["owner"]) == (forged, forged)
    assert book.store.verify().redacted == 0


def test_a_personal_text_that_was_changed_is_found(book: "Book") -> None:
    book.item(owner="mia@acme.example")
    book.item(owner="omar@acme.example")
    book.raw("UPDATE salted SET text = '\"olga@acme.example\"' WHERE text = '\"omar@acme.example\"'")
    assert book.store.verify().first_bad == (2, "a personal text that record 2 stands for was changed")


@pytest.mark.parametrize("text", ["mia@acme.example", "17", '["mia@acme.example"]', "[" * 5000])
def test_what_is_no_text_where_one_was_is_found_and_can_be_read(book: "Book", text: str) -> None:
    book.item(owner="mia@acme.example")
    book.raw(("UPDATE salted SET text = ? WHERE text = '\"mia@acme.example\"'", (text,)))
    assert [record.seq for record in book.store.log()] == [1]
    assert book.store.verify().first_bad == (1, "a personal text that record 1 stands for was changed")


def test_a_personal_text_may_hold_any_character(book: "Book") -> None:
    said = 'no\0thing \\u0000 \x1f \u2028 \U0001f511 "quoted"'
    book.store.commit(None, Effects(notes=[Note("ticket.written", "eng:1", replace(book.because, reason=said))]))
    [record] = book.store.log()
    assert record.told["reason"] == said
    assert book.store.verify().ok


@pytest.mark.parametrize("absent", ["first", "last", "none"])
def test_texts_are_found_in_whatever_order_they_were_kept(book: "Book", absent: str) -> None:
    for number in range(40):
        book.item(owner=f"person{number}@acme.example")
    kept = [hash_ for record in book.store.log() for hash_ in named_in(record.body)]
    strange = {"first": ["0" * 64, *kept], "last": [*kept, "0" * 64], "none": kept}[absent]
    with book.store.reading() as connection:
        for wanted in (strange, strange[::-1], strange[1::3] + strange[::3], strange[7:9], []):
            assert held(connection, wanted) == dict.fromkeys({*wanted} - {"0" * 64}, True)


def test_a_salt_that_was_changed_is_found(book: "Book") -> None:
    book.item(owner="mia@acme.example")
    book.raw("UPDATE salted SET salt = '00' WHERE text = '\"mia@acme.example\"'")
    assert book.store.verify().first_bad == (1, "a personal text that record 1 stands for was changed")


def test_no_letter_moves_from_a_text_into_its_salt(book: "Book") -> None:
    book.item(owner="mia@acme.example")
    book.raw("UPDATE salted SET salt = salt || 'mia', text = '\"@acme.example\"' WHERE text = '\"mia@acme.example\"'")
    assert book.store.verify().first_bad == (1, "a personal text that record 1 stands for was changed")


def test_nobody_is_recorded_under_the_name_of_another(book: "Book") -> None:
    book.item(owner="mia@acme.example")
    [(digest,)] = book.raw("SELECT digest FROM salted WHERE text = '\"mia@acme.example\"'")
    book.raw(("UPDATE salted SET digest = 'x' WHERE digest = ?", (digest,)))
    book.raw(("UPDATE salted SET digest = ? WHERE text = '\"Kim\"'", (digest,)))
    with pytest.raises(AuditError, match="a personal text was changed in the database"):
        book.item(owner="mia@acme.example")
    assert [record.seq for record in book.store.log()] == [1]
