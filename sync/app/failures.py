"""Which exit code a failure has, and what is said about it."""

from connectors.errors import Denied, TrackerError
from state.errors import (
    AuditError,
    Busy,
    LeaseHeld,
    LeaseLost,
    Moved,
    SourceChanged,
    StateError,
    Tampered,
    Unreachable,
)
from sync.app.complaints import ConfigError

IN_ORDER = 0
BUG = 1
USAGE = 2
LATER = 3
BRAKE = 4
PERSON = 5
LEDGER = 6
CHANGES = 10


class Mistaken(Exception):
    """The command cannot do what it was asked; the message says why, and what to do instead."""


class Untrusted(Exception):
    """The ledger does not verify, so nothing runs."""


KNOWN = (ConfigError, StateError, TrackerError, Mistaken, Untrusted)
"""Every failure that is not a bug."""


def exit_code(error: Exception) -> int:
    """What the process says with its exit code about a known failure."""
    match error:
        case Untrusted() | Tampered():
            return LEDGER
        case AuditError():
            return BUG
        case Denied():
            return PERSON
        case Busy() | Unreachable() | LeaseHeld() | LeaseLost() | Moved() | SourceChanged() | TrackerError():
            return LATER
        case _:
            return USAGE


def words(error: Exception) -> str:
    """What is said about a known failure."""
    if isinstance(error, ConfigError):
        count = len(error.complaints)
        return f"{count} problem{'s' if count > 1 else ''} with the configuration\n{error}"
    return str(error)
