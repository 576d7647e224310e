"""Where checkpoints are kept off the machine: the few things that every such place can do."""

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

    def newest(self, origin: str) -> str | None:
        """The newest checkpoint of a ledger that is kept there, `None` for none or where that cannot be asked.

        Raises `AnchorError`.
        """
        ...
