"""Random schedules of faults: three calls in ten go wrong, and still nothing is doubled and nothing is lost.

300 schedules run with the other tests; `COUNTERFOIL_HISTORIES=10000 pytest tests/histories/test_schedules.py` runs so
many. Each is told by its number alone.
"""

import os
from pathlib import Path
from random import Random

import pytest

from tests.histories.history import History, template
from tests.histories.weather import READ_FAULTS, WRITE_FAULTS, WRITES, Kind, fault

SCHEDULES = int(os.environ.get("COUNTERFOIL_HISTORIES", "0")) or 300
PARTS = 10
LATE = (5, 20, 35, 55)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return template(tmp_path_factory.mktemp("empty"))


@pytest.mark.parametrize("part", range(PARTS))
def test_in_bad_weather_nothing_is_doubled_and_nothing_is_lost(part: int, empty: Path, tmp_path: Path) -> None:
    for number in range(part, SCHEDULES, PARTS):
        _schedule(number, empty, tmp_path)


def _schedule(number: int, empty: Path, folder: Path) -> None:
    chance = Random(number)  # noqa: S311
    kind = Kind(lag=chance.choice((0, 20, 55)), told=chance.random() < 0.5, bulk=chance.choice((1, 3)))
    history = History.begin(folder, empty, kind)
    world, far = history.world, history.far
    rate = chance.uniform(0.3, 0.4)

    def weather(call: str) -> None:
        if chance.random() < rate:
            faults = [f for f in (WRITE_FAULTS if call in WRITES else READ_FAULTS) if f != "refused"]
            fault(far, call, chance.choice(faults), chance.choice(LATE))

    far.weather = weather
    items = [world.add(f"Encrypt volume {n} of the billing system") for n in range(2)]
    for turn in range(5):
        history.sync()
        history.clock.sleep(chance.choice((1, 30, 70, 130)))
        item = chance.choice(items)
        match turn % 3:
            case 0:
                world.edit(item.ref, title=f"Encrypt volume {turn} of the payments system")
            case 1:
                world.store.add_comment(item.ref, "olga@acme.example", f"Word {turn}", world.because())
            case _:
                items.append(world.add(f"Rotate key {turn} of the payments account"))
    try:
        history.comes_to_rest()
        assert len(far.tickets()) == len(items)
    except AssertionError as failure:
        raise AssertionError(f"schedule {number}, {kind}: {failure}") from failure
    finally:
        world.store.close()
