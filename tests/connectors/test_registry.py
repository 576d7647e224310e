"""The registry: kinds of tracker by name, from here and from elsewhere."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors import registry
from connectors.jira_issues import JiraIssues
from connectors.jira_settings import JiraSettings
from connectors.registry import UnknownKind, connector, is_kind, kinds, open_tracker, settings_class
from connectors.settings import Secrets


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution that offers the kind `remote` and tries to replace `jira`."""
    info = tmp_path / "elsewhere-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1\n")
    offered = "remote = connectors.jira_issues:JiraIssues\njira = nowhere:Nothing\n"
    (info / "entry_points.txt").write_text(f"[counterfoil.trackers]\n{offered}")
    monkeypatch.syspath_prepend(str(tmp_path))


def test_an_unknown_kind_is_told_with_the_known_ones() -> None:
    with pytest.raises(UnknownKind, match=r"'jiira'; known are: .*github, jira"):
        connector("jiira")


def test_a_tracker_is_opened_without_a_request() -> None:
    settings = settings_class("jira").model_validate({"kind": "jira", "url": "https://x.test", "project": "SEC"})
    tracker = open_tracker("t", settings, Secrets(), clock=lambda: datetime.now(UTC), sleep=lambda _: None)
    assert isinstance(tracker, JiraIssues)
    assert (tracker.name, tracker.requests) == ("t", 0)
    tracker.close()


def test_settings_are_those_of_the_connector() -> None:
    assert settings_class("jira") is JiraSettings


@pytest.mark.usefixtures("elsewhere")
def test_another_package_may_offer_a_kind_but_not_replace_ours() -> None:
    assert "remote" in kinds()
    assert connector("remote") is connector("jira") is JiraIssues
    assert is_kind("remote")
    assert not is_kind("remoot")


def test_no_package_is_looked_into_for_a_kind_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "entry_points", lambda **_: pytest.fail("looked through all that is installed"))
    assert is_kind("jira")
    assert settings_class("jira") is JiraSettings


def test_importing_the_registry_loads_no_sdk() -> None:
    code = "import sys, connectors.registry; print({'jira', 'github', 'marklas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=Path.cwd())
    assert done.stdout.strip() == "set()"
