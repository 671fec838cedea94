"""Options that several commands share, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pdmr_classic.cli._flags import negate_flag, none_without_flag
from pdmr_classic.cli._panels import CHECKS, EVALUATION, FILES, GENERAL, LABELS, LEARNING
from pdmr_classic.cli._plugin_options import ESTIMATORS, PLUGINS
from pdmr_classic.cli._severity_options import LEVEL, SCORE_SETTINGS
from pdmr_classic.cli._view_options import COVARIATE_SETTINGS, JOINING_SETTINGS, VIEW_SETTINGS

_FOLDER = "Folder with video/ and/or audio/, with train/ and test/, or in another layout (see --layout)"
Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help=f"{_FOLDER}; or a feature table written by extract (default: the current folder).",
        show_default=False,
    ),
]
RequiredData = Annotated[Path, typer.Argument(metavar="DATA", help=f"{_FOLDER}.")]
Labels = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        rich_help_panel=LABELS,
        metavar="FILE",
        help="Label table with data_id, status and optionally subject_id: csv, tsv, xlsx, parquet, json or jsonl "
        "(default: labels.csv and so on, in DATA or next to it; or the tables of the layout).",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        rich_help_panel=GENERAL,
        metavar="N",
        min=1,
        help="Number of processes; results do not depend on it (default: one per core).",
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        rich_help_panel=CHECKS,
        metavar="",
        help="Open a model that was trained under another account. A model file can run any code with your "
        "permissions: use this only if you trust its source.",
    ),
]
AllowOverlap = Annotated[
    bool,
    typer.Option(
        "--allow-overlap",
        rich_help_panel=CHECKS,
        metavar="",
        help="Accept recordings that the model was trained on.",
    ),
]
AllowMismatch = Annotated[
    bool,
    typer.Option(
        "--allow-mismatch",
        rich_help_panel=CHECKS,
        metavar="",
        help="Accept recordings of another tracker, unit, frame rate or set of channels than in training.",
    ),
]
NoCache = Annotated[
    bool,
    typer.Option("--no-cache", rich_help_panel=GENERAL, metavar="", help="Do not read or write the feature cache."),
]
VerifyCache = Annotated[
    bool,
    typer.Option(
        "--verify-cache",
        rich_help_panel=GENERAL,
        metavar="",
        help="Hash each file again before using its cached features.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", rich_help_panel=GENERAL, metavar="", help="Print one JSON object and nothing else.")
]
Debug = Annotated[
    bool, typer.Option("--debug", rich_help_panel=GENERAL, metavar="", help="Show the full traceback of an error.")
]

Positive = Annotated[
    str | None,
    typer.Option(
        "--positive",
        rich_help_panel=LABELS,
        metavar="NAME",
        help="Positive class (default: Depression, if it is one of the classes).",
    ),
]
Fps = Annotated[
    float | None,
    typer.Option(
        "--fps",
        rich_help_panel=FILES,
        metavar="HZ",
        help="Frame rate in Hz, instead of the timestamps (default: from the timestamps; 30 without).",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        rich_help_panel=GENERAL,
        metavar="FILE",
        help="Settings file (TOML), or the .json manifest of a model to reuse its settings; options override it.",
    ),
]


def n_jobs(jobs: int | None) -> int:
    """Return the number of processes: the given one, or one per core."""
    from joblib import cpu_count

    return int(jobs or cpu_count())


def cache_folder(no_cache: bool) -> Path | None:
    """Return the folder of the feature cache, or None with `--no-cache`."""
    from pdmr_classic.features.cache import default_cache_folder

    return None if no_cache else default_cache_folder()


# Settings that commands offer as options, named after the last part of the key. A missing option is None: the defaults
# are in `Settings`.
SETTINGS: dict[str, Any] = {
    "data.layout": Annotated[
        str | None,
        typer.Option(
            "--layout",
            rich_help_panel=FILES,
            metavar="NAME",
            help="Arrangement of the files: pdmr, flat, daic-woz, e-daic, mpdd, or auto, which recognises it "
            "(default: auto).",
        ),
    ],
    "data.video_pattern": Annotated[
        str | None,
        typer.Option(
            "--video-pattern",
            rich_help_panel=FILES,
            metavar="PATTERN",
            help="Paths of the video files below DATA, such as '{id}/{id}_openface.csv'; it may also contain "
            "{subject}, {session} and {event}.",
        ),
    ],
    "data.audio_pattern": Annotated[
        str | None,
        typer.Option(
            "--audio-pattern", rich_help_panel=FILES, metavar="PATTERN", help="Paths of the audio files, likewise."
        ),
    ],
    "reading.tracker": Annotated[
        str | None,
        typer.Option(
            "--tracker",
            rich_help_panel=FILES,
            metavar="NAME",
            help="Program that wrote the video files (default: recognised from the columns).",
        ),
    ],
    "reading.face": Annotated[
        int | None,
        typer.Option(
            "--face",
            rich_help_panel=FILES,
            metavar="ID",
            help="Face to read if there are several (default: the one present longest).",
        ),
    ],
    "data.id_column": Annotated[
        str | None,
        typer.Option(
            "--id-column",
            rich_help_panel=LABELS,
            metavar="COLUMN",
            help="Column of the label table with the data_id (default: data_id, or a known name).",
        ),
    ],
    "data.label_column": Annotated[
        str | None,
        typer.Option(
            "--label-column",
            rich_help_panel=LABELS,
            metavar="COLUMN",
            help="Column of the label table with the class (default: status, or a known name).",
        ),
    ],
    "data.map": Annotated[
        str | None,
        typer.Option(
            "--map",
            rich_help_panel=LABELS,
            metavar="MAP",
            help="New names of the labels, such as 0=Normal,1=Depression.",
        ),
    ],
    "data.cutoff": Annotated[
        str | None,
        typer.Option(
            "--cutoff",
            rich_help_panel=LABELS,
            metavar="RULE",
            help="Make the classes Depression and Normal from a score, such as 'PHQ8_Score>=10'.",
        ),
    ],
    "data.groups": Annotated[
        str | None,
        typer.Option(
            "--groups",
            rich_help_panel=LABELS,
            metavar="SOURCE",
            help="Where the subject ids come from: a column of the label table; a table with data_id,subject_id; a "
            r"regular expression with one group, such as 're:^(S\d+)_', applied to the data_id; or infer, which "
            "proposes them from the recordings and writes them to a file for review (default: column subject_id).",
        ),
    ],
    "data.positive": Positive,
    "reading.fps": Fps,
    **VIEW_SETTINGS,
    **COVARIATE_SETTINGS,
    **SCORE_SETTINGS,
    "severity.level": LEVEL,
    "learning.trials": Annotated[
        int | None,
        typer.Option(
            "--trials", rich_help_panel=LEARNING, metavar="N", help="Tuning trials per base learner (default: 12)."
        ),
    ],
    "learning.timeout": Annotated[
        float | None,
        typer.Option(
            "--timeout",
            rich_help_panel=LEARNING,
            metavar="SECONDS",
            help="Start no new trials after this many seconds (default: no limit).",
        ),
    ],
    "learning.seed": Annotated[
        int | None,
        typer.Option(
            "--seed",
            rich_help_panel=LEARNING,
            metavar="N",
            help="Random seed (default: 0). Results are identical for the same seed, data, settings, machine type and "
            "library versions.",
        ),
    ],
    "learning.metric": Annotated[
        str | None,
        typer.Option(
            "--metric",
            rich_help_panel=LEARNING,
            metavar="NAME",
            help="Metric that the threshold maximises: f1, macro_f1 or balanced_accuracy; logloss keeps it at 0.5 "
            "(default: f1).",
        ),
    ],
    "learning.threshold": Annotated[
        float | None,
        typer.Option(
            "--threshold",
            rich_help_panel=LEARNING,
            metavar="P",
            help="Classify as positive at or above this probability (default: chosen for --metric).",
        ),
    ],
    "learning.training_rows": Annotated[
        bool | None,
        typer.Option(
            "--no-training-rows",
            rich_help_panel=LEARNING,
            metavar="",
            callback=negate_flag,
            help="Do not use learners that store training data in the model file (svm).",
        ),
    ],
    "learning.experts": Annotated[
        str | None,
        typer.Option(
            "--experts",
            rich_help_panel=LEARNING,
            metavar="COLUMN",
            help="Column of the label table with conditions, such as interviewer or site: each gets an expert, close "
            "to the common model where there are few recordings.",
        ),
    ],
    "learning.lite": Annotated[
        bool | None,
        typer.Option(
            "--lite",
            rich_help_panel=LEARNING,
            metavar="",
            callback=none_without_flag,
            help="Train a small and fast model that holds no rows of training data.",
        ),
    ],
    **JOINING_SETTINGS,
    "plugins.modules": PLUGINS,
    "evaluation.folds": Annotated[
        int | None, typer.Option("--folds", rich_help_panel=EVALUATION, metavar="N", help="Outer folds (default: 5).")
    ],
    "evaluation.repeats": Annotated[
        int | None,
        typer.Option(
            "--repeats",
            rich_help_panel=EVALUATION,
            metavar="N",
            help="Repeats, each with different outer folds (default: 3).",
        ),
    ],
    "evaluation.by": Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            rich_help_panel=EVALUATION,
            metavar="COLUMN",
            help="Also report scores for each value of this column of the label table; can be given several times.",
        ),
    ],
    "evaluation.prevalence": Annotated[
        str | None,
        typer.Option(
            "--prevalence",
            rich_help_panel=EVALUATION,
            metavar="P|estimate",
            help="Also score predictions adjusted to this prevalence of the positive class, or to one estimated from "
            "the held-out recordings, as predict --prevalence does (default: none).",
        ),
    ],
    "evaluation.leave": Annotated[
        str | None,
        typer.Option(
            "--leave",
            rich_help_panel=EVALUATION,
            metavar="COLUMN",
            help="Hold out each value of this column of the label table as a whole, such as site or corpus, instead of "
            "--folds and --repeats; subject_id: one subject at a time. Of a column session or visit, the subjects' "
            "other sessions are trained on: known people, not new ones.",
        ),
    ],
    "evaluation.stress": Annotated[
        bool | None,
        typer.Option(
            "--no-stress", rich_help_panel=EVALUATION, metavar="", callback=negate_flag, help="Skip the stress tests."
        ),
    ],
    "evaluation.confounds": Annotated[
        bool | None,
        typer.Option(
            "--confounds",
            rich_help_panel=EVALUATION,
            metavar="",
            callback=none_without_flag,
            help="Confound audit: what recording conditions alone predict, and the scores without them.",
        ),
    ],
    "evaluation.nuisance": Annotated[
        list[str] | None,
        typer.Option(
            "--nuisance",
            rich_help_panel=EVALUATION,
            metavar="COLUMN",
            help="Also audit this column of the label table, such as site (turns on --confounds); can be given several "
            "times.",
        ),
    ],
    "evaluation.estimators": ESTIMATORS,
}
EVALUATION_SETTINGS = tuple(name for name in SETTINGS if name.startswith("evaluation."))
# For `evaluate` as well, because it fits the same models.
FIT_SETTINGS = tuple(name for name in SETTINGS if name not in EVALUATION_SETTINGS)
FILE_SETTINGS = (
    *("data.layout", "data.video_pattern", "data.audio_pattern", "data.views"),
    *("reading.tracker", "reading.face", "reading.fps"),
)
LABEL_COLUMNS = ("data.id_column", "data.label_column", "data.map", "data.cutoff")
LABEL_SETTINGS = (*LABEL_COLUMNS, "data.groups", "data.positive")
