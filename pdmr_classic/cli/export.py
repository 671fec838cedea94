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
from pdmr_classic.cli._panels import CHALLENGE, HUB

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
    model_option: Annotated[Path | None, typer.Option("--model", metavar="FILE", help="The same as MODEL.")] = None,
    onnx: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="ONNX file to write: preprocessing, stack and threshold, from the features."),
    ] = None,
    hub: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=HUB,
            metavar="DIR",
            help="New folder for the Hugging Face hub: the model as a file that opens without --trust, with a model "
            "card. Nothing is uploaded.",
        ),
    ] = None,
    evaluation: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=HUB, metavar="FILE", help="For --hub: evaluation of this model, for the model card."
        ),
    ] = None,
    license_id: Annotated[
        str | None,
        typer.Option(
            "--license", rich_help_panel=HUB, metavar="ID", help="For --hub: license of the model, such as mit."
        ),
    ] = None,
    pdmr: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=CHALLENGE, metavar="RESULTS", help="Write results for PDMR 2025: one object each."
        ),
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
    """Write a model as an ONNX file or for the Hugging Face hub, or results in the form of a challenge.

    An ONNX file needs no Python, and is checked to predict the same.

    Its input is the features of a recording, as `extract` computes them, in the order of `features` in the manifest.

    Example: pdmr-classic export models/mine.joblib --onnx mine.onnx

    To share a model: pdmr-classic export models/mine.joblib --hub mine --evaluation evaluation.json

    For a challenge: pdmr-classic export models/mine.joblib --pdmr results.jsonl --data DATA --out pdmr.txt
    """
    model = _choose_model(model, model_option)
    targets = {"--onnx": onnx, "--hub": hub, "--pdmr": pdmr, "--mpdd": mpdd}
    options = {
        "MODEL": model,
        "--evaluation": evaluation,
        "--license": license_id,
        "--ternary": ternary,
        "--cutoffs": cutoffs,
        "--data": data,
        "--out": out,
    }
    target = check_choice(targets, options | {"--trust": trust or None})
    with ConsoleReporter(quiet=as_json) as reporter:
        # `check_choice` has made sure that what the target needs is given.
        if target == "--onnx":
            summary, table = _export_onnx(cast("Path", model), cast("Path", onnx), trust, reporter)
        elif target == "--hub":
            summary, table = _export_hub(
                cast("Path", model), cast("Path", hub), evaluation, license_id, trust, reporter
            )
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


def _choose_model(model: Path | None, option: Path | None) -> Path | None:
    from pdmr_classic.errors import ConfigError

    if model is not None and option is not None:
        raise ConfigError(
            "the model is given twice", found=f"MODEL {model} and --model {option}", hint="leave out one of them"
        )
    return model or option


def _export_hub(
    model: Path,
    folder: Path,
    evaluation: Path | None,
    license_id: str | None,
    trust: bool,
    reporter: ConsoleReporter,
) -> Export:
    from pdmr_classic.reporting.export_table import hub_export_table, summarise_hub_export
    from pdmr_classic.reporting.methods.hub_export import export_hub

    written = export_hub(model, folder, evaluation=evaluation, license_id=license_id, trust=trust, reporter=reporter)
    for finding in written.findings:
        reporter.note(finding)
    return summarise_hub_export(written), hub_export_table


def _export_onnx(model: Path, onnx: Path, trust: bool, reporter: ConsoleReporter) -> Export:
    from pdmr_classic.models.export.onnx_file import export_onnx
    from pdmr_classic.models.model import DepressionModel
    from pdmr_classic.reporting.export_table import export_table, summarise_export

    written = export_onnx(DepressionModel.load(model, trust=trust, reporter=reporter), onnx)
    for finding in written.findings:
        reporter.note(finding)
    return summarise_export(written), export_table
