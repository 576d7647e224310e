"""Webhook deliveries as an embedded GitHub signs them."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from urllib.parse import urlencode
from uuid import UUID

from connectors.sandbox.calls import Delivery
from connectors.sandbox.github_model import Hook, Occurrence
from connectors.sandbox.github_payloads import Payloads


def signed(hook: Hook, event: str, payload: bytes, number: int, at: str) -> Delivery:
    """A delivery with the vendor's headers; without a secret there is no signature."""
    guid = str(UUID(int=number))
    form = hook.content_type == "form"
    body = urlencode({"payload": payload.decode()}).encode() if form else payload
    headers = {
        "content-type": "application/x-www-form-urlencoded" if form else "application/json",
        "user-agent": "GitHub-Hookshot/sandbox",
        "x-github-event": event,
        "x-github-delivery": guid,
        "x-github-hook-id": str(hook.id),
        "x-github-hook-installation-target-type": "repository",
    }
    if hook.secret:
        digest = hmac.new(hook.secret.encode(), body, hashlib.sha256).hexdigest()
        headers["x-hub-signature-256"] = f"sha256={digest}"
    hook.deliveries.append(_noted(event, payload, number, guid, at))
    return Delivery(hook.url, headers, body)


def _noted(event: str, payload: bytes, number: int, guid: str, at: str) -> dict[str, object]:
    told = json.loads(payload)
    return {
        "id": number,
        "guid": guid,
        "delivered_at": at,
        "redelivery": False,
        "duration": 0.01,
        "status": "OK",
        "status_code": 200,
        "event": event,
        "action": told.get("action"),
        "installation_id": None,
        "repository_id": told["repository"]["id"],
        "throttled_at": None,
    }


def deliveries(show: Payloads, happened: Iterable[Occurrence]) -> Iterator[Delivery]:
    """A delivery for each occurrence and each active hook that wants to hear of it."""
    for told in happened:
        hooks = show.state.repositories[told.repository].hooks.values()
        for hook in hooks:
            if hook.active and not {"*", told.event}.isdisjoint(hook.events):
                payload = json.dumps(show.delivery(told), separators=(",", ":")).encode()
                yield signed(hook, told.event, payload, show.state.new_id(), show.state.stamp())
