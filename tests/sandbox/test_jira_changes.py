"""The embedded Jira creates, refuses, edits and moves issues as the vendor does."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from connectors.sandbox.engineer import Engineer
from connectors.sandbox.jira_server import JiraCloudSandbox, JiraDatacenterSandbox
from connectors.sandbox.jira_site import CHAIN, MIA, RESOLUTION_REQUIRED, SCREEN, WATCHER, CustomField, Site


def error(answer: httpx.Response, field: str) -> str:
    """What a 400 says of one field."""
    assert answer.status_code == 400
    return str(answer.json()["errors"][field])


def test_a_created_issue_has_everything_that_was_sent_with_it(jira: Any) -> None:
    who = {"accountId": MIA.id} if jira.cloud else {"name": MIA.name}
    answer = jira.post(
        {
            "description": jira.text("why"),
            "priority": {"name": "High"},
            "assignee": who,
            "labels": ["b", "a"],
            "duedate": "2026-06-01",
        },
        properties=[{"key": "counterfoil.sync", "value": {"k": "x", "v": 1}}],
    )
    assert answer.status_code == 201
    made = answer.json()
    assert (set(made), made["key"]) == ({"id", "key", "self"}, "SEC-1")
    shown = jira.get(made["id"], properties="counterfoil.sync")
    fields = shown["fields"]
    assert shown["properties"] == {"counterfoil.sync": {"k": "x", "v": 1}}
    assert fields["description"] == jira.text("why")
    assert (fields["priority"]["name"], fields["labels"], fields["duedate"]) == ("High", ["b", "a"], "2026-06-01")
    assert fields["assignee"]["accountId" if jira.cloud else "name"] == (MIA.id if jira.cloud else MIA.name)
    assert fields["reporter"]["displayName"] == "Counterfoil Sync"
    assert (fields["status"]["name"], fields["status"]["statusCategory"]["key"]) == ("To Do", "new")
    assert fields["created"] == fields["updated"]
    assert fields["created"].startswith("2026-05-04T10:0")
    assert fields["created"].endswith(".123+0000")


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"summary": ""}, "summary", "You must specify a summary of the issue."),
        ({"summary": "x" * 256}, "summary", "Summary must be less than 255 characters."),
        ({"summary": "a\nb"}, "summary", "The summary is invalid because it contains newline characters."),
        ({"labels": ["a b"]}, "labels", "The label 'a b' contains spaces which is invalid."),
        ({"priority": {"name": "Urgent"}}, "priority", "The priority selected is invalid."),
        ({"issuetype": {"name": "Saga"}}, "issuetype", "Specify a valid issue type"),
        ({"project": {"key": "NO"}}, "project", "Specify a valid project ID or key"),
        ({"duedate": "tomorrow"}, "duedate", "Error parsing date string: tomorrow"),
        ({"sprint": 1}, "sprint", "Field 'sprint' cannot be set. It is not on the appropriate screen, or unknown."),
        ({"resolution": {"name": "Done"}}, "resolution", "Field 'resolution' cannot be set."),
    ],
)
def test_a_wrong_field_is_refused_by_name(jira: Any, fields: dict[str, Any], field: str, message: str) -> None:
    assert error(jira.post(fields), field).startswith(message)


def test_a_summary_of_255_is_taken(jira: Any) -> None:
    assert jira.get(jira.make(summary="x" * 255))["fields"]["summary"] == "x" * 255


def test_an_account_that_is_unknown_or_may_not_work_is_refused(jira: Any) -> None:
    unknown = {"accountId": "5b"} if jira.cloud else {"name": "nobody"}
    idle = {"accountId": WATCHER.id} if jira.cloud else {"name": WATCHER.name}
    assert error(jira.post({"assignee": unknown}), "assignee")
    assert "cannot be assigned issues" in error(jira.post({"assignee": idle}), "assignee")


def test_only_the_versions_own_kind_of_text_is_taken(cloud: Any, datacenter: Any) -> None:
    assert "must be an Atlassian Document" in error(cloud.post({"description": "text"}), "description")
    assert error(datacenter.post({"description": cloud.text("x")}), "description") == "Operation value must be a string"
    empty = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"type": "text", "text": ""}]}]}
    assert error(cloud.post({"description": empty}), "description")
    key = cloud.make(description=cloud.text("said in v3"))
    with cloud.client(MIA, "2") as old:
        assert old.get(f"/issue/{key}").json()["fields"]["description"] == "said in v3"
        assert old.put(f"/issue/{key}", json={"fields": {"description": "said in v2"}}).status_code == 204
    assert cloud.get(key)["fields"]["description"] == cloud.text("said in v2")


def test_text_beyond_the_limit_is_refused(jira: Any) -> None:
    jira.make(description=jira.text("x" * 32_767))
    assert "32,767" in error(jira.post({"description": jira.text("x" * 32_768)}), "description")


def test_a_screen_may_lack_a_field_and_demand_another(opened: Callable[..., Any]) -> None:
    squad = CustomField("customfield_10050", "Squad", "option", ("Red", "Blue"))
    screen = (*(one for one in SCREEN if one != "priority"), squad.id)
    jira = opened(JiraCloudSandbox(Site(screen=screen, custom=(squad,), required=(squad.id,))))
    assert "not on the appropriate screen" in error(jira.post({"priority": {"name": "High"}}), "priority")
    assert error(jira.post({}), squad.id) == "Squad is required."
    key = jira.make(**{squad.id: {"value": "Red"}})
    assert jira.get(key)["fields"][squad.id] == {"value": "Red"}
    listed = jira.http.get("/issue/createmeta/SEC/issuetypes/1").json()["fields"]
    assert {one["fieldId"]: one["required"] for one in listed if one["required"]} == {
        "project": True,
        "issuetype": True,
        "summary": True,
        squad.id: True,
    }
    assert "priority" not in [one["fieldId"] for one in listed]


def test_a_batch_is_judged_element_by_element(jira: Any) -> None:
    must = {"project": {"key": "SEC"}, "issuetype": {"name": "Task"}}
    updates = [{"fields": {**must, "summary": name}} for name in ("a", "", "c")]
    answer = jira.http.post("/issue/bulk", json={"issueUpdates": updates})
    assert answer.status_code == 201
    assert [one["key"] for one in answer.json()["issues"]] == ["SEC-1", "SEC-2"]
    (failed,) = answer.json()["errors"]
    assert (failed["failedElementNumber"], failed["status"]) == (1, 400)
    assert failed["elementErrors"]["errors"] == {"summary": "You must specify a summary of the issue."}
    assert jira.http.post("/issue/bulk", json={"issueUpdates": updates[1:2]}).status_code == 400
    assert jira.http.post("/issue/bulk", json={"issueUpdates": updates[:1] * 51}).status_code == 400
    assert jira.http.post("/issue/bulk", json={"issueUpdates": updates[:1] * 50}).status_code == 201


def test_a_create_may_take_a_first_step(jira: Any) -> None:
    made = jira.post({}, transition={"id": "21"}).json()
    assert made["transition"]["status"] == 204
    assert jira.mia.status(made["key"]) == "In Progress"


def test_an_edit_changes_what_it_says_and_leaves_who_when_and_what(jira: Any) -> None:
    key = jira.make(labels=["ours", "theirs"])
    before = jira.get(key)["fields"]["updated"]
    update = {"labels": [{"remove": "ours"}, {"add": "new"}]}
    answer = jira.http.put(f"/issue/{key}", json={"fields": {"summary": "Other"}, "update": update})
    assert (answer.status_code, answer.content) == (204, b"")
    fields = jira.get(key)["fields"]
    assert (fields["summary"], fields["labels"]) == ("Other", ["theirs", "new"])
    assert fields["updated"] > before
    (change,) = jira.get(key, expand="changelog")["changelog"]["histories"]
    assert change["author"]["displayName"] == "Counterfoil Sync"
    by_field = {one["field"]: (one["fromString"], one["toString"]) for one in change["items"]}
    assert by_field == {"summary": ("Rotate the keys", "Other"), "labels": ("ours theirs", "theirs new")}


def test_an_edit_that_changes_nothing_is_no_change(jira: Any) -> None:
    key = jira.make(labels=["a"])
    before = jira.get(key)
    jira.http.put(f"/issue/{key}", json={"fields": {"labels": ["a"]}})
    assert jira.get(key) == before


def test_cloud_gives_the_edited_issue_back_when_asked(cloud: Any, datacenter: Any) -> None:
    for jira, status in ((cloud, 200), (datacenter, 204)):
        key = jira.make()
        answer = jira.http.put(f"/issue/{key}?returnIssue=true", json={"fields": {"summary": "New"}})
        assert answer.status_code == status
    key = cloud.make()
    answer = cloud.http.put(f"/issue/{key}?returnIssue=true", json={"fields": {"summary": "New"}})
    assert answer.json()["fields"]["summary"] == "New"


def test_an_edit_without_notices_needs_an_administrator(jira: Any) -> None:
    key = jira.make()
    answer = jira.http.put(f"/issue/{key}?notifyUsers=false", json={"fields": {"summary": "New"}})
    assert answer.status_code == 403


def test_a_transition_in_an_edit_is_ignored(jira: Any) -> None:
    key = jira.make()
    jira.http.put(f"/issue/{key}", json={"transition": {"id": "21"}, "fields": {"summary": "New"}})
    assert jira.mia.status(key) == "To Do"


def test_done_has_a_resolution_and_reopening_takes_it_away(jira: Any) -> None:
    key = jira.make()
    jira.mia.wont_do(key, "Too late")
    fields = jira.get(key)["fields"]
    assert (fields["resolution"]["name"], fields["status"]["statusCategory"]["key"]) == ("Won't Do", "done")
    assert fields["resolutiondate"] == fields["updated"]
    assert jira.mia.comments(key) == ["Too late"]
    jira.mia.reopen(key)
    fields = jira.get(key)["fields"]
    assert (fields["resolution"], fields["resolutiondate"]) == (None, None)
    jira.mia.close(key)
    assert jira.get(key)["fields"]["resolution"]["name"] == "Done"


def test_a_step_that_the_workflow_does_not_have_is_refused(opened: Callable[..., Any]) -> None:
    jira = opened(JiraCloudSandbox(Site(workflow=CHAIN)))
    key = jira.make()
    answer = jira.http.post(f"/issue/{key}/transitions", json={"transition": {"id": "41"}})
    assert answer.status_code == 400
    assert answer.json()["errorMessages"] == ["Transition id '41' is not valid for this issue."]
    for status in ("In Progress", "In Review", "Done"):
        listed = jira.http.get(f"/issue/{key}/transitions").json()["transitions"]
        assert [one["to"]["name"] for one in listed] == [status]
        jira.mia.go(key, status)


def test_fields_on_a_step_need_its_screen(opened: Callable[..., Any]) -> None:
    jira = opened(JiraDatacenterSandbox(Site(workflow=RESOLUTION_REQUIRED)))
    key = jira.make()
    wont = {"resolution": {"name": "Won't Do"}}
    start = jira.http.post(f"/issue/{key}/transitions", json={"transition": {"id": "21"}, "fields": wont})
    assert "not on the appropriate screen" in error(start, "resolution")
    done = jira.http.post(f"/issue/{key}/transitions", json={"transition": {"id": "41"}})
    assert error(done, "resolution") == "Resolution is required."
    listed = jira.http.get(f"/issue/{key}/transitions?expand=transitions.fields").json()["transitions"]
    (screen,) = [one["fields"] for one in listed if one["id"] == "41"]
    assert screen["resolution"]["required"] is True
    assert "Won't Do" in [one["name"] for one in screen["resolution"]["allowedValues"]]
    told = jira.http.post(f"/issue/{key}/transitions", json={"transition": {"id": "41"}, "fields": wont})
    assert told.status_code == 204


def test_a_deleted_issue_is_not_there(jira: Any) -> None:
    key = jira.make()
    jira.mia.delete(key)
    answer = jira.http.get(f"/issue/{key}")
    assert answer.status_code == 404
    assert answer.json()["errorMessages"] == ["Issue does not exist or you do not have permission to see it."]


def test_somebody_who_may_only_read_cannot_write(jira: Any) -> None:
    key = jira.make()
    with jira.client(WATCHER) as watcher:
        assert watcher.get(f"/issue/{key}").status_code == 200
        assert watcher.put(f"/issue/{key}", json={"fields": {"summary": "Mine"}}).status_code == 403
        assert watcher.get(f"/issue/{key}/transitions").json()["transitions"] == []


def test_engineers_do_what_engineers_do(jira: Any) -> None:
    key = jira.make(labels=["ours"])
    anybody: Engineer = jira.mia
    anybody.start(key)
    jira.mia.edit_title(key, "Better")
    jira.mia.add_label(key, "urgent")
    jira.mia.remove_label(key, "ours")
    jira.mia.assign(key, MIA.id if jira.cloud else MIA.name)
    jira.mia.due(key, "2026-07-01")
    jira.mia.prioritise(key, "Low")
    jira.mia.set_body(key, "All mine now")
    fields = jira.get(key)["fields"]
    assert (fields["summary"], fields["labels"], fields["duedate"]) == ("Better", ["urgent"], "2026-07-01")
    assert (fields["status"]["name"], fields["priority"]["name"]) == ("In Progress", "Low")
    assert fields["assignee"]["displayName"] == "Mia Krystof"
    assert jira.mia.body(key) == jira.text("All mine now")
    jira.mia.assign(key, None)
    assert jira.get(key)["fields"]["assignee"] is None
    with pytest.raises(LookupError, match="cannot go to Nowhere"):
        jira.mia.go(key, "Nowhere")
    own = jira.mia.create("SEC", "By hand", body="text", labels=("x",))
    assert jira.mia.labels(own) == ["x"]
    jira.mia.close_as(own, "Duplicate")
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        jira.mia.title("SEC-99")
