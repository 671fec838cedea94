"""`pdmr-classic compare`: paired comparison of two evaluations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pdmr_classic.cli._console import handle_errors, show
from pdmr_classic.cli._options import AsJson, Debug


@handle_errors
def compare(
    a: Annotated[Path, typer.Argument(metavar="A.json", help="Evaluation written by evaluate.")],
    b: Annotated[
        Path, typer.Argument(metavar="B.json", help="Another evaluation of the same recordings in the same folds.")
    ],
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Compare two evaluations, paired over the same folds, with a confidence interval per difference.

    Example: pdmr-classic compare before.json after.json
    """
    from pdmr_classic.evaluation.compare import compare_files
    from pdmr_classic.reporting.evaluation_tables import comparison_table

    show(compare_files(a, b), as_json, comparison_table)
