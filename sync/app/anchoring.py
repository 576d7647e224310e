"""The places that keep what was signed, as the configuration names them, and how far each of them does."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from connectors.anchors.base import Anchor
from connectors.anchors.registry import NotInstalled, anchor
from state import audit, checkpoints
from state.checkpoint import PublicKey
from state.checkpoints import Anchored
from state.store import Store
from sync.app import show
from sync.app.complaints import Place
from sync.app.credentials import from_file, from_variable
from sync.app.programme_settings import (
    AnyAnchorTable,
    BucketAnchorTable,
    DirectoryAnchorTable,
    GitAnchorTable,
    LogAnchorTable,
    TimestampAnchorTable,
)
from sync.app.settings import Configuration
from sync.app.shapes import moment
from sync.app.shell import Shell

_log = logging.getLogger("counterfoil")
_PASSED_ON = ("PATH", "HOME", "SSH_AUTH_SOCK", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")
"""What a program that we start may know of this machine."""


def anchors(shell: Shell, config: Configuration, known: Sequence[PublicKey]) -> list[Anchor]:
    """The places that keep what the `known` keys signed; nothing is sent, and the shell shows none of their secrets.

    Raises `ConfigError`.
    """
    found: list[tuple[Place, str]] = []
    made: list[Anchor] = []
    for index, table in enumerate(config.settings.audit.anchors):
        try:
            made.append(anchor(table.kind, table.name, _options(shell, config, table, known)))
        except _Wrong as error:
            found.append((("audit", "anchors", index, error.key), str(error)))
        except NotInstalled as error:
            found.append((("audit", "anchors", index, "kind"), str(error)))
    config.refuse(found)
    return made


class _Wrong(ValueError):
    def __init__(self, key: str, what: str) -> None:
        super().__init__(what)
        self.key = key


def _options(
    shell: Shell, config: Configuration, table: AnyAnchorTable, known: Sequence[PublicKey]
) -> Mapping[str, Any]:
    match table:
        case DirectoryAnchorTable():
            return {"path": config.path(table.path)}
        case GitAnchorTable():
            environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
            return {"path": config.path(table.path), "remote": table.remote, "environment": environment}
        case LogAnchorTable():
            return {"write": _log.info}
        case TimestampAnchorTable():
            roots = [config.path(each) for each in table.roots]
            return {"path": config.path(table.path), "url": table.url, "roots": roots}
        case BucketAnchorTable():
            lock = {"lock": table.lock.upper(), "days": table.retain_days, "clock": shell.clock, "known": known}
            where = {"url": table.url, "prefix": table.prefix, "region": table.region}
            return {**where, **lock, **_bucket_key(shell, config, table)}


def _bucket_key(shell: Shell, config: Configuration, table: BucketAnchorTable) -> Mapping[str, Any]:
    key = table.access_key or _variable("access_key_env", table.access_key_env)
    session = _variable("session_env", table.session_env) if table.session_env else None
    if table.secret_file:
        try:
            secret = from_file(config.path(table.secret_file)).get_secret_value()
        except ValueError as error:
            raise _Wrong("secret_file", str(error)) from None
    else:
        secret = _variable("secret_env", table.secret_env)
    shell.redactor.learn([secret, session or ""])
    return {"key": key, "secret": SecretStr(secret), "session": SecretStr(session) if session else None}


def _variable(key: str, name: str | None) -> str:
    """What the variable that a key names holds; raises `_Wrong`."""
    if name is None:
        raise _Wrong(key, "is required; it names an environment variable")
    try:
        return from_variable(name).get_secret_value()
    except ValueError as error:
        raise _Wrong(key, str(error)) from None


def kept(config: Configuration, store: Store, records: int) -> list[dict[str, Any]]:
    """How far each of the places keeps the ledger, which has so many `records`: as JSON."""
    with store.reading() as connection:
        known = checkpoints.anchors(connection)
        told = [known.get(each.name, Anchored(each.name)) for each in config.settings.audit.anchors]
        since = {each.name: audit.recorded(connection, each.size + 1) for each in told}
    return [
        {
            "name": each.name,
            "records": each.size,
            "newer": max(records - each.size, 0),
            "gone": max(each.size - records, 0),
            "newer_since": moment(since[each.name]),
            "kept_at": moment(each.kept_at),
            "failed_at": moment(each.failed_at),
            "why": each.why or None,
        }
        for each in told
    ]


def kept_words(config: Configuration, places: list[dict[str, Any]]) -> Iterator[str]:
    """The same in words, where somebody signs here."""
    if config.settings.audit.key and not places:
        yield "It is signed and kept nowhere else, so that it could all be written anew; [[audit.anchors]] names places"
    for each in places:
        if each["gone"]:
            more = f"{each['gone']:,} more than there are, so they were taken away here"
            yield f"{each['name']} keeps {show.counted(each['records'], 'record')}, {more}: counterfoil check"
            continue
        if not each["newer"]:
            at = f"took all of it at {show.minute(each['kept_at'])} UTC" if each["kept_at"] else "keeps nothing yet"
            yield f"{each['name']} {at}"
            continue
        since = f", since {show.minute(each['newer_since'])} UTC" if each["newer_since"] else ""
        yield f"{each['name']} keeps {each['records']:,} of them; {each['newer']:,} are newer{since}"
        if each["why"]:
            yield f"{each['name']} took nothing at {show.minute(each['failed_at'])} UTC: {each['why']}"
