"""Which formats can be taken in, each loaded when it is asked for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from connectors.base import Row, Source

FORMATS: Mapping[str, str] = {
    "csv": "connectors.intake.csv_items:CsvItems",
    "json": "connectors.intake.json_items:JsonItems",
    "ocsf": "connectors.intake.ocsf:Ocsf",
    "asff": "connectors.intake.asff:Asff",
    "sarif": "connectors.intake.sarif:Sarif",
    "junit": "connectors.intake.junit:Junit",
    "oscal-ar": "connectors.intake.oscal_results:OscalResults",
    "assessment": "connectors.intake.assessment:Assessment",
}
"""Format name -> module and class of the source that reads it."""

REPORTS = frozenset({"sarif", "junit", "oscal-ar", "assessment"})
"""Formats whose files need not say when or at what somebody looked: their sources take `written` and `subject`."""


def source(name: str, options: Mapping[str, Any] | None = None) -> Source:
    """The source for a format, given the keys of its `[intake.<name>]` table; raises `LookupError` naming the known."""
    if name not in FORMATS:
        raise LookupError(f"unknown format {name!r}; known are {', '.join(FORMATS)}")
    module, _, attribute = FORMATS[name].partition(":")
    return cast("Source", getattr(import_module(module), attribute)(**(options or {})))


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The rows of one file, read anew each time they are asked for; raises `OSError` then if it cannot be."""

    path: Path
    source: Source

    def __iter__(self) -> Iterator[Row]:
        with self.path.open("rb") as stream:
            yield from self.source.read(stream)

    def sha256(self) -> str:
        """The hash of the file's bytes; raises `OSError` if it cannot be read."""
        with self.path.open("rb") as stream:
            return file_digest(stream, "sha256").hexdigest()
