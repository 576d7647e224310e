"""The right to run, held by one process at a time, with a number that fences off the others."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, bindparam, insert, null, select, update

from state.effects import Lease
from state.errors import LeaseHeld, LeaseLost
from state.tables import LeaseRow

LEASE = LeaseRow.__table__  # type: ignore[attr-defined]
NAME = "sync"

_ROW = select(LEASE).where(LEASE.c.name == NAME).with_for_update()
_HELD = select(LEASE.c.token).where(LEASE.c.name == NAME, LEASE.c.expires_at.is_not(None)).with_for_update()
_TAKE = update(LEASE).where(LEASE.c.name == NAME)
_RELEASE = update(LEASE).where(LEASE.c.name == NAME, LEASE.c.token == bindparam("ours")).values(expires_at=null())

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process among all processes of all machines: `boot` and `started` tell apart those that shared a number.

    Both are empty where the system does not tell, and then the process counts as alive until its lease ends.
    """

    host: str
    pid: int
    boot: str = ""
    started: str = ""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def this_process() -> Holder:
    """The holder that stands for the process that asks."""
    return Holder(socket.gethostname(), os.getpid(), _boot(), _started(os.getpid()))


def is_dead(holder: Holder, asking: Holder) -> bool:
    """Whether `holder` certainly runs no more, as seen by `asking`; only the same host and boot can tell.

    Where the system hides other people's processes, one with that number counts as the holder.
    """
    if not holder.boot or (holder.host, holder.boot) != (asking.host, asking.boot):
        return False
    return _started(holder.pid) != holder.started and not _is_hidden(holder.pid)


def _boot() -> str:
    """This boot of this machine and this process's own space of process numbers."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _is_hidden(pid: int) -> bool:
    """Whether a process is there that may not be looked at (https://man7.org/linux/man-pages/man5/proc.5.html)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return not os.access(_PROC / str(pid) / "stat", os.R_OK)


def _started(pid: int) -> str:
    """When a process started, in the kernel's ticks; empty when none is shown that runs."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return ""
    after_name = stat.rpartition(")")[2].split()
    return "" if after_name[0] in ("Z", "X") else after_name[19]


def take(connection: Connection, holder: Holder, ttl_seconds: float, now: datetime) -> Lease:
    """Take the lease if nobody has it, its time is over, or its holder is certainly dead; else `LeaseHeld`."""
    row = connection.execute(_ROW).first()
    expires = now + timedelta(seconds=ttl_seconds)
    values = {
        "host": holder.host,
        "boot": holder.boot,
        "pid": holder.pid,
        "started": holder.started,
        "since": now,
        "expires_at": expires,
    }
    if row is None:
        connection.execute(insert(LEASE).values(name=NAME, token=1, **values))
        return Lease(str(holder), 1, expires)
    before = Holder(row.host, row.pid, row.boot, row.started)
    if row.expires_at is not None and row.expires_at > now and not is_dead(before, holder):
        raise LeaseHeld(str(before), row.since, row.expires_at)
    connection.execute(_TAKE, {"token": row.token + 1, **values})
    return Lease(str(holder), row.token + 1, expires)


def renew(connection: Connection, lease: Lease, ttl_seconds: float, now: datetime) -> Lease:
    """Hold the lease, which is in force, for longer."""
    expires = now + timedelta(seconds=ttl_seconds)
    connection.execute(_TAKE, {"expires_at": expires})
    return Lease(lease.holder, lease.token, expires)


def release(connection: Connection, lease: Lease) -> bool:
    """Give the lease back, and say whether it was ours until now; nothing happens if it is another's."""
    return connection.execute(_RELEASE, {"ours": lease.token}).rowcount == 1


def in_force(connection: Connection, lease: Lease) -> bool:
    """Whether `lease` is the one in force; its token stands as read until the transaction ends."""
    return bool(connection.execute(_HELD).scalar() == lease.token)


def lost(lease: Lease) -> LeaseLost:
    """What to raise where `lease` is another's now."""
    return LeaseLost(
        f"the lease of {lease.holder} was taken over by another run, so this one stops and has written nothing more; "
        "run `counterfoil status`, then the command again"
    )
