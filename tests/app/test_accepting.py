"""Risks that are to be lived with, and later due dates, as commands."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.app.conftest import Office
from tests.app.test_items import today

RULES = """
[[people]]
email = "ruth@acme.example"
login = "ruth"
[[people]]
email = "otto@acme.example"
login = "otto"
[[people]]
email = "dee@acme.example"
login = "dee"
[[people]]
email = "sam@acme.example"
login = "sam"
[roles]
delegate = ["dee@acme.example"]
[roles.risk_owner]
medium = ["ruth@acme.example", "otto@acme.example", "mia@acme.example"]
"""
TERMS = ("--likelihood", "2", "--impact", "3", "--compensating", "an alert")

Login = Callable[[str], None]


@pytest.fixture
def court(office: Office, login: Login) -> Office:
    """The office with risk owners for medium, and Ruth at the machine."""
    login("ruth")
    with office.line.config.open("a", encoding="utf-8") as config:
        config.write(RULES)
    return office


def asked(court: Office, login: Login) -> str:
    """An item that Sam filed and whose ticket asks, with Ruth at the machine."""
    login("sam")
    ref = court.line.add("Close the port", "--owner", "omar@acme.example")
    login("ruth")
    court.line("sync")
    court.tracker.engineer.wont_do(court.key(ref), "It is switched off in March")
    assert court.line("sync").code == 5
    return ref


def test_a_request_is_shown_with_who_asked_and_who_may_decide(court: Office, login: Login) -> None:
    ref = asked(court, login)
    [request] = court.line.json("accept", "list")
    assert (request["item"], request["state"], request["requester"]) == (ref, "requested", "mia@acme.example")
    shown = court.line.json("accept", "show", ref)
    assert shown["justification"] == "It is switched off in March"
    assert shown["may_decide"] == ["otto@acme.example", "ruth@acme.example"]
    assert shown["asked"] == f"{court.key(ref)}: closed as Won't Do"
    assert (len(shown["lacks"]), shown["lacks"][0]) == (3, "it has no end")
    text = court.line("accept", "show", ref).out
    assert all(words in text for words in (f"{court.key(ref)}: closed as", "--compensating", "are not scored"))
    assert f"{request['ref']} {ref} is asked for by mia@acme.example" in " ".join(court.line("status").out.split())
    assert "accept approve" in court.line.json("holds", "list")[0]["command"]


def test_a_risk_is_approved_and_lived_with_until_its_end(court: Office, login: Login) -> None:
    ref = asked(court, login)
    done = court.line.json("accept", "approve", ref, "--until", today(30), *TERMS, "--reason", "we can bear it")
    [decision] = done["decisions"]
    assert (done["state"], decision["by"], decision["channel"]) == ("active", "ruth@acme.example", "command")
    assert court.line("sync").code == 0
    shown = court.line.json("item", "show", ref)
    assert (shown["status"], shown["accepted"]) == ("accepted_as_risk", {"ref": "RA-000001", "until": today(30)})
    assert shown["acceptances"][0]["ref"] == "RA-000001"
    explained = court.line("explain", ref).out
    assert f"accepted_as_risk until {today(30)} by RA-000001" in explained
    assert f"item.changed accepted: nothing -> RA-000001 {today(30)}" in explained
    assert court.line.json("accept", "list", "--ending", "29") == []
    assert [each["ref"] for each in court.line.json("accept", "list", "--ending", "30")] == ["RA-000001"]
    told = court.line("item", "edit", ref, "--owner", "otto@acme.example").out
    assert "void" not in told
    told = court.line("item", "edit", ref, "--title", "Close both ports").out
    assert f"RA-000001 accepted what {ref} was before, and is void" in told
    court.line("item", "edit", ref, "--title", "Close the port", "--owner", "omar@acme.example")
    refused = court.line("item", "edit", ref, "--status", "open")
    assert (refused.code, "accept revoke" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("who", "words"),
    [("nobody-known", "is nobody in [[people]]"), ("dee", "is not a risk owner for medium"), ("otto", "")],
)
def test_who_decides_is_the_user_of_the_machine_and_not_what_a_variable_says(
    court: Office, login: Login, monkeypatch: pytest.MonkeyPatch, who: str, words: str
) -> None:
    ref = asked(court, login)
    login(who)
    for name in ("COUNTERFOIL_USER", "USER", "LOGNAME"):
        monkeypatch.setenv(name, "ruth")
    answer = court.line("accept", "approve", ref, "--until", today(30), *TERMS)
    assert answer.code == (2 if words else 0)
    assert words in answer.err


def test_who_parts_and_joins_item_and_ticket_is_the_user_of_the_machine_too(court: Office, login: Login) -> None:
    ref = asked(court, login)
    key = court.key(ref)
    assert court.line("item", "unlink", ref).code == 0
    assert court.line("item", "link", ref, key).code in (0, 5)
    done = [each for each in court.line.json("audit", "log") if each["action"] in ("ticket.unlinked", "ticket.linked")]
    assert [each["actor"]["account"] for each in done] == ["ruth@acme.example"] * 2
    narrowed = court.line.config.read_text().replace("[roles]", '[roles]\nauthor = ["sam@acme.example"]')
    court.line.config.write_text(narrowed)
    settle = ("holds", "settle", "H-1", "--take", "item", "--reason", "why")
    for words in (("item", "unlink", ref), ("item", "link", ref, key), settle):
        assert "may not write items" in court.line(*words).err


def test_an_approval_by_somebody_who_owns_the_item_by_now_does_not_count(court: Office, login: Login) -> None:
    court.line.config.write_text(court.line.config.read_text().replace("medium = [", "critical = ["))
    login("sam")
    ref = court.line.add("Close the port", "--priority", "critical")
    court.line.json("accept", "request", ref, "--because", "not yet", "--until", today(30), *TERMS)
    login("ruth")
    court.line.json("accept", "approve", ref)
    court.line.json("item", "edit", ref, "--owner", "ruth@acme.example")
    login("otto")
    assert "it takes another person" in court.line("accept", "approve", ref).out
    why = "ruth@acme.example owns or owned the item, and nobody decides about their own matter"
    assert court.line.json("accept", "show", ref)["not_counted"] == [{"by": "ruth@acme.example", "why": why}]
    assert f"the approval of ruth@acme.example does not count: {why}" in " ".join(
        court.line("accept", "show", ref).out.split()
    )


def test_a_delegate_decides_for_somebody_and_that_is_recorded(court: Office, login: Login) -> None:
    ref = asked(court, login)
    refused = court.line("accept", "approve", ref, "--until", today(9), *TERMS, "--as", "otto@acme.example")
    assert (refused.code, "may not act for others" in refused.err) == (2, True)
    login("dee")
    done = court.line.json("accept", "approve", ref, "--until", today(9), *TERMS, "--as", "otto@acme.example")
    [decision] = done["decisions"]
    assert (decision["by"], decision["typed_by"], decision["channel"]) == (
        "otto@acme.example",
        "dee@acme.example",
        "delegate",
    )


def test_who_asked_does_not_decide(court: Office, login: Login) -> None:
    ref = court.line.add("Close the port")
    court.line("accept", "request", ref, "--because", "we switch it off", "--until", today(9))
    answer = court.line("accept", "approve", ref, *TERMS)
    assert (answer.code, "nobody decides about their own matter" in answer.err) == (2, True)
    login("otto")
    assert court.line.json("accept", "request", ref, "--conditions", "weekly")["editors"] == ["otto@acme.example"]
    assert "had a hand in the request" in court.line("accept", "approve", ref, *TERMS).err


def test_a_refused_request_opens_the_ticket_again_with_the_reason(court: Office, login: Login) -> None:
    ref = asked(court, login)
    assert court.line("accept", "reject", ref).code == 2
    assert court.line.json("accept", "reject", ref, "--reason", "too sensitive")["state"] == "rejected"
    assert court.line("sync").code == 0
    assert court.tracker.engineer.status(court.key(ref)) == "To Do"  # type: ignore[attr-defined]
    assert any("too sensitive" in str(text) for text in court.tracker.engineer.comments(court.key(ref)))  # type: ignore[attr-defined]
    assert court.line.json("accept", "list") == []
    assert [each["state"] for each in court.line.json("accept", "list", "--all")] == ["rejected"]
    shown = court.line.json("accept", "show", ref)
    assert (shown["lacks"], shown["may_decide"]) == ([], [])


def test_a_command_for_another_state_names_the_one_that_helps(court: Office, login: Login) -> None:
    ref = asked(court, login)
    for words in (("revoke", "RA-1", "--reason", "no"), ("renew", ref, "--until", today(60))):
        refused = court.line("accept", *words)
        assert (refused.code, "RA-000001 is requested" in refused.err) == (2, True)
        assert "counterfoil accept approve RA-000001` or `accept reject RA-000001 --reason" in refused.err
    assert "`counterfoil accept list --all` shows what there is" in court.line("accept", "show", "RA-77").err
    court.line("accept", "approve", ref, "--until", today(30), *TERMS)
    assert "accept revoke RA-000001 --reason" in court.line("accept", "reject", "RA-1", "--reason", "no").err


def test_an_acceptance_is_renewed_by_another_and_revoked(court: Office, login: Login) -> None:
    ref = asked(court, login)
    court.line("accept", "approve", ref, "--until", today(30), *TERMS)
    assert court.line.json("accept", "renew", "RA-1", "--until", today(60))["renewal_of"] == "RA-000001"
    assert court.line("accept", "approve", "RA-2").code == 2
    login("otto")
    assert court.line.json("accept", "approve", "RA-2")["state"] == "active"
    assert court.line.json("item", "show", ref)["accepted"]["until"] == today(60)
    assert court.line.json("accept", "revoke", ref, "--reason", "the vendor is back")["state"] == "revoked"
    kept = court.line.json("item", "show", ref)
    assert (kept["status"], [each["state"] for each in kept["acceptances"]]) == ("open", ["renewed", "revoked"])


def later(court: Office) -> str:
    ref = court.line.add("Close the port", "--due", today(10))
    court.line("sync")
    court.tracker.engineer.due(court.key(ref), today(40))
    assert court.line("sync").code == 5
    return ref


def test_more_time_is_given_by_a_risk_owner_who_did_not_ask(court: Office, login: Login) -> None:
    ref = later(court)
    [hold] = court.line.json("holds", "list")
    refused = court.line("holds", "settle", hold["id"], "--take", "ticket", "--reason", "fine")
    assert (refused.code, "due approve" in refused.err) == (2, True)
    [request] = court.line.json("due", "list")
    assert (request["after"], request["requester"]) == (today(40), "mia@acme.example")
    login("dee")
    assert "is not a risk owner" in court.line("due", "approve", ref).err
    login("otto")
    done = court.line.json("due", "approve", ref, "--reason", "the vendor delivers then")
    assert (done["verdict"], done["decided_by"]) == ("approved", "otto@acme.example")
    assert court.line("sync").code == 0
    shown = court.line.json("item", "show", ref)
    assert (shown["due_date"], shown["original_due_date"]) == (today(40), today(10))
    assert [(each["verdict"], each["decided_why"]) for each in shown["due_changes"]] == [
        ("approved", "the vendor delivers then")
    ]
    assert court.line.json("due", "list") == []


def test_a_date_that_is_not_given_goes_back_with_the_reason(court: Office) -> None:
    ref = later(court)
    assert court.line("due", "reject", ref).code == 2
    assert court.line.json("due", "reject", ref, "--reason", "the audit is before")["verdict"] == "rejected"
    assert court.line("sync").code == 0
    assert court.line.json("item", "show", ref)["due_date"] == today(10)
    assert any("the audit is before" in str(text) for text in court.tracker.engineer.comments(court.key(ref)))  # type: ignore[attr-defined]
    assert court.line.json("sync")["operations"] == []


def test_a_date_changed_here_is_in_the_list_of_changes_with_who_and_why(court: Office) -> None:
    ref = court.line.add("Close the port", "--due", today(30))
    court.line("item", "edit", ref, "--due", today(20), "--reason", "agreed")
    changes: Any = court.line.json("item", "show", ref)["due_changes"]
    assert [(each["after"], each["verdict"], each["requester"], each["decided_why"]) for each in changes] == [
        (today(20), "made", "ruth@acme.example", "agreed")
    ]


def test_a_later_date_that_is_asked_for_here_is_given_by_another_person(court: Office, login: Login) -> None:
    ref = court.line.add("Close the port", "--due", today(10))
    asks = ("item", "edit", ref, "--due", today(20))
    assert (court.line(*asks).code, court.line.json("due", "list")) == (2, [])
    told = court.line(*asks, "--owner", "omar@acme.example", "--reason", "the vendor is late")
    assert f"counterfoil due approve {ref}" in told.out
    [request] = court.line.json("status")["due_requested"]
    assert (request["requester"], request["reason"]) == ("ruth@acme.example", "the vendor is late")
    shown = court.line.json("item", "show", ref)
    assert (shown["due_date"], shown["owner"]) == (today(10), "omar@acme.example")
    assert "nobody decides about their own matter" in court.line("due", "approve", ref).err
    login("otto")
    court.line.json("due", "reject", ref, "--reason", "too late")
    assert court.line.json("item", "show", ref)["comments"] == []
    court.line.json(*asks, "--reason", "the vendor is late")
    login("ruth")
    court.line.json("due", "approve", ref)
    shown = court.line.json("item", "show", ref)
    assert (shown["due_date"], shown["original_due_date"]) == (today(20), today(10))
    assert [each["verdict"] for each in shown["due_changes"]] == ["rejected", "approved"]


def test_where_nobody_could_decide_a_later_date_is_set_at_once(court: Office) -> None:
    ref = court.line.add("Close the port", "--priority", "low", "--due", today(10))
    assert court.line.json("item", "edit", ref, "--due", today(20))["due_date"] == today(20)


def test_a_check_tells_where_no_comment_could_decide(court: Office) -> None:
    with court.line.config.open("a", encoding="utf-8") as config:
        config.write("[accept]\nby_comment = true\n")
    told = [each for each in court.line.json("check")["problems"] if "by_comment" in each["what"]]
    assert [(each["where"], each["fatal"]) for each in told] == [("platform", False)]


def test_who_asked_is_erased_only_with_decisions_and_then_it_is_said_what_names_them_no_more(
    court: Office, login: Login
) -> None:
    login("sam")
    ref = court.line.add("Close the port", "--owner", "omar@acme.example")
    assert court.line("accept", "request", ref, "--because", "it is off", "--until", today(30)).code == 0
    login("ruth")
    words = ("person", "erase", "sam@acme.example", "--reason", "request 12")
    assert "they go only with --decisions" in court.line(*words, "--dry-run").out
    assert court.line(*words).code == 2
    assert "their records name them no more" in court.line(*words, "--decisions").out
    assert "sam@acme.example" not in court.line("audit", "log", "--limit", "0").out
