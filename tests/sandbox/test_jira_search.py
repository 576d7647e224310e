"""The embedded Jira's searches page, bound, trail behind and recover as the vendor's do; reads by id do not."""

from typing import Any

import pytest

from connectors.sandbox.jira_server import JiraDatacenterSandbox
from connectors.sandbox.jira_site import Site

MARKED = "labels = counterfoil ORDER BY updated ASC, key ASC"


def fill(jira: Any, number: int) -> list[str]:
    """This many marked issues."""
    must = {"project": {"key": "SEC"}, "issuetype": {"name": "Task"}, "labels": ["counterfoil"]}
    keys: list[str] = []
    for start in range(0, number, 50):
        names = [f"Item {place}" for place in range(start, min(start + 50, number))]
        answer = jira.http.post(
            "/issue/bulk", json={"issueUpdates": [{"fields": {**must, "summary": n}} for n in names]}
        )
        keys += [one["key"] for one in answer.json()["issues"]]
    return keys


def test_cloud_pages_by_token_and_shows_ids_unless_asked(cloud: Any) -> None:
    keys = fill(cloud, 120)
    token, found, sizes = None, [], []
    while True:
        body = {"jql": MARKED, "fields": ["summary"], "maxResults": 500} | ({"nextPageToken": token} if token else {})
        page = cloud.http.post("/search/jql", json=body).json()
        found += [one["key"] for one in page["issues"]]
        sizes.append(len(page["issues"]))
        token = page.get("nextPageToken")
        assert page["isLast"] is (token is None)
        if token is None:
            break
    assert (found, sizes) == (keys, [100, 20])
    bare = cloud.http.get("/search/jql", params={"jql": MARKED, "fields": "id,key", "maxResults": 5000}).json()
    assert len(bare["issues"]) == 120
    assert "fields" not in cloud.http.get("/search/jql", params={"jql": MARKED}).json()["issues"][0]
    assert cloud.http.post("/search/approximate-count", json={"jql": MARKED}).json() == {"count": 120}


def test_an_issue_updated_between_pages_is_seen_again_and_none_is_missed(cloud: Any) -> None:
    keys = fill(cloud, 4)
    body = {"jql": MARKED, "fields": ["summary"], "maxResults": 2}
    first = cloud.http.post("/search/jql", json=body).json()
    cloud.mia.edit_title(keys[0], "Changed meanwhile")
    rest = cloud.http.post("/search/jql", json=body | {"nextPageToken": first["nextPageToken"], "maxResults": 9}).json()
    assert [one["key"] for one in rest["issues"]] == [*keys[2:], keys[0]]


def test_a_token_belongs_to_its_query(cloud: Any) -> None:
    fill(cloud, 2)
    token = cloud.http.post("/search/jql", json={"jql": MARKED, "maxResults": 1}).json()["nextPageToken"]
    other = {"jql": "labels = counterfoil ORDER BY key", "nextPageToken": token}
    assert cloud.http.post("/search/jql", json=other).status_code == 400
    assert cloud.http.post("/search/jql", json={"jql": MARKED, "nextPageToken": "nonsense"}).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"jql": "ORDER BY updated ASC"},
        {"jql": "nonsense"},
        {"jql": "project = NOWHERE"},
        {"jql": "status = Doing"},
        {"jql": MARKED, "properties": list("abcdef")},
        {"jql": MARKED, "reconcileIssues": list(range(51))},
    ],
)
def test_cloud_refuses_a_search_without_bounds_or_sense(cloud: Any, body: dict[str, Any]) -> None:
    answer = cloud.http.post("/search/jql", json=body)
    assert answer.status_code == 400
    assert answer.json()["errorMessages"]


def test_the_old_search_is_gone_from_cloud_and_the_new_one_unknown_to_data_center(cloud: Any, datacenter: Any) -> None:
    assert cloud.http.post("/search", json={"jql": MARKED}).status_code == 410
    assert datacenter.http.post("/search/jql", json={"jql": MARKED}).status_code == 404
    assert datacenter.http.post("/issue/bulkfetch", json={"issueIdsOrKeys": ["1"]}).status_code in (404, 405)
    with datacenter.client(datacenter.server.sandbox.users[0], "3") as other:
        assert other.get("/myself").status_code == 404


def test_data_center_pages_by_offset_with_a_total(datacenter: Any) -> None:
    keys = fill(datacenter, 60)
    page = datacenter.http.get("/search", params={"jql": MARKED, "startAt": 50, "maxResults": 2000}).json()
    assert (page["startAt"], page["maxResults"], page["total"]) == (50, 1000, 60)
    assert [one["key"] for one in page["issues"]] == keys[50:]
    deep = {"jql": MARKED, "startAt": 9_990, "maxResults": 20}
    assert datacenter.http.post("/search", json=deep).status_code == 400


def test_data_center_refuses_a_query_that_names_a_key_it_does_not_have(datacenter: Any) -> None:
    key = datacenter.make()
    jql = f"key in ({key}, SEC-99)"
    refused = datacenter.http.post("/search", json={"jql": jql})
    assert refused.json()["errorMessages"] == ["An issue with key 'SEC-99' does not exist for field 'key'."]
    assert datacenter.search(jql, validateQuery="none") == [key]


def test_searches_trail_behind_and_reads_by_id_do_not(jira: Any) -> None:
    jira.server.faults.search_lag = 3600
    key = jira.make(labels=["counterfoil"])
    assert jira.search(MARKED) == []
    assert jira.get(key)["fields"]["labels"] == ["counterfoil"]
    jira.server.advance(3600)
    assert jira.search(MARKED) == [key]
    jira.mia.remove_label(key, "counterfoil")
    assert jira.search(MARKED) == [key]
    jira.mia.delete(key)
    assert jira.search(MARKED) == []


def test_issues_named_for_reconciling_are_found_at_once(cloud: Any) -> None:
    cloud.server.faults.search_lag = 3600
    made = cloud.post({"labels": ["counterfoil"]}).json()
    assert cloud.search(MARKED, reconcileIssues=[int(made["id"])]) == [made["key"]]


def test_bulkfetch_reads_by_id_or_key_and_names_what_is_missing(cloud: Any) -> None:
    a, b = fill(cloud, 2)
    id_ = cloud.get(b)["id"]
    body = {"issueIdsOrKeys": [a, id_, "SEC-99"], "fields": ["summary"], "properties": ["p"]}
    told = cloud.http.post("/issue/bulkfetch", json=body).json()
    assert [(one["key"], set(one["fields"])) for one in told["issues"]] == [(a, {"summary"}), (b, {"summary"})]
    assert [one["id"] for one in told["issueErrors"]] == ["SEC-99"]
    assert cloud.http.post("/issue/bulkfetch", json={"issueIdsOrKeys": [a] * 101}).status_code == 400


def test_changelogs_come_one_by_one_or_together_oldest_first(cloud: Any) -> None:
    a, b = fill(cloud, 2)
    cloud.mia.edit_title(a, "One")
    cloud.mia.close(b)
    cloud.mia.edit_title(a, "Two")
    page = cloud.http.get(f"/issue/{a}/changelog", params={"maxResults": 1}).json()
    assert (page["total"], page["isLast"], "nextPage" in page) == (2, False, True)
    assert page["values"][0]["items"][0]["toString"] == "One"
    body = {"issueIdsOrKeys": [a, b], "fieldIds": ["summary"], "maxResults": 1}
    first = cloud.http.post("/changelog/bulkfetch", json=body).json()
    second = cloud.http.post("/changelog/bulkfetch", json=body | {"nextPageToken": first["nextPageToken"]}).json()
    said = [one["changeHistories"][0]["items"][0]["toString"] for p in (first, second) for one in p["issueChangeLogs"]]
    assert (said, "nextPageToken" in second) == (["One", "Two"], False)
    done = cloud.http.post("/changelog/bulkfetch", json={"issueIdsOrKeys": [b]}).json()["issueChangeLogs"][0]
    items = {one["field"]: one["toString"] for one in done["changeHistories"][0]["items"]}
    assert items == {"status": "Done", "resolution": "Done"}
    assert done["changeHistories"][0]["author"]["displayName"] == "Mia Krystof"


def test_a_search_can_bring_comments_properties_and_history(jira: Any) -> None:
    key = jira.post({"labels": ["counterfoil"]}, properties=[{"key": "p", "value": 1}]).json()["key"]
    for number in range(22):
        jira.mia.comment(key, f"c{number}")
    path = "/search/jql" if jira.cloud else "/search"
    expand = "changelog" if jira.cloud else ["changelog"]
    body = {"jql": MARKED, "fields": ["comment"], "properties": ["p"], "expand": expand}
    (found,) = jira.http.post(path, json=body).json()["issues"]
    assert found["properties"] == {"p": 1}
    assert found["changelog"]["total"] == 0
    comments = found["fields"]["comment"]
    assert (comments["total"], len(comments["comments"])) == (22, 20)
    assert len(jira.get(key)["fields"]["comment"]["comments"]) == 22


def test_fields_can_be_all_or_all_but_some(jira: Any) -> None:
    key = jira.make()
    assert set(jira.get(key, fields="summary,status")["fields"]) == {"summary", "status"}
    everything = set(jira.get(key)["fields"])
    assert everything - set(jira.get(key, fields="-comment")["fields"]) == {"comment"}
    assert everything == set(jira.get(key, fields="*all")["fields"])


def test_dates_in_queries_and_answers_follow_the_profile(opened: Any) -> None:
    jira = opened(JiraDatacenterSandbox(Site(timezone="America/New_York")))
    key = jira.make(labels=["counterfoil"])
    assert jira.get(key)["fields"]["created"].startswith("2026-05-04T06:00")
    assert jira.search('labels = counterfoil AND updated >= "2026-05-04 06:00"') == [key]
    assert jira.search('labels = counterfoil AND updated >= "2026-05-04 10:00"') == []
