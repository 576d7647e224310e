"""What a pack is made of: files by name, each with its bytes in pieces."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a pack: its path in there, with `/` between folders, and its bytes, which are read once."""

    name: str
    content: Iterable[bytes]
