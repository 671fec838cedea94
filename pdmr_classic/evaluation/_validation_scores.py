"""Performance of a frozen model on labelled recordings, with intervals by a bootstrap of subjects."""

from __future__ import annotations

from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.evaluation.bootstrap import bootstrap_statistics, percentile_interval
from pdmr_classic.evaluation.calibration_scores import fit_intercept, fit_line, log_odds, summarise_calibration
from pdmr_classic.evaluation.intervals import count_rarest_class_subjects, weighted_scores
from pdmr_classic.evaluation.net_benefit import net_benefit, treat_all
from pdmr_classic.evaluation.predictions import Predictions

_THRESHOLDS = tuple(round(0.05 * k, 2) for k in range(1, 20))
_DRAWS = 2000
_UNIT = ("auc", "f1", "precision", "recall", "specificity", "macro_f1", "weighted_f1", "balanced_accuracy")
_PREFIX = "net_benefit "


def score_validation(predictions: Predictions, threshold: float | None, seed: int = 0) -> dict[str, Any]:
    """Return the performance, calibration and decision curve; see `validate`.

    Intervals are expanded percentiles of a bootstrap of subjects, without inflation: the model is fixed.
    """
    drawn = bootstrap_statistics(
        predictions.subject, lambda weights: _score(predictions, threshold, weights), _DRAWS, seed
    )
    n_rarest = count_rarest_class_subjects(predictions)
    reason = _explain(predictions, n_rarest)
    parts = {name: _summarise(name, values, n_rarest, reason) for name, values in drawn.items()}
    error = summarise_calibration(predictions, seed)["calibration_error"]
    k, one_hot = predictions.positive_index, np.eye(len(predictions.classes))[predictions.truth]
    return {
        "scores": {name: part for name, part in parts.items() if not name.startswith((_PREFIX, "class "))},
        "calibration_error": {
            "value": error["mean"],
            "expected": error["expected"],
            "expected_high": error["expected_high"],
        },
        "calibration_by_class": _by_class(parts),
        "decision_curve": []
        if k is None
        else [
            {"threshold": t, **parts[f"{_PREFIX}{t}"], "treat_all": treat_all(one_hot[:, k], t), "treat_none": 0.0}
            for t in _thresholds(threshold)
        ],
    }


def _by_class(parts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the calibration of each of several classes against the rest."""
    classes: dict[str, dict[str, Any]] = {}
    for name, part in parts.items():
        if name.startswith("class "):
            measure, _, label = name.removeprefix("class ").partition(" ")
            classes.setdefault(label, {})[measure] = part
    return classes


def _thresholds(threshold: float | None) -> list[float]:
    own = [] if threshold is None or not 0 < threshold < 1 else [threshold]
    return sorted({*_THRESHOLDS, *own})


def _score(predictions: Predictions, threshold: float | None, weights: Floats) -> dict[str, Floats]:
    scores = weighted_scores(predictions, weights)
    k = predictions.positive_index
    total, truth = weights.sum(axis=0), predictions.truth
    one_hot = np.eye(len(predictions.classes))[truth]
    probability = predictions.probability
    if k is None:
        for c, label in enumerate(predictions.classes):
            measures = _calibration(probability[:, c], one_hot[:, c], weights)
            scores |= {f"class {name} {label}": values for name, values in measures.items()}
        return scores
    y, p = one_hot[:, k], probability[:, k]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (y @ weights) / total
        scores["scaled_brier"] = 1 - scores["brier"] / (share * (1 - share))
    scores["scaled_brier"][(share <= 0) | (share >= 1)] = np.nan
    scores["precision"][share <= 0] = np.nan  # without positives, every positive prediction is wrong by necessity
    scores["log_loss"] = np.logaddexp(0, -np.where(y == 1, 1, -1) * log_odds(p)) @ weights / total
    scores |= _calibration(p, y, weights)
    return scores | {f"{_PREFIX}{t}": net_benefit(p, y, t, weights) for t in _thresholds(threshold)}


def _calibration(p: Floats, y: Floats, weights: Floats) -> dict[str, Floats]:
    z = log_odds(p)
    return {
        "observed_expected": (y @ weights) / (p @ weights),
        "calibration_intercept": fit_intercept(z, y, weights),
        "calibration_slope": fit_line(z, y, weights)[1],
    }


def _summarise(name: str, drawn: Floats, n_subjects: int, reason: str) -> dict[str, Any]:
    value = float(drawn[0]) if np.isfinite(drawn[0]) else None
    low, high = percentile_interval(drawn, n_subjects, bounds=(0.0, 1.0) if name in _UNIT else None) or (None, None)
    return {"value": value, "low": low, "high": high, **({} if low is not None else {"reason": reason})}


def _explain(predictions: Predictions, n_rarest: int) -> str:
    if len(np.unique(predictions.truth)) == 1:
        return f"all labels are {predictions.classes[predictions.truth[0]]!r}"
    if n_rarest < 2:
        return "a class has only one subject"
    return "undefined or infinite, here or in many bootstrap samples"
