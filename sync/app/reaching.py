"""The configured trackers, opened with their secrets, and the mapping that goes with them."""

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import SecretStr, ValidationError

from connectors.base import MARK, Tracker
from connectors.registry import UnknownKind, is_kind, kinds, open_tracker, settings_class
from connectors.settings import Secrets, TrackerSettings
from connectors.wire import Exchange
from mapping.rules import Route, Rules, TrackerRules
from state.model import Authority, Field, Person, Priority
from sync.app.complaints import Place, did_you_mean, from_validation
from sync.app.credentials import from_file, from_variable
from sync.app.settings import Configuration, WhenTable
from sync.app.shell import Shell

_log = logging.getLogger("sync.app")


def tracker_settings(config: Configuration) -> dict[str, TrackerSettings]:
    """Every tracker's table, read by its own kind; raises `ConfigError` with all that is wrong in any of them."""
    found: list[tuple[Place, str]] = []
    read: dict[str, TrackerSettings] = {}
    for name, table in config.settings.trackers.items():
        try:
            read[name] = settings_class(str(table["kind"])).model_validate(table)
        except UnknownKind:
            found.append(
                (
                    ("trackers", name, "kind"),
                    f"{table['kind']!r} is unknown; {did_you_mean(str(table['kind']), kinds())}",
                )
            )
        except ValidationError as error:
            known = settings_class(str(table["kind"])).model_fields
            wrong = error.errors(include_input=False)
            found += [from_validation(each, ("trackers", name), _keys(known, each["loc"])) for each in wrong]
    for index, person in enumerate(config.settings.people):
        found += [
            (("people", index, key), f"is not a key; {did_you_mean(key, ['email', 'login', *kinds()])}")
            for key in sorted(person.model_extra or ())
            if not is_kind(key)
        ]
    config.refuse(found)
    return read


def _keys(fields: Mapping[str, Any], place: Place) -> list[str]:
    for part in place[:-1]:
        annotation = fields[str(part)].annotation if part in fields else None
        fields = getattr(annotation, "model_fields", {})
    return list(fields)


def secrets_of(config: Configuration, tables: Mapping[str, TrackerSettings], shell: Shell) -> dict[str, Secrets]:
    """What proves who we are, by tracker; from now on the shell shows none of it. Raises `ConfigError`."""
    found: list[tuple[Place, str]] = []
    read: dict[str, Secrets] = {}
    for name, table in tables.items():
        token = private_key = None
        try:
            if table.token_env:
                token = _sendable(from_variable(table.token_env))
            elif table.token_file:
                token = _sendable(from_file(config.path(table.token_file)))
            elif key_file := getattr(table, "private_key_file", None):
                private_key = from_file(config.path(key_file))
        except ValueError as error:
            key = next(k for k in ("token_env", "token_file", "private_key_file") if getattr(table, k, None))
            found.append((("trackers", name, key), str(error)))
        read[name] = Secrets(token=token, private_key=private_key)
        shell.redactor.learn(s.get_secret_value() for s in (token, private_key) if s is not None)
    config.refuse(found)
    return read


def _sendable(token: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]+", token.get_secret_value()):
        raise ValueError(
            "the token holds a space, a line break or a letter that no token has; put the bare token there"
        )
    return token


@contextmanager
def open_trackers(
    shell: Shell, config: Configuration, observer: Callable[[Exchange], None] | None = None
) -> Iterator[dict[str, Tracker]]:
    """Every configured tracker, closed again afterwards; nothing is sent. Raises `ConfigError`."""
    tables = tracker_settings(config)
    secrets = secrets_of(config, tables, shell)
    opened: dict[str, Tracker] = {}
    try:
        for name, table in tables.items():
            opened[name] = _open(shell, config, name, table, secrets[name], observer)
        yield opened
    finally:
        for tracker in opened.values():
            tracker.close()


def open_one(shell: Shell, config: Configuration, name: str, table: TrackerSettings) -> Tracker:
    """One configured tracker, which the caller closes; nothing is sent. Raises `ConfigError`."""
    return _open(shell, config, name, table, secrets_of(config, {name: table}, shell)[name], None)


def _open(
    shell: Shell,
    config: Configuration,
    name: str,
    table: TrackerSettings,
    secrets: Secrets,
    observer: Callable[[Exchange], None] | None,
) -> Tracker:
    if table.ca_bundle:
        table = table.model_copy(update={"ca_bundle": str(config.path(table.ca_bundle))})
    watch = _noted(name, observer)
    return open_tracker(name, table, secrets, clock=shell.clock, sleep=time.sleep, observer=watch)


def _noted(name: str, observer: Callable[[Exchange], None] | None) -> Callable[[Exchange], None]:
    def note(exchange: Exchange) -> None:
        _log.debug("%s: %s %s: %s", name, exchange.method, exchange.path, exchange.status)
        if observer is not None:
            observer(exchange)

    return note


def rules_of(config: Configuration, tables: Mapping[str, TrackerSettings], trackers: Mapping[str, Tracker]) -> Rules:
    """The mapping, as the configuration and the trackers' own abilities make it."""
    routes = tuple(Route(route.tracker, _conditions(route.when)) for route in config.settings.routes)
    people = tuple(
        Person(person.email, dict(person.model_extra or {}), person.login) for person in config.settings.people
    )
    return Rules(
        {name: tracker_rules(trackers[name], **_configured(tables[name])) for name in trackers}, routes, people
    )


def _conditions(when: WhenTable) -> dict[str, tuple[str, ...]]:
    given = {key: tuple(str(v) for v in getattr(when, key)) for key in when.model_fields_set}
    return dict(sorted(given.items()))


def tracker_rules(tracker: Tracker, **said: Any) -> TrackerRules:
    """The tables of a tracker, as far as it decides them itself; `said` are the others, by their names."""
    caps = tracker.caps
    return TrackerRules(
        tracker=tracker.name,
        account_kind=caps.account_kind,
        fields=caps.fields,
        body_format=caps.body_format,
        title_limit=caps.title_limit,
        body_limit=caps.body_limit,
        assignment_starts_work=caps.assignment_starts_work,
        mark=MARK,
        **said,
    )


def _configured(table: TrackerSettings) -> dict[str, Any]:
    return {
        "labels": tuple(table.labels),
        "mentions": table.mentions,
        "status": _names(table.status.model_dump()),
        "resolution": _names(table.resolution.model_dump()),
        "priority": {Priority(k): v for k, v in table.priority.model_dump().items() if v},
        "authority": {Field(k): Authority(v) for k, v in table.authority.model_dump().items()},
    }


def _names(table: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {key: tuple(names) for key, names in table.items() if names}
