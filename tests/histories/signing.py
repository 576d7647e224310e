"""A ledger that every run signs as the program does, and a folder elsewhere that keeps what was signed."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from weakref import finalize

from connectors.anchors.directory import Directory
from state.audit import AuditRecord
from state.effects import Because
from state.model import Actor, Agent
from state.store import Store
from sync.notary import Notary
from tests.histories.weather import Killed
from tests.signing import KEY, is_vouched_for

MEMORY = Path("/dev/shm")  # noqa: S108
"""Where files are kept that no loss of power is to survive, if the machine has that."""

_BECAUSE = Because(Agent(Actor.SCHEDULE, "counterfoil", "cron"), reason="nothing was recorded today")
_AFTER = 10
"""So many records are looked at: more than a run adds that has nothing to do."""


class Safe:
    """The folder, and who signs; each run signs anew, as a process of its own does."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        finalize(self, shutil.rmtree, self._folder)

    def empty(self) -> None:
        """Forget what was kept."""
        for file in self._folder.iterdir():
            file.unlink()

    @contextmanager
    def signing(self, store: Store, clock: Callable[[], datetime], crash: Callable[[str], None]) -> Iterator[Notary]:
        """What a run recorded is signed however it ends, unless it is killed. Raises `Tampered`."""
        notary = Notary(store, [KEY], [Directory("share", self._folder)], clock, crash=crash)
        notary.check()
        try:
            yield notary
        except Killed:
            raise
        except BaseException:
            self._close(notary)
            raise
        self._close(notary)

    def _close(self, notary: Notary) -> None:
        if complaints := notary.close(_BECAUSE):
            raise AssertionError(complaints)

    def vouches_for(self, store: Store) -> bool:
        """Whether the ledger is whole, and signed to its end."""
        return is_vouched_for(store, self._folder)


def beyond(store: Store, seq: int) -> list[str]:
    """What was recorded after this number, but for that a day has begun of which nothing else is on record."""
    last = sorted(store.log(newest=_AFTER), key=lambda record: record.seq)
    return [
        f"{new.told['action']} of {new.told['object']}"
        for before, new in pairwise(last)
        if new.seq > seq and (new.told["action"] != "ledger.checked" or _day(before) == _day(new))
    ]


def _day(record: AuditRecord) -> str:
    return str(record.told["recorded"])[:10]
