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
        """Yield what is kept of the ledger of a key's name, the newest first, whatever may stand among it.

        Nothing where it cannot be asked for that; raises `AnchorError` where it should be and is not to be read.
        """
        ...
