"""Write a report as a page, or as a folder with the page and its dict."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pdmr_classic.errors import ConfigError, TargetError
from pdmr_classic.reporting.report.build import SCHEMA_PREFIX, build_report
from pdmr_classic.storage.atomic import check_writable, refuse_foreign_file, write_text_atomic
from pdmr_classic.text import format_list, to_json

PAGE_SUFFIXES = (".html",)
_PAGE, _DICT = "report.html", "report.json"
_MODULES = {"jinja2": "Jinja2", "matplotlib": "matplotlib"}
_MAX_LISTED = 3


def check_page_libraries() -> None:
    """Check before long work that a page can be made.

    Raises
    ------
    ConfigError
        Jinja2 or matplotlib is not installed.
    """
    missing = [label for name, label in _MODULES.items() if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"a report needs {' and '.join(missing)}, not installed here",
            code="no-report-extra",
            hint="pip install 'pdmr-classic[report]'",
        )


def save_page(report: Mapping[str, Any], path: str | Path) -> Path:
    """Write a report as a self-contained page.

    Raises
    ------
    ConfigError
        The name does not end in .html, or Jinja2 or matplotlib is not installed.
    TargetError
    """
    check_writable(path, PAGE_SUFFIXES)
    # Not at the top: the dict of a report needs neither Jinja2 nor matplotlib.
    from pdmr_classic.reporting.page.render import write_page
    from pdmr_classic.reporting.page.report_page import render_report

    return write_page(render_report(report), path)


def check_report_folder(folder: str | Path, own: Sequence[Path] = ()) -> None:
    """Check before long work that a folder can take a report.

    Parameters
    ----------
    folder : path-like
        A new or an empty folder, or one that has a report, which is replaced.
    own : sequence of Path
        Files that the same run writes, and that may be in the folder.

    Raises
    ------
    ConfigError
        Jinja2 or matplotlib is not installed.
    TargetError
        The folder has other files, or cannot be written.
    """
    check_page_libraries()
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise TargetError("the folder of the report is a file", file=folder, hint="choose a different --report")
    check_writable(folder / _PAGE)
    check_writable(folder / _DICT)
    if (folder / _DICT).exists():
        refuse_foreign_file(folder / _DICT, SCHEMA_PREFIX, "the report")
        return
    names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    prefixes = tuple(f"{path.stem}." for path in own if path.parent.resolve() == folder.resolve())
    foreign = [name for name in names if not name.lstrip(".").startswith(prefixes)]
    if foreign:
        raise TargetError(
            "the folder of the report is not empty",
            code="foreign-folder",
            file=folder,
            expected="a new or empty folder, or one with a report",
            found=format_list(foreign, _MAX_LISTED),
            hint="choose a different --report",
        )


def write_report_folder(paths: Sequence[str | Path], folder: str | Path) -> Path:
    """Build a report from files and write it to a folder, as `report.html` and `report.json`; see `build_report`.

    Returns
    -------
    Path
        The page.
    """
    report = build_report(paths)
    folder = Path(folder)
    # The dict first: it marks the folder as one that a report may be written to again.
    write_text_atomic(folder / _DICT, to_json(report, indent=1) + "\n")
    return save_page(report, folder / _PAGE)
