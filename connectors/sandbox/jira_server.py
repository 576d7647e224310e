"""An embedded Jira in two personalities, Cloud and Data Center, that speak the vendor's REST API."""

import base64
import binascii
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import ClassVar
from urllib.parse import quote
from uuid import UUID

from connectors.sandbox import jira_arrange, jira_changes, jira_search, jira_setup, jira_talk
from connectors.sandbox.calls import Answer, Call, Delivery, Routes, Sandbox, User
from connectors.sandbox.faults import Planned
from connectors.sandbox.jira_hooks import Hook, payload, signature
from connectors.sandbox.jira_issues import Issues
from connectors.sandbox.jira_payloads import Show
from connectors.sandbox.jira_rules import Fields, Refused
from connectors.sandbox.jira_site import Site
from connectors.sandbox.jira_visit import Event, Handler, Route, Visit

_READING_POSTS = re.compile(r"/(search(/jql|/approximate-count)?|issue/bulkfetch|changelog/bulkfetch)$")
_SCOPED = re.compile(r"^/ex/jira/[^/]+(?=/)")


class JiraSandbox(Sandbox):
    """What both personalities share."""

    cloud: ClassVar[bool]
    versions: ClassVar[tuple[str, ...]]
    own_routes: ClassVar[tuple[Route, ...]]

    def __init__(self, site: Site | None = None) -> None:
        super().__init__()
        self.site = site or Site()
        self.issues = Issues()
        self.hooks: dict[int, Hook] = {}
        self._told = 0
        self._routes = Routes()
        common = (*jira_changes.ROUTES, *jira_talk.ROUTES, *jira_search.ROUTES, *jira_setup.ROUTES)
        # The fixed paths come first, or `/issue/bulkfetch` would be an issue called "bulkfetch".
        every = sorted((*common, *self.own_routes), key=lambda route: route[1].count("{"))
        for version in self.versions:
            self._add(every, f"/rest/api/{version}", version)
        for method, path, arrange in jira_arrange.ROUTES:
            self._routes.add(method, path, partial(arrange, self))

    @property
    def users(self) -> tuple[User, ...]:
        """Everybody who has an account; the first is the one that the synchronisation uses."""
        return self.site.people

    def writes(self, call: Call) -> bool:
        """Whether the call may change anything, so that it must be recorded."""
        return super().writes(call) and _READING_POSTS.search(call.path) is None

    def answer(self, call: Call) -> Answer:
        """Do what the call asks for and say so as Jira would."""
        path = _SCOPED.sub("", call.path)
        found = self._routes.match(call.method, path)
        if found is None:
            known = self._routes.methods(path)
            if known:
                return Answer(405, None, {"Allow": ", ".join(known)})
            return Answer(404, {"message": f"null for uri: {self.url}{path}", "status-code": 404})
        handler, params = found
        try:
            return handler(replace(call, params=params))
        except Refused as refused:
            return Answer(refused.status, refused.collection())

    def limited(self, fault: Planned, call: Call) -> Answer:
        """429 with the headers of `fault.reason`; `bare` is without any."""
        refused = Answer(429, {"errorMessages": ["Rate limit exceeded. Try again later."], "errors": {}})
        reason = fault.reason or "jira-burst-based"
        if reason == "bare":
            return refused
        wait = {"Retry-After": str(int(fault.seconds)), "X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "0"}
        if not self.cloud:
            return replace(refused, headers={**wait, "X-RateLimit-FillRate": "1", "X-RateLimit-Interval-Seconds": "1"})
        reset = call.at.timestamp() + fault.seconds
        at = f"{call.at.fromtimestamp(reset, call.at.tzinfo):%Y-%m-%dT%H:%MZ}"
        return replace(refused, headers={**wait, "X-RateLimit-Reset": at, "RateLimit-Reason": reason})

    def failed(self, status: int) -> Answer:
        """Refusals are collections of errors; failures are whatever stands in front of Jira."""
        if status >= 500:
            return super().failed(status)
        return Answer(status, {"errorMessages": ["The request could not be processed."], "errors": {}})

    def tell(self, event: Event) -> None:
        """Tell everybody who listens."""
        if not self.hooks:
            return
        show = Show(self.site, self.url, "2", cloud=self.cloud, trees=False)
        body = json.dumps(payload(event, show)).encode()
        for hook in self.hooks.values():
            self._told += 1
            headers = {
                "content-type": "application/json; charset=utf-8",
                "user-agent": "Atlassian Webhook HTTP Client",
                "x-atlassian-webhook-identifier": str(UUID(int=self._told)),
                "x-atlassian-webhook-flow": "Primary",
            }
            if hook.secret:
                headers["x-hub-signature"] = signature(hook.secret, body)
            self.outbox.append(Delivery(hook.url, headers, body))

    def _add(self, routes: Iterable[Route], prefix: str, version: str) -> None:
        for method, path, handler in routes:
            self._routes.add(method, prefix + path, partial(self._visited, version, handler))

    def _visited(self, version: str, handler: Handler, call: Call) -> Answer:
        user = self.who(call)
        if user is None:
            if handler is not jira_setup.server_info:
                return self._stranger()
            user = self.site.people[0]
        trees = version == "3"
        show = Show(self.site, self.url, version, cloud=self.cloud, trees=trees)
        fields = Fields(self.site, cloud=self.cloud, trees=trees)
        lag = self.faults.search_lag
        return handler(Visit(call, user, self.site, self.issues, show, fields, self.cloud, lag, self.tell))

    def who(self, call: Call) -> User | None:
        """Whose credentials came with the call, if anybody's."""
        raise NotImplementedError

    def _stranger(self) -> Answer:
        message = "Client must be authenticated to access this resource."
        return Answer(401, {"message": message, "status-code": 401}, {"WWW-Authenticate": 'OAuth realm="Jira"'})


class JiraCloudSandbox(JiraSandbox):
    """Jira Cloud: REST v3 with document trees, v2 with text; e-mail address and API token."""

    kind = "jira-cloud"
    cloud = True
    versions = ("3", "2", "latest")
    own_routes = jira_search.CLOUD

    def who(self, call: Call) -> User | None:
        """Whose e-mail address and API token came with the call, if anybody's."""
        given = _basic(call)
        return next((one for one in self.users if given == (one.email, one.token)), None)


class JiraDatacenterSandbox(JiraSandbox):
    """Jira Data Center: REST v2 with text; personal access tokens."""

    kind = "jira-datacenter"
    cloud = False
    versions = ("2", "latest")
    own_routes = jira_search.DATACENTER

    @property
    def users(self) -> tuple[User, ...]:
        """Everybody who has an account; they are known by name here."""
        return tuple(replace(one, id=one.name) for one in self.site.people)

    def answer(self, call: Call) -> Answer:
        """Do what the call asks for, and name its user in a header as Data Center does."""
        user, said = self.who(call), super().answer(call)
        name = quote(user.name) if user else "anonymous"
        return replace(said, headers={**said.headers, "X-AUSERNAME": name})

    def who(self, call: Call) -> User | None:
        """Whose personal access token came with the call, if anybody's."""
        kind, _, token = call.headers.get("authorization", "").partition(" ")
        given = _basic(call)
        for one in self.site.people:
            if (kind.lower() == "bearer" and token == one.token) or given == (one.name, one.token):
                return one
        return None


def _basic(call: Call) -> tuple[str, str] | None:
    kind, _, coded = call.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(coded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, secret
