"""Out-of-fold predictions to the scores of one system: mean, spread over repeats, interval."""

from __future__ import annotations

from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.evaluation.intervals import (
    bootstrap_scores,
    brier_losses,
    count_rarest_class_subjects,
    share_interval,
    weighted_scores,
)
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.metrics import score

HEADLINES = ("f1", "macro_f1", "auc")
_ORDER = (
    *("f1", "precision", "recall", "macro_f1", "weighted_f1", "balanced_accuracy"),
    *("auc", "brier", "calibration_error"),
)
_BINS = 10
# Of several classes: the sum over classes.
_MOST_BRIER = 2.0


def main_score(positive: str | None) -> str:
    """Return which score the table is about: F1 of the positive class, macro F1 of several classes."""
    return "f1" if positive is not None else "macro_f1"


def summarise_scores(predictions: Predictions, seed: int = 0) -> dict[str, Any]:
    """Return counts and scores of one system.

    Returns
    -------
    dict
        `n_recordings`, `n_subjects`, and `scores`: by name, `mean` over repeats, `sd` over repeats (None with one)
        and, for all but the calibration error, `low` and `high` of the 95% interval. None stands for what does not
        exist.
    """
    repeats = [scores_of_repeat(predictions, rows) for rows in predictions.of_repeats()]
    drawn = bootstrap_scores(predictions, seed=seed)
    n_rarest = count_rarest_class_subjects(predictions)
    scores: dict[str, dict[str, float | None]] = {}
    for name in (name for name in _ORDER if name in repeats[0]):
        values = np.array([scores[name] for scores in repeats])
        scores[name] = {"mean": _known(values.mean()), "sd": _known(values.std(ddof=1)) if len(values) > 1 else None}
        # A bootstrap makes bins look worse than they are: the calibration error has no interval from it.
        if name in drawn:
            top = _MOST_BRIER if name == "brier" and predictions.place is None else 1.0
            low, high = share_interval(drawn[name] / top, n_rarest) or (None, None)
            scores[name] |= {"low": _known(low, top), "high": _known(high, top)}
    return {
        "n_recordings": len(np.unique(predictions.recording.astype(str))),
        "n_subjects": len(np.unique(predictions.subject)),
        "scores": scores,
    }


def scores_of_repeat(predictions: Predictions, rows: Ints) -> dict[str, float]:
    """Return every score of one repeat; all but AUC over its folds together."""
    labels = np.array(predictions.classes, dtype=object)
    truth, predicted = labels[predictions.truth[rows]], labels[predictions.predicted[rows]]
    scores = score(truth, predicted, positive=predictions.positive)
    if not scores.get("positive_share", 1.0):
        # Nobody is positive (in a subgroup): there is nothing to find, which is not the same as finding nothing.
        scores |= {"f1": np.nan, "recall": np.nan}
    scores["brier"] = float(brier_losses(predictions)[rows].mean())
    scores["calibration_error"] = calibration_error(predictions.subset(rows))
    scores["auc"] = float(weighted_scores(predictions.subset(rows), np.ones((len(rows), 1)))["auc"][0])
    return scores


def calibration_error(predictions: Predictions) -> float:
    """Return the expected calibration error over ten bins of equal counts.

    Of the positive class's probability; of the chosen class's where there are several.

    References
    ----------
    Naeini, Cooper and Hauskrecht 2015 (ECE); Nixon and others 2019 (bins of equal counts).
    """
    rows = np.arange(len(predictions))
    if predictions.place is None:
        best = predictions.probability.argmax(axis=1)
        p, hit = predictions.probability[rows, best], predictions.truth == best
    else:
        p, hit = predictions.probability[:, predictions.place], predictions.truth == predictions.place
    return _binned_error(p, hit.astype(np.float64))


def _binned_error(p: Floats, hit: Floats) -> float:
    order = np.argsort(p, kind="stable")
    bins = [part for part in np.array_split(order, _BINS) if len(part)]
    return float(sum(abs(p[part].mean() - hit[part].mean()) * len(part) for part in bins) / len(p))


def _known(value: float | None, times: float = 1.0) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value) * times
