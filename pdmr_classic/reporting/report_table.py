"""A report in a few lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from pdmr_classic.reporting.tables import warning_text
from pdmr_classic.text import format_count


def report_text(report: Mapping[str, Any]) -> RenderableType:
    """Show the summary, the warnings, how much is missing, and where the page is."""
    parts: list[RenderableType] = [Text(sentence) for sentence in report["summary"]]
    for warning in report["warnings"]:
        parts += ["", warning_text({"what": warning["what"]})]
    if report["missing"]:
        n_missing, them = len(report["missing"]), "it" if len(report["missing"]) == 1 else "them"
        shown = format_count(n_missing, "part is", "parts are")
        parts += ["", Text(f"{shown} missing; the page says what, and how to get {them}.")]
    return Group(*parts, "", Text(f"Written: {', '.join(report['out'])}"))
