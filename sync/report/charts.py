"""The charts of a report as inline SVG, the same bytes each time, legible without colour."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any
from xml.etree.ElementTree import Element, tostring

import matplotlib as mpl
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sync.report import figures
from sync.report.figures import Duration, Grid, Series
from sync.report.model import Book
from sync.report.words import plain

_LOOKS: Any = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "hatch.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#5b6770",
    "axes.labelcolor": "#333c44",
    "xtick.color": "#333c44",
    "ytick.color": "#333c44",
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "legend.frameon": False,
}
_STYLES = {
    "critical": ("#7f1d1d", "xxx"),
    "high": ("#d0572b", "///"),
    "medium": ("#eab04d", r"\\\\\\"),
    "low": ("#a9c3c8", ""),
    "implemented": ("#2f7d5b", ""),
    "in_progress": ("#8cc0a5", r"\\\\\\"),
    "not_started": ("#d7dde0", ""),
    "failing": ("#a3262a", "xxx"),
    "not_applicable": ("#f4f1e8", "---"),
}
"""The colour and the hatching of what is stacked, so that either alone tells it apart."""
_MARGINS = {
    "work": (0.06, 0.07, 0.84, 0.95),
    "durations": (0.09, 0.19, 0.99, 0.97),
    "controls": (0.07, 0.1, 0.8, 0.97),
    "risks": (0.06, 0.12, 0.98, 0.92),
}
"""Where the axes of each chart lie: left, bottom, right, top."""
_HEAT = ("#eef3f1", "#f6e7bd", "#f0bf72", "#d9783f", "#a3262a")
_PROPERTIES = re.compile(r"\s*([\w-]+)\s*:\s*(.+?)\s*(?:;|$)")
_NAMED = re.compile(r"(?<=url\(#)[\w-]+(?=\))")


def charts(book: Book) -> Mapping[str, str]:
    """Every chart of a book, by name."""
    heat = figures.heat(book)
    return {
        "work": _drawn("work", 5.4, 2, lambda axes: _work(axes, book), "Open and closed items over time", _told(book)),
        "durations": _drawn(
            *("durations", 2.6, 1, lambda axes: _durations(axes[0], figures.to_resolve(book))),
            *("Time to resolve against policy", "The table below has the same numbers."),
        ),
        "controls": _drawn(
            *("controls", 2.9, 1, lambda axes: _controls(axes[0], figures.controls(book))),
            *("Status of controls over the period", "The table of controls has each change of status."),
        ),
        "risks": _drawn(
            *("risks", 3.4, (1, 2), lambda axes: _heats(axes, heat)),
            *("Risks before and after treatment", "The table of risks has the same numbers."),
        ),
    }


def _told(book: Book) -> str:
    last = {name: values[-1] for name, values in figures.still_open(book).values.items()}
    open_ = ", ".join(f"{count} {name}" for name, count in last.items())
    return f"Open on the last day: {open_}. The table below has the numbers of each day."


def _drawn(
    name: str, height: float, grid: int | tuple[int, int], draw: Callable[[Sequence[Axes]], None], title: str, text: str
) -> str:
    """A chart as an SVG element that goes into a page, with a title and a description for who does not see it."""
    with mpl.rc_context({**_LOOKS, "svg.hashsalt": name}):
        figure = Figure(figsize=(7.4, height))
        figure.subplots_adjust(*_MARGINS[name], wspace=0.15, hspace=0.35)
        rows, columns = grid if isinstance(grid, tuple) else (grid, 1)
        draw(list(figure.subplots(rows, columns, squeeze=False).flat))
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return _inline(fromstring(file.getvalue()), name, title, text)


def _work(axes: Sequence[Axes], book: Book) -> None:
    still, closed = figures.still_open(book), figures.closed(book)
    upper, lower = axes
    _stack(upper, still)
    upper.set_title("Open at the end of each day" if _is_daily(still.days) else "Open at the end of each week")
    _bars(lower, closed)
    lower.set_title("Resolved or accepted in the time before")
    _legend(upper, lower)


def _is_daily(days: Sequence[date]) -> bool:
    return len(days) < 2 or (days[1] - days[0]).days == 1


def _controls(axes: Axes, series: Series) -> None:
    _stack(axes, series)
    axes.set_ylabel("controls")
    _legend(axes)


def _stack(axes: Axes, series: Series) -> None:
    """Numbers on top of each other, as areas; with a single day, as a bar."""
    names = [name for name, values in series.values.items() if any(values)]
    if len(series.days) == 1:
        _bars(axes, series)
        return
    if names:
        colours, hatches = zip(*(_STYLES[name] for name in names), strict=True)
        axes.stackplot(
            *(_numbers(series.days), [series.values[name] for name in names]),
            labels=[plain(name) for name in names],
            colors=list(colours),
            hatch=list(hatches),
            edgecolor="white",
            linewidth=0.4,
            step="post" if _is_daily(series.days) else None,
        )
    _over_time(axes, series.days)


def _bars(axes: Axes, series: Series) -> None:
    days = _numbers(series.days)
    wide = 0.8 * (days[1] - days[0] if len(days) > 1 else 1)
    below = [0] * len(days)
    for name, values in series.values.items():
        if any(values):
            colour, hatch = _STYLES[name]
            above = [one + other for one, other in zip(below, values, strict=True)]
            bars = [each for each in zip(days, below, above, strict=True) if each[1] < each[2]]
            _boxes(axes, bars, wide, facecolor=colour, hatch=hatch, label=plain(name))
            below = above
    _over_time(axes, series.days)


def _boxes(axes: Axes, boxes: Sequence[tuple[float, float, float]], wide: float, **looks: Any) -> None:
    """Boxes that are equally wide, each around a place between two heights; as one, since each is dear by itself."""
    corners = [
        [(place - wide / 2, low), (place + wide / 2, low), (place + wide / 2, high), (place - wide / 2, high)]
        for place, low, high in boxes
    ]
    axes.add_collection(PolyCollection(corners, edgecolor="white", **looks))
    axes.autoscale_view()


def _numbers(days: Sequence[date]) -> list[float]:
    return [float(each) for each in map(date2num, days)]


def _over_time(axes: Axes, days: Sequence[date]) -> None:
    first, *_, last = (*_numbers(days), *_numbers(days))
    gap = max(1.0, (last - first) / 80)
    axes.set_xlim(first - gap, last + gap)
    shown = days[:: -(-len(days) // 6)]
    axes.set_xticks(_numbers(shown), [day.isoformat() for day in shown])
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.grid(axis="y", color="#dfe4e7", linewidth=0.6)
    axes.set_axisbelow(True)


def _legend(axes: Axes, *more: Axes) -> None:
    """Beside `axes`, what is shown in it or in others, in the order in which it is stacked."""
    found = (zip(*each.get_legend_handles_labels(), strict=True) for each in (*more, axes))
    shown = {label: handle for some in found for handle, label in some}
    if names := [name for name in map(plain, _STYLES) if name in shown]:
        handles = [shown[name] for name in names]
        looks = {"reverse": True, "handlelength": 2.2, "handleheight": 1.4}
        axes.legend(handles, names, loc="upper left", bbox_to_anchor=(1, 1), **looks)


def _durations(axes: Axes, durations: Sequence[Duration]) -> None:
    """For each priority the days that it took, as a box, and the days allowed, as a line with their number."""
    longest = max([1.0, *(max(d.took) for d in durations if d.took), *(d.allowed or 0 for d in durations)])
    for place, each in enumerate(reversed(durations)):
        colour, hatch = _STYLES[each.priority]
        if each.took:
            box = dict(zip(("whislo", "q1", "med", "q3", "whishi"), _quarters(each.took), strict=True))
            axes.bxp(
                *([{**box, "fliers": []}], [place]),
                orientation="horizontal",
                widths=0.5,
                showfliers=False,
                patch_artist=True,
                boxprops={"facecolor": colour, "hatch": hatch, "edgecolor": "#333c44"},
                medianprops={"color": "#111111", "linewidth": 2},
            )
        if each.allowed is not None:
            axes.plot([each.allowed] * 2, [place - 0.42, place + 0.42], color="#0b3d66", linewidth=2.2)
            axes.text(each.allowed, place + 0.44, f"{each.allowed} d", ha="center", va="bottom", fontsize=7.5)
        said = f"{len(each.took)} resolved, {each.late} late" if each.took else "none resolved"
        axes.text(longest * 1.04, place, said, va="center", fontsize=8.5)
    axes.set_yticks(range(len(durations)), [each.priority for each in reversed(durations)])
    axes.set_xlim(0, longest * 1.3)
    axes.set_ylim(-0.6, len(durations) - 0.2)
    axes.set_xlabel("days from identified to resolved; the thick upright line is what the policy allows")


def _quarters(took: Sequence[float]) -> list[float]:
    """The least, a quarter, a half, three quarters, and the most."""
    at = [part * (len(took) - 1) / 4 for part in range(5)]
    return [took[int(x)] + (x % 1) * (took[min(int(x) + 1, len(took) - 1)] - took[int(x)]) for x in at]


def _heats(axes: Sequence[Axes], grids: tuple[Grid, Grid]) -> None:
    for each, grid, title in zip(axes, grids, ("Before treatment", "As last rated"), strict=True):
        _heat(each, grid)
        many = sum(grid.values())
        each.set_title(f"{title} ({many} {'risk' if many == 1 else 'risks'})")


def _heat(axes: Axes, grid: Grid) -> None:
    """Likelihood against impact; each cell has its level in small, and the number of risks in it."""
    cells, shades = [], []
    for likelihood in range(1, 6):
        for impact in range(1, 6):
            level, count = likelihood * impact, grid.get((likelihood, impact), 0)
            shade = (level > 3) + (level > 6) + (level > 11) + (level > 18)
            ink = "white" if shade == len(_HEAT) - 1 else "#222222"
            cells.append((impact, likelihood - 0.5, likelihood + 0.5))
            shades.append(_HEAT[shade])
            axes.text(impact + 0.44, likelihood - 0.42, str(level), ha="right", va="bottom", fontsize=6, color=ink)
            if count:
                axes.text(
                    *(impact, likelihood, str(count)),
                    ha="center",
                    va="center",
                    fontsize=13,
                    fontweight="bold",
                    color=ink,
                )
    _boxes(axes, cells, 1, facecolor=shades, linewidth=1.5)
    axes.set(xlim=(0.5, 5.5), ylim=(0.5, 5.5), xticks=range(1, 6), yticks=range(1, 6), aspect="equal")
    axes.set(xlabel="impact", ylabel="likelihood")
    axes.tick_params(length=0)


def _inline(svg: Any, name: str, title: str, text: str) -> str:
    """A drawing as an element of a page: no styles that a strict page refuses, no names that another chart has too."""
    used = {found for element in svg.iter() for found in _names(element)}
    made = _plain(svg, name, used)
    for key in ("width", "height", "version"):
        made.attrib.pop(key, None)
    made.attrib |= {"role": "img", "aria-labelledby": f"{name}-title {name}-text", "class": "chart"}
    for place, (tag, said) in enumerate((("title", title), ("desc", text))):
        element = Element(tag, {"id": f"{name}-{'title' if tag == 'title' else 'text'}"})
        element.text = said
        made.insert(place, element)
    return tostring(made, encoding="unicode")


def _names(element: Element) -> list[str]:
    """What an element refers to by name."""
    found = _attributes(element)
    return [name for value in found.values() for name in _NAMED.findall(value)] + [found.get("href", "#")[1:]]


def _attributes(element: Element) -> dict[str, str]:
    """An element's attributes, its style taken apart, without the namespaces that a page does without."""
    found = {_local(key): value for key, value in element.attrib.items() if key != "style"}
    return found | dict(_PROPERTIES.findall(element.get("style", "")))


def _plain(element: Element, name: str, used: set[str]) -> Element:
    attributes = {}
    for key, value in _attributes(element).items():
        if key == "href":
            attributes[key] = f"#{name}-{value[1:]}"
        elif key != "id":
            attributes[key] = _NAMED.sub(rf"{name}-\g<0>", value)
        elif value in used:
            attributes[key] = f"{name}-{value}"
    made = Element(_local(element.tag), attributes)
    made.text, made.tail = element.text, element.tail
    made.extend(_plain(each, name, used) for each in element if _local(each.tag) not in ("metadata", "style"))
    return made


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
