"""`pdmr-classic validate`: how a frozen model performs on another labelled data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pdmr_classic.cli._console import ConsoleReporter, handle_errors, show
from pdmr_classic.cli._options import (
    FILE_SETTINGS,
    LABEL_COLUMNS,
    AllowMismatch,
    AllowOverlap,
    AsJson,
    Debug,
    Jobs,
    Labels,
    NoCache,
    RequiredData,
    Trust,
    cache_folder,
    n_jobs,
)
from pdmr_classic.cli._panels import CHECKS, EVALUATION
from pdmr_classic.cli._with_settings import Changes, with_changes

_LABEL_SETTINGS = (*LABEL_COLUMNS, "data.groups")


def _width(flag: str, name: str, default: float) -> typer.models.OptionInfo:
    return typer.Option(  # type: ignore[no-any-return]
        flag,
        rich_help_panel=EVALUATION,
        metavar="W",
        min=0.001,
        help=f"Target width of the interval of {name} for the sample size (default: {default:g}).",
        show_default=False,
    )


@handle_errors
@with_changes(*FILE_SETTINGS, own=_LABEL_SETTINGS)
def validate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model written by fit.")],
    data: RequiredData,
    labels: Labels = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the result to this JSON file.", show_default=False)
    ] = None,
    oe_width: Annotated[float, _width("--oe-width", "observed : expected", 0.2)] = 0.2,
    slope_width: Annotated[float, _width("--slope-width", "the calibration slope", 0.2)] = 0.2,
    auc_width: Annotated[float, _width("--auc-width", "the AUC", 0.1)] = 0.1,
    allow_overlap: AllowOverlap = False,
    allow_mismatch: AllowMismatch = False,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad", rich_help_panel=CHECKS, metavar="", help="Leave out recordings without a usable file."
        ),
    ] = False,
    trust: Trust = False,
    *,
    changes: Changes,
    jobs: Jobs = None,
    no_cache: NoCache = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Validate a model on labelled recordings of other people: discrimination, calibration, case mix, recalibration.

    Uses test/ if DATA has one. Files are read as in training, the label table by its own options.

    Example: pdmr-classic validate models/mine.joblib OTHER_SITE --out validation.json
    """
    from pdmr_classic.config import DataSettings
    from pdmr_classic.evaluation.validate import validate as validate_model
    from pdmr_classic.features.load_features import load_data
    from pdmr_classic.models.model import DepressionModel
    from pdmr_classic.reporting.validation_tables import validation_tables
    from pdmr_classic.storage.atomic import check_writable, refuse_foreign_file, write_text_atomic
    from pdmr_classic.subjects.overlap import load_sibling_train
    from pdmr_classic.text import to_json

    if out is not None:
        check_writable(out)
        refuse_foreign_file(out, "pdmr-classic/validation/", "the validation")
    with ConsoleReporter(quiet=as_json) as reporter:
        fitted = DepressionModel.load(model, trust=trust, reporter=reporter)
        # The label table of another data set has other columns than that of the training set.
        names = [name.rpartition(".")[2] for name in _LABEL_SETTINGS]
        own = DataSettings().model_dump(include={*names, "weights", "classes", "target", "score_column"})
        settings = fitted.settings.model_copy(update={"data": fitted.settings.data.model_copy(update=own)})
        fitted.settings = settings.override(changes)
        dataset = load_data(data, split="test", labels=labels, settings=fitted.settings.data)
        validation = validate_model(
            fitted,
            dataset,
            widths={"observed_expected": oe_width, "calibration_slope": slope_width, "auc": auc_width},
            train=load_sibling_train(dataset, reporter),
            allow_overlap=allow_overlap,
            allow_mismatch=allow_mismatch,
            skip_bad=skip_bad,
            jobs=n_jobs(jobs),
            cache=cache_folder(no_cache),
            reporter=reporter,
        )
        if out is not None:
            write_text_atomic(out, to_json(validation, indent=1) + "\n")
            validation["out"] = str(out)
    show(validation, as_json, validation_tables)
