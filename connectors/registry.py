"""Which class speaks for which kind of tracker, imported only when it is asked for."""

from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, ClassVar, Protocol, cast

import httpx

from connectors.base import Tracker
from connectors.settings import Secrets, TrackerSettings
from connectors.wire import Exchange

GROUP = "counterfoil.trackers"
"""The entry point group under which a package from elsewhere offers a tracker class."""

BUILT_IN: Mapping[str, str] = {
    "github": "connectors.github_issues:GithubIssues",
    "jira": "connectors.jira_issues:JiraIssues",
}


class UnknownKind(ValueError):
    """The configuration names a kind of tracker that nobody offers."""


class Connector(Protocol):
    """A tracker class as the registry finds it."""

    Settings: ClassVar[type[TrackerSettings]]

    def __call__(
        self,
        name: str,
        settings: Any,
        secrets: Secrets,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        transport: httpx.BaseTransport | None = None,
        observer: Callable[[Exchange], None] | None = None,
    ) -> Tracker:
        """Make the tracker; sends nothing."""
        ...


def kinds() -> list[str]:
    """Every kind that can be configured, sorted."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))})


def is_kind(name: str) -> bool:
    """Whether a tracker can be of this kind; what is installed beside us is looked through for no kind of ours."""
    return name in BUILT_IN or name in kinds()


def connector(kind: str) -> Connector:
    """The class for `kind`; built-in kinds win over those of other packages."""
    if kind in BUILT_IN:
        module, _, name = BUILT_IN[kind].partition(":")
        return cast("Connector", getattr(import_module(module), name))
    for point in entry_points(group=GROUP, name=kind):
        return cast("Connector", point.load())
    raise UnknownKind(f"unknown kind of tracker {kind!r}; known are: {', '.join(kinds())}")


def settings_class(kind: str) -> type[TrackerSettings]:
    """What the configuration table of a tracker of this kind may say."""
    return connector(kind).Settings


def open_tracker(
    name: str,
    settings: TrackerSettings,
    secrets: Secrets,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    transport: httpx.BaseTransport | None = None,
    observer: Callable[[Exchange], None] | None = None,
) -> Tracker:
    """The tracker configured as `name`, ready for use; nothing is sent before its first method is called."""
    make = connector(settings.kind)
    return make(name, settings, secrets, clock=clock, sleep=sleep, transport=transport, observer=observer)
