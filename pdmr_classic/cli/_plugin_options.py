"""Options that name your own code."""

from __future__ import annotations

from typing import Annotated

import typer

from pdmr_classic.cli._panels import EVALUATION, GENERAL

PLUGINS = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        rich_help_panel=GENERAL,
        metavar="MODULE",
        help="Python module (installed, or a file in the current folder) that registers your own feature families or "
        "learners, see docs/extending.md; can be given several times.",
    ),
]
ESTIMATORS = Annotated[
    list[str] | None,
    typer.Option(
        "--estimator",
        rich_help_panel=EVALUATION,
        metavar="MODULE:FACTORY",
        help="Also score this scikit-learn classifier, in the same folds and on the same features: a function without "
        "arguments that returns it, unfitted; can be given several times.",
    ),
]
