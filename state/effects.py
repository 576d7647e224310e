"""What one transaction of a run reads and changes, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from state.acceptance import Acceptance, DueChange
from state.model import Agent, Comment, Hold, Link, OperationKind, Outcome
from state.proof import EvidenceDraft
from state.ticket import Cursor


@dataclass(frozen=True, slots=True)
class Because:
    """Who caused a change and through what: the run, the tracker's event id, the reason in words.

    `at` is when it happened where it happened (UTC); `None` means now.
    """

    agent: Agent
    run: str = ""
    event: str = ""
    reason: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """A journalled operation not yet known to have happened or not.

    `key` identifies what it makes in the tracker (a marker's or a comment's key). `payload` is JSON and holds what
    is needed to finish it after a crash. `asked_at` is when the tracker was last asked for it and had nothing.
    `begun_there` is when it began by the tracker's own clock, where that was known.
    """

    id: str
    run: str
    kind: OperationKind
    item: str
    tracker: str
    key: str
    payload: Mapping[str, Any]
    begun_at: datetime
    asked_at: datetime | None = None
    begun_there: datetime | None = None

    @property
    def since(self) -> datetime:
        """When it began, by the tracker's own clock if that was known."""
        return self.begun_there or self.begun_at


@dataclass(frozen=True, slots=True)
class ItemChange:
    """New values of an item's fields by attribute name of `ActionItem`, and because of what.

    `seen`, where given, is the item's revision that the change was decided for; another one refuses the whole.
    """

    item: str
    values: Mapping[str, Any]
    because: Because
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A record for the ledger of something that happened outside our tables, such as a write to a ticket."""

    action: str
    object: str
    because: Because
    field: str = ""
    before: Any = None
    after: Any = None


@dataclass(frozen=True, slots=True)
class Feed:
    """Where one tracker's change feed stands.

    Nothing before `settled` can still appear. `fresh` is the newest change known; what lies between may have
    gained entries since, and is read once more at `settle_at` (UTC), when the tracker's index has caught up with
    everything up to `settling`. `rules` is the digest of the mapping that all links were last compared under.
    `audited_at` is when it was last asked which tickets are there.
    """

    tracker: str
    settled: Cursor | None = None
    fresh: Cursor | None = None
    settling: Cursor | None = None
    settle_at: datetime | None = None
    rules: str = ""
    audited_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run, held by one process at a time; `token` grows with each holder and fences the others off."""

    holder: str
    token: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Effects:
    """Everything that one transaction of a run writes, records included.

    `sent` are intents of which a request goes out only now, each with the tracker's time where that is known. `linked`
    are inserted or replaced, and mark their items clean if the item's revision is still the link's. `finished` ends
    intents by id. `released` closes holds by id, with how, and `took` says which side a person took, `item` or
    `ticket`. `clean` ends the comparing of items that still have the revision given, and `dirty` marks items to be
    compared again; `fallen` are those whose due date has passed. `because` is for the records of what has none of its
    own, such as a touched link whose ticket moved. `revised` are stored comments as they are in the tracker by now.
    `evidence` is kept, each piece once. `requests` are acceptances asked for, `acceptances` are those that something
    became of, as they were and as they are; their items go with them, and what is asked for on an item that is resolved
    by this is withdrawn. `later` are due dates asked for, or decided about, `due_risks` those to be scored again, by
    id, with the reason.
    """

    begun: Sequence[Intent] = ()
    finished: Mapping[str, Outcome] = field(default_factory=dict)
    asked: Sequence[str] = ()
    sent: Mapping[str, datetime | None] = field(default_factory=dict)
    changes: Sequence[ItemChange] = ()
    linked: Sequence[tuple[Link, Because]] = ()
    touched: Sequence[Link] = ()
    held: Sequence[tuple[Hold, Because]] = ()
    released: Mapping[str, Because] = field(default_factory=dict)
    took: Mapping[str, str] = field(default_factory=dict)
    comments: Sequence[tuple[Comment, Because]] = ()
    revised: Sequence[tuple[Comment, Because]] = ()
    notes: Sequence[Note] = ()
    feeds: Sequence[Feed] = ()
    clean: Sequence[tuple[str, int]] = ()
    dirty: Sequence[str] = ()
    fallen: Sequence[str] = ()
    because: Because | None = None
    evidence: Sequence[tuple[EvidenceDraft, Because]] = ()
    requests: Sequence[tuple[Acceptance, Because]] = ()
    acceptances: Sequence[tuple[Acceptance, Acceptance, Because]] = ()
    later: Sequence[tuple[DueChange, Because]] = ()
    due_risks: Mapping[str, str] = field(default_factory=dict)
