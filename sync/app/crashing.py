"""A process that kills itself at a named point of a run, for those who want to see what a crash leaves behind."""

import os
import signal
from collections.abc import Callable, Mapping

from sync import notary, watched
from sync.app.failures import Mistaken

VARIABLE = "COUNTERFOIL_CRASH"
ANSWERED = "request.after"
"""Passed after each single request; a call to a tracker may take several."""
POINTS = (*watched.CRASH_POINTS, *notary.CRASH_POINTS, ANSWERED)


def crash_hook(environment: Mapping[str, str]) -> Callable[[str], None]:
    """What a run calls at each of its named points: nothing, unless `$COUNTERFOIL_CRASH` is `POINT` or `POINT:N`.

    The process then kills itself with SIGKILL, which nothing can catch, the N-th time it passes that point.
    """
    asked = environment.get(VARIABLE, "")
    if not asked:
        return lambda _: None
    point, _, times = asked.partition(":")
    if point not in POINTS or (times and not times.isdigit()):
        raise Mistaken(f"${VARIABLE} is {asked!r}; it may be POINT or POINT:N, with one of: {', '.join(POINTS)}")
    left = iter(range(int(times or 1) - 1, -1, -1))

    def crash(name: str) -> None:
        if name == point and next(left, 1) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return crash
