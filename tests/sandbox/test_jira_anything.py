"""Whatever is sent to the embedded Jira, it answers, and a Jira that is told the same again is in the same state."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sandbox.calls import Answer, Call
from connectors.sandbox.jira_server import JiraCloudSandbox
from connectors.sandbox.jira_site import SYNC

START = datetime(2026, 5, 4, tzinfo=UTC)
AUTH = {"authorization": "Basic " + base64.b64encode(f"{SYNC.email}:{SYNC.token}".encode()).decode()}
WORDS = [
    "fields",
    "update",
    "transition",
    "properties",
    "key",
    "value",
    "body",
    "labels",
    "summary",
    "id",
    "name",
    "priority",
    "assignee",
    "accountId",
    "duedate",
    "add",
    "set",
    "remove",
    "comment",
    "issueUpdates",
    "jql",
    "maxResults",
    "nextPageToken",
    "issueIdsOrKeys",
    "reconcileIssues",
    "object",
    "url",
    "title",
]
PATHS = (
    "/issue",
    "/issue/bulk",
    "/issue/SEC-1",
    "/issue/SEC-1/transitions",
    "/issue/SEC-1/comment",
    "/issue/SEC-1/properties/a",
    "/issue/SEC-1/remotelink",
    "/issue/SEC-1/assignee",
    "/issue/bulkfetch",
    "/changelog/bulkfetch",
    "/search/jql",
)

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ("", "High", "21", "41", "2026-01-01", "labels = x ORDER BY updated", "SEC-1", "²", "a b", "\ud800")
    ),
)
json_values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)
sent = st.tuples(st.sampled_from(("POST", "PUT", "GET")), st.sampled_from(PATHS), json_values)


def told(jira: JiraCloudSandbox, second: int, method: str, path: str, body: Any) -> Answer:
    at = START + timedelta(seconds=second)
    return jira.answer(Call(method, f"/rest/api/3{path}", "", AUTH, json.dumps(body).encode(), at))


def begun() -> JiraCloudSandbox:
    jira = JiraCloudSandbox()
    fields = {"project": {"key": "SEC"}, "issuetype": {"name": "Task"}, "summary": "x"}
    assert told(jira, 0, "POST", "/issue", {"fields": fields}).status == 201
    return jira


@settings(max_examples=150)
@given(st.lists(sent, max_size=8))
def test_everything_is_answered_and_replays_to_the_same_state(calls: list[tuple[str, str, Any]]) -> None:
    first, second = begun(), begun()
    for place, (method, path, body) in enumerate(calls, 1):
        answer = told(first, place, method, path, body)
        assert answer.status < 500
        assert isinstance(answer.body, bytes)
        if first.writes(Call(method, path, "", {}, b"", START)):
            told(second, place, method, path, body)
    for key in ("SEC-1", "SEC-2"):
        assert told(first, 99, "GET", f"/issue/{key}", {}).body == told(second, 99, "GET", f"/issue/{key}", {}).body
