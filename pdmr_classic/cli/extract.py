"""`pdmr-classic extract`: write the feature table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pdmr_classic.cli._backend_options import Connect, with_backend
from pdmr_classic.cli._console import ConsoleReporter, handle_errors, show
from pdmr_classic.cli._options import (
    FILE_SETTINGS,
    LABEL_COLUMNS,
    AsJson,
    Debug,
    Jobs,
    Labels,
    NoCache,
    RequiredData,
    VerifyCache,
    cache_folder,
    n_jobs,
)
from pdmr_classic.cli._panels import FILES, LABELS
from pdmr_classic.cli._with_settings import with_settings

if TYPE_CHECKING:
    from pdmr_classic.config import Settings


@handle_errors
@with_settings(*FILE_SETTINGS, *LABEL_COLUMNS, "data.groups", "data.events", "plugins.modules")
@with_backend
def extract(
    data: RequiredData,
    out: Annotated[
        str,
        typer.Option(
            metavar="FILE|DIR/",
            help="Table to write: .parquet, .csv or .tsv (default: features.parquet). With a slash at the end: a "
            "feature store, a folder of Parquet files with 1,000 recordings each, for sets that do not fit in "
            "memory; an interrupted run continues with the missing parts, and a store that exists is updated: only new "
            "and changed files are read.",
            show_default=False,
        ),
    ] = "features.parquet",
    split: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=FILES,
            metavar="train|dev|test",
            help="Split to read; required if DATA has several.",
        ),
    ] = None,
    with_labels: Annotated[
        bool,
        typer.Option(
            "--with-labels",
            rich_help_panel=LABELS,
            metavar="",
            help="Also write the columns of the label table, as label__status, label__subject_id and so on; the other "
            "options in this panel are for these.",
        ),
    ] = False,
    labels: Labels = None,
    *,
    settings: Settings,
    connect: Connect,
    jobs: Jobs = None,
    no_cache: NoCache = False,
    verify_cache: VerifyCache = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Write the feature table: one row per recording, first column data_id.

    Example: pdmr-classic extract DATA/train --out features.csv --with-labels
    """
    from pdmr_classic.errors import ConfigError, summarise_findings
    from pdmr_classic.features.extractor import FeatureExtractor
    from pdmr_classic.features.feature_table import collect_label_columns
    from pdmr_classic.features.output import check_output, extract_to
    from pdmr_classic.io.dataset import load_dataset
    from pdmr_classic.io.split_folders import parse_split
    from pdmr_classic.reporting.summary import summarise_extraction
    from pdmr_classic.reporting.tables import extraction_table
    from pdmr_classic.storage.lock import hold_lock

    if labels is not None and not (with_labels or settings.label_columns):
        raise ConfigError("--labels has no effect without --with-labels", hint="add --with-labels, or remove --labels")
    # Before the data set is read, which takes long if it is large.
    target = check_output(out)
    connect()
    dataset = load_dataset(
        data,
        split=parse_split(split),
        labels=labels,
        use_labels=with_labels or bool(settings.label_columns),
        settings=settings.data,
    )
    label_columns = collect_label_columns(dataset) if with_labels else None
    with hold_lock(target), ConsoleReporter(quiet=as_json) as reporter:
        extractor = FeatureExtractor(
            settings, jobs=n_jobs(jobs), cache=cache_folder(no_cache), verify_cache=verify_cache, reporter=reporter
        )
        table = extract_to(out, extractor, dataset, label_columns)
        for finding in (*dataset.findings, *summarise_findings(table.findings)):
            reporter.note(finding)
    summary = summarise_extraction(table, target, labels=label_columns, synthetic=dataset.is_synthetic)
    show(summary | {"findings": reporter.findings}, as_json, extraction_table)
