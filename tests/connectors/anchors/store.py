"""A bucket on this machine: it checks every signature by the letter of AWS's description, and locks what it is told to.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread, current_thread
from urllib.parse import parse_qsl, quote, unquote

from tests.connectors import loopback

_LISTING = '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'


@dataclass
class BucketServer:
    """Objects by key; `locks` are what each was locked with. `page` names are listed at once.

    Each of the `connections` is served by a thread of its own.
    """

    access: str = "AKIAEXAMPLE"
    secret: str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    region: str = "eu-central-1"
    session: str = ""
    page: int = 1000
    locking: bool = True
    readable: bool = True
    objects: dict[str, bytes] = field(default_factory=dict)
    locks: dict[str, tuple[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    connections: set[Thread] = field(default_factory=set)

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        self.asked.append(method)
        self.connections.add(current_thread())
        path, _, query = target.partition("?")
        if not self.signed(method, path, query, headers, body):
            return 403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>"
        if headers.get("x-amz-security-token", "") != self.session:
            return 403, b"<Error><Code>InvalidToken</Code></Error>"
        key = unquote(path.removeprefix("/audit").removeprefix("/"))
        if method == "PUT":
            return self.put(key, headers, body)
        if not self.readable:
            return 403, b"<Error><Code>AccessDenied</Code></Error>"
        if key:
            return (200, self.objects[key]) if key in self.objects else (404, b"<Error><Code>NoSuchKey</Code></Error>")
        return 200, self.listing(dict(parse_qsl(query, keep_blank_values=True)))

    def put(self, key: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        lock = (headers["x-amz-object-lock-mode"], headers["x-amz-object-lock-retain-until-date"])
        if headers["content-md5"] != b64encode(hashlib.md5(body).digest()).decode():  # noqa: S324
            return 400, b"<Error><Code>BadDigest</Code></Error>"
        if not self.locking:
            return 400, b"<Error><Code>InvalidRequest</Code></Error>"
        if headers.get("if-none-match") == "*" and key in self.objects:
            return 412, b"<Error><Code>PreconditionFailed</Code></Error>"
        self.objects[key], self.locks[key] = body, lock
        return 200, b""

    def listing(self, query: dict[str, str]) -> bytes:
        assert query["list-type"] == "2"
        found = [k for k in sorted(self.objects) if k.startswith(query["prefix"]) and k > query.get("start-after", "")]
        names = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in found[: self.page])
        more = str(len(found) > self.page).lower()
        return f"{_LISTING}<IsTruncated>{more}</IsTruncated>{names}</ListBucketResult>".encode()

    def signed(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> bool:
        told = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, "
            r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
            headers["authorization"],
        )
        assert told, headers["authorization"]
        access, day, region, names, signature = told.groups()
        must = {"host", "x-amz-date", "x-amz-content-sha256", *(n for n in headers if n.startswith("x-amz-"))}
        pairs = sorted(
            (quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in parse_qsl(query, keep_blank_values=True)
        )
        payload = hashlib.sha256(body).hexdigest()
        canonical = "\n".join(
            [
                method,
                quote(unquote(path), safe="/-_.~"),
                "&".join(f"{k}={v}" for k, v in pairs),
                *(f"{name}:{headers[name].strip()}" for name in names.split(";")),
                "",
                names,
                payload,
            ]
        )
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{day}/{region}/s3/aws4_request\n{digest}"
        key = f"AWS4{self.secret}".encode()
        for part in (day, self.region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        right = hmac.new(key, text.encode(), "sha256").hexdigest()
        return (
            (access, region, signature) == (self.access, self.region, right)
            and must <= set(names.split(";"))
            and headers["x-amz-content-sha256"] == payload
            and headers["x-amz-date"].startswith(day)
        )

    @contextmanager
    def served(self) -> Iterator[str]:
        """The bucket's address."""
        with loopback.served(self.answer) as url:
            yield f"{url}/audit"
