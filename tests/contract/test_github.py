"""GitHub keeps every promise, through its real SDK and against the embedded server."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from connectors.bench import Bench
from connectors.sandbox.calls import Sandbox
from connectors.sandbox.github_server import GithubSandbox
from connectors.testing import TrackerContract


class TestGithub(TrackerContract):
    @pytest.fixture
    def bench(self, serve: Callable[[Sandbox], AbstractContextManager[Bench]]) -> Iterator[Bench]:
        with serve(GithubSandbox()) as bench:
            yield bench
