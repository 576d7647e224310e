"""The history of an issue, from wherever a server tells it."""

from collections.abc import Iterator
from datetime import datetime

from connectors.errors import NotFound, Rejected
from connectors.github_reading import Json, closing, stamp
from connectors.github_session import GithubSession

ABSENT = frozenset({404, 405})


class GithubHistory:
    """Reads the timeline; where there is none, comments and events; where there are none either, who closed it."""

    def __init__(self, session: GithubSession) -> None:
        self._session = session
        self._plain = False

    def entries(self, where: str, since: datetime, *, silent: bool) -> Iterator[Json]:
        """Everything told of the issue at `where`, in no order; `silent` says that it is known to have no comments."""
        told = None if self._plain else self._read(f"{where}/timeline")
        if told is None:
            self._plain = True
            yield from self._comments(where, since)
            yield from self._events(where)
            return
        yield from told
        if not silent and not any(one.get("event") == "commented" for one in told):
            yield from self._comments(where, since)

    def _comments(self, where: str, since: datetime) -> Iterator[Json]:
        for page in self._session.pages(f"{where}/comments", since=stamp(since)):
            yield from ({**one, "event": "commented"} for one in page)

    def _events(self, where: str) -> list[Json]:
        events = self._read(f"{where}/events")
        if events is not None:
            return events
        issue = self._session.get(where).data
        return [closing(issue)] if isinstance(issue, dict) and issue.get("closed_at") else []

    def _read(self, path: str) -> list[Json] | None:
        try:
            return [one for page in self._session.pages(path) for one in page]
        except (NotFound, Rejected) as refusal:
            if refusal.status not in ABSENT:
                raise
            return None
