"""What engineers leave on tickets becomes evidence, through the real program, each piece once and for few requests."""

import hashlib
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.sandbox.github_engineer import GithubEngineer
from sync.app.shell import AHEAD

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


def test_the_file_behind_an_attachment_is_kept_when_somebody_brings_it_and_what_they_say_of_it_is_not_lost(
    jira_cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERFOIL_EVIDENCE__VALID_DAYS", "365")
    ref, key = mirrored(jira_cloud)
    jira_cloud.engineer.attach(key, "scan.pdf", DATA)
    asked(jira_cloud)
    [piece] = pieces(jira_cloud, ref)
    (file := jira_cloud.folder / "copy.pdf").write_bytes(DATA)

    def brought(*said: str) -> tuple[int, str, bool]:
        later = AHEAD.set(timedelta(days=9))
        newest = jira_cloud.run("evidence", "add", piece["ref"], str(file), *said)["versions"][-1]
        AHEAD.reset(later)
        return newest["version"], newest["kind"], newest["stored"]

    assert (piece["version"], piece["stored"]) == (1, False)
    assert [brought(), brought()] == [(1, "ticket_attachment", True)] * 2
    assert brought("--kind", "log") == (2, "log", True)
    assert brought("--kind", "log", "--expires", "2099-12-31") == (3, "log", True)
    file.write_bytes(DATA + b", and so is the other")
    assert brought()[0] == 4


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
