"""A steady run over many linked items, when nothing has changed anywhere: what it asks, writes and takes."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from state.store import Store
from sync.app.shell import utc_now
from tests.bench.mirror import KINDS, Bench, bench, take_in
from tests.campaigns.sheet import Score
from tests.campaigns.spread import Crew

FULL = 10_000


def campaign(size: int, seed: int, crew: Crew, only: int | None) -> Iterator[Score]:
    """Mirror `size` items into one tracker of each kind over HTTP, and run once more; nothing is random."""
    for kind in KINDS:
        began = time.monotonic()
        with bench(kind, 0) as made:
            take_in(made, size)
            first = made.run("sync")
            made.run("sync")
            before = newest(made.folder)
            wrong, also = steady(made)
            wrong |= {"records": newest(made.folder) - before, "not linked": size - len(made.keys(size))}
        also |= {"the first mirror": f"{first.requests.total():,} requests, {first.wall:.0f} s"}
        yield Score(
            row=f"P1, {kind}",
            what="a run with nothing changed, over so many items that were mirrored before",
            cases=size,
            wrong=wrong,
            seed=seed,
            seconds=time.monotonic() - began,
            again=f"make campaign NAME=quiet SIZE={size}",
            also=also,
        )


def steady(made: Bench) -> tuple[dict[str, int], dict[str, str]]:
    """A run that has nothing to do: what it did wrong, and what it took."""
    cost = made.run("sync")
    writes = sum(n for kind, n in cost.requests.items() if not kind.startswith("GET") and "search" not in kind)
    wrong = {
        "requests beyond the one": cost.requests.total() - 1,
        "writes": writes,
        "not in order": int(cost.code != 0),
    }
    return wrong, {"wall": f"{cost.wall:.2f} s", "CPU": f"{cost.cpu:.2f} s", "memory": f"{cost.memory:.0f} MB"}


def newest(folder: Path) -> int:
    """The number of the last record."""
    with closing(Store.open(f"sqlite:///{folder / 'counterfoil.db'}", clock=utc_now)) as store:
        return next((record.seq for record in store.log(newest=1)), 0)
