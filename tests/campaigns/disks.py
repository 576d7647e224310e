"""Broken disks and databases: whatever happens to the file, a run says so and writes nothing, or is made good later."""

import atexit
import json
import os
import random
import shutil
import sqlite3
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

from connectors.sandbox.calls import Sandbox
from connectors.sandbox.github_server import GithubSandbox
from connectors.sandbox.jira_server import JiraCloudSandbox
from connectors.sandbox.server import SandboxServer, utc_now
from state.model import OperationKind
from state.store import Store
from sync.app.failures import LEDGER
from tests import signing
from tests.campaigns.sheet import Score
from tests.campaigns.spread import Case, Crew, seconds, spread
from tests.program import NOBODY, Ended, Program

FULL = 1_000

_CONFIG = """
[state]
url = "sqlite:///counterfoil.db"

[trackers.work]
{table}
token_file = "token"

[[routes]]
tracker = "work"

[safety]
change_share = 1.0
visibility_wait_seconds = 0

[resolve]
critical = {{ pieces = 0 }}
high = {{ pieces = 0 }}
medium = {{ pieces = 0 }}
"""
_WRITES = ("POST", "PUT", "PATCH", "DELETE")
_READS = ("/search/jql", "/search", "/issue/bulkfetch")
_ITEMS = 8
_PAGE = 4096
_ENOUGH = 1_000 * _PAGE


@cache
def _program() -> Program:
    """What this process runs commands with, until it ends."""
    running = Program()
    atexit.register(running.close)
    return running


@dataclass
class Place:
    """An installation with one tracker, and how to break its database and mend it again."""

    folder: Path
    server: SandboxServer
    dice: random.Random
    wrong: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)

    @property
    def database(self) -> Path:
        return self.folder / "counterfoil.db"

    @property
    def log(self) -> Path:
        return self.folder / "counterfoil.db-wal"

    def run(
        self, *words: str, env: dict[str, str] | None = None, file_limit: int | None = None, nobody: bool = False
    ) -> Ended:
        """Run a command as a process; a bug or a traceback is wrong whatever was done to the database."""
        ended = _program()(self.folder, *words, env=env, file_limit=file_limit, nobody=nobody)
        self.story.append(f"{' '.join(words)}: {ended.code} {ended.err.strip()}")
        if not ended.clean and not (env and "COUNTERFOIL_CRASH" in env):
            self.wrong.append("bug")
        return ended

    def writes(self) -> int:
        """How many requests the tracker got that could change something."""
        seen = list(self.server.requests)
        return sum(s.method in _WRITES and not s.path.endswith(_READS) for s in seen)

    def tickets(self) -> int:
        """How many tickets the tracker has."""
        sandbox = self.server.sandbox
        if isinstance(sandbox, GithubSandbox):
            return len(sandbox.state.issues)
        assert isinstance(sandbox, JiraCloudSandbox)
        return len(sandbox.issues.by_id)

    def refused(self, *words: str, codes: tuple[int, ...] = (2,), named: bool = True, nobody: bool = False) -> None:
        """A command is to end with one of these codes, say which database, and write nothing anywhere."""
        before = self.writes()
        ended = self.run(*words, nobody=nobody)
        if ended.code not in ((*codes, 3) if words == _VERDICT else codes):
            self.wrong.append("exit code")
        if named and str(self.database) not in ended.err:
            self.wrong.append("message")
        if self.writes() != before:
            self.wrong.append("tracker write")

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Put the database back as it is now, whatever is done to it meanwhile."""
        copies = {path: path.read_bytes() for path in (self.database, self.log) if path.exists()}
        yield
        for path in self.folder.glob("counterfoil.db*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path, content in copies.items():
            path.write_bytes(content)
            path.chmod(0o600)

    def sql(self, *statements: str) -> None:
        """Change the database as somebody else who has the file."""
        with closing(sqlite3.connect(self.database, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)


def _full(place: Place, limit: int) -> bool:
    """No file may grow past a limit, which strikes anywhere in a run; whether it did.

    A ticket that was made and could not be written down must have an intention that was.
    """
    ended = place.run("sync", file_limit=limit)
    if ended.code not in (0, 2):
        place.wrong.append("exit code")
    if ended.code == 2 and str(place.database) not in ended.err:
        place.wrong.append("message")
    with closing(Store.open(f"sqlite:///{place.database}", clock=utc_now)) as store:
        linked = len(store.links([item.ref for item in store.list_items()]))
        open_ = sum(intent.kind is OperationKind.CREATE for intent in store.open_intents())
    if place.tickets() > linked:
        place.story.append("full after the tracker had done it")
        place.wrong += ["no intention"] if place.tickets() > linked + open_ else []
    return ended.code != 0


def _filling(place: Place) -> None:
    """There is room for a little more with each run, so that one after the other is stopped at a later step."""
    limit = 24 * _PAGE
    while _full(place, limit) and limit < _ENOUGH:
        limit += place.dice.randrange(2, 12) * _PAGE


def _tiny_disk(place: Place) -> None:
    """A disk with little room, which is full in the middle of a run, and is given more."""
    room = place.database.stat().st_size // 1024 + place.dice.randrange(4, 160, 4)
    small = place.folder / "small"
    small.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={room}k", "none", str(small)], check=False, capture_output=True
    )
    if done.returncode:
        place.story.append("skipped: no disk can be made here")
        return
    try:
        shutil.move(place.database, small / "counterfoil.db")
        ended = place.run("sync", env={"COUNTERFOIL_STATE__URL": f"sqlite:///{small / 'counterfoil.db'}"})
        if ended.code not in (0, 2):
            place.wrong.append("exit code")
        if ended.code == 2 and not ("room" in ended.err and str(small) in ended.err):
            place.wrong.append("message")
        for path in small.glob("counterfoil.db*"):
            shutil.copy(path, place.folder)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def _damaged(place: Place, how: Callable[[bytearray, random.Random], None]) -> None:
    """The file is not what it was: noticed, and nothing is written; or not, and nothing is doubled."""
    content = bytearray(place.database.read_bytes())
    how(content, place.dice)
    with place.kept():
        place.database.write_bytes(content)
        before = place.writes()
        ended = place.run("sync")
        if ended.code not in (0, 2, 6):
            place.wrong.append("exit code")
        if ended.code != 0 and place.writes() != before:
            place.wrong.append("tracker write")
        if ended.code == 2 and "damaged" not in ended.err:
            place.wrong.append("message")
    if ended.code == 0:
        place.story.append("unnoticed")
        _given_up(place)


def _given_up(place: Place) -> None:
    """An older copy was put back, and what was signed since is somewhere else: a run is refused until that is said."""
    place.refused("sync", codes=(LEDGER,), named=False)
    if place.run("audit", "fork", "--reason", "an older copy was put back").code != 0:
        place.wrong.append("exit code")


def _bits(content: bytearray, dice: random.Random) -> None:
    for _ in range(dice.choice((1, 8, 64, 512))):
        content[dice.randrange(100, len(content))] ^= 1 << dice.randrange(8)


def _zeros(content: bytearray, dice: random.Random) -> None:
    for _ in range(dice.choice((1, 2, 8))):
        at = dice.randrange(len(content) // _PAGE) * _PAGE
        content[at : at + _PAGE] = bytes(_PAGE)


def _noise(content: bytearray, dice: random.Random) -> None:
    at = dice.randrange(len(content) // _PAGE) * _PAGE
    content[at : at + _PAGE] = dice.randbytes(_PAGE)


def _swapped(content: bytearray, dice: random.Random) -> None:
    one, other = (dice.randrange(1, len(content) // _PAGE) * _PAGE for _ in range(2))
    before = content[one : one + _PAGE]
    content[one : one + _PAGE] = content[other : other + _PAGE]
    content[other : other + _PAGE] = before


def _short(content: bytearray, dice: random.Random) -> None:
    del content[dice.randrange(1, len(content)) :]


def _header(content: bytearray, dice: random.Random) -> None:
    content[:100] = dice.randbytes(100)


def _damaged_log(place: Place) -> None:
    """A run is killed, and the log it left is damaged before the next: SQLite takes what is whole of it."""
    point = place.dice.choice(("creating.before", "create.after", "created.after", "update.after", "feed.after"))
    place.run("sync", env={"COUNTERFOIL_CRASH": point})
    content = bytearray(place.log.read_bytes())
    if place.dice.random() < 0.5:
        del content[place.dice.randrange(len(content)) :]
    else:
        for _ in range(place.dice.choice((1, 64))):
            content[place.dice.randrange(len(content))] ^= 1 << place.dice.randrange(8)
    place.log.write_bytes(content)
    (place.folder / "counterfoil.db-shm").unlink(missing_ok=True)


def _not_ours(place: Place, content: bytes) -> None:
    """Something else stands where the database should be."""
    with place.kept():
        place.log.unlink(missing_ok=True)
        place.database.write_bytes(content)
        for words in _COMMANDS if content else _COMMANDS[:-1]:
            place.refused(*words)


def _foreign(place: Place) -> None:
    """The database of another program."""
    with place.kept():
        place.database.unlink()
        place.sql("CREATE TABLE item (name TEXT)", "INSERT INTO item VALUES ('x')")
        for words in _COMMANDS:
            place.refused(*words)


def _folder_instead(place: Place) -> None:
    with place.kept():
        place.database.unlink()
        place.database.mkdir()
        for words in _COMMANDS:
            place.refused(*words)


def _read_only(place: Place, file: int, folder: int) -> None:
    """The user may not write the file, or nothing beside it."""
    for path in (place.folder, *place.folder.iterdir()):
        os.chown(path, NOBODY, NOBODY) if os.geteuid() == 0 else None
    place.database.chmod(file)
    place.folder.chmod(folder)
    for words in _CHANGING:
        place.refused(*words, nobody=True)
    place.folder.chmod(0o755)
    place.database.chmod(0o600)
    for path in (place.folder, *place.folder.iterdir()):
        os.chown(path, os.geteuid(), os.getegid())


def _no_log(place: Place) -> None:
    """The log cannot be made, as something else stands in its place."""
    place.log.mkdir()
    for words in _CHANGING:
        place.refused(*words)
    place.log.rmdir()


def _locked(place: Place) -> None:
    """Another program holds the database."""
    with closing(sqlite3.connect(place.database, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE" if place.dice.random() < 0.5 else "SELECT 1")
        other.execute("BEGIN EXCLUSIVE")
        place.refused(*place.dice.choice(_CHANGING), codes=(3,))
        other.execute("ROLLBACK")


def _version(place: Place, version: str) -> None:
    """The tables are those of another version of the program."""
    with place.kept():
        place.sql(f"UPDATE alembic_version SET version_num = '{version}'")  # noqa: S608
        for words in _COMMANDS:
            place.refused(*words)


def _half(place: Place) -> None:
    """A table, an index or a guard is gone, or the stamp that says which version it is."""
    things = ("TABLE alembic_version", "TABLE feed", "TABLE lease", "TABLE meta", "TABLE hold", "INDEX hold_open")
    more = ("INDEX link_current_item", "INDEX comment_remote", "TRIGGER audit_only_next", "TRIGGER audit_no_update")
    with place.kept():
        place.sql(f"DROP {place.dice.choice((*things, *more))}")
        for words in (*_CHANGING, ("plan",)):
            place.refused(*words, codes=(2, 6), named=False)


_CHANGING = (("sync",), ("item", "add", "Enable MFA for admins"), ("item", "comment", "AI-1", "Hello"))
_VERDICT = ("audit", "verify")
"""A command with exit codes of its own: 3 is that there is nothing to check."""
_COMMANDS = (*_CHANGING, ("plan",), ("status",), ("holds", "list"), _VERDICT, ("init",))

KINDS: dict[str, Callable[[Place], object]] = {
    "full": lambda place: _full(place, place.dice.randrange(1, 320) * _PAGE // 2),
    "filling": _filling,
    "tiny disk": _tiny_disk,
    "bits": partial(_damaged, how=_bits),
    "zeros": partial(_damaged, how=_zeros),
    "noise": partial(_damaged, how=_noise),
    "swapped": partial(_damaged, how=_swapped),
    "short": partial(_damaged, how=_short),
    "header": partial(_damaged, how=_header),
    "damaged log": _damaged_log,
    "text": partial(_not_ours, content=b"not a database at all\n" * 500),
    "empty": partial(_not_ours, content=b""),
    "foreign": _foreign,
    "folder": _folder_instead,
    "read-only file": partial(_read_only, file=0o400, folder=0o755),
    "read-only folder": partial(_read_only, file=0o600, folder=0o555),
    "no log": _no_log,
    "locked": _locked,
    "newer": partial(_version, version="9999"),
    "older": partial(_version, version="0000"),
    "half": _half,
}
_OFTEN = ("full", "full", "filling", "tiny disk", "bits", "zeros", "noise", "swapped", "short", "header", "damaged log")
_ORDER = (*KINDS, *_OFTEN, *_OFTEN)


def attempt(number: int, seed: int) -> Case:
    """Break one database, as the case's number says, and mend it."""
    kind = _ORDER[number % len(_ORDER)]
    dice = random.Random(f"{seed}/{number}")  # noqa: S311
    sandbox: Sandbox = dice.choice((GithubSandbox, JiraCloudSandbox))()
    with tempfile.TemporaryDirectory() as made, SandboxServer(sandbox) as server:
        folder = Path(made)
        folder.chmod(0o755)
        place = Place(folder, server, dice)
        _begin(place)
        place.story.append(f"{kind}, {sandbox.kind}:")
        KINDS[kind](place)
        _rests(place)
        also = [(f"kinds: {kind}", 1.0)]
        also += [(name, 1.0) for name in ("unnoticed", "full after the tracker had done it") if name in place.story]
        return Case(number, tuple(dict.fromkeys(place.wrong)), tuple(also), "\n".join(place.story))


def _begin(place: Place) -> None:
    """Half of the items have tickets; some of these changed, and the other half are new."""
    server, users = place.server, {user.name: user for user in place.server.sandbox.users}
    if isinstance(server.sandbox, GithubSandbox):
        table = f'kind = "github"\nurl = "{server.url}"\nrepository = "acme/platform"'
        token = users["counterfoil-bot"].token
    else:
        table = f'kind = "jira"\nurl = "{server.url}"\nproject = "SEC"\nemail = "{users["sync"].email}"'
        token = users["sync"].token
    (place.folder / "token").write_text(token)
    (place.folder / "token").chmod(0o600)
    (place.folder / "counterfoil.toml").write_text(_CONFIG.format(table=table) + signing.TABLE)
    signing.install(place.folder)
    place.run("init")
    for count, suffix in ((_ITEMS, ""), (2 * _ITEMS, " at once")):
        rows = [
            {"external_ref": f"X-{n}", "title": f"Rotate key {n}{suffix if n < 3 else ''}", "description": "x" * 300}
            for n in range(count)
        ]
        (place.folder / "items.json").write_text(json.dumps(rows))
        place.run("intake", "json", "items.json")
        if not suffix:
            place.run("sync")
    place.run("item", "comment", "AI-5", "Before the audit, please.")


def _rests(place: Place) -> None:
    """With the database in order again, two runs later there is one ticket per item and nothing left to do.

    The ledger is vouched for to its end, unless an auditor has to know of what was given up.
    """
    for _ in range(2):
        place.run("sync")
    last = place.run("sync", "--json")
    if last.code != 0 or json.loads(last.out)["operations"]:
        place.wrong.append("restless")
    listed = json.loads(place.run("item", "list", "--json").out or "[]")
    linked = {item["ticket"]["key"] for item in listed if item["ticket"]}
    if len(listed) < 2 * _ITEMS:
        place.wrong.append("lost")
    if len(linked) < len(listed):
        place.wrong.append("unlinked")
    if place.tickets() > len(linked):
        place.wrong.append("duplicate")
    if place.run("audit", "verify").code != (2 if "unnoticed" in place.story else 0):
        place.wrong.append("ledger")


def campaign(size: int, seed: int, crew: Crew, only: int | None) -> Iterator[Score]:
    """Each case breaks the database of a small installation in one way, and mends it."""
    numbers = range(size) if only is None else [only]
    cases = list(spread("disks", partial(attempt, seed=seed), numbers, crew))
    wrong = Counter(name for case in cases for name in case.wrong)
    also = Counter(name for case in cases for name, _ in case.also)
    kinds = sum(name.startswith("kinds: ") for name in also)
    yield Score(
        row="R15",
        what=f"the database broken in {kinds} ways, such as a full disk, damage and another program's lock",
        cases=len(cases),
        wrong={name: wrong[name] for name in _WRONG},
        seed=seed,
        seconds=seconds(cases),
        again=f"python -m tests.campaigns disks --size {size} --seed {seed}",
        also={name: f"{also[name]:,}" for name in ("full after the tracker had done it", "unnoticed")},
    )


_WRONG = (
    "duplicate",
    "lost",
    "unlinked",
    "no intention",
    "tracker write",
    "exit code",
    "message",
    "bug",
    "ledger",
    "restless",
    "error",
)
