"""Figures as inline SVG that follows the page's colours, fonts and dark mode."""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast
from xml.etree import ElementTree

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.wording import END_ISOLATE, ISOLATE, clean

# Stand-ins that matplotlib draws with; the SVG text then names the page's variables instead.
INK, MUTED, GRID, BAND, GAIN, LOSS, PAPER = (f"#01010{digit}" for digit in range(1, 8))
VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    BAND: "var(--band)",
    GAIN: "var(--gain)",
    LOSS: "var(--loss)",
    PAPER: "var(--paper)",
}
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "harness",
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "font.size": 12,
    "figure.dpi": 72,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.labelsize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlecolor": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "hatch.color": GRID,
    "lines.linewidth": 1.6,
    "lines.markersize": 7,
    "patch.edgecolor": INK,
    "text.color": INK,
    "xtick.color": GRID,
    "xtick.labelcolor": INK,
    "ytick.color": GRID,
    "ytick.labelcolor": INK,
    "path.simplify": True,
}
REFERENCE = "{http://www.w3.org/1999/xlink}href"
LEFT_OUT = ("metadata", "title")


@dataclass(frozen=True)
class Margins:
    """Room round the axes in pixels."""

    left: float
    right: float
    top: float
    bottom: float


@contextmanager
def page_style() -> Iterator[None]:
    """Draw with the page's settings, whatever the user's own matplotlib settings are."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        # The browser's fonts draw the text; matplotlib only places it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(cast("Any", STYLE))
        yield


def canvas(width: float, height: float, margins: Margins) -> tuple[Figure, Axes]:
    """Return a figure of a size in pixels (one SVG unit each) and its one pair of axes."""
    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    axes = figure.add_axes(
        (
            margins.left / width,
            margins.bottom / height,
            (width - margins.left - margins.right) / width,
            (height - margins.top - margins.bottom) / height,
        )
    )
    axes.tick_params(length=0, pad=6)
    return figure, axes


def to_svg(figure: Figure, key: str, label: str, names: Sequence[str] = ()) -> Markup:
    """Return the figure as one `<svg role="img">` whose ids start with `key`.

    `label` says the finding in words. A text that was cut shows its whole `names` entry as title.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(buffer.getvalue())
    _tidy(root, key)
    for text in root.iter("text"):
        _title(text, names)
    _, _, width, height = root.attrib["viewBox"].split()
    root.attrib.clear()
    root.attrib.update(
        {
            "viewBox": f"0 0 {width} {height}",
            "role": "img",
            "aria-label": clean(label),
            "style": f"max-width:{float(width):.0f}px",
        }
    )
    # The text was escaped by the XML writer; nothing in it is markup from elsewhere.
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _tidy(root: ElementTree.Element, key: str) -> None:
    """Drop namespaces, metadata and unused ids; prefix the used ones; name colours by variable."""
    used = set()
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        if REFERENCE in element.attrib:
            element.attrib["href"] = element.attrib.pop(REFERENCE)
        for value in element.attrib.values():
            if value.startswith("#"):
                used.add(value[1:])
            if "url(#" in value:
                used.add(value.partition("url(#")[2].partition(")")[0])
    _drop(root)
    for element in root.iter():
        identity = element.attrib.pop("id", None)
        if identity in used:
            element.attrib["id"] = f"{key}-{identity}"
        for name, value in element.attrib.items():
            if name == "href":
                element.attrib[name] = f"#{key}-{value[1:]}"
            else:
                element.attrib[name] = _themed(value.replace("url(#", f"url(#{key}-"))
        if element.tag == "text":
            element.attrib["style"] = _without_family(element.attrib.get("style", ""))


def _drop(parent: ElementTree.Element) -> None:
    for child in list(parent):
        alone = child.tag == "defs" and all(inner.tag == "style" for inner in child)
        if child.tag in LEFT_OUT or alone:
            parent.remove(child)
        else:
            _drop(child)


def _themed(value: str) -> str:
    for stand_in, variable in VARIABLES.items():
        value = value.replace(stand_in, variable)
    return value


def _without_family(style: str) -> str:
    """The page's own font, at the size and weight that matplotlib laid out."""
    parts = (part.strip() for part in style.split(";"))
    kept = [part for part in parts if not part.startswith(("font-family", "font:"))]
    shorthand = next((part for part in style.split(";") if part.strip().startswith("font:")), "")
    words = shorthand.partition(":")[2].split()
    kept += [f"font-size: {word}" for word in words if word.endswith("px")]
    kept += ["font-weight: bold" for word in words if word in ("bold", "700")]
    return "; ".join(part for part in kept if part)


def _title(text: ElementTree.Element, names: Sequence[str]) -> None:
    written = (text.text or "").strip(ISOLATE + END_ISOLATE)
    if not written.endswith("…"):
        return
    whole = [clean(name) for name in names if clean(name).startswith(written[:-1])]
    if len(whole) == 1:
        ElementTree.SubElement(text, "title").text = whole[0]
