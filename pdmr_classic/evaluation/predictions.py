"""Out-of-fold predictions as arrays, from which scores, intervals and comparisons are computed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.errors import DataError
from pdmr_classic.evaluation.held_out_rows import HeldOutRows
from pdmr_classic.io.results import PROBABILITY_PREFIX

SCHEMA = "pdmr-classic/evaluation/6"
# Version 4 had no severities; version 5 had no flow, confusion matrix or scores of folds.
_READABLE = (SCHEMA, "pdmr-classic/evaluation/5", "pdmr-classic/evaluation/4")
CLASSES = "predictions"
"""Key of the predicted classes in an evaluation; without a target `status`, there are none."""


@dataclass(frozen=True, eq=False)
class Predictions(HeldOutRows):
    """Predicted classes of the rows.

    Attributes
    ----------
    recording, subject, repeat, fold, is_one_way
        See `HeldOutRows`.
    truth, predicted : ndarray of int, shape [n]
        Indices into `classes`.
    probability : ndarray of float64, shape [n, K]
    classes : tuple of str, length K
    positive : str or None
        The positive class of F1; None with more than two classes.
    """

    truth: Ints
    predicted: Ints
    probability: Floats
    classes: tuple[str, ...]
    positive: str | None

    @property
    def positive_index(self) -> int | None:
        """Index of the positive class."""
        return None if self.positive is None else self.classes.index(self.positive)

    @property
    def auc_classes(self) -> list[int]:
        """Indices of the classes whose one-vs-rest AUC is computed: the positive class, or all of several."""
        return list(range(len(self.classes))) if self.positive_index is None else [self.positive_index]

    def to_records(self) -> list[dict[str, Any]]:
        """Return one JSON object per row."""
        return [self._make_record(row) for row in range(len(self))]

    def _make_record(self, row: int) -> dict[str, Any]:
        p = self.probability[row].tolist()
        probability = (
            {"probabilities": dict(zip(self.classes, p, strict=True))}
            if self.positive_index is None
            else {"probability": p[self.positive_index]}
        )
        return {
            "recording": str(self.recording[row]),
            "subject": int(self.subject[row]),
            "repeat": int(self.repeat[row]),
            "fold": int(self.fold[row]),
            "status": self.classes[self.truth[row]],
            "predicted": self.classes[self.predicted[row]],
            **probability,
        }


def probability_matrix(answers: pd.DataFrame, classes: Sequence[str], positive: str | None) -> Floats:
    """Return the probabilities of all classes, shape [n, K], from those that `DepressionModel` predicts."""
    if positive is None:
        return answers[[f"{PROBABILITY_PREFIX}{label}" for label in classes]].to_numpy(dtype=np.float64)
    p = answers["probability"].to_numpy(dtype=np.float64)
    return np.column_stack([p if label == positive else 1 - p for label in classes])


def make_pseudonyms(status: pd.Series, groups: pd.Series) -> dict[str, str]:
    """Return a pseudonym (salted hash) for each recording, because a `data_id` often contains the subject.

    The salt is derived from all ids, labels and subjects. Evaluations of the same data can therefore be paired, and
    anyone who has the label table can look up a recording; without the table, a guessed id cannot be verified.

    Parameters
    ----------
    status, groups : Series of str, length n
        Label and subject of each evaluated recording, indexed by `data_id`.
    """
    salt = hashlib.blake2b(digest_size=32)
    for column in (status.index, status, groups):
        salt.update("\0".join([*map(str, column), ""]).encode())
    key = salt.digest()
    return {str(name): hashlib.blake2b(str(name).encode(), key=key, digest_size=8).hexdigest() for name in status.index}


def check_schema(evaluation: Mapping[str, Any]) -> None:
    """Raise if this is not an evaluation that this version can read.

    Raises
    ------
    DataError
    """
    if not isinstance(evaluation, Mapping) or evaluation.get("schema") not in _READABLE:
        found = repr(evaluation.get("schema")) if isinstance(evaluation, Mapping) else type(evaluation).__name__
        raise DataError(
            "the file is not an evaluation, or was written by another version",
            code="not-an-evaluation",
            expected=f"JSON with the schema {SCHEMA!r}",
            found=found,
            hint="run evaluate again with this version",
        )


def read_predictions(evaluation: Mapping[str, Any]) -> Predictions:
    """Return the out-of-fold predictions stored in an evaluation.

    Raises
    ------
    DataError
        It is not an evaluation with this schema, or its predictions are corrupt.
    """
    check_schema(evaluation)
    try:
        classes, positive = tuple(evaluation["data"]["classes"]), evaluation["positive"]
        predictions = _parse_records(evaluation[CLASSES], classes, positive)
        return replace(predictions, is_one_way=bool(evaluation.get("outer_folds", {}).get("is_one_way")))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            "the predictions in the evaluation are corrupt",
            code="bad-evaluation",
            expected="predictions as written by evaluate",
            found=f"{type(error).__name__}: {error}",
            hint="run evaluate again",
        ) from None


def _parse_records(records: list[dict[str, Any]], classes: tuple[str, ...], positive: str | None) -> Predictions:
    def read_numbers(name: str) -> Ints:
        return np.array([int(record[name]) for record in records], dtype=np.intp)

    def read_classes(name: str) -> Ints:
        return np.array([classes.index(record[name]) for record in records], dtype=np.intp)

    if not records:
        raise ValueError("the list of predictions is empty")
    return Predictions(
        recording=np.array([str(record["recording"]) for record in records], dtype=object),
        subject=read_numbers("subject"),
        repeat=read_numbers("repeat"),
        fold=read_numbers("fold"),
        truth=read_classes("status"),
        predicted=read_classes("predicted"),
        probability=np.array(
            [
                parse_probabilities(record["probabilities" if positive is None else "probability"], classes, positive)
                for record in records
            ],
            dtype=np.float64,
        ),
        classes=classes,
        positive=positive,
    )


def parse_probabilities(value: Any, classes: tuple[str, ...], positive: str | None) -> list[float]:
    """Return the probability of each class, from that of the positive class or from a list or dict of all classes."""
    if positive is None:
        return [float(value[label if isinstance(value, Mapping) else k]) for k, label in enumerate(classes)]
    return [float(value) if label == positive else 1 - float(value) for label in classes]
