"""Options that several verbs share, each described once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

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
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", metavar="J", min=1, help="Processes; default: one a core. Results do not depend on it."),
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

Positive = Annotated[
    str | None, typer.Option("--positive", metavar="NAME", help="The class that F1 is about; default: Depression.")
]
Fps = Annotated[
    float | None,
    typer.Option("--fps", metavar="HZ", help="Frame rate of streams without timestamps; default: 30."),
]
_Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings: a TOML file, or the .json of an earlier model."),
]


def n_jobs(jobs: int | None) -> int:
    """Return the number of processes: as asked, else one a core."""
    from joblib import cpu_count

    return int(jobs or cpu_count())


def cache_folder(no_cache: bool) -> Path | None:
    """Return where features are kept between runs, or None."""
    from pdmr_classic.features.cache import default_cache_folder

    return None if no_cache else default_cache_folder()


def _false_if_given(given: bool | None) -> bool | None:
    """Turn a `--no-…` that was given into False, and one that was not into None, which leaves the setting alone."""
    return False if given else None


# Settings that verbs offer as options, which are named after their last part. An option that is not given is None: the
# defaults stand in `Settings`.
SETTINGS: dict[str, Any] = {
    "data.groups": Annotated[
        str | None,
        typer.Option(
            "--groups",
            metavar="WHO",
            help="Who the subject is: a column of the labels, a table with data_id,subject_id, an expression on the "
            r"data_id such as 're:^(S\d+)_', or infer, which proposes subjects; default: the column subject_id.",
        ),
    ],
    "data.positive": Positive,
    "reading.fps": Fps,
    "learning.trials": Annotated[
        int | None, typer.Option("--trials", metavar="N", help="Trials of each base learner; default: 12.")
    ],
    "learning.timeout": Annotated[
        float | None, typer.Option("--timeout", metavar="S", help="Start no trial after S seconds.")
    ],
    "learning.seed": Annotated[
        int | None, typer.Option("--seed", metavar="S", help="Same seed, same data: same results; default: 0.")
    ],
    "learning.metric": Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="NAME",
            help="What the threshold is chosen for: f1, macro_f1, balanced_accuracy or logloss; default: f1.",
        ),
    ],
    "learning.threshold": Annotated[
        float | None,
        typer.Option("--threshold", metavar="P", help="Call positive from this probability on; default: a chosen one."),
    ],
    "learning.training_rows": Annotated[
        bool | None,
        typer.Option(
            "--no-training-rows",
            metavar="",
            callback=_false_if_given,
            help="Leave out learners that keep rows of their training data (svm).",
        ),
    ],
    "evaluation.folds": Annotated[int | None, typer.Option("--folds", metavar="K", help="Outer folds; default: 5.")],
    "evaluation.repeats": Annotated[
        int | None, typer.Option("--repeats", metavar="R", help="How often new folds are made; default: 3.")
    ],
    "evaluation.by": Annotated[
        list[str] | None,
        typer.Option("--by", metavar="COLUMN", help="Scores by subgroup of this label column; may be repeated."),
    ],
    "evaluation.stress": Annotated[
        bool | None,
        typer.Option(
            "--no-stress", metavar="", callback=_false_if_given, help="Skip the predictions on worse recordings."
        ),
    ],
}
EVALUATION_SETTINGS = tuple(name for name in SETTINGS if name.startswith("evaluation."))
# For `evaluate` as well: it makes the same models.
FIT_SETTINGS = tuple(name for name in SETTINGS if name not in EVALUATION_SETTINGS)


def with_settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Offer settings as options of a verb, and pass it all settings as its keyword-only parameter `settings`.

    In the place of that parameter, the verb takes an option for each name, and `--config`. Options override the file,
    and the file overrides the defaults.

    Parameters
    ----------
    *names : str
        Keys of `SETTINGS`.
    """
    names_of_options = {name.rpartition(".")[2]: name for name in names}

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def with_options(*args: Any, config: Path | None = None, **options: Any) -> None:
            from pdmr_classic.config import Settings

            changes = {name: options.pop(option, None) for option, name in names_of_options.items()}
            settings = Settings.load(config) if config else Settings()
            function(*args, settings=settings.override(changes), **options)

        offered = {option: SETTINGS[name] for option, name in names_of_options.items()}
        parameters = _replace_settings(function, {**offered, "config": _Config})
        # Typer reads both.
        with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return with_options

    return decorate


def _replace_settings(function: Callable[..., None], options: dict[str, Any]) -> list[inspect.Parameter]:
    """Return the parameters of a function, with options that are None by default in the place of `settings`."""
    # `Settings` stays unknown to the verbs until they run: importing it would slow `--help` down.
    hints = get_type_hints(function, localns={"Settings": object}, include_extras=True)
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "settings":
            parameters += [
                inspect.Parameter(option, parameter.kind, default=None, annotation=annotation)
                for option, annotation in options.items()
            ]
        else:
            parameters.append(parameter.replace(annotation=hints[parameter.name]))
    return parameters
