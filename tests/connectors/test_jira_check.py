"""What is told about a Jira before the first run."""

from typing import Any

import httpx
import pytest

from connectors.jira_settings import USUAL_PRIORITIES
from mapping.rules import PRIORITY_NAMES
from tests.connectors.jira_script import found, tracker


def test_check_names_what_the_screen_lacks_and_demands_with_the_line_to_write() -> None:
    screen = [
        {"fieldId": "summary", "required": True, "name": "Summary"},
        *({"fieldId": name, "required": False, "name": name} for name in ("labels", "assignee", "description")),
        {"fieldId": "customfield_10010", "required": True, "name": "Team", "schema": {"type": "string"}},
        {"fieldId": "customfield_10011", "required": True, "hasDefaultValue": True, "name": "Defaulted"},
    ]
    routes = {
        "GET myself": {"accountId": "us"},
        "GET project/SEC": {"key": "SEC"},
        "GET issue/createmeta/SEC/issuetypes": {"issueTypes": [{"id": "3", "name": "Task"}]},
        "GET issue/createmeta/SEC/issuetypes/3": {"fields": screen, "total": len(screen)},
        "GET mypermissions": {"permissions": {"EDIT_ISSUES": {"havePermission": False}}},
        "POST search/jql": found(),
        "POST issue/bulkfetch": {"issues": []},
    }
    jira, server = tracker(routes)
    problems = jira.check()
    told = {problem.fix for problem in problems if problem.fatal}
    assert any('omit = ["duedate", "priority"]' in fix for fix in told)
    assert any('fields.customfield_10010 = "..."' in fix for fix in told)
    assert any("EDIT_ISSUES" in problem.what for problem in problems)
    assert "Defaulted" not in str(problems)
    assert {name for name, _ in server.asked if not name.startswith("GET")} == {
        "POST search/jql",
        "POST issue/bulkfetch",
    }


def test_check_on_a_server_without_the_optional_endpoints_says_so_and_stops_nothing() -> None:
    jira, _ = tracker({"GET project/SEC": {"key": "SEC", "issueTypes": [{"id": "3", "name": "Task"}]}})
    problems = jira.check()
    assert not [problem for problem in problems if problem.fatal]
    told = " ".join(problem.what for problem in problems)
    for endpoint in ("myself", "createmeta", "mypermissions", "search/jql", "bulkfetch"):
        assert told.count(endpoint) == 1


@pytest.mark.parametrize(
    ("routes", "words"),
    [
        ({".*": httpx.Response(401)}, "denied"),
        ({".*": httpx.Response(502)}, "cannot be reached"),
        ({"GET myself": {"accountId": "us"}}, "project SEC does not exist"),
    ],
)
def test_check_tells_a_fatal_problem_first(routes: Any, words: str) -> None:
    jira, _ = tracker(routes)
    first = jira.check()[0]
    assert first.fatal
    assert words in first.what


def test_check_compares_the_configured_names_with_those_of_the_site() -> None:
    routes = {
        "GET project/SEC": {"key": "SEC", "issueTypes": [{"id": "3", "name": "Task"}]},
        "GET priority": [{"name": "High"}],
        "GET resolution": [{"name": "Done"}],
        "GET project/SEC/statuses": [
            {"name": "Task", "statuses": [{"name": "To Do", "statusCategory": {"key": "new"}}]}
        ],
    }
    names = {"priority": {"critical": "Blocker"}, "resolution": {"resolved": ["Fixed"]}, "status": {"open": ["Todo"]}}
    jira, _ = tracker(routes, **names)
    told = {problem.what.partition(";")[0] for problem in jira.check()}
    assert "there is no priority 'Medium'" in told
    assert "there is no priority 'High'" not in told
    assert {"there is no priority 'Blocker'", "there is no resolution 'Fixed'", "there is no status 'Todo'"} <= told
    assert "no status of Task in SEC is of category done" in told


def test_the_usual_priorities_are_those_that_are_written() -> None:
    assert {priority.value: name for priority, name in PRIORITY_NAMES.items()} == USUAL_PRIORITIES
