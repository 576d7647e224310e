"""Where checkpoints are kept off the machine: the few things that every such place can do."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Protocol

from state.checkpoint import Head


class AnchorError(Exception):
    """A place did not take a checkpoint, or cannot be read; the message says why and what to do."""


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

    def every(self) -> Iterator[tuple[str, str]]:
        """The checkpoints that are kept there and can be asked for, each with where it is.

        Of each ledger they are at least the newest few. Raises `AnchorError`.
        """
        ...
