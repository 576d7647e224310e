"""Jira's issues as tickets, on Cloud and on Data Center."""

import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import httpx

from connectors import jira_reading as read
from connectors import jira_writing as write
from connectors.base import MARK, Capabilities, Page
from connectors.errors import Ambiguous, Denied, NotFound, Rejected, TrackerError, Unassignable
from connectors.jira_check import Checkup
from connectors.jira_client import JiraClient, Json, unreadable
from connectors.jira_history import comment_rows, histories, never_linked
from connectors.jira_recovery import JiraRecovery
from connectors.jira_search import TIMED, JiraSearch
from connectors.jira_settings import JiraSettings
from connectors.jira_workflow import Place, Workflow, place
from connectors.settings import Secrets
from connectors.shown import Shown
from connectors.wire import Exchange
from state.model import Field, Problem
from state.ticket import (
    Activity,
    Body,
    BodyFormat,
    Created,
    Cursor,
    Draft,
    Gone,
    Marker,
    Missing,
    NotCreated,
    Patch,
    Ticket,
    TicketRef,
)

PAGE = 100
BATCH = 50
AT_ONCE = 2
"""How many creates are under way at once, and so the most connections that a run makes to a site."""
EARLIER = timedelta(days=1)
"""How far a created ticket's own time may lie before ours, where two clocks disagree."""
_FIELD_NAMES = {
    Field.PRIORITY: "priority",
    Field.DUE_DATE: "duedate",
    Field.LABELS: "labels",
    Field.ASSIGNEE: "assignee",
    Field.BODY: "description",
}
_KEY = re.compile(r"(?:^|[/=])([A-Za-z][A-Za-z0-9_]*-\d+|\d+)/?$")


class JiraIssues:
    """The issues of one Jira project; marked issues are followed wherever they are moved.

    A marker is vouched for by the entity property; where the server does not show properties, by our label on an
    issue that our own account created, and then the marker's `item` is empty unless it was seen before.
    A comment of ours is recognised by its property alone.
    """

    Settings: ClassVar[type[JiraSettings]] = JiraSettings

    def __init__(
        self,
        name: str,
        settings: JiraSettings,
        secrets: Secrets,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        transport: httpx.BaseTransport | None = None,
        observer: Callable[[Exchange], None] | None = None,
    ) -> None:
        self.name, self.caps = name, _capabilities(settings)
        self._settings, self._secrets, self._clock = settings, secrets, clock
        self._cloud, self._url = settings.on_cloud, settings.pages
        self._client = JiraClient(settings, secrets, clock=clock, sleep=sleep, transport=transport, observer=observer)
        self._search = JiraSearch(self._client, settings.project, on_cloud=self._cloud)
        self._recovery = JiraRecovery(self._client, self._search, settings.project)
        self._workflow = Workflow(self._client, settings.fields)
        self._places: dict[str, Place] = {}
        self._items: dict[str, str] = {}
        self._shown = Shown(clock)
        self._markers: dict[str, Marker] = {}
        self._histories: dict[str, Mapping[str, Any]] = {}
        self._unlinked: set[str] = set()
        self._keys_only = self._made = False
        self._me: str | None = None
        self._me_asked = False

    @property
    def requests(self) -> int:
        """How many requests went over the wire since this object was made."""
        return self._client.wire.count

    def time(self) -> datetime | None:
        """The tracker's own time now, as its last answer told it."""
        return self._client.wire.time()

    def close(self) -> None:
        """Give back connections."""
        self._client.close()

    def check(self) -> list[Problem]:
        """Everything that would stop or bend a run, most serious first; writes nothing."""
        return Checkup(self.name, self._settings, self._client).problems()

    def changes(self, cursor: Cursor | None) -> Iterator[Page]:
        """Yield the marked tickets that changed at or after `cursor`, oldest first."""
        at = floor = cursor.at if cursor else read.EPOCH
        if cursor is not None and cursor.validator == TIMED:
            self._search.proof = TIMED
        for found in self._search.changed(self.query, at, doubting=not self._made):
            recent = (raw for raw in found if read.updated(raw) >= floor or not read.dated(raw))
            tickets = [ticket for ticket in map(self._ticket, recent) if _ours(ticket)]
            at = max([at, *(ticket.updated for ticket in tickets)])
            yield Page(sorted(tickets, key=lambda ticket: ticket.updated), Cursor(at, self._search.proof))

    def fetch(
        self, refs: Sequence[TicketRef], *, history: bool = False, known: Mapping[str, str] = {}
    ) -> Iterator[Ticket | Missing]:
        """Yield each ticket as it is now, from the database; Data Center shows several at once in its index only."""
        self._histories = {}
        for start in range(0, len(refs), PAGE):
            chunk = refs[start : start + PAGE]
            if not self._cloud:
                yield from self._indexed(chunk, known)
                continue
            together = "issue/bulkfetch" not in self._client.absent
            found = self._bulk_fetch(chunk, history=history) if together else None
            yield from map(self._fetch_one, chunk) if found is None else found

    def survey(self) -> Iterator[Mapping[str, str]]:
        """Yield the marked issues by their ids alone, of which Jira gives thousands at once."""
        for found in self._search.ids(self.query):
            yield {read.identity(raw): "" for raw in found}

    def find(self, markers: Sequence[Marker], since: datetime) -> list[Ticket]:
        """Every ticket that carries one of the markers; on Cloud, those that the index hides are read by key."""
        return self._find(markers, since, anybodys=False)

    def suspects(self, markers: Sequence[Marker], since: datetime) -> list[Ticket]:
        """As `find`, where a label alone counts whoever created the issue."""
        return self._find(markers, since, anybodys=True)

    def _find(self, markers: Sequence[Marker], since: datetime, *, anybodys: bool) -> list[Ticket]:
        wanted = {marker.key: marker.item for marker in markers}
        self._items |= wanted
        found: dict[str, Ticket] = {}
        early = since - EARLIER
        for start in range(0, len(markers), BATCH):
            named = ", ".join(f'"{read.LABEL}{marker.key}"' for marker in markers[start : start + BATCH])
            scope = self.query if "labels" in self._settings.omit else f"labels in ({named})"
            for page in self._search.pages(scope, early):
                found |= {ticket.ref.id: ticket for ticket in map(partial(self._ticket, anybodys=anybodys), page)}
        hidden = wanted.keys() - {ticket.marker.key for ticket in found.values() if ticket.marker}
        if self._cloud and hidden:
            ids = self._recovery.ids(hidden, since)
            recovered = self.fetch([TicketRef(self.name, ident) for ident in ids])
            found |= {ticket.ref.id: ticket for ticket in recovered if isinstance(ticket, Ticket)}
        return [t for t in found.values() if t.marker and t.marker.key in wanted and not read.EPOCH < t.created < early]

    def create(self, drafts: Sequence[Draft]) -> Iterator[Created | NotCreated]:
        """Create the tickets with one request, or with one each where the server cannot take them together."""
        self._items |= {draft.marker.key: draft.marker.item for draft in drafts}
        results = self._create_together(drafts) if len(drafts) > 1 and self.caps.bulk_create > 1 else None
        yield from map(self._create_one, drafts) if results is None else results

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket | None:  # noqa: ARG002
        """Change exactly what `patch` says, by transitions first, and return the ticket if the answer shows it."""
        with self._client.wire.one_update():
            answer = self._reach(ref, partial(self._change, ref, patch))
        if patch.marker is not None:
            self._markers[ref.id] = patch.marker
        if not read.mapping(answer.get("fields")):
            self._places.pop(ref.id, None)
            return None
        ticket = self._ticket(answer)
        return ticket if patch.marker is None else replace(ticket, marker=patch.marker)

    def comment(self, ref: TicketRef, text: Body, *, marker: str) -> str:
        """Add a comment of ours, with its key as a property of the comment."""
        payload = write.said(text, marker, on_cloud=self._cloud)
        answer = self._reach(ref, lambda ident: self._client.post(f"issue/{ident}/comment", payload))
        if not read.mapping(answer).get("id"):
            raise unreadable(f"comment on {ref.key or ref.id}")
        return str(answer["id"])

    def recomment(self, ref: TicketRef, remote_id: str, text: Body, *, marker: str) -> None:
        """Let a comment of ours say `text`, with the same property as before."""
        payload, at = write.said(text, marker, on_cloud=self._cloud), self._at(ref)
        try:
            self._client.put(f"issue/{at}/comment/{remote_id}", payload)
        except NotFound:
            if isinstance(self._fetch_one(ref), Missing) or self._at(ref) == at:
                raise
            self._client.put(f"issue/{self._at(ref)}/comment/{remote_id}", payload)

    def activity(self, ref: TicketRef, since: datetime) -> list[Activity]:
        """Who did what to the ticket at or after `since`, oldest first.

        Takes one request if it was not fetched, and more for long histories or to tell comments of ours apart.
        """
        asked = {"fields": "comment,attachment,project,issuelinks", "expand": "changelog"}
        raw = self._histories.pop(ref.id, None)
        raw = raw or self._reach(ref, lambda ident: self._client.get(f"issue/{ident}", **asked))
        at = self._at(ref)
        fields, me, cloud = read.mapping(read.mapping(raw).get("fields")), self._myself(), self._cloud
        said = comment_rows(
            self._client, ref.id, fields, since, mine=lambda user: me in (None, read.account_id(user, on_cloud=cloud))
        )
        changes = [*read.field_changes(histories(self._client, at, raw, since), me, on_cloud=cloud)]
        files = read.attachments(read.rows(fields.get("attachment")), me, on_cloud=cloud)
        (self._unlinked.add if never_linked(raw) else self._unlinked.discard)(ref.id)
        told = [
            *(event for event in (*changes, *files) if event.at >= since),
            *read.comments(said, me, on_cloud=cloud, desk=read.in_service_desk(fields)),
            *read.originals(fields, changes),
        ]
        return sorted(told, key=lambda event: event.at)

    def links(self, ticket: Ticket, told: Sequence[Activity]) -> list[Activity]:
        """The pages elsewhere that the issue is linked with, asked for unless its history shows that there are none.

        What Jira shows as development information is not among them: no documented endpoint gives it for a token.
        """
        if ticket.ref.id in self._unlinked or "remotelink" in self._client.absent:
            return []
        try:
            found = self._reach(ticket.ref, lambda ident: self._client.get(f"issue/{ident}/remotelink"))
        except (Denied, NotFound, Rejected) as error:
            if not self._client.lacks("remotelink", error) and error.status != httpx.codes.FORBIDDEN:
                raise
            return []
        return list(read.remote_links(read.rows(found), ticket.updated, told))

    def attachment(self, ref: TicketRef, remote_id: str) -> Iterator[bytes]:  # noqa: ARG002
        """Yield the bytes of an attachment: on Cloud from its own endpoint, on Data Center from where it lies."""
        if self._cloud:
            yield self._client.content(f"attachment/content/{remote_id}", redirect="false")
            return
        told = read.mapping(self._client.get(f"attachment/{remote_id}")).get("content")
        yield self._client.content(str(told or f"attachment/content/{remote_id}"))

    def hint(self, headers: Mapping[str, str], body: bytes) -> list[TicketRef]:
        """Verify a webhook delivery by its `X-Hub-Signature`, and name its issue."""
        secret = self._secrets.webhook
        given = next((value for name, value in headers.items() if name.lower() == "x-hub-signature"), "")
        if secret is None:
            raise Denied("no webhook secret is configured")
        expected = f"sha256={hmac.digest(secret.get_secret_value().encode(), body, 'sha256').hex()}"
        if not hmac.compare_digest(given.strip().encode(), expected.encode()):
            raise Denied("the delivery's signature is missing or wrong")
        try:
            issue = read.mapping(read.mapping(json.loads(body)).get("issue"))
        except (ValueError, RecursionError):
            return []
        return [TicketRef(self.name, str(issue["id"]), str(issue.get("key", "")))] if issue.get("id") else []

    def resolve(self, key: str) -> Ticket:
        """The ticket that people call `key`, or whose page is at the URL `key`."""
        elsewhere = "://" in key and httpx.URL(key).host != httpx.URL(self._url).host
        match = None if elsewhere else _KEY.search(key.partition("?")[0] if "/browse/" in key else key)
        if match is None:
            raise NotFound(f"{key}: not the key or address of an issue here")
        return self._ticket(self._read(match[1].upper()))

    @property
    def query(self) -> str:
        """The JQL that says which issues are marked."""
        return f'project = "{self._settings.project}"' if "labels" in self._settings.omit else f"labels = {MARK}"

    def _ticket(self, raw: Mapping[str, Any], *, anybodys: bool = False) -> Ticket:
        marker = self._vouched(raw, anybodys=anybodys)
        ticket = read.ticket(raw, tracker=self.name, url=self._url, on_cloud=self._cloud, marker=marker)
        self._places[ticket.ref.id] = place(raw)
        return self._shown.note(ticket)

    def _vouched(self, raw: Mapping[str, Any], *, anybodys: bool) -> Marker | None:
        ident, fields = read.identity(raw), read.mapping(raw.get("fields"))
        if marker := read.planted(raw):
            self._markers[ident], self._items[marker.key] = marker, marker.item
            if not self._me_asked and read.made_by_us(raw):
                self._me = read.author_id(fields, on_cloud=self._cloud)
                self._me_asked = self._me is not None
            return marker
        key = read.labelled(fields)
        if key is None or "properties" in raw:
            return None
        known = self._markers.get(ident)
        if known is not None and known.key == key:
            return known
        author = read.author_id(fields, on_cloud=self._cloud)
        foreign = not anybodys and author not in (None, self._client.user) and self._myself() not in (None, author)
        return None if foreign else Marker(key, self._items.get(key, ""))

    def _myself(self) -> str | None:
        """Our own account's id; `None` where the server does not tell."""
        if not self._me_asked:
            try:
                self._me = read.account_id(self._client.get("myself"), on_cloud=self._cloud)
            except (NotFound, Rejected) as error:
                if not self._client.lacks("myself", error):
                    raise
            self._me_asked = True
        return self._me

    def _read(self, ident: str) -> Json:
        raw: Json = self._client.get(f"issue/{ident}", fields=",".join(read.FIELDS), properties=read.PROPERTY)
        return raw

    def _at(self, ref: TicketRef) -> str:
        return ref.key if self._keys_only and ref.key else ref.id

    def _reach(self, ref: TicketRef, call: Callable[[str], Json]) -> Json:
        """What `call` gives for the issue's id, or for its key where the server finds issues by key only."""
        try:
            return call(self._at(ref))
        except NotFound:
            if self._keys_only or self._fetch_by_key(ref) is None:
                raise
            return call(self._at(ref))

    def _change(self, ref: TicketRef, patch: Patch, ident: str) -> Json:
        if self._shown.guards(ref.id, patch):
            raw = self._read(ident)
            self._places[ref.id] = place(raw)
            self._shown.compare(read.ticket(raw, tracker=self.name, url=self._url, on_cloud=self._cloud, marker=None))
        if patch.state is not None:
            self._workflow.bring(ident, self._places.get(ref.id), partial(self._locate, ident), patch.state)
        answer: Json = {}
        if payload := write.edit(patch, self._settings):
            options = {"returnIssue": "true"} if self._cloud else {}
            answer = self._put(ident, payload, options)
        return self._relabelled(ident, patch, answer) if "labels" in payload.get("update", ()) else answer

    def _relabelled(self, ident: str, patch: Patch, answer: Json) -> Json:
        """The issue, with its labels set as a whole where the server did not add and remove them one by one."""
        answer = answer if "labels" in read.mapping(answer.get("fields")) else self._read(ident)
        fields = read.mapping(answer.get("fields"))
        there = read.labels(fields)
        left = (there | {*write.added_labels(patch)}) - {*patch.remove_labels}
        if left == there or "labels" not in fields:
            return answer
        self._client.put(f"issue/{ident}", {"fields": {"labels": sorted(left)}})
        return self._read(ident)

    def _put(self, ident: str, payload: Json, options: Mapping[str, str]) -> Json:
        try:
            answer: Json = self._client.put(f"issue/{ident}", payload, **options)
        except Rejected as error:
            raise Unassignable(str(error)) if write.is_wrong("assignee", error.answer) else error from None
        return answer

    def _locate(self, ident: str) -> Place:
        return place(self._read(ident))

    def _indexed(self, refs: Sequence[TicketRef], known: Mapping[str, str]) -> Iterator[Ticket | Missing]:
        """Each from the index if that shows it no older than it is known, else directly."""
        asked = {ref.id for ref in refs if known.get(ref.id) and ref.id.isdigit()}
        found = self._search.named(sorted(asked)) if len(asked) > 1 else []
        shown = {read.identity(raw): self._ticket(raw) for raw in found if read.identity(raw) in asked}
        for ref in refs:
            ticket = shown.get(ref.id)
            yield ticket if ticket and ticket.revision >= known[ref.id] else self._fetch_one(ref)

    def _fetch_one(self, ref: TicketRef) -> Ticket | Missing:
        try:
            ticket = self._ticket(self._read(self._at(ref)))
        except NotFound as error:
            return self._fetch_by_key(ref) or Missing(ref, Gone.NOT_FOUND, str(error))
        except Denied as error:
            if error.status != httpx.codes.FORBIDDEN:
                raise
            return Missing(ref, Gone.HIDDEN, str(error))
        return ticket if ticket.ref == ref else Missing(ref, Gone.NOT_FOUND, f"{ref.key} is another issue")

    def _fetch_by_key(self, ref: TicketRef) -> Ticket | None:
        """For servers that read by key only; the id must still be the same."""
        try:
            raw = self._read(ref.key) if ref.key else {}
        except NotFound:
            return None
        if read.identity(raw) != ref.id:
            return None
        self._keys_only = True
        return self._ticket(raw)

    def _bulk_fetch(self, refs: Sequence[TicketRef], *, history: bool) -> list[Ticket | Missing] | None:
        wanted = {ref.id: ref for ref in refs}
        payload: Json = {"issueIdsOrKeys": list(wanted), "fields": read.FIELDS, "properties": [read.PROPERTY]}
        if history:
            payload |= {"fields": [*read.FIELDS, "attachment", "issuelinks"], "expand": ["changelog"]}
        try:
            answer = read.mapping(self._client.post("issue/bulkfetch", payload))
        except (NotFound, Rejected) as error:
            if self._client.lacks("issue/bulkfetch", error):
                return None
            raise
        found = read.rows(answer.get("issues"))
        tickets = [self._ticket(raw) for raw in found]
        self._histories |= {read.identity(raw): raw for raw in found if "changelog" in raw}
        told = {
            str(row.get("id", "")): str(row.get("errorMessage", "")) for row in read.rows(answer.get("issueErrors"))
        }
        gone = wanted.keys() - {ticket.ref.id for ticket in tickets}
        missing = [Missing(wanted[i], Gone.NOT_FOUND, told[i]) for i in gone if i in told]
        untold = [self._fetch_one(wanted[i]) for i in gone if i not in told]
        return [*(ticket for ticket in tickets if ticket.ref.id in wanted), *missing, *untold]

    def _create_together(self, drafts: Sequence[Draft]) -> list[Created | NotCreated] | None:
        """One result per draft; `None` when certainly nothing was created and each must be sent alone."""
        try:
            answer = self._client.post(
                "issue/bulk", {"issueUpdates": [write.element(draft, self._settings) for draft in drafts]}
            )
        except (NotFound, Rejected) as error:
            if self._client.lacks("issue/bulk", error):
                self.caps = replace(self.caps, bulk_create=1)
                return None
            if isinstance(error, NotFound):
                raise
            answer = read.mapping(error.answer)
            if not read.rows(answer.get("errors")):
                return None
        return self._paired(drafts, read.mapping(answer))

    def _paired(self, drafts: Sequence[Draft], answer: Mapping[str, Any]) -> list[Created | NotCreated]:
        failed = {row.get("failedElementNumber"): row for row in read.rows(answer.get("errors"))}
        made = read.rows(answer.get("issues"))
        if len(made) != sum(n not in failed for n in range(len(drafts))):
            raise Ambiguous(f"POST issue/bulk: {len(drafts)} sent, {len(made)} created, {len(failed)} refused")
        told = (read.mapping(row.get("elementErrors")) for row in failed.values())
        if not made and (wrong := next((each for each in told if write.is_wrong("project", each)), None)) is not None:
            raise write.misplaced(wrong, self._settings, self.name)
        issues = iter(made)
        return [
            write.refused(draft, failed[n]) if n in failed else self._created(draft, next(issues))
            for n, draft in enumerate(drafts)
        ]

    def _create_one(self, draft: Draft) -> Created | NotCreated:
        try:
            return self._created(draft, read.mapping(self._client.post("issue", write.element(draft, self._settings))))
        except Rejected as error:
            if write.is_wrong("project", error.answer):
                raise write.misplaced(error.answer, self._settings, self.name) from None
            return NotCreated(draft.marker, str(error), write.is_wrong("assignee", error.answer))

    def _created(self, draft: Draft, answer: Mapping[str, Any]) -> Created:
        self._made = True
        ident, key = answer.get("id"), answer.get("key")
        if key and not ident:
            ident = self._identity_of(draft, str(key))
        if not ident or not key:
            raise unreadable(f"create of {draft.marker.item}")
        self._markers[str(ident)] = draft.marker
        ref = TicketRef(self.name, str(ident), str(key))
        return Created(draft.marker, ref, f"{self._url}/browse/{key}", self._clock())

    def _identity_of(self, draft: Draft, key: str) -> str:
        try:
            return read.identity(self._read(key))
        except TrackerError:
            raise unreadable(f"create of {draft.marker.item}") from None


def _capabilities(settings: JiraSettings) -> Capabilities:
    wait = settings.visibility_wait_seconds
    return Capabilities(
        fields=frozenset(field for field in Field if _FIELD_NAMES.get(field) not in settings.omit),
        account_kind="jira",
        body_format=BodyFormat.ADF if settings.on_cloud else BodyFormat.WIKI,
        title_limit=255,
        body_limit=write.TEXT_LIMIT,
        comment_limit=write.TEXT_LIMIT,
        bulk_create=BATCH,
        parallel=AT_ONCE if settings.on_cloud else 1,
        stale_feed=settings.on_cloud,
        attachments=True,
        vouches=settings.on_cloud,
        visibility_lag_seconds=120 if wait is None else wait,
        content_per_minute=settings.content_per_minute,
        content_per_hour=settings.content_per_hour,
    )


def _ours(ticket: Ticket) -> bool:
    return MARK in ticket.labels or ticket.marker is not None
