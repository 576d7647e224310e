"""Frameworks, controls and risks on the command line, from a file to a control that is implemented."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync.app.shell import system_user
from sync.app.show import PAPER
from tests.app.conftest import Line
from tests.app.test_json import documented, keys

SOC2 = """code,title,guidance,owner
CC6.1,Logical access,"Restrict it.

- by role",ada@acme.example
CC6.2,Joiners and leavers,,
CC7.2,Monitoring,Watch it.,
"""
ISO = "code,title\nA.5.15,Access control\nA.8.15,Logging\n"


def catalog(**more: Any) -> dict[str, Any]:
    """A small catalog as no standards body wrote it."""
    metadata = {
        "title": "House rules",
        "last-modified": "2026-01-01T00:00:00Z",
        "version": "3",
        "oscal-version": "1.1.2",
    }
    param = {"id": "p1", "label": "the on-call team"}
    chosen = {"id": "p2", "select": {"how-many": "one-or-more", "choice": ["mail", "page {{ insert: param, p1 }}"]}}
    fixed = {"id": "p3", "values": ["24 hours"]}
    statement = {
        "name": "statement",
        "prose": "Tell {{ insert: param, p1 }} within {{ insert: param, p3 }}:",
        "parts": [
            {"name": "item", "props": [{"name": "label", "value": "a."}], "prose": "by {{ insert: param, p2 }} ;"},
            {"name": "item", "prose": "in {{ insert: param, nowhere }}."},
        ],
    }
    parts = [statement, {"name": "guidance", "prose": "Be quick."}, {"name": "assessment-method", "prose": "EXAMINE"}]
    withdrawn = {"id": "h-9", "title": "Old", "props": [{"name": "status", "value": "withdrawn"}]}
    inner = {"id": "h-1.1", "title": "Inner", "props": [{"name": "label", "value": "H-1(1)"}]}
    labels = [{"name": "label", "value": "H-01", "class": "zero-padded"}, {"name": "label", "value": "H-1"}]
    outer = {"id": "h-1", "title": "Tell\tthem", "params": [param, chosen, fixed], "parts": parts, "props": labels}
    groups = [
        {
            "id": "g",
            "title": "House",
            "groups": [{"id": "h", "title": "H", "controls": [outer | {"controls": [inner]}, withdrawn]}],
        }
    ]
    body = {"uuid": "3b6a3f6e-2b1c-4f5e-9c2d-7d1f0a9b8c7d", "metadata": metadata, "groups": groups}
    return {"catalog": body | more}


@pytest.fixture
def office(desk: Line) -> Line:
    """A desk where the system's user is Rita, who may review, with a framework."""
    people = f'[[people]]\nemail = "rita@acme.example"\nlogin = "{system_user()}"\n'
    roles = '[roles]\nreviewer = ["rita@acme.example"]\n'
    desk.config.write_text(desk.config.read_text() + people + roles)
    return desk


def brought(line: Line, text: str, name: str = "soc2.csv", *options: str) -> Any:
    (line.folder / name).write_text(text, encoding="utf-8")
    return line.json("framework", "add", str(line.folder / name), *options)


def stands(line: Line, name: str) -> tuple[str, str]:
    shown = line.json("controls", "show", name)
    return shown["status"], shown["why"]


def test_a_framework_of_a_csv_file_is_kept_once(office: Line) -> None:
    first = brought(office, SOC2)
    assert (first["id"], first["controls"], first["new"], first["changed"], first["unnamed"]) == ("soc2", 3, 3, 0, [])
    before = office.json("audit", "verify")
    again = brought(office, SOC2)
    assert (again["new"], again["changed"], office.json("audit", "verify")) == (0, 0, before)
    [listed] = office.json("framework", "list")
    assert (listed["id"], listed["controls"]) == ("soc2", {"not_started": 3})
    shown = office.json("controls", "show", "cc6.1")
    assert (shown["guidance"], shown["owner"]) == ("Restrict it.\n\n- by role", "ada@acme.example")


def test_a_catalog_is_read_whoever_wrote_it(office: Line) -> None:
    added = brought(office, json.dumps(catalog()), "house.oscal.json")
    assert (added["id"], added["title"], added["version"], added["controls"]) == ("house", "House rules", "3", 2)
    shown = office.json("controls", "show", "house:h-1")
    assert (shown["code"], shown["title"]) == ("H-1", "Tell them")
    assert shown["guidance"] == (
        "Tell [the on-call team] within 24 hours:\n\n"
        "- **a.** by [one or more of: mail; page [the on-call team]];\n- in [nowhere].\n\n"
        "**Guidance**\n\nBe quick."
    )
    assert office.json("controls", "show", "h-1.1")["code"] == "H-1(1)"


def test_a_catalog_of_an_earlier_version_may_be_freer(office: Line) -> None:
    told = catalog()
    told["catalog"]["metadata"]["oscal-version"] = "1.0.0"
    [group] = told["catalog"]["groups"]
    [inner] = group["groups"]
    outer = inner["controls"][0]
    outer["params"][2]["select"] = {"choice": ["1 hour", "24 hours"]}
    outer["params"][0]["constraints"] = [{"description": "at any hour"}]
    outer |= {"title": " Tell\nthem ", "links": []}
    group["controls"] = [{"id": "g-1", "title": "Of the group itself"}]
    assert brought(office, json.dumps(told), "house.json")["controls"] == 3
    shown = office.json("controls", "show", "H-1")
    assert (shown["title"], office.json("controls", "show", "g-1")["title"]) == ("Tell them", "Of the group itself")
    assert shown["guidance"].startswith("Tell [the on-call team: at any hour] within 24 hours:")


def test_the_baseline_of_a_standards_body_is_read(office: Line, shared: Path) -> None:
    file = shared / "data" / "nist-800-53-rev5-low.oscal.json"
    added = office.json("framework", "add", str(file), "--id", "nist")
    assert (added["controls"], added["new"]) == (149, 149)
    shown = office.json("controls", "show", "AC-7")
    assert "Enforce a limit of [number] consecutive invalid logon attempts" in shown["guidance"]
    assert "{{" not in json.dumps([office.json("controls", "show", f"AC-{n}")["guidance"] for n in (1, 2, 7)])
    assert "EXAMINE" not in shown["guidance"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"catalog": ' + '{"a": ' * 900 + "1" + "}" * 901, "nests"),
        ('{"profile": {}}', "resolve it"),
        ('{"items": []}', "no OSCAL catalog"),
        (json.dumps(catalog(groups=[{"title": "x", "controls": [{"id": "a"}]}])), "title"),
        (json.dumps(catalog(groups=[])), "no controls"),
        (json.dumps(catalog()).replace('"1.1.2"', "4"), "oscal-version"),
        (json.dumps(catalog()).replace("oscal-version", "oscal"), "oscal-version"),
        ("<catalog/>", "JSON"),
        ("", "empty"),
        ("title\nx\n", "code"),
        ("code,title\n,x\nA,\x00\n", "is required"),
        ("code,owner\nA,nobody\n", "e-mail"),
        ("code,title\nA-1,x\na-1,y\n", "twice"),
        (f"code,title\n{'A' * 1001},x\n", "code: is longer than 1,000 bytes"),
        (json.dumps(catalog(controls=[{"id": "a" * 1001, "title": "x"}])), "a label that is longer than 1,000 bytes"),
    ],
)
def test_a_file_that_holds_no_controls_is_refused_whole(office: Line, text: str, said: str) -> None:
    (office.folder / "bad.csv").write_text(text)
    answer = office("framework", "add", str(office.folder / "bad.csv"))
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert office.json("framework", "list") == []


def test_without_the_extra_the_words_name_it(office: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "trestle.oscal.catalog", None)
    (office.folder / "house.json").write_text(json.dumps(catalog()))
    answer = office("framework", "add", str(office.folder / "house.json"))
    assert answer.code == 2
    assert "pip install 'counterfoil[oscal]'" in answer.err


def test_gaps_are_shown_before_they_are_made_and_made_once(office: Line) -> None:
    brought(office, SOC2)
    office.add("Review the access", "--control", "cc6.2")
    shown = office.json("framework", "gaps", "soc2")
    assert [item["source_ref"] for item in shown["items"]] == ["soc2:CC6.1", "soc2:CC7.2"]
    assert (shown["not_needed"], shown["created"]) == ({"has an item": 1}, None)
    assert len(office.json("item", "list")) == 1
    refused = office("framework", "gaps", "soc2", "--apply", "--expect", "0" * 12)
    assert (refused.code, len(office.json("item", "list"))) == (4, 1)
    made = office.json("framework", "gaps", "soc2", "--apply", "--expect", shown["digest"][:12])
    assert made["created"] == ["AI-000002", "AI-000003"]
    item = office.json("item", "show", "AI-2")
    assert (item["title"], item["owner"]) == ("Implement CC6.1: Logical access", "ada@acme.example")
    assert (item["source"], item["external_ref"]) == ("unimplemented_control", "gap:soc2:CC6.1")
    assert (item["controls"], item["description"]) == (["soc2:CC6.1"], "Restrict it.\n\n- by role")
    again = office.json("framework", "gaps", "soc2", "--apply")
    assert (again["created"], again["not_needed"]) == ([], {"has an item": 3})


def test_gaps_are_narrowed_by_a_pattern(office: Line) -> None:
    brought(office, SOC2)
    shown = office.json("framework", "gaps", "soc2", "--control", "cc6.*")
    assert [item["source_ref"] for item in shown["items"]] == ["soc2:CC6.1", "soc2:CC6.2"]
    assert "--control 'cc6.*' --apply --expect" in office("framework", "gaps", "soc2", "--control", "cc6.*").out
    assert "counterfoil framework list" in office("framework", "gaps", "soc3").err


def test_what_one_control_answers_is_not_filed_twice(office: Line) -> None:
    brought(office, SOC2)
    brought(office, ISO, "iso.csv")
    mapping = office.folder / "map.csv"
    mapping.write_text("control,answered_by\nA.5.15,CC6.1\niso:A.8.15,soc2:CC7.2\n")
    assert len(office.json("framework", "map", str(mapping))["answered"]) == 2
    assert office.json("framework", "map", str(mapping)) == {"answered": {}, "unchanged": 2}
    assert office.json("framework", "gaps", "iso")["not_needed"] == {"answered by another control": 2}
    ref = office.add("Log it", "--control", "iso:A.8.15")
    assert office.json("framework", "gaps", "soc2")["not_needed"] == {"has an item": 1}
    assert stands(office, "A.8.15") == ("not_started", f"open: {ref}")
    mapping.write_text("control,answered_by\nA.5.15,\nCC9,CC6.1\n")
    refused = office("framework", "map", str(mapping))
    assert refused.code == 2
    assert "line 3" in refused.err
    assert office.json("controls", "show", "A.5.15")["answered_by"] == "soc2:CC6.1"
    mapping.write_text("control,answered_by\nA.5.15,\n")
    assert office.json("framework", "map", str(mapping))["answered"] == {"iso:A.5.15": None}


def test_a_control_is_implemented_by_what_people_do_and_shows_why(office: Line) -> None:
    brought(office, SOC2)
    ref = office.add("Enable MFA", "--control", "CC6.1")
    assert stands(office, "CC6.1") == ("not_started", f"open: {ref}")
    office("item", "edit", ref, "--status", "in_progress")
    assert stands(office, "CC6.1") == ("in_progress", f"open: {ref}")
    (office.folder / "mfa.log").write_text("on\n")
    assert office("evidence", "add", ref, str(office.folder / "mfa.log"), "--shows", "it is on").code == 0
    office("resolve", ref, "--reason", "seen")
    assert stands(office, "CC6.1") == ("implemented", "evidence: EV-000001")
    shown = office.json("controls", "show", "CC6.1")
    assert [i["ref"] for i in shown["items"]] == [ref]
    assert shown["evidence"] == [{"name": "EV-000001", "counts": True, "why_not": None}]
    assert [r["after"]["status"] for r in shown["history"]] == ["in_progress", "implemented"]
    assert [c["id"] for c in office.json("controls", "list", "--status", "implemented")] == ["soc2:CC6.1"]


def test_only_a_reviewer_exempts_a_control_and_says_why(office: Line) -> None:
    brought(office, SOC2)
    assert office("controls", "exempt", "CC7.2", "--reason", " ").code == 2
    done = office.json("controls", "exempt", "CC7.2", "--reason", "no hosts")
    assert (done["status"], done["why"]) == ("not_applicable", "no hosts (approved by rita@acme.example)")
    assert office.json("framework", "gaps", "soc2")["not_needed"] == {"not applicable": 1}
    assert office.json("controls", "include", "CC7.2", "--reason", "hosts now")["status"] == "not_started"
    assert office("controls", "include", "CC7.2", "--reason", "again").code == 2
    office.config.write_text(office.config.read_text().replace('reviewer = ["rita', 'reviewer = ["vera'))
    refused = office("controls", "exempt", "CC7.2", "--reason", "no hosts")
    assert (refused.code, "may not review" in refused.err) == (2, True)


def test_a_risk_is_scored_again_after_its_last_item_beside_the_old_score(office: Line) -> None:
    added = office.json(
        "risk", "add", "Accounts are taken over", "--inherent", "5x4", "--current", "4x4", "--target", "1x4"
    )
    assert (added["id"], added["current"]["level"], added["is_due"]) == ("R-0001", 16, False)
    ref = office.add("Enable MFA", "--risk", "r-0001")
    office("resolve", ref, "--reason", "seen")
    [due] = office.json("risk", "list", "--due")
    assert due["due_why"] == f"its last item has ended: {ref} (resolved)"
    assert office("risk", "score", "R-0001", "2x4", "--reason", " ").code == 2
    scored = office.json("risk", "score", "R-0001", "2x4", "--reason", "MFA is on", "--next-review", "2031-01-31")
    assert (scored["is_due"], scored["next_review"], scored["current"]["level"]) == (False, "2031-01-31", 8)
    assert [s["level"] for s in scored["scores"]] == [20, 16, 4, 8]
    assert scored["scores"][-1]["reason"] == "MFA is on"
    assert scored["scores"][-1]["by"] == "rita@acme.example"
    assert [i["ref"] for i in scored["items"]] == [ref]
    assert office.json("risk", "list", "--due") == []


def test_a_review_that_is_due_becomes_one_item_which_does_not_bring_it_on_again(office: Line) -> None:
    yesterday = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
    added = office("risk", "add", "Data is lost", "--next-review", yesterday, "--owner", "ada@acme.example")
    assert f"its review date {yesterday} has come, so it is to be scored" in added.out
    shown = office.json("risk", "due")
    [item] = shown["items"]
    assert (item["external_ref"], item["owner"]) == (f"review:R-0001:{yesterday}", "ada@acme.example")
    [ref] = office.json("risk", "due", "--apply", "--expect", shown["digest"])["created"]
    assert office.json("risk", "due", "--apply")["created"] == []
    scored = office("risk", "score", "R-0001", "1x1", "--reason", "backups")
    assert "--next-review" in scored.out
    office("risk", "score", "R-0001", "1x1", "--reason", "backups", "--next-review", "2031-01-31")
    office("resolve", ref, "--reason", "scored")
    assert office.json("risk", "list", "--due") == []


def test_a_register_is_taken_in_and_again_brings_only_what_is_new(office: Line) -> None:
    file = office.folder / "risks.csv"
    rows = "id,statement,owner,treatment,gap,existing,next_review,inherent,current,target\n"
    file.write_text(
        rows
        + "R-7,Data is lost,ada@acme.example,transfer,no backup,CC6.1;CC7.2,2031-01-31,5x5,4x5,2x5\nR-8,Fire,,,,,,,,\n"
        + "".join(f"{treatment},Water,,{treatment},,,,,,\n" for treatment in ("mitigate", "accept", "avoid"))
    )
    assert office.json("risk", "import", str(file)) == {"created": 5, "updated": 0, "unchanged": 0}
    assert all(risk["treatment"] == risk["id"] for risk in office.json("risk", "list") if risk["statement"] == "Water")
    before = office.json("audit", "verify")
    assert office.json("risk", "import", str(file)) == {"created": 0, "updated": 0, "unchanged": 5}
    assert office.json("audit", "verify") == before
    (office.folder / "risks.json").write_text(
        json.dumps({"risks": [{"id": "r-7", "statement": "Data is lost", "current": "3x5"}]})
    )
    assert office.json("risk", "import", str(office.folder / "risks.json"))["updated"] == 1
    shown = office.json("risk", "show", "R-7")
    assert ([s["level"] for s in shown["scores"]], shown["existing"]) == ([25, 20, 10, 15], ["CC6.1", "CC7.2"])
    assert (shown["treatment"], shown["gap"], shown["owner"]) == ("transfer", "no backup", "ada@acme.example")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,statement\nR-1,\n", "statement"),
        ("id,statement,current\nR-1,x,6x1\n", "4x3"),
        ("id,statement,current\nR-1,x,x\n", "4x3"),
        ("id,statement,treatment\nR-1,x,ignore\n", "mitigate"),
        ("id,statement,next_review\nR-1,x,soon\n", "2026-01-31"),
        ("id,statement\nR-1,x\nr-1,y\n", "already"),
        (f"id,statement\n{'R' * 1001},x\n", "id: is longer than 1,000 bytes"),
        ('[{"id": "R-1", "statement": "x", "mood": "bad"}]', "mood"),
        ('[{"id": "R-1", "statement": ["x"]}]', "must be text"),
        ("[3]", "not an object"),
    ],
)
def test_a_register_with_a_bad_row_is_refused_whole(office: Line, text: str, said: str) -> None:
    (office.folder / "risks.csv").write_text(text)
    answer = office("risk", "import", str(office.folder / "risks.csv"))
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert office.json("risk", "list") == []


def test_an_edit_of_a_risk_changes_what_is_named(office: Line) -> None:
    office.json("risk", "add", "Data is lost", "--id", "DATA-1", "--existing", "CC6.1", "--owner", "ada@acme.example")
    edited = office.json("risk", "edit", "data-1", "--owner", "", "--existing", "", "--gap", "no backup")
    assert (edited["owner"], edited["existing"], edited["gap"], edited["id"]) == (None, [], "no backup", "DATA-1")
    assert office("risk", "edit", "DATA-1").code == 2
    assert "counterfoil risk list" in office("risk", "show", "R-9").err
    assert "counterfoil risk edit DATA-1" in office("risk", "add", "Again", "--id", "data-1").err


def test_lists_fit_a_narrow_terminal(office: Line) -> None:
    brought(office, SOC2)
    office.json(
        "risk", "add", "Accounts are taken over", "--current", "4x4", "--owner", "a.long.name@subsidiary.example"
    )
    paper = PAPER.set(80)
    try:
        shown = [office(*words).out for words in (("controls", "list"), ("risk", "list"), ("framework", "list"))]
    finally:
        PAPER.reset(paper)
    assert "no evidence" in shown[0]
    assert "Accounts are taken over" in shown[1]
    assert "not started" in shown[2]


def test_what_nobody_brought_yet_is_said_with_the_command_that_does(office: Line) -> None:
    assert "counterfoil framework add" in office("framework", "list").out
    assert "counterfoil framework add" in office("controls", "list").out
    assert "counterfoil risk add" in office("risk", "list").out
    assert "counterfoil controls list" in office("controls", "show", "CC6.1").err


def test_every_key_is_documented(office: Line) -> None:
    answers = {"framework add": brought(office, SOC2), "framework gaps": office.json("framework", "gaps", "soc2")}
    office.json("risk", "add", "Fire", "--current", "1x5", "--next-review", "2020-01-01")
    (office.folder / "mfa.log").write_text("on\n")
    office("evidence", "add", office.add("Enable MFA", "--control", "CC6.1"), str(office.folder / "mfa.log"))
    (office.folder / "risks.csv").write_text("id,statement\nR-7,Data is lost\n")
    for words in (
        ("framework", "list"),
        ("controls", "exempt", "CC7.2", "--reason", "no hosts"),
        ("controls", "list"),
        ("controls", "show", "CC6.1"),
        ("risk", "list"),
        ("risk", "show", "R-0001"),
        ("risk", "due", "--apply"),
        ("risk", "import", str(office.folder / "risks.csv")),
    ):
        answers[" ".join(words[:2])] = office.json(*words)
    page = documented()
    assert {name: keys(answer) - page[name] for name, answer in answers.items() if keys(answer) - page[name]} == {}
