"""Secrets from where they are kept: the environment, or a file that nobody else may read."""

import os
import re
import stat
from pathlib import Path

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


def _shown(name: str) -> str:
    """A name as the configuration has it, unless it may be the secret itself, put there by mistake."""
    return "*** (is it the secret itself?)" if _SECRET_LOOKING.fullmatch(name) else name
