"""Controls from an OSCAL catalog or resolved profile, with their statement and guidance as Markdown."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from connectors.intake import fields
from connectors.intake.control_files import Unreadable
from state.register import ControlDraft

_INSERT = re.compile(r"\{\{\s*(?:insert:\s*param\s*,\s*)?([\w.\-]+)\s*\}\}")
_ONE_LINE = frozenset({"title", "label", "value"})
_SPACED = re.compile(r"(?<=\]) +(?=[;,.])")
_NOT_GUIDANCE = frozenset(
    {"assessment", "assessment-objective", "assessment-method", "objective", "assessment-objects"}
)
_DEPTH = 5


def catalog(content: bytes) -> tuple[str, str, tuple[ControlDraft, ...]]:
    """Title, version and controls; raises `Unreadable`, also where the models of OSCAL are not installed."""
    try:
        from trestle.common.err import TrestleError
        from trestle.oscal.catalog import Catalog
    except ImportError:
        raise Unreadable(
            "reading OSCAL needs an extra that is not installed; run: pip install 'counterfoil[oscal]', or give the "
            "controls as CSV"
        ) from None
    try:
        read = Catalog.model_validate(_told_anew(_root(content)))
    except RecursionError:
        raise Unreadable("it nests too many values in each other") from None
    except TrestleError as error:
        raise Unreadable(f"it is no OSCAL catalog of a version that can be read: oscal-version: {error}") from None
    except ValidationError as error:
        deepest = max(error.errors(), key=lambda each: len(each["loc"]))
        where = ".".join(str(part) for part in deepest["loc"])
        raise Unreadable(f"it is no OSCAL catalog of a version that can be read: {where}: {deepest['msg']}") from None
    parameters = {each.id: each for each in _parameters(read) if each.id}
    try:
        controls = tuple(_draft(each, parameters) for each in _controls(read) if not _is_withdrawn(each))
    except fields.WrongValue as error:
        raise Unreadable(f"it has a control with a label that {error}") from None
    if not controls:
        raise Unreadable("it has no controls")
    return " ".join(read.metadata.title.split()), str(read.metadata.version), controls


def _root(content: bytes) -> Any:
    """The catalog in the document."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is not JSON: {str(error).splitlines()[0][:120]}") from None
    if isinstance(document, dict) and "profile" in document:
        raise Unreadable("it is a profile, which only selects controls; resolve it into a catalog first")
    if not isinstance(document, dict) or "catalog" not in document:
        raise Unreadable("it is JSON and no OSCAL catalog; other controls are taken in as CSV")
    return document["catalog"]


def _told_anew(value: Any) -> Any:
    """A document as the newest version of OSCAL has it, where earlier ones, or their writers, were freer.

    A list is left out or has something in it; words on one line have no space around them; a parameter that has a
    value has no choice; and what a group has beside its groups is a group of its own.
    """
    if isinstance(value, list):
        return [_told_anew(each) for each in value]
    if not isinstance(value, dict):
        return value
    said = {name: _told_anew(each) for name, each in value.items() if each != []}
    said |= {name: " ".join(said[name].split()) for name in _ONE_LINE & said.keys() if isinstance(said[name], str)}
    if "values" in said:
        said.pop("select", None)
    if isinstance(said.get("groups"), list) and "controls" in said and "uuid" not in said:
        own = {"title": said.get("title", ""), "controls": said.pop("controls")}
        said["groups"] = [own, *said["groups"]]
    return said


def _controls(holder: Any) -> Iterator[Any]:
    """Every control below, enhancements after the control that they belong to."""
    for control in getattr(holder, "controls", None) or ():
        yield control
        yield from _controls(control)
    for group in getattr(holder, "groups", None) or ():
        yield from _controls(group)


def _parameters(holder: Any) -> Iterator[Any]:
    yield from getattr(holder, "params", None) or ()
    for name in ("controls", "groups"):
        for inner in getattr(holder, name, None) or ():
            yield from _parameters(inner)


def _is_withdrawn(control: Any) -> bool:
    return any(prop.name == "status" and prop.value.lower() == "withdrawn" for prop in control.props or ())


def _draft(control: Any, parameters: Mapping[str, Any]) -> ControlDraft:
    parts = [part for part in control.parts or () if part.name not in _NOT_GUIDANCE]
    texts = (_part(part, parameters) for part in parts)
    return ControlDraft(
        fields.identifier(_label(control) or control.id) or control.id,
        " ".join(control.title.split()),
        "\n\n".join(filter(None, texts)),
    )


def _label(holder: Any) -> str:
    """What people call it: the plain label rather than one of a class, such as a zero-padded one."""
    labels = [prop for prop in holder.props or () if prop.name == "label"]
    plain = next((prop for prop in labels if prop.class_ is None), labels[0] if labels else None)
    return "" if plain is None else str(plain.value)


def _part(part: Any, parameters: Mapping[str, Any]) -> str:
    """One part of a control with a heading, unless it is the statement itself."""
    heading = part.title or (
        "" if part.name == "statement" else part.name.replace("-", " ").replace("_", " ").capitalize()
    )
    lines = [f"**{heading}**"] if heading else []
    if part.prose:
        lines.append(_prose(part.prose, parameters))
    listed = "\n".join(_items(part.parts or (), parameters, 0))
    return "\n\n".join([*lines, listed] if listed else lines) if part.prose or listed else ""


def _items(parts: Sequence[Any], parameters: Mapping[str, Any], depth: int) -> Iterator[str]:
    for part in parts:
        label = _label(part)
        words = " ".join(filter(None, (f"**{label}**" if label else part.title, _prose(part.prose or "", parameters))))
        if words:
            yield f"{'  ' * depth}- " + words.replace("\n", f"\n{'  ' * (depth + 1)}")
        yield from _items(part.parts or (), parameters, min(depth + 1, _DEPTH))


def _prose(text: str, parameters: Mapping[str, Any], depth: int = 0) -> str:
    """Prose with each parameter as its value, its choices or its label."""
    return _SPACED.sub("", _INSERT.sub(lambda found: _parameter(found[1], parameters, depth), text)).strip()


def _parameter(name: str, parameters: Mapping[str, Any], depth: int) -> str:
    parameter = parameters.get(name)
    if parameter is None or depth > _DEPTH:
        return f"[{name}]"
    if values := getattr(parameter, "values", None):
        return ", ".join(map(str, values))
    select = getattr(parameter, "select", None)
    if select is not None and select.choice:
        many = select.how_many is not None and "more" in str(getattr(select.how_many, "value", select.how_many))
        choices = "; ".join(_prose(str(choice), parameters, depth + 1) for choice in select.choice)
        return f"[{'one or more of' if many else 'one of'}: {choices}]"
    narrowed = "; ".join(str(each.description) for each in parameter.constraints or () if each.description)
    return f"[{parameter.label or name}{': ' if narrowed else ''}{narrowed}]"
