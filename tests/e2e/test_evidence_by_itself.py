"""What engineers leave on tickets becomes evidence, through the real program, each piece once and for few requests."""

import hashlib
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from connectors.sandbox.github_engineer import GithubEngineer

DATA = b"%PDF-1.7 the scan is clean"


def mirrored(installation: Any) -> tuple[str, str]:
    ref = installation.run("item", "add", "Rotate the key of the root account", "--priority", "low")["ref"]
    installation.run("sync")
    (item,) = installation.run("item", "list")
    return ref, item["ticket"]["key"]


def pieces(installation: Any, ref: str) -> list[Any]:
    return list(installation.run("evidence", "list", ref))


def asked(installation: Any) -> Counter[str]:
    installation.server.requests.clear()
    installation.run("sync", expect=None)
    return Counter(seen.path.rpartition("/")[2] for seen in installation.server.requests)


@pytest.mark.parametrize("installation", ["jira_cloud", "jira_datacenter"], indirect=True)
def test_files_pages_and_words_on_jira(installation: Any) -> None:
    ref, key = mirrored(installation)
    mia = installation.engineer
    made = mia.attach(key, "scan.pdf", DATA)
    mia.link(key, "https://wiki.example/rotation", "How it was rotated")
    mia.whisper(key, "/evidence https://wiki.example/secret not for everybody")
    mia.close(key, "Rotated, see https://ci.example/builds/7")
    first = asked(installation)
    again = asked(installation)
    found = {e["kind"]: e for e in pieces(installation, ref)}
    assert sorted(found) == ["ci_run", "link", "ticket_attachment", "ticket_snapshot"]
    assert found["ticket_attachment"]["sha256"] == hashlib.sha256(DATA).hexdigest()
    assert found["ticket_attachment"]["by"] == "mia@acme.example"
    assert found["link"]["url"] == "https://wiki.example/rotation"
    assert (first["remotelink"], again["remotelink"]) == (1, 0)
    assert not any("secret" in str(e) for e in pieces(installation, ref))
    assert made


def test_a_merged_pull_request_and_hidden_comments_on_github(github: Any) -> None:
    ref, key = mirrored(github)
    mia = github.engineer
    pull = mia.open_pull(key, "Rotate it")
    with GithubEngineer(github.server.url, "token-emma-richards") as emma:
        emma.review_pull(pull)
    hidden = mia.comment(key, "/evidence https://wiki.example/secret hidden")
    mia.minimize(key, hidden)
    shot = f"{github.server.url}/user-attachments/assets/0a1b2c"
    mia.comment(key, f"Here it is: ![the console]({shot})")
    mia.merge_pull(pull)
    asked(github)
    again = asked(github)
    found = {e["kind"]: e for e in pieces(github, ref)}
    assert sorted(found) == ["pull_request", "ticket_attachment", "ticket_snapshot"]
    assert "approved by github:emma-richards" in found["pull_request"]["shows"]
    assert (found["ticket_attachment"]["url"], found["ticket_attachment"]["name"]) == (shot, "the console")
    assert again["reviews"] == 0
    talk = github.run("item", "show", ref)["comments"]
    assert [c["text"].partition(":")[0] for c in talk if c["inbound"]] == ["Here it is"]


@pytest.mark.parametrize("installation", ["jira_cloud", "jira_datacenter"], indirect=True)
def test_internal_comments_of_a_service_desk_stay_there(installation: Any) -> None:
    sandbox = installation.server.sandbox
    sandbox.site = replace(sandbox.site, service_desk=True)
    ref, key = mirrored(installation)
    installation.engineer.whisper(key, "The customer must not know.", internal=True)
    installation.engineer.comment(key, "We are on it.")
    asked(installation)
    talk = [c["text"].strip() for c in installation.run("item", "show", ref)["comments"]]
    assert talk == (["We are on it."] if installation.cloud else [])


def test_an_edit_and_a_deletion_are_told_by_the_item(github: Any) -> None:
    ref, key = mirrored(github)
    mia = github.engineer
    first, second = (mia.comment(key, text) for text in ("It is done.", "Forget it."))
    asked(github)
    github.server.advance(60)
    mia.recomment(key, first, "It is half done.")
    mia.uncomment(key, second)
    asked(github)
    edited, deleted = github.run("item", "show", ref)["comments"]
    assert (edited["text"], bool(edited["edited_at"]), edited["deleted_at"]) == ("It is half done.", True, None)
    assert (deleted["text"], bool(deleted["deleted_at"])) == ("Forget it.", True)
    assert github.run("audit", "verify", expect=None)["ok"]
