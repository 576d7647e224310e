"""What tables are made of: columns, of types that both databases hold alike, and indexes."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, DateTime, Dialect, ForeignKey, MetaData, String, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

METADATA = MetaData()
"""What the database of an installation consists of."""

Kind = type[TypeEngine[Any]]


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


def required(name: str, kind: Kind = String, *, of: str = "", unique: bool | None = None) -> Column[Any]:
    """A column that always has a value; `of` names the column of another table whose values it may have."""
    return Column(name, kind, *_references(of), nullable=False, unique=unique)


def optional(name: str, kind: Kind = String, *, of: str = "", unique: bool | None = None) -> Column[Any]:
    """A column that may be empty."""
    return Column(name, kind, *_references(of), unique=unique)


def key(name: str, kind: Kind = String, *, of: str = "") -> Column[Any]:
    """A column that rows are known by, or a part of that, with a value that the database does not make up."""
    return Column(name, kind, *_references(of), primary_key=True, autoincrement=False)


def _references(of: str) -> list[ForeignKey]:
    return [ForeignKey(of)] if of else []


def only(condition: str) -> dict[str, Any]:
    """What an index says of itself that has the rows alone of which `condition` holds; a migration makes it so."""
    return {"info": {"where": condition}}
