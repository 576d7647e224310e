"""Folders that a group of people share: what is made in them is for that group, and for nobody else."""

import stat
from pathlib import Path


def is_shared(folder: Path) -> bool:
    """Whether a folder was made for a group: the group may write there, and has what is made there (mode 2770)."""
    wanted = stat.S_ISGID | stat.S_IRWXG
    return stat.S_IMODE(folder.stat().st_mode) & wanted == wanted


def make(folder: Path) -> None:
    """Make a folder for its owner only, and where the one around it is shared, for that group; one there is left."""
    for each in (*reversed(folder.parents), folder):
        if not each.exists():
            each.mkdir(mode=0o700, exist_ok=True)
            if is_shared(each.parent):
                each.chmod(stat.S_ISGID | 0o770)
