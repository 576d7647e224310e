"""Plans and runs through the command line, over embedded trackers."""

import json
from pathlib import Path

import pytest

from connectors.sandbox.jira_site import WATCHER
from connectors.sandbox.showcase import showcase
from state.lease import this_process
from state.store import Store
from sync.app.shell import utc_now
from tests.app.conftest import Line, Office
from tests.databases import contents, disarm, raw

PLAN = {"digest", "operations", "refused", "holds"}
COUNTS = {"created", "updated", "pulled", "commented", "held", "deferred", "failed"}


def test_a_plan_is_shown_written_and_not_carried_out(office: Office, tmp_path: Path) -> None:
    ref = office.line.add("Rotate the keys", "--priority", "high")
    answer = office.line("plan", "--json", "--out", str(tmp_path / "plan.json"))
    assert answer.code == 0
    assert set(answer.json) >= PLAN
    [operation] = answer.json["operations"]
    assert set(operation) >= {"kind", "item", "tracker", "reason"}
    assert (operation["kind"], operation["item"], operation["tracker"]) == ("create", ref, "platform")
    assert json.loads((tmp_path / "plan.json").read_text()) == answer.json
    assert office.line.json("item", "show", ref)["ticket"] is None


def test_a_plan_tells_what_becomes_of_each_field_on_one_line(office: Office) -> None:
    ref = office.line.add("Rotate the keys", "--owner", "mia@acme.example")
    office.line("sync")
    office.line("item", "edit", ref, "--title", "Rotate\x1b[2J all keys " + "x" * 90, "--due", "2031-01-02")
    [told] = [row for row in office.line("plan").out.splitlines() if row.startswith("update")]
    assert "title: Rotate the keys -> Rotate [2J all keys xxx" in told
    assert f"due_date: {office.line.json('item', 'show', ref)['original_due_date']} -> 2031-01-02" in told
    assert "x" * 40 not in told


def test_a_check_tells_how_many_items_no_route_takes(office: Office) -> None:
    config = office.line.config.read_text(encoding="utf-8")
    first = office.line.add("Rotate the keys", "--priority", "low")
    office.line("sync")
    office.line.config.write_text(config.replace('[[routes]]\ntracker = "eng-jira"\n', ""), encoding="utf-8")
    assert "[[routes]] entry takes" not in office.line("check").out
    second = office.line.add("Close the port", "--priority", "low")
    one = office.line("check", "--json")
    told = [p for p in one.json["problems"] if p["where"] == "routes"]
    assert (one.code, [(p["what"], p["fatal"]) for p in told]) == (
        0,
        [(f"1 item without a ticket: no [[routes]] entry takes {second}", False)],
    )
    office.line.add("Patch the hosts", "--priority", "low")
    office.line.add("Renew the certificate", "--priority", "high")
    what = f"2 items without a ticket: no [[routes]] entry takes them, such as {second}"
    assert what in office.line("check").out
    assert office.line.json("item", "show", first)["ticket"] is not None


def test_plan_check_tells_a_script_whether_anything_would_change(office: Office) -> None:
    assert office.line("plan", "--check").code == 0
    office.line.add("Rotate the keys")
    assert office.line("plan", "--check").code == 10
    office.line("sync")
    assert office.line("plan", "--check").code == 0


def test_a_sync_makes_one_ticket_for_each_item_where_the_routes_say(office: Office) -> None:
    office.line.add("Rotate the keys", "--priority", "high")
    office.line.add("Close the port")
    answer = office.line("sync", "--json")
    assert answer.code == 0
    assert set(answer.json) >= PLAN | COUNTS | {"run", "requests"}
    assert (answer.json["created"], answer.json["failed"], answer.json["deferred"]) == (2, 0, 0)
    assert set(answer.json["requests"]) == {"eng-jira", "platform"}
    tickets = [item["ticket"] for item in office.line.json("item", "list")]
    assert [ticket["tracker"] for ticket in tickets] == ["platform", "eng-jira"]
    assert all(set(ticket) >= {"tracker", "id", "key", "url"} for ticket in tickets)
    again = office.line("sync", "--json")
    assert (again.code, again.json["operations"]) == (0, [])


def test_only_the_plan_that_was_approved_is_carried_out(office: Office) -> None:
    office.line.add("Rotate the keys")
    digest = office.line.json("plan")["digest"]
    office.line.add("Close the port")
    refused = office.line("sync", "--expect", digest)
    assert (refused.code, refused.out) == (4, "")
    assert "nothing was applied" in refused.err
    assert office.line("sync", "--expect", office.line.json("plan")["digest"]).code == 0


def test_a_brake_refuses_with_4_and_force_goes_on_and_is_recorded(office: Office) -> None:
    office.line.config.write_text(office.line.config.read_text() + "[safety]\nmax_creates = 1\n")
    office.line.add("Rotate the keys")
    office.line.add("Close the port")
    for words in (("plan",), ("sync",)):
        refused = office.line(*words, "--json")
        assert refused.code == 4
        assert refused.json["refused"]["brake"] == "max_creates"
    assert "REFUSED by max_creates" in office.line("plan").out
    assert office.line("sync", "--force", "  ").code == 2
    forced = office.line("sync", "--json", "--force", "first import")
    assert (forced.code, forced.json["created"]) == (0, 2)
    records = office.line.json("audit", "log")
    assert [r["reason"] for r in records if r["action"] == "brake.overridden"] == ["first import"]


def test_one_tracker_can_be_synced_alone(office: Office) -> None:
    office.line.add("Rotate the keys", "--priority", "high")
    office.line.add("Close the port")
    assert office.line.json("sync", "--tracker", "platform")["created"] == 1
    unknown = office.line("sync", "--tracker", "platfrom")
    assert unknown.code == 2
    assert "did you mean 'platform'?" in unknown.err


def test_what_an_engineer_does_comes_back_and_what_only_a_person_decides_waits(office: Office) -> None:
    started, declined = office.line.add("Rotate the keys"), office.line.add("Close the port")
    office.line("sync")
    office.tracker.engineer.start(office.key(started))
    office.tracker.engineer.wont_do(office.key(declined), "not this year")
    answer = office.line("sync", "--json")
    assert (answer.code, answer.json["held"], answer.json["holds"][0]["id"]) == (5, 1, "H-1")
    assert office.line.json("item", "show", started)["status"] == "in_progress"
    item = office.line.json("item", "show", declined)
    assert (item["status"], item["claim"]) == ("open", "acceptance_requested")
    [hold] = item["holds"]
    assert set(hold) >= {"id", "kind", "field", "detail", "command"}
    assert office.line.json("holds", "list") == [hold]
    assert hold["command"] in office.line("status").out
    assert (office.line("plan").code, office.line("plan", "--check").code) == (0, 5)


def test_a_person_whom_the_tracker_does_not_let_be_assigned_is_told(office: Office) -> None:
    with office.line.config.open("a", encoding="utf-8") as config:
        config.write(f'[[people]]\nemail = "wes@acme.example"\njira = "{WATCHER.id}"\n')
    ref = office.line.add("Close the port", "--owner", "wes@acme.example")
    told = f"{ref}: wes@acme.example cannot be assigned in eng-jira"
    assert told in " ".join(office.line("sync").out.split())


def test_a_hold_is_settled_once_and_with_a_reason(office: Office) -> None:
    ref = office.line.add("Close the port")
    office.line("sync")
    office.tracker.engineer.close_as(office.key(ref), "Duplicate")  # type: ignore[attr-defined]
    office.line("sync")
    [hold] = office.line.json("holds", "list")
    assert office.line("holds", "settle", hold["id"], "--take", "item").code == 2
    assert office.line("holds", "settle", hold["id"], "--take", "item", "--reason", " ").code == 2
    assert office.line("holds", "settle", hold["id"], "--take", "ticket", "--reason", "fine").code == 2
    assert office.line("holds", "settle", hold["id"], "--take", "item", "--reason", "it stays open").code == 0
    shown = office.line.json("item", "show", ref)
    [settled] = [each for each in shown["history"] if each["action"] == "hold.settled"]
    assert shown["comments"][-1]["at"] == settled["at"] > hold["opened_at"]
    assert (settled["after"], settled["reason"]) == ({"id": hold["id"], "took": "item"}, "it stays open")
    assert office.line.json("holds", "list") == []
    again = office.line("holds", "settle", hold["id"], "--take", "item", "--reason", "twice")
    assert again.code == 2
    assert "settled already" in again.err
    assert office.line("sync").code == 0
    assert office.tracker.engineer.status(office.key(ref)) == "To Do"  # type: ignore[attr-defined]


def test_a_ticket_that_exists_is_adopted(office: Office) -> None:
    ref = office.line.add("Rotate the keys")
    key = office.tracker.engineer.create("SEC", "rotate keys!!")  # type: ignore[attr-defined]
    shown = office.line("item", "link", ref, key, "--dry-run", "--json")
    assert shown.code == 0
    assert shown.json["operations"][0]["kind"] == "link"
    assert office.line.json("item", "show", ref)["ticket"] is None
    for nowhere in (("SEC-999",), ("acme/platform#1",), (key, "--tracker", "platform")):
        answer = office.line("item", "link", ref, *nowhere)
        assert (answer.code, "--tracker" in answer.err) == (2, True), nowhere
    linked = office.line("item", "link", ref, key, "--json")
    assert linked.code == 0
    assert office.line.json("item", "show", ref)["ticket"]["key"] == key
    assert office.tracker.engineer.title(key) == "Rotate the keys"
    assert office.line("sync", "--json").json["created"] == 0
    assert office.line("item", "link", ref, key).code == 2


def test_an_unlinked_ticket_is_left_alone(office: Office) -> None:
    ref = office.line.add("Rotate the keys")
    office.line("sync")
    key = office.key(ref)
    answer = office.line.json("item", "unlink", ref, "--reason", "wrong project")
    assert answer["unlinked"]["key"] == key
    assert office.line.json("item", "show", ref)["ticket"] is None
    office.tracker.engineer.comment(key, "Initech is the customer")
    run = office.line("sync", "-v", "--log-format", "json")
    assert office.tracker.engineer.title(key) == "Rotate the keys"
    assert "Initech" not in run.out + run.err


def test_explain_shows_both_sides_as_they_are_now(office: Office) -> None:
    ref = office.line.add("Rotate the keys")
    office.line("sync")
    office.tracker.engineer.edit_title(office.key(ref), "Later")
    told = office.line.json("explain", ref)
    [title] = [f for f in told["fields"] if f["field"] == "title"]
    assert (title["agreed_item"], title["item"], title["ticket"]) == ("Rotate the keys", "Rotate the keys", "Later")
    assert (title["item_moved"], title["ticket_moved"]) == (False, True)
    assert told["records"]
    [words] = [each.split() for each in office.line("explain", ref).out.splitlines() if each.startswith("title ")]
    assert words == ["title", "Rotate", "the", "keys", "same", "Later"]
    offline = office.line.json("explain", ref, "--offline")
    assert offline["ticket_now"] == "not looked at (--offline)"


def test_an_item_is_found_by_its_tickets_key_and_url(office: Office, tmp_path: Path) -> None:
    line, file = office.line, tmp_path / "run.log"
    file.write_text("rotated\n")
    urgent, other = line.add("Rotate the keys", "--priority", "high"), line.add("Close the port")
    line("sync")
    for ref in (urgent, other):
        ticket = line.json("item", "show", ref)["ticket"]
        for name in (ticket["key"], ticket["key"].lower(), ticket["url"], f"{ticket['url']}?tab=all#comment-1"):
            assert line.json("explain", name, "--offline")["ref"] == ref
        assert line.json("item", "edit", ticket["key"], "--owner", "mia@acme.example")["ref"] == ref
        assert line.json("evidence", "add", ticket["key"], str(file))["versions"][0]["item"] == ref
        assert [each["item"] for each in line.json("evidence", "list", ticket["key"])] == [ref]
        assert {each["object"] for each in line.json("audit", "log", "--item", ticket["key"])} == {ref}
        assert line.json("item", "comment", ticket["key"], "done soon")["text"] == "done soon"
        assert line.json("resolve", ticket["url"], "--reason", "rotated")["item"]["ref"] == ref
    assert "nothing is called 'SEC-999'" in line("item", "show", "SEC-999").err


def test_a_control_that_is_called_as_a_ticket_is_not_taken_for_it(office: Office, tmp_path: Path) -> None:
    ref = office.line.add("Rotate the keys")
    office.line("sync")
    key = office.key(ref)
    (tmp_path / "acme.csv").write_text(f"code,title\n{key},Keys\n")
    assert office.line("framework", "add", str(tmp_path / "acme.csv")).code == 0
    refused = office.line("evidence", "list", key)
    assert (refused.code, f"{key!r} is a control, and the ticket of {ref}" in refused.err) == (2, True)
    assert office.line("evidence", "list", f"acme:{key}").code == 0


def test_explain_says_where_an_item_without_a_ticket_will_go(office: Office) -> None:
    urgent, other = office.line.add("Rotate the keys", "--priority", "high"), office.line.add("Close the port")
    assert office.line.json("explain", urgent)["route"] == "platform"
    assert "no ticket, the routes send it to eng-jira" in office.line("explain", other).out


def test_explain_names_the_ticket_that_lists_an_item(office: Office, tmp_path: Path) -> None:
    with office.line.config.open("a", encoding="utf-8") as config:
        config.write('[[groups]]\nby = "owner"\n')
    rows = tmp_path / "rows.csv"
    rows.write_text("title,owner\nClose it,mia@acme.example\n", encoding="utf-8")
    office.line("intake", "csv", str(rows))
    office.line("sync")
    item, group = office.line.json("item", "list")
    told = office.line.json("explain", item["ref"])
    assert (told["listed_in"]["key"], told["ticket"], told["route"]) == (group["ticket"]["key"], None, None)
    said = f"listed in the ticket of {group['ref']}, {group['ticket']['key']} in eng-jira: {group['ticket']['url']}"
    assert said in " ".join(office.line("explain", item["ref"]).out.split())


def test_what_can_be_done_without_a_tracker_is_done(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with showcase(tmp_path / "trackers") as (tracker, _):
        secret = tmp_path / "eng-jira.token"
        secret.touch(mode=0o600)
        secret.write_text(tracker.token)
        line.config.write_text(tracker.table + '[[routes]]\ntracker = "eng-jira"\n')
        line("init")
        ref = line.add("Rotate the keys")
        line("sync")
    monkeypatch.setattr("time.sleep", lambda _: None)
    assert "could not be looked at" in line.json("explain", ref)["ticket_now"]
    answer = line("sync", "--json")
    assert (answer.code, answer.json["deferred"]) == (3, 1)
    assert line("plan").code == 3
    assert line("check").code == 2


def test_a_run_beside_another_waits_its_turn(office: Office) -> None:
    with Store.open(office.line.url, clock=utc_now) as store:
        lease = store.take_lease(this_process(), 60)
        answer = office.line("sync")
        store.release_lease(lease)
    assert (answer.code, answer.out) == (3, "")
    assert "lease" in answer.err
    assert office.line("sync").code == 0


def test_a_ledger_that_was_tampered_with_stops_everything(office: Office) -> None:
    office.line.add("Rotate the keys")
    office.line.add("Close the port")
    disarm(office.line.url)
    raw(office.line.url, "UPDATE audit SET body = replace(body, 'Rotate', 'Keep') WHERE seq = 1")
    verdict = office.line("audit", "verify", "--json")
    assert (verdict.code, verdict.json["ok"], verdict.json["first_bad"]["seq"]) == (1, False, 1)
    refused = office.line("sync")
    assert (refused.code, refused.out) == (6, "")
    assert "audit verify" in refused.err
    assert office.line.json("item", "list", "--unlinked") != []


def test_check_finds_nothing_wrong_where_nothing_is(office: Office) -> None:
    answer = office.line("check", "--json")
    assert answer.code == 0
    assert answer.json["ok"] is True
    assert all(set(p) == {"where", "what", "fix", "fatal"} for p in answer.json["problems"])


def test_check_lists_every_problem_with_its_fix(office: Office, tmp_path: Path) -> None:
    text = office.line.config.read_text().replace('project = "SEC"', 'project = "NONE"')
    office.line.config.write_text(text)
    (tmp_path / "platform.token").write_text("not-the-token")
    office.line.add("Improve security")
    answer = office.line("check", "--json")
    assert answer.code == 2
    wrong = {p["where"] for p in answer.json["problems"] if p["fatal"]}
    assert wrong == {"eng-jira", "platform"}
    assert "items" in {p["where"] for p in answer.json["problems"]}
    assert all(p["fix"] for p in answer.json["problems"])


def test_a_wrong_token_needs_a_person_and_stops_only_its_tracker(office: Office, tmp_path: Path) -> None:
    office.line.add("Rotate the keys", "--priority", "high")
    office.line.add("Close the port")
    (tmp_path / "platform.token").write_text("not-the-token")
    answer = office.line("sync", "--json")
    assert (answer.code, answer.json["created"]) == (5, 1)
    assert "not-the-token" not in answer.out + answer.err


@pytest.mark.parametrize("words", [("plan",), ("sync",), ("check",)], ids=" ".join)
def test_a_missing_secret_is_a_problem_of_the_configuration(office: Office, words: tuple[str, ...]) -> None:
    text = office.line.config.read_text().replace('token_file = "platform.token"', 'token_env = "NOT_SET"')
    office.line.config.write_text(text)
    answer = office.line(*words)
    assert answer.code == 2
    assert "NOT_SET" in answer.out + answer.err


def test_a_token_file_that_others_may_read_is_refused(office: Office, tmp_path: Path) -> None:
    (tmp_path / "platform.token").chmod(0o644)
    answer = office.line("plan")
    assert answer.code == 2
    assert "chmod 600" in answer.err


@pytest.mark.parametrize("key", ["token_env", "token_file"])
def test_a_secret_put_where_its_name_belongs_is_not_shown(office: Office, key: str) -> None:
    text = office.line.config.read_text().replace('token_file = "platform.token"', f'{key} = "Zm9vYmFy1d3cAa9Hunter2x"')
    office.line.config.write_text(text)
    answer = office.line("sync", "-v")
    assert answer.code == 2
    assert "is it the secret itself?" in answer.err
    assert "Hunter2" not in answer.out + answer.err


@pytest.mark.parametrize("token", ["one two", "one\ntwo", "clé"])
def test_a_token_that_cannot_be_sent_is_a_problem_of_the_configuration(
    office: Office, tmp_path: Path, token: str
) -> None:
    (tmp_path / "platform.token").write_text(token)
    answer = office.line("sync")
    assert answer.code == 2
    assert "put the bare token there" in answer.err
    assert token not in answer.err


def test_keys_that_a_kind_of_tracker_does_not_have_are_errors(office: Office) -> None:
    text = office.line.config.read_text()
    text = text.replace('project = "SEC"', 'projekt = "SEC"').replace('repository = "', 'branch = "x"\nrepository = "')
    office.line.config.write_text(text.replace("[[people]]", '[[people]]\ngitlab = "x"', 1))
    answer = office.line("plan")
    assert answer.code == 2
    assert "trackers.eng-jira.projekt: is not a key; did you mean 'project'?" in answer.err
    assert "trackers.eng-jira.project: is required" in answer.err
    assert "trackers.platform.branch: is not a key" in answer.err
    assert "people[1].gitlab: is not a key" in answer.err


def test_no_secret_is_in_anything_that_is_written(office: Office) -> None:
    office.line.add("Rotate the keys", "--priority", "high")
    office.line.add("Close the port")
    said = ""
    for words in (
        ("check",),
        ("plan",),
        ("sync",),
        ("status",),
        ("explain", "1"),
        ("item", "show", "2"),
        ("audit", "log"),
    ):
        for options in (("-v", "--log-format", "json"), ("--json",)):
            answer = office.line(*words, *options)
            said += answer.out + answer.err
    said += contents(office.line.url)
    assert "R-" in said
    assert not [place.name for place in (office.tracker, office.host) if place.token in said]


def test_a_denied_token_names_the_tracker_and_the_command_that_tells_more(office: Office) -> None:
    office.line.add("Rotate the keys")
    office.line("sync")
    (office.line.folder / f"{office.tracker.name}.token").write_text("another-one", encoding="utf-8")
    answer = office.line("sync")
    assert answer.code == 5
    assert f"{office.tracker.name}: " in answer.out
    assert "counterfoil check" in answer.out
