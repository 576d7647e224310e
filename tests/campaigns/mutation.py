"""Mutants of the core: small changes of the program, nearly each of which is to fail a test.

The size is the share in per cent that is to be found. What `[tool.mutmut]` in pyproject.toml names is changed; results
are kept in `mutants/`, so that a second campaign tries only what changed since.
"""

import json
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from mutmut.stats import status_by_exit_code

from tests.campaigns.sheet import ROOT, Score
from tests.campaigns.spread import Crew

FULL = 85
MEMORY = 3 << 30
"""So many bytes a process may take: of mutants that never end some take all that there is, long before their time."""
FOUND = ("killed", "timeout", "caught by type check", "segfault")


def campaign(size: int, seed: int, crew: Crew, only: int | None) -> Iterator[Score]:
    """Let mutmut try every mutant; there is no case by number, and nothing is random.

    Ends the program where mutmut cannot begin, as it cannot while a test fails without any change.
    """
    began = time.monotonic()
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(crew.jobs)]
    limited = partial(resource.setrlimit, resource.RLIMIT_AS, (MEMORY, MEMORY))
    ended = subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False, preexec_fn=limited)
    modules = tally(ROOT / "mutants")
    every = sum(modules.values(), Counter[str]())
    if ended.returncode and every["not checked"] == every.total():
        raise SystemExit("mutmut tried nothing; what it says above tells why")
    yield Score(
        row="S8, mutation",
        what="a small change of the core (mutmut), all tests of the rooms concerned",
        cases=every.total(),
        wrong={
            f"below {size} % found": int(share(every) < size),
            "not tried": every["not checked"],
        },
        seed=seed,
        seconds=time.monotonic() - began,
        again="make campaign NAME=mutation",
        also={"found": f"{share(every):.1f} %", **{name: f"{share(seen):.1f} %" for name, seen in modules.items()}},
    )


def tally(mutants: Path) -> dict[str, Counter[str]]:
    """How many mutants ended how, by the module's name."""
    modules: dict[str, Counter[str]] = {}
    for file in sorted(mutants.rglob("*.py.meta")):
        codes = json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"]
        if codes:
            name = str(file.relative_to(mutants)).removesuffix(".py.meta").replace("/", ".")
            modules[name] = Counter(status_by_exit_code[code] for code in codes.values())
    return modules


def share(seen: Counter[str]) -> float:
    """Those that were found, in per cent."""
    return 100 * sum(seen[status] for status in FOUND) / max(seen.total(), 1)
