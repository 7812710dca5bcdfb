"""How figures look: one set of colours for light and dark, as image files or as SVG inside a page.

The colours of data are those of Okabe and Ito (2008), which people with colour blindness tell apart. In a page every
colour becomes a CSS variable of the same role, so that a figure follows the page from light to dark.
"""

import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from polyomics.errors import InvalidSettings
from polyomics.files import atomic_path

INK, MUTED, GRID = "#1b1e23", "#666d78", "#c7ccd3"
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9"
SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
"""Colours of curves, in order of use."""
ROLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    BLUE: "blue",
    ORANGE: "orange",
    GREEN: "green",
    VERMILION: "vermilion",
    PURPLE: "purple",
    SKY: "sky",
}
"""Colour -> name of its CSS variable."""
IMAGE_FORMATS = (".png", ".svg", ".pdf")
"""Endings of image files that can be written."""

_SETTINGS: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.formatter.limits": (-4, 5),
    "axes.formatter.useoffset": False,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.5,
    "figure.dpi": 100,
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.3,
    "savefig.dpi": 160,
    "svg.fonttype": "path",
    "svg.hashsalt": "polyomics",
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 9,
}
_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def drawing() -> Iterator[None]:
    """Our settings while a figure is drawn or saved; matplotlib's own are left as they were found."""
    with _ONE_AT_A_TIME, matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure that belongs to no window."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def literal(text: str) -> str:
    """The text as it is, for matplotlib, which takes what stands between two dollars for a formula."""
    return text.replace("$", r"\$")


def label(axes: Axes, x: str, y: str) -> None:
    """Name both axes."""
    axes.set_xlabel(literal(x))
    axes.set_ylabel(literal(y))


def save_image(figure: Figure, path: Path) -> Path:
    """Write a figure on a white ground, in the format that the ending of `path` says; whole or not at all.

    Raises:
        InvalidSettings: The ending is not one of `IMAGE_FORMATS`.
        StorageUnavailable: The file cannot be written.
    """
    check_ending(path)
    with drawing(), atomic_path(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower(), facecolor="white", metadata=_no_date(path))
    return path


def check_ending(path: Path) -> None:
    """Refuse a file name whose ending is not that of an image we write.

    Raises:
        InvalidSettings: It is not.
    """
    if path.suffix.lower() not in IMAGE_FORMATS:
        raise InvalidSettings(
            f"{path.name!r} does not end in {', '.join(IMAGE_FORMATS)}; name the format by the ending"
        )


def svg(figure: Figure, name: str, title: str) -> str:
    """The figure as an SVG element to stand in a page: text as paths, colours as CSS variables.

    Args:
        figure: What to show.
        name: A short name, unique in the page; all identifiers inside begin with it.
        title: What it shows, for those who cannot see it.
    """
    stream = io.StringIO()
    with drawing():
        figure.savefig(stream, format="svg", transparent=True)
    text = stream.getvalue()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = _with_own_identifiers(text, name)
    for colour, role in ROLES.items():
        text = text.replace(colour, f"var(--{role})")
    width, height = figure.get_size_inches() * 72.0
    opening = (
        f'<svg class="plot" id="{name}" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>"
    )
    return re.sub(r"<svg[^>]*>", lambda _: opening, text, count=1)


def _with_own_identifiers(text: str, name: str) -> str:
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'\bxlink:href="#([^"]+)"', rf'href="#{name}-\1"', text)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)


def _no_date(path: Path) -> dict[str, None]:
    """Metadata that makes the same figure the same bytes."""
    return {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower(), {})
