"""A slice of the campaign that tampers with the ledger: each kind a few times, and every bit of some records."""

import pytest

from tests.campaigns import statements, tampering


@pytest.mark.parametrize("kind", range(len(tampering.KINDS)), ids=list(tampering.KINDS))
def test_tampering_is_found_and_its_place_is_named(kind: int) -> None:
    for turn in range(3):
        case = tampering.attempt(kind + turn * len(tampering.KINDS), seed=7)
        assert case.wrong == (), case.story


@pytest.mark.parametrize("kind", range(len(tampering.TEXTS)), ids=list(tampering.TEXTS))
def test_a_personal_text_that_is_taken_or_changed_without_a_record_is_found(kind: int) -> None:
    case = tampering.erased(kind, seed=7)
    assert case.wrong == (), case.story


def test_a_stolen_key_does_not_help_against_copies() -> None:
    for number in range(3):
        case = tampering.robbed(number, seed=7)
        assert case.wrong == (), case.story


@pytest.mark.parametrize("number", [0, 100, tampering.FLIPPED - 1])
def test_every_flipped_bit_of_a_record_is_found(number: int) -> None:
    assert tampering.flipped(number).wrong == ()


def test_a_ledger_that_nobody_touched_is_in_order() -> None:
    found = tampering.site(tampering.RECORDS).examined()
    assert (found.conclusion, found.anchored, found.verdict.first_bad) == ("anchored", tampering.RECORDS, None)


@pytest.mark.parametrize("number", [0, len(statements.ON_A_FILE) - 1])
def test_a_statement_of_the_attack_table_is_refused(number: int) -> None:
    assert statements.on_a_file(number).wrong == ()
