"""The way from each version of the tables to the next."""

from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, NullPool, create_engine

from state import failures, guards, roles
from state.address import told
from state.errors import StateError
from state.schema import HEAD

_NAMES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!' UNION ALL "
    "SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'",
    "postgresql": "WITH here AS (SELECT * FROM pg_class WHERE relnamespace = to_regnamespace(current_schema())) "
    "SELECT relname FROM here UNION ALL SELECT relname || '.' || attname FROM here "
    "JOIN pg_attribute ON attrelid = here.oid WHERE attnum > 0 AND NOT attisdropped UNION ALL "
    "SELECT tgname FROM here JOIN pg_trigger ON tgrelid = here.oid WHERE NOT tgisinternal",
}
"""What asks a database for its tables, indexes, triggers and TABLE.COLUMN by name."""


def migrate(connection: Connection) -> None:
    """Bring the database of this connection to the newest version, within its transaction.

    Raises `Damaged` for a database that is not wholly what the version is that it says it has, and `StateError` for one
    whose version no program of ours ever had, and for an older one whose tables are another role's.
    """
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and found < HEAD:
        roles.must_own(connection)
    try:
        if found is not None:
            _must_be_whole(connection, found)
        _upgrade(connection, HEAD)
    except CommandError as error:
        raise StateError(
            f"the database at {told(connection.engine.url)} cannot be brought to "
            f"version {HEAD}: {error}. It was not made by this program; "
            "name another one as `url` under [state]"
        ) from error


def _upgrade(connection: Connection, revision: str) -> None:
    with resources.as_file(resources.files(__name__)) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _must_be_whole(connection: Connection, revision: str) -> None:
    """Raise `Damaged` where something of a version is not there, or something of a later one is.

    What each has is seen in a database that is made for it; what was never ours may be beside it.
    """
    with create_engine("sqlite://", poolclass=NullPool).connect() as model:
        _upgrade(model, revision)
        then = _names(model)
        _upgrade(model, HEAD)
        later = _names(model) - then
    if connection.dialect.name == "postgresql":
        then = then - guards.TEXTS.keys() | guards.SERVER.keys()
    there = _names(connection)
    apart = {"lacks": then - there, "has of a later one": later & there}
    if said := [f"{how} {failures.some(_without_columns(names))}" for how, names in apart.items() if names]:
        why = f"it says that it has version {revision}, but {' and '.join(said)}"
        raise failures.damaged(told(connection.engine.url), "use", why)


def _names(connection: Connection) -> frozenset[str]:
    return frozenset(connection.exec_driver_sql(_NAMES[connection.dialect.name]).scalars())


def _without_columns(names: frozenset[str]) -> frozenset[str]:
    """Names without those of the columns of a table that is among them."""
    return frozenset(name for name in names if name.partition(".")[0] not in names - {name})
