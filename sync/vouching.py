"""Which notes count as checkpoints of a ledger: those that keys signed which are believed, for as long as they are."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf

from connectors.anchors.base import Kept
from state import audit, checkpoint
from state.checkpoint import BadKey, NoCheckpoint, PublicKey, is_of
from state.checkpoints import ROTATED
from state.verifying import Point


@dataclass(slots=True)
class Notes:
    """Notes that were read: what they state, what keys signed that were handed over by then, and which do not count."""

    points: list[Point] = field(default_factory=list)
    late: list[Point] = field(default_factory=list)
    not_counted: list[str] = field(default_factory=list)


def believed(known: Sequence[PublicKey], notes: Sequence[str], told: Iterable[audit.Told]) -> dict[PublicKey, float]:
    """The known keys, and each to which one of them handed over, with how many records each may vouch for.

    A record says so, and both signed a checkpoint that ends with it and that names the new key.
    """
    found = dict.fromkeys(known, inf)
    rotations = [each for each in told if each.get("action") == ROTATED]
    ending: dict[str, list[str]] = {str(each.get("seq")): [] for each in rotations}
    for note in dict.fromkeys(notes) if rotations else ():
        ending.get("".join(note.split("\n", 2)[1:2]), []).append(note)
    for each in rotations:
        with suppress(BadKey, KeyError, TypeError, ValueError, AttributeError):
            before, after = (PublicKey.read(each[side]["key"]) for side in ("before", "after"))
            seq = each["seq"]
            if before in found and any(_hands_over(note, before, after, seq) for note in ending[str(seq)]):
                found[before] = min(found[before], seq)
                found.setdefault(after, inf)
    return found


def _hands_over(note: str, before: PublicKey, after: PublicKey, size: int) -> bool:
    try:
        head, by = checkpoint.read(note, (before, after))
    except NoCheckpoint:
        return False
    return (head.size, head.successor, {*by}) == (size, str(after), {before, after})


def understood(kept: Iterable[Kept], keys: Mapping[PublicKey, float]) -> Notes:
    """What notes state that one of the keys signed as checkpoints of its ledger, and why others do not count."""
    found = Notes()
    for each in kept:
        try:
            head, by = checkpoint.read(each.note, keys)
        except NoCheckpoint as error:
            found.not_counted.append(f"{each.place}: {error}")
            continue
        limits = [keys[key] for key in by if is_of(key.name, head.origin)]
        if not limits:
            found.not_counted.append(f"{each.place}: it is about {head.origin}")
        elif head.size > max(limits):
            found.late.append(Point(head, each.place, frozenset(by)))
            found.not_counted.append(f"{each.place}: its key was handed over in record {max(limits)}")
        else:
            found.points.append(Point(head, each.place, frozenset(by)))
    return found
