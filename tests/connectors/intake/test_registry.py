import copy
import io
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.base import BadRow
from connectors.intake import control_files, risk_files
from connectors.intake.registry import FORMATS, REPORTS, SourceFile, source
from state.model import Finding
from tests.app.test_register import catalog
from tests.connectors.intake.test_asff import BUCKET, THREAT
from tests.connectors.intake.test_assessment import ANSWER, WRITTEN
from tests.connectors.intake.test_ocsf import FINDING
from tests.connectors.intake.test_oscal_results import GAP, document, result
from tests.connectors.intake.test_sarif import CODEQL, TRIVY, log


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_reads_an_empty_file_without_raising(name: str, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_bytes(b"")
    rows = SourceFile(path, source(name))
    assert list(rows) == list(rows) != []


def test_an_unknown_format_names_the_known() -> None:
    with pytest.raises(LookupError, match="csv, json, ocsf"):
        source("xlsx")


DATED = {
    "asff": json.dumps([BUCKET]),
    "assessment": json.dumps([{**ANSWER, "date": "2026-11-20"}]),
    "junit": '<testsuite timestamp="2026-11-20T10:00:00Z"><testcase name="a"/></testsuite>',
    "ocsf": json.dumps([FINDING | {"time": None}]),
    "oscal-ar": json.dumps(document(result(GAP))),
    "sarif": log({**CODEQL, "invocations": [{"endTimeUtc": "2026-11-20T10:00:00Z"}]}),
}
TIME = re.compile(r"\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?")


@pytest.mark.parametrize("name", DATED)
@pytest.mark.parametrize(
    "never", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00-08:00", "1900-01-01T00:00:00Z", "1970-01-01T01:00:00+01:00"]
)
def test_a_time_not_after_1970_began_counts_as_not_given(name: str, never: str) -> None:
    assert TIME.search(DATED[name])
    given = {"written": WRITTEN} if name in REPORTS else {}
    rows = list(source(name, given).read(io.BytesIO(TIME.sub(never, DATED[name]).encode())))
    assert [row.observed_at if isinstance(row, Finding) else BadRow for row in rows] == [given.get("written", BadRow)]


@pytest.mark.parametrize("seconds", [-62135596800, -62135596800000, -1, 0])
def test_seconds_up_to_1970_are_no_time(seconds: int) -> None:
    finding = FINDING | {"time": seconds, "time_dt": None}
    assert [type(row) for row in source("ocsf").read(io.BytesIO(json.dumps([finding]).encode()))] == [BadRow]


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
@settings(max_examples=30)
@given(pieces=st.lists(PIECES | st.binary(max_size=4), max_size=30))
def test_no_content_raises(name: str, start: bytes, pieces: list[bytes]) -> None:
    for row in source(name).read(io.BytesIO(start + b"".join(pieces))):
        assert row is not None


DOCUMENTS: dict[str, Any] = {
    "asff": {"Findings": [BUCKET, THREAT]},
    "assessment": [ANSWER],
    "json": [{"title": "a", "external_ref": "A", "priority": "high", "owner": "a@acme.example", "controls": ["CC6.1"]}],
    "oscal-ar": document(result(GAP)),
    "sarif": json.loads(log(CODEQL, TRIVY)),
    "catalog": catalog(),
    "risks": [{"id": "R-1", "statement": "s", "existing": ["CC6.1"], "next_review": "2027-01-01", "current": "4x3"}],
}
ODD: list[Any] = [None, True, -1, 1e300, 10**30, "", "\0", "\ud800", "x" * 5000, [], {}, [[]], [None], {"a": 1}]
ODD += ["2026-02-30", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", float("inf"), float("nan")]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every list and object of a document with each of its keys."""
    inner = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for key, each in list(inner):
        yield value, key
        yield from places(each)


@pytest.mark.parametrize("name", DOCUMENTS)
@given(data=st.data())
def test_no_odd_value_raises(name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    odd = copy.deepcopy(DOCUMENTS[name])
    holder, key = data.draw(st.sampled_from(list(places(odd))))
    holder[key] = data.draw(st.sampled_from(ODD))
    path = tmp_path_factory.getbasetemp() / f"{name}.json"
    path.write_text(json.dumps(odd))
    if name == "risks":
        assert list(risk_files.read(path)) != [None]
    elif name == "catalog":
        with suppress(control_files.Unreadable):
            control_files.read(path)
    else:
        assert None not in list(SourceFile(path, source(name)))
