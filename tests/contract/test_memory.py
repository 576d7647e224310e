"""The tracker in memory keeps every promise, with and without guarded updates."""

from dataclasses import replace

import pytest

from connectors.bench import Bench
from connectors.sandbox.memory import CAPS
from connectors.sandbox.memory_bench import MemoryBench
from connectors.testing import TrackerContract


class TestMemory(TrackerContract):
    @pytest.fixture
    def bench(self) -> Bench:
        return MemoryBench()


class TestGuardedMemory(TrackerContract):
    @pytest.fixture
    def bench(self) -> Bench:
        return MemoryBench(caps=replace(CAPS, guarded_update=True))
