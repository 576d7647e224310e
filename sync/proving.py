"""What an auditor may conclude about the ledger: from its records, and from checkpoints that were kept elsewhere."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from state import audit, checkpoint, checkpoints, merkle
from state.checkpoint import Head, NoCheckpoint, PublicKey
from state.checkpoints import FORKED, LEDGER
from state.errors import StateError
from state.store import Store
from state.verifying import Point, Verdict, verify

_HERE = "this database"


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
    newest checkpoint that agrees, wherever it is kept. `unknown` are notes that no known key signed, `foreign` those of
    other ledgers, each with where and why; `given_up` says what earlier states were given up for.
    """

    conclusion: Conclusion
    verdict: Verdict
    records: int
    anchored: int
    last_good: Head | None = None
    checked: int = 0
    unknown: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    given_up: tuple[str, ...] = ()


@dataclass(slots=True)
class _Points:
    """Checkpoints that were read, sorted by what they are worth."""

    elsewhere: list[Point] = field(default_factory=list)
    here: list[Point] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


def examine(store: Store, kept: Iterable[Kept], known: Sequence[PublicKey]) -> Finding:
    """Check every record, and every checkpoint that one of the `known` keys signed."""
    with store.reading() as connection:
        forks = _forks(audit.told_of(connection, LEDGER))
        names = {key.name for key in known}
        here = [Kept(each.note, _HERE) for each in checkpoints.every(connection)]
        points = _read(kept, known, names)
        points.here = _read(here, known, names).elsewhere
        given_up, standing = _without_given_up([*points.elsewhere, *points.here], forks)
        verdict = verify(connection, standing)
        records, _ = audit.head(connection)
    good = [point.head for point in standing if verdict.agreed >= point.head.size]
    away = [p.head.size for p in standing if p.place != _HERE and p.head.size <= verdict.agreed]
    anchored = max(away, default=0)
    conclusion = Conclusion.ANCHORED if anchored else Conclusion.UNDECIDED
    return Finding(
        conclusion if verdict.ok else Conclusion.TAMPERED,
        verdict,
        records,
        anchored,
        max(good, key=lambda head: head.size, default=None),
        len(standing),
        tuple(points.unknown),
        tuple(points.foreign),
        tuple(given_up),
    )


def _read(kept: Iterable[Kept], known: Sequence[PublicKey], names: set[str]) -> _Points:
    found = _Points()
    for each in kept:
        try:
            head, _ = checkpoint.read(each.note, known)
        except NoCheckpoint as error:
            found.unknown.append(f"{each.place}: {error}")
            continue
        if head.origin.partition("/epoch-")[0] in names:
            found.elsewhere.append(Point(head, each.place))
        else:
            found.foreign.append(f"{each.place}: it is about {head.origin}")
    return found


@dataclass(frozen=True, slots=True)
class _Fork:
    """Where a ledger was begun anew: its first record, from which checkpoint it was, what it was called, and why."""

    seq: int
    origin: str
    size: int
    reason: str


def _forks(told: Iterable[audit.Told]) -> list[_Fork]:
    made = [each for each in told if each["action"] == FORKED]
    return [_Fork(each["seq"], each["before"]["origin"], each["before"]["size"], each["reason"]) for each in made]


def _without_given_up(points: Iterable[Point], forks: Sequence[_Fork]) -> tuple[list[str], list[Point]]:
    """Which checkpoints are about records that were given up on record, in words, and the others."""
    by = {fork.origin: fork for fork in forks}
    given_up: dict[str, None] = {}
    standing: list[Point] = []
    for point in points:
        fork = by.get(point.head.origin)
        if fork is not None and fork.seq <= point.head.size <= fork.size:
            words = f"records {fork.seq} to {fork.size} of {fork.origin} were given up: {fork.reason}"
            given_up[words] = None
        else:
            standing.append(point)
    return list(given_up), standing


def proof(store: Store, seq: int, kept: Iterable[Kept], known: Sequence[PublicKey]) -> str:
    """That record `seq` is part of the ledger, as a C2SP proof under the newest checkpoint that there is.

    The record itself is its extra data, so that the proof stands alone (https://c2sp.org/tlog-proof). Raises
    `StateError` where no checkpoint is over the record, and where the ledger does not agree with it.
    """
    notes = {}
    with store.reading() as connection:
        for each in (*(Kept(each.note, _HERE) for each in checkpoints.every(connection)), *kept):
            try:
                head, _ = checkpoint.read(each.note, known)
            except NoCheckpoint:
                continue
            notes[head.size] = (head, each.note)
        records, _ = audit.head(connection)
        fitting = [size for size in notes if seq <= size <= records]
        if not 0 < seq <= records or not fitting:
            raise StateError(
                f"there is no record {seq} under a checkpoint yet; `counterfoil audit sign` makes one over all of them"
            )
        head, note = notes[max(fitting)]
        body, siblings = _path(audit.bodies(connection), seq, head)
    return checkpoint.proof(seq - 1, body, siblings, note)


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
