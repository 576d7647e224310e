"""One request to a place that keeps checkpoints."""

import httpx

from connectors import bounded
from connectors.anchors.base import AnchorError


def ask(request: httpx.Request, timeout_seconds: float) -> httpx.Response:
    """The answer, whatever it says; no redirect is followed. Raises `AnchorError` where none came."""
    timeout = httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, 10.0))
    try:
        with httpx.Client(timeout=timeout, follow_redirects=False) as client:
            return bounded.send(client, request)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ImportError) as error:
        raise AnchorError(f"{request.url.host} cannot be reached: {error or type(error).__name__}") from error
