import io
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base import BadRow, LeftOut, Row
from connectors.intake.registry import source
from state.model import Finding, Priority, SourceKind, TestOutcome

WRITTEN = datetime(2026, 11, 20, 12, tzinfo=UTC)
PYTEST = """<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.1"
 timestamp="2026-11-19T20:15:00.123456+01:00" hostname="ci-7"><properties>
<property name="requirement" value="SOC2:CC6.1"/>
</properties><testcase classname="controls.test_iam" name="test_root_has_mfa" time="0.001"><properties>
<property name="control" value="CIS:1.5; CIS:1.6"/><property name="severity" value="critical"/></properties>
<failure message="AssertionError: no MFA on &lt;Account object at 0x7f32a1b2c3d4&gt;&#10;assert False">def test():
&gt;       assert False
E       AssertionError</failure></testcase>
<testcase classname="controls.test_iam" name="test_no_access_keys"><system-out>noise</system-out></testcase>
<testcase classname="controls.test_net" name="test_ports[22]">
<error message="failed on setup">E fixture</error></testcase>
<testcase classname="controls.test_net" name="test_later">
<skipped type="pytest.skip" message="not yet">why</skipped></testcase>
</testsuite></testsuites>"""
SUREFIRE = """<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 name="com.acme.AccessTest" tests="3" failures="1">
  <properties><property name="java.version" value="21"/><property name="risk" value="R-0001"/></properties>
  <testcase name="denies" classname="com.acme.AccessTest" time="0.02">
    <failure type="java.lang.AssertionError"><![CDATA[java.lang.AssertionError: open to all
	at com.acme.AccessTest.denies(AccessTest.java:17)]]></failure>
    <rerunFailure message="again" type="java.lang.AssertionError">trace</rerunFailure>
  </testcase>
  <testcase name="flaky" classname="com.acme.AccessTest"><flakyFailure message="once">trace</flakyFailure></testcase>
  <testcase name="off" classname="com.acme.AccessTest"><skipped/></testcase>
</testsuite>"""
NESTED = """<testsuites timestamp="2026-11-18T08:00:00">
  <testsuite name="Firewall"><testsuite name="Ingress"><testcase name="SSH is closed"><properties>
    <property name="description">Port 22 must not be open to the world.</property>
    <property name="title" value="Close port 22 to the world"/></properties><failure>open</failure></testcase>
    </testsuite>
    <testcase name="outer" status="run" result="completed"/><testcase name="gone" status="notrun"/></testsuite>
</testsuites>"""


def read(text: str | bytes, **options: Any) -> list[Row]:
    given = {"written": WRITTEN, **options}
    return list(source("junit", given).read(io.BytesIO(text if isinstance(text, bytes) else text.encode())))


def found(text: str, **options: Any) -> list[Finding]:
    return [row for row in read(text, **options) if isinstance(row, Finding)]


def suite(inside: str, name: str = "controls") -> str:
    return f'<testsuite name="{name}">{inside}</testsuite>'


def test_pytest_s_file_is_read() -> None:
    rows = read(PYTEST)
    mfa, keys, ports = (row for row in rows if isinstance(row, Finding))
    assert [each.outcome for each in (mfa, keys, ports)] == [TestOutcome.FAIL, TestOutcome.PASS, TestOutcome.FAIL]
    assert [type(row) for row in rows].count(LeftOut) == 1
    draft = mfa.draft
    assert draft.title == "Make test_root_has_mfa pass (controls.test_iam)"
    assert (draft.priority, draft.controls) == (Priority.CRITICAL, ("CIS:1.5", "CIS:1.6", "SOC2:CC6.1"))
    assert (draft.source_kind, draft.source_ref) == (SourceKind.AUTOMATED_TEST, "controls.test_iam.test_root_has_mfa")
    assert mfa.observed_at == datetime(2026, 11, 19, 19, 15, 0, 123456, tzinfo=UTC)
    assert "The test fails: AssertionError: no MFA on <Account object at 0x…>" in draft.description
    assert "assert False" not in draft.description
    assert (keys.draft.priority, keys.draft.controls, keys.tool) == (None, ("SOC2:CC6.1",), "JUnit")


def test_surefire_s_file_is_read() -> None:
    denies, flaky = found(SUREFIRE)
    assert (denies.outcome, flaky.outcome) == (TestOutcome.FAIL, TestOutcome.PASS)
    assert (denies.observed_at, denies.draft.risks) == (WRITTEN, ("R-0001",))
    assert "java.lang.AssertionError: open to all" in denies.draft.description
    assert "AccessTest.java" not in denies.draft.description


def test_suites_in_suites_are_read() -> None:
    ssh, outer = found(NESTED, zone="UTC")
    assert ssh.draft.title == "Close port 22 to the world (Ingress)"
    assert ssh.draft.description.startswith("Port 22 must not be open to the world.")
    assert (ssh.observed_at, outer.outcome) == (datetime(2026, 11, 18, 8, tzinfo=UTC), TestOutcome.PASS)


def test_a_test_is_known_again_by_suite_class_and_name() -> None:
    again = (
        PYTEST.replace("0x7f32a1b2c3d4", "0x7f0000000000").replace("2026-11-19", "2026-11-25").replace("ci-7", "ci-8")
    )
    assert [each.draft for each in found(again)] == [each.draft for each in found(PYTEST)]
    case = '<testcase classname="{}" name="{}"/>'
    texts = [
        *(suite(case.format(*names)) for names in (("a", "b"), ("a", "c"), ("b", "b"), ("", "a.b"))),
        suite(case.format("a", "b"), name="other"),
    ]
    prints = [found(text)[0].draft.fingerprint for text in texts]
    prints.append(found(texts[0], subject="production")[0].draft.fingerprint)
    assert len(set(prints)) == 6


def test_what_was_tested_can_be_said() -> None:
    [finding] = found(suite('<testcase name="mfa"><failure/></testcase>'), subject="production")
    assert finding.draft.title == "Make mfa pass (controls, production)"
    assert "- Tested: `production`" in finding.draft.description


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE lolz [<!ENTITY lol "lol">]><testsuite><testcase name="&lol;"/></testsuite>',
        "<!DOCTYPE x [<!ENTITY a0 'x'>"
        + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))
        + "]><testsuite name='&a9;'/>",
        '<!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/passwd">]><testsuite name="&file;"/>',
        '<!DOCTYPE testsuite SYSTEM "http://127.0.0.1:9/evil.dtd"><testsuite/>',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p">%p;]><testsuite/>',
    ],
    ids=["entity", "billion laughs", "file", "dtd", "parameter"],
)
def test_nothing_is_declared_expanded_or_fetched(text: str) -> None:
    [bad] = read(text)
    assert isinstance(bad, BadRow)
    assert "declares a document type" in bad.what


@pytest.mark.parametrize(
    "text",
    [
        *("", "   ", "text", "{}", "<testsuite>", "<html/>", "<testsuite></testsuites>", '<testsuite name="&#0;"/>'),
        *('<?xml version="1.0" encoding="klingon"?><testsuite/>', "<testsuite/><testsuite/>", "<a" * 1000),
        "<testsuite>" * 5 + "&unknown;",
    ],
)
def test_what_is_no_junit_file_is_a_bad_row(text: str) -> None:
    assert [type(row) for row in read(text)] == [BadRow]


def test_cases_before_a_fault_are_read_and_the_fault_is_named() -> None:
    rows = read("<testsuite>\n<testcase name='a'/>\n<testcase name='b'>\n</oops>")
    assert isinstance(rows[0], Finding)
    assert isinstance(rows[1], BadRow)
    assert (rows[1].at, "mismatched" in rows[1].what) == (4, True)


@pytest.mark.parametrize(
    ("zone", "at"),
    [
        ("America/New_York", datetime(2026, 11, 20, 11, 30, tzinfo=UTC)),
        ("UTC", datetime(2026, 11, 20, 6, 30, tzinfo=UTC)),
        (None, WRITTEN),
    ],
)
def test_a_time_without_a_zone_is_one_of_the_zone_that_is_configured(zone: str | None, at: datetime) -> None:
    text = '<testsuite timestamp="2026-11-20T06:30:00"><testcase name="b"/></testsuite>'
    [row] = read(text, zone=zone, written=WRITTEN)
    assert isinstance(row, Finding)
    assert row.observed_at == at


def test_a_case_without_a_name_and_a_suite_without_a_time_are_named() -> None:
    rows = read("<testsuite>\n<testcase classname='a'/>\n<testcase name='b'/>\n</testsuite>")
    assert isinstance(rows[0], BadRow)
    assert (rows[0].at, rows[0].column, type(rows[1])) == (2, "name", Finding)
    [undated] = read(suite("<testcase name='b'/>"), written=None)
    assert isinstance(undated, BadRow)
    assert undated.column == "timestamp"
    assert found('<testsuite timestamp="soon"><testcase name="b"/></testsuite>')[0].observed_at == WRITTEN


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_any_encoding_that_xml_knows(encoding: str) -> None:
    rows = read('<testsuite name="São"><testcase name="é"/></testsuite>'.encode(encoding))
    assert [row.draft.source_ref for row in rows if isinstance(row, Finding)] == ["é"]


def test_a_huge_name_is_refused_and_huge_output_takes_no_memory() -> None:
    [bad] = read(suite(f'<testcase name="{"A" * 10_000_000}"/>'))
    assert isinstance(bad, BadRow)
    assert "10 MB" in bad.what
    output = "<system-out>" + "o" * 1000 + "</system-out>"
    case = f"<testcase name='a'><failure>{'t' * 5000}</failure>{output * 20}</testcase>"
    peaks = []
    for count in (20, 300):
        data = io.BytesIO(suite(case * count).encode())
        tracemalloc.start()
        assert sum(1 for _ in source("junit", {"written": WRITTEN}).read(data)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1_000_000
