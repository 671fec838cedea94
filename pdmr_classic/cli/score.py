"""`pdmr-classic score`: compare results with labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pdmr_classic.cli._console import ConsoleReporter, handle_errors, show
from pdmr_classic.cli._options import AsJson, Debug, Positive


@handle_errors
def score(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="Results file written by predict.")],
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="Label table (.csv, .json or .jsonl).")],
    positive: Positive = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Score predictions against labels, with the F1 of an always-positive baseline for comparison.

    Example: pdmr-classic score results.jsonl DATA/test/labels.csv
    """
    from pdmr_classic.evaluation.score_files import score_files
    from pdmr_classic.reporting.tables import score_table

    scores = score_files(results, labels, positive=positive)
    with ConsoleReporter(quiet=as_json) as reporter:
        for finding in scores["findings"]:
            reporter.note(finding)
    show(scores, as_json, score_table)
