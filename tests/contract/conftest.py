"""Every word that goes over the wire in the contract's tests is judged by the vendor's own description."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path

import pytest

from connectors.bench import Bench
from connectors.sandbox.calls import Sandbox
from connectors.sandbox.memory_bench import Hand
from connectors.sandbox.served_bench import bench_of
from connectors.sandbox.server import SandboxServer
from tests.sandbox.spec import Spec, github_spec, jira_spec

SHARED = Path(__file__).resolve().parents[3] / "shared"


@cache
def described(kind: str) -> Spec | None:
    if not SHARED.is_dir():
        return None
    return github_spec(SHARED) if kind == "github" else jira_spec(SHARED)


@contextmanager
def served(sandbox: Sandbox) -> Iterator[Bench]:
    spec = described(sandbox.kind)
    complaints = spec.watch(sandbox) if spec else []
    clock = Hand()
    with SandboxServer(sandbox, clock=clock) as server:
        bench = bench_of(server, clock)
        yield bench
        bench.close()
    assert complaints == []


@pytest.fixture(scope="session")
def serve() -> Callable[[Sandbox], AbstractContextManager[Bench]]:
    """Serves a sandbox with its bench; judged where the vendor's description is at hand."""
    return served
