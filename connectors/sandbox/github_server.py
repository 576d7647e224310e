"""An embedded GitHub: the REST interface of issues, on loopback and in memory."""

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

from connectors.sandbox import github_admin, github_issue_routes, github_pulls, github_repository_routes
from connectors.sandbox.calls import Answer, Call, Handler, Routes, Sandbox, User
from connectors.sandbox.faults import Planned
from connectors.sandbox.github_app import INSTALLATION_ID, AppDoor
from connectors.sandbox.github_listing import IssueLists
from connectors.sandbox.github_model import Hook, Person, Repository
from connectors.sandbox.github_payloads import APP_SLUG, Payloads
from connectors.sandbox.github_rules import DOCUMENTATION, Refusal, not_found
from connectors.sandbox.github_state import GithubState
from connectors.sandbox.github_visit import Operation, Visit, moved
from connectors.sandbox.github_webhooks import deliveries

REPOSITORY = "acme/platform"
PREFIX = "/api/v3"
PEOPLE: Sequence[tuple[str, str, str]] = (
    ("counterfoil-bot", "Counterfoil", "write"),
    ("mia-krystof", "Mia Krystof", "admin"),
    ("alana-grant", "Alana Grant", "write"),
    ("emma-richards", "Emma Richards", "write"),
    ("passer-by", "Pat Passer", "read"),
)
"""Login, name and role; the first is the account that the synchronisation uses."""


class GithubSandbox(Sandbox):
    """One GitHub with the repository `acme/platform`, under `/` and, as an enterprise server, under `/api/v3`.

    `app_key` is the public key (PEM) of the GitHub App 1001, whose installation is 2002; without it any RS256
    signature is good. `content_limits` are how many issues and comments may be created in a minute and in an hour
    before the vendor's secondary limit answers. `quota` is what the rate limit's headers speak of; it never refuses.
    `webhook_url` is told of issues and comments, signed with `webhook_secret`.
    """

    kind: ClassVar[str] = "github"

    def __init__(
        self,
        *,
        app_key: bytes | None = None,
        content_limits: tuple[int, int] | None = None,
        quota: int = 1_000_000,
        webhook_url: str = "",
        webhook_secret: str = "",
    ) -> None:
        super().__init__()
        self.state = GithubState()
        self.quota = quota
        self._door = AppDoor(app_key)
        self._lists = IssueLists(self.state)
        self._content_limits = content_limits
        self._created: deque[datetime] = deque()
        self._spent: dict[tuple[str, datetime], int] = {}
        self._tokens: dict[str, Person] = {}
        self._routes = Routes()
        for login, name, role in PEOPLE:
            person = Person(login, self.state.new_id(), name, _address(name), f"token-{login}", role)
            self._tokens[person.token] = self.state.add_person(person)
        bot = Person(f"{APP_SLUG}[bot]", self.state.new_id(), APP_SLUG, "", "", kind="Bot")
        self._bot = self.state.add_person(bot)
        repository = self.state.add_repository(REPOSITORY)
        if webhook_url:
            told = ["issues", "issue_comment"]
            hook = Hook(self.state.new_id(), webhook_url, webhook_secret, told, self.state.stamp())
            repository.hooks[hook.id] = hook
        self._add_routes()

    @property
    def users(self) -> tuple[User, ...]:
        """Everybody with an account; an account's id is its login."""
        return tuple(
            User(one.login, one.login, one.name, one.email, one.token, writes=one.may("triage"))
            for one in self._tokens.values()
        )

    def answer(self, call: Call) -> Answer:
        """Do what the call asks for and say so as the vendor would."""
        self.state.at = call.at
        self.state.lag = timedelta(seconds=self.faults.search_lag)
        prefix = PREFIX if call.path.startswith(f"{PREFIX}/") else ""
        path = call.path[len(prefix) :]
        try:
            found = self._routes.match(call.method, path)
            if found is None:
                raise not_found() if not self._routes.methods(path) else Refusal(405, "Method Not Allowed")
            handler, params = found
            self._slow_down(call)
            answer = handler(replace(call, path=path, params=params | {"": prefix}))
        except Refusal as refusal:
            answer = Answer(refusal.status, refusal.content, refusal.headers)
        self.outbox.extend(deliveries(self._payloads(call, ""), self.state.outbox))
        self.state.outbox.clear()
        return self._finished(call, answer)

    def limited(self, fault: Planned, call: Call) -> Answer:
        """The secondary limit (403, or the fault's status), or the hourly one where its reason is `primary`."""
        seconds = int(fault.seconds or 60)
        if fault.reason == "primary":
            message = "API rate limit exceeded for user ID 1."
            end = str(int(call.at.timestamp()) + seconds)
            headers = {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "0", "x-ratelimit-reset": end}
        else:
            message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
            headers = {"retry-after": str(seconds)}
        refusal = Refusal(fault.status or 403, message)
        return Answer(refusal.status, refusal.content, headers)

    def failed(self, status: int) -> Answer:
        """The vendor's way to fail: a message, and for a time-out at the edge a page."""
        if status == 504:
            return super().failed(status)
        return Answer(status, {"message": "Server Error", "documentation_url": DOCUMENTATION, "status": str(status)})

    def _add_routes(self) -> None:
        local = (*github_issue_routes.TABLE, *github_pulls.TABLE, *github_repository_routes.TABLE)
        for method, path, operation in local:
            self._routes.add(method, f"/repos/{{owner}}/{{repo}}{path}", self._local(operation))
            self._routes.add(method, f"/repositories/{{id}}{path}", self._local(operation))
        for method, path, operation in github_repository_routes.GLOBAL:
            self._routes.add(method, path, self._global(operation))
        for method, path, operation in (*github_admin.TABLE, *github_repository_routes.HOOKS):
            self._routes.add(method, f"/_sandbox/repos/{{owner}}/{{repo}}{path}", self._local(operation))
        for method, path, operation in github_admin.GLOBAL:
            self._routes.add(method, path, self._global(operation))
        self._routes.add("GET", "/app", self._app)
        self._routes.add("POST", "/app/installations/{installation}/access_tokens", self._access_token)

    def _local(self, operation: Operation) -> Handler:
        def handle(call: Call) -> Answer:
            person = self._person(call)
            return operation(self._visit(call, person, self._repository(call, person)))

        return handle

    def _global(self, operation: Operation) -> Handler:
        return lambda call: operation(self._visit(call, self._person(call), None))

    def _visit(self, call: Call, person: Person, repository: Repository | None) -> Visit:
        show = self._payloads(call, call.params[""])
        here = show.api if repository is None else f"{show.api}/repositories/{repository.id}"
        used = self._spent.get(_window(call), 0)
        return Visit(call, person, self.state, self._lists, show, here, repository, self.outbox, self.quota, used)

    def _payloads(self, call: Call, prefix: str) -> Payloads:
        host = call.headers.get("host")
        origin = f"http://{host}" if host else self.url
        return Payloads(self.state, origin + prefix, origin)

    def _person(self, call: Call) -> Person:
        token = _token(call)
        if call.path.startswith("/_sandbox/") and not token:
            return self._tokens[f"token-{PEOPLE[1][0]}"]
        if not token:
            raise Refusal(401, "Requires authentication")
        if self._door.knows(token, call.at):
            return self._bot
        if token not in self._tokens:
            raise Refusal(401, "Bad credentials")
        return self._tokens[token]

    def _repository(self, call: Call, person: Person) -> Repository:
        params = call.params
        asked = "" if "id" in params else f"{params['owner']}/{params['repo']}"
        key = self.state.names.get(asked.lower(), 0) if asked else int(params["id"]) if params["id"].isdigit() else 0
        found = self.state.repositories.get(key)
        if found is None or not person.may("read"):
            raise not_found()
        if asked and asked.lower() != found.full_name.lower() and not call.path.startswith("/_sandbox/"):
            rest = "/".join(call.path.split("/")[4:])
            url = f"{self._payloads(call, params['']).api}/repositories/{found.id}" + (f"/{rest}" if rest else "")
            raise moved(f"{url}?{call.query}" if call.query else url, call.method)
        return found

    def _slow_down(self, call: Call) -> None:
        if self._content_limits is None or call.method != "POST" or not call.path.endswith(("/issues", "/comments")):
            return
        spans = (timedelta(minutes=1), timedelta(hours=1))
        while self._created and self._created[0] <= call.at - spans[1]:
            self._created.popleft()
        for span, limit in zip(spans, self._content_limits, strict=True):
            if sum(at > call.at - span for at in self._created) >= limit:
                message = (
                    "You have exceeded a secondary rate limit and have been temporarily blocked from content creation"
                )
                raise Refusal(403, f"{message}. Please retry your request again later.", headers={"retry-after": "60"})
        self._created.append(call.at)

    def _app(self, call: Call) -> Answer:
        self._door.verify(_token(call), call.at)
        return Answer(200, self._payloads(call, call.params[""]).app() | {"installations_count": 1})

    def _access_token(self, call: Call) -> Answer:
        self._door.verify(_token(call), call.at)
        if call.params["installation"] != str(INSTALLATION_ID):
            raise not_found()
        token, end = self._door.admit(self.state.new_id(), call.at)
        told = {"token": token, "expires_at": end.strftime("%Y-%m-%dT%H:%M:%SZ"), "repository_selection": "all"}
        return Answer(201, told | {"permissions": {"issues": "write", "metadata": "read"}})

    def _finished(self, call: Call, answer: Answer) -> Answer:
        window = _window(call)
        headers = {
            "x-github-media-type": "github.v3; format=json",
            "x-github-request-id": f"SAND:{len(self._spent)}:{self._spent.get(window, 0)}",
            "x-accepted-github-permissions": "issues=write" if call.method != "GET" else "issues=read",
            **answer.headers,
        }
        if call.method == "GET" and answer.status == 200 and answer.data is not None:
            answer, headers = _conditional(call, answer, headers)
        if answer.status != 304 and not call.path.endswith("/rate_limit"):
            self._spent[window] = self._spent.get(window, 0) + 1
        used = self._spent.get(window, 0)
        headers |= {
            "x-ratelimit-limit": str(self.quota),
            "x-ratelimit-remaining": str(max(0, self.quota - used)),
            "x-ratelimit-used": str(used),
            "x-ratelimit-reset": str(int((window[1] + timedelta(hours=1)).timestamp())),
            "x-ratelimit-resource": "core",
        }
        return Answer(answer.status, answer.data, headers)


def _conditional(call: Call, answer: Answer, headers: dict[str, str]) -> tuple[Answer, dict[str, str]]:
    # The vendor's tag depends on who asks, so that it is lost with every new token.
    body = answer.body
    seen = ":".join(call.headers.get(name, "") for name in ("accept", "authorization")).encode()
    tag = f'W/"{hashlib.sha256(seen + b":" + body).hexdigest()}"'
    headers = headers | {"etag": tag, "cache-control": "private, max-age=60, s-maxage=60"}
    if tag in call.headers.get("if-none-match", ""):
        return Answer(304), headers
    return Answer(200, body), headers


def _window(call: Call) -> tuple[str, datetime]:
    return _token(call), call.at.replace(minute=0, second=0, microsecond=0)


def _token(call: Call) -> str:
    return call.headers.get("authorization", "").partition(" ")[2].strip()


def _address(name: str) -> str:
    return f"{name.split(maxsplit=1)[0].lower()}@acme.example"
