"""GitHub's SDK over our wire: one requester, whose answers keep their status and their links."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from github import Auth, Github
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester
from jwt.exceptions import PyJWTError
from pydantic import SecretStr
from requests.adapters import BaseAdapter

from connectors.errors import Ambiguous, Denied, TrackerError, Unavailable
from connectors.settings import Secrets
from connectors.wire import Exchange, Wire

API_VERSION = "2022-11-28"
ACCEPT = "application/vnd.github+json, application/json;q=0.9"
PER_PAGE = 100

_NEXT = re.compile(r'<([^<>]*)>\s*;[^,<]*\brel="?next\b')
_MOVED = frozenset({301, 302, 307, 308})
_injecting = threading.Lock()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `data` is the JSON, `None` where there was none.

    `next` is where the next page is, or empty; `linked` says whether the answer speaks of other pages at all.
    """

    status: int
    data: Any
    etag: str = ""
    next: str = ""
    linked: bool = False


@dataclass(frozen=True, slots=True)
class App:
    """A GitHub App's installation."""

    app_id: int
    installation_id: int


class GithubSession:
    """Sends one request at a time; raises `connectors.errors` and no other. Not for two threads at once.

    `moved_to` is where the last read was redirected, or empty: the repository was renamed or the issue transferred.
    `wanted` names the permissions that GitHub asked for when it last refused something.
    """

    def __init__(
        self,
        url: str,
        secrets: Secrets,
        app: App | None,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        timeout_seconds: float,
        ca_bundle: str | None,
        transport: httpx.BaseTransport | None,
        observer: Callable[[Exchange], None] | None,
    ) -> None:
        self.moved_to, self.wanted = "", ""
        self._observer = observer
        self._secrets, self._app = secrets, app
        self._url, self._timeout = url.rstrip("/"), timeout_seconds
        self._prefix = urlsplit(self._url).path
        self._requester: Requester | None = None
        self._app_requester: Requester | None = None
        self.wire = Wire(
            self._url,
            clock=clock,
            sleep=sleep,
            timeout_seconds=timeout_seconds,
            ca_bundle=ca_bundle,
            secrets=[secret for secret in (secrets.token, secrets.private_key, secrets.webhook) if secret],
            transport=transport,
            observer=self._observe,
            reads=("/access_tokens",),
        )

    def get(self, path: str, etag: str = "", **query: Any) -> Answer:
        """Read `path`; with `etag`, the answer may be a 304 without data."""
        headers = {"If-None-Match": etag} if etag else {}
        return self._ask(self._connected(), "GET", path, query=query, headers=headers)

    def write(self, verb: str, path: str, data: Mapping[str, Any] | None = None) -> Answer:
        """Send a write exactly once."""
        return self._ask(self._connected(), verb, path, data=data)

    def answers(self, path: str, etag: str = "", **query: Any) -> Iterator[Answer]:
        """Every page of a list, following the links as they are given.

        A server that links nothing although a page is full is asked for pages by number, until one says nothing new.
        """
        asked = {"per_page": PER_PAGE, **query}
        answer = self.get(path, etag, **asked)
        yield answer
        number, linked = 1, answer.linked
        while answer.next or (not linked and len(elements(answer.data)) >= PER_PAGE):
            before, number = answer.data, number + 1
            answer = self.get(answer.next) if answer.next else self.get(path, page=number, **asked)
            if answer.data == before:
                return
            yield answer

    def pages(self, path: str, **query: Any) -> Iterator[list[Any]]:
        """The elements of every page of a list."""
        return (elements(answer.data) for answer in self.answers(path, **query))

    def app(self) -> Answer:
        """What GitHub knows of the App itself, asked with its own key; raises `Denied` without an App."""
        self._connected()
        if self._app_requester is None:
            raise Denied("no GitHub App is configured")
        return self._ask(self._app_requester, "GET", "/app")

    def close(self) -> None:
        """Give back connections."""
        self.wire.close()

    def _ask(
        self,
        requester: Requester,
        verb: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        self.moved_to = ""
        sent = {"Accept": ACCEPT, **(headers or {})}
        try:
            status, told, text = requester.requestJson(verb, path, dict(query or {}), sent, data)
            body = json.loads(text) if text.strip() else None
        except ValueError:
            lost = Unavailable if verb == "GET" else Ambiguous
            raise lost(f"{verb} {path}: the answer cannot be read") from None
        link = str(told.get("link", ""))
        return Answer(status, body, str(told.get("etag", "")), self._next(link), bool(link))

    def _next(self, link: str) -> str:
        """The next page's path below our own base: credentials go nowhere else, whatever a link says."""
        found = _NEXT.search(link)
        if found is None:
            return ""
        parts = urlsplit(found[1])
        path = parts.path.removeprefix(self._prefix)
        return f"{path}?{parts.query}" if parts.query else path

    def _observe(self, exchange: Exchange) -> None:
        if exchange.status in _MOVED and exchange.response is not None:
            self.moved_to = exchange.response.headers.get("location", "")
        if exchange.status == 403 and exchange.response is not None:
            self.wanted = exchange.response.headers.get("x-accepted-github-permissions", "")
        if self._observer is not None:
            self._observer(exchange)

    def _connected(self) -> Requester:
        if self._requester is None:
            with _injecting:
                Requester.injectConnectionClasses(*_connections(self.wire.adapter))
                try:
                    self._requester = self._connect()
                finally:
                    Requester.resetConnectionClasses()
        return self._requester

    def _connect(self) -> Requester:
        if self._app is None:
            token = _plain(self._secrets.token)
            if not token:
                raise Denied("no token: set token_env or token_file, or a GitHub App's three keys")
            return self._github(Auth.Token(token))
        key = _plain(self._secrets.private_key)
        if not key:
            raise Denied("no private key: set private_key_file")
        auth = Auth.AppAuth(self._app.app_id, key)
        try:
            auth.create_jwt()
        except (ValueError, TypeError, PyJWTError):
            raise Denied("private_key_file: not the RSA private key of a GitHub App") from None
        self._app_requester = self._github(auth)
        return self._github(auth.get_installation_auth(self._app.installation_id))

    def _github(self, auth: Auth.Auth) -> Requester:
        return Github(
            auth=auth,
            base_url=self._url,
            timeout=int(self._timeout) or 1,
            per_page=PER_PAGE,
            user_agent="counterfoil",
            retry=None,
            api_version=API_VERSION,
            seconds_between_requests=None,
            seconds_between_writes=None,
        ).requester


def _connections(
    adapter: BaseAdapter,
) -> tuple[type[HTTPRequestsConnectionClass], type[HTTPSRequestsConnectionClass]]:
    """The SDK's connection classes, speaking through `adapter`; a requester keeps those it was made with."""

    class Plain(HTTPRequestsConnectionClass):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.session.trust_env = False
            self.session.mount("http://", adapter)

    class Encrypted(HTTPSRequestsConnectionClass):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.session.trust_env = False
            self.session.mount("https://", adapter)

    return Plain, Encrypted


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value().strip() if secret else ""


def elements(data: Any) -> list[Any]:
    """The JSON objects of a list; nothing where it is no list."""
    return [one for one in data if isinstance(one, dict)] if isinstance(data, Sequence) else []


def names_assignees(refusal: TrackerError) -> bool:
    """Whether GitHub refused because of whom the issue would be assigned to."""
    answer = refusal.answer
    errors = elements(answer.get("errors")) if isinstance(answer, dict) else []
    return any("assignee" in str(error.get("field")) for error in errors) or "assignee" in str(refusal).lower()
