"""Every table of ours, and the version that they are at."""

from sqlmodel import SQLModel

from state import programme_tables, tables

__all__ = ["HEAD", "METADATA", "programme_tables", "tables"]

HEAD = "0004"
"""The newest migration; a database at this version is up to date."""

METADATA = SQLModel.metadata
"""What the database of an installation consists of."""
