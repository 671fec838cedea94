"""`pdmr-classic export`: write a model in a format for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pdmr_classic.cli._console import ConsoleReporter, handle_errors, show
from pdmr_classic.cli._options import AsJson, Debug, Trust


@handle_errors
def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model written by fit.")],
    onnx: Annotated[
        Path,
        typer.Option(metavar="FILE", help="ONNX file to write: preprocessing, stack and threshold, from the features."),
    ],
    trust: Trust = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Write a model as an ONNX file, which needs no Python, and check that it predicts the same.

    The input is the features of a recording, in the order of `features` in the manifest; `extract` computes them.

    Example: pdmr-classic export models/mine.joblib --onnx mine.onnx
    """
    from pdmr_classic.models.export.onnx_file import export_onnx
    from pdmr_classic.models.model import DepressionModel
    from pdmr_classic.reporting.export_table import export_table, summarise_export

    with ConsoleReporter(quiet=as_json) as reporter:
        written = export_onnx(DepressionModel.load(model, trust=trust, reporter=reporter), onnx)
        for finding in written.findings:
            reporter.note(finding)
        summary = summarise_export(written) | {"findings": reporter.findings}
    show(summary, as_json, export_table)
