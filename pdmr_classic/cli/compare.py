"""`pdmr-classic compare`: two evaluations, paired."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pdmr_classic.cli._console import show, verb
from pdmr_classic.cli._options import AsJson, Debug


@verb
def compare(
    a: Annotated[Path, typer.Argument(metavar="A.json", help="As evaluate wrote it.")],
    b: Annotated[Path, typer.Argument(metavar="B.json", help="Another one, of the same recordings in the same folds.")],
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Compare two evaluations, paired over the same folds, with an interval of each difference.

    Example: pdmr-classic compare before.json after.json
    """
    from pdmr_classic.evaluation.compare import compare_files
    from pdmr_classic.reporting.evaluation_tables import comparison_table

    show(compare_files(a, b), as_json, comparison_table)
