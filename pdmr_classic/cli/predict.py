"""`pdmr-classic predict`: classify the recordings of a data folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pdmr_classic.cli._console import ConsoleReporter, handle_errors, show
from pdmr_classic.cli._options import AsJson, Data, Debug, Jobs, NoCache, Trust, cache_folder, n_jobs


@handle_errors
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
    pool_subjects: Annotated[
        bool,
        typer.Option(
            "--pool-subjects",
            metavar="",
            help="Average the predictions (log-odds) over each subject's recordings and give all of them the same "
            "prediction.",
        ),
    ] = False,
    subjects: Annotated[
        Path | None,
        typer.Option(
            "--subjects",
            metavar="FILE",
            help="Table with data_id,subject_id for --pool-subjects (default: the label table).",
        ),
    ] = None,
    prevalence: Annotated[
        str | None,
        typer.Option(
            "--prevalence",
            metavar="P|estimate",
            help="Adjust the probabilities to this prevalence of the positive class, or to one estimated from the "
            "recordings to predict (default: the prevalence in the training data).",
        ),
    ] = None,
    allow_overlap: Annotated[
        bool,
        typer.Option("--allow-overlap", metavar="", help="Also predict recordings that the model was trained on."),
    ] = False,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad",
            metavar="",
            help="Skip recordings without a usable file, and list them in the notes file next to the results (default: "
            "results.notes.json).",
        ),
    ] = False,
    trust: Trust = False,
    fps: Annotated[
        float | None,
        typer.Option("--fps", metavar="HZ", help="Frame rate of streams without timestamps (default: as in training)."),
    ] = None,
    jobs: Jobs = None,
    no_cache: NoCache = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Predict the class of each recording.

    Uses test/ if DATA has one.

    Example: pdmr-classic predict DATA --model models/mine.joblib --out results.jsonl
    """
    from pdmr_classic.errors import ConfigError
    from pdmr_classic.io.dataset import load_dataset
    from pdmr_classic.io.groups import read_subjects
    from pdmr_classic.io.results import check_notes_writable, has_notes, write_notes, write_results
    from pdmr_classic.models.decision.prevalence import parse_prevalence
    from pdmr_classic.models.model import DepressionModel
    from pdmr_classic.reporting.summary import summarise_predictions
    from pdmr_classic.reporting.tables import prediction_table
    from pdmr_classic.storage.atomic import check_writable
    from pdmr_classic.storage.lock import hold_lock
    from pdmr_classic.subjects.overlap import load_sibling_train

    if subjects is not None and not pool_subjects:
        raise ConfigError(
            "--subjects has no effect without --pool-subjects", hint="add --pool-subjects, or remove --subjects"
        )
    target_prevalence = parse_prevalence(prevalence)
    dataset = load_dataset(data, split="test", use_labels=False)
    check_writable(out)
    check_notes_writable(out)
    with hold_lock(out), ConsoleReporter(quiet=as_json) as reporter:
        fitted = DepressionModel.load(model, trust=trust, reporter=reporter)
        groups = fitted.settings.data.groups
        subject_ids = read_subjects(dataset.data_ids, dataset.folder, subjects, groups) if pool_subjects else None
        predictions = fitted.predict(
            dataset,
            pool_subjects=subject_ids,
            prevalence=target_prevalence,
            train=load_sibling_train(dataset, reporter),
            allow_overlap=allow_overlap,
            skip_bad=skip_bad,
            fps=fps,
            jobs=n_jobs(jobs),
            cache=cache_folder(no_cache),
            reporter=reporter,
        )
        # If the run ends in between, notes may belong to older results, but results never lack their notes.
        if has_notes(predictions):
            write_notes(predictions, out)
        write_results(predictions, out, proba=proba)
        notes = write_notes(predictions, out)
    summary = summarise_predictions(predictions, out, notes, synthetic=dataset.is_synthetic)
    show(summary | {"findings": reporter.findings}, as_json, prediction_table)
