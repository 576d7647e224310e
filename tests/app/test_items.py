"""Items on the command line: what is said is kept, what is not said stays, and what makes no sense is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.text import Text

from sync.app.show import PAPER, rendered, table
from tests.app.conftest import Line
from tests.databases import disarm, raw

LISTED = {
    *("ref", "external_ref", "title", "priority", "owner", "due_date"),
    *("controls", "risks", "status", "claim", "accepted", "holds", "ticket"),
}


def today(days: int = 0) -> str:
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def test_an_added_item_is_listed_with_the_documented_keys(desk: Line) -> None:
    ref = desk.add("Rotate the keys", "--control", "CC6.1;CC6.2", "--risk", "R-1", "--owner", "mia@acme.example")
    [item] = desk.json("item", "list")
    assert set(item) == LISTED
    assert item["ref"] == ref == "AI-000001"
    assert (item["controls"], item["risks"]) == (["CC6.1", "CC6.2"], ["R-1"])
    assert (item["status"], item["claim"], item["holds"], item["ticket"]) == ("open", None, [], None)


@pytest.mark.parametrize(("priority", "days"), [("critical", 7), ("high", 30), ("medium", 90), ("low", 180)])
def test_the_due_date_follows_from_the_priority(desk: Line, priority: str, days: int) -> None:
    ref = desk.add("Rotate the keys", "--priority", priority)
    assert desk.json("item", "show", ref)["due_date"] in {today(days), today(days - 1)}


def test_only_who_reviews_or_decides_has_less_asked_for_an_item(desk: Line, login: Callable[[str], None]) -> None:
    people = "".join(f'[[people]]\nemail = "{name}@acme.example"\nlogin = "{name}"\n' for name in ("bob", "rita"))
    desk.config.write_text(f'{desk.config.read_text()}{people}[roles]\nreviewer = ["rita@acme.example"]\n')
    login("bob")
    ref = desk.add("Rotate the keys", "--priority", "critical", "--control", "CC6.1;CC6.2")
    before = desk.json("audit", "verify")
    for words in (("--priority", "low"), ("--control", "CC6.1"), ("--title", "Another", "--control", "")):
        refused = desk("item", "edit", ref, *words)
        assert (refused.code, "asks for less" in refused.err, "rita@acme.example" in refused.err) == (2, True, True)
    assert desk.json("audit", "verify") == before
    login("rita")
    eased = desk.json("item", "edit", ref, "--priority", "low", "--control", "CC6.1")
    assert (eased["priority"], eased["controls"]) == ("low", ["CC6.1"])
    login("bob")
    raised = desk.json("item", "edit", ref, "--priority", "high", "--control", "CC6.1;CC7.1")
    assert (raised["priority"], raised["controls"]) == ("high", ["CC6.1", "CC7.1"])


def test_who_ever_owned_an_item_has_no_less_asked_for_it(desk: Line, login: Callable[[str], None]) -> None:
    rita = '[[people]]\nemail = "rita@acme.example"\nlogin = "rita"\n[roles]\nreviewer = ["rita@acme.example"]\n'
    desk.config.write_text(f"{desk.config.read_text()}{rita}")
    login("rita")
    ref = desk.add("Rotate the keys", "--owner", "rita@acme.example")
    desk("item", "edit", ref, "--owner", "bob@acme.example")
    refused = desk("item", "edit", ref, "--priority", "low")
    assert (refused.code, "nobody who never owned it" in refused.err) == (2, True)


def test_the_due_policy_is_the_configuration_s(desk: Line) -> None:
    desk.config.write_text(desk.config.read_text() + "[due]\nmedium = 3\n")
    assert desk.json("item", "show", desk.add("Rotate"))["due_date"] in {today(3), today(2)}


def test_an_item_is_found_however_its_reference_is_written(desk: Line) -> None:
    ref = desk.add("Rotate the keys")
    assert [desk.json("item", "show", each)["ref"] for each in ("1", "ai-1", "AI-000001")] == [ref] * 3


def test_a_shown_item_has_its_history_with_who_did_it(desk: Line) -> None:
    ref = desk.add("Rotate the keys")
    desk("item", "edit", ref, "--owner", "mia@acme.example", "--reason", "she knows the host")
    shown = desk.json("item", "show", ref)
    assert LISTED | {"description", "comments", "history"} <= set(shown)
    last = shown["history"][-1]
    assert (last["field"], last["before"], last["after"]) == ("owner", None, "mia@acme.example")
    assert last["actor"] == {"kind": "human", "system": "counterfoil", "account": "vera", "name": ""}
    assert last["reason"] == "she knows the host"
    assert last["source"]["run"].startswith("R-")


def test_an_edit_changes_what_is_named_and_nothing_else(desk: Line) -> None:
    ref = desk.add("Rotate the keys", "--owner", "mia@acme.example", "--control", "CC6.1")
    before = desk.json("item", "show", ref)
    after = desk.json("item", "edit", ref, "--due", "2031-01-31", "--priority", "low")
    moved = {key for key in LISTED if before[key] != after[key]}
    assert moved == {"due_date", "priority"}
    assert (after["original_priority"], after["original_due_date"]) == ("medium", before["due_date"])


def test_an_edit_says_that_its_date_has_passed_and_that_no_risk_is_called_so(desk: Line) -> None:
    ref = desk.add("Rotate the keys")
    assert "no risk" not in desk("item", "edit", ref, "--risk", "R-77").out
    desk("risk", "add", "Keys are stolen", "--id", "R-1")
    told = desk("item", "edit", ref, "--due", "2020-01-01", "--risk", "R-78").out.splitlines()
    assert told[1:] == [
        f"{ref}: past its due date",
        f"{ref}: no risk is called 'R-78' (`counterfoil risk list`)",
    ]
    assert len(desk("item", "edit", ref, "--risk", "r-1").out.splitlines()) == 1
    assert "no risk is called 'R-79'" in " ".join(desk("item", "add", "Rotate", "--risk", "R-79").out.split())


def test_an_edit_to_what_is_there_writes_nothing(desk: Line) -> None:
    ref = desk.add("Rotate the keys")
    before = desk.json("audit", "verify")
    desk.json("item", "edit", ref, "--title", "Rotate the keys")
    assert desk.json("audit", "verify") == before


def test_an_empty_owner_means_nobody(desk: Line) -> None:
    ref = desk.add("Rotate the keys", "--owner", "mia@acme.example")
    assert desk.json("item", "edit", ref, "--owner", "")["owner"] is None


def test_what_is_done_is_no_edit(desk: Line) -> None:
    ref = desk.add("Rotate the keys")
    refused = desk("item", "edit", ref, "--status", "resolved", "--reason", "seen the log")
    assert (refused.code, desk.json("item", "show", ref)["status"]) == (2, "open")
    assert f"counterfoil resolve {ref} --reason" in refused.err


def test_a_risk_is_not_accepted_by_an_edit(desk: Line) -> None:
    ref = desk.add("Rotate the keys")
    refused = desk("item", "edit", ref, "--status", "accepted_as_risk", "--reason", "we live with it")
    assert refused.code == 2
    assert "named approver" in refused.err
    assert desk.json("item", "show", ref)["status"] == "open"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("item", "add", "  "), "title"),
        (("item", "add", "Rotate", "--owner", "mia"), "e-mail"),
        (("item", "add", "Rotate", "--due", "31.12.2026"), "2026-12-31"),
        (("item", "add", "Rotate", "--priority", "urgent"), "critical"),
        (("item", "show", "AI-9"), "counterfoil item list"),
        (("item", "edit", "1"), "nothing to change"),
        (("item", "comment", "1", " "), "words"),
        (("item", "unlink", "1"), "no ticket"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_makes_no_sense_is_refused_and_writes_nothing(desk: Line, words: tuple[str, ...], said: str) -> None:
    desk.add("Rotate the keys")
    before = desk.json("audit", "verify")
    refused = desk(*words)
    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err
    assert desk.json("audit", "verify") == before


def test_a_second_item_with_the_same_external_reference_is_refused(desk: Line) -> None:
    ref = desk.add("Rotate the keys", "--external-ref", "X-1")
    refused = desk("item", "add", "Rotate again", "--external-ref", "X-1")
    assert refused.code == 2
    assert f"item edit {ref}" in refused.err


def test_the_list_is_filtered(desk: Line) -> None:
    late = desk.add("Rotate the keys", "--due", "2020-01-01", "--control", "CC6.1", "--owner", "mia@acme.example")
    done = desk.add("Close the port", "--priority", "high", "--control", "CC7.2")
    desk("resolve", done, "--reason", "seen")
    for options, found in [
        (("--overdue",), [late]),
        (("--status", "resolved"), [done]),
        (("--priority", "high"), [done]),
        (("--owner", "mia@acme.example"), [late]),
        (("--control", "CC6.*"), [late]),
        (("--tracker", "eng"), []),
        (("--unlinked",), [late, done]),
    ]:
        assert [item["ref"] for item in desk.json("item", "list", *options)] == found, options


def test_an_empty_list_speaks_of_intake_only_where_there_are_no_items(desk: Line) -> None:
    assert "counterfoil intake" in desk("item", "list").out
    desk.add("Rotate the keys")
    assert desk("item", "list", "--overdue").out == "No such items.\n"


def test_a_comment_waits_for_the_ticket(desk: Line) -> None:
    ref = desk.add("Rotate the keys")
    said = desk.json("item", "comment", ref, "Done on both hosts?")
    assert (said["author"], said["inbound"], said["sent"]) == ("vera", False, False)
    assert [c["text"] for c in desk.json("item", "show", ref)["comments"]] == ["Done on both hosts?"]


def test_what_a_terminal_would_obey_is_not_written_to_it(desk: Line) -> None:
    desk.add("Rotate \x1b[2Jthe \u202ekeys")
    assert not {"\x1b", "\u202e"} & set(desk("item", "list").out)


def test_lines_that_end_as_elsewhere_are_shown_as_lines(desk: Line, tmp_path: Path) -> None:
    file = tmp_path / "items.csv"
    file.write_bytes(b'title,description\r\nRotate the keys,"First\r\nsecond"\r\n')
    desk("intake", "csv", str(file))
    assert "First\nsecond\n" in desk("item", "show", "1").out


def test_a_narrow_terminal_leaves_room_for_the_title(desk: Line) -> None:
    desk.add("Rotate the keys of every host", "--owner", "a.rather.long.name@subsidiary.example")
    assert "a.rather.long.name@subsidiary.example" in desk("item", "list").out
    paper = PAPER.set(80)
    try:
        listed = desk("item", "list").out
    finally:
        PAPER.reset(paper)
    assert "Rotate the keys of every host" in listed
    assert listed.endswith("1 item; no room for owner and holds: widen the terminal, or --json\n")


def test_no_status_and_no_key_of_a_ticket_is_broken_on_a_narrow_terminal() -> None:
    names = ("item", "status", "priority", "due", "ticket", "title")
    row = (
        "AI-000013",
        "accepted_as_risk",
        "critical",
        "2026-12-31",
        "acme/platform#31",
        "Rotate the keys of the hosts",
    )
    kinds = ("evidence", "for", "kind", "expires", "state", "shows")
    words = ("not reviewed", "The ticket SEC-6 as it was when it was closed")
    piece = ("EV-000012", "AI-000013", "ticket_snapshot", "2026-12-31", *words)
    paper = PAPER.set(80)
    try:
        drawn = [rendered(table(headers, [cells])) for headers, cells in ((names, row), (kinds, piece))]
        wide = rendered(table(("item", "address"), [("AI-000013", f"https://acme.example/{'x' * 90}")]))
    finally:
        PAPER.reset(paper)
    for text, cells in zip(drawn, (row, piece), strict=True):
        shown = Text.from_ansi(text).plain
        assert [cell for cell in cells if " " not in cell and cell not in shown] == []
        assert max(map(len, shown.splitlines())) <= 80
    assert Text.from_ansi(wide).plain.count("x") == 91


def test_a_file_is_taken_in_whole_or_not_at_all(desk: Line, tmp_path: Path) -> None:
    file = tmp_path / "items.csv"
    file.write_text("external_ref,title,priority\nA-1,Rotate the keys,high\nA-2,,high\nA-3,Close the port,soon\n")
    refused = desk("intake", "csv", str(file), "--json")
    assert refused.code == 2
    assert (refused.json["refused"], refused.json["bad_count"], refused.json["created"]) == (True, 2, 0)
    assert "line 3, title" in refused.err
    assert "line 4, priority" in refused.err
    assert desk.json("item", "list") == []
    assert "2 things wrong" in desk("intake", "csv", str(file)).out
    partly = desk("intake", "csv", str(file), "--keep-going", "--json")
    assert (partly.code, partly.json["created"]) == (3, 1)
    again = desk("intake", "csv", str(file), "--keep-going", "--json")
    assert (again.json["created"], again.json["unchanged"]) == (0, 1)


def test_an_unknown_format_or_file_is_said(desk: Line, tmp_path: Path) -> None:
    assert "csv" in desk("intake", "xml", str(tmp_path / "x")).err
    missing = desk("intake", "csv", str(tmp_path / "x"))
    assert (missing.code, missing.out) == (2, "")
    assert "cannot be read" in missing.err


def test_status_counts_what_is_there(desk: Line) -> None:
    desk.add("Improve security", "--due", "2020-01-01")
    answer = desk.json("status")
    assert answer["items"]["open"]["medium"] == 1
    assert (answer["overdue"], answer["unlinked"], answer["holds"]) == (1, 1, [])
    assert answer["warning_counts"]["no owner"] == 1
    assert answer["ledger"]["records"] == 1
    words = desk("status").out
    assert "1 unfinished item past due" in words
    assert "no owner: AI-000001" in words


def test_the_ledger_is_listed_and_verified(desk: Line) -> None:
    first, second = desk.add("Rotate the keys"), desk.add("Close the port")
    assert [r["object"] for r in desk.json("audit", "log")] == [first, second]
    assert [r["object"] for r in desk.json("audit", "log", "--item", "2")] == [second]
    assert [r["object"] for r in desk.json("audit", "log", "--limit", "1")] == [second]
    verdict = desk.json("audit", "verify")
    assert (verdict["ok"], verdict["anchored"], verdict["records"], verdict["first_bad"]) == (True, 0, 2, None)
    assert verdict["head"] == desk.json("audit", "log")[-1]["hash"]
    assert "not anchored" in desk("audit", "verify").out


def test_each_line_of_the_ledger_names_its_item_and_what_became_of_it(desk: Line) -> None:
    first, second = desk.add("Rotate the keys"), desk.add("Close the port")
    desk("item", "edit", second, "--owner", "mia@acme.example")
    lines = [line.strip().split("  ", 2)[2] for line in desk("audit", "log").out.splitlines()]
    assert lines == [
        f"{first}  vera: item.created Rotate the keys  -- item add",
        f"{second}  vera: item.created Close the port  -- item add",
        f"{second}  vera: item.changed owner: nothing -> mia@acme.example  -- item edit",
    ]


@pytest.mark.parametrize("body", ["no record", "{}", "[]"])
def test_a_record_that_is_none_is_distrust_and_not_a_bug(desk: Line, body: str) -> None:
    desk.add("Rotate the keys")
    disarm(desk.url)
    raw(desk.url, ("update audit set body = ?", (body,)))
    for words in (("audit", "log"), ("item", "show", "1"), ("item", "edit", "1", "--title", "x")):
        assert desk(*words).code == 6, words
    assert desk("audit", "verify").code == 1
    checked = desk("check", "--json")
    assert checked.code == 2
    assert [p["where"] for p in checked.json["problems"] if "ledger" in p["what"]] == ["state"]


def test_what_is_no_hold_is_told_where_holds_are(desk: Line) -> None:
    answer = desk("holds", "settle", "AI-1", "--take", "item", "--reason", "why")
    assert answer.code == 2
    assert "counterfoil holds list" in answer.err


def test_a_wrong_word_is_refused_without_the_words_of_a_library(desk: Line) -> None:
    answer = desk("item", "add", "Rotate the keys", "--priority", "urgent")
    assert (answer.code, answer.err.count("Value error")) == (2, 0)
    assert "'urgent' is not one of 'critical'" in answer.err
