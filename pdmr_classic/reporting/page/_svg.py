"""Inline SVG from matplotlib figures, coloured by the page: the same plot in light, in dark and on paper."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pdmr_classic.errors import ConfigError

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure

# The colours of the light page, as in page.css; in the SVG each becomes the variable of its name.
INK, MUTED, LINE, GRID = "#1b2229", "#55606b", "#d5dbe1", "#e7ebef"
ACCENT, ACCENT_SOFT, SECOND, SECOND_SOFT, PAPER = "#185a91", "#cbdff0", "#9a4b00", "#f3dfcb", "#ffffff"
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    GRID: "--grid",
    ACCENT: "--accent",
    ACCENT_SOFT: "--accent-soft",
    SECOND: "--second",
    SECOND_SOFT: "--second-soft",
    PAPER: "--paper",
}
# In CSS pixels: as wide as the content of a phone of 390 pixels, so that text keeps its size there.
SIZE = (358, 300)
_PIXELS_PER_INCH = 96
_FONT_SIZE = 8.5
_STYLE: Any = {
    "svg.fonttype": "none",
    "font.size": _FONT_SIZE,
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": _FONT_SIZE,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "figure.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": _FONT_SIZE,
    "legend.handlelength": 2.2,
    "lines.linewidth": 1.6,
}

_NOT_DRAWN = re.compile(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", re.DOTALL)
_FONT_FAMILY = re.compile(r" font-family: [^;\"]*;?")
_FONT = re.compile(r"\bfont: ([\d.]+px)[^;\"]*")  # in matplotlib 3.9
_REFERENCE = re.compile(r'(?:url\(#|href="#)([\w-]+)')
_ID = re.compile(r' id="([\w.-]+)"')
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_SPACES = re.compile(r"\s+")
_EMPTY = re.compile(r"<(defs|g)>\s*</\1>")


def draw_svg(
    draw: Callable[[Figure], object],
    *,
    name: str,
    title: str,
    description: str,
    size: tuple[int, int] = SIZE,
    margins: tuple[int, int, int, int] | None = None,
) -> Markup:
    """Return a plot as an SVG element for a page; the same input gives the same bytes.

    Text in the plot must be the program's own. Text of users belongs into `title`, `description` or the page: there it
    is escaped, and the browser has fonts for every script.

    Parameters
    ----------
    draw : callable
        Draws on an empty figure, with the colours of this module.
    name : str
        Prefix of the ids in the SVG; unique in the page.
    title, description : str
        What the plot is, and what it shows, for screen readers.
    size : tuple of int
        Width and height in CSS pixels. On narrower screens the plot shrinks to the width of the screen.
    margins : tuple of int, optional
        Left, right, bottom and top, around the axes, in CSS pixels. Default: as the labels need, which takes twice the
        time.

    Raises
    ------
    ConfigError
        matplotlib or Jinja2 is not installed.
    """
    try:
        from markupsafe import Markup
    except ImportError:
        raise _missing("Jinja2") from None
    head = Markup(
        '<svg class="plot" style="max-width: {0}px" viewBox="{1}" role="img" aria-labelledby="{2}-title {2}-desc">'
        '<title id="{2}-title">{3}</title><desc id="{2}-desc">{4}</desc>'
    ).format(size[0], " ".join(f"{part:g}" for part in (0, 0, *map(_points, size))), name, title, description)
    return head + Markup(_plain_svg(_save(draw, name, size, margins), name))  # noqa: S704 (our own text only)


def _save(
    draw: Callable[[Figure], object], name: str, size: tuple[int, int], margins: tuple[int, int, int, int] | None
) -> str:
    """Return the figure as matplotlib writes it, whatever the user's settings of matplotlib are."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure  # not pyplot, which has a global state and may open a window
    except ImportError:
        raise _missing("matplotlib") from None
    file = io.StringIO()
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE | {"svg.hashsalt": name})
        width, height = size
        figure = Figure(figsize=(width / _PIXELS_PER_INCH, height / _PIXELS_PER_INCH))
        if margins is None:
            figure.set_layout_engine("constrained")
        else:
            left, right, bottom, top = margins
            figure.subplots_adjust(left / width, bottom / height, 1 - right / width, 1 - top / height)
        draw(figure)
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def _missing(library: str) -> ConfigError:
    return ConfigError(f"a page needs {library}, which is not installed", hint="pip install 'pdmr-classic[report]'")


def _points(pixels: int) -> float:
    return pixels * 72 / _PIXELS_PER_INCH


def _plain_svg(svg: str, name: str) -> str:
    """Return the content of an SVG file with the colours and fonts of the page, and with ids unique in the page."""
    svg = svg[svg.index(">", svg.index("<svg")) + 1 :]
    svg = _FONT.sub(r"font-size: \1", _FONT_FAMILY.sub("", _NOT_DRAWN.sub("", svg))).replace("xlink:href", "href")
    svg = _LONG_NUMBER.sub(lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    numbers = {old: f"{name}-{number}" for number, old in enumerate(dict.fromkeys(_REFERENCE.findall(svg)))}
    svg = _ID.sub(lambda match: f' id="{numbers[match[1]]}"' if match[1] in numbers else "", svg)
    svg = _REFERENCE.sub(lambda match: match[0].replace(match[1], numbers[match[1]]), svg)
    return _EMPTY.sub("", _SPACES.sub(" ", svg)).replace("> <", "><").strip()
