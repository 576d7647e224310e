"""Runs embedded trackers as a process of their own until it is told to stop."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from connectors.sandbox.calls import Sandbox
from connectors.sandbox.server import SandboxServer

KINDS = {
    "jira-cloud": "connectors.sandbox.jira_server:JiraCloudSandbox",
    "jira-datacenter": "connectors.sandbox.jira_server:JiraDatacenterSandbox",
    "github": "connectors.sandbox.github_server:GithubSandbox",
}


def load(kind: str) -> Sandbox:
    """A new embedded tracker of this kind, with its users and nothing else in it."""
    module, name = KINDS[kind].split(":")
    made: Sandbox = getattr(import_module(module), name)()
    return made


def open_server(kind: str, latency: float, folder: Path | None) -> SandboxServer:
    """A server for one kind, not started; with a folder it has the state and, if free, the port it had there."""
    if folder is None:
        return SandboxServer(load(kind), latency=latency)
    folder.mkdir(parents=True, exist_ok=True)
    remembered = folder / f"{kind}.port"
    port = int(remembered.read_text()) if remembered.exists() else 0
    log = folder / f"{kind}.jsonl"
    try:
        server = SandboxServer(load(kind), port=port, latency=latency, persist=log)
    except OSError:
        server = SandboxServer(load(kind), latency=latency, persist=log)
    remembered.write_text(str(server.port))
    return server


def describe(server: SandboxServer) -> dict[str, Any]:
    """Where the tracker is and who has an account there."""
    return {"url": server.url, "people": [asdict(user) for user in server.sandbox.users]}


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve what was asked for, say where as JSON, and return once SIGTERM or SIGINT comes."""
    parser = argparse.ArgumentParser(prog="python -m connectors.sandbox", description=__doc__)
    for kind in KINDS:
        parser.add_argument(f"--{kind}", dest="kinds", action="append_const", const=kind)
    parser.add_argument("--port-file", type=Path, help="write the JSON there too, once everything answers")
    parser.add_argument("--persist", type=Path, metavar="DIR", help="keep state there across restarts")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="delay of every answer")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    kinds = options.kinds or list(KINDS)
    servers = {kind: open_server(kind, options.latency_ms / 1000, options.persist).start() for kind in kinds}
    told = json.dumps({kind: describe(server) for kind, server in servers.items()})
    if options.port_file:
        beside = options.port_file.with_name(options.port_file.name + ".part")
        beside.write_text(told)
        beside.replace(options.port_file)
    sys.stdout.write(told + "\n")
    sys.stdout.flush()
    stop.wait()
    for server in servers.values():
        server.stop()


if __name__ == "__main__":
    main()
