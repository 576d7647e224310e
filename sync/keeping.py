"""The bytes of what a ticket gives as evidence: hashed, and kept if that is wanted."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connectors.base import Tracker
from connectors.errors import Denied, NotFound, RateLimited, Rejected, Unavailable
from state.effects import Because
from state.proof import EvidenceDraft
from state.ticket import Ticket, TicketRef
from state.vault import TooLarge, Vault
from sync.plan import Capture

FORBIDDEN = 403
_PATIENCE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is done with bytes: all are hashed that are not larger than `largest`.

    `vault`, where there is one, keeps snapshots, and attachments too with `copy_attachments`. Evidence counts for
    `valid_days`, if it says nothing else.
    """

    vault: Vault | None = None
    copy_attachments: bool = False
    largest: int = 50 * 1024**2
    valid_days: int | None = None

    def kept(
        self, captures: Sequence[Capture], tracker: Tracker, ref: TicketRef, now: datetime, warn: Callable[[str], None]
    ) -> list[tuple[EvidenceDraft, Because]]:
        """The evidence with the hashes of its bytes, which are kept by now; raises the errors of `connectors.errors`.

        What the tracker will not give is recorded without, and `warn` is told why; so is a file that was attached a day
        ago or earlier and is not to be had now, while its ticket is.
        """
        drafts = (self._kept(each, tracker, ref, now, warn) for each in captures)
        return [(draft.lasting(self.valid_days), each.because) for draft, each in zip(drafts, captures, strict=True)]

    def _kept(
        self, each: Capture, tracker: Tracker, ref: TicketRef, now: datetime, warn: Callable[[str], None]
    ) -> EvidenceDraft:
        if each.content and self.vault is not None:
            self.vault.keep([each.content])
            return replace(each.draft, stored=True)
        if not each.attachment or not tracker.caps.attachments:
            return each.draft
        try:
            return self._read(each.draft, tracker.attachment(ref, each.attachment))
        except (Denied, NotFound, Rejected, Unavailable, TooLarge) as error:
            if isinstance(error, RateLimited) or (isinstance(error, Denied) and error.status != FORBIDDEN):
                raise
            if isinstance(error, Unavailable):
                if now - each.draft.captured_at < _PATIENCE:
                    raise
                # Raises where it is the tracker that does not answer, and not the file.
                if not any(isinstance(found, Ticket) for found in tracker.fetch([ref])):
                    raise
            warn(f"{each.draft.item}: {each.draft.name} on {ref.key} is recorded without a hash: {error}")
            return each.draft

    def _read(self, draft: EvidenceDraft, chunks: Iterator[bytes]) -> EvidenceDraft:
        if draft.size is not None and draft.size > self.largest:
            raise TooLarge(f"it is larger than {self.largest / 1024**2:g} MB")
        if self.copy_attachments and self.vault is not None:
            kept = self.vault.keep(chunks)
            return replace(draft, sha256=kept.sha256, size=kept.size, stored=True)
        digest, size = hashlib.sha256(), 0
        for chunk in self._bounded(chunks):
            digest.update(chunk)
            size += len(chunk)
        return replace(draft, sha256=digest.hexdigest(), size=size)

    def _bounded(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        left = self.largest
        for chunk in chunks:
            left -= len(chunk)
            if left < 0:
                raise TooLarge(f"it is larger than {self.largest / 1024**2:g} MB")
            yield chunk
