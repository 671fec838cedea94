"""`pdmr-classic export`: write a model or results in a format for other programs, or for a challenge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from pdmr_classic.cli._console import ConsoleReporter, handle_errors, show
from pdmr_classic.cli._export_choice import check_choice
from pdmr_classic.cli._export_submission import export_submission
from pdmr_classic.cli._options import AsJson, Debug, Trust
from pdmr_classic.cli._panels import CHALLENGE

if TYPE_CHECKING:
    from rich.console import RenderableType

    Export = tuple[dict[str, Any], Callable[[Any], RenderableType]]


@handle_errors
def export(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="MODEL",
            help="Model written by fit. For a challenge, optional: the model of the results, for the ledger.",
            show_default=False,
        ),
    ] = None,
    onnx: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="ONNX file to write: preprocessing, stack and threshold, from the features."),
    ] = None,
    pdmr: Annotated[
        Path | None,
        typer.Option(rich_help_panel=CHALLENGE, metavar="RESULTS", help="Write results for PDMR 2025: blocks of text."),
    ] = None,
    mpdd: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=CHALLENGE,
            metavar="RESULTS",
            help="Write results for MPDD-AVG 2026: a zip of binary.csv and ternary.csv.",
        ),
    ] = None,
    ternary: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=CHALLENGE, metavar="RESULTS", help="For --mpdd: results of a model of three classes."
        ),
    ] = None,
    cutoffs: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=CHALLENGE,
            metavar="MILD,SEVERE",
            help="For --mpdd without --ternary: lowest scores of the classes mild and severe.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=CHALLENGE,
            metavar="DATA",
            help="Test set whose ids the results must have, all and no others.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(rich_help_panel=CHALLENGE, metavar="FILE", help="File to write: .txt (PDMR) or .zip (MPDD)."),
    ] = None,
    trust: Trust = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Write a model as an ONNX file, or results in the form of a challenge.

    An ONNX file needs no Python, and is checked to predict the same.

    Its input is the features of a recording, as `extract` computes them, in the order of `features` in the manifest.

    Example: pdmr-classic export models/mine.joblib --onnx mine.onnx

    For a challenge: pdmr-classic export --pdmr results.jsonl --data DATA --out pdmr.txt
    """
    targets = {"--onnx": onnx, "--pdmr": pdmr, "--mpdd": mpdd}
    options = {"MODEL": model, "--ternary": ternary, "--cutoffs": cutoffs, "--data": data, "--out": out}
    target = check_choice(targets, options | {"--trust": trust or None})
    with ConsoleReporter(quiet=as_json) as reporter:
        # `check_choice` has made sure that what the target needs is given.
        if target == "--onnx":
            summary, table = _export_onnx(cast("Path", model), cast("Path", onnx), trust, reporter)
        else:
            summary, table = export_submission(
                target.removeprefix("--"),
                cast("Path", targets[target]),
                cast("Path", out),
                ternary=ternary,
                cutoffs=cutoffs,
                data=data,
                model=model,
                reporter=reporter,
            )
    show(summary | {"findings": reporter.findings}, as_json, table)


def _export_onnx(model: Path, onnx: Path, trust: bool, reporter: ConsoleReporter) -> Export:
    from pdmr_classic.models.export.onnx_file import export_onnx
    from pdmr_classic.models.model import DepressionModel
    from pdmr_classic.reporting.export_table import export_table, summarise_export

    written = export_onnx(DepressionModel.load(model, trust=trust, reporter=reporter), onnx)
    for finding in written.findings:
        reporter.note(finding)
    return summarise_export(written), export_table
