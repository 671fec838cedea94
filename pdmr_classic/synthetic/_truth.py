"""Ground truth of a synthetic set, and the best score a model could reach with it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.synthetic.plan import SPLITS, STATUS, PlannedRecording
from pdmr_classic.synthetic.signals import BEHAVIOUR_NAMES


def write_truth(folder: Path, plan: list[PlannedRecording], behaviours: list[Floats]) -> None:
    """Write the latent behaviours of every recording and the score ceiling to a new folder."""
    folder.mkdir()
    probability, ceiling = _oracle(plan, np.array(behaviours))
    header = ("data_id", "subject_id", "severity", *BEHAVIOUR_NAMES, "probability")
    for split in SPLITS:
        rows = [
            (r.data_id, r.subject_id, *(f"{x:.6f}" for x in (r.severity, *latent, p)))
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
        F1 of Depression and AUC (mean over folds) of that model, and F1 of always predicting Depression.
    """
    # Neither metrics.score nor GroupedFolds can be used here: imports point only left (see CONTRIBUTING.md).
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score, roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold

    y = np.array([r.status == STATUS[1] for r in plan])
    groups = np.array([r.subject for r in plan])
    n_folds = min(5, len(set(groups[y])), len(set(groups[~y])))
    probability = np.zeros(len(y))
    aucs = []
    for train, test in StratifiedGroupKFold(n_folds, shuffle=True, random_state=0).split(behaviours, y, groups):
        probability[test] = LogisticRegression().fit(behaviours[train], y[train]).predict_proba(behaviours[test])[:, 1]
        if len(set(y[test])) == 2:
            aucs.append(roc_auc_score(y[test], probability[test]))
    prevalence = float(y.mean())
    return probability, {
        "n_recordings": len(y),
        "n_subjects": len(set(groups)),
        "oracle_f1": round(float(f1_score(y, probability >= 0.5)), 6),
        "oracle_auc": round(float(np.mean(aucs)), 6) if aucs else float("nan"),
        "always_positive_f1": round(2 * prevalence / (1 + prevalence), 6),
    }


def write_table(path: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
