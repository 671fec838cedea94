"""Options of `fit` for studies that several processes share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pdmr_classic.cli._console import ConsoleReporter, show
from pdmr_classic.cli._panels import LEARNING
from pdmr_classic.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from pdmr_classic.config import Settings
    from pdmr_classic.io.dataset import Dataset
    from pdmr_classic.models.ensemble.study_database import StudyDatabase

Storage = Annotated[
    str | None,
    typer.Option(
        "--storage",
        rich_help_panel=LEARNING,
        metavar="URL",
        help="PostgreSQL database, as postgresql://USER@HOST/DATABASE, in which several processes tune together (extra "
        "postgres); the password may be in PGPASSWORD. The model then depends on their timing, and is not reproduced "
        "exactly (default: a journal next to the model).",
        show_default=False,
    ),
]
Study = Annotated[
    str | None,
    typer.Option(
        "--study",
        rich_help_panel=LEARNING,
        metavar="NAME",
        help="Name of the studies in the database of --storage (default: pdmr-classic).",
        show_default=False,
    ),
]
TuneOnly = Annotated[
    bool,
    typer.Option(
        "--tune-only",
        rich_help_panel=LEARNING,
        metavar="",
        help="Add trials to the studies of another fit with the same data, settings and --storage; write no model.",
    ),
]


def open_database(
    storage: str | None, study: str | None, *, report: Path | None, tune_only: bool
) -> StudyDatabase | None:
    """Return the database of the studies, after connecting to it, or None without `--storage`."""
    if storage is None:
        for option, is_given in (("--tune-only", tune_only), ("--study", study is not None)):
            if is_given:
                raise ConfigError(f"{option} needs --storage", hint="add --storage postgresql://USER@HOST/DATABASE")
        return None
    if tune_only and report is not None:
        raise ConfigError("--report needs a model, but --tune-only trains none", hint="remove one of them")
    from pdmr_classic.models.ensemble.study_database import StudyDatabase

    database = StudyDatabase(storage) if study is None else StudyDatabase(storage, study)
    database.check()
    return database


def tune_only_and_show(
    dataset: Dataset, database: StudyDatabase, settings: Settings, jobs: int, cache: Path | None, *, as_json: bool
) -> None:
    """Add trials to the studies of another process, and print how many."""
    from pdmr_classic.models.shared_tuning import add_trials
    from pdmr_classic.reporting.fit_tables import trial_table

    with ConsoleReporter(quiet=as_json) as reporter:
        summary = add_trials(dataset, database, settings=settings, jobs=jobs, cache=cache, reporter=reporter)
    show(summary | {"findings": reporter.findings}, as_json, trial_table)
