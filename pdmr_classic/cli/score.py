"""`pdmr-classic score`: compare results with labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pdmr_classic.cli._console import ConsoleReporter, handle_errors, show
from pdmr_classic.cli._options import LABEL_COLUMNS, AsJson, Debug
from pdmr_classic.cli._severity_options import SCORE_SETTINGS
from pdmr_classic.cli._with_settings import with_settings

if TYPE_CHECKING:
    from pdmr_classic.config import Settings


@handle_errors
@with_settings(*LABEL_COLUMNS, "data.positive", *SCORE_SETTINGS)
def score(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="Results file written by predict.")],
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="Label table, or data folder with labels.")],
    *,
    settings: Settings,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Score predictions against labels, with the F1 of an always-positive baseline for comparison.

    The positive class is that of the model if predict has noted it next to the results.

    Example: pdmr-classic score results.jsonl DATA/test/labels.csv

    Severities: pdmr-classic score results.jsonl DATA/test/labels.csv --target PHQ8_Score

    With your own labels: pdmr-classic score results.jsonl mine.csv --label-column group --map 0=Normal,1=Depression
    """
    from pdmr_classic.evaluation.score_files import score_results
    from pdmr_classic.reporting.severity_tables import results_table

    scores = score_results(results, labels, settings=settings)
    with ConsoleReporter(quiet=as_json) as reporter:
        for finding in scores["findings"]:
            reporter.note(finding)
    show(scores, as_json, results_table)
