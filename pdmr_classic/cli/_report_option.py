"""The option `--report` of commands whose outcome can be shown as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ReportFolder = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="DIR",
        help="Also write a report to this folder: report.html, a page to look at, and report.json.",
        show_default=False,
    ),
]
