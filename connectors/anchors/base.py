"""Where checkpoints are kept off the machine: the few things that every such place can do."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from state.checkpoint import Head


class AnchorError(Exception):
    """A place did not take a checkpoint, or cannot be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint as it was found somewhere.

    It `vouches` for a ledger unless it is a copy on this machine of what is kept elsewhere. `stamped` is when somebody
    else said that it was there, where its only worth is that (UTC).
    """

    note: str
    place: str
    vouches: bool = True
    stamped: datetime | None = None


class Anchor(Protocol):
    """One place. `name` is what it is called in the configuration; `spacing` is how often it is bothered at most."""

    name: str
    spacing: timedelta

    def keep(self, head: Head, note: str) -> None:
        """Keep a checkpoint so that whoever has the database cannot take it back; raises `AnchorError`.

        The same one again changes nothing.
        """
        ...

    def notes(self, name: str) -> Iterator[str]:
        """The checkpoints of a ledger and of what it was begun anew as, the newest first, if that can be asked.

        Whoever asks looks at who signed them, and takes the first that counts. Raises `AnchorError`.
        """
        ...

    def every(self) -> Iterator[Kept]:
        """The checkpoints that are kept there and can be asked for.

        Of each ledger they are at least the newest few by somebody who is known. Raises `AnchorError`, maybe after
        some of them, where that is not all that is kept there.
        """
        ...
