"""`pdmr-classic compare`: paired comparison of evaluations, or of the systems in one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pdmr_classic.cli._console import handle_errors, show
from pdmr_classic.cli._options import AsJson, Debug


@handle_errors
def compare(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="A.json [B.json ...]", help="Evaluations of the same recordings in the same folds, or a single one."
        ),
    ],
    systems: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Systems to compare, separated by commas: model, shortcut, view or member (all of them), or one such "
            "as 'view video'; of scores also mean and median (default: the model of each file; for a single file "
            "model,view,member, and of scores mean).",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also draw the comparison: .svg, .png or .pdf (needs matplotlib)."),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Compare evaluations, paired over the same folds: simultaneous intervals, and who is best how often.

    Compares predicted classes, predicted scores, or both, whichever all evaluations have.

    Example: pdmr-classic compare before.json after.json

    The parts of one model: pdmr-classic compare evaluation.json --plot parts.svg
    """
    from pdmr_classic.evaluation.compare import compare_files
    from pdmr_classic.reporting.comparison_plot import PLOT_SUFFIXES, plot_comparison, save_plot
    from pdmr_classic.reporting.comparison_tables import comparison_table
    from pdmr_classic.storage.atomic import check_writable

    if plot is not None:
        check_writable(plot, PLOT_SUFFIXES)
    names = None if systems is None else [name.strip() for name in systems.split(",")]
    comparison = compare_files(*files, systems=names)
    if plot is not None:
        comparison["plot"] = str(save_plot(plot_comparison(comparison), plot))
    show(comparison, as_json, comparison_table)
