"""Whether each tracker showed all of its tickets, by the records of what it was asked."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sync.reading import READ
from sync.report.model import Event, Period, TrackerRead


def tracker_reads(events: Iterable[Event], period: Period, tracker: str = "") -> tuple[TrackerRead, ...]:
    """How each tracker was read in a period, or only this one, by its name."""
    found: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.action == READ and period.has(event.at) and tracker in ("", event.about):
            found[event.about].append(event)
    return tuple(_read(name, some) for name, some in sorted(found.items()))


def _read(tracker: str, events: Sequence[Event]) -> TrackerRead:
    whole = next((each for each in reversed(events) if isinstance(each.said("there"), list)), None)
    if whole is None:
        return TrackerRead(tracker, len(events), events[-1], None)
    strays: Any = whole.said("of_no_item")
    return TrackerRead(
        *(tracker, len(events), events[-1], whole),
        tuple(each for each in whole.said("there") if isinstance(each, int)),
        _number(whole.said("linked")),
        tuple(map(str, lost)) if isinstance(lost := whole.said("missing"), list) else (),
        _number(strays.get("count")) if isinstance(strays, Mapping) else 0,
    )


def _number(told: Any) -> int:
    return told if isinstance(told, int) else 0
