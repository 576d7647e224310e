"""Run campaigns and publish what they found: `python -m tests.campaigns crashes --size 200 --seed 1`."""

import argparse
import compileall
import gc
import importlib
import os
import sys
from dataclasses import replace
from math import inf
from pathlib import Path
from time import monotonic

from tests.campaigns.sheet import CHANGED, ROOT, commit, publish
from tests.campaigns.spread import Crew

HERE = Path(__file__).parent
PACKAGES = ("connectors", "mapping", "state", "sync")
FRAME = {"__main__", "backlog", "clocks", "conftest", "eavesdropper", "places", "sheet", "spread"} | {
    *("statements", "tracing", "wire"),
}
NAMES = sorted(p.stem for p in HERE.glob("*.py") if p.stem not in FRAME and not p.stem.startswith("test_"))


def main() -> int:
    """Each campaign is a module with `FULL`, its size, and `campaign(size, seed, crew, only)`, which yields scores."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all of them if none is given")
    parser.add_argument("--size", type=int, help="cases; each campaign has a full size of its own")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", type=int, help="one case again, by its number; nothing is published")
    in_time = "begin nothing later than that; nothing is published, and what was tried is not tried again"
    parser.add_argument("--within", type=float, metavar="SECONDS", help=in_time)
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(NAMES):
        parser.error(f"no campaign is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    gc.set_threshold(50_000)
    for package in PACKAGES:  # Else each newly started process compiles anew what was changed since it was installed.
        compileall.compile_dir(ROOT / package, quiet=1)
    failed, begun = False, commit()
    # Only what is committed is the same program again, so only its cases are kept for a campaign that is stopped.
    again = asked.only is None and not begun.endswith(CHANGED)
    kept = ROOT / "build" / "campaigns" / f"{begun}-seed-{asked.seed}" if again else None
    crew = Crew(asked.jobs, kept, inf if asked.within is None else monotonic() + asked.within)
    for name in asked.names or NAMES:
        if monotonic() >= crew.until:
            print(f"{name}: not begun, no time was left")
            continue
        module = importlib.import_module(f"tests.campaigns.{name}")
        size = asked.size or module.FULL
        for score in module.campaign(size, asked.seed, crew, asked.only):
            if asked.within is not None and not score.cases:
                print(f"{score.row}: not tried, no time was left")
                continue
            failed |= not score.passed
            print(score)
            if asked.only is None and asked.within is None:
                publish([replace(score, full=score.full or score.cases * module.FULL // size)], begun)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
