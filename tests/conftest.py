"""What every test may use: the shared material, databases of both kinds, memory for a disk, and a closed network."""

import gc
import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from pytest_socket import socket_allow_hosts

from tests.databases import Databases, Files, OnServer
from tests.postgresql import Absent, Server, running

SHARED = Path(__file__).resolve().parents[2] / "shared"
MEMORY = Path("/dev/shm")  # noqa: S108
ROOM = 2 * 1024**3

settings.register_profile(
    "steady",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steady")


def pytest_configure() -> None:
    """Have files written to memory, where there is room: half of the time would go to waiting for a disk's commits.

    Garbage is looked for seldom: thousands of tests and all that they import were looked through again and again.
    """
    gc.set_threshold(50_000)
    if "TMPDIR" in os.environ or not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        return
    if shutil.disk_usage(MEMORY).free > ROOM and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


@pytest.fixture(autouse=True)
def _loopback_only() -> None:
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the shared material (vendor descriptions and real input) is not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A real PostgreSQL."""
    try:
        with running() as server:
            yield server
    except Absent as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def templates() -> dict[str, dict[bytes, Any]]:
    """Databases with nothing in them, by kind and by what named them; each is made once and copied."""
    return {"sqlite": {}, "postgresql": {}}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def databases(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    templates: dict[str, dict[bytes, Any]],
) -> Iterator[Databases]:
    """Databases of one kind; each test that uses them runs once for each kind."""
    if request.param == "sqlite":
        yield Files(tmp_path, templates["sqlite"], lambda: tmp_path_factory.mktemp("template"))
        return
    made = OnServer(request.getfixturevalue("postgresql"), templates["postgresql"])
    yield made
    made.close()


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Be another user of this machine."""

    def become(name: str) -> None:
        monkeypatch.setattr(pwd, "getpwuid", lambda uid: pwd.struct_passwd((name, "x", uid, uid, "", "/", "/bin/sh")))

    return become
