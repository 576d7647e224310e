"""The score sheet publishes what a campaign found, in order, and replaces only that campaign's rows."""

import json
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic

import pytest

from tests.campaigns import sheet
from tests.campaigns.mutation import share, tally
from tests.campaigns.sheet import Score, publish
from tests.campaigns.spread import Case, Crew, spread

_AGAIN = "make campaign NAME=x"


def _score(row: str, wrong: int = 0, cases: int = 10, full: int = 10) -> Score:
    return Score(row, f"{row} was tried", cases, {"duplicates": wrong}, 1, 12.0, _AGAIN, {"runs": "2"}, full)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "DATA", tmp_path / "reliability.json")
    monkeypatch.setattr(sheet, "PAGE", tmp_path / "reliability.md")
    monkeypatch.setattr(sheet, "commit", lambda: "0123456789")


def test_rows_stand_in_the_order_of_their_numbers_and_a_new_one_replaces_the_old() -> None:
    publish([_score("R10"), _score("S6"), _score("R2", wrong=3)], "0123456789")
    publish([_score("R2")], "0123456789")
    assert list(json.loads(sheet.DATA.read_text())) == ["R2", "R10", "S6"]
    page = sheet.PAGE.read_text()
    assert "| R2 | R2 was tried | 10 | duplicates: 0 | runs: 2 |" in page
    assert "| R2 | `make campaign NAME=x` | 1 | 0123456789 |" in page


def test_a_row_says_of_how_many_cases_it_is_and_that_its_commit_changed() -> None:
    publish([_score("R1", cases=2_000, full=6_000)], "abcdef0123 with changes")
    page = sheet.PAGE.read_text()
    assert "| R1 | R1 was tried | 2,000 of 6,000 |" in page
    assert "| 1 | abcdef0123 with changes, at its end 0123456789 |" in page


def test_a_row_without_cases_or_with_something_wrong_does_not_pass() -> None:
    assert _score("R1").passed
    assert not _score("R1", wrong=1).passed
    assert not _score("R1", cases=0).passed


def test_a_mutant_counts_as_found_however_a_test_noticed_it(tmp_path: Path) -> None:
    codes = {"a": 1, "b": 0, "c": 36, "d": 33, "e": None}
    (tmp_path / "mapping").mkdir()
    (tmp_path / "mapping" / "read.py.meta").write_text(json.dumps({"exit_code_by_key": codes}))
    (tmp_path / "mapping" / "empty.py.meta").write_text(json.dumps({"exit_code_by_key": {}}))
    [(name, seen)] = tally(tmp_path).items()
    assert (name, seen["not checked"], share(seen)) == ("mapping.read", 1, 40.0)


def _odd_goes_wrong(number: int) -> Case:
    if number == 4:
        raise ValueError("four")
    return Case(number, ("odd",) if number % 2 else ())


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_case_is_tried_once_and_one_that_raises_went_wrong(jobs: int) -> None:
    cases = sorted(spread("odd", _odd_goes_wrong, range(6), Crew(jobs)), key=lambda case: case.number)
    assert [case.wrong for case in cases] == [(), ("odd",), (), ("odd",), ("error",), ("odd",)]
    assert "four" in cases[4].story


def _tried(notes: Path, number: int) -> Case:
    with notes.open("a") as file:
        file.write(f"{number} ")
    return Case(number, ("odd",) if number % 2 else (), (("kills", 2.0),), f"the story of {number}")


def test_a_campaign_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    notes, crew = tmp_path / "notes", Crew(kept=tmp_path / "kept")
    stopped = spread("R1", partial(_tried, notes), range(6), crew)
    before = [next(stopped) for _ in range(3)]
    del stopped
    [kept] = (tmp_path / "kept").iterdir()
    kept.write_text(kept.read_text()[:-10])
    cases = list(spread("R1", partial(_tried, notes), range(6), crew))
    assert cases[:2] == before[:2]
    assert notes.read_text() == "0 1 2 2 3 4 5 "
    assert list(spread("R1", partial(_tried, notes), range(6), crew)) == cases
    assert notes.read_text() == "0 1 2 2 3 4 5 "


def _tried_by(gate: Path, number: int) -> Case:
    """The case 1 ends no sooner than the case 3."""
    if number in (1, 3):
        gate.open("r" if number == 1 else "w").close()
    return Case(number, also=(("by", os.getpid()),))


def test_cases_that_share_something_are_tried_by_one_process_also_where_some_were_tried_before(tmp_path: Path) -> None:
    os.mkfifo(gate := tmp_path / "gate")
    crew = Crew(2, tmp_path / "kept")
    before = list(spread("R1", partial(_tried, tmp_path / "notes"), [0], crew, chunk=2))
    cases = sorted(spread("R1", partial(_tried_by, gate), range(4), crew, chunk=2), key=lambda case: case.number)
    assert cases[:1] == before
    assert cases[2].also == cases[3].also != cases[1].also


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_case_whose_time_is_over_is_left_for_the_next_time(jobs: int, tmp_path: Path) -> None:
    notes, crew = tmp_path / "notes", Crew(jobs, tmp_path / "kept")
    assert not list(spread("R1", partial(_tried, notes), range(6), replace(crew, until=monotonic())))
    assert not notes.exists()
    assert len(list(spread("R1", partial(_tried, notes), range(6), replace(crew, until=monotonic() + 600)))) == 6
