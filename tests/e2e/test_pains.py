"""What people suffer from with other programs of this kind does not happen here, over each vendor's own wire."""

import os
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.jira_text import plain
from tests.databases import on_sqlite
from tests.e2e.test_accepting import is_closed

pytestmark = on_sqlite

FAILED = '<testsuite name="nightly"><testcase classname="iam" name="root has MFA"><failure/></testcase></testsuite>'


def report(installation: Any, number: int) -> None:
    """Take in the report of a test that fails now, by the tracker's clock."""
    file: Path = installation.folder / f"report-{number}.xml"
    file.write_text(FAILED)
    os.utime(file, (now := installation.server.now().timestamp() + 1, now))
    installation.run("intake", "junit", str(file), "--of", "acme/api")


def one(installation: Any) -> Any:
    [item] = installation.run("item", "list")
    return installation.run("item", "show", item["ref"])


@pytest.mark.parametrize("installation", ["jira_cloud", "github"], indirect=True)
def test_a_regression_opens_its_ticket_again_and_later_gets_one_of_its_own(installation: Any) -> None:
    installation.server.faults.search_lag = 30
    report(installation, 1)
    installation.run("sync")
    old = one(installation)
    key = old["ticket"]["key"]
    installation.engineer.close(key)
    installation.server.advance(31)
    installation.run("sync")
    report(installation, 2)
    assert installation.run("sync")["updated"] == 1
    installation.server.advance(5)
    assert installation.run("sync")["operations"] == []
    assert (one(installation)["status"], is_closed(installation, key)) == ("open", False)
    installation.engineer.close(key)
    installation.server.advance(31)
    installation.run("sync")
    with (installation.folder / "counterfoil.toml").open("a", encoding="utf-8") as config:
        config.write("\n[tests]\nreopen_days = 0\n")
    report(installation, 3)
    assert installation.run("sync")["created"] == 1
    new, old = sorted(installation.run("item", "list"), key=lambda item: item["status"])
    assert (new["status"], old["status"], is_closed(installation, key)) == ("open", "resolved", True)
    assert old["ref"] in str(installation.engineer.body(new["ticket"]["key"]))


def test_no_sign_becomes_another_on_its_way_out_or_back(installation: Any) -> None:
    signs = "Close ports 80|443 of {db_a}–db_b: 100 % of São Paulo, neither %7C nor %7D, 'a' \"b\" ~c"
    ref = installation.run("item", "add", signs, "--description", signs)["ref"]
    installation.run("sync")
    ticket, engineer = installation.run("item", "show", ref)["ticket"], installation.engineer
    key = ticket["key"]
    installation.run("item", "comment", ref, signs)
    engineer.comment(key, signs)
    installation.run("sync")
    shown = [engineer.body(key), *(getattr(c, "get", {"body": c}.get)("body") for c in engineer.comments(key))]
    assert engineer.title(key) == signs
    assert [signs in plain(each).replace("\\", "") for each in shown] == [True] * 3
    told = installation.run("item", "show", ref)["comments"]
    assert [c["text"].strip() for c in told] == [signs, signs]
    github = hasattr(engineer, "issue")
    address = engineer.issue(key)["html_url"] if github else f"{installation.server.url}/browse/{key}"
    assert ticket["url"] == address
