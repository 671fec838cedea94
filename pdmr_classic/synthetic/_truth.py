"""Ground truth of a synthetic set, and the best score a model could reach with it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.synthetic.conditions import CONDITION_COLUMN, HUMAN
from pdmr_classic.synthetic.plan import SPLITS, STATUS, PlannedRecording
from pdmr_classic.synthetic.signals import BEHAVIOUR_NAMES


def write_truth(folder: Path, plan: list[PlannedRecording], behaviours: list[Floats]) -> None:
    """Write the latent behaviours of every recording and the score ceiling to a new folder."""
    folder.mkdir()
    probability, ceiling = _oracle(plan, np.array(behaviours))
    condition = (CONDITION_COLUMN,) if any(r.interviewer for r in plan) else ()
    header = ("data_id", "subject_id", *condition, "severity", *BEHAVIOUR_NAMES, "probability")
    for split in SPLITS:
        rows = [
            (
                r.data_id,
                r.subject_id,
                *(r.interviewer for _ in condition),
                *(f"{x:.6f}" for x in (r.severity, *latent, p)),
            )
            for r, latent, p in zip(plan, behaviours, probability, strict=True)
            if r.split == split
        ]
        write_table(folder / f"{split}.csv", header, rows)
    (folder / "ceiling.json").write_text(json.dumps(ceiling, indent=2) + "\n", encoding="utf-8")


def _oracle(plan: list[PlannedRecording], behaviours: Floats) -> tuple[Floats, dict[str, float | int]]:
    """Score a logistic model on the latent behaviours of held-out subjects.

    Parameters
    ----------
    plan : list of PlannedRecording
    behaviours : ndarray of shape (n_recordings, len(BEHAVIOURS))

    Returns
    -------
    probability : ndarray of shape (n_recordings,)
        Out-of-fold probability of Depression.
    ceiling : dict
        F1 of Depression and AUC (mean over folds) of that model, and F1 of always predicting Depression. In a set with
        conditions, the model knows the interviewer, and the scores of one that does not are `common_f1`, `common_auc`.
    """
    y = np.array([r.status == STATUS[1] for r in plan])
    groups = np.array([r.subject for r in plan])
    is_human = np.array([r.interviewer == HUMAN for r in plan])[:, None]
    has_condition = any(r.interviewer for r in plan)
    common = _predict_out_of_fold(behaviours, y, groups)
    by_condition = np.hstack([behaviours, is_human, behaviours * is_human])
    best = _predict_out_of_fold(by_condition, y, groups) if has_condition else common
    prevalence = float(y.mean())
    return best.probability, {
        "n_recordings": len(y),
        "n_subjects": len(set(groups)),
        "oracle_f1": best.f1,
        "oracle_auc": best.auc,
        **({"common_f1": common.f1, "common_auc": common.auc} if has_condition else {}),
        "always_positive_f1": round(2 * prevalence / (1 + prevalence), 6),
    }


class _OutOfFold(NamedTuple):
    probability: Floats
    f1: float
    auc: float


def _predict_out_of_fold(columns: Floats, y: Mask, groups: Ints) -> _OutOfFold:
    """Fit a logistic model and score it on held-out subjects."""
    # Neither metrics.score nor GroupedFolds can be used here: imports point only left (see CONTRIBUTING.md).
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score, roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold

    n_folds = min(5, len(set(groups[y])), len(set(groups[~y])))
    probability = np.zeros(len(y))
    aucs = []
    for train, test in StratifiedGroupKFold(n_folds, shuffle=True, random_state=0).split(columns, y, groups):
        probability[test] = LogisticRegression().fit(columns[train], y[train]).predict_proba(columns[test])[:, 1]
        if len(set(y[test])) == 2:
            aucs.append(roc_auc_score(y[test], probability[test]))
    auc = round(float(np.mean(aucs)), 6) if aucs else float("nan")
    return _OutOfFold(probability, round(float(f1_score(y, probability >= 0.5)), 6), auc)


def write_table(path: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
