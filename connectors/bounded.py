"""The body of an answer, read within bounds of size and time."""

import time
from contextlib import closing

import httpx

SIZE_LIMIT = 64 * 1024 * 1024
"""The most bytes that an answer may have, unpacked; no page that a tracker has reason to send comes near."""
_PIECE = 8 * 1024
"""So many bytes are unpacked at once: what is packed a thousandfold makes a few megabytes of them."""
PATIENCE = 2
"""How many time-outs a whole answer may take, however steadily it trickles in."""


def send(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    """The answer with its body read; raises an `httpx.TransportError` where that has no end."""
    with closing(client.send(request, stream=True)) as response:
        return _read(response, PATIENCE * (client.timeout.read or 0.0))


def _read(response: httpx.Response, seconds: float) -> httpx.Response:
    until = time.monotonic() + seconds
    if _announced(response) > SIZE_LIMIT:
        raise _too_large()
    body, decoder = bytearray(), response._get_content_decoder()
    for packed in response.iter_raw():
        for start in range(0, len(packed), _PIECE):
            body += decoder.decode(packed[start : start + _PIECE])
            if len(body) > SIZE_LIMIT:
                raise _too_large()
        if time.monotonic() > until:
            raise httpx.ReadTimeout(f"the answer did not end within {seconds:g} seconds")
    response._content = bytes(body + decoder.flush())
    return response


def _announced(response: httpx.Response) -> int:
    length = response.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0


def _too_large() -> httpx.ReadError:
    return httpx.ReadError(f"the answer is larger than {SIZE_LIMIT // 1024**2} MB; is `url` right?")
