"""Every way in which a secret may be written, so that it can be taken out of a text."""

import base64
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

_SHORT = 4
"""What is shorter is no secret: hiding it would take words apart, and so would hiding what shorter ones than
`_ENCODED` are encoded as."""
_ENCODED = 8
_LINE = 16
"""A line of a secret is one by itself from this length on."""


def spellings(secrets: Iterable[str]) -> list[str]:
    """The secrets and all that they may be encoded as, the longest first; of one of many lines each long line too."""
    plain = {text for secret in secrets for text in (secret, secret.strip()) if len(text) >= _SHORT}
    lines = {line for text in plain for line in text.splitlines() if len(line) >= _LINE}
    coded = {form for text in plain | lines if len(text) >= _ENCODED for form in _forms(text)}
    return sorted(plain | lines | coded, key=len, reverse=True)


def _forms(text: str) -> Iterable[str]:
    """What a text is encoded as, and what that is within an address."""
    for form in _encoded(text.encode(errors="surrogateescape")):
        yield from (form, quote(form, safe="", errors="surrogateescape"))


def _encoded(raw: bytes) -> Iterable[str]:
    text = raw.decode(errors="surrogateescape")
    yield from (text, quote(raw, safe=""), quote_plus(raw), json.dumps(text)[1:-1], repr(raw)[2:-1])
    yield from (raw.hex(), raw.hex().upper())
    for coded in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
        yield from (coded, coded.rstrip("="))
    # Within a longer text that was encoded as a whole, it begins at one of three places of a group of letters, and
    # what stands around it changes the groups at either end.
    for shift in (0, 1, 2):
        yield base64.b64encode(b"\0" * shift + raw).decode()[4 if shift else 0 : -4]
