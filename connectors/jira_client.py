"""Jira's REST interface through its SDK's session, over our wire, as plain JSON."""

import base64
import json
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import httpx
from jira import JIRA
from pydantic import SecretStr

from connectors.errors import Ambiguous, Denied, NotFound, TrackerError
from connectors.jira_settings import JiraSettings
from connectors.settings import Secrets
from connectors.wire import BYTES, Exchange, Wire

READS = ("/search/jql", "/search", "/issue/bulkfetch")
UNASKED_WAIT = timedelta(seconds=1)
"""What is waited first where Jira limits the rate and names no time: its bursts are refilled every second."""
_ABSENT = frozenset({404, 405, 410, 501})

Json = dict[str, Any]


class JiraClient:
    """Plain JSON calls under `/rest/api/2` or `/rest/api/3`; every failure is one of `connectors.errors`.

    Calls may be made from several threads at once. `absent` collects the optional endpoints that this server turned
    out not to have. `user` is the name by which Data Center's last answer called us, if it did.
    """

    def __init__(
        self,
        settings: JiraSettings,
        secrets: Secrets,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        transport: httpx.BaseTransport | None,
        observer: Callable[[Exchange], None] | None,
    ) -> None:
        self._settings, self._token = settings, secrets.token
        self._sdk: JIRA | None = None
        self._opening = threading.Lock()
        self.absent: set[str] = set()
        self.user: str | None = None
        self.wire = Wire(
            settings.url,
            clock=clock,
            sleep=sleep,
            timeout_seconds=settings.timeout_seconds,
            ca_bundle=settings.ca_bundle,
            secrets=_hidden(settings, secrets),
            transport=transport,
            observer=observer,
            reads=READS,
            conflict_is_stale=True,
            unasked_wait=UNASKED_WAIT,
        )

    def get(self, path: str, **params: str | int) -> Any:
        """The JSON at `path`, relative to the REST root."""
        return self._call("GET", path, params=params)

    def post(self, path: str, payload: Mapping[str, Any]) -> Any:
        """The JSON answered to a POST; an empty answer is an empty object."""
        return self._call("POST", path, payload=payload)

    def put(self, path: str, payload: Mapping[str, Any], **params: str | int) -> Any:
        """The JSON answered to a PUT; an empty answer is an empty object."""
        return self._call("PUT", path, params=params, payload=payload)

    def content(self, path: str, **params: str) -> bytes:
        """The bytes at `path`, or at an address of the site; raises `NotFound` for an address elsewhere."""
        sdk = self._open()
        url = path if "://" in path else sdk._get_url(path)
        if not self._is_here(url):
            raise NotFound(f"{url[:100]} is not an address of the site")
        return bytes(sdk._session.request("GET", url, params=params or None, headers={"Accept": BYTES}).content)

    def _is_here(self, url: str) -> bool:
        base = self.wire.base_url
        try:
            asked = httpx.URL(url)
        except httpx.InvalidURL:
            return False
        return (asked.scheme, asked.host, asked.port) == (base.scheme, base.host, base.port)

    def lacks(self, endpoint: str, error: TrackerError) -> bool:
        """Whether `error` says that the server has no such endpoint, which is then remembered."""
        if error.status in _ABSENT:
            self.absent.add(endpoint)
        return error.status in _ABSENT

    def close(self) -> None:
        """Give back connections."""
        if self._sdk is not None:
            self._sdk._session.close()
            self._sdk = None
        self.wire.close()

    def _call(self, method: str, path: str, *, params: Mapping[str, Any] | None = None, payload: object = None) -> Any:
        sdk = self._open()
        data = None if payload is None else json.dumps(payload)
        answer = sdk._session.request(method, sdk._get_url(path), params=params or None, data=data)
        self.user = unquote(answer.headers.get("X-AUSERNAME", "")) or None
        return answer.json() if answer.content else {}

    def _open(self) -> JIRA:
        with self._opening:
            if self._sdk is None:
                self._sdk = self._connect()
            return self._sdk

    def _connect(self) -> JIRA:
        if self._token is None:
            raise Denied(f"no token for {self._settings.url}: set token_env or token_file")
        token, email = self._token.get_secret_value(), self._settings.email
        sdk = JIRA(
            self._settings.url.rstrip("/"),
            options={"rest_api_version": "3" if self._settings.on_cloud else "2"},
            basic_auth=(email, token) if email else None,
            token_auth=None if email else token,
            get_server_info=False,
            max_retries=0,
            timeout=self._settings.timeout_seconds,
            logging=False,
        )
        sdk.deploymentType = "Cloud" if self._settings.on_cloud else "Server"
        sdk._session.trust_env = False
        for scheme in ("http://", "https://"):
            sdk._session.mount(scheme, self.wire.adapter)
        return sdk


def unreadable(what: str) -> Ambiguous:
    """The error for a write whose answer lacks what it must say."""
    return Ambiguous(f"{what}: the answer does not say what happened")


def _hidden(settings: JiraSettings, secrets: Secrets) -> list[SecretStr]:
    given = [secret for secret in (secrets.token, secrets.webhook, secrets.private_key) if secret is not None]
    if settings.email and secrets.token:
        pair = f"{settings.email}:{secrets.token.get_secret_value()}"
        given.append(SecretStr(base64.b64encode(pair.encode()).decode()))
    return given
