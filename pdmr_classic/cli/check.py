"""`pdmr-classic check`: report what is in a data folder and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pdmr_classic.cli._console import ConsoleReporter, handle_errors, show
from pdmr_classic.cli._options import (
    FILE_SETTINGS,
    LABEL_SETTINGS,
    AsJson,
    Data,
    Debug,
    Jobs,
    Labels,
    n_jobs,
)
from pdmr_classic.cli._severity_options import SCORE_SETTINGS
from pdmr_classic.cli._with_settings import with_settings

if TYPE_CHECKING:
    from pdmr_classic.config import Settings

REFUSED = 3


@handle_errors
@with_settings(
    *(*FILE_SETTINGS, *LABEL_SETTINGS, *SCORE_SETTINGS), "data.covariates", "data.events", "learning.experts"
)
def check(
    data: Data = Path(),
    labels: Labels = None,
    *,
    settings: Settings,
    jobs: Jobs = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Read all files and report what they contain and what is wrong; change nothing.

    Example: pdmr-classic check DATA

    Exit code 3 if a file cannot be used or fit would reject the labels.
    """
    from pdmr_classic.evaluation.check_data import check_data
    from pdmr_classic.io.dataset import scan_dataset
    from pdmr_classic.io.inspection import inspect_files
    from pdmr_classic.io.split_folders import find_splits
    from pdmr_classic.reporting.summary import summarise_check
    from pdmr_classic.reporting.tables import check_tables

    with ConsoleReporter(quiet=as_json) as reporter:
        splits, errors = {}, []
        sources = find_splits(data, settings.data)
        for source in sources:
            dataset, unreadable = scan_dataset(
                source.folder,
                split=source.split,
                labels=labels,
                settings=settings.data,
                may_lack_labels=source != sources[0],
            )
            errors += unreadable
            facts = inspect_files(dataset, settings.reading, signatures=True, jobs=n_jobs(jobs), reporter=reporter)
            splits[source.name] = (dataset, facts)
    summary = summarise_check(splits, check_data(splits, settings, errors))
    show(summary, as_json, check_tables)
    if summary["errors"] or summary["fit_errors"]:
        raise typer.Exit(REFUSED)
