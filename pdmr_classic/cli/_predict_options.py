"""Options of `predict`, some also of `explain`: which model and recordings, and how probabilities become a decision."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pdmr_classic.cli._panels import CHECKS, DECISION, FILES
from pdmr_classic.errors import ConfigError

DEFAULT_MODEL = Path("models/pdmr-classic.joblib")
Model = Annotated[
    Path,
    typer.Option(
        "--model",
        metavar="FILE",
        help=f"Model written by fit, or folder of export --hub (default: {DEFAULT_MODEL}).",
        show_default=False,
    ),
]
Ids = Annotated[
    Path | None,
    typer.Option(
        "--ids",
        "--labels",
        rich_help_panel=FILES,
        metavar="FILE",
        help="Predict only the recordings in this label table, or in a list with one data_id per line. Events and "
        "covariates of a model that has them are read from it, or else from the label table of the data.",
    ),
]
PoolSubjects = Annotated[
    bool,
    typer.Option(
        "--pool-subjects",
        rich_help_panel=DECISION,
        metavar="",
        help="Average the predictions (log-odds) over each subject's recordings and give all of them the same "
        "prediction.",
    ),
]
Subjects = Annotated[
    Path | None,
    typer.Option(
        "--subjects",
        rich_help_panel=DECISION,
        metavar="FILE",
        help="Table with data_id,subject_id for --pool-subjects (default: the label table).",
    ),
]
Prevalence = Annotated[
    str | None,
    typer.Option(
        "--prevalence",
        rich_help_panel=DECISION,
        metavar="P|estimate",
        help="Adjust the probabilities to this prevalence of the positive class, or to one estimated from the "
        "recordings to predict (default: the prevalence in the training data).",
    ),
]
Conditions = Annotated[
    Path | None,
    typer.Option(
        "--conditions",
        rich_help_panel=DECISION,
        metavar="FILE",
        help="Table with data_id and the column given to fit --experts (default: the label table). Unknown "
        "conditions are estimated from the features.",
    ),
]
Sets = Annotated[
    bool,
    typer.Option(
        "--sets",
        rich_help_panel=DECISION,
        metavar="",
        help="Add a set of classes that contains the true one with the coverage given to fit --level.",
    ),
]
Abstain = Annotated[
    bool,
    typer.Option(
        "--abstain",
        rich_help_panel=DECISION,
        metavar="",
        help="Write the status Uncertain where the set (see --sets) has more than one class. Not for challenge "
        "submissions.",
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad",
        rich_help_panel=CHECKS,
        metavar="",
        help="Skip recordings without a usable file, and list them in the notes file next to the results (default: "
        "results.notes.json).",
    ),
]


def check_pooling(subjects: Path | None, *, pool_subjects: bool) -> None:
    """Refuse a table of subjects that would be ignored."""
    if subjects is not None and not pool_subjects:
        raise ConfigError(
            "--subjects has no effect without --pool-subjects", hint="add --pool-subjects, or remove --subjects"
        )
