"""Who signs the ledger: what goes on from the last checkpoint and nothing else, often, and hands it out at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.anchors.base import Anchor, AnchorError
from state import checkpoint, checkpoints
from state.checkpoint import Head, NoCheckpoint, PublicKey, SigningKey
from state.checkpoints import LEDGER, Anchored, Signed
from state.effects import Because, Effects, Note
from state.errors import Tampered
from state.store import Store
from state.verifying import Point, Start, Verdict, verify

EVERY = 100
"""After so many records at the latest a checkpoint is signed."""
SILENCE = timedelta(hours=24)
"""After so long without a record one is written, so that it can be shown that nothing else happened."""


_RESTORED = ". Where the database was put back to an earlier state on purpose: `counterfoil audit fork --reason TEXT`"


@dataclass(slots=True)
class Notary:
    """Signs with `keys`, the first of which names the ledger, and hands checkpoints to `anchors`.

    `size` is how many records are signed, as far as is known here.
    """

    store: Store
    keys: Sequence[SigningKey]
    anchors: Sequence[Anchor]
    clock: Callable[[], datetime]
    size: int = 0

    @property
    def known(self) -> tuple[PublicKey, ...]:
        """By what its own signatures are checked."""
        return tuple(key.public for key in self.keys)

    def watch(self, seq: int) -> None:
        """Sign once so many records came since the last checkpoint; `seq` is the newest. Raises `Tampered`."""
        if seq - self.size >= EVERY and (signed := self.sign()) is not None:
            self.hand_out(signed, at_once=False)

    def close(self, because: Because) -> list[str]:
        """Sign what was recorded by now; after a day without records, that there were none. What anchors complain of.

        Raises `Tampered`.
        """
        last = self.store.ask(checkpoints.latest)
        if last is not None and self.clock() - last.signed_at >= SILENCE and self._nothing_since(last):
            self.store.commit(None, Effects(notes=[Note("ledger.checked", LEDGER, because)]))
        signed = self.sign() or last
        return [] if signed is None else self.hand_out(signed, at_once=True)

    def sign(self) -> Signed | None:
        """Sign the ledger as it is; `None` where nothing was recorded since the last checkpoint, or another was faster.

        Raises `Tampered` if what was recorded since cannot be trusted, or if an anchor keeps what it does not go on
        from.
        """
        last, origin, found = self._examined()
        self.size = found.tree.size if found.tree is not None else 0
        if not found.records or found.tree is None:
            return None
        note = checkpoint.signed(Head(origin, found.tree.size, found.tree.root), self.keys)
        new = Signed(note, Start(found.head, found.tree), self.clock())
        with self.store.writing() as w:
            return new if checkpoints.put(w.connection, last, new) else None

    def check(self) -> None:
        """Raise `Tampered` unless the ledger goes on from what was signed, and from what the anchors keep."""
        self._examined()

    def _examined(self) -> tuple[Signed | None, str, Verdict]:
        """The last checkpoint, what the ledger is called, and what came since."""
        with self.store.reading() as connection:
            last = checkpoints.latest(connection)
            origin = checkpoints.origin(connection, self.keys[0].name)
            self.must_be_ours(last)
            self.size = 0 if last is None else last.head.size
            found = verify(connection, list(self._kept(origin)), None if last is None else last.start)
        if found.first_bad is not None:
            raise Tampered(f"{found.first_bad[1]}; see `counterfoil audit verify`{_RESTORED}")
        return last, origin, found

    def fork(self, because: Because) -> Signed:
        """Begin the ledger anew under another name, after the database was put back to an earlier state.

        Its first record names the last checkpoint of the one before, so that everybody sees what was given up. Raises
        `Tampered` where the ledger goes on from what was signed, so that there is nothing to give up, and where it
        contradicts itself.
        """
        with self.store.reading() as connection:
            origin = checkpoints.origin(connection, self.keys[0].name)
            newest = checkpoints.latest(connection)
            kept = list(self._kept(origin)) + ([Point(newest.head, "this database")] if newest else [])
            here, agreed = verify(connection), verify(connection, kept)
        if here.first_bad is not None or here.tree is None:
            raise Tampered(f"{here.first_bad and here.first_bad[1]}; put an older copy of the database in its place")
        if agreed.ok:
            raise Tampered(
                "the ledger goes on from every checkpoint that is known here, so there is nothing to give up"
            )
        last = max((point.head for point in kept), key=lambda head: head.size)
        with self.store.writing() as w:
            checkpoints.drop(w.connection, agreed.agreed)
            after = checkpoints.next_origin(w.connection, self.keys[0].name)
            before = {"origin": origin, "size": last.size, "root": last.root.hex()}
            w.ledger.note(checkpoints.FORKED, LEDGER, because, before=before, after={"origin": after})
        signed = self.sign()
        if signed is None:
            raise Tampered("somebody else signed the ledger meanwhile; look at it with `counterfoil audit verify`")
        return signed

    def must_be_ours(self, last: Signed | None) -> None:
        """Raise `Tampered` unless the newest checkpoint here was signed by one of the keys, over what it says."""
        if last is None:
            return
        try:
            head, _ = checkpoint.read(last.note, self.known)
        except NoCheckpoint as error:
            raise Tampered(f"the last checkpoint in the database is not ours: {error}") from error
        if (head.size, head.root) != (last.start.tree.size, last.start.tree.root):
            raise Tampered("the last checkpoint in the database goes on from something else than it says")

    def hand_out(self, signed: Signed, *, at_once: bool) -> list[str]:
        """Give the checkpoint to every anchor that has not got it, to those that are not to be bothered only if it
        has been long enough or `at_once`. A place that fails is noted and told of; nothing else comes of it.
        """
        there, failed = self.store.ask(checkpoints.anchors), []
        for anchor in self.anchors:
            told = there.get(anchor.name, Anchored(anchor.name))
            if told.size >= signed.head.size or (not at_once and not self._is_time(anchor, told)):
                continue
            now = self.clock()
            try:
                anchor.keep(signed.head, signed.note)
                after = Anchored(anchor.name, signed.head.size, now)
            except AnchorError as error:
                after = Anchored(anchor.name, told.size, told.kept_at, now, str(error))
                failed.append(f"{anchor.name} did not take the checkpoint over {signed.head.size} records: {error}")
            with self.store.writing() as w:
                checkpoints.note_anchor(w.connection, after)
        return failed

    def _is_time(self, anchor: Anchor, told: Anchored) -> bool:
        last = max(filter(None, (told.kept_at, told.failed_at)), default=None)
        return last is None or self.clock() - last >= anchor.spacing

    def _nothing_since(self, last: Signed) -> bool:
        return not list(self.store.log(since=last.head.size, newest=1))

    def _kept(self, origin: str) -> Iterator[Point]:
        """The newest checkpoint of each anchor that can be asked for it and that one of our keys signed."""
        for anchor in self.anchors:
            try:
                note = anchor.newest(origin)
                head = None if note is None else checkpoint.read(note, self.known)[0]
            except (AnchorError, NoCheckpoint):
                continue
            if head is not None and head.origin == origin:
                yield Point(head, anchor.name)
