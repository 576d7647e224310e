"""GitHub's issues as tickets, on github.com and on a server of one's own."""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

import httpx

from connectors.base import MARK, Page
from connectors.errors import Ambiguous, Denied, NotFound, Rejected, TrackerError
from connectors.github_check import problems
from connectors.github_history import ABSENT, GithubHistory
from connectors.github_patch import allow, label_changes, said_as, values
from connectors.github_reading import (
    Json,
    Reader,
    assignees,
    creator,
    delivered,
    folded,
    identity,
    is_issue,
    label_names,
    login,
    repository_of,
    revision,
    stamp,
)
from connectors.github_session import Answer, App, GithubSession, elements, names_assignees
from connectors.github_settings import (
    GithubSettings,
    capabilities,
    named_issue,
    status_labels,
    web_page,
)
from connectors.settings import Secrets, TrackerSettings
from connectors.shown import Shown
from connectors.wire import Exchange
from state.model import Problem
from state.ticket import (
    KEEP,
    Activity,
    ActivityKind,
    Body,
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

EARLIER = timedelta(minutes=10)
FEW = 50
"""Up to so many tickets are read one by one; more are read from the list, and the rest of them one by one."""

_INSTANT = timedelta(seconds=1)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_AGELESS = frozenset({ActivityKind.LINK, ActivityKind.COMMENT})
_MOVED = frozenset({301, 302, 303, 307, 308})


class GithubIssues:
    """One repository's issues. Keeps the contract of `connectors.base.Tracker`; not for two threads at once.

    A ticket's id is the issue's database id. Requests go by the number in the ticket's key, and the id is compared.
    An account's id is its login.
    """

    Settings: ClassVar[type[TrackerSettings]] = GithubSettings

    def __init__(
        self,
        name: str,
        settings: GithubSettings,
        secrets: Secrets,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        transport: httpx.BaseTransport | None = None,
        observer: Callable[[Exchange], None] | None = None,
    ) -> None:
        self.name, self.settings, self.caps = name, settings, capabilities(settings)
        self._webhook = secrets.webhook
        app = None
        if settings.app_id is not None and settings.installation_id is not None:
            app = App(settings.app_id, settings.installation_id)
        self.session = GithubSession(
            settings.url,
            secrets,
            app,
            clock=clock,
            sleep=sleep,
            timeout_seconds=settings.timeout_seconds,
            ca_bundle=settings.ca_bundle,
            transport=transport,
            observer=observer,
        )
        page, labels = web_page(settings.url), status_labels(settings)
        self.reader = Reader(name, settings.repository, page, labels, self._is_ours, self._is_untold)
        self._base = f"/repos/{settings.repository}"
        self._moved = False
        self._repository: Json | None = None
        self._login: str | None = None
        self._asked_login = False
        self._history = GithubHistory(self.session, self.reader, settings.changes_from)
        self._silent: set[str] = set()
        self._shown = Shown(clock)
        self._also: dict[str, list[str]] = {}

    @property
    def requests(self) -> int:
        """How many requests went over the wire since this object was made."""
        return self.session.wire.count

    def time(self) -> datetime | None:
        """The tracker's own time now, as its last answer told it."""
        return self.session.wire.time()

    def close(self) -> None:
        """Give back connections."""
        self.session.close()

    def check(self) -> list[Problem]:
        """Everything that would stop or bend a run, most serious first; writes nothing."""
        needed = [MARK, *self.settings.labels, self.reader.labels.in_progress[0]]
        name, app = self.settings.repository, self.settings.app_id is not None
        return problems(self.session, name, self.repository, needed, app=app)

    def changes(self, cursor: Cursor | None) -> Iterator[Page]:
        """Yield the marked issues updated at or after `cursor`, in whole seconds, oldest first.

        The validator in a cursor is the ETag of an answer that was the whole feed, for the URL that was asked.
        """
        query: dict[str, Any] = {"state": "all", "labels": MARK, "sort": "updated", "direction": "asc"}
        if cursor is not None:
            query["since"] = stamp(cursor.at)
        reached = cursor or Cursor(_BEGINNING)
        path = f"{self.root()}/issues"
        address = hashlib.sha256(f"{path} {sorted(query.items())}".encode()).hexdigest()[:8]
        known, _, etag = reached.validator.partition(" ")
        whole = True
        for answer in self._listed(path, etag if known == address else "", **query):
            if answer.status == 304:
                yield Page([], reached)
                return
            whole = whole and not answer.next
            tickets = self._changed_since(reached.at if cursor is None else cursor.at, answer)
            at = max([reached.at, *(ticket.updated for ticket in tickets)])
            reached = Cursor(at, f"{address} {answer.etag}" if whole and answer.etag and at == reached.at else "")
            yield Page(tickets, reached)

    @property
    def query(self) -> str:
        """Which issues of which repository are marked."""
        return f"repo:{self.settings.repository} is:issue label:{MARK}"

    def fetch(
        self,
        refs: Sequence[TicketRef],
        *,
        history: bool = False,  # noqa: ARG002
        known: Mapping[str, str] = {},  # noqa: ARG002
    ) -> Iterator[Ticket | Missing]:
        """Yield each ticket as it is now; many at once are read from the list, newest first, as far as that pays."""
        left = {ref.id: ref for ref in refs}
        if len(left) > FEW or any(_number(ref) is None for ref in refs):
            pages = self.session.pages(f"{self.root()}/issues", state="all", labels=MARK, sort="created")
            for _, page in zip(range(max(1, len(left) // 20)), pages, strict=False):
                seen = [one for one in page if is_issue(one) and identity(one) in left]
                for one in seen:
                    del left[identity(one)]
                    yield self._ticket(one)
                if not left:
                    return
        for ref in left.values():
            yield self._fetch(ref)

    def survey(self) -> Iterator[Mapping[str, str]]:
        """Yield each marked issue's revision by its id, a hundred to a request."""
        query = {"state": "all", "labels": MARK, "sort": "created", "direction": "asc"}
        for answer in self._listed(f"{self.root()}/issues", "", **query):
            issues = (one for one in elements(answer.data) if is_issue(one))
            yield {identity(one): revision(one) for one in issues if MARK in folded(label_names(one.get("labels")))}

    def find(self, markers: Sequence[Marker], since: datetime) -> list[Ticket]:
        """Every issue of ours that carries one of the markers, created no earlier than ten minutes before `since`.

        Where the server does not tell who we are or who created it, the marker alone counts.
        """
        return self._find(markers, since, anybodys=False)

    def suspects(self, markers: Sequence[Marker], since: datetime) -> list[Ticket]:
        """As `find`, whoever created the issues."""
        return self._find(markers, since, anybodys=True)

    def _find(self, markers: Sequence[Marker], since: datetime, *, anybodys: bool) -> list[Ticket]:
        me, early = self.login(), since - EARLIER
        keys = {marker.key for marker in markers}
        query = {"state": "all", "sort": "created", "direction": "desc", "since": stamp(early)}
        if me is not None and self.settings.app_id is None and not anybodys:
            query["creator"] = me
        found: dict[str, Ticket] = {}  # A new issue pushes another to the next page, where these go by number.
        for answer in self._listed(f"{self.root()}/issues", "", **query):
            issues = [one for one in elements(answer.data) if is_issue(one)]
            tickets = [self.reader.ticket(one, anybodys=anybodys) for one in issues]
            ours = (one for one in tickets if one.marker and one.marker.key in keys and one.created >= early)
            found |= {one.ref.id: one for one in ours}
            if tickets and tickets[-1].created < min(early, tickets[0].created + _INSTANT):
                break
        return [*found.values()]

    def create(self, drafts: Sequence[Draft]) -> Iterator[Created | NotCreated]:
        """Create one issue per request; an assignee whom GitHub refuses is left out, as the ticket then shows."""
        for draft in drafts:
            try:
                yield self._create(draft)
            except Rejected as refusal:
                yield NotCreated(draft.marker, str(refusal))

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket:  # noqa: ARG002
        """Change what `patch` says: state and fields with one request, each label with one of its own."""
        allow(patch.title, patch.body)
        if patch.priority not in (KEEP, None) or patch.due_date not in (KEEP, None):
            raise Rejected("GitHub's issues hold no priority and no due date")
        where = self._issue(ref)
        if self._shown.guards(ref.id, patch):
            self._shown.compare(self.reader.ticket(self._same(ref, self.session.get(where).data)))
        with self.session.wire.one_update():
            return self._ticket(self._change(ref, where, patch))

    def _change(self, ref: TicketRef, where: str, patch: Patch) -> Json:
        labels: frozenset[str] | None = None
        issue: Json | None = None
        if changed := values(patch, self._also.get(ref.id, [])):
            issue = self._same(ref, self._write("PATCH", where, changed))
            labels = label_names(issue.get("labels"))
        adds, removes = label_changes(patch, labels, self.reader.labels)
        one_by_one = self._relabel(where, adds, removes)
        if issue is None or adds or removes:
            issue = self._same(ref, self.session.get(where).data)
        present = label_names(issue.get("labels"))
        if not one_by_one and (folded(adds) - folded(present) or folded(removes) & folded(present)):
            left = [name for name in present if name.casefold() not in folded(removes)]
            issue = self._same(ref, self._write("PATCH", where, {"labels": sorted({*left, *adds})}))
        return issue

    def comment(self, ref: TicketRef, text: Body, *, marker: str) -> str:
        """Add a comment of ours and return its id."""
        words = said_as(text, marker)
        try:
            said = self._write("POST", f"{self._issue(ref)}/comments", words)
        except Denied as refusal:
            if "locked" not in str(refusal).lower():
                raise
            raise Rejected(str(refusal)) from None
        if not isinstance(said, dict) or not said.get("id"):
            raise Ambiguous(f"comment on {ref.key}: the answer names no comment")
        return str(said["id"])

    def recomment(self, ref: TicketRef, remote_id: str, text: Body, *, marker: str) -> None:  # noqa: ARG002
        """Let a comment of ours say `text`; comments are found in the repository, whichever issue they stand on."""
        self._write("PATCH", f"{self.root()}/issues/comments/{quote(remote_id, safe='')}", said_as(text, marker))

    def activity(self, ref: TicketRef, since: datetime) -> list[Activity]:
        """Who did what at or after the second of `since`, oldest first; edits of the body leave no trace there.

        Links and comments are told whatever their age, as they are now, comments as far as the server tells them all.
        """
        second = since.replace(microsecond=0)
        told = self._history.activity(self._issue(ref), ref.key, second, silent=ref.id in self._silent)
        wanted = (event for event in told if event.kind in _AGELESS or event.at >= second)
        return sorted(wanted, key=lambda event: event.at)

    def links(self, ticket: Ticket, told: Sequence[Activity]) -> list[Activity]:
        """The pull requests and commits that were told of, and the files that the body leads to."""
        return list(self._history.links(ticket, told))

    def attachment(self, ref: TicketRef, remote_id: str) -> Iterator[bytes]:
        """There are none: files on GitHub are links, which only a browser that is signed in follows."""
        raise NotFound(f"{ref.key}: {remote_id} can only be linked")

    def hint(self, headers: Mapping[str, str], body: bytes) -> list[TicketRef]:
        """Verify a webhook delivery and name the issue to look at; raises `Denied` if it is not genuine."""
        given = next((value for name, value in headers.items() if name.lower() == "x-hub-signature-256"), "")
        secret = self._webhook.get_secret_value() if self._webhook else ""
        wanted = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        if not secret or not hmac.compare_digest(given.encode(), wanted.encode()):
            raise Denied("the delivery's signature is missing or wrong")
        told = delivered(body)
        issue, repository = told.get("issue"), told.get("repository")
        place = str(repository.get("full_name")) if isinstance(repository, dict) else ""
        ours = {self.settings.repository.lower(), str((self._repository or {}).get("full_name")).lower()}
        if not isinstance(issue, dict) or not is_issue(issue) or place.lower() not in ours:
            return []
        return [TicketRef(self.name, identity(issue), f"{place}#{issue['number']}")]

    def resolve(self, key: str) -> Ticket:
        """The issue called `owner/name#12`, `#12`, `12` or by its URL; raises `NotFound`."""
        repository, number = named_issue(key.strip(), self.settings.url)
        names = {self.settings.repository.lower(), str((self._repository or {}).get("full_name")).lower()}
        if not number or (repository and repository.lower() not in names):
            raise NotFound(f"{key}: not an issue of {self.settings.repository}")
        issue = self.session.get(f"{self.root()}/issues/{number}").data
        if not isinstance(issue, dict) or not is_issue(issue):
            raise NotFound(f"{key}: not an issue")
        return self._ticket(issue)

    def root(self) -> str:
        """The path of the repository, by its id once its name has moved."""
        if self._moved:
            told = self.repository()
            self._base, self._moved = f"/repositories/{told.get('id')}", False
            try:
                self.session.get(self._base)
            except (NotFound, Rejected):
                self._base = f"/repos/{told.get('full_name')}"
        return self._base

    def repository(self) -> Json:
        """The repository, asked once; raises `NotFound` where it cannot be seen."""
        if self._repository is None:
            data = self.session.get(f"/repos/{self.settings.repository}").data
            self._repository = data if isinstance(data, dict) else {}
        return self._repository

    def login(self) -> str | None:
        """Our own login, asked until there is an answer, `None` where it cannot be learned."""
        if self._login is None and not self._asked_login:
            try:
                self._login = self._ask_login()
            except (Denied, NotFound, Rejected) as refusal:
                if refusal.status == 401:
                    raise
            self._asked_login = True
        return self._login

    def _ask_login(self) -> str | None:
        if self.settings.app_id is None:
            data, suffix = self.session.get("/user").data, ""
        else:
            data, suffix = self.session.app().data, "[bot]"
        name = data.get("slug" if suffix else "login") if isinstance(data, dict) else None
        return f"{name}{suffix}" if name else None

    def _is_ours(self, payload: Json) -> bool:
        app = payload.get("performed_via_github_app")
        if self.settings.app_id is not None and isinstance(app, dict) and app.get("id") == self.settings.app_id:
            return True
        author, me = login(payload.get("user")), self.login()
        return me is not None and author.lower() == me.lower()

    def _is_untold(self, payload: Json) -> bool:
        """Whether the server does not say who we are, or who wrote this."""
        return self.login() is None or not (payload.get("user") or payload.get("actor"))

    def _listed(self, path: str, etag: str, **query: Any) -> Iterator[Answer]:
        try:
            for answer in self.session.answers(path, etag, **query):
                if self.session.moved_to and self._base.startswith("/repos/"):
                    self._moved, self._repository = True, None
                yield answer
        except NotFound as hidden:
            raise Denied(f"{hidden}: the repository cannot be seen, or its issues are switched off") from None

    def _changed_since(self, at: datetime, answer: Answer) -> list[Ticket]:
        # A server may ignore what it was asked to filter and to sort by, or not tell when an issue changed.
        since = at.replace(microsecond=0)
        issues = [one for one in elements(answer.data) if is_issue(one)]
        found = [(self._ticket(one), "updated_at" in one) for one in issues]
        wanted = [
            ticket
            for ticket, dated in found
            if MARK in folded(ticket.labels) and (ticket.updated >= since or not dated)
        ]
        return sorted(wanted, key=lambda ticket: ticket.updated)

    def _ticket(self, issue: Json) -> Ticket:
        ticket = self.reader.ticket(issue)
        (self._silent.add if ticket.comments == 0 else self._silent.discard)(ticket.ref.id)
        self._also[ticket.ref.id] = assignees(issue)[1:]
        return self._shown.note(ticket)

    def _write(self, verb: str, path: str, data: Mapping[str, Any] | None = None) -> Any:
        try:
            return self.session.write(verb, path, data).data
        except Ambiguous as lost:
            if lost.status in _MOVED:
                self._moved, self._repository = True, None
            raise

    def _issue(self, ref: TicketRef) -> str:
        number = _number(ref)
        if number is None:
            raise NotFound(f"ticket {ref.id}: its number is not known")
        return f"{self.root()}/issues/{number}"

    def _same(self, ref: TicketRef, issue: Any) -> Json:
        if not isinstance(issue, dict) or not is_issue(issue):
            raise Ambiguous(f"{ref.key}: the answer is no issue")
        if identity(issue) != ref.id:
            raise NotFound(f"{ref.key}: another issue has this number")
        return issue

    def _create(self, draft: Draft) -> Created:
        allow(draft.title, draft.body)
        data: dict[str, Any] = {"title": draft.title, "labels": sorted({*draft.labels, MARK})}
        if draft.body is not None:
            data["body"] = draft.body
        if draft.assignee is not None:
            data["assignees"] = [draft.assignee]
        issue = self._posted(data)
        if not isinstance(issue, dict) or not is_issue(issue):
            raise Ambiguous(f"create {draft.marker.item}: the answer names no issue")
        try:
            self._login = self._login or creator(issue)
            ticket = self._ticket(issue)
        except TrackerError as error:
            raise Ambiguous(f"create {draft.marker.item}: the answer cannot be read: {error}") from None
        return Created(draft.marker, ticket.ref, ticket.url, ticket.created, ticket)

    def _posted(self, data: dict[str, Any]) -> Any:
        path = f"{self.root()}/issues"
        try:
            return self._write("POST", path, data)
        except NotFound as refusal:
            raise Denied(f"{refusal}: the repository cannot be seen, or its issues are switched off") from None
        except Rejected as refusal:
            if "assignees" not in data or not names_assignees(refusal):
                raise
            return self._write("POST", path, {key: value for key, value in data.items() if key != "assignees"})

    def _relabel(self, where: str, adds: Sequence[str], removes: Sequence[str]) -> bool:
        """Change labels one by one; `False` where the server did not find something and may not know how."""
        asks: list[tuple[str, str, Json | None]] = [("POST", f"{where}/labels", {"labels": adds})] if adds else []
        asks += [("DELETE", f"{where}/labels/{quote(name, safe='')}", None) for name in removes]
        found = True
        for verb, path, data in asks:
            try:
                self._write(verb, path, data)
            except (NotFound, Rejected) as refusal:
                if refusal.status not in ABSENT:
                    raise
                found = False
        return found

    def _fetch(self, ref: TicketRef) -> Ticket | Missing:
        number = _number(ref)
        if number is None:
            return Missing(ref, Gone.NOT_FOUND, "its number is not known and no list shows it")
        try:
            issue = self.session.get(f"{self.root()}/issues/{number}").data
        except NotFound as gone:
            return self._missing(ref, gone)
        moved = self.session.moved_to
        if not isinstance(issue, dict) or not is_issue(issue):
            return Missing(ref, Gone.NOT_FOUND, "the answer is no issue")
        if moved and self._elsewhere(issue):
            return Missing(ref, Gone.TRANSFERRED, str(issue.get("html_url") or moved))
        if identity(issue) != ref.id:
            return Missing(ref, Gone.NOT_FOUND, "another issue has this number")
        return self._ticket(issue)

    def _elsewhere(self, issue: Json) -> bool:
        self._moved, self._repository = True, None
        self.root()
        return repository_of(issue).lower() != str(self.repository().get("full_name")).lower()

    def _missing(self, ref: TicketRef, gone: NotFound) -> Missing:
        if gone.status == 410:
            return Missing(ref, Gone.DELETED, str(gone))
        if self.session.moved_to:
            return Missing(ref, Gone.TRANSFERRED, self.session.moved_to)
        self._repository = None
        try:
            self.repository()
        except (NotFound, Denied) as hidden:
            return Missing(ref, Gone.HIDDEN, str(hidden))
        return Missing(ref, Gone.NOT_FOUND, str(gone))


def _number(ref: TicketRef) -> str | None:
    found = re.search(r"#?(\d+)$", ref.key)
    return found[1] if found else None
