"""`pdmr-classic evaluate`: estimate how well a model performs on new people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pdmr_classic.cli._backend_options import Connect, with_backend
from pdmr_classic.cli._console import ConsoleReporter, handle_errors, show
from pdmr_classic.cli._fold_options import Fold, Join, check_fold_options, hold_folds, show_folds
from pdmr_classic.cli._options import (
    EVALUATION_SETTINGS,
    FIT_SETTINGS,
    AsJson,
    Data,
    Debug,
    Jobs,
    Labels,
    NoCache,
    cache_folder,
    n_jobs,
)
from pdmr_classic.cli._report_option import ReportFolder
from pdmr_classic.cli._with_settings import with_settings

if TYPE_CHECKING:
    from pdmr_classic.config import Settings


@handle_errors
@with_settings(*EVALUATION_SETTINGS, *FIT_SETTINGS)
@with_backend
def evaluate(
    data: Data = Path(),
    labels: Labels = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="JSON file to write, for compare (default: evaluation.json).", show_default=False
        ),
    ] = None,
    report: ReportFolder = None,
    fold: Fold = None,
    join: Join = False,
    *,
    settings: Settings,
    connect: Connect,
    jobs: Jobs = None,
    no_cache: NoCache = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Estimate performance on new people by repeated nested grouped cross-validation.

    Uses train/ if DATA has one. After an interruption, run the same command again to resume. To share the work between
    machines, add --fold K to the command for each outer fold K, and then --join.

    Example: pdmr-classic evaluate DATA --repeats 1 --by gender --out mine.json
    """
    from pdmr_classic.evaluation.evaluate import evaluate as evaluate_data
    from pdmr_classic.evaluation.evaluate import write_evaluation
    from pdmr_classic.features.load_features import load_data
    from pdmr_classic.reporting.evaluation_tables import evaluation_tables
    from pdmr_classic.reporting.report.folder import check_report_folder, write_report_folder
    from pdmr_classic.storage.atomic import check_writable, refuse_foreign_file
    from pdmr_classic.subjects.inference import find_proposal_file

    numbers = check_fold_options(fold, join=join, out=out, report=report)
    out = out or Path("evaluation.json")
    check_writable(out)
    refuse_foreign_file(out, "pdmr-classic/evaluation/", "the evaluation")
    groups_out = find_proposal_file(out)
    if report is not None:
        check_report_folder(report, [out])
    with hold_folds(out, numbers) as checkpoint, ConsoleReporter(quiet=as_json) as reporter:
        connect()
        dataset = load_data(data, split="train", labels=labels, all_splits=True, settings=settings.data)
        evaluation = evaluate_data(
            dataset,
            settings=settings,
            jobs=n_jobs(jobs),
            cache=cache_folder(no_cache),
            checkpoint=checkpoint,
            fold=numbers,
            join=join,
            groups_out=None if numbers else groups_out,
            reporter=reporter,
        )
        if numbers:
            show_folds(evaluation, as_json)
            return
        write_evaluation(evaluation, out)
    written = {"out": str(out)}
    if report is not None:
        written["report"] = str(write_report_folder([out], report))
    show({**evaluation, **written}, as_json, evaluation_tables)
