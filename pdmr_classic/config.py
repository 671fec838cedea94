"""All settings with their defaults, read from a TOML file or from the manifest of an earlier fit.

Command-line options override a settings file, and the file overrides the defaults. The effective settings are
written to the manifest of the model.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pdmr_classic.errors import ConfigError

_OLD_DEFAULT_FPS = 30.0
STATUS, BOTH = "status", "both"
"""Targets other than a column of scores: the class, and class and score."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def __setstate__(self, state: dict[Any, Any]) -> None:
        """Restore pickled settings; those that did not exist at the time have their defaults."""
        super().__setstate__(state)
        for name, field in type(self).model_fields.items():
            self.__dict__.setdefault(name, field.get_default(call_default_factory=True))


LayoutName = Literal["auto", "pdmr", "flat", "daic-woz", "e-daic", "mpdd"]


class DataSettings(_Section):
    """Files, label columns, subjects, classes and sample weights."""

    layout: LayoutName = Field("auto", description="arrangement of the files of a data set")
    video_pattern: str | None = Field(
        None, description="path of a video file below the data folder, with {id} and optionally {subject}, {session}"
    )
    audio_pattern: str | None = Field(None, description="path of an audio file below the data folder, in the same form")
    id_column: str | None = Field(None, description="label column with the data_id; default: data_id or a known name")
    label_column: str | None = Field(None, description="label column with the class; default: status or a known name")
    map: str | None = Field(None, description="new names of the labels, such as '0=Normal,1=Depression'")
    cutoff: str | None = Field(
        None, description="column and cut-off that make two classes from a score, such as 'PHQ8_Score>=10'"
    )
    groups: str | None = Field(
        None, description="subjects: a label column, a table, 're:…' or infer; default: subject_id"
    )
    positive: str | None = Field(None, description="positive class for F1; default: Depression if it exists")
    classes: tuple[str, ...] | None = Field(None, description="allowed labels; default: all labels in the table")
    weights: str | None = Field(None, description="label column with the training weight of each recording")
    views: tuple[str, ...] = Field(
        (), description="folders of further views, as NAME=FOLDER; folders beside video/ and audio/ are found"
    )
    covariates: tuple[str, ...] = Field((), description="label columns, such as age, that form a view of their own")
    events: str | None = Field(
        None, description="events of a person: a label column, or 're:…' with two groups (person, event)"
    )
    baseline: str | None = Field(
        None,
        description="label column with marks of baseline recordings, or with sessions of which the first is the "
        "baseline; or none; default with suppress_identity: baseline, session or visit",
    )
    target: str = Field(
        "status", min_length=1, description="what is learned: status (the class), a label column of scores, or both"
    )
    score_column: str | None = Field(
        None, description="label column with the score for target = 'both'; default: severity or a known name"
    )

    @property
    def learns_status(self) -> bool:
        """Whether the class in the label table is learned: with the targets `status` and `both`."""
        return self.target in (STATUS, BOTH)

    @property
    def learns_score(self) -> bool:
        """Whether a score in the label table is learned: with any target but `status`."""
        return self.target != STATUS

    @field_validator("target", mode="before")
    @classmethod
    def _fold_target(cls, name: object) -> object:
        text = name.strip() if isinstance(name, str) else name
        return text.casefold() if isinstance(text, str) and text.casefold() in (STATUS, BOTH) else text

    @field_validator("layout", mode="before")
    @classmethod
    def _fold_layout(cls, name: object) -> object:
        return name.strip().casefold().replace("_", "-") if isinstance(name, str) else name


class ReadingSettings(_Section):
    """Trackers, units, timestamps and valid frames of video streams."""

    tracker: str | None = Field(None, description="program that wrote the files; default: recognised from the columns")
    face: int | None = Field(None, description="face id to read; default: the face that is present longest")
    angle_unit: Literal["radians", "degrees"] | None = Field(
        None, description="unit of angles; default: of the tracker"
    )
    au_maximum: float | None = Field(
        None, gt=0, description="upper end of the AU intensity scale; default: of the tracker"
    )
    time_unit: Literal["s", "ms"] | None = Field(None, description="unit of timestamps; default: of the tracker")
    resting_face: bool = Field(False, description="subtract each recording's own resting level from AU intensities")
    fps: float | None = Field(
        None, gt=0, description="frame rate in Hz instead of the timestamps; default: from the timestamps, otherwise 30"
    )
    min_confidence: float = Field(0.7, ge=0, le=1, description="frames with a lower tracking confidence are invalid")
    frozen_s: float = Field(1.0, gt=0, description="frames of a face that is frozen for this many seconds are invalid")
    landmarks: bool = Field(True, description="read 2-D landmarks if available (a third of the reading time)")

    def __setstate__(self, state: dict[Any, Any]) -> None:
        """Restore pickled settings, without the old default of `fps`, see `Settings.from_manifest`."""
        is_old = "tracker" not in state["__dict__"]
        super().__setstate__(state)
        if is_old and self.fps == _OLD_DEFAULT_FPS:
            self.__dict__["fps"] = None


class FeatureSettings(_Section):
    """Feature families to compute."""

    families: tuple[str, ...] | None = Field(
        None, description="family names as listed by `features`; default: the families marked as default there"
    )
    chunk_frames: int | None = Field(
        None, ge=2, description="also compute features of chunks of this many frames (for example 5000)"
    )


Metric = Literal["f1", "macro_f1", "balanced_accuracy", "logloss"]


class LearningSettings(_Section):
    """Tuning and training of the ensemble."""

    learners: tuple[str, ...] = Field(
        ("lightgbm", "xgboost", "svm", "linear", "extra_trees"), min_length=1, description="base learners for each view"
    )
    training_rows: bool = Field(True, description="allow learners that store rows of the training data (svm)")
    trials: int = Field(12, ge=1, description="Optuna trials per tuned base learner; extra trees are not tuned")
    timeout: float | None = Field(None, gt=0, description="seconds after which no new trial is started")
    folds: int = Field(5, ge=2, description="inner folds, for tuning and for training the meta-learner")
    repeats: int = Field(2, ge=1, description="repeats of the inner folds for tuning, and again for the meta-learner")
    max_rows: int = Field(5000, ge=50, description="recordings above which only boosting learns from all of them")
    metric: Metric = Field("f1", description="metric that the decision threshold is tuned for")
    threshold: float | None = Field(None, ge=0, le=1, description="fixed decision threshold; default: tuned")
    seed: int = Field(
        0,
        ge=0,
        lt=2**32,
        description="random seed; results are identical on one machine type with one set of library versions",
    )
    importance: bool = Field(True, description="compute the permutation importance of each feature family")
    experts: str | None = Field(
        None, description="label column of conditions, such as interviewer or site, each of which has its own expert"
    )
    lite: bool = Field(False, description="a small and fast model without rows of training data")
    suppress_identity: bool = Field(
        False,
        description="remove what distinguishes subjects of the same class, as far as the study of a learner wants",
    )
    join_views: bool = Field(
        False, description="add canonical variates of views, and weigh the views of each recording, where that helps"
    )


class SeveritySettings(_Section):
    """Scale, learners and intervals of a score, with a target other than `status`."""

    scale: str | None = Field(
        None, description="phq8, phq9, bdi2, hamd17 or MIN:MAX; default: from the column's name, or the range of scores"
    )
    cutoffs: tuple[float, ...] | None = Field(
        None, description="lowest score of each class but the first; default: the published ones of the scale"
    )
    class_names: tuple[str, ...] | None = Field(
        None, description="names of the classes from the lowest to the highest, one more than cutoffs"
    )
    clinical_cutoff: float | None = Field(
        None, description="lowest score of the class Depression; default: the published one of the scale"
    )
    learners: tuple[str, ...] = Field(
        (
            *("lightgbm_regressor", "lightgbm_median", "xgboost_regressor", "svr", "ridge", "ordinal"),
            "extra_trees_regressor",
        ),
        min_length=1,
        description="base learners of the score for each view",
    )
    shrinkage: float = Field(
        0.5,
        ge=0,
        le=1,
        description="how far predictions are pulled to the mean: 0 restores the spread of the training scores (best "
        "concordance), 1 minimises the squared error",
    )
    level: float = Field(0.9, gt=0, lt=1, description="coverage of prediction intervals and label sets")


class EvaluationSettings(_Section):
    """Nested cross-validation: outer folds, subgroups and stress tests."""

    folds: int = Field(5, ge=2, description="outer folds; fewer if the rarest class has fewer subjects")
    repeats: int = Field(3, ge=1, description="repeats of the outer folds, each with a new split of the subjects")
    by: tuple[str, ...] = Field((), description="label columns that define subgroups for separate scores")
    prevalence: float | Literal["estimate"] | None = Field(
        None,
        description="also score predictions corrected to this prevalence of the positive class, or estimate",
    )
    leave: str | None = Field(
        None,
        description="label column, such as site or session, of which each value is held out instead of folds",
    )
    stress: bool = Field(True, description="run stress tests: also predict degraded held-out recordings")
    confounds: bool = Field(False, description="confound audit: what recording conditions predict, and repair")
    nuisance: tuple[str, ...] = Field((), description="label columns that the confound audit takes for conditions")

    estimators: tuple[str, ...] = Field(
        (),
        description="scikit-learn classifiers to score beside the model, as module:factory or NAME=module:factory",
    )

    @field_validator("prevalence", mode="before")
    @classmethod
    def _parse_prevalence(cls, value: object) -> object:
        if value is None or value == "estimate":
            return value
        try:
            share = float(str(value))
        except ValueError:
            share = 0.0
        if not 0 < share < 1:
            raise ValueError("a number between 0 and 1, or 'estimate'")
        return share


class PluginSettings(_Section):
    """Python modules with your own feature families and learners."""

    modules: tuple[str, ...] = Field(
        (), description="modules that call register_family or register_learner, imported before the work starts"
    )


@dataclass(frozen=True)
class LabelColumns:
    """What features are made from in the label table; a class or a score never is.

    Attributes
    ----------
    required : tuple of str
        Columns that the user named.
    optional : tuple of str
        Columns that are used if there are any.
    needs_subjects : bool
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    needs_subjects: bool = False

    def __bool__(self) -> bool:
        return bool(self.required or self.optional or self.needs_subjects)


class Settings(_Section):
    """All settings of one run.

    Examples
    --------
    >>> Settings().learning.folds
    5
    >>> Settings().override({"learning.trials": 3, "data.positive": None}).learning.trials
    3
    """

    data: DataSettings = DataSettings()
    reading: ReadingSettings = ReadingSettings()
    features: FeatureSettings = FeatureSettings()
    learning: LearningSettings = LearningSettings()
    severity: SeveritySettings = SeveritySettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    plugins: PluginSettings = PluginSettings()

    @property
    def label_columns(self) -> LabelColumns:
        """What features need from the label table, also of recordings to predict."""
        events, baseline, suppress = self.data.events, self.data.baseline, self.learning.suppress_identity
        event_columns = [] if events is None or events.startswith("re:") else [events]
        baseline_columns = [baseline] if suppress and baseline is not None else []
        return LabelColumns(
            tuple(dict.fromkeys((*self.data.covariates, *event_columns, *baseline_columns))),
            ("baseline", "session") if suppress and baseline is None else (),
            needs_subjects=suppress or bool(event_columns),
        )

    @classmethod
    def load(cls, path: str | Path, *, allowed_code: Collection[str] = ()) -> Self:
        """Read settings from a TOML file or from the JSON manifest of a model.

        Parameters
        ----------
        path : path-like
        allowed_code : collection of str
            Plugins and estimators that a manifest may name: they are code, and a manifest may come from anyone.

        Raises
        ------
        ConfigError
            The file is missing, cannot be parsed, contains an unknown or invalid setting, or is a manifest that names
            code which is not allowed.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8-sig")
            raw = json.loads(text)["settings"] if path.suffix == ".json" else tomllib.loads(text)
        except OSError as error:
            raise ConfigError("the settings file cannot be read", file=path, found=error.strerror) from None
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConfigError(
                "the settings file cannot be parsed",
                file=path,
                expected=f"TOML with the sections {', '.join(cls.model_fields)}; or the .json manifest of a model",
                found=str(error),
            ) from None
        if path.suffix != ".json":
            return cls._validate(raw, file=path)
        settings = cls.from_manifest(raw, file=path)
        named = (*settings.plugins.modules, *settings.evaluation.estimators)
        if unexpected := [name for name in named if name not in allowed_code]:
            raise ConfigError(
                "the settings in the manifest name code of your own, which would be run",
                file=path,
                expected="the same names on the command line, as a sign that you trust this code",
                found=", ".join(unexpected),
                hint="pass each with --plugin or --estimator",
            )
        return settings

    @classmethod
    def from_manifest(cls, raw: Any, file: Path | None = None) -> Self:
        """Return settings that a model stores.

        In older models, `fps` is the frame rate of streams without timestamps, by default 30; now it replaces the
        timestamps. Such a default is dropped.

        Raises
        ------
        ConfigError
            A setting is unknown or not valid.
        """
        reading = raw.get("reading") if isinstance(raw, dict) else None
        if isinstance(reading, dict) and "tracker" not in reading and reading.get("fps") == _OLD_DEFAULT_FPS:
            raw = raw | {"reading": {name: value for name, value in reading.items() if name != "fps"}}
        return cls._validate(raw, file=file)

    def override(self, changes: dict[str, Any]) -> Self:
        """Return a copy with the values of dotted names replaced; None keeps the current value."""
        raw = self.model_dump()
        for name, value in changes.items():
            if value is not None:
                section, _, key = name.partition(".")
                raw.setdefault(section, {})[key] = value
        return self._validate(raw)

    @classmethod
    def _validate(cls, raw: Any, file: Path | None = None) -> Self:
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            raise _invalid_setting_error(error, file) from None


def _invalid_setting_error(error: ValidationError, file: Path | None) -> ConfigError:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        section = Settings.model_fields.get(str(first["loc"][0]))
        model = section.annotation if len(first["loc"]) > 1 and section is not None else Settings
        names = ", ".join(getattr(model, "model_fields", {}))
        return ConfigError("unknown setting", file=file, expected=names, found=name, hint="correct the name")
    expected = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return ConfigError(
        f"the setting {name} is not valid",
        file=file,
        expected=expected,
        found=repr(first["input"]),
        hint="correct the value",
    )
