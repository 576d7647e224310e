"""How every command is asked: the options they share, an example each, and exit codes for known failures."""

import logging
import os
import sys
import traceback
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from sync.app.shell import Shell

SETTINGS: dict[str, Any] = {
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "no_args_is_help": True,
    "context_settings": {"max_content_width": 120},
}


_log = logging.getLogger("counterfoil")


class LogFormat(StrEnum):
    """How log lines are written."""

    TEXT = "text"
    JSON = "json"


ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="Default: $COUNTERFOIL_CONFIG, else counterfoil.toml.", metavar="FILE"),
]


def reference(text: str) -> str:
    """`AI-000012` for `ai-12` and `12`; anything else as it is."""
    digits = text.strip().upper().removeprefix("AI-")
    return f"AI-{int(digits):06d}" if digits.isascii() and digits.isdigit() and len(digits) <= 12 else text.strip()


def identifier(text: str) -> str:
    """The id that a command line gives something."""
    from connectors.intake import fields

    try:
        return fields.identifier(text) or ""
    except fields.WrongValue as error:
        message = f"it {error}"
        raise typer.BadParameter(message) from None


def day(text: str) -> date:
    """The date that a command line writes as 2026-12-31."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is not a date; write it as 2026-12-31"
        raise typer.BadParameter(message) from None


Ref = Annotated[
    str, typer.Argument(help="The item, as AI-12 or 12, or its ticket's key or URL.", metavar="REF", parser=reference)
]
_COMMON = {
    "config": (ConfigFile, None),
    "as_json": (Annotated[bool, typer.Option("--json", help="Answer in JSON.")], False),
    "verbose": (Annotated[bool, typer.Option("--verbose", "-v", help="Say more on standard error.")], False),
    "log_format": (Annotated[LogFormat, typer.Option(help="How log lines are written.")], LogFormat.TEXT),
}


def command(group: typer.Typer, *examples: str, name: str | None = None) -> Callable[[Callable[..., int]], None]:
    """Register a function that takes a `Shell` and the options it declares, and returns the exit code."""

    def register(ask: Callable[..., int]) -> None:
        own = list(signature(ask).parameters.values())[1:]
        common = [
            Parameter(key, Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for key, (kind, default) in _COMMON.items()
        ]

        def run(context: typer.Context, **given: Any) -> None:
            config = given.pop("config") or context.find_root().params.get("config")
            common = {key: given.pop(key) for key in ("as_json", "verbose", "log_format")}
            raise typer.Exit(_guarded(Shell(_config_file(config), **common), ask, given))

        first = Parameter("context", Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
        parameters = [first, *(p.replace(kind=Parameter.KEYWORD_ONLY) for p in own), *common]
        run.__signature__ = signature(run).replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__doc__ = ask.__doc__
        shown = "".join(f"\n  {example}" for example in examples)
        group.command(name or ask.__name__, short_help=ask.__doc__, epilog=f"\b\nExample:{shown}")(run)

    return register


def _config_file(given: Path | None) -> Path:
    return given or Path(os.environ.get("COUNTERFOIL_CONFIG") or "counterfoil.toml")


def _guarded(shell: Shell, ask: Callable[..., int], given: dict[str, Any]) -> int:
    """The exit code of a command, a known failure's included."""
    from sync.app import failures

    shell.start_logging()
    _log.debug("%s begins, configured by %s", ask.__name__, shell.file)
    try:
        return ask(shell, **given)
    except BrokenPipeError:
        return hung_up()
    except failures.KNOWN as error:
        shell.refuse(failures.words(error))
        if shell.verbose:
            traceback.print_tb(error.__traceback__)
        return failures.exit_code(error)


def hung_up() -> int:
    """The exit code when nobody reads the answer any more; what is left of it goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141
