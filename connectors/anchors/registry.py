"""Which class keeps checkpoints in which kind of place, imported only when it is asked for."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

from connectors.anchors.base import Anchor

KINDS: Mapping[str, str] = {
    "bucket": "connectors.anchors.bucket:Bucket",
    "directory": "connectors.anchors.directory:Directory",
    "git": "connectors.anchors.git:Git",
    "log": "connectors.anchors.log:Log",
    "timestamp": "connectors.anchors.timestamp:TimeStamps",
}
"""Kind -> module and class."""


class NotInstalled(Exception):
    """A kind of place needs packages that are not there; the message says how to have them."""


def anchor(kind: str, name: str, options: Mapping[str, Any]) -> Anchor:
    """The place configured as `name`; nothing is sent. Raises `NotInstalled`."""
    module, _, attribute = KINDS[kind].partition(":")
    try:
        made = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise NotInstalled(f"needs the package {error.name}: pip install 'counterfoil[anchor]'") from error
    return cast("Anchor", made(name, **options))
