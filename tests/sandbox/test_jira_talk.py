"""Comments, properties, remote links and attachments are kept on an embedded Jira as the vendor keeps them."""

from typing import Any

import httpx


def test_a_comment_hides_its_properties_unless_asked(jira: Any) -> None:
    key = jira.make()
    before = jira.get(key)["fields"]["updated"]
    sent = {"body": jira.text("Done?"), "properties": [{"key": "counterfoil.comment", "value": {"k": "m1"}}]}
    made = jira.http.post(f"/issue/{key}/comment", json=sent)
    assert made.status_code == 201
    assert made.json()["body"] == jira.text("Done?")
    assert "properties" not in jira.http.get(f"/issue/{key}/comment").json()["comments"][0]
    listed = jira.http.get(f"/issue/{key}/comment", params={"expand": "properties"}).json()
    assert listed["total"] == 1
    assert listed["comments"][0]["properties"] == sent["properties"]
    assert jira.get(key)["fields"]["updated"] > before


def test_comments_are_listed_in_pages_from_either_end(jira: Any) -> None:
    key = jira.make()
    for number in range(3):
        jira.mia.comment(key, f"c{number}")
    page = jira.http.get(f"/issue/{key}/comment", params={"startAt": 1, "maxResults": 1}).json()
    assert (page["total"], [one["body"] for one in page["comments"]]) == (3, [jira.text("c1")])
    newest = jira.http.get(f"/issue/{key}/comment", params={"orderBy": "-created", "maxResults": 1}).json()
    assert newest["comments"][0]["body"] == jira.text("c2")


def test_a_comment_can_be_edited_and_deleted(jira: Any) -> None:
    key = jira.make()
    here = f"/issue/{key}/comment/{jira.mia.comment(key, 'first')}"
    edited = jira.http.put(here, json={"body": jira.text("second")}).json()
    assert edited["body"] == jira.text("second")
    assert edited["updated"] > edited["created"]
    assert jira.http.delete(here).status_code == 204
    assert jira.http.get(here).status_code == 404


def test_a_comment_without_a_proper_body_is_refused(cloud: Any, datacenter: Any) -> None:
    cases: tuple[tuple[Any, list[Any]], ...] = ((cloud, ["text", {}, None]), (datacenter, [cloud.text("x"), ""]))
    for jira, bodies in cases:
        key = jira.make()
        for body in bodies:
            assert "comment" in jira.http.post(f"/issue/{key}/comment", json={"body": body}).json()["errors"]


def test_a_property_is_set_read_and_removed_without_touching_the_issue(jira: Any) -> None:
    key = jira.make()
    before = jira.get(key)["fields"]["updated"]
    here = f"/issue/{key}/properties/counterfoil.sync"
    assert jira.http.put(here, json={"k": 1}).status_code == 201
    assert jira.http.put(here, json={"k": 2}).status_code == 200
    assert jira.http.get(here).json() == {"key": "counterfoil.sync", "value": {"k": 2}}
    assert [one["key"] for one in jira.http.get(f"/issue/{key}/properties").json()["keys"]] == ["counterfoil.sync"]
    assert jira.get(key)["fields"]["updated"] == before
    assert jira.http.delete(here).status_code == 204
    assert jira.http.get(here).status_code == 404


def test_a_property_beyond_the_limit_is_refused_wherever_it_is_sent(jira: Any) -> None:
    key = jira.make()
    assert jira.http.put(f"/issue/{key}/properties/p", json="x" * 32_766).status_code == 201
    assert jira.http.put(f"/issue/{key}/properties/p", json="x" * 32_767).status_code == 400
    assert jira.post({}, properties=[{"key": "p", "value": "x" * 32_767}]).status_code == 400
    assert jira.http.put(f"/issue/{key}/properties/p", content=b"not json").status_code == 400


def test_a_remote_link_with_a_global_id_is_made_once(jira: Any) -> None:
    key = jira.make()
    here = f"/issue/{key}/remotelink"
    link = {"globalId": "counterfoil:AI-000001", "object": {"url": "https://x.example/1", "title": "One"}}
    first = jira.http.post(here, json=link)
    link["object"] = {"url": "https://x.example/1", "title": "Other"}
    second = jira.http.post(here, json=link)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert [one["object"]["title"] for one in jira.http.get(here).json()] == ["Other"]
    assert jira.http.get(here, params={"globalId": "counterfoil:AI-000001"}).json()["id"] == first.json()["id"]
    assert jira.http.post(here, json={"object": {"title": "x"}}).status_code == 400


def test_an_attachment_leaves_its_name_and_size(jira: Any) -> None:
    key = jira.make()
    here = f"/issue/{key}/attachments"
    files = {"file": ("proof.txt", b"12345")}
    assert jira.http.post(here, files=files).status_code == 403
    (made,) = jira.http.post(here, files=files, headers={"X-Atlassian-Token": "no-check"}).json()
    assert (made["filename"], made["size"]) == ("proof.txt", 5)
    assert jira.http.get(f"/attachment/{made['id']}").json()["filename"] == "proof.txt"
    fields = jira.get(key, expand="changelog")
    assert fields["fields"]["attachment"][0]["id"] == made["id"]
    assert fields["changelog"]["histories"][0]["items"][0]["field"] == "Attachment"


def test_what_hangs_on_a_missing_issue_is_missing(jira: Any) -> None:
    for path in ("comment", "properties", "transitions", "remotelink"):
        answer: httpx.Response = jira.http.get(f"/issue/SEC-404/{path}")
        assert answer.status_code == 404
