"""What the configuration may say, whatever trackers it names."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic import Field as Key
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from state.acceptance import Authorities
from state.address import must_last
from state.model import Priority, SourceKind
from state.proof import ResolutionPolicy
from sync.app.complaints import Complaint, ConfigError, Place, at, did_you_mean, from_validation, is_near, line_numbers
from sync.app.programme_settings import (
    CENTURY,
    AcceptTable,
    AuditTable,
    Email,
    EvidenceTable,
    GroupTable,
    Name,
    ResolveTable,
    RolesTable,
    Table,
    TestsTable,
    authorities,
)

PREFIX = "COUNTERFOIL_"
DEFAULT_FILE = "counterfoil.toml"
_OTHER_VARIABLES = {"COUNTERFOIL_CONFIG", "COUNTERFOIL_USER"}
_LITERAL_SECRETS = ("token", "password", "api_token", "private_key", "webhook_secret", "secret")
_DAY = 86_400
"""In seconds: the most that a new ticket may be let stay invisible."""
_CREDENTIALS = ("token_env", "token_file", "private_key_file")


class StateTable(Table):
    """Where the records are kept."""

    url: SecretStr = SecretStr("sqlite:///counterfoil.db")


class WhenTable(Table):
    """What an item must be for a route to take it: every key given must match, by any of its values."""

    controls: tuple[Name, ...] = ()
    priority: tuple[Priority, ...] = ()
    owner: tuple[Name, ...] = ()
    source: tuple[SourceKind, ...] = ()
    risks: tuple[Name, ...] = ()


class RouteTable(Table):
    """Which tracker takes which items."""

    tracker: Name
    when: WhenTable = WhenTable()


class PersonTable(BaseModel):
    """One person: the e-mail address, the operating system's user, and an account per kind of tracker by its name."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Name]

    email: Email
    login: Name | None = None


class SafetyTable(Table):
    """What makes a run refuse itself."""

    max_creates: int = Key(default=200, ge=0)
    change_share: float = Key(default=0.30, gt=0, le=1)
    visibility_wait_seconds: int = Key(default=120, ge=0, le=_DAY)


class DueTable(Table):
    """Days until an item is due when its source does not say, by priority."""

    critical: int = Key(default=7, ge=0, le=CENTURY)
    high: int = Key(default=30, ge=0, le=CENTURY)
    medium: int = Key(default=90, ge=0, le=CENTURY)
    low: int = Key(default=180, ge=0, le=CENTURY)


class ScannerTable(Table):
    """How scanner findings are read."""

    frameworks: tuple[Name, ...] = ()


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("is no time zone, as Europe/Zurich or UTC") from None
    return name


class JunitTable(Table):
    """How results of test suites are read."""

    zone: Annotated[str, AfterValidator(_known_zone)] | None = None


class IntakeTable(Table):
    """How sources are read."""

    ocsf: ScannerTable = ScannerTable()
    asff: ScannerTable = ScannerTable()
    sarif: ScannerTable = ScannerTable()
    junit: JunitTable = JunitTable()


class Settings(BaseSettings):
    """A whole configuration. Tracker tables stay as written until a tracker is opened.

    Environment variables such as `COUNTERFOIL_SAFETY__MAX_CREATES` win over the file.
    """

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    state: StateTable = StateTable()
    trackers: dict[str, dict[str, Any]] = {}
    routes: list[RouteTable] = []
    people: list[PersonTable] = []
    safety: SafetyTable = SafetyTable()
    due: DueTable = DueTable()
    intake: IntakeTable = IntakeTable()
    roles: RolesTable = RolesTable()
    resolve: ResolveTable = ResolveTable()
    accept: AcceptTable = AcceptTable()
    evidence: EvidenceTable = EvidenceTable()
    tests: TestsTable = TestsTable()
    groups: list[GroupTable] = []
    audit: AuditTable = AuditTable()

    @property
    def by_first(self) -> bool:
        """Whether tickets may lower priorities, so that items are judged by the one they were first given too."""
        tables = (table.get("authority") for table in self.trackers.values())
        return any(isinstance(each, dict) and each.get("priority", "item") != "item" for each in tables)

    @property
    def resolution(self) -> ResolutionPolicy:
        """What "done" has to be backed by."""
        return self.resolve.resolution(by_first=self.by_first)

    @property
    def authorities(self) -> Authorities:
        """Who may do what."""
        return authorities(self.roles, self.accept, by_first=self.by_first)

    @model_validator(mode="before")
    @classmethod
    def _file_spells_tracker_names(cls, data: Any) -> Any:
        tables = data.get("trackers")
        if not isinstance(tables, dict):
            return data
        in_file = {_as_variable(name): name for name in tables if name != _as_variable(name)}
        merged: dict[str, Any] = {}
        for name in sorted(tables, key=lambda name: name == _as_variable(name)):
            spelling = in_file.get(name, name)
            merged[spelling] = _over(merged.get(spelling), tables[name])
        return {**data, "trackers": merged}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment first, then the file, which is handed over as arguments."""
        return env_settings, init_settings


def _as_variable(name: str) -> str:
    return name.lower().replace("-", "_")


def _over(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: _over(below.get(key), value) for key, value in above.items()}}


class Configuration(BaseModel):
    """The settings of one file, where it stands, and where in it each key is."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    file: Path
    settings: Settings
    lines: dict[Place, int] = Key(default={}, repr=False)

    @property
    def folder(self) -> Path:
        """The folder that relative paths in the file start from."""
        return self.file.parent

    @property
    def state_url(self) -> SecretStr:
        """The database's URL, a relative SQLite path made absolute."""
        return SecretStr(self.database(self.settings.state.url.get_secret_value()))

    def database(self, url: str) -> str:
        """A database's URL as the file means it: an SQLite path is relative to the file's own folder.

        Raises `StateError` where that is no ordinary file.
        """
        scheme, mark, path = url.partition(":///")
        if scheme.startswith("sqlite") and mark and path and not path.startswith((":memory:", "/")):
            url = f"{scheme}:///{self.folder / path}"
        must_last(url)
        return url

    def path(self, name: str) -> Path:
        """A path as the file means it: relative to the file's own folder."""
        return self.folder / Path(name).expanduser()

    def refuse(self, complaints: list[tuple[Place, str]]) -> None:
        """Raise `ConfigError` for everything in `complaints`, if there is anything."""
        if complaints:
            raise ConfigError(str(self.file), [at(place, what, self.lines) for place, what in complaints])


def load(file: Path) -> Configuration:
    """Read a configuration file; raises `ConfigError` with all that is wrong in it, tracker tables' own keys aside."""
    file = file.absolute()
    text = _text(file)
    try:
        tables = tomllib.loads(text)
    except ValueError as error:
        raise ConfigError(str(file), [Complaint("(the file)", f"is not TOML: {error}")]) from None
    lines = line_numbers(text)
    found = _stray_variables()
    try:
        settings = Settings(**tables)
    except ValidationError as error:
        found += [*map(_worded, error.errors(include_input=False)), *_table_complaints(tables)]
        raise _refusal(file, lines, found) from None
    except SettingsError as error:
        raise _refusal(file, lines, [*found, _unreadable(error)]) from None
    found += [*_table_complaints({**tables, "trackers": settings.trackers}), *_twice_named(settings.audit)]
    if found:
        raise _refusal(file, lines, found)
    return Configuration(file=file, settings=settings, lines=lines)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        what = (
            "there is no such file; `counterfoil init` writes one, --config FILE or $COUNTERFOIL_CONFIG names another"
        )
    except UnicodeDecodeError as error:
        what = f"is not UTF-8 (byte {error.start})"
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
    raise ConfigError(str(file), [Complaint("(the file)", what)])


def _refusal(file: Path, lines: Mapping[Place, int], found: list[tuple[Place, str]]) -> ConfigError:
    complaints = [_from_environment(place, what) or at(place, what, lines) for place, what in found]
    return ConfigError(str(file), sorted(dict.fromkeys(complaints), key=lambda c: (c.line, c.key)))


def _from_environment(place: Place, what: str) -> Complaint | None:
    variable = PREFIX + "__".join(str(part) for part in place).upper()
    given = any(name.upper().replace("-", "_") == variable.replace("-", "_") for name in os.environ)
    return Complaint(f"${variable}", what) if given else None


def _worded(error: Any) -> tuple[Place, str]:
    *table, key = error["loc"]
    return from_validation({**error, "loc": (*_written(tuple(table)), key)}, (), keys_at(tuple(table)))


def _unreadable(error: SettingsError) -> tuple[Place, str]:
    named = re.search(r'field "(\w+)"', str(error))
    return (named[1] if named else "environment",), "the variable's value is not JSON"


def keys_at(place: Place) -> list[str]:
    """The keys that a configuration may have at one place, which names the kind of a table where it is for several."""
    tables = _tables_at(place)[-1]
    return list(tables[0].model_fields) if len(tables) == 1 else []


def _written(place: Place) -> Place:
    """A place without the kinds of tables that the validating library put into it."""
    before = _tables_at(place)
    return tuple(part for part, tables in zip(place, before, strict=False) if isinstance(part, int) or len(tables) <= 1)


def _tables_at(place: Place) -> list[list[type[BaseModel]]]:
    """The tables that may stand at the beginning, and after each part of a place."""
    found: list[list[type[BaseModel]]] = [[Settings]]
    for part in place:
        tables = found[-1]
        if isinstance(part, int):
            found.append(tables)
        elif len(tables) > 1:
            found.append([each for each in tables if part in get_args(each.model_fields["kind"].annotation)])
        else:
            field = tables[0].model_fields.get(part) if tables else None
            found.append([] if field is None else tables_of(field.annotation))
    return found


def tables_of(annotation: Any) -> list[type[BaseModel]]:
    """The tables that a key of this type may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [table for each in get_args(annotation) for table in tables_of(each)]


def _stray_variables() -> list[tuple[Place, str]]:
    found: list[tuple[Place, str]] = []
    for name in os.environ:
        table, nested, _ = name.upper().removeprefix(PREFIX).partition("__")
        if name.upper().startswith(PREFIX) and nested and table.lower() not in Settings.model_fields:
            found.append(((f"${name}",), f"names no table; {did_you_mean(table.lower(), Settings.model_fields)}"))
    return found


def _table_complaints(tables: Mapping[str, Any]) -> list[tuple[Place, str]]:
    trackers, routes = tables.get("trackers"), tables.get("routes")
    named = trackers if isinstance(trackers, dict) else {}
    found: list[tuple[Place, str]] = []
    for name, table in named.items():
        if isinstance(table, dict):
            found += [(("trackers", name, *place), what) for place, what in _tracker_complaints(table)]
    for index, route in enumerate(routes if isinstance(routes, list) else ()):
        if isinstance(route, dict) and isinstance(goal := route.get("tracker"), str) and goal not in named:
            found.append((("routes", index, "tracker"), f"no tracker is called {goal!r}; {did_you_mean(goal, named)}"))
    return found


def _twice_named(audit: AuditTable) -> list[tuple[Place, str]]:
    names = [each.name for each in audit.anchors]
    twice = [(index, name) for index, name in enumerate(names) if name in names[:index]]
    what = "is called as another place is; how far each keeps the ledger is known by its name"
    return [(("audit", "anchors", index, "name"), f"{name!r} {what}") for index, name in twice]


def _tracker_complaints(table: Mapping[str, Any]) -> list[tuple[Place, str]]:
    found: list[tuple[Place, str]] = [
        ((key,), 'a secret is never written here: use token_env = "NAME_OF_A_VARIABLE" or token_file = "PATH"')
        for key in _LITERAL_SECRETS
        if key in table
    ]
    found += [((key,), "is required") for key in ("kind", "url") if key not in table]
    given = [key for key in _CREDENTIALS if key in table]
    if not given and not any(key in table for key in _LITERAL_SECRETS):
        found.append(((), 'no credentials: add token_env = "NAME_OF_A_VARIABLE" or token_file = "PATH"'))
        near = (key for key in table if is_near(key, _CREDENTIALS))
        found += [((key,), f"is not a key; {did_you_mean(key, _CREDENTIALS)}") for key in near]
    if len(given) > 1:
        found.append(((given[1],), f"is given beside {given[0]}; keep one of them"))
    address = str(table.get("url", ""))
    if "?" in address or "@" in address.partition("://")[2].partition("/")[0]:
        found.append((("url",), "holds a user name or a secret; use token_env or token_file"))
    return found
