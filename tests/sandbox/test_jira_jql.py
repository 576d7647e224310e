"""Queries find what they say, in their order, and are refused where Jira would refuse them."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.sandbox.jira_issues import Entry, Index, milliseconds
from connectors.sandbox.jira_jql import Query, Unclear, parse

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
AT = [milliseconds(NOW - timedelta(hours=hours)) for hours in (3, 2, 1)]


def entry(number: int, **changes: object) -> Entry:
    values: dict[str, object] = {
        "id": 10_000 + number,
        "key": f"SEC-{number}",
        "project": "SEC",
        "type": "Task",
        "status": "To Do",
        "category": "To Do",
        "resolution": None,
        "priority": "Medium",
        "assignee": None,
        "reporter": "me",
        "labels": frozenset({"counterfoil"}),
        "created": AT[0],
        "updated": AT[number],
    }
    return Entry(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture
def index() -> Index:
    made = Index()
    for one in (
        entry(
            2,
            labels=frozenset({"counterfoil", "cf-two"}),
            status="Done",
            category="Done",
            resolution="Done",
            assignee="mia",
        ),
        entry(0, labels=frozenset({"counterfoil", "cf-zero"})),
        entry(1, labels=frozenset({"Other"}), project="OPS", key="OPS-1"),
    ):
        made.put(one.id, one)
    return made


def read(jql: str, timezone: str = "UTC") -> Query:
    return parse(jql, NOW, timezone, "me")


@pytest.mark.parametrize(
    ("jql", "found"),
    [
        ("labels = counterfoil ORDER BY updated ASC", [0, 2]),
        ("labels = 'COUNTERFOIL' order by updated desc", [2, 0]),
        ('labels in (cf-zero, "cf-two") ORDER BY id', [0, 2]),
        ("labels = counterfoil AND labels = cf-two", [2]),
        ("labels != counterfoil", [1]),
        ("labels not in (counterfoil, x)", [1]),
        ("labels is EMPTY", []),
        (f"updated >= {AT[1]} ORDER BY updated ASC, key ASC", [1, 2]),
        (f"updated > {AT[1]} ORDER BY updated ASC", [2]),
        (f"updated <= {AT[1]} AND project = SEC", [0]),
        ('updated >= "2026-05-04 10:00" ORDER BY updated ASC', [1, 2]),
        ("updated >= -90m", [2]),
        ("created >= 2026/05/04 ORDER BY key", [1, 0, 2]),
        ("created >= 2026/05/04 ORDER BY key DESC", [2, 0, 1]),
        (f"project = SEC AND created >= {AT[0]} ORDER BY key ASC", [0, 2]),
        (f"created >= {AT[0] + 1} ORDER BY key ASC", []),
        ("created >= 2026/05/04 ORDER BY status DESC, id", [0, 1, 2]),
        ("id in (10000, 10002, 99) ORDER BY id DESC", [2, 0]),
        ("key in (SEC-0, ops-1) ORDER BY id", [0, 1]),
        ('status = "Done"', [2]),
        ("statusCategory != Done ORDER BY id", [0, 1]),
        ("resolution = Unresolved ORDER BY id", [0, 1]),
        ("assignee is not EMPTY", [2]),
        ("reporter = currentUser() AND project in (SEC) ORDER BY id", [0, 2]),
    ],
)
def test_a_query_finds_what_it_says(index: Index, jql: str, found: list[int]) -> None:
    assert [one.id - 10_000 for one in read(jql).run(index)] == found


def test_keys_are_ordered_as_numbers_and_not_by_age(index: Index) -> None:
    for number, key in ((3, "SEC-10"), (4, "SEC-9")):
        index.put(10_000 + number, entry(0, id=10_000 + number, key=key))
    assert [one.key for one in read("project = SEC ORDER BY key DESC").run(index)] == [
        "SEC-10",
        "SEC-9",
        "SEC-2",
        "SEC-0",
    ]


def test_dates_are_read_in_the_profiles_time_zone(index: Index) -> None:
    jql = 'updated >= "2026-05-04 06:00" ORDER BY updated ASC'
    assert [one.id for one in read(jql, "America/New_York").run(index)] == [10_001, 10_002]


@pytest.mark.parametrize(
    "order", ["updated ASC, key ASC", "updated DESC", "created ASC, id DESC", "key ASC", "key DESC", "status DESC"]
)
def test_a_query_resumes_behind_a_place_without_loss(index: Index, order: str) -> None:
    query = read(f"created >= 2026/05/04 ORDER BY {order}")
    whole = list(query.run(index))
    for place, one in enumerate(whole):
        assert list(query.run(index, query.place(one))) == whole[place + 1 :]


@pytest.mark.parametrize(
    ("jql", "complaint"),
    [
        ("labls = x", "Field 'labls' does not exist"),
        ("labels = x OR labels = y", "Expecting either 'OR' or 'AND' but got 'OR'"),
        ("labels ~ x", "The operator '~' is not supported"),
        ("updated = 5", "The operator '=' is not supported by the 'updated' field"),
        ("updated >= yesterday", "Date value 'yesterday' for field 'updated' is invalid"),
        ("labels in (a b)", "Expecting ',' or '\\)' but got 'b'"),
        ("labels =", "ends too early"),
        ("labels = x ORDER BY updated ASC nonsense", "Expecting ',' but got 'nonsense'"),
        ('labels = "open', "reserved JQL character"),
    ],
)
def test_a_query_that_cannot_be_read_is_refused(jql: str, complaint: str) -> None:
    with pytest.raises(Unclear, match=complaint):
        read(jql)


def test_the_index_trails_behind_and_never_goes_back() -> None:
    index = Index()
    index.later(NOW + timedelta(seconds=5), 10_000, entry(0))
    index.catch_up(NOW)
    assert index.entries == {}
    index.put(10_000, entry(0, updated=AT[2], labels=frozenset({"new"})))
    index.catch_up(NOW + timedelta(seconds=5))
    assert index.entries[10_000].labels == {"new"}
    assert index.labelled(["counterfoil"]) == set()
    index.later(NOW, 10_000, None)
    index.catch_up(NOW)
    assert (index.entries, list(index.since(0))) == ({}, [])
