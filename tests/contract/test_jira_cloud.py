"""Jira Cloud keeps every promise, through its real SDK and against the embedded server."""

from collections.abc import Iterator

import pytest

from connectors.bench import Bench
from connectors.sandbox.jira_server import JiraCloudSandbox
from connectors.sandbox.memory_bench import Hand
from connectors.sandbox.served_bench import bench_of
from connectors.sandbox.server import SandboxServer
from connectors.testing import TrackerContract


class TestJiraCloud(TrackerContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        clock = Hand()
        with SandboxServer(JiraCloudSandbox(), clock=clock) as server:
            bench = bench_of(server, clock)
            yield bench
            bench.close()
