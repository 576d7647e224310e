"""What goes wrong on request: which calls, and how."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """One way for a call to go wrong. The work is what the call would have done."""

    LATENCY = "latency"
    """Answered in order, `seconds` late."""
    RATE_LIMITED = "rate_limited"
    """Refused as too many, with the vendor's headers; nothing is done."""
    ERROR_BEFORE = "error_before"
    """`status`, and nothing is done."""
    ERROR_AFTER = "error_after"
    """`status`, although the work is done."""
    DROP_BEFORE = "drop_before"
    """The connection closes without an answer; nothing is done."""
    LOSE_ANSWER = "lose_answer"
    """The connection closes without an answer; the work is done."""
    HALF_BODY = "half_body"
    """The connection closes in the middle of the answer; the work is done."""
    UNREADABLE = "unreadable"
    """200 with a page of HTML; the work is done."""
    LATE_COMMIT = "late_commit"
    """The connection closes without an answer; the work is done `seconds` later by the sandbox's clock."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault for the next `times` calls of `method` (`*` is any) whose path matches, after `skip` of them.

    `status` counts for the errors (and for `rate_limited` where a vendor has two), `seconds` is the delay, or what
    the vendor's headers ask to wait, and `reason` is the vendor's name for the limit.
    """

    method: str
    path: str
    fault: Fault
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    status: int = 0
    reason: str = ""

    def fits(self, method: str, path: str) -> bool:
        """Whether this is meant for such a call."""
        return self.method in ("*", method) and re.search(self.path, path) is not None


COMMON = (
    Fault.RATE_LIMITED,
    Fault.ERROR_BEFORE,
    Fault.ERROR_AFTER,
    Fault.DROP_BEFORE,
    Fault.LOSE_ANSWER,
    Fault.HALF_BODY,
    Fault.UNREADABLE,
)


class Faults:
    """The plan of one sandbox. `search_lag` is how many seconds (of its clock) searches trail behind changes."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        self.search_lag = 0.0
        self._planned: list[Planned] = []
        self._dice: random.Random | None = None
        self._share = 0.0
        self._kinds: tuple[Fault, ...] = COMMON

    @property
    def planned(self) -> Sequence[Planned]:
        """What has been asked for and not happened yet."""
        return tuple(self._planned)

    def next(
        self,
        method: str,
        path: str,
        fault: Fault,
        *,
        times: int = 1,
        skip: int = 0,
        seconds: float = 0.0,
        status: int = 0,
        reason: str = "",
    ) -> None:
        """Plan a fault for the next calls of `method` (`*` is any) whose path matches the expression `path`."""
        re.compile(path)
        self._planned.append(Planned(method, path, fault, times, skip, seconds, status, reason))

    def schedule(self, seed: int, share: float, kinds: Sequence[Fault] = COMMON) -> None:
        """Let a random `share` of all calls go wrong, the same ones for the same `seed`; 0 ends it."""
        self._dice = random.Random(seed) if share else None  # noqa: S311
        self._share = share
        self._kinds = tuple(kinds)

    def take(self, method: str, path: str) -> Planned | None:
        """What happens to this call; each planned fault is used up by the calls it is meant for."""
        for place, planned in enumerate(self._planned):
            if planned.fits(method, path):
                if planned.skip:
                    self._planned[place] = replace(planned, skip=planned.skip - 1)
                    continue
                self._use_up(place, planned)
                return planned
        if self._dice is not None and self._dice.random() < self._share:
            return Planned(method, "", self._dice.choice(self._kinds))
        return None

    def _use_up(self, place: int, planned: Planned) -> None:
        if planned.times > 1:
            self._planned[place] = replace(planned, times=planned.times - 1)
        else:
            del self._planned[place]

    def told(self, order: Mapping[str, Any]) -> None:
        """Plan what a JSON order says: one fault, a `schedule`, or a `search_lag`. Raises `ValueError`, `TypeError`."""
        if "search_lag" in order:
            self.search_lag = float(order["search_lag"])
        if "schedule" in order:
            wanted = order["schedule"]
            kinds = tuple(Fault(kind) for kind in wanted.get("kinds", COMMON))
            self.schedule(int(wanted["seed"]), float(wanted["share"]), kinds)
        if "fault" in order:
            rest = {key: value for key, value in order.items() if key not in ("search_lag", "schedule")}
            self.next(**{"method": "*", "path": "", **rest, "fault": Fault(rest["fault"])})
