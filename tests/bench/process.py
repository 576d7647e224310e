"""One process and what it used, whatever the process that asks for it is like."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# A process counts the memory of the one that started it, up to then, as its own; so one that is small starts it.
_STARTER = """
import json, os, sys, time
began = time.monotonic()
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(pid, 0)
code = os.waitstatus_to_exitcode(status)
cpu, wall = used.ru_utime + used.ru_stime, time.monotonic() - began
with open(sys.argv[1], "w") as told:
    json.dump([cpu, wall, used.ru_maxrss / 1024, code], told)
"""


@dataclass(frozen=True)
class Used:
    """What one process used: seconds of CPU and of wall, peak memory in MB; its exit code, requests to the tracker."""

    cpu: float
    wall: float
    memory: float
    code: int = 0
    requests: int = 0


def process(folder: Path, *command: object, env: Mapping[str, str] | None = None) -> Used:
    """Run a program in a folder, where it leaves what it said in the file `said`."""
    words = [sys.executable, "-I", "-S", "-c", _STARTER, "used.json", *map(str, command)]
    with (folder / "said").open("wb") as said:
        subprocess.run(
            words, cwd=folder, stdout=said, stderr=subprocess.STDOUT, check=True, env={**os.environ, **(env or {})}
        )
    return Used(*json.loads((folder / "used.json").read_text()))
