"""Requests to a place that keeps checkpoints."""

import httpx

from connectors import bounded
from connectors.anchors.base import AnchorError

_UNASKED = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ImportError)


def opened(timeout_seconds: float) -> httpx.Client:
    """Asks over one connection, as long as the other side keeps it; follows no redirect. Raises `AnchorError`."""
    timeout = httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, 10.0))
    try:
        return httpx.Client(timeout=timeout, follow_redirects=False)
    except _UNASKED as error:
        raise AnchorError(f"nobody can be asked from here: {error or type(error).__name__}") from error


def ask(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    """The answer, whatever it says. Raises `AnchorError` where none came."""
    try:
        return bounded.send(client, request)
    except _UNASKED as error:
        raise AnchorError(f"{request.url.host} cannot be reached: {error or type(error).__name__}") from error
