"""Out-of-fold predictions as arrays: what every score, interval and comparison is computed from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.errors import DataError

SCHEMA = "pdmr-classic/evaluation/2"


@dataclass(frozen=True, eq=False)
class Predictions:
    """One row a recording and repeat, from a model that has not seen the recording's subject.

    Attributes
    ----------
    recording : ndarray of str, shape [n]
        The `data_id`; a pseudonym where `nameless` made one.
    subject : ndarray of int, shape [n]
        Opaque numbers.
    repeat, fold : ndarray of int, shape [n]
        Folds are numbered anew in every repeat.
    truth, predicted : ndarray of int, shape [n]
        Places in `classes`.
    probability : ndarray of float64, shape [n, K]
    classes : tuple of str, length K
    positive : str or None
        The class that F1 is about; None with more than two classes.
    """

    recording: NDArray[Any]
    subject: Ints
    repeat: Ints
    fold: Ints
    truth: Ints
    predicted: Ints
    probability: Floats
    classes: tuple[str, ...]
    positive: str | None

    def __len__(self) -> int:
        return len(self.recording)

    @property
    def place(self) -> int | None:
        """Place of the positive class."""
        return None if self.positive is None else self.classes.index(self.positive)

    @property
    def asked(self) -> list[int]:
        """Places of the classes that are told from the rest: the positive one, or each of several."""
        return list(range(len(self.classes))) if self.place is None else [self.place]

    def subset(self, rows: NDArray[Any]) -> Predictions:
        """Return some rows, by a mask or by their places."""
        kept = {field.name: getattr(self, field.name)[rows] for field in fields(self)[:7]}
        return replace(self, **kept)

    def of_repeats(self) -> Iterator[Ints]:
        """Yield the places of each repeat's rows."""
        return (np.flatnonzero(self.repeat == number) for number in np.unique(self.repeat))

    def of_folds(self, rows: Ints) -> Iterator[Ints]:
        """Yield the places of each fold's rows among those of one repeat."""
        return (rows[self.fold[rows] == number] for number in np.unique(self.fold[rows]))

    def nameless(self, names: Mapping[str, str]) -> Predictions:
        """Return the same under pseudonyms, subjects numbered in the order of these."""
        recording = np.array([names[str(name)] for name in self.recording], dtype=object)
        order = np.argsort(recording.astype(str), kind="stable")
        subject = np.empty_like(self.subject)
        subject[order] = pd.factorize(self.subject[order])[0]
        return replace(self, recording=recording, subject=subject)

    def as_records(self) -> list[dict[str, Any]]:
        """Return one JSON object a row, sorted by repeat, fold and recording."""
        order = np.lexsort((self.recording.astype(str), self.fold, self.repeat))
        return [self._record(row) for row in order]

    def _record(self, row: int) -> dict[str, Any]:
        p = self.probability[row].tolist()
        probability = (
            {"probabilities": dict(zip(self.classes, p, strict=True))}
            if self.place is None
            else {"probability": p[self.place]}
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


def make_pseudonyms(status: pd.Series, groups: pd.Series) -> dict[str, str]:
    """Return what stands in an evaluation for each recording: salted hashes, as ids often hold those of subjects.

    The salt is made of all ids, labels and subjects, so that two evaluations of the same data can be paired, and
    whoever has the data can look a recording up. Without the table of labels, no guessed id can be checked.

    Parameters
    ----------
    status, groups : Series of str, length n
        Index `data_id`: label and subject of every recording that was evaluated.
    """
    salt = hashlib.blake2b(digest_size=32)
    for column in (status.index, status, groups):
        salt.update("\0".join([*map(str, column), ""]).encode())
    key = salt.digest()
    return {str(name): hashlib.blake2b(str(name).encode(), key=key, digest_size=8).hexdigest() for name in status.index}


def read_predictions(evaluation: Mapping[str, Any]) -> Predictions:
    """Return the out-of-fold predictions that stand in an evaluation.

    Raises
    ------
    DataError
        It is no evaluation of this schema, or its predictions are damaged.
    """
    if not isinstance(evaluation, Mapping) or evaluation.get("schema") != SCHEMA:
        found = repr(evaluation.get("schema")) if isinstance(evaluation, Mapping) else type(evaluation).__name__
        raise DataError(
            "this is no evaluation", code="no-evaluation", expected=f"JSON with the schema {SCHEMA!r}", found=found
        )
    try:
        return _from_records(evaluation["predictions"], tuple(evaluation["data"]["classes"]), evaluation["positive"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            "the evaluation's predictions are damaged",
            code="bad-evaluation",
            expected="as `evaluate` wrote them",
            found=f"{type(error).__name__}: {error}",
        ) from None


def _from_records(records: list[dict[str, Any]], classes: tuple[str, ...], positive: str | None) -> Predictions:
    def numbers(name: str) -> Ints:
        return np.array([int(record[name]) for record in records], dtype=np.intp)

    def places(name: str) -> Ints:
        return np.array([classes.index(record[name]) for record in records], dtype=np.intp)

    if not records:
        raise ValueError("there are none")
    return Predictions(
        recording=np.array([str(record["recording"]) for record in records], dtype=object),
        subject=numbers("subject"),
        repeat=numbers("repeat"),
        fold=numbers("fold"),
        truth=places("status"),
        predicted=places("predicted"),
        probability=np.array([_probabilities(record, classes, positive) for record in records], dtype=np.float64),
        classes=classes,
        positive=positive,
    )


def _probabilities(record: dict[str, Any], classes: tuple[str, ...], positive: str | None) -> list[float]:
    if positive is None:
        return [float(record["probabilities"][label]) for label in classes]
    p = float(record["probability"])
    return [p if label == positive else 1 - p for label in classes]
