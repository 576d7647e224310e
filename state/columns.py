"""The types of columns that both databases hold alike."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    LargeBinary,
    Text,
    TypeDecorator,
    cast,
    text,
    type_coerce,
)
from sqlalchemy.types import NullType


class Utc(TypeDecorator[datetime]):
    """A date-time that is aware and UTC on both sides, whatever the database can hold."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive date-time, and store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a date-time without a zone cannot be stored: {value}")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Names(TypeDecorator[tuple[str, ...]]):
    """A list of names, as JSON text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[str] | None, _dialect: Dialect) -> str | None:
        """Store the list in its order."""
        return None if value is None else json.dumps(list(value), ensure_ascii=False)

    def process_result_value(self, value: str | None, _dialect: Dialect) -> tuple[str, ...] | None:
        """Give the list back as a tuple."""
        return None if value is None else _names(value)


@lru_cache(maxsize=1024)
def _names(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def only(condition: str) -> dict[str, Any]:
    """The options of an index over the rows of which `condition` holds."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def as_stored(connection: Connection, *columns: Column[Any]) -> list[ColumnElement[Any]]:
    """Columns to be read so that even broken text arrives: as bytes in SQLite, which takes any for text."""
    if connection.dialect.name != "sqlite":
        return list(columns)
    return [type_coerce(cast(each, LargeBinary), NullType).label(each.name) for each in columns]
