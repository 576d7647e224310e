"""The body of an answer, read within bounds of size and time."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import cast

import httpx

SIZE_LIMIT = 64 * 1024 * 1024
"""The most bytes that an answer may have, unpacked; no page that a tracker has reason to send comes near."""
_PIECE = 4 * 1024
"""So many bytes are unpacked at once: what is packed a thousandfold makes a few megabytes of them."""
PATIENCE = 2
"""How many time-outs a whole answer may take, however steadily it trickles in."""


def send(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    """The answer with its body read; raises an `httpx.TransportError` where that has no end."""
    with closing(client.send(request, stream=True)) as response:
        response.stream = _Pieces(cast("httpx.SyncByteStream", response.stream))
        return _read(response, PATIENCE * (client.timeout.read or 0.0))


@dataclass(frozen=True, slots=True)
class _Pieces(httpx.SyncByteStream):
    """The packed bytes of an answer, never so many at once that they are a burden when they are unpacked."""

    whole: httpx.SyncByteStream

    def __iter__(self) -> Iterator[bytes]:
        for part in self.whole:
            yield from (part[start : start + _PIECE] for start in range(0, len(part), _PIECE))

    def close(self) -> None:
        self.whole.close()


def _read(response: httpx.Response, seconds: float) -> httpx.Response:
    until = time.monotonic() + seconds
    if _announced(response) > SIZE_LIMIT:
        raise _too_large()
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > SIZE_LIMIT:
            raise _too_large()
        if time.monotonic() > until:
            raise httpx.ReadTimeout(f"the answer did not end within {seconds:g} seconds")
    response._content = bytes(body)
    return response


def _announced(response: httpx.Response) -> int:
    length = response.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0


def _too_large() -> httpx.ReadError:
    return httpx.ReadError(f"the answer is larger than {SIZE_LIMIT // 1024**2} MB; is `url` right?")
