"""`pdmr-classic check`: read everything, change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pdmr_classic.cli._console import ConsoleReporter, show, verb
from pdmr_classic.cli._options import AsJson, Data, Debug, Jobs, Labels, n_jobs, with_settings

if TYPE_CHECKING:
    from pdmr_classic.config import Settings
    from pdmr_classic.errors import Finding

REFUSED = 3


@verb
@with_settings("data.groups", "reading.fps")
def check(
    data: Data = Path(),
    labels: Labels = None,
    *,
    settings: Settings,
    jobs: Jobs = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Read everything, change nothing, and say what is there and what is wrong.

    Example: pdmr-classic check DATA

    Exit code 3 if a file would be refused, or if fit would refuse the labels.
    """
    from pdmr_classic.evaluation.check_data import check_data
    from pdmr_classic.io.dataset import find_splits, survey_dataset
    from pdmr_classic.io.inspection import inspect_files
    from pdmr_classic.reporting.summary import summarise_check
    from pdmr_classic.reporting.tables import check_tables

    with ConsoleReporter(quiet=as_json) as reporter:
        splits, refused = {}, []
        folders = find_splits(data)
        for folder in folders:
            dataset, wrong = survey_dataset(folder, labels=labels, groups=settings.data.groups)
            refused += wrong if folder == folders[0] else _but_for_labels_of_train(wrong, folder)
            facts = inspect_files(
                dataset, settings.reading, signatures=len(folders) > 1, jobs=n_jobs(jobs), reporter=reporter
            )
            splits[folder.resolve().name] = (dataset, facts)
    summary = summarise_check(splits, check_data(splits, settings, refused))
    show(summary, as_json, check_tables)
    if summary["refused"] or summary["refused_by_fit"]:
        raise typer.Exit(REFUSED)


def _but_for_labels_of_train(refused: list[Finding], test: Path) -> list[Finding]:
    """Leave out that a table which does not lie in test/ says nothing of it: it is that of train/."""
    return [
        finding
        for finding in refused
        if finding.code != "labels-match-nothing" or Path(str(finding.file)).parent == test
    ]
