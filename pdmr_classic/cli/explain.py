"""`pdmr-classic explain`: why the model answers as it does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pdmr_classic.cli._console import ConsoleReporter, handle_errors, show
from pdmr_classic.cli._options import (
    FILE_SETTINGS,
    AllowMismatch,
    AllowOverlap,
    AsJson,
    Data,
    Debug,
    Jobs,
    NoCache,
    Trust,
    cache_folder,
    n_jobs,
)
from pdmr_classic.cli._predict_options import DEFAULT_MODEL, Conditions, Model
from pdmr_classic.cli._with_settings import Changes, with_changes


@handle_errors
@with_changes(*FILE_SETTINGS, "data.id_column")
def explain(
    data: Data = Path(),
    model: Model = DEFAULT_MODEL,
    ids: Annotated[
        list[str] | None,
        typer.Option(
            "--id", metavar="ID", help="Explain this recording; can be given several times (default: all of DATA)."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Page to write (.html), with strip charts; without --id, of the first 20 recordings "
            "(pip install 'pdmr-classic\\[report]').",
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(metavar="N", min=1, help="Repeat sampled contributions with this many seeds.")
    ] = 5,
    conditions: Conditions = None,
    allow_overlap: AllowOverlap = False,
    allow_mismatch: AllowMismatch = False,
    trust: Trust = False,
    *,
    changes: Changes,
    jobs: Jobs = None,
    no_cache: NoCache = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Explain predictions: what each modality, feature family, channel and feature contributed.

    Contributions add up to the log-odds of the positive class. Uses test/ if DATA has one, and reads the files as in
    training. The terminal lists the first five recordings, --json all.

    Example: pdmr-classic explain DATA --model models/mine.joblib --id 001 --out explanation.html
    """
    from pdmr_classic.features.load_features import open_data
    from pdmr_classic.io.prediction_inputs import read_prediction_inputs
    from pdmr_classic.io.selection import select_ids
    from pdmr_classic.models.model import DepressionModel
    from pdmr_classic.reporting.explanation.explain_data import Scope, explain_data
    from pdmr_classic.reporting.explanation_table import explanation_table
    from pdmr_classic.reporting.page.explanation import check_page, write_explanation

    if out is not None:
        check_page(out)
    with ConsoleReporter(quiet=as_json) as reporter:
        fitted = DepressionModel.load(model, trust=trust, reporter=reporter)
        # Files are arranged and read as in training, unless an option says otherwise.
        fitted.settings = fitted.settings.override(changes)
        inputs = read_prediction_inputs(
            open_data(data),
            fitted.settings.data,
            experts=fitted.settings.learning.experts,
            conditions=conditions,
            label_columns=fitted.settings.label_columns,
            reporter=reporter,
        )
        explanation = explain_data(
            fitted,
            select_ids(inputs.selection.dataset, ids) if ids else inputs.selection.dataset,
            Scope.choose(chosen=bool(ids), page=out is not None, everything=as_json),
            conditions=inputs.conditions,
            seeds=seeds,
            allow_overlap=allow_overlap,
            allow_mismatch=allow_mismatch,
            jobs=n_jobs(jobs),
            cache=cache_folder(no_cache),
            reporter=reporter,
        )
        if out is not None:
            explanation["page"] = str(write_explanation(explanation, out))
    show(explanation | {"findings": reporter.findings}, as_json, explanation_table)
