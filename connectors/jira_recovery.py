"""Finding issues of ours by their keys, which the database shows at once, where the search index lags."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from connectors.errors import NotFound, Rejected, Unavailable
from connectors.jira_client import JiraClient
from connectors.jira_reading import PROPERTY, identity, labelled, mapping, moment, planted, rows
from connectors.jira_search import JiraSearch

BLOCK = 100
BLOCKS = 20
"""How many blocks of keys are looked at past the highest number that the search shows, one request each."""

_FETCH = "issue/bulkfetch"

Row = Mapping[str, Any]


class JiraRecovery:
    """Reads a project's newest issues one number after the other, past the index; nothing where that is not offered."""

    def __init__(self, client: JiraClient, search: JiraSearch, project: str) -> None:
        self._client, self._search, self._project = client, search, project

    def ids(self, keys: Collection[str], since: datetime) -> list[str]:
        """The issues that carry one of the marker `keys`, and were created at or after `since` or little before.

        Whether the marker is ours is for the caller to judge. Raises `Unavailable` where a key is not found, and
        so many issues are newer than what the search shows that not all were looked at.
        """
        if _FETCH in self._client.absent:
            return []
        found: list[str] = []
        left = {*keys}
        start, last = self._bounds(since)
        for low in range(start, max(start, last) + BLOCKS * BLOCK, BLOCK):
            block = self._block(low)
            carriers = [raw for raw in block or () if _carried(raw) in keys]
            found += map(identity, carriers)
            left -= {*map(_carried, carriers)}
            if block is None or (not block and low + BLOCK > last):
                return found
        if not left:
            return found
        raise Unavailable(f"the search shows {self._project}-{last} as the newest of its issues, and many are newer")

    def _bounds(self, since: datetime) -> tuple[int, int]:
        """The number to begin with, and the highest that the search shows."""
        scope = f'project = "{self._project}"'
        shown = self._search.first(f"{scope} AND created >= {int(since.timestamp() * 1000)} ORDER BY key ASC")
        fresh = [number for raw in shown if _created(raw) >= since and (number := _number(raw))]
        last = max([*fresh, *map(_number, self._search.first(f"{scope} ORDER BY key DESC"))], default=0)
        # The index does not take issues up in their order: one before the first that it shows may be missing.
        return max(1, min(fresh, default=last + 1) - BLOCK), last

    def _block(self, low: int) -> list[Row] | None:
        """The issues there are among a block of numbers; `None` where the server does not tell."""
        wanted = [f"{self._project}-{number}" for number in range(low, low + BLOCK)]
        payload = {"issueIdsOrKeys": wanted, "fields": ["labels"], "properties": [PROPERTY]}
        try:
            answer = self._client.post(_FETCH, payload)
        except (NotFound, Rejected) as error:
            self._client.lacks(_FETCH, error)
            return None
        return rows(mapping(answer).get("issues"))


def _carried(raw: Row) -> str | None:
    marker = planted(raw)
    return marker.key if marker else labelled(mapping(raw.get("fields")))


def _created(raw: Row) -> datetime:
    return moment(mapping(raw.get("fields")).get("created"))


def _number(raw: Row) -> int:
    number = str(raw.get("key", "")).rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() else 0
