"""The commands that write plans of action and milestones."""

import json
from hashlib import sha256

import pytest

from tests.app.conftest import Line

DAYS = ("--from", "2020-01-01", "--to", "2035-12-31")


@pytest.fixture
def begun(desk: Line) -> Line:
    """A command line that knows of one item."""
    desk.add("Rotate the keys", "--priority", "high", "--control", "CC6.1")
    return desk


@pytest.mark.parametrize(("form", "name"), [("oscal-poam", "plan.json"), ("fedramp", "plan.xlsx")])
def test_a_plan_is_written_and_answered_for(begun: Line, form: str, name: str) -> None:
    out = begun.folder / name
    answer = begun("report", form, *DAYS, "--out", str(out), "--json").json
    assert answer == {
        "file": str(out),
        "sha256": sha256(out.read_bytes()).hexdigest(),
        "open": 1,
        "closed": 0,
        "left_out": 0,
        "records": answer["records"],
        "strange": [],
        "complaints": [],
    }
    again = begun("report", form, *DAYS, "--out", str(out))
    assert f"Wrote {out}: 1 item, of which 0 closed\nSHA-256 {answer['sha256']}" in again.out


def test_a_plan_of_oscal_names_the_item(begun: Line) -> None:
    out = begun.folder / "plan.json"
    assert begun("report", "oscal-poam", *DAYS, "--out", str(out)).code == 0
    [item] = json.loads(out.read_text())["plan-of-action-and-milestones"]["poam-items"]
    assert item["title"] == "Rotate the keys"


def test_what_is_not_installed_is_named(begun: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "trestle.oscal.poam", None)
    refused = begun("report", "oscal-poam", *DAYS, "--out", "plan")
    assert (refused.code, "pip install 'counterfoil[oscal]'" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("days", "out", "why"),
    [
        (("--from", "2020-01-01", "--to", "2020-02-01"), "plan.json", "no item"),
        (("--from", "2020-02-01", "--to", "2020-01-01"), "plan.json", "is before"),
        (DAYS, "nowhere/plan.json", "cannot be written"),
    ],
)
def test_what_cannot_be_written_says_why_and_leaves_nothing(
    begun: Line, days: tuple[str, ...], out: str, why: str
) -> None:
    before = sorted(begun.folder.iterdir())
    refused = begun("report", "oscal-poam", *days, "--out", str(begun.folder / out))
    assert (refused.code, why in refused.err, sorted(begun.folder.iterdir())) == (2, True, before)
