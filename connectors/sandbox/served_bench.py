"""An embedded tracker put to the test over loopback, through the connector that people use."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from connectors.base import MARK, Tracker
from connectors.bench import Bench
from connectors.registry import open_tracker, settings_class
from connectors.sandbox.faults import Fault
from connectors.sandbox.github_engineer import GithubEngineer
from connectors.sandbox.github_server import PEOPLE, REPOSITORY, GithubSandbox
from connectors.sandbox.jira_engineer import JiraEngineer
from connectors.sandbox.jira_server import JiraCloudSandbox, JiraSandbox
from connectors.sandbox.memory_bench import Hand
from connectors.sandbox.server import SandboxServer
from connectors.settings import Secrets
from state.ticket import Artefact, Body, Draft, Marker, TicketRef

WEBHOOK_SECRET = "webhook-secret-of-the-bench"  # noqa: S105
BAD_TOKEN = "token-that-nobody-gave"  # noqa: S105
NOBODY = "http://127.0.0.1:9/hook"
"""Where no one listens, so that a delivery stays with the server."""


class ServedBench(Bench):
    """What all embedded trackers share: one server on loopback, whose time only tests move."""

    token: str
    creating: str

    def __init__(self, server: SandboxServer, clock: Hand) -> None:
        self.server, self._clock = server, clock
        self.tracker = self.connect(self.token)
        self._opened: list[Tracker] = [self.tracker]
        self.secrets = (self.token, BAD_TOKEN, WEBHOOK_SECRET)

    def connect(self, token: str) -> Tracker:
        """A tracker as configuration makes it."""
        values = self.configured()
        settings = settings_class(values["kind"]).model_validate(values)
        secrets = Secrets(token=SecretStr(token), webhook=SecretStr(WEBHOOK_SECRET))
        return open_tracker("served", settings, secrets, clock=self.server.now, sleep=self.advance)

    def configured(self) -> dict[str, Any]:
        """The tracker's table in the configuration."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back connections."""
        for tracker in self._opened:
            tracker.close()

    def now(self) -> Any:
        """The server's time."""
        return self.server.now()

    def advance(self, seconds: float) -> None:
        """Move the server's clock."""
        self.server.advance(seconds)

    def lag(self, seconds: float) -> None:
        """Let searches and lists trail behind."""
        self.server.faults.search_lag = seconds

    def lose_answer(self) -> None:
        """Cut the connection once the next create is done."""
        self.server.faults.next("POST", self.creating, Fault.LOSE_ANSWER)

    def limit_rate(self, seconds: int) -> None:
        """Answer the next create with the vendor's refusal."""
        self.server.faults.next("POST", self.creating, Fault.RATE_LIMITED, seconds=seconds)

    def stranger(self) -> Tracker:
        """The tracker with a token that nobody gave."""
        self._opened.append(self.connect(BAD_TOKEN))
        return self._opened[-1]

    def received(self) -> int:
        """How many requests came in."""
        return len(self.server.requests)

    def delivery(self, ref: TicketRef) -> tuple[Mapping[str, str], bytes]:
        """What the server sent about the ticket to where no one listened."""
        self.listen()
        self.person.edit_title(ref.key, "Told about")
        self.server.drain()
        told = self.server.undelivered[-1]
        return told.headers, told.body

    def listen(self) -> None:
        """Ask the server for webhook deliveries."""
        raise NotImplementedError


class GithubBench(ServedBench):
    """The embedded GitHub, whose issues keep no priority and no due date."""

    token = f"token-{PEOPLE[0][0]}"
    creating = "/issues$"
    account = PEOPLE[1][0]

    def __init__(self, server: SandboxServer, clock: Hand) -> None:
        super().__init__(server, clock)
        self.mia = self.person = GithubEngineer(server.url, f"token-{self.account}")

    def configured(self) -> dict[str, Any]:
        """The ten lines of configuration."""
        return {"kind": "github", "url": self.server.url, "repository": REPOSITORY}

    def close(self) -> None:
        """Give back connections."""
        self.mia.hang_up()
        super().close()

    def titles(self) -> list[str]:
        """All titles."""
        sandbox = self.server.sandbox
        assert isinstance(sandbox, GithubSandbox)  # noqa: S101
        return [issue.title for issue in sandbox.state.issues.values() if not issue.deleted]

    def body(self, marker: Marker, text: str) -> Body:
        """Markdown in a block."""
        return f"<!-- counterfoil:begin v=1 k={marker.key} item={marker.item} -->\n{text}\n<!-- counterfoil:end -->"

    def open(self, title: str, copied: Draft | None = None) -> TicketRef:
        """An issue by hand, with the same body and labels."""
        body, labels = (str(copied.body), (*copied.labels, MARK)) if copied else ("", ())
        key = self.mia.create(title, body, labels)
        return TicketRef("served", str(self.mia.issue(key)["id"]), key)

    def copy_comment(self, ref: TicketRef, key: str) -> None:
        """The same invisible ending, typed by hand."""
        self.mia.comment(ref.key, f"Seen.\n\n<!-- counterfoil:c k={key} -->")

    def whisper(self, ref: TicketRef, text: str) -> str:
        """A comment that was hidden."""
        said = self.mia.comment(ref.key, text)
        self.mia.minimize(ref.key, said)
        return said

    def attach(self, ref: TicketRef, name: str, data: bytes) -> None:
        """Nothing: GitHub keeps no files with an issue."""

    def link(self, ref: TicketRef) -> Artefact:
        """A merged pull request that somebody approved and that closes the issue."""
        key = self.mia.open_pull(ref.key, "Rotate it")
        with GithubEngineer(self.server.url, f"token-{PEOPLE[2][0]}") as reviewer:
            reviewer.review_pull(key)
        self.mia.merge_pull(key)
        commit = f"{self.mia.issue(key)['id']:040x}"
        url = f"{self.server.url}/{key.replace('#', '/pull/')}"
        return Artefact(url, "Rotate it", "", None, commit, self.account, (PEOPLE[2][0],), closes=True)

    def listen(self) -> None:
        """A hook on the repository."""
        config = {"url": NOBODY, "content_type": "json", "secret": WEBHOOK_SECRET}
        told = {"name": "web", "active": True, "events": ["issues"], "config": config}
        self.mia._send("POST", f"/repos/{REPOSITORY}/hooks", told)


class JiraBench(ServedBench):
    """The embedded Jira in either personality; on Cloud, texts are document trees."""

    creating = r"/issue(/bulk)?$"
    alike = ("In Progress", "In Review")
    project = "SEC"

    def __init__(self, server: SandboxServer, clock: Hand) -> None:
        sandbox = server.sandbox
        assert isinstance(sandbox, JiraSandbox)  # noqa: S101
        self.sandbox, self.cloud = sandbox, isinstance(sandbox, JiraCloudSandbox)
        self._sync, person = sandbox.users[:2]
        self.token, self.account = self._sync.token, person.id
        self.server = server
        super().__init__(server, clock)
        self.mia = self.person = JiraEngineer.of(server.url, person, cloud=self.cloud)

    def configured(self) -> dict[str, Any]:
        """The ten lines of configuration."""
        common = {"kind": "jira", "url": self.server.url, "project": self.project}
        cloud = {"deployment": "cloud", "email": self._sync.email}
        return common | (cloud if self.cloud else {"deployment": "datacenter"})

    def close(self) -> None:
        """Give back connections."""
        self.mia.leave()
        super().close()

    def titles(self) -> list[str]:
        """All titles."""
        return [issue.summary for issue in self.sandbox.issues.by_id.values()]

    def body(self, marker: Marker, text: str) -> Body:
        """A block between two lines of ours."""
        lines = [f"[counterfoil:begin {marker.item} k={marker.key}]", text, f"[counterfoil:end {marker.item}]"]
        return _document(lines) if self.cloud else "\n\n".join(lines)

    def open(self, title: str, copied: Draft | None = None) -> TicketRef:
        """An issue by hand, with the same text and labels but without properties."""
        labels: Sequence[str] = ()
        if copied is not None:
            labels = (*copied.labels, MARK, f"cf-{copied.marker.key}")
        key = self.mia.create(self.project, title, body=copied.body if copied else None, labels=tuple(labels))
        return TicketRef(
            "served", str(next(one.id for one in self.sandbox.issues.by_id.values() if one.key == key)), key
        )

    def copy_comment(self, ref: TicketRef, key: str) -> None:
        """The same words; a property cannot be copied in the browser."""
        self.mia.comment(ref.key, f"Seen. counterfoil.comment {key}")

    def whisper(self, ref: TicketRef, text: str) -> str:
        """A comment for the administrators alone."""
        return self.mia.whisper(ref.key, text)

    def attach(self, ref: TicketRef, name: str, data: bytes) -> None:
        """A file."""
        self.mia.attach(ref.key, name, data)

    def link(self, ref: TicketRef) -> Artefact:
        """A page elsewhere."""
        page = Artefact("https://wiki.example/rotation", "How it was rotated")
        self.mia.link(ref.key, page.url, page.name)
        return page

    def listen(self) -> None:
        """A hook of the site's administrator."""
        told = {"name": "bench", "url": NOBODY, "secret": WEBHOOK_SECRET}
        self.server.admin("POST", "/_sandbox/webhooks", told)


def _document(lines: Sequence[str]) -> Mapping[str, Any]:
    content = [{"type": "paragraph", "content": [{"type": "text", "text": line}]} for line in lines]
    return {"type": "doc", "version": 1, "content": content}


def bench_of(server: SandboxServer, clock: Hand) -> ServedBench:
    """The bench for whatever the server serves."""
    return GithubBench(server, clock) if isinstance(server.sandbox, GithubSandbox) else JiraBench(server, clock)
