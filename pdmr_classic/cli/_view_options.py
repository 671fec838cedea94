"""Options for views, events and covariates, and for what the ensemble does with them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pdmr_classic.cli._flags import none_without_flag
from pdmr_classic.cli._panels import FILES, LABELS, LEARNING

VIEW_SETTINGS: dict[str, Any] = {
    "data.views": Annotated[
        list[str] | None,
        typer.Option(
            "--view",
            rich_help_panel=FILES,
            metavar="NAME=FOLDER",
            help="Further view in another folder, or in a folder with train/ and test/; can be given several times. "
            "Folders next to video/ and audio/, such as text/, are found.",
        ),
    ],
}
COVARIATE_SETTINGS: dict[str, Any] = {
    "data.covariates": Annotated[
        list[str] | None,
        typer.Option(
            "--covariates",
            rich_help_panel=LABELS,
            metavar="COLUMN",
            help="Column of the label table, such as age or gender, that the model also learns from, as the view "
            "covariates; can be given several times. predict reads it from labels.csv, which needs no status.",
        ),
    ],
    "data.events": Annotated[
        str | None,
        typer.Option(
            "--events",
            rich_help_panel=LABELS,
            metavar="SOURCE",
            help="Learn on persons, from their recordings of several events: a column of the label table, or a regular "
            r"expression with a group for the person and one for the event, such as 're:^(\d+)_(E\d+)$'.",
        ),
    ],
    "data.baseline": Annotated[
        str | None,
        typer.Option(
            "--baseline",
            rich_help_panel=LABELS,
            metavar="COLUMN",
            help="Learn also from the change from each subject's baseline recordings: those marked yes in this column "
            "of the label table, or of the first session in it (default with --suppress-identity: the column baseline, "
            "session or visit; none: no change).",
        ),
    ],
}
JOINING_SETTINGS: dict[str, Any] = {
    "learning.suppress_identity": Annotated[
        bool | None,
        typer.Option(
            "--suppress-identity",
            rich_help_panel=LEARNING,
            metavar="",
            callback=none_without_flag,
            help="Remove personal habits: what distinguishes subjects of the same class. Needs several recordings of "
            "some subjects.",
        ),
    ],
    "learning.join_views": Annotated[
        bool | None,
        typer.Option(
            "--join-views",
            rich_help_panel=LEARNING,
            metavar="",
            callback=none_without_flag,
            help="Learn also from what views have in common and where they disagree, and weigh the views of each "
            "recording by quality and certainty. Both are kept only if they help in the training data.",
        ),
    ],
}
