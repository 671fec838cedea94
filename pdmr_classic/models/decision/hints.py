"""Hints about predictions and scores that are easily misread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import Finding
from pdmr_classic.text import format_count

_NEARLY_ALL, _MOST = 0.95, 0.8
_ROUNDING = 1e-9
_MIN_RECORDINGS = 10
# With fewer recordings, the share of positive predictions says little.
_MIN_RECORDINGS_FOR_SHARE, _MIN_SHARE_DIFFERENCE = 20, 0.25


def find_training_hints(oof: pd.DataFrame, scores: Mapping[str, float], positive: str | None) -> list[Finding]:
    """Return hints about the out-of-fold predictions of a new model.

    Parameters
    ----------
    oof : DataFrame
        `status` and `predicted` of each training recording.
    scores : dict
        As returned by `metrics.score`.
    positive : str or None
        None with more than two classes: there is neither a threshold nor a floor.
    """
    if positive is None:
        return []
    findings = []
    if scores["f1"] < scores["floor"] - _ROUNDING:
        findings.append(
            Finding(
                "below-floor",
                f"the out-of-fold F1 is below that of always predicting {positive}",
                expected=f"more than {scores['floor']:.3f}",
                found=f"{scores['f1']:.3f}",
                hint="look at the AUC: if it is above 0.5, the threshold is the problem; otherwise, the features are",
            )
        )
    predicted, true = (float((oof[column] == positive).mean()) for column in ("predicted", "status"))
    if predicted >= _NEARLY_ALL and true < _MOST:
        what = f"the threshold classifies nearly all training recordings as {positive}"
        hint = "F1 rewards this if classes are hard to tell apart: try another --metric, such as balanced_accuracy"
        findings.append(Finding("nearly-all-positive", what, found=f"{predicted:.0%}; truly {true:.0%}", hint=hint))
    return findings


def find_prediction_hints(
    status: pd.Series, positive: str | None, priors: Floats, classes: list[str], *, is_corrected: bool
) -> list[Finding]:
    """Return hints about the share of positive predictions, compared with the share of the class in training.

    Parameters
    ----------
    status : Series of str
        Predicted classes.
    positive : str or None
    priors : ndarray, shape [K]
        Share of each class in training.
    classes : list of str, length K
    is_corrected : bool
        Whether probabilities were corrected for another prevalence.
    """
    if positive is None or len(status) < _MIN_RECORDINGS:
        return []
    n_positive, n, trained = int((status == positive).sum()), len(status), float(priors[classes.index(positive)])
    found = f"{n_positive} of {n} recordings; {trained:.0%} in training"
    if n_positive / n >= _NEARLY_ALL and trained < _MOST:
        what = f"nearly all recordings are classified as {positive}"
        hint = "check that they were recorded and processed like the training recordings"
        return [Finding("nearly-all-positive", what, found=found, hint=hint)]
    is_different = n >= _MIN_RECORDINGS_FOR_SHARE and abs(n_positive / n - trained) > _MIN_SHARE_DIFFERENCE
    if is_different and not is_corrected:
        what = f"the share of recordings classified as {positive} differs from that in training"
        hint = "if the prevalence differs, pass it: --prevalence P"
        return [Finding("share-differs", what, found=found, hint=hint)]
    return []


def find_mixed_subjects(status: pd.Series | None, subjects: np.ndarray[Any, Any] | None) -> list[Finding]:
    """Return a warning if predictions are pooled over subjects whose recordings have different labels.

    Parameters
    ----------
    status : Series of str, or None
        Known labels; an empty string is unknown.
    subjects : ndarray or None
        The subject of each label, an empty string if unknown; None if predictions are not pooled.
    """
    if status is None or subjects is None:
        return []
    known = (status.to_numpy(dtype=object) != "") & (subjects != "")
    n_labels = pd.Series(status.to_numpy(dtype=object)[known]).groupby(subjects[known]).nunique()
    n_mixed = int((n_labels > 1).sum())
    if not n_mixed:
        return []
    what = (
        f"{format_count(n_mixed, 'subject has', 'subjects have')} recordings with different labels, but all recordings "
        "of a subject get one prediction"
    )
    hint = "pool only if the class is that of the person, not of the recording"
    return [Finding("mixed-subjects", what, found=f"{n_mixed} of {len(n_labels)}", hint=hint)]
