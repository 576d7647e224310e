"""Every table of ours, and the version that they are at."""

from state import programme_tables, tables
from state.columns import METADATA

__all__ = ["HEAD", "METADATA", "programme_tables", "tables"]

HEAD = "0003"
"""The newest migration; a database at this version is up to date."""
