"""Options for scores such as PHQ-8: what is learned, its scale and its intervals."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pdmr_classic.cli._panels import SEVERITY

SCORE_SETTINGS: dict[str, Any] = {
    "data.target": Annotated[
        str | None,
        typer.Option(
            "--target",
            rich_help_panel=SEVERITY,
            metavar="status|COLUMN|both",
            help="Target: the class (status), a column of scores such as PHQ8_Score, or both (default: status).",
        ),
    ],
    "data.score_column": Annotated[
        str | None,
        typer.Option(
            "--score-column",
            rich_help_panel=SEVERITY,
            metavar="COLUMN",
            help="Column of the scores for --target both (default: severity, or a known name).",
        ),
    ],
    "severity.scale": Annotated[
        str | None,
        typer.Option(
            "--scale",
            rich_help_panel=SEVERITY,
            metavar="NAME|MIN:MAX",
            help="Scale of the scores: phq8, phq9, bdi2, hamd17, or a range without classes, such as 0:60 (default: "
            "from the name of the column; otherwise the range of the scores).",
        ),
    ],
}
LEVEL = Annotated[
    float | None,
    typer.Option(
        "--level",
        rich_help_panel=SEVERITY,
        metavar="P",
        help="Coverage of the prediction intervals and label sets, for new subjects (default: 0.9).",
    ),
]
