"""`pdmr-classic extract`: write the feature table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pdmr_classic.cli._console import ConsoleReporter, handle_errors, show
from pdmr_classic.cli._options import (
    FILE_SETTINGS,
    AsJson,
    Debug,
    Jobs,
    NoCache,
    RequiredData,
    VerifyCache,
    cache_folder,
    n_jobs,
    with_settings,
)

if TYPE_CHECKING:
    from pdmr_classic.config import Settings


@handle_errors
@with_settings(*FILE_SETTINGS)
def extract(
    data: RequiredData,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Parquet file to write (default: features.parquet).", show_default=False),
    ] = Path("features.parquet"),
    split: Annotated[
        str | None,
        typer.Option(metavar="train|test", help="Split to read; required if DATA has both train/ and test/."),
    ] = None,
    *,
    settings: Settings,
    jobs: Jobs = None,
    no_cache: NoCache = False,
    verify_cache: VerifyCache = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Write the feature table: one row per recording, first column data_id.

    Example: pdmr-classic extract DATA/train --out features.parquet
    """
    from pdmr_classic.features.extractor import FeatureExtractor, summarise_findings, write_features
    from pdmr_classic.io.dataset import load_dataset, parse_split
    from pdmr_classic.reporting.summary import summarise_extraction
    from pdmr_classic.reporting.tables import extraction_table
    from pdmr_classic.storage.atomic import check_writable
    from pdmr_classic.storage.lock import hold_lock

    dataset = load_dataset(data, split=parse_split(split), use_labels=False, settings=settings.data)
    check_writable(out, ".parquet")
    with hold_lock(out), ConsoleReporter(quiet=as_json) as reporter:
        extractor = FeatureExtractor(
            settings, jobs=n_jobs(jobs), cache=cache_folder(no_cache), verify_cache=verify_cache, reporter=reporter
        )
        extraction = extractor.extract(dataset)
        write_features(extraction.require_features(), out)
        for finding in (*dataset.findings, *summarise_findings(extraction.findings)):
            reporter.note(finding)
    summary = summarise_extraction(extraction, out, synthetic=dataset.is_synthetic)
    show(summary | {"findings": reporter.findings}, as_json, extraction_table)
