"""What can go wrong with what we know, each saying what, where and what to run next."""

from datetime import datetime


class StateError(Exception):
    """The state could not be read or written; the message says what, where and the next command."""


class NotInitialised(StateError):
    """There is no database at this URL yet."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"there is no database at {name}: mend `url` under [state] if there should be one, since a new one "
            "knows of no ticket; to begin, run `counterfoil init`"
        )


class Outdated(StateError):
    """The database was written by an older program than this one, and is to be brought up to date."""


class TooNew(StateError):
    """The database was written by a newer program than this one."""


class Busy(StateError):
    """Another program holds the database for the moment; nothing was written."""


class Unreachable(StateError):
    """The database server does not answer, or went away; a step it was asked for was kept whole or not at all."""


class Damaged(StateError):
    """The database holds what cannot be read or cannot be; nothing was written."""


class Elsewhere(StateError):
    """The installation was moved to another database, so nothing is written to this one."""

    def __init__(self, to: str) -> None:
        super().__init__(
            f'this installation was moved to another database: write url = "{to}" under [state]. If that one is not '
            "there or was never used, `counterfoil state reclaim --reason TEXT` goes on with this one"
        )


class LeaseLost(StateError):
    """Another process holds the lease now, so nothing of this transaction was written."""


class LeaseHeld(StateError):
    """Another run is under way; `holder` says whose, `since` and `expires` (UTC) from when until when."""

    def __init__(self, holder: str, since: datetime, expires: datetime) -> None:
        super().__init__(
            f"another run holds the lease: {holder}, since {since:%Y-%m-%d %H:%M:%S} UTC; wait for it to end, "
            f"or until {expires:%H:%M:%S} UTC if it died where that cannot be seen from here, and run the command again"
        )
        self.holder = holder
        self.since = since
        self.expires = expires


class Tampered(StateError):
    """The ledger is not the one that was signed; nothing was signed and nothing runs."""


class UnknownRef(StateError):
    """Nothing has this reference."""

    def __init__(self, ref: str, listed: str = "item list") -> None:
        lists = {"H-": "holds list", "EV-": "evidence list", "RA-": "accept list --all"}
        command = next((each for mark, each in lists.items() if ref.upper().startswith(mark)), listed)
        super().__init__(f"nothing is called {ref!r}; `counterfoil {command}` shows what there is")
        self.ref = ref


class Moved(StateError):
    """An item changed after the change to it was decided, so nothing of this transaction was written."""

    def __init__(self, ref: str, seen: int, now: int) -> None:
        super().__init__(
            f"{ref} is at revision {now}, but the change was made for revision {seen}; somebody changed it meanwhile. "
            "Nothing of this step was kept: run the command again"
        )
        self.ref = ref


class SourceChanged(StateError):
    """The second reading of a source gave other rows than the first; whole batches of rows may have been taken in."""

    def __init__(self) -> None:
        super().__init__("the source changed while it was read; take it in again, which does nothing twice")


class AuditError(StateError):
    """A record cannot be written in the ledger's canonical form, so nothing of this transaction was written."""
