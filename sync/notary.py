"""Who signs the ledger: what goes on from the last checkpoint and nothing else, often, and hands it out at once."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from connectors.anchors.base import Anchor, AnchorError, Kept
from state import audit, checkpoint, checkpoints
from state.checkpoint import Head, NoCheckpoint, PublicKey, SigningKey, epoch, is_of, next_epoch
from state.checkpoints import FORKED, LEDGER, ROTATED, Anchored, Signed
from state.effects import Because, Effects, Note
from state.errors import StateError, Tampered
from state.store import Store
from state.verifying import Point, Start, Verdict, verify
from sync.proving import EVERY, Court, books

STEPS = ("seal", "anchor")
"""What it does that lasts or is seen: to store a checkpoint, and to hand it to one place."""
CRASH_POINTS = tuple(f"{step}.{side}" for step in STEPS for side in ("before", "after"))
"""The named points, one before and one after each step."""

_OFTEN = timedelta(hours=1)
"""A run that lasts longer signs what it recorded by then, however little that is."""

_HERE = "this database"
_RESTORED = ". Where the database was put back to an earlier state on purpose: `counterfoil audit fork --reason TEXT`"


@dataclass(slots=True)
class Notary:
    """Signs with `keys`, the first of which names the ledger, and hands checkpoints to `anchors`.

    Whom else it believes that what they signed is the ledger are the `trusted` keys. `size` is how many records are
    signed, as far as is known here. `complaints` say which anchors could not be asked or took nothing in the end, and
    `silent` of each by its name why it could not be asked.
    `crash` is called with each of `CRASH_POINTS`.
    """

    store: Store
    keys: Sequence[SigningKey]
    anchors: Sequence[Anchor]
    clock: Callable[[], datetime]
    trusted: Sequence[PublicKey] = ()
    crash: Callable[[str], None] = lambda _: None
    size: int = 0
    complaints: list[str] = field(default_factory=list)
    silent: dict[str, str] = field(default_factory=dict)
    _kept: dict[str, Point] | None = None
    _looked_at: datetime | None = None

    @property
    def known(self) -> tuple[PublicKey, ...]:
        """By what signatures are checked."""
        return (*(key.public for key in self.keys), *self.trusted)

    def watch(self, seq: int) -> None:
        """Sign once so many records came since the last checkpoint, or it is long ago; `seq` is the newest.

        Raises `Tampered`.
        """
        is_time = self._looked_at is not None and self.clock() - self._looked_at >= _OFTEN
        if seq - self.size >= (1 if is_time else EVERY) and (signed := self.sign()) is not None:
            self.hand_out(signed, at_once=False)

    def close(self, because: Because) -> list[str]:
        """Sign what was recorded by now; on a day (UTC) on which nothing was signed yet, that there was nothing.

        Gives what anchors complain of. Raises `Tampered`.
        """
        signed = self.sign() or self.store.ask(self._latest)
        if signed is not None and signed.signed_at.date() != self.clock().date():
            self.store.commit(None, Effects(notes=[Note("ledger.checked", LEDGER, because)]))
            signed = self.sign() or signed
        self.complaints = [] if signed is None else self.hand_out(signed, at_once=True)
        return self.complaints

    def sign(self) -> Signed | None:
        """Sign the ledger as it is; `None` where nothing was recorded since the last checkpoint, or another was faster.

        Raises `Tampered` if what was recorded since cannot be trusted, or if an anchor keeps what it does not go on
        from.
        """
        points = self._points()
        with self.store.reading() as connection:
            last, origin, found = self._examined(connection, points)
        if found.tree is None or found.tree.size == self.size:
            return None
        new = self._note(origin, found, self.keys)
        self.crash("seal.before")
        with self.store.writing() as w:
            newest = self._latest(w.connection)
            if is_new := (newest and newest.note) == (last and last.note):
                checkpoints.put(w.connection, new)
        self.crash("seal.after")
        return new if is_new else None

    def check(self) -> None:
        """Raise `Tampered` unless the ledger goes on from what was signed, and from what the anchors keep.

        From here on those are not asked again: what they get is known.
        """
        points = self._points()
        with self.store.reading() as connection:
            self._examined(connection, points)

    def rotate(self, new: SigningKey, because: Because) -> Signed:
        """Let another key sign from now on: both sign the record of that, so that who knows one can believe the other.

        What they sign names the new key, so that a signature of the old one under anything else hands over nothing.
        Until this one is done, both sign. Raises `Tampered`.
        """
        points = self._points()
        with self.store.writing() as w:
            _, origin, found = self._examined(w.connection, points)
            before, after = ({"key": str(key.public)} for key in (self.keys[0], new))
            w.ledger.note(ROTATED, LEDGER, because, before=before, after=after)
            w.ledger.append(w.connection)
            found = verify(w.connection, start=Start(found.head, found.tree) if found.tree else None)
            signed = self._note(origin, found, [*self.keys, new], successor=str(new.public))
            checkpoints.put(w.connection, signed)
        self.keys = [new, *self.keys]
        return signed

    def fork(self, because: Because, without: Collection[str] = ()) -> Signed:
        """Begin the ledger anew under another name, after the database was put back to an earlier state.

        Its first record says what is given up: all that was signed beyond the newest checkpoint that still agrees, up
        to the last, whose size and root it carries. It is signed in the same transaction. Every anchor is asked for all
        that it keeps, but for those to do `without`. Raises `Tampered` where the ledger goes on from what was signed,
        so that there is nothing to give up, and where it contradicts itself; `StateError` where an anchor cannot be
        asked.
        """
        kept = self._every(without)
        with self.store.writing() as w:
            here = verify(w.connection)
            if here.first_bad is not None:
                raise Tampered(f"{here.first_bad[1]}; put an older copy of the database in its place")
            self._refuse_old_key(audit.told_of(w.connection, LEDGER))
            court = Court(books(w.connection), kept, self.known)
            if court.verdict.ok:
                raise Tampered("the ledger goes on from every checkpoint known here, so there is nothing to give up")
            heads, agreed = [point.head for point in court.points], court.verdict.agreed
            last = max(heads, key=_age)
            checkpoints.drop(w.connection, agreed)
            before = {"origin": last.origin, "size": max(head.size for head in heads), "agreed": agreed}
            before["checkpoint"] = {"size": last.size, "root": last.root.hex()}
            origin = next_epoch(self._name, last.origin)
            w.ledger.note(FORKED, LEDGER, because, before=before, after={"origin": origin})
            w.ledger.append(w.connection)
            new = self._note(origin, verify(w.connection), self.keys)
            checkpoints.put(w.connection, new)
        return new

    def _every(self, without: Collection[str]) -> list[Kept]:
        """Every checkpoint that is kept elsewhere."""
        found: list[Kept] = []
        for anchor in self.anchors:
            if anchor.name in without:
                continue
            try:
                found += anchor.every()
            except AnchorError as error:
                raise StateError(
                    f"{anchor.name} could not be asked what it keeps: {error}. What it keeps would speak against the "
                    f"ledger for ever; mend that, or give up what it keeps beyond the others: --without {anchor.name}"
                ) from error
        return found

    @property
    def _name(self) -> str:
        return self.keys[0].name

    def _note(self, origin: str, found: Verdict, keys: Sequence[SigningKey], successor: str = "") -> Signed:
        if found.first_bad is not None or found.tree is None:
            raise Tampered(f"{found.first_bad and found.first_bad[1]}; nothing was signed")
        self.size = found.tree.size
        head = Head(origin, found.tree.size, found.tree.root, successor)
        return Signed(checkpoint.signed(head, keys), found.before, self.clock())

    def _examined(self, connection: Connection, points: Sequence[Point]) -> tuple[Signed | None, str, Verdict]:
        """The last checkpoint, what the ledger is called, and what came since it and what the anchors keep."""
        told = audit.told_of(connection, LEDGER)
        counts = self._counts(told)
        last = checkpoints.latest(connection, counts)
        if last is None and not points:
            self._refuse_unknown(connection)
        _refuse_planted(told, 0 if last is None else last.head.size)
        self._refuse_old_key(told)
        known = [*points, *([] if last is None else [Point(last.head, _HERE)])]
        standing = max((epoch(point.head.origin) for point in known), default=1)
        known = [point for point in known if epoch(point.head.origin) == standing]
        start = last.start if last is not None and _are_known(connection, known, last, counts) else None
        found = verify(connection, known, start)
        if found.first_bad is not None and start is not None:
            whole = verify(connection, known)
            found = whole if whole.ok or (whole.tree is not None and whole.tree.size < start.tree.size) else found
        self.size = 0 if last is None else last.head.size
        self._looked_at = self.clock()
        if found.first_bad is not None:
            raise Tampered(f"{found.first_bad[1]}; see `counterfoil audit verify`{_RESTORED}")
        newest = max((point.head for point in known), key=_age, default=None)
        return last, self._name if newest is None else newest.origin, found

    def _refuse_old_key(self, told: Iterable[audit.Told]) -> None:
        """Raise `Tampered` where the ledger was handed over to a key that is not at hand."""
        public = str(self.keys[0].public)
        if (handed := checkpoints.successions(told).get(public)) is not None:
            seq, after = handed
            raise Tampered(
                f"the configuration still names the signing key {public}, which was handed over in record {seq}: let "
                f"audit.key_file or audit.key_env name the next one, {after}, and audit.public_keys this one"
            )

    def _latest(self, connection: Connection) -> Signed | None:
        """The newest checkpoint in the database that is ours; what somebody else put beside it has no say."""
        return checkpoints.latest(connection, self._counts(audit.told_of(connection, LEDGER)))

    def _counts(self, told: Iterable[audit.Told]) -> Callable[[Signed], bool]:
        """Whether a checkpoint in the database is ours, and over as many records as it says."""
        read = self._reader(told)

        def counts(signed: Signed) -> bool:
            head = read(signed.note)
            return head is not None and head.size == signed.start.tree.size + 1

        return counts

    def _refuse_unknown(self, connection: Connection) -> None:
        """Raise `Tampered` where the ledger was signed, but by no key at hand: the one at hand may be the wrong one."""
        for size, note in checkpoints.notes(connection):
            with suppress(NoCheckpoint):
                head = checkpoint.unchecked(note)
                if head.size == size and is_of(self._name, head.origin) and not checkpoint.is_by(note, self.known):
                    raise Tampered(
                        f"the checkpoint over {head.over} in the database is not ours: it is signed by none of "
                        "the keys that are known here; let audit.public_keys name the one that signed it, or, where "
                        "somebody else put it there, take it out of the table checkpoint"
                    )

    def hand_out(self, signed: Signed, *, at_once: bool) -> list[str]:
        """Give the checkpoint to every anchor that has not got it, to those that are not to be bothered only if it
        has been long enough or `at_once`. A place that fails is noted and told of; nothing else comes of it.
        """
        there, failed = self.store.ask(checkpoints.anchors), list(self.silent.values()) if at_once else []
        for anchor in self.anchors:
            told = there.get(anchor.name, Anchored(anchor.name))
            if not at_once and not self._is_time(anchor, told):
                continue
            now = self.clock()
            try:
                self.crash("anchor.before")
                anchor.keep(signed.head, signed.note)
                self.crash("anchor.after")
                after = Anchored(anchor.name, signed.head.size, now)
                self._gave(anchor.name, signed.head)
            except AnchorError as error:
                after = Anchored(anchor.name, told.size, told.kept_at, now, str(error))
                failed.append(f"{anchor.name} did not take the checkpoint over {signed.head.over}: {error}")
            if after.failed_at or (told.size, told.why) != (after.size, after.why):
                with self.store.writing() as w:
                    checkpoints.note_anchor(w.connection, after)
        return failed

    def _is_time(self, anchor: Anchor, told: Anchored) -> bool:
        last = max(filter(None, (told.kept_at, told.failed_at)), default=None)
        return last is None or self.clock() - last >= anchor.spacing

    def _points(self) -> list[Point]:
        """The newest checkpoint of each anchor that can be asked for it and that one of our keys signed.

        They are asked once, outside of every transaction.
        """
        if self._kept is None:
            self._kept = {}
            read = self._reader(self.store.ask(partial(audit.told_of, object_=LEDGER)))
            for anchor in self.anchors:
                try:
                    found = next(filter(None, map(read, anchor.notes(self._name))), None)
                except AnchorError as error:
                    self.silent[anchor.name] = f"{anchor.name} could not be asked what it keeps: {error}"
                    continue
                if found is not None:
                    self._gave(anchor.name, found)
        return list(self._kept.values())

    def _gave(self, name: str, head: Head) -> None:
        if self._kept is not None:
            self._kept[name] = Point(head, name)

    def _reader(self, told: Iterable[audit.Told]) -> Callable[[str], Head | None]:
        handed = checkpoints.successions(told)
        return partial(self._read, {key: seq for key, (seq, _) in handed.items()})

    def _read(self, handed_over: Mapping[str, int], note: str) -> Head | None:
        """What a note states that was found somewhere, if one of our keys signed it as a checkpoint of this ledger.

        What keys sign over more records than when they were handed over is nothing of ours.
        """
        try:
            head, by = checkpoint.read(note, self.known)
        except NoCheckpoint:
            return None
        is_late = head.size > max(handed_over.get(str(key), head.size) for key in by)
        return head if is_of(self._name, head.origin) and not is_late else None


def _are_known(connection: Connection, points: Iterable[Point], last: Signed, counts: Callable[[Signed], bool]) -> bool:
    """Whether what anchors keep of the time before the last checkpoint was signed here as well."""
    earlier = {point.head for point in points if point.head.size <= last.start.tree.size}
    there = (checkpoints.at(connection, head.size) for head in earlier)
    return earlier <= {each.head for each in there if each is not None and counts(each)}


def _refuse_planted(told: Iterable[audit.Told], signed: int) -> None:
    """Raise `Tampered` where a record that nobody signed says what is only ever written together with a signature."""
    for each in told:
        seq, action = each.get("seq"), each.get("action")
        if isinstance(seq, int) and seq > signed and action in (FORKED, ROTATED):
            raise Tampered(
                f"record {seq} says {action}, but nobody signed it as the program does: somebody else "
                "wrote it into the database; put a copy from before in its place"
            )


def _age(head: Head) -> tuple[int, int]:
    """Later checkpoints of a ledger are greater: those of a later epoch, then those over more records."""
    return epoch(head.origin), head.size
