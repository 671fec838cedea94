"""Scores of the model, beside those of baselines and single views, and its confusion matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.evaluation.intervals import weighted_confusion, weighted_scores
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.system_scores import main_score
from pdmr_classic.reporting._cells import format_view
from pdmr_classic.reporting.report._labels import label_score, take_interval, take_scores

_SINGLE_VIEW, _JOINT_VIEW = "_only", "_as_one_view"
_LABELS = {"shortcut": "recording conditions alone", "logistic_regression": "logistic regression, all features"}
_FOLD_SCORES = ("auc", "balanced_accuracy", "brier")


def headline_scores(positive: str | None) -> list[str]:
    """Return the scores that all systems are compared by."""
    return [main_score(positive), "auc", "balanced_accuracy", "brier"]


def build_headline(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the main scores of the model, the floor, the shortcut, logistic regression and the views."""
    names = headline_scores(evaluation["positive"])
    model = {"label": "the model", "kind": "model", "scores": take_scores(evaluation["scores"], names), "reason": None}
    return {"names": names, "rows": [model, *_list_baselines(evaluation["baselines"], names)]}


def _list_baselines(baselines: Mapping[str, Any], names: list[str]) -> Iterator[dict[str, Any]]:
    n_single = sum(name.endswith(_SINGLE_VIEW) for name in baselines)
    for name, part in baselines.items():
        if name == "floor":
            yield _describe_floor(part, names)
            continue
        kind, label = _describe_baseline(name, n_single)
        reason = part.get("problem") or None
        scores = dict.fromkeys(names) if reason else take_scores(part["scores"], names)
        yield {"label": label, "kind": kind, "scores": scores, "reason": reason}


def _describe_floor(floor: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    scores = {name: take_interval({"mean": floor[name]}) if name in floor else None for name in names}
    return {"label": f"always {floor['label']}", "kind": "floor", "scores": scores, "reason": None}


def _describe_baseline(name: str, n_single: int) -> tuple[str, str]:
    if name in _LABELS:
        return name, _LABELS[name]
    for suffix in (_SINGLE_VIEW, _JOINT_VIEW):
        if name.endswith(suffix):
            view = name.removesuffix(suffix)
            return "view", format_view(view, n_single).replace("\n", "")
    return "other", name.replace("_", " ")


def build_scores(scores: Mapping[str, Any], positive: str | None) -> dict[str, Any]:
    """Return all scores of the model with their labels."""
    return {
        name: {"label": label_score(name, positive), **take_interval(part), **_take_expected(part)}
        for name, part in scores.items()
    }


def _take_expected(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part[name] for name in ("expected", "expected_high") if name in part}


def build_confusion(evaluation: Mapping[str, Any], predictions: Predictions) -> dict[str, Any]:
    """Return the confusion matrix, averaged over repeats, with sensitivity and specificity if there are two classes."""
    stored = evaluation.get("confusion") or _average_confusion(predictions)
    shares = share_rows(stored["counts"])
    k = predictions.positive_index
    return {
        **stored,
        "shares": shares.tolist(),
        "sensitivity": _find_rate(evaluation["scores"], "recall", shares, k),
        "specificity": _find_rate(evaluation["scores"], "specificity", shares, None if k is None else 1 - k),
    }


def share_rows(counts: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Return each count as a share of its row; NaN in a row without any."""
    numbers = np.asarray(counts, dtype=np.float64)
    totals = numbers.sum(axis=1, keepdims=True)
    shares: NDArray[np.float64] = np.divide(numbers, totals, out=np.full_like(numbers, np.nan), where=totals > 0)
    return shares


def _average_confusion(predictions: Predictions) -> dict[str, Any]:
    """Return the confusion matrix of an evaluation that does not store it."""
    n_classes, ones = len(predictions.classes), np.ones((len(predictions), 1))
    counts = [
        weighted_confusion(predictions.truth[rows], predictions.predicted[rows], n_classes, ones[rows])[..., 0]
        for rows in predictions.repeat_rows()
    ]
    return {
        "classes": list(predictions.classes),
        "counts": np.mean(counts, axis=0).tolist(),
        "n_repeats": len(counts),
    }


def _find_rate(scores: Mapping[str, Any], name: str, shares: Any, k: int | None) -> dict[str, Any] | None:
    """Return a score with its interval; without one in the evaluation, the share of correct answers in the class."""
    if k is None:
        return None
    return take_interval(scores[name] if name in scores else {"mean": float(shares[k, k])})


def build_folds(evaluation: Mapping[str, Any], predictions: Predictions) -> list[dict[str, Any]]:
    """Return the scores of each outer fold, None where undefined."""
    if evaluation.get("folds"):
        return list(evaluation["folds"])
    names = (main_score(predictions.positive), *_FOLD_SCORES)
    return [
        _score_fold(predictions.subset(rows), names)
        for repeat in predictions.repeat_rows()
        for rows in predictions.fold_rows(repeat)
    ]


def _score_fold(fold: Predictions, names: tuple[str, ...]) -> dict[str, Any]:
    scores = {name: float(values[0]) for name, values in weighted_scores(fold, np.ones((len(fold), 1))).items()}
    if len(np.unique(fold.truth)) < len(fold.classes):
        scores["balanced_accuracy"] = np.nan  # the mean recall of the classes that happen to be in this fold
    return {
        "repeat": int(fold.repeat[0]),
        "fold": int(fold.fold[0]),
        "n_recordings": len(fold),
        "n_subjects": len(np.unique(fold.subject)),
        "scores": {name: scores[name] for name in names},
    }


def build_inner_scores(scores: Mapping[str, Any], positive: str | None) -> dict[str, Any]:
    """Return the scores of a model on its inner folds, which are optimistic."""
    return {
        name: {"label": label_score(name, positive), "value": value}
        for name, value in scores.items()
        if name not in ("n", "floor", "positive_share")
    }
