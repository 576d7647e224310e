"""The whole of an issue's history, of which Jira gives only a part with the issue."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from connectors.errors import NotFound, Rejected
from connectors.jira_client import JiraClient
from connectors.jira_reading import REMOTE_LINK, comment_page, in_service_desk, mapping, moment, rows, says_who_reads

PAGE = 100

Row = Mapping[str, Any]


def histories(client: JiraClient, ident: str, raw: object, since: datetime) -> list[Row]:
    """The changelog since `since`, read further where the issue carries only its newest part."""
    page = mapping(mapping(raw).get("changelog"))
    found = rows(page.get("histories"))
    if page and (_whole(page, found) or any(moment(row.get("created")) < since for row in found)):
        return found
    more = _paged(client, f"issue/{ident}/changelog", ("values", "histories"), {})
    return found if more is None else more


def never_linked(raw: object) -> bool:
    """Whether the issue's changelog is there from its beginning and says that no page elsewhere was linked."""
    page = mapping(mapping(raw).get("changelog"))
    found = rows(page.get("histories"))
    fields = (str(item.get("field") or "").lower() for row in found for item in rows(row.get("items")))
    return bool(page) and _whole(page, found) and REMOTE_LINK not in fields


def comment_rows(
    client: JiraClient, ident: str, fields: Row, since: datetime, *, mine: Callable[[Row], bool]
) -> list[Row]:
    """The comments, with their properties where some are ours and new, or where only they tell for whom they are."""
    page = comment_page(fields.get("comment"))
    found = rows(page.get("comments"))
    bare = [row for row in found if "properties" not in row]
    unclear = any(mine(mapping(row.get("author"))) for row in bare if moment(row.get("created")) >= since)
    unclear |= in_service_desk(fields) and not all(map(says_who_reads, bare))
    if page and _whole(page, found) and not unclear:
        return found
    more = _paged(client, f"issue/{ident}/comment", ("comments",), {"expand": "properties"})
    return found if more is None else more


def _whole(page: Row, found: list[Row]) -> bool:
    total = page.get("total")
    return not isinstance(total, int) or total <= len(found)


def _paged(client: JiraClient, path: str, keys: tuple[str, ...], params: Mapping[str, str]) -> list[Row] | None:
    """Every row at `path`; `None` where the server has no such endpoint."""
    try:
        return [row for page in _pages(client, path, keys, params) for row in page]
    except (NotFound, Rejected) as error:
        if client.lacks(path.rpartition("/")[2], error):
            return None
        raise


def _pages(client: JiraClient, path: str, keys: tuple[str, ...], params: Mapping[str, str]) -> Iterator[list[Row]]:
    start = 0
    while True:
        answer = mapping(client.get(path, startAt=start, maxResults=PAGE, **params))
        found = next((rows(answer[key]) for key in keys if key in answer), [])
        yield found
        start += len(found)
        total = answer.get("total")
        if not found or not isinstance(total, int) or start >= total:
            return
