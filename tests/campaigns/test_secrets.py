"""A slice of the campaign over secrets: one that is used, and some that stand where none belongs."""

import random
from pathlib import Path

import pytest

from tests.campaigns.places import serving
from tests.campaigns.secrets import PLANTS, Planted, try_one

NAMES = [plant.name for plant in PLANTS]


@pytest.mark.parametrize(
    "name",
    [
        *("token in token_env", "key that signs in public_keys"),
        *("database password in the query", "database password where a port stands"),
    ],
)
def test_a_secret_in_the_wrong_place_is_not_shown(root: Path, name: str) -> None:
    number = NAMES.index(name)
    place = Planted.at(root / f"wrong-{number}", PLANTS[number], random.Random(1))  # noqa: S311
    said = [place.run(*words) for words in (("init",), ("sync", "-v"), ("check", "--json"))]
    assert place.leaks(said)[0] == []


def test_a_secret_in_use_comes_out_nowhere(root: Path) -> None:
    case = try_one(root, 1, NAMES.index("private key of a GitHub App"), briefly=True)
    assert (case.wrong, case.story) == ((), "private key of a GitHub App")


def test_the_search_finds_a_secret_that_comes_out(root: Path) -> None:
    place = Planted.at(root / "found", PLANTS[0], random.Random(1))  # noqa: S311
    with serving(place.server):
        said = [place.run("init"), place.run("item", "add", place.words["secret"])]
    (place.folder / "elsewhere").write_text(place.words["other"].encode().hex())
    found = " ".join(place.leaks(said)[0])
    assert all(name in found for name in ("counterfoil.db", "elsewhere", "item add"))
