"""Everything that the embedded GitHub answers is what the vendor's description allows."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from connectors.sandbox.github_engineer import GithubEngineer
from connectors.sandbox.github_server import GithubSandbox
from connectors.sandbox.server import SandboxServer
from tests.sandbox.spec import Spec, github_spec

REPOSITORY = "/repos/acme/platform"
ISSUES = f"{REPOSITORY}/issues"


class Judged:
    """A running sandbox, a judge of its traffic and three people at work."""

    def __init__(self, server: SandboxServer, spec: Spec, complaints: list[str]) -> None:
        self.server = server
        self.spec = spec
        self.complaints = complaints
        self.mia = GithubEngineer(server.url, "token-mia-krystof")
        self.alana = GithubEngineer(server.url, "token-alana-grant")
        headers = {"authorization": "Bearer token-counterfoil-bot"}
        self.bot = httpx.Client(base_url=server.url, headers=headers)

    def asked(self, *requests: tuple[str, str, object]) -> list[int]:
        return [self.bot.request(method, path, json=told).status_code for method, path, told in requests]


@pytest.fixture(scope="session")
def spec(shared: Path) -> Spec:
    return github_spec(shared)


@pytest.fixture
def judged(spec: Spec) -> Iterator[Judged]:
    sandbox = GithubSandbox()
    complaints = spec.watch(sandbox)
    with SandboxServer(sandbox) as server:
        people = Judged(server, spec, complaints)
        yield people
        people.mia.hang_up()
        people.alana.hang_up()
        people.bot.close()


def test_the_life_of_an_issue(judged: Judged) -> None:
    alana, key = judged.alana, judged.alana.create("Rotate keys", "text", ("counterfoil", "a b"))
    alana.start(key)
    alana.edit_title(key, "Rotate all keys")
    alana.set_body(key, None)
    alana.assign(key, "emma-richards")
    alana.comment(key, "hello")
    judged.mia.merge_pull(alana.open_pull(key))
    alana.reopen(key)
    alana.wont_do(key, "no")
    alana.lock(key)
    told = {"assignees": ["alana-grant", "nobody-at-all"]}
    assert judged.asked(
        ("POST", f"{ISSUES}/1/assignees", told),
        ("DELETE", f"{ISSUES}/1/assignees", told),
        ("PUT", f"{ISSUES}/1/labels", {"labels": ["x", "y"]}),
        ("DELETE", f"{ISSUES}/1/labels/x", None),
        ("DELETE", f"{ISSUES}/1/labels", None),
        ("DELETE", f"{ISSUES}/1/lock", None),
    ) == [201, 200, 200, 200, 204, 204]
    assert judged.complaints == []


def test_every_way_to_read(judged: Judged) -> None:
    key = judged.alana.create("x", labels=("a",))
    comment = judged.alana.comment(key, "hello")
    judged.alana.open_pull(key)
    judged.alana.close(key)
    paths = [
        *(f"{ISSUES}{below}" for below in ("", "?state=all&labels=a,b&since=2026-01-01T00:00:00Z&per_page=1", "/1")),
        *(f"{ISSUES}/1/{below}" for below in ("comments", "labels", "events", "timeline")),
        *(f"{ISSUES}/{below}" for below in ("comments", f"comments/{comment}", "events", "2")),
        *(f"{REPOSITORY}{below}" for below in ("", "/labels", "/labels/a", "/assignees")),
        f"{REPOSITORY}/collaborators/alana-grant/permission",
        *("/user", "/users/alana-grant", "/rate_limit", "/meta", f"/api/v3{ISSUES}/1"),
    ]
    assert {judged.bot.get(path).status_code for path in paths} == {200}
    assert judged.asked(
        ("GET", f"{REPOSITORY}/assignees/alana-grant", None), ("GET", f"{ISSUES}/1/assignees/alana-grant", None)
    ) == [204, 204]
    assert judged.complaints == []


def test_every_way_to_be_refused(judged: Judged) -> None:
    judged.alana.create("x")
    judged.alana.delete(judged.alana.create("y"))
    judged.alana.transfer(judged.alana.create("z"), "acme/other")
    assert judged.asked(
        ("POST", ISSUES, {}),
        ("POST", ISSUES, {"title": "x" * 257}),
        ("POST", ISSUES, {"title": "x", "assignees": ["nobody-at-all"]}),
        ("PATCH", f"{ISSUES}/1", {"state": "done"}),
        ("POST", f"{ISSUES}/1/comments", {"body": ""}),
        ("GET", f"{ISSUES}?sort=name", None),
        ("POST", f"{REPOSITORY}/labels", {"name": ""}),
        ("GET", f"{ISSUES}/99", None),
        ("GET", f"{ISSUES}/2", None),
        ("PATCH", f"{ISSUES}/2", {"title": "y"}),
        ("GET", f"{ISSUES}/3", None),
        ("PATCH", f"{ISSUES}/3", {"title": "z"}),
        ("GET", f"{REPOSITORY}/hooks", None),
        ("DELETE", f"{ISSUES}/1/labels/none", None),
    ) == [422, 422, 422, 422, 422, 422, 422, 404, 410, 410, 301, 301, 403, 404]
    assert judged.bot.get("/user", headers={"authorization": "Bearer wrong"}).status_code == 401
    judged.mia.rename_repository("core")
    assert judged.asked(("GET", REPOSITORY, None), ("GET", ISSUES, None), ("POST", ISSUES, {"title": "x"})) == [
        301,
        301,
        307,
    ]
    assert judged.complaints == []


def test_comments_labels_hooks_and_the_repository_itself(judged: Judged) -> None:
    comment = judged.alana.comment(judged.alana.create("x"), "hello")
    assert judged.asked(
        ("PATCH", f"{ISSUES}/comments/{comment}", {"body": "bye"}),
        ("DELETE", f"{ISSUES}/comments/{comment}", None),
        ("POST", f"{REPOSITORY}/labels", {"name": "a", "color": "ff0000"}),
        ("PATCH", f"{REPOSITORY}/labels/a", {"new_name": "b"}),
        ("DELETE", f"{REPOSITORY}/labels/b", None),
    ) == [200, 204, 201, 200, 204]
    config = {"url": "http://127.0.0.1:9/hook", "secret": "s", "content_type": "json"}
    hooks = f"{REPOSITORY}/hooks"
    headers = {"authorization": "Bearer token-mia-krystof"}
    made = judged.bot.post(hooks, json={"config": config, "events": ["issues"]}, headers=headers)
    hook = f"{hooks}/{made.json()['id']}"
    answers = [
        judged.bot.get(hooks, headers=headers),
        judged.bot.get(hook, headers=headers),
        judged.bot.get(f"{hook}/deliveries", headers=headers),
        judged.bot.patch(hook, json={"active": False}, headers=headers),
        judged.bot.delete(hook, headers=headers),
        judged.bot.patch(REPOSITORY, json={"archived": True}, headers=headers),
    ]
    assert [one.status_code for one in answers] == [200, 200, 200, 200, 204, 200]
    assert judged.complaints == []


def test_an_apps_way_in(judged: Judged) -> None:
    now = int(judged.server.now().timestamp())
    parts = ({"alg": "RS256"}, {"iat": now, "exp": now + 60, "iss": 1001})
    token = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts) + ".any"
    headers = {"authorization": f"Bearer {token}"}
    bought = judged.bot.post("/app/installations/2002/access_tokens", headers=headers).json()["token"]
    made = judged.bot.post(ISSUES, json={"title": "x"}, headers={"authorization": f"Bearer {bought}"})
    assert made.json()["performed_via_github_app"]["slug"] == "counterfoil"
    assert judged.bot.patch(f"{ISSUES}/1", json={"state": "closed"}).status_code == 200
    assert judged.bot.get(f"{ISSUES}/1/timeline").status_code == 200
    assert judged.complaints == []


def test_an_unchanged_answer(judged: Judged) -> None:
    tag = judged.bot.get(f"{ISSUES}/1").headers.get("etag", "")
    assert tag == "", "a refusal has none"
    tag = judged.bot.get(ISSUES).headers["etag"]
    assert judged.bot.get(ISSUES, headers={"if-none-match": tag}).status_code == 304
    assert judged.complaints == []


def test_the_judge_is_not_blind(judged: Judged) -> None:
    judged.server.sandbox.state.people["alana-grant"].name = None  # type: ignore[attr-defined]
    judged.server.sandbox.state.people["alana-grant"].id = "one"  # type: ignore[attr-defined]
    judged.bot.get("/users/alana-grant")
    assert any("id: 'one' is not of type 'integer'" in complaint for complaint in judged.complaints)
