"""The embedded GitHub tells webhooks what happened, signed as the vendor signs."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import parse_qs

import pytest

from connectors.sandbox.calls import Answer, Call, Sandbox, User
from connectors.sandbox.github_engineer import GithubEngineer
from connectors.sandbox.github_server import GithubSandbox
from connectors.sandbox.server import SandboxServer


class Receiver(Sandbox):
    """Keeps what it is sent."""

    kind: ClassVar[str] = "receiver"

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    @property
    def users(self) -> tuple[User, ...]:
        return ()

    def answer(self, call: Call) -> Answer:
        self.calls.append(call)
        return Answer(202)


@pytest.fixture
def receiver() -> Iterator[SandboxServer]:
    with SandboxServer(Receiver()) as running:
        yield running


@pytest.fixture
def server(receiver: SandboxServer) -> Iterator[SandboxServer]:
    sandbox = GithubSandbox(webhook_url=f"{receiver.url}/hook", webhook_secret="s3cret")
    with SandboxServer(sandbox) as running:
        yield running


@pytest.fixture
def alana(server: SandboxServer) -> Iterator[GithubEngineer]:
    with GithubEngineer(server.url, "token-alana-grant") as made:
        yield made


def received(server: SandboxServer, receiver: SandboxServer) -> list[Call]:
    server.drain()
    assert isinstance(receiver.sandbox, Receiver)
    return receiver.sandbox.calls


def told(server: SandboxServer, receiver: SandboxServer) -> list[Any]:
    return [(one.headers["x-github-event"], json.loads(one.body)) for one in received(server, receiver)]


def test_a_delivery_is_signed_over_its_raw_body(
    server: SandboxServer, receiver: SandboxServer, alana: GithubEngineer
) -> None:
    alana.create("Wörds")
    (call,) = received(server, receiver)
    digest = hmac.new(b"s3cret", call.body, hashlib.sha256).hexdigest()
    assert call.headers["x-hub-signature-256"] == f"sha256={digest}"
    assert call.headers["x-github-event"] == "issues"
    assert call.headers["x-github-delivery"]


def test_each_change_is_told_with_its_action_and_its_author(
    server: SandboxServer, receiver: SandboxServer, alana: GithubEngineer
) -> None:
    key = alana.create("Rotate keys")
    alana.edit_title(key, "Rotate all keys")
    alana.add_label(key, "in progress")
    alana.assign(key, "emma-richards")
    alana.comment(key, "hello")
    alana.close(key)
    alana.reopen(key)
    alana.delete(key)
    heard = told(server, receiver)
    assert [(event, body["action"]) for event, body in heard] == [
        ("issues", "opened"),
        ("issues", "edited"),
        ("issues", "labeled"),
        ("issues", "assigned"),
        ("issue_comment", "created"),
        ("issues", "closed"),
        ("issues", "reopened"),
        ("issues", "unlabeled"),
        ("issues", "deleted"),
    ]
    assert {body["sender"]["login"] for _, body in heard[:-1]} == {"alana-grant"}
    assert heard[1][1]["changes"] == {"title": {"from": "Rotate keys"}}
    assert heard[2][1]["label"]["name"] == "in progress"
    assert heard[3][1]["assignee"]["login"] == "emma-richards"
    assert heard[4][1]["comment"]["body"] == "hello"
    assert {body["repository"]["full_name"] for _, body in heard} == {"acme/platform"}


def test_a_form_carries_the_payload_in_a_field(receiver: SandboxServer) -> None:
    with SandboxServer(GithubSandbox()) as server, GithubEngineer(server.url, "token-mia-krystof") as mia:
        hook = {"config": {"url": f"{receiver.url}/hook", "content_type": "form"}}
        server.admin("POST", "/_sandbox/repos/acme/platform/hooks", hook)
        mia.create("not asked for: a hook hears pushes unless it says otherwise")
        (ping,) = received(server, receiver)
    assert ping.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "x-hub-signature-256" not in ping.headers
    payload = json.loads(parse_qs(ping.body.decode())["payload"][0])
    assert payload["hook"]["config"]["url"].endswith("/hook")


def test_a_receiver_that_is_away_breaks_nothing() -> None:
    sandbox = GithubSandbox(webhook_url="http://127.0.0.1:9/hook")
    with SandboxServer(sandbox) as server, GithubEngineer(server.url, "token-alana-grant") as alana:
        alana.create("x")
        server.drain()
        assert len(server.undelivered) == 1
        assert alana.title("1") == "x"
