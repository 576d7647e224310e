"""What a campaign starts ends with it, so that one that is killed leaves nothing behind."""

import os
import select
import signal
import sys

import pytest

from connectors.sandbox.__main__ import load
from connectors.sandbox.server import SandboxServer
from tests import program
from tests.campaigns.places import serving


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM])
def test_a_tracker_ends_with_the_process_that_started_it_however_that_ends(blow: signal.Signals) -> None:
    watched, held = os.pipe()
    campaign = program.fork()
    if campaign == 0:
        with serving(lambda: SandboxServer(load("github"))):
            os.write(held, b".")
            signal.pause()
    os.close(held)
    assert os.read(watched, 1) == b"."
    os.kill(campaign, blow)
    os.waitpid(campaign, 0)
    ended, _, _ = select.select([watched], [], [], 30)
    assert ended
    assert os.read(watched, 1) == b""
    os.close(watched)
