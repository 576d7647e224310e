"""The embedded Jira lets people in, limits, fails, tells, remembers and is rearranged as a real one may be."""

import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from jira import JIRA

from connectors.sandbox.faults import Fault
from connectors.sandbox.jira_hooks import signature
from connectors.sandbox.jira_server import JiraCloudSandbox
from connectors.sandbox.jira_site import MIA, SYNC
from connectors.sandbox.server import SandboxServer

MARKED = "labels = counterfoil ORDER BY updated ASC"


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic d3Jvbmc6d3Jvbmc="}, {"authorization": "Basic ="}],
)
def test_nobody_gets_in_without_a_good_token(jira: Any, headers: dict[str, str]) -> None:
    answer = httpx.get(f"{jira.server.url}/rest/api/2/myself", headers=headers)
    assert answer.status_code == 401


def test_a_cloud_token_needs_its_e_mail_address_and_takes_a_scoped_path(cloud: Any) -> None:
    url = f"{cloud.server.url}/ex/jira/11111111-2222-3333-4444-555555555555/rest/api/3/myself"
    assert httpx.get(url, auth=(SYNC.email, SYNC.token)).status_code == 200
    assert httpx.get(url, auth=(MIA.email, SYNC.token)).status_code == 401
    assert httpx.get(url, headers={"authorization": f"Bearer {SYNC.token}"}).status_code == 401


def test_unknown_paths_and_methods_are_told_apart(jira: Any) -> None:
    assert jira.http.get("/nothing").status_code == 404
    assert jira.http.put("/myself", json={}).status_code == 405
    assert jira.http.post("/issue", content=b"{").status_code == 400
    assert jira.http.post("/issue", json=[]).status_code == 400


def test_too_many_requests_come_with_the_vendors_headers(cloud: Any, datacenter: Any) -> None:
    for jira, own in ((cloud, "ratelimit-reason"), (datacenter, "x-ratelimit-fillrate")):
        jira.server.faults.next("GET", "/myself", Fault.RATE_LIMITED, seconds=7)
        jira.server.faults.next("GET", "/myself", Fault.RATE_LIMITED, reason="bare")
        first, second = jira.http.get("/myself"), jira.http.get("/myself")
        assert (first.status_code, first.headers["retry-after"], own in first.headers) == (429, "7", True)
        assert (second.status_code, "retry-after" in second.headers) == (429, False)
    cloud.server.faults.next("GET", "/myself", Fault.RATE_LIMITED, reason="jira-quota-tenant-based", seconds=60)
    assert cloud.http.get("/myself").headers["ratelimit-reason"] == "jira-quota-tenant-based"


def test_a_lost_answer_to_a_create_leaves_an_issue_that_is_found_by_its_label(jira: Any) -> None:
    jira.server.faults.next("POST", "/issue$", Fault.LOSE_ANSWER)
    with pytest.raises(httpx.TransportError):
        jira.post({"labels": ["counterfoil", "cf-1"]})
    assert len(jira.search("labels = cf-1")) == 1


def test_an_error_of_ones_own_choice_has_the_vendors_shape(jira: Any) -> None:
    jira.server.faults.next("PUT", "/issue", Fault.ERROR_BEFORE, status=409)
    key = jira.make()
    answer = jira.http.put(f"/issue/{key}", json={"fields": {"summary": "x"}})
    assert (answer.status_code, set(answer.json())) == (409, {"errorMessages", "errors"})
    jira.server.faults.next("GET", "/myself", Fault.ERROR_BEFORE, status=502)
    assert jira.http.get("/myself").headers["content-type"] == "text/html"


def test_a_moved_or_renamed_issue_keeps_its_id_and_is_found_by_its_old_keys(jira: Any) -> None:
    made = jira.post({"labels": ["counterfoil"]}).json()
    moved = jira.server.admin("POST", f"/_sandbox/issue/{made['key']}/move", {"project": "OPS"})
    assert moved == {"key": "OPS-1"}
    for name in (made["id"], made["key"], "OPS-1"):
        shown = jira.get(name)
        assert (shown["id"], shown["key"], shown["fields"]["project"]["key"]) == (made["id"], "OPS-1", "OPS")
    assert jira.search("project = SEC AND labels = counterfoil") == []
    other = jira.make()
    jira.server.admin("POST", "/_sandbox/project", {"key": "GRC"})
    assert jira.get(other)["key"] == other.replace("SEC", "GRC")


def test_an_archived_or_hidden_issue_leaves_the_searches(jira: Any) -> None:
    key = jira.make(labels=["counterfoil"])
    jira.server.admin("POST", f"/_sandbox/issue/{key}/archive")
    assert (jira.search(MARKED), jira.get(key)["key"]) == ([], key)
    jira.server.admin("POST", f"/_sandbox/issue/{key}/archive", {"archived": False})
    assert jira.search(MARKED) == [key]
    jira.server.admin("POST", f"/_sandbox/issue/{key}/hide")
    assert (jira.search(MARKED), jira.http.get(f"/issue/{key}").status_code) == ([], 404)
    jira.server.admin("POST", f"/_sandbox/issue/{key}/hide", {"hidden": False})
    assert jira.search(MARKED) == [key]


def test_a_clone_has_the_labels_and_not_the_properties(jira: Any) -> None:
    made = jira.post({"labels": ["counterfoil"]}, properties=[{"key": "p", "value": 1}]).json()
    copy = jira.server.admin("POST", f"/_sandbox/issue/{made['key']}/clone")
    shown = jira.get(copy["key"], properties="p")
    assert (shown["fields"]["labels"], shown["properties"]) == (["counterfoil"], {})
    assert shown["fields"]["reporter"]["displayName"] == "Mia Krystof"
    jira.mia.add_label(copy["key"], "own")
    assert jira.mia.labels(made["key"]) == ["counterfoil"]


def test_workflow_and_screen_change_while_it_runs(jira: Any) -> None:
    key = jira.make()
    jira.server.admin("POST", "/_sandbox/workflow", {"name": "dead-end"})
    with pytest.raises(LookupError):
        jira.mia.close(key)
    with pytest.raises(ValueError, match="There is no workflow 'x'"):
        jira.server.admin("POST", "/_sandbox/workflow", {"name": "x"})
    squad = {"id": "customfield_1", "name": "Squad"}
    jira.server.admin(
        "POST", "/_sandbox/screen", {"without": ["priority"], "custom": [squad], "required": [squad["id"]]}
    )
    assert "Squad is required." in jira.post({}).text
    assert "on the appropriate screen" in jira.post({"priority": {"name": "Low"}}).text


def test_webhooks_are_signed_over_the_raw_body(jira: Any) -> None:
    with SandboxServer(JiraCloudSandbox()) as receiver:
        jira.server.admin("POST", "/_sandbox/webhooks", {"url": f"{receiver.url}/hook", "secret": "shh"})
        key = jira.make()
        jira.mia.edit_title(key, "Other")
        jira.mia.comment(key, "Hm")
        jira.mia.delete(key)
        jira.server.drain()
        bodies = [json.loads(seen.body) for seen in receiver.requests]
    names = [body["webhookEvent"] for body in bodies]
    made, edited, commented, updated, deleted = names
    assert (made, edited, deleted) == ("jira:issue_created", "jira:issue_updated", "jira:issue_deleted")
    assert {commented, updated} == {"comment_created", "jira:issue_updated"}
    assert bodies[1]["issue"]["key"] == key
    assert bodies[1]["changelog"]["items"][0]["toString"] == "Other"
    assert bodies[2]["comment"]["body"] == "Hm"


def test_a_signature_is_the_vendors_own_example() -> None:
    known = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    assert signature("It's a Secret to Everybody", b"Hello World!") == known
    assert known.endswith(hmac.new(b"It's a Secret to Everybody", b"Hello World!", hashlib.sha256).hexdigest())


def test_a_restarted_jira_has_everything_as_it_was(opened: Callable[..., Any], tmp_path: Path) -> None:
    first = opened(JiraCloudSandbox(), persist=tmp_path / "jira.jsonl")
    key = first.post({"labels": ["counterfoil"]}, properties=[{"key": "p", "value": 1}]).json()["key"]
    first.mia.start(key)
    first.mia.comment(key, "Ünicode")
    file = first.mia.attach(key, "scan.pdf", b"%PDF-1.7 \xff")
    first.server.admin("POST", f"/_sandbox/issue/{key}/move", {"project": "OPS"})
    first.mia.delete(first.make())
    first.search(MARKED)
    had = first.get(key, expand="changelog", properties="p")
    assert [one["id"] for one in had["fields"]["attachment"]] == [file]
    lines = (tmp_path / "jira.jsonl").read_text().splitlines()
    first.server.stop()
    second = opened(JiraCloudSandbox(), persist=tmp_path / "jira.jsonl")
    now = second.get(key, expand="changelog", properties="p")
    assert json.dumps(now).replace(second.server.url, "") == json.dumps(had).replace(first.server.url, "")
    assert second.search(MARKED) == ["OPS-1"]
    assert len(lines) == 7
    assert second.make() == "SEC-3"


def test_the_vendors_python_client_works_with_both(jira: Any) -> None:
    if jira.cloud:
        client = JIRA(
            jira.server.url, basic_auth=(SYNC.email, SYNC.token), options={"rest_api_version": "3"}, max_retries=0
        )
    else:
        client = JIRA(jira.server.url, token_auth=SYNC.token, max_retries=0)
    made = client.create_issue(
        project={"key": "SEC"}, summary="By client", issuetype={"name": "Task"}, labels=["counterfoil"]
    )
    client.transition_issue(made, "Start progress")
    found = (
        client.enhanced_search_issues(MARKED)
        if jira.cloud
        else client.search_issues(MARKED, validate_query=cast("bool", "strict"))
    )
    assert [(one.key, one.fields.status.name) for one in found] == [(made.key, "In Progress")]
    client.close()  # type: ignore[no-untyped-call]


def test_a_listener_is_registered_by_somebody_with_credentials(cloud: Any) -> None:
    here = f"{cloud.server.url}/rest/webhooks/1.0/webhook"
    with SandboxServer(JiraCloudSandbox()) as receiver:
        hook = {"name": "ours", "url": receiver.url, "events": ["jira:issue_updated"], "secret": "shh"}
        assert httpx.post(here, json=hook).status_code == 401
        assert httpx.post(here, json=hook, auth=(MIA.email, MIA.token)).status_code == 201
        cloud.make()
        cloud.server.drain()
        (seen,) = receiver.requests
    assert b"jira:issue_created" in seen.body


def test_people_can_follow_an_issues_link(jira: Any) -> None:
    key = jira.make(summary="<script>", description=jira.text("a & b"))
    jira.mia.comment(key, "Hm")
    page = httpx.get(f"{jira.server.url}/browse/{key}").text
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "a &amp; b" in page
    assert "Mia Krystof</b>: Hm" in page


@pytest.mark.parametrize(
    "body",
    [
        {"fields": []},
        {"update": {"labels": "x"}},
        {"update": {"labels": [1]}},
        {"update": {"labels": [{"copy": "x"}]}},
        {"update": {"labels": [{"add": "x"}]}, "fields": {"labels": []}},
        {"update": {"comment": [{"add": {"body": 5}}]}},
        {"fields": {"assignee": "mia"}},
        {"fields": {"priority": "High"}},
        {"fields": {"labels": "x"}},
        {"fields": {"labels": [1]}},
        {"fields": {"summary": 5}},
        {"properties": [{"value": 1}]},
        {"properties": {"k": 1}},
    ],
)
def test_a_body_of_the_wrong_shape_is_refused_and_changes_nothing(jira: Any, body: dict[str, Any]) -> None:
    key = jira.make()
    before = jira.get(key)
    assert jira.http.put(f"/issue/{key}", json=body).status_code == 400
    assert jira.get(key) == before
