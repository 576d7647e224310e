"""What an auditor may conclude about the ledger: from its records, and from checkpoints that were kept elsewhere."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import inf

from sqlalchemy import Connection

from connectors.anchors.base import Kept
from state import audit, checkpoint, checkpoints, merkle
from state.checkpoint import Head, PublicKey, epoch
from state.checkpoints import FORKED, LEDGER
from state.errors import StateError
from state.second import second
from state.store import Store
from state.stored import InDatabase, Records, Stored, make_room
from state.verifying import Point, Second, Standing, Verdict, verify
from sync.vouching import believed, understood

_HERE = "this database"
EVERY = 100
"""After so many records at the latest a checkpoint is signed; more of them that none vouches for decide nothing."""
SIGNED_WITHIN = timedelta(days=1)
"""Nor do records that none vouches for, though others came so much later."""
STAMPED_WITHIN = timedelta(days=7)
"""Nor does a time stamp that nothing else goes with, if it was made so long after all that it is to vouch for."""
_NAMED = 10


class Conclusion(StrEnum):
    """What can be said of the ledger."""

    ANCHORED = "anchored"
    TAMPERED = "tampered"
    UNDECIDED = "consistent, not anchored"


@dataclass(frozen=True, slots=True)
class Fork:
    """Where a ledger was begun anew, by record `seq`: what was signed over more than `agreed` of its records, up to
    `size`, was given up. `before` and `after` is what it is called, and `reason` why.
    """

    seq: int
    before: str
    agreed: int
    size: int
    after: str
    reason: str

    @property
    def words(self) -> str:
        """What was given up, and what nothing from before vouches for."""
        words = f"{_records(self.agreed + 1, self.size)} of {self.before} were given up: {self.reason}"
        since = self.agreed + 1
        return words + (
            f"; nothing from before vouches for {_records(since, self.seq - 1)}" if since < self.seq else ""
        )

    def gives_up(self, head: Head) -> bool:
        """Whether the ledger need not agree with a checkpoint any more."""
        return epoch(head.origin) < epoch(self.after) and self.agreed < head.size <= self.size


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of checking the ledger.

    `anchored` so many of its `records` are vouched for by a checkpoint that was kept elsewhere. `last_good` is the
    newest checkpoint that agrees, wherever it is kept; `checked` so many that are kept elsewhere agree, and `doubts`
    say why it is not called anchored all the same; `remarks` decide nothing. `not_counted` says where notes are that
    do not count, and why, and `given_up` what was given up when the ledger was begun anew. `apart` says which items,
    acceptances and pieces of evidence do not stand as their records tell. `around` are the first record that cannot be
    trusted and those beside it, as far as they are there.
    """

    conclusion: Conclusion
    verdict: Verdict
    records: int
    anchored: int
    last_good: Head | None = None
    checked: int = 0
    not_counted: tuple[str, ...] = ()
    given_up: tuple[Fork, ...] = ()
    doubts: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    around: tuple[Stored, ...] = ()


Check = Callable[[Iterable[Point], Standing], Verdict]
"""Checks a ledger, given the checkpoints that there are, and which of them it is to agree with."""


@dataclass(frozen=True, slots=True)
class Books:
    """A ledger to be judged: what its records about itself say, how many there are, and the checkpoints beside it.

    A copy of it `may_be_old`: the ledger itself may have gone on, as only checkpoints that are kept elsewhere tell.
    """

    told: Sequence[audit.Told]
    count: int
    own: Sequence[Kept]
    records: Records
    check: Check
    may_be_old: bool = False


def books(connection: Connection, helper: Second | None = None) -> Books:
    """The ledger of a database, which a `helper` looks at too."""
    return Books(
        audit.told_of(connection, LEDGER),
        audit.head(connection)[0],
        _own(connection),
        InDatabase(connection),
        lambda points, standing: verify(connection, points, standing=standing, second=helper),
    )


def _own(connection: Connection) -> list[Kept]:
    return [Kept(note, f"{_HERE}, checkpoint {size}") for size, note in checkpoints.notes(connection)]


def examine(store: Store, kept: Iterable[Kept], known: Sequence[PublicKey], known_epoch: int = 1) -> Finding:
    """Check every record, every checkpoint that one of the `known` keys signed, or one they handed over to, and that
    items, controls and risks, with what belongs to them, stand as their records tell.
    """
    elsewhere = list(kept)
    with store.moment() as now, now.reading() as connection:
        make_room(connection)
        with second(connection) as helper:
            found = concluded(books(connection, helper), elsewhere, known, known_epoch)
        apart = tuple(each.words for each in now.apart()) if found.verdict.ok else ()
    return replace(found, conclusion=Conclusion.TAMPERED, apart=apart) if apart else found


def examined(connection: Connection, kept: Sequence[Kept], known: Sequence[PublicKey], known_epoch: int = 1) -> Finding:
    """The same of the ledger alone, at one moment of a database."""
    return concluded(books(connection), kept, known, known_epoch)


def concluded(ledger: Books, kept: Sequence[Kept], known: Sequence[PublicKey], known_epoch: int = 1) -> Finding:
    """What to conclude about a ledger whose checkpoints are `kept` elsewhere.

    That it was begun anew is a doubt, unless the auditor knows of that: of all up to that `known_epoch`.
    """
    court = Court(ledger, kept, known)
    verdict = court.verdict
    vouched = {each.head for each in court.away.points if each.head in court.agreeing}
    anchored = max((head.size for head in vouched), default=0)
    doubts = [*_doubts(verdict, anchored, ledger.count), *court.contradictions()] if verdict.ok else []
    late = [*_stamped_late(kept, court)] if verdict.ok else []
    doubts += [why for size, why in late if size == anchored]
    doubts += [
        f"{_records(each.agreed + 1, each.size)} of {each.before} were given up; "
        f"--epoch {epoch(each.after)} says that you know of that"
        for each in court.forks
        if epoch(each.after) > known_epoch
    ]
    sound = Conclusion.ANCHORED if anchored and not doubts else Conclusion.UNDECIDED
    return Finding(
        sound if verdict.ok else Conclusion.TAMPERED,
        verdict,
        ledger.count,
        anchored,
        max(court.agreeing, key=lambda head: head.size, default=None),
        len(vouched),
        court.not_counted,
        tuple(court.forks),
        tuple(doubts),
        (*(why for size, why in late if size < anchored), *_went_on(court.since)),
        around=() if verdict.first_bad is None else _around(ledger.records, verdict.first_bad[0]),
    )


def _around(records: Records, seq: int) -> tuple[Stored, ...]:
    """The record of this number, the one before it and the one after it, whatever stands in them."""
    found = next(iter(records.pages(max(seq - 2, 0))), ())
    return tuple(stored for stored in found if stored.seq <= seq + 1)


def _went_on(since: Sequence[Point]) -> Iterator[str]:
    """Up to where the ledger is known to have gone on since a copy of it was made."""
    for each in since[-1:]:
        yield f"the ledger went on since, to {each.head.over} at least ({each.place})"


def _doubts(verdict: Verdict, anchored: int, count: int) -> Iterator[str]:
    """Why a ledger of so many records of which some are vouched for is not vouched for as a whole."""
    if not anchored:
        return
    if count - anchored > EVERY:
        yield f"more than {EVERY} records are newer than the newest checkpoint that vouches for any"
    elif count > anchored and verdict.recorded[count] - verdict.recorded[anchored + 1] > SIGNED_WITHIN:
        yield f"record {anchored + 1:,} is vouched for by no checkpoint, though others were recorded a day later"
    if late := [seq for seq in verdict.erasing if seq > anchored]:
        count = sum(verdict.erasing[seq] for seq in late)
        which = ", ".join(f"{seq:,}" for seq in late[:_NAMED])
        yield f"{count:,} personal texts are said to be erased by records that no checkpoint vouches for: {which}"


def _stamped_late(kept: Iterable[Kept], court: "Court") -> Iterator[tuple[int, str]]:
    """What only time stamps vouch for, and those long after it says that it was recorded, each with its last record.

    Who has the key can have a ledger that was written anew stamped as a whole, but not in the past. Where stamps began
    late, or nobody made any for a while, they vouch for what came after that all the same.
    """
    stamps = {each.place: each.stamped for each in kept if each.stamped is not None}
    vouching = [(each.head.size, stamps.get(each.place)) for each in court.away.points if each.head in court.agreeing]
    before = max((size for size, at in vouching if at is None), default=0)
    since: list[tuple[int, datetime]] = []
    for size, at in sorted(((size, at) for size, at in vouching if at is not None and size > before), reverse=True):
        since.append((size, min(at, since[-1][1]) if since else at))
    for size, at in reversed(since):
        first = court.verdict.recorded[before + 1]
        if at - first > STAMPED_WITHIN:
            said = f"record {before + 1:,} says that it was recorded at {first:%Y-%m-%d %H:%M} UTC"
            stamp = f"nothing but a time stamp of {at:%Y-%m-%d %H:%M} UTC vouches for {_records(before + 1, size)}"
            yield size, f"{said}, and {stamp}"
        before = size


class Court:
    """Decides which checkpoints count, and with which of those the ledger is to agree; `verdict` is what comes of it.

    What was signed beyond the place where the ledger was begun anew is given up, where the checkpoint that ends there
    is one of the new ledger, and another of it, or that, is kept elsewhere; nobody else can give anything up.
    """

    def __init__(self, ledger: Books, kept: Sequence[Kept], known: Sequence[PublicKey]) -> None:
        keys = believed(known, [each.note for each in (*kept, *ledger.own)], ledger.told)
        self.away = understood([each for each in kept if each.vouches], keys)
        near, own = understood([each for each in kept if not each.vouches], keys), understood(ledger.own, keys)
        self.not_counted = (*self.away.not_counted, *near.not_counted, *own.not_counted)
        self.points = [*self.away.points, *near.points, *own.points]
        self.agreeing: set[Head] = set()
        self.forks: list[Fork] = []
        self.since: list[Point] = []
        self._elsewhere = [*self.away.points, *near.points]
        self._late = [*self.away.late, *near.late, *own.late]
        self._own = {each.head for each in own.points}
        self._ledger = ledger
        self._told = _forks(ledger.told)
        self._roots: Mapping[int, bytes] = {}
        self.verdict = ledger.check([*self.points, *self._late], self._standing)
        self.agreeing = {head for head in self.agreeing if head.size <= self.verdict.agreed}

    def contradictions(self) -> Iterator[str]:
        """What keys signed, after they were handed over, that is not this ledger; none of it vouches for anything."""
        for each in self._late:
            is_other = self._roots.get(each.head.size) != each.head.root
            if is_other and not any(fork.gives_up(each.head) for fork in self.forks):
                yield f"{each.place}: signed by a key after it was handed over, and about another ledger"

    def _standing(self, roots: Mapping[int, bytes]) -> list[Point]:
        """Those points that are neither given up, nor of later than a copy of the ledger."""
        self._roots = roots
        self.agreeing = {each.head for each in self.points if roots.get(each.head.size) == each.head.root}
        away = [each.head for each in self.away.points if each.head in self.agreeing]
        ends = {(head.origin, head.size) for head in self.agreeing}
        self.forks = [
            fork
            for fork in self._told
            if (fork.after, fork.seq) in ends
            and any(head.size >= fork.seq and epoch(head.origin) >= epoch(fork.after) for head in away)
        ]
        standing = [each for each in self.points if not any(fork.gives_up(each.head) for fork in self.forks)]
        self.since = self._later(standing) if self._ledger.may_be_old else []
        later = {*self.since}
        return [each for each in standing if each not in later]

    def _later(self, points: Sequence[Point]) -> list[Point]:
        """Those kept elsewhere that go on from one that is kept elsewhere too and agrees, the smallest first.

        What is beside the ledger was made before it was copied, so that its end was cut off where it is over more.
        """
        least = max((epoch(fork.after) for fork in self.forks), default=1)
        since: dict[PublicKey, int] = {}
        for each in self._elsewhere:
            if each.head in self.agreeing:
                _trust(each, since)
        found: list[Point] = []
        for each in sorted({*points} & {*self._elsewhere}, key=lambda point: (point.head.size, point.place)):
            is_beyond = each.head.size > self._ledger.count and each.head not in self._own
            begun = epoch(each.head.origin)
            if is_beyond and begun >= least and any(key in since and since[key] <= begun for key in each.signers):
                found.append(each)
                _trust(each, since)
        return found


def _trust(point: Point, since: dict[PublicKey, int]) -> None:
    """Note by which keys a checkpoint was signed, and the earliest beginning of the ledger that each signed."""
    begun = epoch(point.head.origin)
    since.update({key: min(begun, since.get(key, begun)) for key in point.signers})


def _records(first: int, last: int) -> str:
    return f"records {first} to {last}" if first < last else f"record {last}"


def _forks(told: Iterable[audit.Told]) -> list[Fork]:
    """Where the records say that the ledger was begun anew, as far as they can be read."""
    found: list[Fork] = []
    for each in told:
        before, after = each.get("before"), each.get("after")
        if each.get("action") == FORKED and isinstance(before, Mapping) and isinstance(after, Mapping):
            reason = each.get("reason")
            words = reason if isinstance(reason, str) else "(a text of a person)"
            with suppress(KeyError):
                origin, agreed, size = (before[name] for name in ("origin", "agreed", "size"))
                fork = Fork(each["seq"], origin, agreed, size, after["origin"], words)
                if [type(value) for value in astuple(fork)] == [int, str, int, int, str, str]:
                    found.append(fork)
    return found


def proof(store: Store, seq: int, kept: Iterable[Kept] | None, known: Sequence[PublicKey]) -> str:
    """That record `seq` is part of the ledger, as a C2SP proof under the newest checkpoint, or of those that are given.

    The record itself is its extra data, so that the proof stands alone (https://c2sp.org/tlog-proof). Raises
    `StateError` where no checkpoint is over the record, and where the ledger does not agree with it.
    """
    with store.reading() as connection:
        every = _own(connection) if kept is None else kept
        records, _ = audit.head(connection)
        keys = dict.fromkeys(known, inf)
        heads = {point.head: each.note for each in every for point in understood([each], keys).points}
        fitting = [head for head in heads if seq <= head.size <= records]
        if not 0 < seq <= records:
            raise StateError(f"there is no record {seq}: the ledger has {records:,}; see `counterfoil audit log`")
        if not fitting:
            raise StateError(
                f"no checkpoint is over record {seq} yet; `counterfoil audit sign` makes one over all of them"
            )
        head = max(fitting, key=lambda each: (epoch(each.origin), each.size))
        body, siblings = _path(audit.bodies(connection), seq, head)
    return checkpoint.proof(seq - 1, body, siblings, heads[head])


def _path(bodies: Iterator[str], seq: int, head: Head) -> tuple[str, list[bytes]]:
    """The text of a record and its way up to the root of a checkpoint."""
    own: list[str] = []

    def leaves() -> Iterator[bytes]:
        for number, body in enumerate(bodies, 1):
            if number == seq:
                own.append(body)
            yield merkle.leaf(body.encode())

    siblings = merkle.path(seq - 1, head.size, leaves())
    [body] = own
    if merkle.rooted(merkle.leaf(body.encode()), seq - 1, head.size, siblings) != head.root:
        raise StateError("the ledger is not the one that was signed; see `counterfoil audit verify`")
    return body, siblings
