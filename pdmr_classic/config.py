"""One settings model, read from TOML or from the manifest of an earlier fit.

Every number that changes a result stands here once, with its default. Options of the command line override a
file, a file overrides the defaults, and what was in force at last is written into the model's manifest.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pdmr_classic.errors import ConfigError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSettings(_Section):
    """What the labels mean and who belongs together."""

    groups: str | None = Field(None, description="column of the labels, table, 're:…' or infer; default subject_id")
    positive: str | None = Field(None, description="the class that F1 is about; default Depression where it exists")
    classes: tuple[str, ...] | None = Field(None, description="the labels that are allowed; default: those found")
    weights: str | None = Field(None, description="column of the labels: how much each recording counts in training")


class ReadingSettings(_Section):
    """How a stream becomes frames in time, and which of them count."""

    fps: float = Field(30.0, gt=0, description="frame rate in Hz of streams without timestamps")
    min_confidence: float = Field(0.7, ge=0, le=1, description="frames below are invalid")
    frozen_s: float = Field(1.0, gt=0, description="a face that does not move at all for this long is no measurement")
    landmarks: bool = Field(True, description="read the 2-D landmarks where there are any: a third of the time")


class FeatureSettings(_Section):
    """Which families are computed."""

    families: tuple[str, ...] | None = Field(
        None, description="names as listed by `features`; default: those marked so"
    )
    chunk_frames: int | None = Field(None, ge=2, description="also summarise chunks of this many frames (such as 5000)")


Metric = Literal["f1", "macro_f1", "balanced_accuracy", "logloss"]


class LearningSettings(_Section):
    """How the ensemble is tuned and trained."""

    learners: tuple[str, ...] = Field(
        ("lightgbm", "xgboost", "svm", "linear"), min_length=1, description="base learners of each view"
    )
    training_rows: bool = Field(True, description="use learners that keep rows of their training data: the svm")
    trials: int = Field(12, ge=1, description="Optuna trials of each base learner")
    timeout: float | None = Field(None, gt=0, description="seconds after which no new trial starts")
    folds: int = Field(5, ge=2, description="inner folds, on which trials are judged and the stack is trained")
    repeats: int = Field(2, ge=1, description="how often the training subjects are divided into inner folds anew")
    metric: Metric = Field("f1", description="what the threshold is chosen for")
    threshold: float | None = Field(None, ge=0, le=1, description="of the positive class, instead of a chosen one")
    seed: int = Field(0, ge=0, lt=2**32, description="same seed, same data: same results")
    importance: bool = Field(True, description="ask which families of features the model relies on")


class EvaluationSettings(_Section):
    """How well a model does on new people: what is held out, and which scores are reported."""

    folds: int = Field(5, ge=2, description="outer folds; fewer where the rarest class has fewer subjects")
    repeats: int = Field(3, ge=1, description="how often the subjects are divided into folds anew")
    by: tuple[str, ...] = Field((), description="label columns, for scores by subgroup")
    stress: bool = Field(True, description="also predict held-out recordings that were made worse")


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
    evaluation: EvaluationSettings = EvaluationSettings()

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read settings from a TOML file, or from a model's JSON manifest.

        Raises
        ------
        ConfigError
            The file is missing, cannot be parsed, or holds an unknown or impossible setting.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8-sig")
            raw = _settings_of_manifest(text) if path.suffix == ".json" else tomllib.loads(text)
        except OSError as error:
            raise ConfigError("the settings file cannot be read", file=path, found=error.strerror) from None
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConfigError(
                "the settings file cannot be parsed",
                file=path,
                expected=f"TOML with the sections {', '.join(cls.model_fields)}; or a model's .json manifest",
                found=str(error),
            ) from None
        return cls._validated(raw, where=path)

    def override(self, changes: dict[str, Any]) -> Self:
        """Return a copy with some values replaced, by dotted name; None leaves a value as it is."""
        raw = self.model_dump()
        for name, value in changes.items():
            if value is not None:
                section, _, key = name.partition(".")
                raw.setdefault(section, {})[key] = value
        return self._validated(raw)

    @classmethod
    def _validated(cls, raw: Any, where: Path | None = None) -> Self:
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            raise _wrong_setting(error, where) from None


def _wrong_setting(error: ValidationError, where: Path | None) -> ConfigError:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        section = Settings.model_fields.get(str(first["loc"][0]))
        known = section.annotation if len(first["loc"]) > 1 and section is not None else Settings
        names = ", ".join(getattr(known, "model_fields", {}))
        return ConfigError("there is no such setting", file=where, expected=names, found=name, hint="correct the name")
    expected = first["msg"].removeprefix("Input should be ")
    return ConfigError(
        f"the setting {name} is wrong", file=where, expected=expected, found=repr(first["input"]), hint="correct it"
    )


def _settings_of_manifest(text: str) -> Any:
    return json.loads(text)["settings"]
