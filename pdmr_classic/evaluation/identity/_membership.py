"""Membership inference: whether a recording was in the training data can be told from what the model says about it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.evaluation.identity._estimates import RowScores
from pdmr_classic.evaluation.identity._rows import Rows
from pdmr_classic.evaluation.identity._stored_rows import distances, find_stored_rows, nearness
from pdmr_classic.models.model import DepressionModel

LOSS, CONFIDENCE, STORED = "loss", "confidence", "stored rows"
ATTACKS = {
    LOSS: "the probability of the true class, which the attacker knows",
    CONFIDENCE: "the largest probability",
    STORED: "the distance to the nearest row in the model file",
}


def infer_membership(
    model: DepressionModel, table: pd.DataFrame, status: NDArray[Any], rows: Rows, is_member: Mask
) -> tuple[dict[str, RowScores], dict[str, float]]:
    """Score how much each recording looks like a training recording.

    Parameters
    ----------
    model : DepressionModel
    table : DataFrame, shape [n, F]
        Of training recordings and unseen ones.
    status : ndarray of str, shape [n]
    rows : Rows
    is_member : ndarray of bool, shape [n]
        Whether it was in the training data.

    Returns
    -------
    attacks : dict of str to RowScores
        By the name of the attack.
    gaps : dict of str to float
        Mean log loss and accuracy on training and unseen recordings.

    References
    ----------
    Shokri et al. 2017; Yeom et al. 2018 (loss).
    """
    scores: dict[str, Floats] = {}
    gaps: dict[str, float] = {}
    probability = model.predictor_.predict_raw(table).probability
    if probability is not None:
        classes = np.array(model.classes_)
        is_true = status[:, None] == classes
        p_true = np.where(is_true.any(axis=1), (probability * is_true).sum(axis=1), np.nan)
        scores = {LOSS: p_true, CONFIDENCE: probability.max(axis=1)}
        gaps = _gaps(p_true, probability, is_true, is_member)
    stored = find_stored_rows(model, table)
    if stored is not None:
        scores[STORED] = nearness(distances(stored, model, table))
    return {name: RowScores(score, is_member, rows.label, rows.subject) for name, score in scores.items()}, gaps


def _gaps(p_true: Floats, probability: Floats, is_true: Mask, is_member: Mask) -> dict[str, float]:
    known = np.isfinite(p_true)
    loss = -np.log(np.clip(p_true, 1e-6, 1.0))
    hit = is_true[np.arange(len(p_true)), np.nan_to_num(probability).argmax(axis=1)]
    sides = {"training": known & is_member, "unseen": known & ~is_member}
    means = {
        f"{name}_{side}": values[mask]
        for side, mask in sides.items()
        for name, values in (("log_loss", loss), ("accuracy", hit.astype(float)))
    }
    return {name: float(values.mean()) for name, values in means.items() if len(values)}
