"""Options that several verbs share, each described once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pdmr_classic.config import Settings

Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", help="Folder with video/ and/or audio/, or with train/ and test/.", show_default=False
    ),
]
DataGiven = Annotated[
    Path, typer.Argument(metavar="DATA", help="Folder with video/ and/or audio/, or with train/ and test/.")
]
Labels = Annotated[
    Path | None, typer.Option("--labels", metavar="FILE", help="Label table; default: labels.csv|jsonl|json there.")
]
Groups = Annotated[
    str | None,
    typer.Option(
        "--groups",
        metavar="WHO",
        help="Who the subject is: a column of the labels, a table with data_id,subject_id, an expression on the "
        r"data_id such as 're:^(S\d+)_', or infer, which proposes subjects; default: the column subject_id.",
    ),
]
Positive = Annotated[
    str | None, typer.Option("--positive", metavar="NAME", help="The class that F1 is about; default: Depression.")
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings: a TOML file, or the .json of an earlier model."),
]
Fps = Annotated[
    float | None,
    typer.Option("--fps", metavar="HZ", help="Frame rate of streams without timestamps; default: 30."),
]
Trials = Annotated[int | None, typer.Option("--trials", metavar="N", help="Trials of each base learner; default: 12.")]
Metric = Annotated[
    str | None,
    typer.Option(
        "--metric",
        metavar="NAME",
        help="What the threshold is chosen for: f1, macro_f1, balanced_accuracy or logloss; default: f1.",
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option("--threshold", metavar="P", help="Call positive from this probability on; default: a chosen one."),
]
Timeout = Annotated[float | None, typer.Option("--timeout", metavar="S", help="Start no trial after S seconds.")]
Seed = Annotated[
    int | None, typer.Option("--seed", metavar="S", help="Same seed, same data: same results; default: 0.")
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", metavar="J", min=1, help="Processes; default: one a core. Results do not depend on it."),
]
NoTrainingRows = Annotated[
    bool,
    typer.Option(
        "--no-training-rows", metavar="", help="Leave out learners that keep rows of their training data (svm)."
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust", metavar="", help="Open a model that was not made on this account: it can run any program as you."
    ),
]
NoCache = Annotated[bool, typer.Option("--no-cache", metavar="", help="Read every file anew.")]
VerifyCache = Annotated[
    bool, typer.Option("--verify-cache", metavar="", help="Hash files again before features of the cache are used.")
]
AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Print one JSON object and nothing else.")]
Debug = Annotated[bool, typer.Option("--debug", metavar="", help="Show the traceback of an error.")]


def n_jobs(jobs: int | None) -> int:
    """Return the number of processes: as asked, else one a core."""
    from joblib import cpu_count

    return int(jobs or cpu_count())


def cache_folder(no_cache: bool) -> Path | None:
    """Return where features are kept between runs, or None."""
    from pdmr_classic.features.cache import default_cache_folder

    return None if no_cache else default_cache_folder()


_SETTINGS = {
    "trials": "learning.trials",
    "timeout": "learning.timeout",
    "seed": "learning.seed",
    "metric": "learning.metric",
    "threshold": "learning.threshold",
    "training_rows": "learning.training_rows",
    "groups": "data.groups",
    "positive": "data.positive",
    "fps": "reading.fps",
}


def settings_of(config: Path | None, **options: Any) -> Settings:
    """Return the settings of a file, or the defaults, with what the options say instead; None says nothing."""
    from pdmr_classic.config import Settings

    settings = Settings.load(config) if config else Settings()
    return settings.override({_SETTINGS[name]: value for name, value in options.items()})
