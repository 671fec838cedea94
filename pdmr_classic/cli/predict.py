"""`pdmr-classic predict`: classify the recordings of a data folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pdmr_classic.cli._backend_options import Connect, with_backend
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
from pdmr_classic.cli._predict_options import (
    DEFAULT_MODEL,
    Abstain,
    Conditions,
    Ids,
    Model,
    PoolSubjects,
    Prevalence,
    Sets,
    SkipBad,
    Subjects,
    check_pooling,
)
from pdmr_classic.cli._with_settings import Changes, with_changes


@handle_errors
@with_changes(*FILE_SETTINGS, "data.id_column")
@with_backend
def predict(
    data: Data = Path(),
    model: Model = DEFAULT_MODEL,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Results file to write: .jsonl, .json or .csv (default: results.jsonl).",
            show_default=False,
        ),
    ] = Path("results.jsonl"),
    proba: Annotated[
        bool, typer.Option("--proba", metavar="", help="Add the probability of the positive class.")
    ] = False,
    ids: Ids = None,
    pool_subjects: PoolSubjects = False,
    subjects: Subjects = None,
    prevalence: Prevalence = None,
    conditions: Conditions = None,
    sets: Sets = False,
    abstain: Abstain = False,
    allow_overlap: AllowOverlap = False,
    allow_mismatch: AllowMismatch = False,
    skip_bad: SkipBad = False,
    trust: Trust = False,
    *,
    changes: Changes,
    connect: Connect,
    jobs: Jobs = None,
    no_cache: NoCache = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Predict the class of each recording, its score, or both.

    Uses test/ if DATA has one, and reads the files as in training.

    Example: pdmr-classic predict DATA --model models/mine.joblib --out results.jsonl

    Some recordings only: pdmr-classic predict DATA --ids mine.txt
    """
    from pdmr_classic.features.load_features import open_data
    from pdmr_classic.io.prediction_inputs import read_prediction_inputs
    from pdmr_classic.io.results import check_results_writable, has_notes, write_notes, write_results
    from pdmr_classic.models.decision.prevalence import parse_prevalence
    from pdmr_classic.models.model import DepressionModel
    from pdmr_classic.models.persistence.artifact import read_manifest
    from pdmr_classic.reporting.summary import summarise_predictions, training_shares
    from pdmr_classic.reporting.tables import prediction_table
    from pdmr_classic.storage.lock import hold_lock
    from pdmr_classic.subjects.overlap import load_sibling_train

    check_pooling(subjects, pool_subjects=pool_subjects)
    target_prevalence = parse_prevalence(prevalence)
    check_results_writable(out)
    with hold_lock(out), ConsoleReporter(quiet=as_json) as reporter:
        fitted = DepressionModel.load(model, trust=trust, reporter=reporter)
        connect()
        # Files are arranged and read as in training, unless an option says otherwise.
        fitted.settings = fitted.settings.override(changes)
        inputs = read_prediction_inputs(
            open_data(data),
            fitted.settings.data,
            ids=ids,
            skip_missing=skip_bad,
            pool_subjects=pool_subjects,
            subjects=subjects,
            experts=fitted.settings.learning.experts,
            conditions=conditions,
            label_columns=fitted.settings.label_columns,
            reporter=reporter,
        )
        predictions = fitted.predict(
            inputs.selection.dataset,
            pool_subjects=inputs.subjects,
            prevalence=target_prevalence,
            train=load_sibling_train(inputs.dataset, reporter),
            allow_overlap=allow_overlap,
            allow_mismatch=allow_mismatch,
            skip_bad=skip_bad,
            label_sets=sets,
            abstain=abstain,
            conditions=inputs.conditions,
            jobs=n_jobs(jobs),
            cache=cache_folder(no_cache),
            reporter=reporter,
        )
        predictions.attrs |= {"model_sha256": read_manifest(model)["sha256"], "seed": fitted.settings.learning.seed}
        predictions.attrs["ids_without_recording"] = list(inputs.selection.missing)
        # If the run ends in between, notes may belong to older results, but results never lack their notes.
        if has_notes(predictions):
            write_notes(predictions, out)
        write_results(predictions, out, proba=proba)
        notes = write_notes(predictions, out)
    training = training_shares(fitted)
    summary = summarise_predictions(predictions, out, notes, training=training, synthetic=inputs.dataset.is_synthetic)
    show(summary | {"findings": reporter.findings}, as_json, prediction_table)
