"""The history of an issue, from wherever a server tells it, and what stands behind its links."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from connectors.errors import Denied, NotFound, Rejected
from connectors.github_artefacts import approvers, attached, commit, pull_request
from connectors.github_reading import Json, Reader, closing, part, stamp
from connectors.github_session import GithubSession
from state.ticket import Account, Activity, ActivityKind, Ticket

ABSENT = frozenset({404, 405})


class GithubHistory:
    """Reads the timeline; where there is none, comments and events; where there are none either, who closed it."""

    def __init__(self, session: GithubSession, reader: Reader, trusted: Collection[str] = ()) -> None:
        self._session, self._reader, self._trusted = session, reader, trusted
        self._plain = False

    def activity(self, where: str, key: str, since: datetime, *, silent: bool) -> Iterator[Activity]:
        """What is told of the issue `key` at `where`, in no order; `silent` says that nobody has commented on it."""
        for payload in self._entries(where, since, silent=silent):
            source = part(part(payload, "source"), "issue")
            if payload.get("event") != "cross-referenced":
                yield from self._told(payload)
            elif isinstance(source.get("pull_request"), dict):
                yield pull_request(source, self._reader.deed(payload), key, self._trusted)

    def links(self, ticket: Ticket, told: Sequence[Activity]) -> Iterator[Activity]:
        """The links that were told of, merged changes that close the issue with what only two requests each tell."""
        for event in told:
            if event.kind is ActivityKind.LINK:
                settles = event.after == "merged" and event.artefact is not None and event.artefact.closes
                yield self._merged(event) if settles else event
        if isinstance(ticket.body, str):
            nobody = Activity("", ActivityKind.COMMENT, Account("", ""), ticket.updated, text=ticket.body)
            yield from attached(nobody, self._reader.page)

    def _told(self, payload: Json) -> Iterator[Activity]:
        page = self._reader.page
        for event in self._reader.event(payload):
            yield event
            if event.kind is ActivityKind.COMMENT and not event.by.ours:
                yield from attached(event, page)
        if payload.get("event") in ("closed", "referenced"):
            yield from commit(payload, self._reader.deed(payload), page, closing=payload["event"] == "closed")

    def _merged(self, event: Activity) -> Activity:
        """The pull request with its merge commit and approvers, as far as we may read pull requests at all."""
        shown = event.artefact
        found = re.search(r"/([^/]+/[^/]+)/pull/(\d+)$", shown.url) if shown else None
        if shown is None or found is None:
            return event
        path = f"/repos/{found[1]}/pulls/{found[2]}"
        try:
            told = self._session.get(path).data
            reviews = [one for page in self._session.pages(f"{path}/reviews") for one in page]
        except (Denied, NotFound, Rejected) as refusal:
            if refusal.status == 401:
                raise
            return event
        made = str(told.get("merge_commit_sha") or "") if isinstance(told, dict) else ""
        return replace(event, artefact=replace(shown, commit=made, approvers=approvers(reviews)))

    def _entries(self, where: str, since: datetime, *, silent: bool) -> Iterator[Json]:
        told = None if self._plain else self._read(f"{where}/timeline")
        if told is None:
            found = [*self._comments(where, since), *self._events(where)]
            self._plain = True  # Now that it is known that the issue is there, and only its timeline is not.
            yield from found
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
