"""Roles of a server: the one that owns the tables, and the one of the program, which may only add to the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.engine import URL

from state.address import told
from state.errors import StateError
from state.schema import METADATA

_WHO = (
    "SELECT current_user, quote_ident(current_user), coalesce(current_schema(), ''), "
    "current_database(), pg_postmaster_start_time()"
)
_OWNERS = (
    "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class "
    "WHERE relnamespace = to_regnamespace(current_schema()) AND relname = ANY(%s) "
    "AND NOT pg_has_role(current_user, relowner, 'USAGE')"
)
_SCHEMA = "SELECT quote_ident(current_schema()), has_schema_privilege(current_schema(), 'CREATE WITH GRANT OPTION')"
_STAMP = "alembic_version"
_LEDGER = "audit"
_WRITTEN = tuple(table.name for table in METADATA.sorted_tables if table.name != _LEDGER)
_KEPT = frozenset({"salted", "checkpoint"})
"""What is never changed: a personal text goes with a record of that, a checkpoint where the ledger is begun anew."""
_APPEND = "audit_append(integer[], text[], text[], text[], text[])"

_WAYS = {
    "rolsuper": "is a superuser",
    "rolcreaterole": "may make roles and be any of them",
    "pg_has_role(r.oid, c.relowner, 'MEMBER')": "owns the table `audit`, or may be the role that does",
    "EXISTS (SELECT FROM pg_proc f WHERE f.pronamespace = n.oid AND f.proname LIKE 'audit\\_%%' "
    "AND pg_has_role(r.oid, f.proowner, 'MEMBER'))": "owns the functions that guard it",
    "pg_has_role(r.oid, n.nspowner, 'MEMBER')": "owns the schema that it is in",
    "pg_has_role(r.oid, d.datdba, 'MEMBER')": "owns the database",
    "has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') OR "
    "has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE, REFERENCES')": "may write to the table `audit` itself",
    "has_schema_privilege(r.oid, n.oid, 'CREATE') OR has_database_privilege(r.oid, d.oid, 'CREATE')": (
        "may make tables beside it"
    ),
    "pg_has_role(r.oid, 'pg_execute_server_program', 'MEMBER') OR "
    "pg_has_role(r.oid, 'pg_write_server_files', 'MEMBER')": "may write the server's files",
}
"""What lets a role past the guards of the ledger: how a server is asked for it, and how it is said."""
_ASK = (
    f"SELECT {', '.join(_WAYS)} FROM pg_roles r, pg_database d, pg_class c "  # noqa: S608
    "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.rolname = coalesce(%s, current_user) "
    "AND d.datname = current_database() AND c.oid = 'audit'::regclass"
)


@dataclass(frozen=True, slots=True)
class Role:
    """Who is connected to which database; `quoted` is the name as statements have it."""

    name: str
    quoted: str
    schema: str
    database: str
    server_began: datetime


def role(connection: Connection) -> Role:
    """Whose connection to a server it is."""
    return Role(*connection.exec_driver_sql(_WHO).one())


def must_fit(owner: Role, app: Role) -> None:
    """Raise `StateError` unless one role can own the tables that the other one uses."""
    if (owner.database, owner.server_began) != (app.database, app.server_began):
        raise StateError("the owner's URL leads to another database than `url` under [state] does; nothing was done")
    if owner.name == app.name:
        raise StateError(
            f"{app.name} is the role in `url` under [state], so it cannot be the owner too: make another role, "
            "and give its URL; nothing was done"
        )
    if owner.schema != app.schema:
        raise StateError(
            f"{app.name} looks for its tables in the schema {app.schema!r}, and {owner.name} would make them in "
            f"{owner.schema!r}: set the same search_path for both roles; nothing was done"
        )


def must_be_given(connection: Connection) -> None:
    """Raise `StateError` where tables belong to a role that this connection's role cannot take them from."""
    if others := _owners(connection):
        said = f'REASSIGN OWNED BY "{others[0]}" TO {role(connection).quoted}'
        raise StateError(
            f"there are tables that belong to {others[0]}: have a superuser run `{said}` in this database, "
            "and run the command again; nothing was done"
        )


def must_own(connection: Connection) -> None:
    """Raise `StateError` where the tables there are belong to another role, which alone may change them."""
    if connection.dialect.name != "postgresql" or not (others := _owners(connection)):
        return
    here = connection.engine.url
    url = URL.create(here.drivername, others[0], None, here.host, here.port, here.database, here.query)
    raise StateError(
        f"the tables belong to {others[0]}, and only that role may bring them up to date; nothing was done. "
        f"Run: counterfoil init --postgres-owner {told(url)}"
    )


def share(connection: Connection, app: Role) -> None:
    """Let a role use the tables of this connection's role, and the ledger only to be read and added to.

    Raises `StateError` where that role could do more by what else it may.
    """
    for statement in _grants(connection, app):
        connection.exec_driver_sql(statement)
    if found := _ways(connection, app.name):
        raise StateError(
            f"{app.name} could still rewrite the ledger, since it {' and '.join(found)}; nothing was done. Take that "
            "from it, or name another role in `url` under [state]"
        )


def ways_around(connection: Connection) -> list[str] | None:
    """What lets the program's own role rewrite the ledger, nothing where it may only add to it; `None` for a file."""
    return _ways(connection, None) if connection.dialect.name == "postgresql" else None


def _ways(connection: Connection, name: str | None) -> list[str]:
    row = connection.exec_driver_sql(_ASK, (name,)).one()
    return [said for said, so in zip(_WAYS.values(), row, strict=True) if so]


def _owners(connection: Connection) -> list[str]:
    """Other roles that own tables of ours."""
    return list(connection.exec_driver_sql(_OWNERS, ([*_WRITTEN, _LEDGER, _STAMP],)).scalars())


def _grants(connection: Connection, app: Role) -> Iterator[str]:
    schema, ours = connection.exec_driver_sql(_SCHEMA).one()
    if ours:
        yield f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {app.quoted}"
        yield f"GRANT USAGE ON SCHEMA {schema} TO {app.quoted}"
    for table in (*_WRITTEN, _LEDGER, _STAMP):
        yield f'REVOKE ALL ON "{table}" FROM PUBLIC, {app.quoted}'
        writes = "SELECT, INSERT, DELETE" if table in _KEPT else "SELECT, INSERT, UPDATE, DELETE"
        rights = writes if table in _WRITTEN else "SELECT"
        yield f'GRANT {rights} ON "{table}" TO {app.quoted}'
    for sequence in _sequences(connection):
        yield f"GRANT USAGE, SELECT ON SEQUENCE {sequence} TO {app.quoted}"
    yield f"REVOKE ALL ON FUNCTION {_APPEND} FROM PUBLIC"
    yield f"GRANT EXECUTE ON FUNCTION {_APPEND} TO {app.quoted}"


def _sequences(connection: Connection) -> Iterator[str]:
    """The sequences that the database gives numbers from."""
    for table in METADATA.sorted_tables:
        if (column := table.autoincrement_column) is not None:
            names = f"'{table.name}', '{column.name}'"
            yield connection.exec_driver_sql(f"SELECT pg_get_serial_sequence({names})").scalar_one()
