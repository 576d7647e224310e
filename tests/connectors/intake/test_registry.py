import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


PIECES = st.sampled_from(
    [
        b'"',
        b",",
        b"\n",
        b"\r",
        b"[",
        b"]",
        b"{",
        b"}",
        b":",
        b"title",
        b'"title":"a"',
        b"\0",
        b"\xff",
        b"\\u",
        b"1e9",
        b"<",
        b"/>",
        b"&a;",
        b" ",
    ]
)


STARTS = [
    *(b"", b"title,owner\n", b"[", b'{"items":[', b'{"title":"a"}\n', b"\xef\xbb\xbf"),
    *(b'{"runs":[{"results":[{', b"<testsuite><testcase name='a'>"),
]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("start", STARTS)
@given(pieces=st.lists(PIECES | st.binary(max_size=4), max_size=30))
def test_no_content_raises(name: str, start: bytes, pieces: list[bytes]) -> None:
    for row in source(name).read(io.BytesIO(start + b"".join(pieces))):
        assert row is not None
