import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from sync.app import demo_data
from sync.app.shell import system_user
from tests.app.conftest import Line

ME = f'[[people]]\nemail = "vera@acme.example"\nlogin = "{system_user()}"\n'


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    file = tmp_path / "items.json"
    file.write_text(json.dumps([{"title": "Rotate the keys", "external_ref": "R-1"}]))
    return file


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(desk: Line, scan: Path) -> None:
    told = desk("intake", "json", str(scan), "--dry-run")
    assert (told.code, "1 new" in told.out, "Nothing was written" in told.out) == (0, True, True)
    assert desk.json("item", "list") == []
    assert desk.json("intake", "json", str(scan), "--dry-run")["dry_run"]
    assert desk.json("intake", "json", str(scan))["created"] == 1


def test_who_writes_items_by_hand_is_recorded_by_name(desk: Line) -> None:
    with desk.config.open("a") as config:
        config.write(ME)
    ref = desk.add("Rotate the keys")
    desk("item", "edit", ref, "--priority", "high")
    desk("item", "comment", ref, "Soon.")
    assert {record["actor"]["name"] for record in desk.json("audit", "log")} == {"vera@acme.example"}
    assert desk.json("item", "show", ref)["comments"][0]["author"] == "vera@acme.example"


@pytest.mark.parametrize(
    "words", [("item", "add", "T"), ("item", "edit", "1", "--priority", "low"), ("item", "comment", "1", "Words")]
)
def test_only_authors_write_items_where_they_are_named(desk: Line, words: tuple[str, ...]) -> None:
    desk.add("Rotate the keys")
    with desk.config.open("a") as config:
        config.write(f'{ME}[roles]\nauthor = ["ana@acme.example"]\n')
    refused = desk(*words)
    assert (refused.code, "may not write items" in refused.err) == (2, True)
    assert len(desk.json("audit", "log")) == 1


def test_a_file_asks_for_less_only_where_who_takes_it_in_may_say_so(desk: Line, login: Callable[[str], None]) -> None:
    with desk.config.open("a") as config:
        config.write("""[[people]]
email = "rita@acme.example"
login = "rita"
[roles]
reviewer = ["rita@acme.example"]
""")
    file = desk.folder / "items.csv"
    heads = "external_ref,title,priority,controls,description\n"
    file.write_text(f"{heads}A-1,Rotate the keys,critical,CC6.1,\n")
    desk("intake", "csv", str(file))
    file.write_text(f"{heads}A-1,Rotate the keys,low,CC6.1;CC6.2,All of them.\n")
    kept = desk("intake", "csv", str(file))
    assert (kept.code, "AI-000001: low in place of critical asks for less" in kept.out) == (0, True)
    item = desk.json("item", "show", "1")
    assert (item["priority"], item["controls"], item["description"]) == ("critical", ["CC6.1", "CC6.2"], "All of them.")
    again = desk.json("intake", "csv", str(file))
    assert (list(again["kept"]), again["updated"], again["unchanged"]) == (["AI-000001"], 0, 1)
    login("rita")
    assert desk.json("intake", "csv", str(file))["updated"] == 1
    assert desk.json("item", "show", "1")["priority"] == "low"


def test_a_gap_s_question_answer_and_assessor_are_shown(desk: Line, tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    file.write_text("id,question,answer,gap,assessor\nQ1,Is there a plan?,No.,yes,Ada\n")
    assert desk.json("intake", "assessment", str(file), "--of", "Acme Hosting")["created"] == 1
    shown = desk.json("item", "show", "AI-000001")
    asked = {"question": "Is there a plan?", "answer": "No.", "assessor": "Ada", "vendor": "Acme Hosting"}
    assert (shown["origin"], shown["predecessor"]) == (asked, None)
    words = desk("item", "show", "1").out
    assert "Is there a plan?" in words
    assert "Ada" in words


def test_a_file_that_says_itself_what_it_is_about_takes_no_name(desk: Line, scan: Path) -> None:
    refused = desk("intake", "json", str(scan), "--of", "acme/api")
    assert (refused.code, "--of is for assessment, junit, oscal-ar, sarif" in refused.err) == (2, True)


@pytest.mark.parametrize(
    "words", [("intake", "csv"), ("intake", "junit"), ("risk", "import"), ("framework", "add"), ("framework", "map")]
)
def test_what_is_read_more_than_once_has_to_be_an_ordinary_file(desk: Line, words: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"id,title\n")
    os.close(writer)
    (desk.folder / "folder").mkdir()
    for name in (f"/dev/fd/{reader}", "folder", "/dev/null"):
        refused = desk(*words, name)
        assert (refused.code, "no ordinary file; write to one what is to be read" in refused.err) == (2, True)
    assert os.read(reader, 100) == b"id,title\n"
    os.close(reader)
    missing = desk(*words, "none")
    assert (missing.code, "none cannot be read: No such file" in missing.err) == (2, True)


def test_an_id_of_thousands_of_letters_is_refused_and_every_shorter_one_is_found_again(desk: Line) -> None:
    letters = sha256(b"").hexdigest() + "".join(sha256(bytes([each])).hexdigest() for each in range(60))
    for words in (
        ("item", "add", "T", "--external-ref"),
        ("risk", "add", "S", "--id"),
        ("framework", "add", "x", "--id"),
    ):
        refused = desk(*words, letters)
        assert (refused.code, "is longer than 1,000 bytes" in " ".join(refused.err.split())) == (2, True)
    file = desk.folder / "items.csv"
    file.write_text(f"external_ref,title\n{letters},T\n")
    refused = desk("intake", "csv", str(file))
    assert (refused.code, "line 2, external_ref: is longer than 1,000 bytes" in refused.err) == (2, True)
    file.write_text(f"external_ref,title\n{letters[:1000]},T\n")
    assert [desk.json("intake", "csv", str(file))["created"] for _ in range(2)] == [1, 0]


def test_a_report_is_dated_by_its_file_and_known_by_its_hash(desk: Line, tmp_path: Path) -> None:
    file = tmp_path / "results.xml"
    file.write_text('<testsuite name="s"><testcase name="t"><failure message="no"/></testcase></testsuite>')
    os.utime(file, (1_700_000_000, 1_700_000_000))
    assert desk.json("intake", "junit", str(file))["silent"] == 1
    assert "said nothing for 30 days" in desk("intake", "junit", str(file)).out
    file.write_text('<testsuite name="s"><testcase name="t"/></testsuite>')
    answer = desk.json("intake", "junit", str(file))
    assert (answer["passed"], answer["silent"]) == (1, 0)
    [record] = [r for r in desk.json("audit", "log") if r["action"] == "evidence.added"]
    assert record["after"]["sha256"] == sha256(file.read_bytes()).hexdigest()


def test_results_from_the_future_are_refused_and_a_zone_is_one_that_there_is(desk: Line, tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    file.write_text('<testsuite timestamp="2099-01-01T00:00:00Z"><testcase name="a"/></testsuite>')
    answer = desk("intake", "junit", str(file))
    assert (answer.code, "row 1: was seen at 2099-01-01" in answer.err) == (2, True)
    with desk.config.open("a") as config:
        config.write('[intake.junit]\nzone = "Europe/Atlantis"\n')
    answer = desk("intake", "junit", str(file))
    assert (answer.code, "intake.junit.zone" in answer.err, "is no time zone" in answer.err) == (2, True, True)


def test_findings_of_one_check_share_a_ticket_where_the_configuration_groups_them(desk: Line) -> None:
    with desk.config.open("a", encoding="utf-8") as config:
        config.write('\n[[groups]]\nby = "check"\nsource = ["automated_test"]\n')
    file = desk.folder / "findings.ocsf.json"
    file.write_text(demo_data.findings(datetime(2026, 11, 20, 12, tzinfo=UTC)), encoding="utf-8")
    answer = desk.json("intake", "ocsf", str(file))
    assert (answer["created"], answer["grouped"]) == (16, 16)
    items = desk.json("item", "list")
    [group] = [item for item in items if item["title"] == "Settle what the check iam_root_mfa found"]
    members = desk.json("item", "list", "--group", group["ref"])
    assert [len(items), len(members)] == [24, 2]
    assert desk.json("item", "show", members[0]["ref"])["part_of"] == group["ref"]
    assert desk.json("status")["unlinked"] == 8
    assert f"listed in the ticket of {group['ref']}, which has none yet" in desk("explain", members[0]["ref"]).out
    refused = desk("item", "edit", group["ref"], "--due", "2027-01-01")
    assert (refused.code, "follows its items in due date" in refused.err) == (2, True)
    assert desk.json("intake", "ocsf", str(file))["grouped"] == 0
