"""Comments and the history of an issue."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from connectors.errors import Ambiguous, Rejected
from connectors.jira_reading import plain
from state.ticket import ORIGINAL, ActivityKind, TicketRef
from tests.connectors.jira_script import START, datacenter, tracker


def test_a_comment_carries_its_key_as_a_property() -> None:
    jira, server = tracker({"POST issue/10001/comment": httpx.Response(201, json={"id": "55"})})
    assert jira.comment(TicketRef("eng", "10001"), "Please look", marker="k1") == "55"
    sent = server.asked[0][1]
    assert sent["properties"] == [{"key": "counterfoil.comment", "value": {"k": "k1"}}]
    assert sent["body"]["content"] == [{"type": "paragraph", "content": [{"type": "text", "text": "Please look"}]}]


def test_data_center_takes_comments_as_wiki_text() -> None:
    jira, server = datacenter({"POST issue/10001/comment": httpx.Response(201, json={"id": 55})})
    assert jira.comment(TicketRef("eng", "10001"), "Please *look*", marker="k1") == "55"
    assert server.asked[0][1]["body"].strip() == "Please *look*"


def test_a_comment_without_an_id_in_the_answer_is_ambiguous() -> None:
    jira, _ = tracker({"POST issue/10001/comment": httpx.Response(201, json={})})
    with pytest.raises(Ambiguous):
        jira.comment(TicketRef("eng", "10001"), "x", marker="k1")


def test_a_comment_too_long_is_refused_before_it_is_sent() -> None:
    jira, server = tracker({})
    with pytest.raises(Rejected):
        jira.comment(TicketRef("eng", "10001"), "x" * 32_768, marker="k1")
    assert server.asked == []


def said(ident: str, by: str, minute: int, **more: Any) -> dict[str, Any]:
    body = {"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": f"by {by}"}]}]}
    at = (START + timedelta(minutes=minute)).isoformat()
    return {"id": ident, "author": {"accountId": by, "displayName": by.title()}, "created": at, "body": body, **more}


def changed(ident: str, minute: int, *items: dict[str, Any]) -> dict[str, Any]:
    at = (START + timedelta(minutes=minute)).isoformat()
    return {"id": ident, "author": {"accountId": "mia"}, "created": at, "items": list(items)}


def history(comments: list[Any], changes: list[Any], total: int | None = None) -> dict[str, Any]:
    return {
        "id": "10001",
        "fields": {
            "comment": {"comments": comments, "total": len(comments)},
            "attachment": [
                {"id": "9", "filename": "scan.pdf", "author": {"accountId": "mia"}, "created": START.isoformat()}
            ],
        },
        "changelog": {"histories": changes, "total": len(changes) if total is None else total},
    }


STATUS = {"field": "status", "fieldId": "status", "fromString": "To Do", "toString": "Done", "from": "1", "to": "2"}
WONT = {"field": "resolution", "fieldId": "resolution", "fromString": None, "toString": "Won't Do"}
OWNER = {"field": "assignee", "from": "a1", "to": "a2", "fromString": "Ann", "toString": "Bob"}


def test_history_is_one_request_and_in_order() -> None:
    raw = history([said("1", "mia", 3)], [changed("8", 5, STATUS, WONT), changed("7", 1, OWNER)])
    jira, server = tracker({"GET issue/10001": raw, "GET myself": {"accountId": "us"}})
    shown = jira.activity(TicketRef("eng", "10001"), START)
    assert [(a.kind, a.field, a.before, a.after, a.text) for a in shown] == [
        (ActivityKind.ATTACHMENT, "", None, None, "scan.pdf"),
        (ActivityKind.FIELD, "assignee", "a1", "a2", ""),
        (ActivityKind.COMMENT, "", None, None, "by mia"),
        (ActivityKind.FIELD, "status", "To Do", "Done", ""),
        (ActivityKind.FIELD, "resolution", None, "Won't Do", ""),
    ]
    assert len({a.id for a in shown}) == len(shown)
    assert (server.count("GET issue/10001"), jira.requests) == (1, 2)


def test_history_before_the_asked_time_is_left_out_and_comments_are_not() -> None:
    raw = history([said("1", "mia", 3), said("2", "mia", 9)], [changed("8", 9, STATUS), changed("7", 3, OWNER)])
    jira, _ = tracker({"GET issue/10001": raw, "GET myself": {"accountId": "us"}})
    told = jira.activity(TicketRef("eng", "10001"), START + timedelta(minutes=9))
    assert [a.id for a in told] == ["1", "8:status", "2"]


def test_our_comments_are_known_by_their_property() -> None:
    key = [{"key": "counterfoil.comment", "value": {"k": "k1"}}]
    whole = {"comments": [said("1", "us", 1, properties=key), said("2", "mia", 2, properties=key)], "total": 2}
    raw = history([said("1", "us", 1), said("2", "mia", 2)], [])
    routes = {"GET issue/10001": raw, "GET issue/10001/comment": whole, "GET myself": {"accountId": "us"}}
    jira, _ = tracker(routes)
    shown = [a for a in jira.activity(TicketRef("eng", "10001"), START) if a.kind is ActivityKind.COMMENT]
    assert [(a.by.ours, a.marker_key) for a in shown] == [(True, "k1"), (False, None)]


def test_where_it_is_not_told_who_we_are_a_comment_s_property_counts_alone() -> None:
    key = [{"key": "counterfoil.comment", "value": {"k": "k1"}}]
    whole = {"comments": [said("1", "us", 1, properties=key), said("2", "mia", 2)], "total": 2}
    routes = {
        "GET issue/10001": history([said("1", "us", 1), said("2", "mia", 2)], []),
        "GET issue/10001/comment": whole,
    }
    jira, _ = tracker(routes)
    shown = [a for a in jira.activity(TicketRef("eng", "10001"), START) if a.kind is ActivityKind.COMMENT]
    assert [a.marker_key for a in shown] == ["k1", None]


def test_a_long_changelog_is_read_to_its_end() -> None:
    changes = [changed(str(n), n, STATUS) for n in range(130)]

    def page(_: httpx.Request, sent: Any) -> Any:
        start = int(sent["startAt"])
        return {"values": changes[start : start + 100], "total": 130}

    newest = history([], list(reversed(changes))[:40], total=130)
    routes = {"GET issue/10001": newest, "GET issue/10001/changelog": page, "GET myself": {"accountId": "us"}}
    jira, server = tracker(routes)
    shown = [a for a in jira.activity(TicketRef("eng", "10001"), START) if a.kind is ActivityKind.FIELD]
    assert len(shown) == 130
    server.asked.clear()
    assert len(jira.activity(TicketRef("eng", "10001"), START + timedelta(minutes=100))) == 30
    assert [name for name, _ in server.asked] == ["GET issue/10001"]


def test_a_mention_is_read_as_its_name_or_as_the_account_where_it_has_none() -> None:
    nodes = [{"type": "mention", "attrs": {"id": "a1", "text": "@Mia"}}, {"type": "mention", "attrs": {"id": "a2"}}]
    assert plain({"type": "doc", "content": [{"type": "paragraph", "content": nodes}]}) == "@Mia@a2"


def linking(other: str, *, gone: bool = False, words: str = "duplicates") -> dict[str, Any]:
    text, end = f"This issue {words} {other}", ("from", "fromString") if gone else ("to", "toString")
    return {"field": "Link", **dict.fromkeys(("from", "to", "fromString", "toString")), end[0]: other, end[1]: text}


def linked(other: str, kind: str = "Duplicate", outward: str = "duplicates", side: str = "outward") -> dict[str, Any]:
    return {"id": "1", "type": {"name": kind, "outward": outward}, f"{side}Issue": {"id": "7", "key": other}}


@pytest.mark.parametrize(
    ("links", "changes", "named"),
    [
        ([linked("SEC-1")], [], ["SEC-1"]),
        ([linked("SEC-1", outward="dupliziert")], [changed("1", 1, linking("SEC-1"))], ["SEC-1"]),
        ([linked("SEC-1", kind="Doublon", outward="duplicates")], [], ["SEC-1"]),
        ([linked("SEC-1", side="inward")], [changed("1", 1, linking("SEC-1", words="is duplicated by"))], []),
        ([linked("SEC-1", kind="Blocks", outward="blocks")], [changed("1", 1, linking("SEC-1", words="blocks"))], []),
        ([], [changed("1", 1, linking("SEC-1")), changed("2", 2, linking("SEC-1", gone=True))], []),
        (None, [changed("1", 1, linking("SEC-1"))], ["SEC-1"]),
        (None, [changed("2", 2, linking("SEC-1", gone=True)), changed("1", 1, linking("SEC-1"))], []),
        (["?"], [], []),
        ([{"type": "Duplicate", "outwardIssue": {}}, {"type": None, "outwardIssue": "SEC-1"}], [], []),
    ],
)
def test_an_original_is_named_while_the_link_stands(links: Any, changes: list[Any], named: list[str]) -> None:
    raw = history([], changes)
    raw["fields"] |= {} if links is None else {"issuelinks": links}
    jira, server = tracker({"GET issue/10001": raw, "GET myself": {"accountId": "us"}})
    told = jira.activity(TicketRef("eng", "10001"), START + timedelta(hours=1))
    assert [event.after for event in told if event.field == ORIGINAL] == named
    assert server.count("GET issue/10001") == 1
