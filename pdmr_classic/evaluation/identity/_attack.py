"""The best attack on something: which form of it, and which attacker, is chosen on the training subjects."""

from __future__ import annotations

from itertools import product

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.evaluation.identity._attackers import ATTACKERS, attack_pairs, list_attackers
from pdmr_classic.evaluation.identity._pair_scores import PairScores
from pdmr_classic.evaluation.identity._rows import Rows, Spaces, make_subject_folds

_INNER_FOLDS = 2
_TOLERANCE = 0.02


def attack(spaces: Spaces, train_rows: Rows, test_rows: Rows, seed: int) -> PairScores:
    """Score the pairs of the attacked subjects with the attack that was best among the training subjects.

    Parameters
    ----------
    spaces : Spaces
    train_rows, test_rows : Rows
        No subject is in both.
    seed : int
    """
    name, form = _choose(spaces.train, train_rows, seed)
    pairs = attack_pairs(name, spaces.train[form], train_rows, spaces.test[form], test_rows, seed)
    return PairScores(test_rows, *pairs, attacker=f"{name}, {form}" if len(spaces.train) > 1 else name)


def _choose(forms: dict[str, Floats], rows: Rows, seed: int) -> tuple[str, str]:
    """Return the attacker and the form with the highest AUC for pairs of unseen training subjects."""
    candidates = list(product(ATTACKERS, forms))
    aucs = np.full((_INNER_FOLDS, len(candidates)), np.nan)
    if len(np.unique(rows.subject)) >= 2 * _INNER_FOLDS:
        for fold, (train, test) in enumerate(make_subject_folds(rows, seed, _INNER_FOLDS)):
            names = list_attackers(rows.select(train))
            for k, (name, form) in enumerate(candidates):
                if name in names:
                    pairs = attack_pairs(
                        name, forms[form][train], rows.select(train), forms[form][test], rows.select(test), seed
                    )
                    aucs[fold, k] = _auc(PairScores(rows.select(test), *pairs, attacker=name))
    mean = np.nan_to_num(aucs, nan=0.5).mean(axis=0)
    # With nearly equal values, the simplest: the AUC of few training subjects is uncertain.
    return candidates[int(np.argmax(mean >= mean.max() - _TOLERANCE))]


def _auc(scores: PairScores) -> float:
    if not scores.is_defined:
        return np.nan
    return float(scores.verify(np.ones((int(scores.rows.subject.max()) + 1, 1)))[0][0])
