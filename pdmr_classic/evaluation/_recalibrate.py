"""Recalibration of a frozen model on new recordings, scored by cross-fitting over subjects."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from scipy.special import expit

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.config import Metric
from pdmr_classic.errors import DataError
from pdmr_classic.evaluation.bootstrap import bootstrap_statistics, percentile_interval
from pdmr_classic.evaluation.calibration_scores import fit_intercept, fit_line, log_odds, mean_slope
from pdmr_classic.models.decision.threshold import choose_threshold
from pdmr_classic.splits import GroupedFolds

METHODS = ("none", "intercept", "intercept and slope")
# Ten subjects of the rarer class per fitted parameter (Peduzzi et al. 1996).
_MIN_SUBJECTS = {"none": 2, "intercept": 10, "intercept and slope": 20}
_FOLDS, _REPEATS, _DRAWS = 5, 3, 1000


def recalibrate(p: Floats, y: Ints, subject: Ints, threshold: float, metric: Metric, seed: int = 0) -> dict[str, Any]:
    """Return scores before and after recalibration, and which one to use.

    Intercept, slope and threshold are fitted on some subjects and scored on the others; subjects are never on both
    sides. With too few subjects, a method is left out and `reason` says how many it needs.

    Parameters
    ----------
    p : ndarray, shape [n]
        Probability of the positive class.
    y : ndarray of 0 and 1, shape [n]
    subject : ndarray of int, shape [n]
    threshold : float
        Of the model, kept for `f1` and chosen again for `f1_new_threshold`.
    metric, seed
        As for `choose_threshold`.

    References
    ----------
    Vergouwe et al. 2017 (closed testing of updates); Steyerberg 2019, chapter 20.
    """
    counts = [len(np.unique(subject[y == k])) for k in (0, 1)]
    rarest = min(counts)
    possible = [name for name in METHODS if rarest >= _MIN_SUBJECTS[name]]
    result: dict[str, Any] = {"methods": {}, "n_subjects_of_rarest_class": rarest}
    lacking = [f"{name} needs {_MIN_SUBJECTS[name]}" for name in METHODS[1:] if name not in possible]
    if lacking:
        result["reason"] = f"the rarer class has {rarest} subjects; {', '.join(lacking)}"
    if len(possible) < 2:
        return result | {"suggestion": "none", "sentence": f"Recalibration was not tried: {result['reason']}."}
    try:
        folds = list(GroupedFolds(_FOLDS, n_repeats=_REPEATS, random_state=seed).split(y, y, subject))
    except DataError as error:
        return result | {"suggestion": "none", "sentence": f"Recalibration was not tried: {error.finding.what}."}
    z = log_odds(p)
    drawn = {}
    for name in possible:
        new_z, decisions = _cross_fit(z, y, subject, folds, name, metric, seed)
        drawn[name] = bootstrap_statistics(subject, partial(_score, new_z, y, decisions, threshold), _DRAWS, seed)
        scores = {key: _interval(values, rarest) for key, values in drawn[name].items()}
        result["methods"][name] = {"coefficients": _fit(z, y, name), "scores": scores}
    return result | _suggest(drawn, rarest)


def _fit(z: Floats, y: Ints, method: str) -> dict[str, float]:
    ones, labels = np.ones((len(z), 1)), y.astype(float)
    if method == "none":
        return {"intercept": 0.0, "slope": 1.0}
    if method == "intercept":
        return {"intercept": float(fit_intercept(z, labels, ones)[0]), "slope": 1.0}
    a, b = fit_line(z, labels, ones)
    # Separated classes have no finite slope: it stays 1.
    return {"intercept": float(a[0]), "slope": float(b[0])} if np.isfinite(b[0]) else _fit(z, y, "intercept")


def _cross_fit(
    z: Floats, y: Ints, subject: Ints, folds: list[tuple[Ints, Ints]], method: str, metric: Metric, seed: int
) -> tuple[Floats, Floats]:
    """Return recalibrated log-odds and decisions by a new threshold, shape [n, repeats] each."""
    new_z, decisions = np.empty((len(z), _REPEATS)), np.empty((len(z), _REPEATS))
    for number, (train, test) in enumerate(folds):
        line = _fit(z[train], y[train], method)
        moved = line["intercept"] + line["slope"] * z
        threshold = choose_threshold(expit(moved[train]), y[train] == 1, subject[train], metric=metric, seed=seed)
        new_z[test, number // _FOLDS] = moved[test]
        decisions[test, number // _FOLDS] = expit(moved[test]) >= threshold
    return new_z, decisions


def _score(z: Floats, y: Ints, decisions: Floats, threshold: float, weights: Floats) -> dict[str, Floats]:
    """Return the scores for each weight column, averaged over repeats."""
    labels, q, total = y.astype(float), expit(z), weights.sum(axis=0)
    columns = range(z.shape[1])
    losses = np.logaddexp(0, -np.where(labels[:, None] == 1, z, -z)).mean(axis=1)
    return {
        "log_loss": losses @ weights / total,
        "brier": ((q - labels[:, None]) ** 2).mean(axis=1) @ weights / total,
        "observed_expected": (labels @ weights) / (q.mean(axis=1) @ weights),
        "calibration_intercept": np.mean([fit_intercept(z[:, k], labels, weights) for k in columns], axis=0),
        "calibration_slope": mean_slope([fit_line(z[:, k], labels, weights)[1] for k in columns]),
        "f1": np.mean([_f1((q[:, k] >= threshold).astype(np.float64), labels, weights) for k in columns], axis=0),
        "f1_new_threshold": np.mean([_f1(decisions[:, k], labels, weights) for k in columns], axis=0),
    }


def _f1(is_predicted: Floats, y: Floats, weights: Floats) -> Floats:
    return np.asarray(2 * (is_predicted * y) @ weights / np.maximum((is_predicted + y) @ weights, 1e-12))


def _interval(drawn: Floats, n_subjects: int) -> dict[str, float | None]:
    low, high = percentile_interval(drawn, n_subjects) or (None, None)
    return {"value": float(drawn[0]) if np.isfinite(drawn[0]) else None, "low": low, "high": high}


def _suggest(drawn: dict[str, dict[str, Floats]], n_subjects: int) -> dict[str, Any]:
    """Suggest the simplest method unless a more complex one certainly lowers the log loss."""
    best, differences = "none", []
    for name in list(drawn)[1:]:
        difference = _interval(drawn[name]["log_loss"] - drawn[best]["log_loss"], n_subjects)
        low, high = difference["low"], difference["high"]
        interval = "" if low is None else f" ({low:+.3f} to {high:+.3f})"
        differences.append(f"{name} instead of {best} changes log loss by {difference['value']:+.3f}{interval}")
        if high is not None and high < 0:
            best = name
    verdict = "Recalibration is not supported by these data" if best == "none" else f"Recalibrate: {best}"
    return {"suggestion": best, "sentence": f"{verdict}: {'; '.join(differences)}."}
