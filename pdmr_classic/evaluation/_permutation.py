"""How often labels that mean nothing would score as well, on the same predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.evaluation.intervals import MET_TWICE, nanmean, split_draws
from pdmr_classic.evaluation.predictions import Predictions

_PERMUTATIONS = 1000
_ROUNDING = 1e-12

_Codes = NDArray[np.int16]


def permutation_test(predictions: Predictions, n: int = _PERMUTATIONS, seed: int = 0) -> dict[str, Any]:
    """Return how often permuted labels score as well as the true ones.

    Where each subject has one label, labels are permuted between subjects, whole; else within subjects. Predictions
    stay as they are: models are not trained again, so the test is narrower than the question.

    Returns
    -------
    dict
        `between` ("subjects" or "recordings of a subject"), `n`, and `p` by score.

    Notes
    -----
    What permuted labels score is spread by sqrt(2) around its mean before it is compared: on fixed predictions it
    varies too little (see `share_interval`). Without that, labels that mean nothing had p <= .05 in 9 to 15% of
    simulated studies; with it in 1 to 6%.
    """
    _, first, recording = np.unique(predictions.recording.astype(str), return_index=True, return_inverse=True)
    truth = predictions.truth[first].astype(np.int16)
    _, subject = np.unique(predictions.subject[first], return_inverse=True)
    one_label = _one_label_a_subject(truth, subject)
    shuffled = _between(truth, subject) if one_label else _within(truth, subject)
    found = _scores(predictions, truth[recording][:, None])
    rng = np.random.default_rng(seed)
    parts = [_scores(predictions, shuffled(rng, at_once)[recording]) for at_once in split_draws(n, len(predictions))]
    permuted = {name: np.concatenate([part[name] for part in parts]) for name in found}
    return {
        "between": "subjects" if one_label else "recordings of a subject",
        "n": n,
        "p": {name: _p(permuted[name], value[0]) for name, value in found.items() if np.isfinite(value[0])},
    }


def _p(permuted: Floats, score: float) -> float:
    middle = np.nanmean(permuted)
    spread = middle + MET_TWICE * (permuted - middle)
    return float(1 + np.count_nonzero(spread >= score - _ROUNDING)) / (1 + len(permuted))


def _one_label_a_subject(truth: _Codes, subject: Ints) -> bool:
    return len(np.unique(np.column_stack([subject, truth]), axis=0)) == len(np.unique(subject))


def _between(truth: _Codes, subject: Ints) -> Callable[[np.random.Generator, int], _Codes]:
    of_subject = truth[np.unique(subject, return_index=True)[1]]

    def shuffled(rng: np.random.Generator, n: int) -> _Codes:
        return np.asarray(rng.permuted(np.tile(of_subject[:, None], (1, n)), axis=0)[subject])

    return shuffled


def _within(truth: _Codes, subject: Ints) -> Callable[[np.random.Generator, int], _Codes]:
    home = np.argsort(subject, kind="stable")

    def shuffled(rng: np.random.Generator, n: int) -> _Codes:
        out = np.empty((len(truth), n), dtype=np.int16)
        for column in range(n):
            out[home, column] = truth[np.lexsort((rng.random(len(truth)), subject))]
        return out

    return shuffled


# Not `metrics.score`, which scores one set of labels: this scores a thousand at once. A test checks that they agree.
def _scores(predictions: Predictions, truth: _Codes) -> dict[str, Floats]:
    """Return AUC and macro F1 (and F1 of the positive class) under each column of labels, averaged over repeats."""
    repeats = [_of_repeat(predictions, rows, truth) for rows in predictions.of_repeats()]
    return {name: np.mean([scores[name] for scores in repeats], axis=0) for name in repeats[0]}


def _of_repeat(predictions: Predictions, rows: Ints, truth: _Codes) -> dict[str, Floats]:
    f1 = np.stack([_f1(truth[rows] == k, predictions.predicted[rows] == k) for k in range(len(predictions.classes))])
    p = predictions.probability
    of_classes = [
        nanmean(np.stack([_auc(truth[fold] == k, p[fold, k]) for fold in predictions.of_folds(rows)]))
        for k in predictions.asked
    ]
    scores = {} if predictions.place is None else {"f1": f1[predictions.place]}
    return scores | {"macro_f1": nanmean(f1), "auc": nanmean(np.stack(of_classes))}


def _f1(is_true: Mask, is_said: Mask) -> Floats:
    there = is_true.sum(axis=0)
    return np.where(there > 0, 2 * (is_said @ is_true.astype(float)) / np.maximum(there + is_said.sum(), 1), np.nan)


def _auc(positive: Mask, p: Floats) -> Floats:
    """Mann and Whitney's U by ranks: one sort for all columns of labels [n, N]."""
    n_positive = positive.sum(axis=0)
    pairs = n_positive * (len(p) - n_positive)
    won = rankdata(p) @ positive.astype(float) - n_positive * (n_positive + 1) / 2
    return np.asarray(np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0))
