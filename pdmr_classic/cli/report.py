"""`pdmr-classic report`: one page on a model, an evaluation and what belongs to them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pdmr_classic.cli._console import handle_errors, show
from pdmr_classic.cli._options import AsJson, Debug
from pdmr_classic.cli._panels import LABELS

_DEFAULT_OUT = Path("report.html")


@handle_errors
def report(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Files that belong together, at most one of each kind: a model or its manifest, an evaluation, "
            "results of predict, and what compare, validate and audit print with --json.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="HTML page to write (default: report.html; with --json none).",
            show_default=False,
        ),
    ] = None,
    methods: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.md",
            help="Write the methods and results in whole sentences instead, with a draft of the TRIPOD+AI checklist.",
        ),
    ] = None,
    with_ids: Annotated[
        bool,
        typer.Option("--with-ids", metavar="", help="Name recordings, such as those that were wrong most confidently."),
    ] = False,
    labels: Annotated[
        Path | None,
        typer.Option(rich_help_panel=LABELS, metavar="FILE", help="Label table of the results, or their data folder."),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show scores, curves, calibration, subgroups and warnings on one page, which needs no network.

    Without --with-ids, the page names no recording and no subject.

    Example: pdmr-classic report evaluation.json models/mine.joblib --out report.html

    For the methods section: pdmr-classic report evaluation.json models/mine.joblib --methods methods.md
    """
    from pdmr_classic.reporting.report.build import build_report
    from pdmr_classic.reporting.report.folder import PAGE_SUFFIXES, check_page_libraries, save_page
    from pdmr_classic.reporting.report_table import report_text
    from pdmr_classic.storage.atomic import check_writable

    page = out if as_json or methods is not None else out or _DEFAULT_OUT
    if page is not None:
        check_page_libraries()
        check_writable(page, PAGE_SUFFIXES)
    content = build_report(files, with_ids=with_ids, labels=labels)
    if page is not None:
        save_page(content, page)
    if methods is not None:
        # Not at the top: it imports the catalog of features, which a page does not need.
        from pdmr_classic.reporting.methods.write import write_methods_file

        write_methods_file(files, methods)
    written = {} if as_json else {"out": [str(path) for path in (page, methods) if path is not None]}
    show({**content, **written}, as_json, report_text)
