"""The morning view, as people and programs read it."""

import re

import pytest
from rich.cells import cell_len

from sync.app.show import PAPER
from tests.app.conftest import Line, Office

CONTROLS = "code,title\nCC6.1,Logical access\nCC7.2,Monitoring\n"


@pytest.fixture
def morning(desk: Line) -> Line:
    """A programme with a bit of everything."""
    for number in range(3):
        desk.add(f"Rotate the keys of host {number}", "--owner", "mia@acme.example", "--due", f"2099-06-0{number + 1}")
    desk.add("Pin the base images", "--priority", "critical", "--due", "2026-01-15", "--control", "CC6.1")
    (desk.folder / "soc2.csv").write_text(CONTROLS, encoding="utf-8")
    desk("framework", "add", str(desk.folder / "soc2.csv"), "--id", "SOC2")
    desk("risk", "add", "Somebody else gets in", "--id", "R-1", "--next-review", "2026-01-01")
    return desk


def test_status_says_whose_work_is_open_and_what_is_too_much(morning: Line) -> None:
    answer = morning.json("status")
    nobody, mia = answer["owners"]
    assert (nobody["owner"], nobody["open"]["critical"], nobody["overdue"]) == (None, 1, 1)
    assert (mia["open"]["medium"], mia["most_due"], mia["week"]) == (3, 3, "2099-06-01")
    assert sum(answer["controls"].values()) == 2
    assert [risk["id"] for risk in answer["risks_due"]] == ["R-1"]
    assert (answer["quiet"], answer["silent_tests"], answer["last_sync"]) == ([], [], None)


def test_every_flag_names_the_command_that_helps(morning: Line) -> None:
    vague = morning.add("Improve security", "--owner", "mia@acme.example")
    text = morning("status").out
    assert f"the title does not say what to do: {vague}" in text
    assert "1 open item of nobody\n    counterfoil item edit REF --owner EMAIL" in text.replace("      c", "    c")
    assert "counterfoil risk score R-1" in text
    assert "No sync has ended yet. Next: counterfoil plan" in text


def test_status_fits_into_eighty_columns(morning: Line) -> None:
    paper = PAPER.set(80)
    try:
        lines = morning("status").out.splitlines()
    finally:
        PAPER.reset(paper)
    plain = [line for line in lines if "\x1b" not in line]
    assert plain
    assert max(map(len, plain)) <= 80


def test_status_of_much_and_in_wide_characters_fits_too_and_names_no_more_than_can_be_read(morning: Line) -> None:
    rows = "".join(f"{'鍵を更新する' * 9} {n},very.long.name.number{n}@department.acme.example\n" for n in range(50))
    (morning.folder / "rows.csv").write_text(f"title,owner\n{rows}", encoding="utf-8")
    morning("intake", "csv", str(morning.folder / "rows.csv"))
    morning("risk", "add", "他人が侵入する" * 12, "--id", "R-2", "--next-review", "2026-01-01")
    morning("sync")
    paper = PAPER.set(80)
    try:
        text = re.sub(r"\x1b\[[0-9;]*m", "", morning("status").out)
    finally:
        PAPER.reset(paper)
    assert max(map(cell_len, text.splitlines())) <= 80
    assert "他人が侵入する" * 12 in "".join(text.split())
    assert not any(line[:1] in "他人が侵入する" for line in filter(None, text.splitlines()))
    waiting = len(morning.json("status")["holds"])
    assert (waiting > 50, text.count("no_route: ")) == (True, 20)
    assert f"and {waiting - 20} more: counterfoil holds list" in text


def test_status_says_how_the_last_sync_ended(office: Office) -> None:
    office.line.add("Rotate the keys")
    assert office.line("sync").code == 0
    last = office.line.json("status")["last_sync"]
    assert (last["exit_code"], last["created"], last["refused"], last["problems"]) == (0, 1, None, [])
    assert "in order (1 created)" in office.line("status").out
