"""A bucket that speaks S3 and locks its objects: what was put there stays for as long as it was said to."""

import hashlib
import re
from base64 import b64encode
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from urllib.parse import quote

import httpx
from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import ParseError, fromstring  # type: ignore[import-untyped]
from pydantic import SecretStr
from requests_aws4auth import AWS4Auth  # type: ignore[import-untyped]

from connectors.anchors.base import AnchorError, Kept
from connectors.anchors.directory import SUFFIX, file_name, newest_first, plain
from connectors.anchors.web import ask, opened
from state.checkpoint import LONGEST, Head, PublicKey, is_by

_SIGNED = {"host", "content-type", "content-md5", "if-none-match", "date", "x-amz-*"}
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")
_PAGES = 10_000
_FEW = 20
_MOST = 1000
"""So many objects are looked at, however many are there."""


class Bucket:
    """The bucket at `url`, its own name included; objects begin with `prefix` and are locked for so many days.

    `lock` is COMPLIANCE, which nobody can lift, or GOVERNANCE. `session` goes with a key that is lent for a while. The
    key has to be allowed to put objects and set their retention; where it may not list and read, nothing is read back.
    Only what is there under the names of the ledgers of the `known` keys is looked at, until enough is by one of them.
    """

    spacing = timedelta(minutes=1)

    def __init__(
        self,
        name: str,
        *,
        url: str,
        prefix: str,
        region: str,
        key: str,
        secret: SecretStr,
        session: SecretStr | None = None,
        lock: str,
        days: int,
        clock: Callable[[], datetime],
        known: Sequence[PublicKey],
        timeout_seconds: float = 30.0,
    ) -> None:
        self.name = name
        self._url, self._prefix, self._timeout = url.rstrip("/"), prefix, timeout_seconds
        self._lock, self._days, self._clock, self._known = lock, days, clock, known
        token = None if session is None else session.get_secret_value()
        self._auth = AWS4Auth(key, secret.get_secret_value(), region, "s3", include_hdrs=_SIGNED, session_token=token)

    def keep(self, head: Head, note: str) -> None:
        """Put the checkpoint there unless it is there, and have it locked; raises `AnchorError`."""
        object_, content = self._prefix + file_name(head), note.encode()
        until = self._clock() + timedelta(days=self._days)
        headers = {
            "if-none-match": "*",
            "content-type": "text/plain; charset=utf-8",
            "content-md5": b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode(),
            "x-amz-object-lock-mode": self._lock,
            "x-amz-object-lock-retain-until-date": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        with opened(self._timeout) as client:
            answer = self._ask(client, "PUT", quote(object_), headers, content)
            if answer.status_code == httpx.codes.PRECONDITION_FAILED:
                if self._got(client, object_) != note:
                    raise AnchorError(
                        f"{object_} in {self._url} is another checkpoint over as many records: "
                        "compare both with `counterfoil audit verify`"
                    )
            elif not answer.is_success:
                raise self._refused("take a locked object", answer)

    def notes(self, name: str) -> Iterator[str]:
        """The checkpoints of this ledger, the newest first, none where the key may not list.

        Raises `AnchorError`.
        """
        with opened(self._timeout) as client:
            newest = self._newest(client, name)
            for object_ in newest[:_MOST]:
                yield self._got(client, object_)
        if len(newest) > _MOST:
            raise self._too_many()

    def every(self) -> Iterator[Kept]:
        """Of each ledger and of what it was begun anew as, in turn, the newest few by a known key, and what is between.

        Raises `AnchorError`, at the end also where that was too much.
        """
        good: Counter[str] = Counter()
        with opened(self._timeout) as client:
            names = [
                each for name in dict.fromkeys(key.name for key in self._known) for each in self._newest(client, name)
            ]
            ledgers = deque((which, deque(some)) for which, some in groupby(names, key=_ledger))
            for _ in range(_MOST):
                if not ledgers:
                    return
                which, objects = ledgers.popleft()
                object_ = objects.popleft()
                note = self._got(client, object_)
                yield Kept(note, f"{self._url}/{quote(object_)}")
                good[which] += is_by(note, self._known)
                if objects and good[which] < _FEW:
                    ledgers.append((which, objects))
        if ledgers:
            raise self._too_many()

    def _newest(self, client: httpx.Client, name: str) -> list[str]:
        """The objects that by their names are checkpoints of this ledger, the newest first; raises `AnchorError`."""
        listed = self._listed(client, plain(name))
        return newest_first(listed, name, lambda object_: object_.removeprefix(self._prefix))

    def _too_many(self) -> AnchorError:
        return AnchorError(
            f"only {_MOST:,} of the checkpoints in {self._url} were looked at, and not all, as too few of them are "
            "signed by a key that is known here; where the ledger was handed over to another key, "
            "audit.public_keys or --pubkey names that too"
        )

    def _listed(self, client: httpx.Client, prefix: str) -> Iterator[str]:
        """The names of the objects, none where the key may not list; raises `AnchorError`."""
        after = ""
        for _ in range(_PAGES):
            query = {"list-type": "2", "prefix": self._prefix + prefix} | ({"start-after": after} if after else {})
            words = "&".join(f"{key}={quote(value, safe='')}" for key, value in query.items())
            answer = self._ask(client, "GET", f"?{words}")
            if _code(answer) == "AccessDenied":
                return
            if not answer.is_success:
                raise self._refused("list its objects", answer)
            names, more = _page(answer)
            yield from names
            if not more or not names:
                return
            after = names[-1]

    def _got(self, client: httpx.Client, object_: str) -> str:
        answer = self._ask(client, "GET", quote(object_))
        if not answer.is_success:
            raise self._refused(f"give {object_}", answer)
        return answer.content[: LONGEST + 1].decode("utf-8", "replace")

    def _ask(
        self,
        client: httpx.Client,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
    ) -> httpx.Response:
        request = httpx.Request(method, f"{self._url}/{path}", headers=headers, content=content)
        return ask(client, self._auth(request))

    def _refused(self, what: str, answer: httpx.Response) -> AnchorError:
        return AnchorError(f"{self._url} does not {what}: {answer.status_code} {_code(answer)}".rstrip())


def _ledger(object_: str) -> str:
    """Of which ledger an object is by its name."""
    return object_.removesuffix(SUFFIX).rpartition(".")[0]


def _code(answer: httpx.Response) -> str:
    """What S3 calls the error, empty if it does not say."""
    found = None if answer.is_success else _CODE.search(answer.text)
    return found[1] if found else ""


def _page(answer: httpx.Response) -> tuple[list[str], bool]:
    """The names on a page of the listing, and whether there are more."""
    try:
        root = fromstring(answer.content)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise AnchorError(f"{answer.url.host} does not answer as S3 does; is `url` the bucket's address?") from error
    told = [(each.tag.rpartition("}")[2], each.text or "") for each in root.iter()]
    return [text for tag, text in told if tag == "Key"], ("IsTruncated", "true") in told
