"""How fast the whole of a long ledger is checked, and in how much memory."""

import time
from collections.abc import Iterator

from tests.bench.local import MEMORY, RATE, record, signed, verified
from tests.campaigns.sheet import Score
from tests.campaigns.spread import Crew

FULL = 1_000_000
TIMES = 3


def campaign(size: int, seed: int, crew: Crew, only: int | None) -> Iterator[Score]:
    """Have `audit verify` check a ledger of `size` records some times over, of which the fastest counts.

    Nothing is random. Ends the program where it does not find all of them anchored.
    """
    began = time.monotonic()
    with signed() as folder:
        record(folder, size)
        used = [verified(folder, size) for _ in range(TIMES)]
    rate = size / min(each.wall for each in used)
    memory = max(each.memory for each in used)
    wrong = {f"over {MEMORY} MB": int(memory > MEMORY)}
    if size >= FULL:  # The start of the command is most of what a short ledger takes.
        wrong[f"slower than {RATE:,} a second"] = int(rate < RATE)
    yield Score(
        row="A6",
        what="records checked by `audit verify`, signed all along, by checkpoints that are kept elsewhere too",
        cases=size,
        wrong=wrong,
        seed=seed,
        seconds=time.monotonic() - began,
        again=f"make campaign NAME=verifying SIZE={size}",
        also={
            "a second, from the start of the command to its end": f"{rate:,.0f}",
            "memory of the larger of its processes": f"{memory:.0f} MB",
        },
    )
