"""Out-of-fold predictions of severity as arrays, from which scores, intervals and comparisons are computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats, Ints, finite_or_none
from pdmr_classic.errors import DataError
from pdmr_classic.evaluation.held_out_rows import HeldOutRows
from pdmr_classic.io.labels.scales import Scale

MODEL, SEVERITY = "model", "severity"


@dataclass(frozen=True, eq=False)
class SeverityPredictions(HeldOutRows):
    """Predicted severities of the rows.

    Attributes
    ----------
    recording, subject, repeat, fold, is_one_way
        See `HeldOutRows`.
    truth, predicted : ndarray of float64, shape [n]
        True score and predicted severity; finite.
    low, high : ndarray of float64, shape [n]
        Limits of the predictive interval, within the scale; NaN if the system has none.
    scale : Scale
    """

    truth: Floats
    predicted: Floats
    low: Floats
    high: Floats
    scale: Scale

    @property
    def true_classes(self) -> Ints:
        """Severity class of each true score, shape [n]."""
        return self.scale.class_codes(self.truth)

    @property
    def predicted_classes(self) -> Ints:
        """Severity class of each predicted severity, shape [n]."""
        return self.scale.class_codes(self.predicted)

    def to_records(self) -> list[dict[str, Any]]:
        """Return one JSON object per row."""
        return [self._make_record(row) for row in range(len(self))]

    def _make_record(self, row: int) -> dict[str, Any]:
        return {
            "recording": str(self.recording[row]),
            "subject": int(self.subject[row]),
            "repeat": int(self.repeat[row]),
            "fold": int(self.fold[row]),
            "score": float(self.truth[row]),
            "severity": float(self.predicted[row]),
            "low": finite_or_none(self.low[row]),
            "high": finite_or_none(self.high[row]),
        }


def read_severity_systems(evaluation: Mapping[str, Any]) -> dict[str, SeverityPredictions]:
    """Return the out-of-fold severities of the model ("model") and of every other stored system.

    Parameters
    ----------
    evaluation : dict
        As returned by `evaluate`, with a part `severity`.

    Raises
    ------
    DataError
        The stored predictions are corrupt.
    """
    try:
        part = evaluation[SEVERITY]
        model = _parse_records(part["predictions"], Scale.from_dict(part["scale"]))
        model = replace(model, is_one_way=bool(evaluation["outer_folds"]["is_one_way"]))
        return {MODEL: model, **{str(name): _read_system(model, other) for name, other in part["systems"].items()}}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            "the severities in the evaluation are corrupt",
            code="bad-evaluation",
            expected="severities as written by evaluate",
            found=f"{type(error).__name__}: {error}",
            hint="run evaluate again",
        ) from None


def _parse_records(records: list[dict[str, Any]], scale: Scale) -> SeverityPredictions:
    def read(name: str, kind: Any) -> Any:
        return np.array([np.nan if record[name] is None else record[name] for record in records], dtype=kind)

    if not records:
        raise ValueError("the list of severities is empty")
    predictions = SeverityPredictions(
        recording=np.array([str(record["recording"]) for record in records], dtype=object),
        subject=read("subject", np.intp),
        repeat=read("repeat", np.intp),
        fold=read("fold", np.intp),
        truth=read("score", np.float64),
        predicted=read("severity", np.float64),
        low=read("low", np.float64),
        high=read("high", np.float64),
        scale=scale,
    )
    if not (np.isfinite(predictions.truth).all() and np.isfinite(predictions.predicted).all()):
        raise ValueError("a score or severity is not a finite number")
    return predictions


def store_severity_systems(
    model: SeverityPredictions, systems: Mapping[str, SeverityPredictions]
) -> dict[str, list[float | None]]:
    """Return the severities that other systems predict for the rows of the model, null where they predict none.

    Parameters
    ----------
    model : SeverityPredictions
        In the order of its records.
    systems : mapping of str to SeverityPredictions
        With the same names of recordings.
    """
    stored = {}
    for name, system in systems.items():
        rows = system.row_keys.get_indexer(model.row_keys)
        stored[name] = [None if row < 0 else float(system.predicted[row]) for row in rows]
    return stored


def _read_system(model: SeverityPredictions, values: list[float | None]) -> SeverityPredictions:
    if len(values) != len(model):
        raise ValueError("a system has another number of rows than the model")
    predicted = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    unknown = np.full(len(model), np.nan)
    rows = np.flatnonzero(np.isfinite(predicted))
    return replace(model, predicted=predicted, low=unknown, high=unknown).subset(rows)
