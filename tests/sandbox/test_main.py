"""Embedded trackers run as a process of their own, say where they are, and stop when told."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.sandbox.__main__ import KINDS, load, open_server
from connectors.sandbox.jira_engineer import JiraEngineer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run() -> Iterator[Callable[..., tuple["subprocess.Popen[str]", Any]]]:
    """Starts a process and waits for what it says."""
    started: list[subprocess.Popen[str]] = []

    def running(*arguments: str) -> tuple["subprocess.Popen[str]", Any]:
        command = [sys.executable, "-m", "connectors.sandbox", *arguments]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return process, json.loads(process.stdout.readline())

    yield running
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_a_process_serves_what_was_asked_for_until_it_is_told_to_stop(run: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    process, told = run("--jira-cloud", "--jira-datacenter", "--port-file", str(file))
    assert json.loads(file.read_text()) == told
    assert set(told) == {"jira-cloud", "jira-datacenter"}
    someone = told["jira-datacenter"]["people"][0]
    headers = {"authorization": f"Bearer {someone['token']}"}
    me = httpx.get(f"{told['jira-datacenter']['url']}/rest/api/2/myself", headers=headers).json()
    assert me["name"] == someone["id"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_a_killed_process_comes_back_where_it_was_with_what_it_had(run: Callable[..., Any], tmp_path: Path) -> None:
    process, told = run("--jira-cloud", "--persist", str(tmp_path))
    mia = told["jira-cloud"]["people"][1]
    with JiraEngineer(told["jira-cloud"]["url"], mia["token"], mia["email"]) as engineer:
        key = engineer.create("SEC", "Survive")
        process.kill()
        process.wait()
        _, again = run("--jira-cloud", "--persist", str(tmp_path))
        assert again == told
        assert engineer.title(key) == "Survive"


def test_a_remembered_port_that_is_taken_is_given_up(tmp_path: Path) -> None:
    first = open_server("jira-cloud", 0.0, tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "jira-cloud.port").write_text(str(first.port))
    second = open_server("jira-cloud", 0.0, tmp_path / "b")
    assert second.port != first.port
    assert (tmp_path / "b" / "jira-cloud.port").read_text() == str(second.port)
    first.stop()
    second.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_loaded_and_knows_its_name_and_people(kind: str) -> None:
    sandbox = load(kind)
    assert sandbox.kind == kind
    assert len({user.token for user in sandbox.users}) == len(sandbox.users) > 1
