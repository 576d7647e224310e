"""The URL of a database: whether it can be used, how it is told without its secrets, and which place it names."""

import re
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from state.errors import StateError

_KINDS = (("sqlite", "pysqlite"), ("postgresql", "psycopg"))
"""The databases that can be used, each with its driver."""
_PLACING = frozenset({"host", "hostaddr", "port", "dbname", "user", "service", "servicefile", "options"})
"""The settings of a connection that say to which server, database and schema it leads."""
_OF_THE_DRIVER = frozenset({"timeout", "isolation_level", "detect_types", "check_same_thread", "cached_statements"})
"""The settings beside a file's path that leave it that file."""
_HARMLESS = _PLACING | {
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslcrldir", "sslsni", "sslnegotiation", "passfile"),
    *("channel_binding", "require_auth", "gssencmode", "krbsrvname", "application_name", "connect_timeout"),
    *("target_session_attrs", "load_balance_hosts", "keepalives", "keepalives_idle", "tcp_user_timeout", "timeout"),
}
"""The settings whose values may be shown: all others may be a secret, or one that is misspelt."""
_QUOTED = re.compile(r'[%?@&+#"\\\x00-\x1f\x7f]')
"""What means something else in a path or a setting, or in the quotes that a URL is written in."""


def usable(url: str) -> URL:
    """The parts of a URL; raises `StateError` for one that no database of ours can have."""
    try:
        parsed = make_url(url)
        kind = (parsed.get_backend_name(), parsed.get_driver_name())
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError):
        # What it complains of may be a part of the password, so that is not carried along.
        kind = None
    if kind not in _KINDS or (kind == _KINDS[0] and parsed.host):
        raise StateError(
            "the database URL cannot be used; write sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME "
            "as `url` under [state]"
        )
    if "@" in (parsed.host or ""):
        raise StateError(
            "the database URL cannot be used: an @ in its password is written as %40, as in "
            "postgresql+psycopg://USER:p%40ss@HOST/NAME"
        )
    return parsed


def sqlite_path(url: URL) -> Path | None:
    """The file behind a URL, `None` where it is not one."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


def must_last(url: str) -> None:
    """Raise `StateError` for an SQLite database that is no ordinary file, as one in memory, which ends with us."""
    if not url.startswith("sqlite"):
        return
    parsed = usable(url)
    path = sqlite_path(parsed)
    ordinary = path is not None and not path.name.startswith("file:") and (path.is_file() or not path.exists())
    if not ordinary or parsed.query.keys() - _OF_THE_DRIVER:
        raise StateError(
            f"the database URL {told(parsed)} names no ordinary file, and what is kept elsewhere can be gone after "
            "this command; write sqlite:///FILE. Nothing was done"
        )


def told(url: URL) -> str:
    """The URL as it is written, but for its secrets, wherever they stand in it."""
    said = url.set(database="", query={}).render_as_string(hide_password=True)
    if url.database is None:
        said = said.removesuffix("/")
    settings = [
        f"{name}={_plain(value)}"
        for name, values in url.query.items()
        for value in ([values] if isinstance(values, str) else values)
        if name in _HARMLESS
    ]
    return said + _plain(url.database or "") + ("?" + "&".join(settings) if settings else "")


def _plain(text: str) -> str:
    return _QUOTED.sub(lambda found: quote(found[0]), text)


def place(url: str) -> URL:
    """Where a URL leads, without what else it says of how to connect: equal only for the same place."""
    parsed = make_url(url)
    placing = {name: value for name, value in parsed.query.items() if name in _PLACING}
    return URL.create(
        parsed.drivername, parsed.username, None, parsed.host, parsed.port, parsed.database, query=placing
    )
