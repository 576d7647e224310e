"""The tracker in memory keeps every promise."""

import pytest

from connectors.bench import Bench
from connectors.sandbox.memory_bench import MemoryBench
from connectors.testing import TrackerContract


class TestMemory(TrackerContract):
    @pytest.fixture
    def bench(self) -> Bench:
        return MemoryBench()
