"""What an auditor may conclude about the ledger: from its records, and from checkpoints that were kept elsewhere."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import Connection

from state import audit, checkpoint, checkpoints, merkle
from state.checkpoint import BadKey, Head, NoCheckpoint, PublicKey, epoch, is_of
from state.checkpoints import FORKED, LEDGER, ROTATED
from state.errors import StateError
from state.store import Store
from state.verifying import Point, Standing, Verdict, verify

_HERE = "this database"
EVERY = 100
"""After so many records at the latest a checkpoint is signed; more of them that none vouches for decide nothing."""


class Conclusion(StrEnum):
    """What can be said of the ledger."""

    ANCHORED = "anchored"
    TAMPERED = "tampered"
    UNDECIDED = "consistent, not anchored"


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint as it was found somewhere."""

    note: str
    place: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of checking the ledger.

    `anchored` so many of its `records` are vouched for by a checkpoint that was kept elsewhere. `last_good` is the
    newest checkpoint that agrees, wherever it is kept; `checked` so many kept elsewhere agree. `not_counted` says where
    notes are that do not count, and why, and `given_up` which records were given up when the ledger was begun anew.
    """

    conclusion: Conclusion
    verdict: Verdict
    records: int
    anchored: int
    last_good: Head | None = None
    checked: int = 0
    not_counted: tuple[str, ...] = ()
    given_up: tuple[str, ...] = ()


@dataclass(slots=True)
class _Read:
    """Notes that were read: what they state, and why others do not count."""

    points: list[Point] = field(default_factory=list)
    not_counted: list[str] = field(default_factory=list)


Check = Callable[[Iterable[Point], Standing], Verdict]
"""Checks a ledger, given the checkpoints that there are, and which of them it is to agree with."""


def examine(store: Store, kept: Iterable[Kept], known: Sequence[PublicKey]) -> Finding:
    """Check every record, and every checkpoint that one of the `known` keys signed, or one they handed over to."""
    elsewhere = list(kept)
    with store.reading() as connection:
        return examined(connection, elsewhere, known)


def examined(connection: Connection, kept: Sequence[Kept], known: Sequence[PublicKey]) -> Finding:
    """The same of one moment of a database."""
    own = [Kept(each, _HERE) for each in checkpoints.notes(connection)]
    told, (count, _) = audit.told_of(connection, LEDGER), audit.head(connection)
    return concluded(told, count, own, kept, known, lambda points, which: verify(connection, points, standing=which))


def concluded(
    told: Sequence[audit.Told],
    count: int,
    own: Sequence[Kept],
    kept: Sequence[Kept],
    known: Sequence[PublicKey],
    check: Check,
) -> Finding:
    """What to conclude about a ledger of so many records: its `own` checkpoints are beside it, others `kept` elsewhere.

    `told` is what the records about the ledger itself say.
    """
    known = _believed(known, [each.note for each in (*kept, *own)], told)
    away, here = _read(kept, known), _read(own, known)
    court = _Court(away.points, here.points, _forks(told))
    verdict = check([*away.points, *here.points], court.standing)
    vouched = [point.head for point in away.points if point in court.agreeing and point.head.size <= verdict.agreed]
    anchored = max((head.size for head in vouched), default=0)
    sound = Conclusion.ANCHORED if anchored and count - anchored <= EVERY else Conclusion.UNDECIDED
    good = [point.head for point in court.agreeing if point.head.size <= verdict.agreed]
    return Finding(
        sound if verdict.ok else Conclusion.TAMPERED,
        verdict,
        count,
        anchored,
        max(good, key=lambda head: head.size, default=None),
        len(vouched),
        (*away.not_counted, *here.not_counted),
        tuple(court.given_up),
    )


@dataclass(frozen=True, slots=True)
class _Fork:
    """Where a ledger was begun anew: its first record, what it was called before and after, and why."""

    seq: int
    before: str
    size: int
    after: str
    reason: str


class _Court:
    """Decides which checkpoints the ledger is to agree with.

    What was signed beyond the place where the ledger was begun anew is given up, where a checkpoint of the new one,
    kept elsewhere, vouches for the record of that; nobody else can give anything up.
    """

    def __init__(self, away: Sequence[Point], here: Sequence[Point], forks: Sequence[_Fork]) -> None:
        self._away = away
        self._all = (*away, *here)
        self._forks = forks
        self.agreeing: list[Point] = []
        self.given_up: list[str] = []

    def standing(self, roots: Mapping[int, bytes]) -> list[Point]:
        """Those points that are not given up."""
        self.agreeing = [point for point in self._all if roots.get(point.head.size) == point.head.root]
        forks = [fork for fork in self._forks if self._is_vouched(fork)]
        self.given_up += [self._words(fork) for fork in forks]
        return [point for point in self._all if not any(_gives_up(fork, point) for fork in forks)]

    def _is_vouched(self, fork: _Fork) -> bool:
        own = (p.head for p in self.agreeing if p in self._away)
        return any(head.origin == fork.after and head.size >= fork.seq for head in own)

    def _words(self, fork: _Fork) -> str:
        before = [p.head.size for p in self.agreeing if p.head.size < fork.seq and p.head.origin != fork.after]
        since = max(before, default=0) + 1
        words = f"records {fork.seq} to {fork.size} of {fork.before} were given up: {fork.reason}"
        which = " to ".join(map(str, dict.fromkeys((since, fork.seq - 1))))
        return words + (f"; nothing from before vouches for record {which}" if since < fork.seq else "")


def _gives_up(fork: _Fork, point: Point) -> bool:
    return epoch(point.head.origin) < epoch(fork.after) and fork.seq <= point.head.size <= fork.size


def _forks(told: Iterable[audit.Told]) -> list[_Fork]:
    """Where the records say that the ledger was begun anew, as far as they can be read."""
    found: list[_Fork] = []
    for each in told:
        before, after = each.get("before"), each.get("after")
        if each.get("action") == FORKED and isinstance(before, Mapping) and isinstance(after, Mapping):
            with suppress(KeyError, TypeError, ValueError):
                size, seq = int(before["size"]), int(each["seq"])
                found.append(_Fork(seq, str(before["origin"]), size, str(after["origin"]), str(each["reason"])))
    return found


def _believed(known: Sequence[PublicKey], notes: Sequence[str], told: Iterable[audit.Told]) -> list[PublicKey]:
    """The known keys, and each that a record says one of them handed over to, where both signed that very record."""
    found = list(known)
    for each in told:
        if each.get("action") != ROTATED:
            continue
        with suppress(BadKey, KeyError, TypeError, ValueError, AttributeError):
            before, after = (PublicKey.read(each[side]["key"]) for side in ("before", "after"))
            if before in found and any(_both_signed(note, before, after, each["seq"]) for note in notes):
                found.append(after)
    return list(dict.fromkeys(found))


def _both_signed(note: str, before: PublicKey, after: PublicKey, size: int) -> bool:
    try:
        head, by = checkpoint.read(note, (before, after))
    except NoCheckpoint:
        return False
    return head.size == size and {*by} == {before, after}


def _read(kept: Iterable[Kept], known: Sequence[PublicKey]) -> _Read:
    """What notes state that one of the keys signed as checkpoints of its ledger, and why others do not count."""
    found = _Read()
    for each in kept:
        try:
            head, by = checkpoint.read(each.note, known)
        except NoCheckpoint as error:
            found.not_counted.append(f"{each.place}: {error}")
            continue
        if any(is_of(key.name, head.origin) for key in by):
            found.points.append(Point(head, each.place))
        else:
            found.not_counted.append(f"{each.place}: it is about {head.origin}")
    return found


def proof(store: Store, seq: int, kept: Iterable[Kept], known: Sequence[PublicKey]) -> str:
    """That record `seq` is part of the ledger, as a C2SP proof under the newest checkpoint that there is.

    The record itself is its extra data, so that the proof stands alone (https://c2sp.org/tlog-proof). Raises
    `StateError` where no checkpoint is over the record, and where the ledger does not agree with it.
    """
    with store.reading() as connection:
        every = [*(Kept(each, _HERE) for each in checkpoints.notes(connection)), *kept]
        records, _ = audit.head(connection)
        heads = {point.head: each.note for each in every for point in _read([each], known).points}
        fitting = [head for head in heads if seq <= head.size <= records]
        if not 0 < seq <= records or not fitting:
            raise StateError(
                f"there is no record {seq} under a checkpoint yet; `counterfoil audit sign` makes one over all of them"
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
