"""Two evaluations of the same recordings in the same folds, paired."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pdmr_classic.errors import DataError
from pdmr_classic.evaluation.intervals import NOTE, bootstrap_scores, count_rarest_class_subjects, difference_interval
from pdmr_classic.evaluation.predictions import Predictions, read_predictions

_COMPARED = ("f1", "macro_f1", "auc", "brier")


def compare(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """Return the differences between two evaluations, b less a, paired over the same folds.

    Parameters
    ----------
    a, b : dict
        As `evaluate` returns them.

    Returns
    -------
    dict
        `positive`, `synthetic`, `note`, counts, and `differences`: by score, `a`, `b`, `difference`, and `low` and
        `high` of its subject-clustered 95% interval; a lower Brier score is the better one.

    Raises
    ------
    DataError
        One of them is no evaluation, or they do not judge the same recordings in the same folds.
    """
    ours, theirs = _in_order(read_predictions(a)), _in_order(read_predictions(b))
    _refuse_unpaired(ours, theirs)
    # The same seed draws the same subjects for both.
    drawn_a, drawn_b = bootstrap_scores(ours), bootstrap_scores(theirs)
    n_rarest = count_rarest_class_subjects(ours)
    differences = {}
    for name in (name for name in _COMPARED if name in drawn_a):
        drawn = drawn_b[name] - drawn_a[name]
        low, high = difference_interval(drawn, n_rarest) or (None, None)
        found = {"a": drawn_a[name][0], "b": drawn_b[name][0], "difference": drawn[0]}
        known = {key: float(value) if np.isfinite(value) else None for key, value in found.items()}
        differences[name] = {**known, "low": low, "high": high}
    return {
        "positive": ours.positive,
        "synthetic": bool(a.get("synthetic") or b.get("synthetic")),
        "n_recordings": len(np.unique(ours.recording.astype(str))),
        "n_subjects": len(np.unique(ours.subject)),
        "differences": differences,
        "note": NOTE,
    }


def compare_files(a: str | Path, b: str | Path) -> dict[str, Any]:
    """Compare two files that `evaluate` wrote; see `compare`.

    Raises
    ------
    DataError
        A file cannot be read, or as `compare`.
    """
    return {"files": [str(a), str(b)], **compare(read_evaluation(a), read_evaluation(b))}


def read_evaluation(path: str | Path) -> dict[str, Any]:
    """Read a file that `evaluate` wrote.

    Raises
    ------
    DataError
        It cannot be read, or is no evaluation.
    """
    try:
        found: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(
            "the evaluation cannot be read", code="no-evaluation", file=path, expected="JSON", found=said
        ) from None
    try:
        read_predictions(found)
    except DataError as error:
        parts = {name: getattr(error.finding, name) for name in ("code", "expected", "found")}
        raise DataError(error.finding.what, file=path, **parts) from None
    return found


def _in_order(predictions: Predictions) -> Predictions:
    return predictions.subset(np.lexsort((predictions.recording.astype(str), predictions.fold, predictions.repeat)))


def _refuse_unpaired(a: Predictions, b: Predictions) -> None:
    if (a.classes, a.positive) != (b.classes, b.positive):
        raise _unpaired("classes", f"{_classes(a)} and {_classes(b)}")
    ids_a, ids_b = set(a.recording), set(b.recording)
    if ids_a != ids_b:
        raise _unpaired("recordings", f"{len(ids_a)} and {len(ids_b)}, {len(ids_a & ids_b)} of them the same")
    if len(np.unique(a.repeat)) != len(np.unique(b.repeat)):
        raise _unpaired("repeats", f"{len(np.unique(a.repeat))} and {len(np.unique(b.repeat))}")
    same = len(a) == len(b) and all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("repeat", "fold", "recording")
    )
    if not same:
        raise _unpaired("folds", "the same recordings, held out in other company")
    for name, what in (("subject", "subjects"), ("truth", "labels")):
        differ = np.count_nonzero(getattr(a, name) != getattr(b, name))
        if differ:
            raise _unpaired(what, f"{differ} of {len(a)} rows differ")


def _classes(predictions: Predictions) -> str:
    return ", ".join(predictions.classes) + (f" (about {predictions.positive})" if predictions.positive else "")


def _unpaired(what: str, found: str) -> DataError:
    return DataError(
        f"the evaluations differ in their {what}",
        code="unpaired",
        expected="the same recordings, labels, subjects and folds",
        found=found,
        hint="evaluate both on the same data, with the same --folds, --repeats, --seed and --groups",
    )
