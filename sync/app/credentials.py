"""Secrets from where they are kept: the environment, a file that nobody else may read, or the system's keyring."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

_SECRET_LOOKING = re.compile(r"(?=.*[a-z])(?=.*\d)[\w+/=~-]{20,}|.*PRIVATE\+KEY\+.*")


def from_variable(name: str) -> SecretStr:
    """What an environment variable holds; raises `ValueError` where it is not set."""
    value = os.environ.get(name, "").strip()
    if not value:
        raise ValueError(
            f"the environment variable {_shown(name)} is not set; set it to the secret and run the command again"
        )
    return SecretStr(value)


def from_file(path: Path) -> SecretStr:
    """What a file holds that nobody else may read; raises `ValueError`."""
    try:
        mode = path.stat().st_mode
        value = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        named = _shown(str(path)) if _SECRET_LOOKING.fullmatch(str(path)) else path.with_name(_shown(path.name))
        raise ValueError(f"{named} cannot be read: {reason}") from None
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueError(f"{path} may be read by others; run: chmod 600 {path}")
    if not value:
        raise ValueError(f"{path} is empty")
    return SecretStr(value)


def from_keyring(entry: str) -> SecretStr:
    """What the system's keyring keeps as `SERVICE/NAME`; raises `ValueError`."""
    with _keyring(entry) as keys:
        value = (keys.get_password(*_parted(entry)) or "").strip()
    if not value:
        raise ValueError(f"the keyring has no {_shown(entry)}")
    return SecretStr(value)


def into_keyring(entry: str, secret: str) -> None:
    """Have the system's keyring keep it as `SERVICE/NAME`; raises `ValueError`, also where something is there."""
    place = _parted(entry)
    with _keyring(entry) as keys:
        if keys.get_password(*place) is not None:
            raise ValueError(f"the keyring has a {_shown(entry)} already; name another")
        keys.set_password(*place, secret)
        if keys.get_password(*place) != secret:
            raise ValueError(f"the keyring did not keep {_shown(entry)}; see which one is used: keyring diagnose")


def out_of_keyring(entry: str) -> None:
    """Have the system's keyring forget it; raises `ValueError`."""
    with _keyring(entry) as keys:
        keys.delete_password(*_parted(entry))


@contextmanager
def _keyring(entry: str) -> Iterator[Any]:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise ValueError("the keyring needs: pip install 'counterfoil[keyring]'") from None
    try:
        yield keyring
    except KeyringError as error:
        told = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"the keyring cannot be asked for {_shown(entry)}: {told}") from None


def _parted(entry: str) -> tuple[str, str]:
    service, _, name = entry.rpartition("/")
    if not service or not name:
        raise ValueError(f"{_shown(entry)} names no entry of a keyring; write SERVICE/NAME")
    return service, name


def _shown(name: str) -> str:
    """A name as the configuration has it, unless it may be the secret itself, put there by mistake."""
    return "*** (is it the secret itself?)" if _SECRET_LOOKING.fullmatch(name) else name
