"""What an SQLite installation holds, as JSON: `python -m tests.state.dumped FILE.db > tests/state/dumps/NNNN.json`."""

import json
import re
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Boolean, Connection, Table
from sqlalchemy.engine import make_url

from state.database import Database
from state.schema import METADATA
from tests.databases import raw

Rows = Mapping[str, Sequence[Mapping[str, Any]]]

_FOLDER = Path(__file__).parent / "dumps"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}")


def dumped(revision: str) -> Rows:
    """The rows of an installation as the program of this revision wrote them, by table in an order to bring in."""
    rows: Rows = json.loads((_FOLDER / f"{revision}.json").read_text(encoding="utf-8"))
    return rows


def left_behind(url: str, revision: str) -> Rows:
    """Make an empty database what the program of this revision left: its tables, and these rows in them."""
    rows = dumped(revision)
    with closing(Database(url)) as database:
        database.migrate(lambda connection: command.upgrade(config_of(connection), revision))
    bring_in(url, rows)
    return rows


def config_of(connection: Connection | None = None) -> Config:
    """How the migrations are run on a connection."""
    config = Config()
    config.set_main_option("script_location", str(resources.files("state.migrations")))
    config.attributes["connection"] = connection
    return config


def bring_in(url: str, rows: Rows) -> None:
    """Write the rows into a database of their revision that has none."""
    served = make_url(url).get_backend_name() == "postgresql"
    statements = []
    for table, some in rows.items():
        for row in some:
            names, places = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
            values = [_aware(value) if served else value for value in row.values()]
            statements.append((f'INSERT INTO "{table}" ({names}) VALUES ({places})', values))  # noqa: S608
    raw(url, *statements)


def _aware(value: Any) -> Any:
    """A moment as a server takes it: told to be UTC."""
    return f"{value}+00" if isinstance(value, str) and _MOMENT.fullmatch(value) else value


def _dump(path: str) -> dict[str, list[dict[str, Any]]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return {table.name: _rows(connection, table) for table in METADATA.sorted_tables}


def _rows(connection: sqlite3.Connection, table: Table) -> list[dict[str, Any]]:
    flags = {column.name for column in table.columns if isinstance(column.type, Boolean)}
    found = connection.execute(f'SELECT * FROM "{table.name}" ORDER BY 1')  # noqa: S608
    return [{name: bool(row[name]) if name in flags else row[name] for name in row.keys()} for row in found]  # noqa: SIM118


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_dump(sys.argv[1]), indent=1, ensure_ascii=False) + "\n")
