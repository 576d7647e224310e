"""Secrets planted wherever one can enter the program, and then looked for wherever one could come out.

Each way in is a case of its own. Every command is run, plain, as JSON and with log lines, against a tracker in order
and against one that repeats credentials in all it says; runs are killed, interrupted, and fail in ways nobody foresaw.
Then all that was printed, every file that was left, every process's command line and what the tracker heard is
searched, in every spelling.
"""

import json
import os
import random
import signal
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.sandbox.__main__ import load
from connectors.sandbox.server import SandboxServer
from state.checkpoint import SigningKey
from sync.watched import CRASH_POINTS
from tests import program
from tests.campaigns.eavesdropper import MODES, Eavesdropper, known_of, spellings
from tests.campaigns.places import free_port, serving, workshop
from tests.campaigns.sheet import Score
from tests.campaigns.spread import Case, Crew, seconds, spread

FULL = 100
"""More than there are: all of them."""

_PIECE = 12
_SQLITE = 'url = "sqlite:///counterfoil.db"'
_LEFT_ALONE = {"counterfoil.toml", "token", "app.pem", "audit.key", "bucket.secret", ".netrc", "credentials", "mode"}


@dataclass(frozen=True)
class Plant:
    """One way in: lines of the tracker's table, of `[state]` and `[audit]`, variables and files.

    `{secret}` stands where it goes in, and `{signing}` where a key that signs does.
    """

    name: str
    lines: str = 'token_file = "token"'
    kind: str = "github"
    state: str = _SQLITE
    audit: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    mode: int = 0o600
    url: str = "http://127.0.0.1:{port}"
    odd: str = ""


_ENV, _FILE, _NONE = 'token_env = "WORK_TOKEN"', 'token_file = "token"', ""
_GOOD = {"token": "{secret}"}
_APP = 'app_id = 1001\ninstallation_id = 2002\nprivate_key_file = "app.pem"'
_PG = "postgresql+psycopg://"
_SIGNED = '[audit]\nkey_file = "audit.key"\n[[audit.anchors]]\nname = "away"\n'
_BUCKET = _SIGNED + 'kind = "bucket"\nurl = "https://127.0.0.1:1/acme"\nretain_days = 1\naccess_key = "AKIA"\n'
_STAMPS = _SIGNED + 'kind = "timestamp"\nurl = "https://me:{secret}@127.0.0.1:1/"\npath = "."\nroots = ["items.csv"]'
_SIGNS = {"token": "{other}", "audit.key": "{signing}\n"}
PLANTS = (
    Plant("token in a variable", _ENV, variables={"WORK_TOKEN": "{secret}"}),
    Plant("token in a file, a line end behind it", files={"token": "{secret}\n"}),
    Plant("token of Jira Cloud, beside an address", kind="jira-cloud", files=_GOOD),
    Plant("token of Jira Data Center", kind="jira-datacenter", files=_GOOD),
    Plant("token with signs", files=_GOOD, odd='+/=%&"\\'),
    Plant("private key of a GitHub App", _APP, files={"app.pem": "{key}"}),
    Plant("private key that is none", _APP, files={"app.pem": "-----BEGIN PRIVATE KEY-----\n{secret}\n-----END"}),
    Plant("token with a line end inside", files={"token": "{secret}\n{secret}"}),
    Plant("token with a letter that no header may have", files={"token": "{secret}é"}),
    Plant("file that others may read", files=_GOOD, mode=0o644),
    Plant("token beside token_file", 'token = "{secret}"\ntoken_file = "token"', files={"token": "{other}"}),
    Plant("token in token_env", 'token_env = "{secret}"'),
    Plant("token in token_file", 'token_file = "{secret}"'),
    Plant("webhook secret in the table", _FILE + '\nwebhook_secret = "{secret}"', files={"token": "{other}"}),
    Plant("key that is unknown", _FILE + '\napi_key = "{secret}"', files={"token": "{other}"}),
    Plant("token as a table", '[trackers.work.token]\nvalue = "{secret}"'),
    Plant("value of the wrong type", _FILE + '\ntimeout_seconds = "{secret}"', files={"token": "{other}"}),
    Plant("file that is not TOML", 'token_file = "{secret}'),
    Plant("password in the tracker's address", url="http://bot:{secret}@127.0.0.1:{port}", files={"token": "{other}"}),
    Plant(
        "token in the query of the tracker's address",
        url="http://127.0.0.1:{port}/?token={secret}",
        files={"token": "{other}"},
    ),
    Plant(
        "token in a variable for the table", variables={"COUNTERFOIL_TRACKERS__WORK__TOKEN": "{secret}"}, files=_GOOD
    ),
    Plant(
        "token in a variable in small letters", variables={"counterfoil_trackers__work__token": "{secret}"}, files=_GOOD
    ),
    Plant("token in a stray variable", variables={"COUNTERFOIL_TOKENS__WORK": "{secret}"}, files=_GOOD),
    Plant(
        "trackers as JSON in a variable",
        variables={"COUNTERFOIL_TRACKERS": '{{"work": {{"token": "{secret}"'},
        files=_GOOD,
    ),
    Plant("database password", files=_GOOD, state=f'url = "{_PG}me:{{secret}}@127.0.0.1:1/c"'),
    Plant(
        "database password in a variable",
        files=_GOOD,
        variables={"COUNTERFOIL_STATE__URL": _PG + "me:{secret}@127.0.0.1:1/c"},
    ),
    Plant(
        "database password in the query", files=_GOOD, state=f'url = "{_PG}127.0.0.1:1/c?user=me&password={{secret}}"'
    ),
    Plant("database password with an @", files=_GOOD, state=f'url = "{_PG}me:p@{{secret}}@127.0.0.1:1/c"'),
    Plant("database password with a slash", files=_GOOD, state=f'url = "{_PG}me:{{secret}}/{{secret}}@127.0.0.1:1/c"'),
    Plant("database password, quoted", files=_GOOD, state=f'url = "{_PG}me:{{quoted}}@127.0.0.1:1/c"', odd="@:/é"),
    Plant("database password, its driver unknown", files=_GOOD, state='url = "mysql://me:{secret}@127.0.0.1:1/c"'),
    Plant("database password where a port stands", files=_GOOD, state=f'url = "{_PG}127.0.0.1:{{secret}}/c"'),
    Plant(
        "password of PostgreSQL's variable",
        files=_GOOD,
        state=f'url = "{_PG}me@127.0.0.1:1/c"',
        variables={"PGPASSWORD": "{secret}"},
    ),
    Plant("password of a proxy", files=_GOOD, variables={"HTTP_PROXY": "http://me:{secret}@127.0.0.1:1"}),
    Plant("password of a proxy that is none", files=_GOOD, variables={"HTTP_PROXY": "ftp://me:{secret}@127.0.0.1:1"}),
    Plant(
        "password of a proxy that repeats it",
        files=_GOOD,
        variables={"HTTP_PROXY": "http://me:{secret}@127.0.0.1:{port}"},
        url="http://elsewhere.example",
    ),
    Plant("password in .netrc", files={".netrc": "machine 127.0.0.1 login me password {secret}\n", "token": "{other}"}),
    Plant("a cookie that the tracker sets", files={"token": "{other}"}),
    Plant("key that signs in a file", files=_SIGNS, audit=_SIGNED + 'kind = "log"'),
    Plant(
        "key that signs in a variable",
        files={"token": "{other}"},
        audit='[audit]\nkey_env = "SIGNING"',
        variables={"SIGNING": "{signing}"},
    ),
    Plant("key that signs in key_file", files={"token": "{other}"}, audit='[audit]\nkey_file = "{signing}"'),
    Plant("key that signs in public_keys", files={"token": "{other}"}, audit='[audit]\npublic_keys = ["{signing}"]'),
    Plant(
        "key that signs, cut off",
        files={"token": "{other}", "audit.key": "{signing}{secret}"},
        audit=_SIGNED + 'kind = "log"',
    ),
    Plant(
        "secret of a bucket in a file",
        files={**_SIGNS, "bucket.secret": "{secret}"},
        audit=_BUCKET + 'secret_file = "bucket.secret"',
    ),
    Plant(
        "secret and session of a bucket in variables",
        files=_SIGNS,
        audit=_BUCKET + 'secret_env = "BUCKET"\nsession_env = "SESSION"',
        variables={"BUCKET": "{secret}", "SESSION": "{other}"},
    ),
    Plant("secret of a bucket in secret_env", files=_SIGNS, audit=_BUCKET + 'secret_env = "{secret}"'),
    Plant("password in the address of a time-stamp authority", files=_SIGNS, audit=_STAMPS),
)

_PERIOD = ("--from", "2026-01-01", "--to", "2036-12-31")
_FLAGS = ((), ("--json",), ("-v",), ("--log-format", "json", "-v"))
_COMMANDS = (
    ("init",),
    ("check",),
    ("intake", "csv", "items.csv"),
    ("item", "add", "Rotate the deploy keys"),
    ("plan", "--out", "plan.json"),
    ("sync",),
    ("item", "edit", "1", "--title", "Rotate every deploy key"),
    ("item", "comment", "1", "Before the audit, please."),
    ("sync", "--full"),
    ("item", "list"),
    ("item", "show", "1"),
    ("item", "link", "2", "12", "--dry-run"),
    ("status",),
    ("explain", "1"),
    ("holds", "list"),
    ("holds", "settle", "H-1", "--take", "item", "--reason", "because"),
    ("audit", "log"),
    ("audit", "verify"),
    ("audit", "key"),
    ("audit", "sign"),
    ("evidence", "add", "1", "items.csv"),
    ("audit", "pack", *_PERIOD, "--out", "pack.zip"),
    ("report", "json", *_PERIOD, "--out", "board.json"),
    ("report", "html", *_PERIOD, "--out", "board.html"),
    ("state", "copy", "--to", "sqlite:///elsewhere.db", "--dry-run"),
)


def campaign(size: int, seed: int, crew: Crew, only: int | None) -> Iterator[Score]:
    """S6."""
    with workshop() as root:
        chosen = [only] if only is not None else list(range(min(size, len(PLANTS))))
        cases = list(spread("S6", partial(try_one, root, seed), chosen, crew))
    runs, read = (sum(int(dict(case.also)[name]) for case in cases if case.also) for name in ("runs", "bytes"))
    also = {"runs": f"{runs:,}", "searched": f"{read / 2**20:,.0f} MB"}
    names = dict.fromkeys(("leaks", "sent elsewhere", *(name for case in cases for name in case.wrong)))
    wrong = {name: sum(name in case.wrong for case in cases) for name in names}
    what = "a secret in each way in; all that is printed, kept or sent is searched for it in every spelling"
    again = f"python -m tests.campaigns secrets --size {size} --seed {seed}"
    yield Score("S6", what, len(cases), wrong, seed, seconds(cases), again, also, len(PLANTS))


def try_one(root: Path, seed: int, number: int, *, briefly: bool = False) -> Case:
    """Plant one secret, run everything, and search for it."""
    place = Planted.at(root / f"secret-{number}", PLANTS[number], random.Random(f"{seed}/{number}"))  # noqa: S311
    with serving(place.server):
        said = list(place.runs(briefly=briefly))
    found, read = place.leaks(said)
    wrong = [*(["leaks"] if found else []), *(["sent elsewhere"] if place.sent_elsewhere() else [])]
    story = "\n".join([PLANTS[number].name, *found])
    return Case(number, tuple(wrong), (("runs", len(said)), ("bytes", read)), story)


@dataclass
class Planted:
    """A folder in which a secret is planted, and the tracker it points to."""

    plant: Plant
    folder: Path
    port: int
    dice: random.Random
    words: Mapping[str, str]

    @classmethod
    def at(cls, folder: Path, plant: Plant, dice: random.Random) -> "Planted":
        """A new one."""
        for each in (folder, folder / "tmp"):
            each.mkdir()
        port = free_port()
        names = ("secret", "other", "bought", "cookie")
        words = {name: "".join(dice.choices(string.ascii_letters + string.digits, k=32)) for name in names}
        words |= {"secret": words["secret"] + plant.odd, "key": _key(), "port": str(port)}
        words["quoted"] = spellings(words["secret"])[1]
        words["signing"] = SigningKey.made("acme.example/ledger", dice.randbytes(32)).written
        self = cls(plant, folder, port, dice, words)
        for name, text in plant.files.items():
            (folder / name).write_text(text.format(**words))
            (folder / name).chmod(plant.mode)
        (folder / "mode").write_text("")
        (folder / "items.csv").write_text("title,priority\nEncrypt the backup bucket,high\nPatch the gateway,low\n")
        (folder / "counterfoil.toml").write_text(self.config())
        return self

    def config(self) -> str:
        """The configuration, with the secret in it where it belongs there."""
        user = load(self.plant.kind).users[0]
        table = {
            "github": 'kind = "github"\nrepository = "acme/platform"',
            "jira-cloud": f'kind = "jira"\nproject = "SEC"\nemail = "{user.email}"',
            "jira-datacenter": 'kind = "jira"\ndeployment = "datacenter"\nproject = "SEC"',
        }[self.plant.kind]
        own = '[safety]\nvisibility_wait_seconds = 0\n[[routes]]\ntracker = "work"\n'
        tracker = f'[trackers.work]\nurl = "{self.plant.url}"\n{table}\n{self.plant.lines}\n'
        return f"{own}[state]\n{self.plant.state}\n{tracker}\n{self.plant.audit}".format(**self.words)

    def server(self) -> SandboxServer:
        """The tracker, which takes each secret for a good token."""
        tokens = [self.words["secret"], self.words["other"]]
        inner = Eavesdropper(
            load(self.plant.kind), self.folder, tokens, bought=self.words["bought"], cookie=self.words["cookie"]
        )
        return SandboxServer(inner, port=self.port)

    def runs(self, *, briefly: bool) -> Iterator[str]:
        """Run everything; what each run printed."""
        for turn, words in enumerate(_COMMANDS):
            yield self.run(*words, *_FLAGS[turn % len(_FLAGS)])
            if not briefly:
                yield self.run(*words, *_FLAGS[(turn + 2) % len(_FLAGS)])
        for mode in self.dice.sample(MODES, 2) if briefly else MODES:
            yield from self._trouble(mode, ("sync", "-v"), ("check", "--json"))
        yield from self._trouble("", ("sync", "-v"), before=_interrupt)
        yield from self._trouble("", ("sync", "-v"), ("plan",), before=_break)
        if not briefly:
            for point in self.dice.sample(CRASH_POINTS, 4):
                yield from self._trouble("", ("sync",), COUNTERFOIL_CRASH=point)
            yield from self._trouble("slow", ("plan", "-v"), COUNTERFOIL_TRACKERS__WORK__TIMEOUT_SECONDS="0.2")
            tls = f"https://127.0.0.1:{self.port}"
            yield from self._trouble("", ("plan", "-v"), ("check",), COUNTERFOIL_TRACKERS__WORK__URL=tls)
            yield self.run("sync", "-v")

    def _trouble(
        self, mode: str, *commands: Sequence[str], before: Callable[[], None] | None = None, **variables: str
    ) -> Iterator[str]:
        (self.folder / "mode").write_text(mode)
        yield self.run("item", "add", f"Something new while {mode or 'all is well'}")
        for words in commands:
            yield self.run(*words, before=before, **variables)
        (self.folder / "mode").write_text("")

    def run(self, *words: str, before: Callable[[], None] | None = None, **variables: str) -> str:
        """Run a command; what it printed, and what the list of processes shows."""
        given = {name: value.format(**self.words) for name, value in self.plant.variables.items()}
        home = {"HOME": str(self.folder), "TMPDIR": str(self.folder / "tmp")}
        ended = program.run(words, self.folder, {**home, **given, **variables}, before)
        return f"$ {' '.join(words)}\n{ended.out}\n{ended.err}\n{_listed()}"

    def marks(self) -> set[bytes]:
        """What must be nowhere: any spelling of what was planted, given or seen, and any piece of what is random."""
        lines = [line for line in self.words["key"].splitlines() if not line.startswith("-")]
        lines.append(self.words["signing"].rpartition("+")[2])
        planted = [self.words[name] for name in ("secret", "other", "bought", "cookie")] + lines
        pieces = [text[at : at + _PIECE] for text in planted for at in range(0, max(1, len(text) - _PIECE), 5)]
        seen = [each for credentials in self.heard() for each in known_of(credentials)]
        return {mark.encode() for text in planted + seen for mark in (*spellings(text), *pieces) if len(mark) >= _PIECE}

    def heard(self) -> list[str]:
        """Every different credentials that the tracker was shown."""
        seen = self.folder / "credentials"
        return sorted({json.loads(line) for line in seen.read_text().splitlines()}) if seen.exists() else []

    def leaks(self, said: Sequence[str]) -> tuple[list[str], int]:
        """Where a secret was found, and how many bytes were searched."""
        kept = [path for path in self.folder.rglob("*") if path.is_file() and path.name not in _LEFT_ALONE]
        places = {str(path.relative_to(self.folder)): path.read_bytes() for path in kept}
        places |= {f"{name}/{member}": data for name in [*places] for member, data in _packed(places[name])}
        places |= {f"{number}: {run.splitlines()[0]}": run.encode() for number, run in enumerate(said)}
        marks = self.marks()
        found = [
            f"{name}: {data[max(0, at - 60) : at + 40]!r}"
            for name, data in places.items()
            for mark in marks
            if (at := data.find(mark)) >= 0
        ]
        return found, sum(map(len, places.values()))

    def sent_elsewhere(self) -> bool:
        """Whether a secret that is not the tracker's was shown to it."""
        meant = "WORK_TOKEN" in self.plant.variables or self.plant.files.get("token", "").startswith("{secret}")
        shown = " ".join(each for credentials in self.heard() for each in known_of(credentials))
        return not meant and self.words["secret"] in shown


def _packed(data: bytes) -> Iterator[tuple[str, bytes]]:
    """What is in a file that packs others, by name."""
    if data.startswith(b"PK"):
        with ZipFile(BytesIO(data)) as pack:
            yield from ((name, pack.read(name)) for name in pack.namelist())


def _listed() -> str:
    """The command line of every process, as anybody on the machine may see it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_text(errors="replace"))
    return "\n".join(found)


@cache
def _key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def _interrupt() -> None:
    """Have the process interrupted, as from the keyboard, when it sends something."""

    def send(*_args: object, **_options: object) -> httpx.Response:
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("was not interrupted")

    httpx.Client.send = send  # type: ignore[method-assign]


def _break() -> None:
    """Have a library fail in a way that nobody foresaw, with all it knows in its words."""

    def send(_client: object, request: httpx.Request, **_options: object) -> httpx.Response:
        raise RuntimeError(f"broken with {dict(request.headers)} and {request.headers.raw}")

    httpx.Client.send = send  # type: ignore[method-assign,assignment]
