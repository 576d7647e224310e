"""What an embedded Jira sends to those who listen, and how it signs that."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from connectors.sandbox.jira_issues import milliseconds
from connectors.sandbox.jira_payloads import Show
from connectors.sandbox.jira_visit import Event


@dataclass(frozen=True, slots=True)
class Hook:
    """Somebody who listens; without a secret nothing is signed."""

    name: str
    url: str
    secret: str = ""


def payload(event: Event, show: Show) -> dict[str, Any]:
    """The body of one delivery."""
    body: dict[str, Any] = {
        "timestamp": milliseconds(event.issue.updated),
        "webhookEvent": event.name,
        "user": show.user(event.by),
        "issue": show.issue(event.issue, ["*navigable"]),
    }
    if event.change is not None:
        change = show.change(event.change)
        body["changelog"] = {"id": change["id"], "items": change["items"]}
    if event.comment is not None:
        body["comment"] = show.comment(event.issue, event.comment)
    return body


def signature(secret: str, body: bytes) -> str:
    """The value of `X-Hub-Signature`."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
