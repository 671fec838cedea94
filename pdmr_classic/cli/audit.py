"""`pdmr-classic audit`: what recordings and a model reveal about people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pdmr_classic.cli._console import ConsoleReporter, handle_errors, show
from pdmr_classic.cli._options import (
    FIT_SETTINGS,
    AsJson,
    Data,
    Debug,
    Jobs,
    Labels,
    NoCache,
    Trust,
    cache_folder,
    n_jobs,
)
from pdmr_classic.cli._with_settings import with_settings

if TYPE_CHECKING:
    from pdmr_classic.config import Settings
    from pdmr_classic.io.dataset import Dataset
    from pdmr_classic.models.model import DepressionModel


@handle_errors
@with_settings(*FIT_SETTINGS)
def audit(
    data: Data = Path(),
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Model to attack, on people that it was not trained on (default: train models on parts of DATA).",
            show_default=False,
        ),
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="With --model: the recordings that it was trained on (default: train/ in DATA).",
            show_default=False,
        ),
    ] = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of the label table to infer from the features; can be given several times (default: gender or "
            "sex, if there is one).",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the result to this JSON file.", show_default=False)
    ] = None,
    labels: Labels = None,
    trust: Trust = False,
    *,
    settings: Settings,
    jobs: Jobs = None,
    no_cache: NoCache = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Attack recordings and a model: who is recognised, and what else is revealed (training recordings, attributes).

    Without --model, uses train/ if DATA has one, and trains models with one trial of two learners unless set. With it,
    uses test/, and reads files as in training.

    Example: pdmr-classic audit DATA --model models/mine.joblib --attribute gender --out audit.json
    """
    from pdmr_classic.evaluation.identity.audit import audit as audit_data
    from pdmr_classic.evaluation.identity.audit import refuse_events
    from pdmr_classic.io.dataset import load_dataset
    from pdmr_classic.reporting.audit_tables import audit_tables
    from pdmr_classic.storage.atomic import check_writable, refuse_foreign_file, write_text_atomic
    from pdmr_classic.text import to_json

    if out is not None:
        check_writable(out)
        refuse_foreign_file(out, "pdmr-classic/audit/", "the audit")
    with ConsoleReporter(quiet=as_json) as reporter:
        fitted = None if model is None else _load_model(model, settings, trust=trust, reporter=reporter)
        refuse_events(settings.data, *([] if fitted is None else [fitted.settings.data]))
        if fitted is None:
            _refuse_train(train)
            dataset, training = load_dataset(data, split="train", labels=labels, settings=settings.data), None
        else:
            dataset = load_dataset(data, split="test", labels=labels, settings=fitted.settings.data)
            training = _load_train(data, train, fitted)
        result = audit_data(
            dataset,
            model=fitted,
            train=training,
            attributes=attribute or (),
            settings=settings,
            jobs=n_jobs(jobs),
            cache=cache_folder(no_cache),
            reporter=reporter,
        )
        if out is not None:
            write_text_atomic(out, to_json(result, indent=1) + "\n")
            result["out"] = str(out)
    show(result, as_json, audit_tables)


def _load_model(path: Path, settings: Settings, *, trust: bool, reporter: ConsoleReporter) -> DepressionModel:
    """Return a model that reads files as in training, and label tables by the given options."""
    from pdmr_classic.config import LearningSettings
    from pdmr_classic.errors import ConfigError
    from pdmr_classic.models.model import DepressionModel

    seed = settings.learning.seed
    if settings.learning != LearningSettings(seed=seed):
        raise ConfigError(
            "options of learning have no effect on a model that is trained",
            expected="--model, or options of learning",
            hint="drop --model to attack models that are trained with these options",
        )
    fitted = DepressionModel.load(path, trust=trust, reporter=reporter)
    names = {"id_column", "label_column", "map", "cutoff", "groups"}
    own = {name: value for name, value in settings.data.model_dump(include=names).items() if value is not None}
    changed = fitted.settings.data.model_copy(update={"groups": None, **own})
    fitted.settings = fitted.settings.model_copy(update={"data": changed})
    return fitted


def _load_train(data: Path, train: Path | None, fitted: DepressionModel) -> Dataset | None:
    """Return the recordings that the model was trained on: those of the option, or train/ in the data folder."""
    from pdmr_classic.io.dataset import load_dataset
    from pdmr_classic.io.layouts.recordings import is_folder

    folder = train or (data if is_folder(data / "train") and is_folder(data / "test") else None)
    return None if folder is None else load_dataset(folder, split="train", settings=fitted.settings.data)


def _refuse_train(train: Path | None) -> None:
    from pdmr_classic.errors import ConfigError

    if train is not None:
        raise ConfigError("--train has no effect without --model", hint="add --model, or remove --train")
