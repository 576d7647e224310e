"""What `--out` never takes the place of."""

from pathlib import Path

import pytest

from tests.app.conftest import Line
from tests.app.test_signing import signing

DAYS = ("--from", "2020-01-01", "--to", "2099-12-31")
WRITING = {
    ".json": (("plan",), ("report", "json", *DAYS), ("report", "oscal-poam", *DAYS)),
    ".md": (("report", "md", *DAYS),),
    ".html": (("report", "html", *DAYS),),
    ".xlsx": (("report", "fedramp", *DAYS),),
    ".zip": (("audit", "pack", *DAYS),),
    ".tlog-proof": (("audit", "prove", "1"),),
}
COMMANDS = [(words, ending) for ending, each in WRITING.items() for words in each]


@pytest.fixture
def office(desk: Line) -> Line:
    signing(desk)
    desk.add("Rotate the keys")
    return desk


def _all(folder: Path) -> dict[str, bytes]:
    return {str(each): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


@pytest.mark.parametrize(("words", "ending"), COMMANDS)
def test_no_file_takes_the_place_of_one_in_use_or_of_another_kind(
    office: Line, words: tuple[str, ...], ending: str
) -> None:
    Path("old.key").write_text("kept", encoding="utf-8")
    Path(f"linked{ending}").symlink_to("audit.key")
    before = _all(office.folder)
    for name in ("counterfoil.toml", "audit.key", str(office.config), f"linked{ending}"):
        answer = office(*words, "--out", name)
        assert (answer.code, "in use here, and nothing was written" in " ".join(answer.err.split())) == (2, True), name
    answer = office(*words, "--out", "old.key")
    assert (answer.code, f"does not end in {ending}: name another" in " ".join(answer.err.split())) == (2, True)
    assert {name: each for name, each in _all(office.folder).items() if name in before} == before


def test_a_file_of_the_same_kind_is_replaced_so_that_a_schedule_can_write_it_again(office: Line) -> None:
    for words, ending in COMMANDS:
        Path(f"one{ending}").write_text("older", encoding="utf-8")
        assert office(*words, "--out", f"one{ending}").code == 0
        assert Path(f"one{ending}").read_bytes() != b"older"


def test_the_database_and_its_companions_are_in_use_whether_they_are_there_or_not(office: Line) -> None:
    text = office.config.read_text(encoding="utf-8")
    office.config.write_text(text.replace(office.url, "sqlite:///used.json"), encoding="utf-8")
    for name in ("used.json", "used.json-wal", "used.json-shm", "used.json-journal"):
        answer = office("plan", "--out", name)
        assert (answer.code, "in use here" in " ".join(answer.err.split())) == (2, True), name


def test_tables_take_the_place_of_tables_and_not_of_one_that_may_be_something_else(office: Line) -> None:
    Path("mine").mkdir()
    Path("mine/risks.csv").write_text("mine", encoding="utf-8")
    answer = office("report", "csv", *DAYS, "--out", "mine")
    assert (answer.code, "mine/risks.csv is there already" in " ".join(answer.err.split())) == (2, True)
    assert _all(Path("mine")) == {"mine/risks.csv": b"mine"}
    for _ in range(2):
        assert office("report", "csv", *DAYS, "--out", "tables").code == 0


@pytest.mark.parametrize("words", [words for words, _ in COMMANDS])
def test_standard_output_is_no_file(office: Line, words: tuple[str, ...]) -> None:
    before = _all(office.folder)
    answer = office(*words, "--out", "-")
    assert (answer.code, "names a file" in answer.err) == (2, True)
    assert _all(office.folder) == before
