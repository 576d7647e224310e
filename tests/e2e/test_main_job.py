"""The main job through the real command line, the real SDKs and real HTTP, on each embedded tracker."""

from typing import Any

import pytest

from connectors.sandbox.faults import Fault


def titles(installation: Any) -> dict[str, str]:
    return {i["ref"]: i["ticket"]["key"] for i in installation.run("item", "list") if i["ticket"]}


def add(installation: Any, title: str) -> str:
    added: str = installation.run("item", "add", title, "--owner", "mia@acme.example")["ref"]
    return added


def test_items_go_out_and_what_engineers_do_comes_back(installation: Any) -> None:
    refs = [
        installation.run("item", "add", f"Encrypt volume {n} of the billing system", "--owner", "mia@acme.example")[
            "ref"
        ]
        for n in range(6)
    ]
    planned = installation.run("plan")
    assert [o["kind"] for o in planned["operations"]] == ["create"] * 6
    first = installation.run("sync", "--expect", planned["digest"])
    assert (first["created"], first["deferred"], first["failed"]) == (6, 0, 0)
    keys = titles(installation)
    engineer = installation.engineer
    engineer.start(keys[refs[0]])
    engineer.close(keys[refs[1]])
    engineer.wont_do(keys[refs[2]], "It is switched off in March")
    engineer.edit_title(keys[refs[3]], "nope")
    engineer.comment(keys[refs[4]], "Which tenant is meant?")
    engineer.set_body(keys[refs[5]], "My own words.")
    second = installation.run("sync", expect=5)
    shown = {i["ref"]: i for i in installation.run("item", "list")}
    assert [shown[r]["status"] for r in refs[:3]] == ["in_progress", "resolved", "open"]
    assert shown[refs[2]]["claim"] == "acceptance_requested"
    assert [h["kind"] for h in shown[refs[2]]["holds"]] == ["acceptance_requested"]
    assert engineer.title(keys[refs[3]]) == shown[refs[3]]["title"]
    heard = installation.run("item", "show", refs[4])["comments"]
    assert [c["text"].strip() for c in heard] == ["Which tenant is meant?"]
    assert second["commented"] == 1
    assert any("block" in str(c) for c in engineer.comments(keys[refs[5]]))
    third = installation.run("sync", expect=5)
    assert third["operations"] == []
    assert len(installation.tickets()) == 6
    verdict = installation.run("audit", "verify", expect=None)
    assert (verdict["ok"], verdict["first_bad"]) == (True, None)


def test_changes_here_reach_the_ticket(installation: Any) -> None:
    ref = installation.run("item", "add", "Encrypt the backup bucket of billing", "--priority", "low")["ref"]
    installation.run("sync")
    key = titles(installation)[ref]
    installation.run("item", "edit", ref, "--title", "Encrypt every backup bucket", "--status", "in_progress")
    installation.run("item", "comment", ref, "The auditor asks for this one first.")
    done = installation.run("sync")
    assert (done["updated"], done["commented"]) == (1, 1)
    assert installation.engineer.title(key) == "Encrypt every backup bucket"
    assert any("The auditor asks for this one first." in str(c) for c in installation.engineer.comments(key))
    assert installation.run("sync")["operations"] == []
    assert installation.run("item", "show", ref)["status"] == "in_progress"


def test_what_is_changed_and_changed_back_after_a_first_mirror_is_on_record(installation: Any) -> None:
    ref = add(installation, "Encrypt the backup bucket of billing")
    installation.run("sync")
    key = titles(installation)[ref]
    installation.server.advance(2)
    installation.engineer.edit_title(key, "FYI only")
    installation.engineer.edit_title(key, "Encrypt the backup bucket of billing")
    installation.run("sync")
    edits = [e for e in installation.run("audit", "log", "--item", ref) if e["action"] == "ticket.edited"]
    assert [e["after"] for e in edits] == ["FYI only", "Encrypt the backup bucket of billing"]
    assert installation.run("sync")["operations"] == []


def test_an_open_pull_request_begins_work(github: Any) -> None:
    ref = add(github, "Encrypt the backup bucket of billing")
    github.run("sync")
    github.server.advance(2)
    pull = github.engineer.open_pull(titles(github)[ref])
    github.run("sync")
    assert github.run("item", "show", ref)["status"] == "in_progress"
    github.engineer.merge_pull(pull)
    github.engineer.close(titles(github)[ref])
    github.run("sync")
    assert github.run("item", "show", ref)["status"] == "resolved"


def test_an_existing_ticket_is_adopted_and_its_text_is_kept(installation: Any) -> None:
    key = installation.open_ticket("Buckets are not encrypted")
    installation.engineer.set_body(key, "Found on Monday.")
    installation.engineer.comment(key, "It was like that last year.")
    ref = add(installation, "Encrypt the backup bucket of billing")
    shown = installation.run("item", "link", ref, key, "--tracker", "work", "--dry-run")
    assert shown["operations"][0]["kind"] == "link"
    assert installation.engineer.title(key) == "Buckets are not encrypted"
    installation.run("item", "link", ref, key, "--tracker", "work")
    assert installation.engineer.title(key) == "Encrypt the backup bucket of billing"
    assert "Found on Monday." in str(installation.engineer.body(key))
    assert installation.run("sync")["operations"] == []
    assert len(installation.tickets()) == 1
    told = installation.run("item", "show", ref)["comments"]
    assert [c["text"].strip() for c in told] == ["It was like that last year."]


@pytest.mark.parametrize(("reason", "written"), [("jira-per-issue-on-write", 2), ("jira-quota-tenant-based", 0)])
def test_a_limit_on_one_ticket_leaves_the_others_alone(jira_cloud: Any, reason: str, written: int) -> None:
    refs = [add(jira_cloud, f"Encrypt volume {n} of the billing system") for n in range(3)]
    jira_cloud.run("sync")
    for ref in refs:
        jira_cloud.run("item", "edit", ref, "--priority", "critical")
    jira_cloud.server.faults.next("PUT", "/issue/", Fault.RATE_LIMITED, seconds=300, reason=reason)
    limited = jira_cloud.run("sync", expect=3)
    assert (limited["updated"], limited["deferred"]) == (written, 3 - written)
    assert any(reason in problem for problem in limited["problems"])
    assert jira_cloud.run("sync")["updated"] == 3 - written
    assert jira_cloud.run("sync")["operations"] == []
