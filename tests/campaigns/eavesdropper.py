"""A tracker that writes down all that it is sent, and repeats its callers' credentials wherever it can."""

import base64
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, quote_plus, urlsplit

from connectors.sandbox.calls import Answer, Call, Sandbox, User
from connectors.sandbox.faults import Planned

MODES = (
    "json 401",
    "json 403",
    "json 500",
    "json 422",
    "html 500",
    "html 200",
    "plain 403",
    "header 401",
    "away",
    "around",
)
"""How it repeats them: in JSON, HTML or plain text, in a header, in a redirect to another host or to the same."""


def spellings(secret: str) -> list[str]:
    """Every way in which a secret may be written."""
    raw = secret.encode()
    coded = [base64.b64encode(raw), base64.urlsafe_b64encode(raw), raw.hex().encode(), raw.hex().upper().encode()]
    shifted = [base64.b64encode(b"x" * n + raw)[4:-4] for n in (1, 2)]
    found = [secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], repr(raw)[2:-1]]
    return list(dict.fromkeys(found + [each.decode().rstrip("=") for each in (*coded, *shifted)]))


class Eavesdropper(Sandbox):
    """Wraps an embedded tracker, to which `secrets` are good tokens of its first account.

    The file `mode` says how it answers, one of `MODES`, `slow`, or in order. What it hears goes to the file `heard`.
    `bought` is the token that a GitHub App is given, `cookie` one that everybody is.
    """

    kind = "eavesdropper"

    def __init__(self, inner: Sandbox, folder: Path, secrets: Sequence[str], bought: str, cookie: str) -> None:
        super().__init__()
        self.inner, self.faults = inner, inner.faults
        self._folder, self._secrets, self._bought, self._cookie = folder, secrets, bought, cookie
        self._sold = ""

    @property
    def users(self) -> tuple[User, ...]:
        return self.inner.users

    def writes(self, call: Call) -> bool:
        return self.inner.writes(call)

    def limited(self, fault: Planned, call: Call) -> Answer:
        return self.inner.limited(fault, call)

    def failed(self, status: int) -> Answer:
        return self.inner.failed(status)

    def answer(self, call: Call) -> Answer:
        self.inner.url = self.url
        mode = (self._folder / "mode").read_text()
        credentials = call.headers.get("authorization") or call.headers.get("proxy-authorization", "")
        self._write_down(call, credentials)
        if mode in MODES and "access_tokens" not in call.path:
            return self._repeated(mode, credentials)
        if mode == "slow":
            time.sleep(0.5)
        return self._in_order(call, credentials)

    def _write_down(self, call: Call, credentials: str) -> None:
        """What came, but for what belongs there: credentials where they go, and what we asked for ourselves."""
        rest = {
            name: value
            for name, value in call.headers.items()
            if name not in ("authorization", "cookie", "proxy-authorization")
        }
        told = [call.method, call.path, call.query, rest, call.body.decode(errors="replace")]
        with (self._folder / "heard").open("a") as heard, (self._folder / "credentials").open("a") as seen:
            seen.write(json.dumps(credentials) + "\n")
            if not urlsplit(call.path).path.startswith(("/Bearer", "/Basic", "/token")):
                heard.write(json.dumps(told, ensure_ascii=False) + "\n")

    def _in_order(self, call: Call, credentials: str) -> Answer:
        answer = self.inner.answer(replace(call, headers={**call.headers, "authorization": self._real(credentials)}))
        if call.path.endswith("/access_tokens") and isinstance(answer.data, dict):
            self._sold = answer.data["token"]
            answer = replace(answer, data={**answer.data, "token": self._bought})
        return replace(answer, headers={**answer.headers, "set-cookie": f"session={self._cookie}; Path=/"})

    def _real(self, credentials: str) -> str:
        user, (scheme, _, value) = self.inner.users[0], credentials.partition(" ")
        if scheme == "Basic":
            return f"Basic {base64.b64encode(f'{user.email}:{user.token}'.encode()).decode()}"
        if value == self._bought:
            return f"{scheme} {self._sold}"
        return f"{scheme} {user.token}" if value in self._secrets else credentials

    def _repeated(self, mode: str, credentials: str) -> Answer:
        text = " ".join(each for known in known_of(credentials) for each in spellings(known))
        how, _, status = mode.partition(" ")
        code = int(status or 302)
        match how:
            case "json":
                said = {"message": text, "errorMessages": [text], "errors": {"field": text}}
                return Answer(code, said)
            case "html":
                return Answer(code, f"<html>{text}</html>".encode(), {"content-type": "text/html"})
            case "plain":
                return Answer(code, text.encode(), {"content-type": "text/plain"})
            case "header":
                return Answer(code, None, {"www-authenticate": text, "x-accepted-github-permissions": text})
            case _:
                host = self.url if how == "around" else "http://elsewhere.example"
                place = f"{host}/{quote(credentials, safe='')}?token={quote(text, safe='')}"
                return Answer(code, None, {"location": place})


def known_of(credentials: str) -> list[str]:
    """The secrets in an `Authorization` header: as a whole, without the scheme, and what that hides."""
    scheme, _, value = credentials.partition(" ")
    found = [credentials, value]
    if scheme == "Basic":
        pair = base64.b64decode(value).decode()
        found += [pair, pair.partition(":")[2]]
    return [each for each in found if each]
