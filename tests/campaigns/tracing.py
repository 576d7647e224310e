"""A command watched by strace: which system calls it made, and what becomes of it when one of them goes wrong."""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.campaigns.places import Place
from tests.program import Ended

STRACE = shutil.which("strace")

_LINE = re.compile(r"^(?P<thread>\d+)\s+(?P<name>\w+)\((?:\d+<(?P<file>[^<>]*(?:->[^<>]*)?)>)?(?P<rest>.*)$")
_ESCAPED = re.compile(r"(?:\\x[0-9a-f]{2})+")


@dataclass(frozen=True)
class Call:
    """One system call: the `number`-th of its `name` in its thread, on the file or socket called `file`."""

    name: str
    number: int
    file: str
    rest: str

    @property
    def path(self) -> str:
        """The first path among its arguments."""
        return self.data.decode(errors="replace")

    @property
    def data(self) -> bytes:
        """What is written or sent, as far as it was shown."""
        shown = re.search(r'"([^"]*)"', self.rest)
        return bytes.fromhex(shown[1].replace("\\x", "")) if shown else b""

    @property
    def numbers(self) -> list[int]:
        """Its arguments that are numbers, without the file's."""
        return [int(part) for part in re.findall(r"-?\d+", re.sub(r'"[^"]*"', "", self.rest.partition(")")[0]))]


@dataclass(frozen=True)
class Traced:
    """A command that was watched, what it called in order, and whether something was injected."""

    ended: Ended
    calls: tuple[Call, ...]
    injected: bool


def usable() -> str:
    """Why commands cannot be watched on this machine; nothing if they can."""
    if STRACE is None:
        return "strace is not installed"
    tried = subprocess.run([STRACE, "-qq", "-e", "trace=none", "true"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"strace cannot watch a process here: {tried.stderr.strip()}"


def run(words: Sequence[str], place: Place, names: Sequence[str], *, inject: str = "", bytes_shown: int = 0) -> Traced:
    """Run `counterfoil WORDS` in a place, watching the system calls with these names.

    `inject` is what strace shall do to them, such as `pwrite64:error=EIO:when=3`. Of what is written or sent, so many
    bytes are shown, in hexadecimal.
    """
    log = place.folder / "strace"
    process = place.start(words)
    command = [STRACE or "strace", "-f", "-yy", "-xx", "-s", str(bytes_shown), "-o", str(log)]
    command += ["-e", f"trace={','.join(names)}", "-e", "signal=none"]
    command += ["-e", f"inject={inject}"] if inject else []
    watching = subprocess.Popen([*command, "-p", str(process.pid)], stderr=subprocess.PIPE, text=True)
    assert watching.stderr is not None
    attached = watching.stderr.readline()
    if "attached" not in attached:
        raise RuntimeError(f"strace: {attached}{watching.stderr.read()}")
    process.go()
    ended = process.wait()
    watching.communicate()
    text = log.read_text(encoding="utf-8", errors="replace")
    return Traced(ended, tuple(_calls(text)), "(INJECTED)" in text or ended.code == -9)


def _calls(text: str) -> Iterator[Call]:
    counts: Counter[tuple[str, str]] = Counter()
    for line in text.splitlines():
        if found := _LINE.match(line):
            counts[found["thread"], found["name"]] += 1
            yield Call(
                found["name"], counts[found["thread"], found["name"]], _plain(found["file"] or ""), found["rest"]
            )


def _plain(name: str) -> str:
    return _ESCAPED.sub(lambda hidden: bytes.fromhex(hidden[0].replace("\\x", "")).decode(errors="replace"), name)
