"""Whatever is sent to the embedded GitHub, it answers or refuses, and never breaks."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.sandbox.calls import Answer, Call
from connectors.sandbox.github_server import GithubSandbox

START = datetime(2026, 5, 4, 10, 0, 0, tzinfo=UTC)
KEYS = (
    *("title", "body", "state", "state_reason", "labels", "assignees", "assignee", "lock_reason"),
    *("name", "new_name", "color", "description", "config", "events", "active", "url"),
)
TEXTS = st.text(max_size=5) | st.sampled_from(["open", "closed", "alana-grant", "a", "http://127.0.0.1:9/"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=5,
)
BODIES = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5).map(json.dumps) | VALUES.map(json.dumps)
REPOSITORY = "/repos/acme/platform"
WRITES = (
    *(("POST", path) for path in ("/issues", "/issues/1/comments", "/issues/1/labels", "/issues/1/assignees")),
    *(("PATCH", path) for path in ("", "/issues/1", "/issues/comments/1", "/labels/a", "/hooks/1")),
    *(("PUT", path) for path in ("/issues/1/labels", "/issues/1/lock")),
    *(("DELETE", path) for path in ("/issues/1/assignees", "/issues/1/labels/a", "/labels/b")),
    *(("POST", path) for path in ("/labels", "/hooks")),
)
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)


def answer(sandbox: GithubSandbox, method: str, path: str, body: str = "", query: str = "") -> Answer:
    headers = {"authorization": "Bearer token-mia-krystof"}
    return sandbox.answer(Call(method, path, query, headers, body.encode(errors="surrogatepass"), START))


@PATIENT
@given(st.lists(st.tuples(st.sampled_from(WRITES), BODIES), max_size=8))
def test_no_body_breaks_it(asked: list[tuple[tuple[str, str], str]]) -> None:
    sandbox = GithubSandbox()
    for (method, path), body in (("POST", "/issues"), '{"title":"x","labels":["a"]}'), *asked:
        answered = answer(sandbox, method, f"{REPOSITORY}{path}", body)
        assert answered.status < 500
        assert isinstance(answered.body, bytes)


@PATIENT
@given(
    st.dictionaries(
        st.sampled_from(["state", "since", "labels", "sort", "direction", "per_page", "page", "after", "assignee"]),
        st.text("abz019-:TZ=,", max_size=8) | st.sampled_from(["all", "updated", "asc", "WzFd", "Wyd4J10="]),
    )
)
def test_no_query_breaks_it(query: dict[str, str]) -> None:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    for path in ("/issues", "/issues/comments", "/labels"):
        assert answer(GithubSandbox(), "GET", f"{REPOSITORY}{path}", query=asked).status in (200, 422)


def refused(body: Any) -> Any:
    answered = answer(GithubSandbox(), "POST", f"{REPOSITORY}/issues", json.dumps(body))
    assert answered.status == 422
    return json.loads(answered.body)


def test_a_refusal_names_the_field_and_says_why() -> None:
    assert refused({"title": "x" * 257}) == {
        "message": "Validation Failed",
        "errors": [
            {
                "resource": "Issue",
                "code": "custom",
                "field": "title",
                "message": "title is too long (maximum is 256 characters)",
            }
        ],
        "documentation_url": "https://docs.github.com/rest",
        "status": "422",
    }


def test_a_title_is_one_line_without_white_space_around_it() -> None:
    sandbox = GithubSandbox()
    made = answer(sandbox, "POST", f"{REPOSITORY}/issues", json.dumps({"title": "  a\nb \t"}))
    assert json.loads(made.body)["title"] == "a b"


def test_half_a_surrogate_pair_is_no_text() -> None:
    assert answer(GithubSandbox(), "POST", f"{REPOSITORY}/issues", '{"title":"\\ud800"}').status == 400
