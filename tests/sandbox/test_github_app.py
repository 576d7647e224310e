"""A GitHub App gets into the embedded GitHub with a token that it signs itself, for an hour."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from github import Auth, Github

from connectors.sandbox.github_app import APP_ID, INSTALLATION_ID
from connectors.sandbox.github_server import GithubSandbox
from connectors.sandbox.server import SandboxServer

START = datetime(2026, 5, 4, 10, 0, 0, tzinfo=UTC)
TOKENS = f"/app/installations/{INSTALLATION_ID}/access_tokens"
ISSUES = "/repos/acme/platform/issues"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def server(key: rsa.RSAPrivateKey) -> Iterator[SandboxServer]:
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with SandboxServer(GithubSandbox(app_key=public), clock=lambda: START) as running:
        yield running


@pytest.fixture
def http(server: SandboxServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url) as made:
        yield made


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def token(key: rsa.RSAPrivateKey, algorithm: str = "RS256", **claims: Any) -> str:
    now = int(START.timestamp())
    told = {"iat": now - 60, "exp": now + 540, "iss": str(APP_ID)} | claims
    text = f"{encoded(json.dumps({'alg': algorithm}).encode())}.{encoded(json.dumps(told).encode())}"
    return f"{text}.{encoded(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def test_an_app_knows_itself(http: httpx.Client, key: rsa.RSAPrivateKey) -> None:
    assert http.get("/app", headers=bearer(token(key))).json()["slug"] == "counterfoil"


def test_an_installation_token_acts_as_the_apps_bot(http: httpx.Client, key: rsa.RSAPrivateKey) -> None:
    bought = http.post(TOKENS, headers=bearer(token(key))).json()
    assert bought["expires_at"] == "2026-05-04T11:00:00Z"
    made = http.post(ISSUES, json={"title": "x", "labels": ["a"]}, headers=bearer(bought["token"])).json()
    assert (made["user"]["login"], made["user"]["type"]) == ("counterfoil[bot]", "Bot")
    assert made["performed_via_github_app"]["slug"] == "counterfoil"
    assert http.get("/user", headers=bearer(bought["token"])).status_code == 403


def test_an_installation_token_ends_after_an_hour(
    http: httpx.Client, key: rsa.RSAPrivateKey, server: SandboxServer
) -> None:
    bought = bearer(http.post(TOKENS, headers=bearer(token(key))).json()["token"])
    server.advance(3599)
    assert http.get(ISSUES, headers=bought).status_code == 200
    server.advance(1)
    assert http.get(ISSUES, headers=bought).status_code == 401


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"exp": int((START - timedelta(seconds=1)).timestamp())}, 401),
        ({"exp": int((START + timedelta(minutes=12)).timestamp())}, 401),
        ({"iat": int((START + timedelta(minutes=5)).timestamp())}, 401),
        ({"iss": "1"}, 404),
        ({"algorithm": "HS256"}, 401),
    ],
)
def test_a_token_that_says_the_wrong_thing_is_refused(
    http: httpx.Client, key: rsa.RSAPrivateKey, claims: dict[str, Any], status: int
) -> None:
    assert http.post(TOKENS, headers=bearer(token(key, **claims))).status_code == status


@pytest.mark.parametrize("secret", ["x", "a.b.c", "e30.W10.x"])
def test_what_is_no_token_is_refused(http: httpx.Client, secret: str) -> None:
    assert http.post(TOKENS, headers=bearer(secret)).status_code == 401


def test_a_token_signed_by_somebody_else_is_refused(http: httpx.Client) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert http.post(TOKENS, headers=bearer(token(other))).status_code == 401


def test_another_installation_is_not_found(http: httpx.Client, key: rsa.RSAPrivateKey) -> None:
    assert http.post("/app/installations/1/access_tokens", headers=bearer(token(key))).status_code == 404


def test_the_real_sdk_gets_in_as_an_app(key: rsa.RSAPrivateKey) -> None:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    auth = Auth.AppAuth(APP_ID, private).get_installation_auth(INSTALLATION_ID)
    with (
        SandboxServer(GithubSandbox()) as server,
        Github(base_url=server.url, auth=auth, retry=None, seconds_between_requests=None) as sdk,
    ):
        assert sdk.get_repo("acme/platform").create_issue("x").user.login == "counterfoil[bot]"
