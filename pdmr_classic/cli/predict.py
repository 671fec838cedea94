"""`pdmr-classic predict`: classify the recordings of a data folder."""

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
from pdmr_classic.cli._panels import CHECKS, DECISION, FILES
from pdmr_classic.cli._with_settings import Changes, with_changes


@handle_errors
@with_changes(*FILE_SETTINGS, "data.id_column")
def predict(
    data: Data = Path(),
    model: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="Model written by fit (default: models/pdmr-classic.joblib).", show_default=False
        ),
    ] = Path("models/pdmr-classic.joblib"),
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Results file to write (default: results.jsonl).", show_default=False),
    ] = Path("results.jsonl"),
    proba: Annotated[
        bool, typer.Option("--proba", metavar="", help="Add the probability of the positive class.")
    ] = False,
    ids: Annotated[
        Path | None,
        typer.Option(
            "--ids",
            "--labels",
            rich_help_panel=FILES,
            metavar="FILE",
            help="Predict only the recordings in this label table, or in a list with one data_id per line.",
        ),
    ] = None,
    pool_subjects: Annotated[
        bool,
        typer.Option(
            "--pool-subjects",
            rich_help_panel=DECISION,
            metavar="",
            help="Average the predictions (log-odds) over each subject's recordings and give all of them the same "
            "prediction.",
        ),
    ] = False,
    subjects: Annotated[
        Path | None,
        typer.Option(
            "--subjects",
            rich_help_panel=DECISION,
            metavar="FILE",
            help="Table with data_id,subject_id for --pool-subjects (default: the label table).",
        ),
    ] = None,
    prevalence: Annotated[
        str | None,
        typer.Option(
            "--prevalence",
            rich_help_panel=DECISION,
            metavar="P|estimate",
            help="Adjust the probabilities to this prevalence of the positive class, or to one estimated from the "
            "recordings to predict (default: the prevalence in the training data).",
        ),
    ] = None,
    allow_overlap: AllowOverlap = False,
    allow_mismatch: AllowMismatch = False,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad",
            rich_help_panel=CHECKS,
            metavar="",
            help="Skip recordings without a usable file, and list them in the notes file next to the results (default: "
            "results.notes.json).",
        ),
    ] = False,
    trust: Trust = False,
    *,
    changes: Changes,
    jobs: Jobs = None,
    no_cache: NoCache = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Predict the class of each recording.

    Uses test/ if DATA has one, and reads the files as in training.

    Example: pdmr-classic predict DATA --model models/mine.joblib --out results.jsonl

    Some recordings only: pdmr-classic predict DATA --ids mine.txt
    """
    from pdmr_classic.errors import ConfigError
    from pdmr_classic.io.dataset import load_dataset
    from pdmr_classic.io.labels.groups import read_subjects
    from pdmr_classic.io.results import check_notes_writable, has_notes, write_notes, write_results
    from pdmr_classic.io.selection import select_recordings
    from pdmr_classic.models.decision.prevalence import parse_prevalence
    from pdmr_classic.models.model import DepressionModel
    from pdmr_classic.reporting.summary import summarise_predictions, training_shares
    from pdmr_classic.reporting.tables import prediction_table
    from pdmr_classic.storage.atomic import check_writable
    from pdmr_classic.storage.lock import hold_lock
    from pdmr_classic.subjects.overlap import load_sibling_train

    if subjects is not None and not pool_subjects:
        raise ConfigError(
            "--subjects has no effect without --pool-subjects", hint="add --pool-subjects, or remove --subjects"
        )
    target_prevalence = parse_prevalence(prevalence)
    check_writable(out)
    check_notes_writable(out)
    with hold_lock(out), ConsoleReporter(quiet=as_json) as reporter:
        fitted = DepressionModel.load(model, trust=trust, reporter=reporter)
        # Files are arranged and read as in training, unless an option says otherwise.
        fitted.settings = fitted.settings.override(changes)
        settings = fitted.settings.data
        # Ids may be in any split of the tables of a data set.
        dataset = load_dataset(data, split="test", use_labels=False, all_splits=ids is not None, settings=settings)
        selection = select_recordings(dataset, ids, settings, skip_missing=skip_bad)
        selected = selection.dataset
        subject_ids = None
        if pool_subjects:
            file = subjects or selection.find_subject_table(settings)
            id_column = settings.id_column if file is not None and file == selection.file else None
            subject_ids = read_subjects(
                selected.data_ids, selected.folder, file, settings.groups, id_column=id_column, reporter=reporter
            )
        predictions = fitted.predict(
            selected,
            pool_subjects=subject_ids,
            prevalence=target_prevalence,
            train=load_sibling_train(dataset, reporter),
            allow_overlap=allow_overlap,
            allow_mismatch=allow_mismatch,
            skip_bad=skip_bad,
            jobs=n_jobs(jobs),
            cache=cache_folder(no_cache),
            reporter=reporter,
        )
        predictions.attrs["ids_without_recording"] = list(selection.missing)
        # If the run ends in between, notes may belong to older results, but results never lack their notes.
        if has_notes(predictions):
            write_notes(predictions, out)
        write_results(predictions, out, proba=proba)
        notes = write_notes(predictions, out)
    training = training_shares(fitted)
    summary = summarise_predictions(predictions, out, notes, training=training, synthetic=dataset.is_synthetic)
    show(summary | {"findings": reporter.findings}, as_json, prediction_table)
