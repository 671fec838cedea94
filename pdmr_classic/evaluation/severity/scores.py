"""Summarise the out-of-fold severities of one system: scores, per class, and how often the intervals are right."""

from __future__ import annotations

from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats, Ints, finite_or_none
from pdmr_classic.evaluation.intervals import score_interval
from pdmr_classic.evaluation.severity.intervals import (
    bootstrap_severity,
    find_severity_limits,
    weighted_severity_scores,
)
from pdmr_classic.evaluation.severity.predictions import SeverityPredictions
from pdmr_classic.resampling import draw_subject_weights

_N_DRAWS = 2000


def summarise_severity(predictions: SeverityPredictions, seed: int = 0) -> dict[str, Any]:
    """Return the counts and scores of one system.

    Returns
    -------
    dict
        `n_recordings`, `n_subjects`, and `scores`: for each score of `weighted_severity_scores`, `mean` and `sd` over
        repeats (`sd` is None with one repeat), and `low` and `high` of the 95% interval. None if undefined; a score
        whose mean is None has a `reason`.
    """
    repeats = [_score_rows(predictions.subset(rows)) for rows in predictions.repeat_rows()]
    drawn = bootstrap_severity(predictions, seed=seed)
    scores: dict[str, dict[str, Any]] = {}
    for name in repeats[0]:
        values = np.array([scores[name] for scores in repeats])
        scores[name] = {
            "mean": finite_or_none(values.mean()),
            "sd": finite_or_none(values.std(ddof=1)) if len(values) > 1 else None,
            **find_severity_limits(predictions, name, drawn[name]),
        }
        if scores[name]["mean"] is None:
            scores[name]["reason"] = _explain_undefined(name, predictions)
    return {
        "n_recordings": len(np.unique(predictions.recording.astype(str))),
        "n_subjects": len(np.unique(predictions.subject)),
        "scores": scores,
    }


def _score_rows(predictions: SeverityPredictions) -> dict[str, float]:
    scores = weighted_severity_scores(predictions, np.ones((len(predictions), 1)))
    return {name: float(values[0]) for name, values in scores.items()}


def _explain_undefined(name: str, predictions: SeverityPredictions) -> str:
    """Return why a score is undefined: correlations and kappas need values that differ."""
    if name in ("quadratic_kappa", "linear_kappa"):
        return "one class only in truth and predictions of a repeat"
    where = "the held-out recordings of a repeat" if name == "ccc" else "each held-out fold of a repeat"
    what = "scores" if _are_constant(predictions, predictions.truth, by_fold=name != "ccc") else "predictions"
    return f"constant {what} in {where}"


def _are_constant(predictions: SeverityPredictions, values: Floats, *, by_fold: bool) -> bool:
    """Return whether, in some repeat, values are equal (by fold: in every fold)."""
    return any(
        all(np.ptp(values[part]) == 0 for part in (predictions.fold_rows(rows) if by_fold else [rows]))
        for rows in predictions.repeat_rows()
    )


def summarise_classes(predictions: SeverityPredictions) -> dict[str, dict[str, Any]]:
    """Return for each severity class of the true scores how well its recordings are predicted; {} without classes.

    Returns
    -------
    dict of str to dict
        By class, in the order of the scale: `n_recordings`, `n_subjects`, `mae`, `bias` (mean predicted minus true:
        positive if the class is predicted too severe), `recall`, and `coverage` and `mean_width` (see
        `summarise_coverage`). Means over repeats; None if undefined, as for a class without recordings.
    """
    names = predictions.scale.class_names
    classes = predictions.true_classes
    return {name: _summarise_class(predictions.subset(classes == code), code) for code, name in enumerate(names)}


def _summarise_class(rows: SeverityPredictions, code: int) -> dict[str, Any]:
    if not len(rows):
        undefined = ("mae", "bias", "recall", "coverage", "mean_width")
        return {"n_recordings": 0, "n_subjects": 0, **dict.fromkeys(undefined)}
    error = rows.predicted - rows.truth
    coverage, width = _covered_and_width(rows)
    return {
        "n_recordings": len(np.unique(rows.recording.astype(str))),
        "n_subjects": len(np.unique(rows.subject)),
        "mae": _repeat_mean(rows, np.abs(error)),
        "bias": _repeat_mean(rows, error),
        "recall": _repeat_mean(rows, (rows.predicted_classes == code).astype(np.float64)),
        "coverage": finite_or_none(_subject_means(rows, coverage).mean()),
        "mean_width": finite_or_none(_subject_means(rows, width).mean()),
    }


def _repeat_mean(rows: SeverityPredictions, values: Floats) -> float:
    return float(np.mean([values[repeat].mean() for repeat in rows.repeat_rows()]))


def summarise_coverage(predictions: SeverityPredictions, level: float, seed: int = 0) -> dict[str, Any]:
    """Return how many true scores are within the predictive intervals, and how wide these are.

    Parameters
    ----------
    predictions : SeverityPredictions
        If some rows have no interval, neither share nor width is known.
    level : float
        The share that the intervals were made to contain.
    seed : int

    Returns
    -------
    dict
        `level`; `coverage`: `mean`, and `low` and `high` of its 95% interval; `mean_width`. Each subject counts
        equally, however many recordings it has: the promise is for a recording of a new subject. None without
        intervals.

    Notes
    -----
    The interval of the coverage is that of a subject bootstrap, see `score_interval`; it is not widened, because
    whether an interval contains the score of one subject hardly depends on training with another.
    """
    covered, width = (_subject_means(predictions, values) for values in _covered_and_width(predictions))
    n_subjects = len(covered)
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([[covered.mean()], *(covered @ weights / n_subjects for weights in _draw(n_subjects, rng))])
    low, high = score_interval(drawn, n_subjects, inflation=1.0) or (None, None)
    return {
        "level": level,
        "coverage": {"mean": finite_or_none(covered.mean()), "low": low, "high": high},
        "mean_width": finite_or_none(width.mean()),
    }


def _draw(n_subjects: int, rng: np.random.Generator) -> Any:
    return draw_subject_weights(np.arange(n_subjects), _N_DRAWS, rng)


def _covered_and_width(predictions: SeverityPredictions) -> tuple[Floats, Floats]:
    """Return for each row whether its interval contains the score (1 or 0), and its width; NaN without an interval."""
    width = predictions.high - predictions.low
    covered = (predictions.low <= predictions.truth) & (predictions.truth <= predictions.high)
    return np.where(np.isfinite(width), covered, np.nan), width


def _subject_means(predictions: SeverityPredictions, values: Floats) -> Floats:
    """Return the mean of each subject's rows, shape [S]: every repeat has the same rows of a subject."""
    subject: Ints = np.unique(predictions.subject, return_inverse=True)[1]
    return np.asarray(np.bincount(subject, weights=values) / np.bincount(subject))
