from pathlib import Path

import pytest

from connectors.intake.registry import FORMATS, SourceFile, source


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_reads_an_empty_file_without_raising(name: str, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_bytes(b"")
    rows = SourceFile(path, source(name))
    assert list(rows) == list(rows) != []


def test_an_unknown_format_names_the_known() -> None:
    with pytest.raises(LookupError, match="csv, json, ocsf"):
        source("xlsx")
