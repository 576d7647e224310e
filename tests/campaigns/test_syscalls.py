"""A slice of the campaign over system calls: killed at the answer to a POST and a PATCH, and let down in two ways."""

from pathlib import Path

import pytest

from tests.campaigns import tracing
from tests.campaigns.syscalls import Wound, calls_of, try_one

pytestmark = pytest.mark.skipif(bool(tracing.usable()), reason=f"no system call can be watched: {tracing.usable()}")
_WRITING = (b"POST", b"PUT", b"PATCH")


def test_killed_at_an_answer_or_let_down_by_the_disk_it_comes_to_the_same_end(root: Path) -> None:
    calls = calls_of(root, "github")
    # An answer may come in more pieces than it did when it was watched: the first of each kind is reached all the same.
    answers = {
        call.data.partition(b" ")[0][:4]: Wound(
            "github", "recvfrom", next(late.number for late in calls[at:] if late.name == "recvfrom")
        )
        for at, call in reversed([*enumerate(calls)])
        if call.name == "sendto" and call.data.startswith(_WRITING)
    }
    synced = [call.number for call in calls if call.name == "fdatasync"]
    wounds = [answers[b"POST"], answers[b"PATC"]]
    wounds += [Wound("github", "fdatasync", synced[len(synced) // 2], "EIO")]
    wounds += [Wound("github", "recvfrom", answers[b"POST"].number, "ECONNRESET")]
    cases = [try_one(root, wounds, number) for number in range(len(wounds))]
    assert [case for case in cases if case.wrong] == []
    assert sum(("killed", 1.0) in case.also for case in cases) >= 2
