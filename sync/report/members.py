"""What a pack is made of: files by name, each with its bytes in pieces."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a pack: its path in there, with `/` between folders, and its bytes, which are read once."""

    name: str
    content: Iterable[bytes]


def document(name: str, value: Any) -> Member:
    """A file of JSON for people and programs, the same bytes for the same value."""
    return Member(name, [json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"])
