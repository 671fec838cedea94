"""Self-contained HTML pages from plain dicts: no script, and nothing that is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdmr_classic._version import __version__
from pdmr_classic.errors import ConfigError
from pdmr_classic.reporting.page._formats import (
    format_compact,
    format_number,
    format_percent,
    format_range,
    format_score,
    format_sentence,
)
from pdmr_classic.storage.atomic import write_text_atomic
from pdmr_classic.text import escape_unprintable

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"
_FILTERS = {
    "number": format_number,
    "compact": format_compact,
    "percent": format_percent,
    "range": format_range,
    "score": format_score,
    "sentence": format_sentence,
}


def render_page(template: str, content: Mapping[str, Any]) -> str:
    """Return a page as HTML; all text of the content is escaped, and unprintable characters are shown as in messages.

    Parameters
    ----------
    template : str
        Name of a file in the folder of templates. Templates extend `base.html.j2`, which has the frame of every page.
    content : dict
        Variables of the template. Those of the frame are `title`, and optionally `lead` (sentences below the title),
        `toc` (dicts with `id` and `title` of the sections) and `synthetic`.

    Raises
    ------
    ConfigError
        Jinja2 is not installed.
    """
    frame = {"version": __version__, "lead": [], "toc": [], "synthetic": False}
    return _environment().get_template(template).render({**frame, **content})


def write_page(html: str, path: str | Path) -> Path:
    """Write a page atomically.

    Raises
    ------
    TargetError
    """
    return write_text_atomic(path, html)


@cache
def _environment() -> Environment:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError:
        raise ConfigError(
            "a page needs Jinja2, which is not installed",
            expected="Jinja2 3.1 or newer",
            hint="pip install 'pdmr-classic[report]'",
        ) from None
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_escape_text,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(_FILTERS)
    return environment


def _escape_text(value: Any) -> Any:
    # Markup is a string, too: what templates and plots have made.
    return escape_unprintable(value) if type(value) is str else value
