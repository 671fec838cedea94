"""Paired comparison of two evaluations of the same recordings in the same folds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pdmr_classic.errors import DataError
from pdmr_classic.evaluation.intervals import (
    INTERVAL_NOTE,
    SD_INFLATION,
    bootstrap_scores,
    count_rarest_class_subjects,
    difference_interval,
)
from pdmr_classic.evaluation.predictions import Predictions, read_predictions

_SCORE_NAMES = ("f1", "macro_f1", "auc", "brier")


def compare(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """Return the score differences b - a of two evaluations, paired over the same folds.

    Parameters
    ----------
    a, b : dict
        Evaluations, as returned by `evaluate`.

    Returns
    -------
    dict
        `positive`, `synthetic`, `interval_note`, counts, and `differences`: for each score `a`, `b`, `difference`, and
        `low` and `high` of the 95% confidence interval of the difference (subject bootstrap).

    Raises
    ------
    DataError
        One of them is not an evaluation, or they do not contain the same recordings in the same folds.
    """
    predictions_a, predictions_b = read_predictions(a).sort_rows(), read_predictions(b).sort_rows()
    _check_paired(predictions_a, predictions_b)
    # Paired: the same seed resamples the same subjects in both.
    scores_a, scores_b = bootstrap_scores(predictions_a), bootstrap_scores(predictions_b)
    n_rarest = count_rarest_class_subjects(predictions_a)
    # The common part of both systems cancels; what remains depends on training almost as much as without any signal.
    inflation = 1.0 if predictions_a.is_one_way else SD_INFLATION
    differences = {}
    for name in (name for name in _SCORE_NAMES if name in scores_a):
        difference = scores_b[name] - scores_a[name]
        low, high = difference_interval(difference, n_rarest, inflation) or (None, None)
        estimates = {"a": scores_a[name][0], "b": scores_b[name][0], "difference": difference[0]}
        finite = {key: float(value) if np.isfinite(value) else None for key, value in estimates.items()}
        differences[name] = {**finite, "low": low, "high": high}
    return {
        "positive": predictions_a.positive,
        "synthetic": bool(a.get("synthetic") or b.get("synthetic")),
        "n_recordings": len(np.unique(predictions_a.recording.astype(str))),
        "n_subjects": len(np.unique(predictions_a.subject)),
        "differences": differences,
        "interval_note": INTERVAL_NOTE,
    }


def compare_files(a: str | Path, b: str | Path) -> dict[str, Any]:
    """Compare two evaluation files; see `compare`.

    Raises
    ------
    DataError
        A file cannot be read or is not an evaluation, or the two cannot be paired.
    """
    return {"files": [str(a), str(b)], **compare(read_evaluation(a), read_evaluation(b))}


def read_evaluation(path: str | Path) -> dict[str, Any]:
    """Read an evaluation file.

    Raises
    ------
    DataError
        The file cannot be read or is not an evaluation.
    """
    try:
        evaluation: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(
            "the evaluation cannot be read", code="not-an-evaluation", file=path, expected="JSON", found=reason
        ) from None
    try:
        read_predictions(evaluation)
    except DataError as error:
        parts = {name: getattr(error.finding, name) for name in ("code", "expected", "found", "hint")}
        raise DataError(error.finding.what, file=path, **parts) from None
    return evaluation


def _check_paired(a: Predictions, b: Predictions) -> None:
    if (a.classes, a.positive) != (b.classes, b.positive):
        raise _unpaired_error("classes", f"{_format_classes(a)} and {_format_classes(b)}")
    ids_a, ids_b = set(a.recording), set(b.recording)
    if ids_a != ids_b:
        raise _unpaired_error("recordings", f"{len(ids_a)} and {len(ids_b)}, of which {len(ids_a & ids_b)} are shared")
    if len(np.unique(a.repeat)) != len(np.unique(b.repeat)):
        raise _unpaired_error("repeats", f"{len(np.unique(a.repeat))} and {len(np.unique(b.repeat))}")
    has_same_folds = len(a) == len(b) and all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("repeat", "fold", "recording")
    )
    if not has_same_folds:
        raise _unpaired_error("folds", "the same recordings in different outer folds")
    for name, label in (("subject", "subjects"), ("truth", "labels")):
        n_different = np.count_nonzero(getattr(a, name) != getattr(b, name))
        if n_different:
            raise _unpaired_error(label, f"{n_different} of {len(a)} rows differ")


def _format_classes(predictions: Predictions) -> str:
    return ", ".join(predictions.classes) + (f" (positive: {predictions.positive})" if predictions.positive else "")


def _unpaired_error(what: str, found: str) -> DataError:
    return DataError(
        f"the evaluations differ in their {what}",
        code="unpaired",
        expected="the same recordings, labels, subjects and folds",
        found=found,
        hint="evaluate both on the same data, with the same --folds, --repeats, --seed and --groups",
    )
