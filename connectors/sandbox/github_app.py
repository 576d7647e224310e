"""A GitHub App's way in: a token that it signs itself buys one that lasts an hour."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from connectors.sandbox.github_rules import Refusal

APP_ID = 1001
INSTALLATION_ID = 2002
LONGEST = timedelta(minutes=10)
LIFETIME = timedelta(hours=1)
DRIFT = timedelta(minutes=1)


class AppDoor:
    """Lets one app in. Without a public key (PEM) every signature counts as good."""

    def __init__(self, public_key: bytes | None = None) -> None:
        self._key = None if public_key is None else load_pem_public_key(public_key)
        self._tokens: dict[str, datetime] = {}

    def verify(self, token: str, at: datetime) -> None:
        """Refuse a self-signed token that the vendor would not accept at this time."""
        try:
            header, claims, signature = token.split(".")
            algorithm, told = _decoded(header).get("alg"), _decoded(claims)
        except ValueError as error:
            raise Refusal(401, "A JSON web token could not be decoded") from error
        if algorithm != "RS256" or not self._genuine(f"{header}.{claims}", signature):
            raise Refusal(401, "A JSON web token could not be decoded")
        if str(told.get("iss")) != str(APP_ID):
            raise Refusal(404, "Integration not found")
        _check_times(told, at)

    def _genuine(self, text: str, signature: str) -> bool:
        if not isinstance(self._key, rsa.RSAPublicKey):
            return True
        try:
            self._key.verify(_bytes(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True

    def admit(self, number: int, at: datetime) -> tuple[str, datetime]:
        """A new installation token, and when it ends."""
        token, end = f"ghs_{number}", at + LIFETIME
        self._tokens[token] = end
        return token, end

    def knows(self, token: str, at: datetime) -> bool:
        """Whether this is an installation token that has not ended."""
        return token in self._tokens and at < self._tokens[token]


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _decoded(part: str) -> Mapping[str, Any]:
    found = json.loads(_bytes(part))
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def _check_times(told: Mapping[str, Any], at: datetime) -> None:
    issued, expires = told.get("iat"), told.get("exp")
    if not isinstance(expires, int) or expires <= at.timestamp():
        raise Refusal(401, "'Expiration time' claim ('exp') must be a numeric value representing the future time")
    if expires > (at + LONGEST + DRIFT).timestamp():
        raise Refusal(401, "'Expiration time' claim ('exp') is too far in the future")
    if not isinstance(issued, int) or issued > (at + DRIFT).timestamp():
        raise Refusal(401, "'Issued at' claim ('iat') must be an Integer in the past")
