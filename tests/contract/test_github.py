"""GitHub keeps every promise, through its real SDK and against the embedded server."""

from collections.abc import Iterator

import pytest

from connectors.bench import Bench
from connectors.sandbox.github_server import GithubSandbox
from connectors.sandbox.memory_bench import Hand
from connectors.sandbox.served_bench import bench_of
from connectors.sandbox.server import SandboxServer
from connectors.testing import TrackerContract


class TestGithub(TrackerContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        clock = Hand()
        with SandboxServer(GithubSandbox(), clock=clock) as server:
            bench = bench_of(server, clock)
            yield bench
            bench.close()
