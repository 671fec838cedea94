"""`pdmr-classic fit`: tune, train and save a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pdmr_classic.cli._backend_options import Connect, with_backend
from pdmr_classic.cli._console import ConsoleReporter, handle_errors, show
from pdmr_classic.cli._options import (
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
from pdmr_classic.cli._study_options import Storage, Study, TuneOnly, open_database, tune_only_and_show
from pdmr_classic.cli._with_settings import with_settings

if TYPE_CHECKING:
    from pdmr_classic.config import Settings


@handle_errors
@with_settings(*FIT_SETTINGS)
@with_backend
def fit(
    data: Data = Path(),
    labels: Labels = None,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Model file to write, with its manifest next to it (default: models/pdmr-classic.joblib).",
            show_default=False,
        ),
    ] = Path("models/pdmr-classic.joblib"),
    report: ReportFolder = None,
    *,
    settings: Settings,
    storage: Storage = None,
    study: Study = None,
    tune_only: TuneOnly = False,
    connect: Connect,
    jobs: Jobs = None,
    no_cache: NoCache = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Tune, train and save a model.

    Uses train/ if DATA has one. After an interruption, run the same command again to resume.

    Example: pdmr-classic fit DATA --out models/mine.joblib

    With your own labels: pdmr-classic fit DATA --labels mine.csv --label-column group --map 0=Normal,1=Depression
    """
    from pdmr_classic.features.load_features import load_data
    from pdmr_classic.models.persistence.artifact import check_model_writable
    from pdmr_classic.models.training import fit as fit_model
    from pdmr_classic.reporting.fit_tables import fit_table
    from pdmr_classic.reporting.report.folder import check_report_folder, write_report_folder
    from pdmr_classic.reporting.summary import summarise_fit
    from pdmr_classic.storage.resume import hold_target
    from pdmr_classic.subjects.inference import find_proposal_file

    database = open_database(storage, study, report=report, tune_only=tune_only)
    if database is not None and tune_only:
        connect()
        dataset = load_data(data, split="train", labels=labels, settings=settings.data)
        tune_only_and_show(dataset, database, settings, n_jobs(jobs), cache_folder(no_cache), as_json=as_json)
        return
    check_model_writable(out)
    if report is not None:
        check_report_folder(report, [out])
    connect()
    dataset = load_data(data, split="train", labels=labels, settings=settings.data)
    groups_out = find_proposal_file(out)
    with hold_target(out, ".studies") as studies, ConsoleReporter(quiet=as_json) as reporter:
        cache = cache_folder(no_cache)
        model = fit_model(
            dataset,
            settings=settings,
            jobs=n_jobs(jobs),
            cache=cache,
            studies=database or studies,
            groups_out=groups_out,
            reporter=reporter,
        )
        model.save(out, reporter=reporter)
    written = {} if report is None else {"report": str(write_report_folder([out], report))}
    show(summarise_fit(model, out) | written | {"findings": reporter.findings}, as_json, fit_table)
