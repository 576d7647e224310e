"""A time-stamp authority (RFC 3161) that says when a checkpoint was there at the latest."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import httpx
from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from connectors.anchors.base import AnchorError, Kept
from connectors.anchors.directory import Directory, file_name, put, read
from connectors.anchors.web import ask, opened
from state.checkpoint import Head

SUFFIX = ".tsr"
_HEADERS = {"content-type": "application/timestamp-query", "accept": "application/timestamp-reply"}


class TimeStamps:
    """The authority at `url`, whose answers are kept in the folder `path`, each beside its checkpoint.

    A stamp counts if its certificate, when it was made, led to one of those in the `roots` (PEM files).
    """

    spacing = timedelta(minutes=1)

    def __init__(
        self, name: str, path: Path, *, url: str, roots: Sequence[Path], timeout_seconds: float = 30.0
    ) -> None:
        self.name = name
        self._path, self._url, self._files, self._timeout = path, url, Directory(name, path), timeout_seconds
        self._roots = roots

    def keep(self, head: Head, note: str) -> None:
        """Have the checkpoint stamped, and write down the stamp and then the checkpoint; raises `AnchorError`."""
        file = self._path / file_name(head)
        stamp = _beside(file)
        if not self._is_there(stamp):
            put(stamp, self._stamp(note.encode()))
        elif why := self._doubt(stamp, note):
            raise AnchorError(f"{stamp} is no stamp of this checkpoint: {why}; look at it, and move it away")
        self._files.keep(head, note)

    def notes(self, name: str) -> Iterator[str]:
        """The checkpoints of this ledger that were stamped, the newest first; raises `AnchorError`."""
        return (note for file, note in self._files.of(name) if not self._doubt(_beside(file), note))

    def every(self) -> Iterator[Kept]:
        """Every checkpoint in the folder that was stamped, and when; raises `AnchorError`."""
        for each in self._files.every():
            stamp = _beside(Path(each.place))
            if not self._doubt(stamp, each.note):
                yield replace(each, stamped=decode_timestamp_response(read(stamp)).tst_info.gen_time)

    def _is_there(self, stamp: Path) -> bool:
        try:
            return stamp.exists()
        except OSError as error:
            raise AnchorError(f"{self._path} cannot be read: {error.strerror}") from error

    def _stamp(self, message: bytes) -> bytes:
        """The authority's answer about a message, checked; raises `AnchorError`."""
        asked = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).build()
        with opened(self._timeout) as client:
            answer = ask(client, httpx.Request("POST", self._url, headers=_HEADERS, content=asked.as_bytes()))
        if answer.status_code != httpx.codes.OK:
            raise AnchorError(f"{self._url} answers {answer.status_code}; is it a time-stamp authority (RFC 3161)?")
        if why := self._wrong(answer.content, message, asked.nonce):
            raise AnchorError(f"the answer of {self._url} is no stamp that counts: {why}")
        return answer.content

    def _doubt(self, stamp: Path, note: str) -> str:
        """Why the stamp in a file is none of this checkpoint, empty if it is."""
        try:
            return self._wrong(read(stamp), note.encode())
        except OSError as error:
            return f"it cannot be read: {error.strerror}"

    def _wrong(self, answer: bytes, message: bytes, nonce: int | None = None) -> str:
        try:
            response = decode_timestamp_response(answer)
        except ValueError:
            return "it is not an answer of a time-stamp authority (RFC 3161)"
        if response.status != PKIStatus.GRANTED:
            return f"it was refused, with status {response.status} {'; '.join(response.status_string)[:200]}".rstrip()
        try:
            VerifierBuilder(roots=list(self._trusted), nonce=nonce).build().verify_message(response, message)
        except (VerificationError, ValueError) as error:
            return str(error)
        return ""

    @cached_property
    def _trusted(self) -> tuple[Certificate, ...]:
        found: list[Certificate] = []
        for file in self._roots:
            try:
                found += load_pem_x509_certificates(file.read_bytes())
            except OSError as error:
                raise AnchorError(f"the root certificates in {file} cannot be read: {error.strerror}") from error
            except ValueError as error:
                raise AnchorError(f"{file} holds no certificates in PEM form") from error
        return tuple(found)


def _beside(file: Path) -> Path:
    return file.with_suffix(SUFFIX)
