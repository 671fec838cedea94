"""Attribute inference: whether a label column, such as gender, can be predicted for unseen people."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.errors import ConfigError
from pdmr_classic.evaluation.identity._attackers import Standardise
from pdmr_classic.evaluation.identity._boosting import make_boosting
from pdmr_classic.evaluation.identity._estimates import RowScores
from pdmr_classic.evaluation.identity._rows import Rows, Spaces, find_usable, make_subject_folds
from pdmr_classic.text import format_list
from pdmr_classic.workers import use_one_thread

DEFAULT_COLUMNS = ("gender", "sex")
_MAX_VALUES = 5
_MIN_SUBJECTS = 4
_MIN_ROWS_OF_BOOSTING = 40


def select_attributes(labels: pd.DataFrame | None, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns to infer: those that are named, or gender where there is such a column.

    Raises
    ------
    ConfigError
        A column is not in the label table.
    """
    names = [] if labels is None else [str(name) for name in labels.columns]
    unknown = [name for name in columns if name not in names]
    if unknown:
        raise ConfigError(
            "--attribute names a column that is not in the label table",
            expected=format_list(names, 20) or "a label table",
            found=format_list(map(repr, unknown)),
        )
    return columns or tuple(name for name in names if name.casefold() in DEFAULT_COLUMNS)


def binary_targets(column: pd.Series, rows: Rows) -> dict[str, Floats]:
    """Return what is inferred: 1 for a value, or for a number above the median, else 0; NaN for an empty cell.

    Parameters
    ----------
    column : Series of str, length n
    rows : Rows

    Returns
    -------
    dict of str to ndarray, shape [n]
        One entry for two values, otherwise one for each value that enough subjects have.

    Raises
    ------
    ConfigError
        There are too many values, or too few subjects with different ones.
    """
    cells = column.fillna("").astype(str).str.strip()
    values = sorted({*cells} - {""})
    known = (cells != "").to_numpy()
    numbers = pd.to_numeric(cells.where(known), errors="coerce")
    if len(values) > _MAX_VALUES and numbers[known].notna().all():
        median = float(numbers.median())
        targets = {f"above {median:g}": np.where(known, (numbers > median).astype(float), np.nan)}
    else:
        names = values[-1:] if len(values) == 2 else values[: _MAX_VALUES + 1]
        targets = {value: np.where(known, (cells == value).to_numpy(dtype=float), np.nan) for value in names}
    usable = {name: target for name, target in targets.items() if _count_subjects(target, rows) >= _MIN_SUBJECTS}
    if len(targets) > _MAX_VALUES or not usable:
        raise ConfigError(
            f"--attribute {column.name} cannot be inferred",
            expected=f"numbers, or at most {_MAX_VALUES} values, of which two have {_MIN_SUBJECTS} subjects each",
            found=f"{len(values)} values",
            hint="choose a column that groups of people share, such as gender or age",
        )
    return usable


def can_infer(column: pd.Series, groups: pd.Series) -> bool:
    """Return whether enough subjects have different values of a column."""
    subject = pd.factorize(groups)[0]
    try:
        binary_targets(column, Rows(subject, np.zeros_like(subject)))
    except ConfigError:
        return False
    return True


def _count_subjects(target: Floats, rows: Rows) -> int:
    return min(len(np.unique(rows.subject[target == side])) for side in (0.0, 1.0))


def infer_attribute(spaces: Spaces, train_rows: Rows, test_rows: Rows, known: Floats, truth: Floats, seed: int) -> Any:
    """Predict an attribute of unseen subjects with the classifier and form that was best among training subjects.

    Parameters
    ----------
    spaces : Spaces
    train_rows, test_rows : Rows
    known, truth : ndarray, shapes [n] and [m]
        The attribute of the training rows, and of those to predict: 1, 0, or NaN.

    Returns
    -------
    RowScores
    """
    usable = np.isfinite(known)
    rows, target = train_rows.select(usable), known[usable] == 1
    forms = {name: values[usable] for name, values in spaces.train.items()}
    kind, form = _choose(forms, rows, target, seed)
    scores = _predict(kind, forms[form], rows, target, spaces.test[form], test_rows, seed)
    scored = np.isfinite(truth)
    return RowScores(np.where(scored, scores, np.nan), truth == 1, test_rows.label, test_rows.subject)


def _choose(forms: dict[str, Floats], rows: Rows, target: Mask, seed: int) -> tuple[str, str]:
    kinds = ["linear", "boosting"] if len(rows) >= _MIN_ROWS_OF_BOOSTING else ["linear"]
    candidates = list(product(kinds, forms))
    if len(candidates) == 1 or len(np.unique(rows.subject)) < _MIN_SUBJECTS:
        return candidates[0]
    aucs = np.full((2, len(candidates)), 0.5)
    weights = np.ones((int(rows.subject.max()) + 1, 1))
    for fold, (train, test) in enumerate(make_subject_folds(rows, seed, 2)):
        part, held = rows.select(train), rows.select(test)
        for k, (kind, form) in enumerate(candidates):
            scores = _predict(kind, forms[form][train], part, target[train], forms[form][test], held, seed)
            aucs[fold, k] = np.nan_to_num(
                RowScores(scores, target[test], held.label, held.subject).auc(weights)[0], nan=0.5
            )
    return candidates[int(np.argmax(np.round(aucs.mean(axis=0), 6)))]


def _predict(
    kind: str, train: Floats, train_rows: Rows, target: Mask, test: Floats, test_rows: Rows, seed: int
) -> Floats:
    """Return the scores of test rows; NaN for rows without this form, and if training rows have one value only."""
    known, usable = find_usable(train), find_usable(test)
    scores = np.full(len(test), np.nan)
    if len(np.unique(target[known])) < 2 or not usable.any():
        return scores
    rows = train_rows.select(known)
    with use_one_thread():
        standardise = Standardise().fit(train[known], rows)
        Z = standardise.transform(train[known], rows)
        model = _make_classifier(kind, Z.shape, seed).fit(Z, target[known])
        Z_test = standardise.transform(test[usable], test_rows.select(usable))
        if kind == "boosting":
            scores[usable] = model.booster_.predict(Z_test, raw_score=True)
        else:
            scores[usable] = model.decision_function(Z_test)
    return scores


def _make_classifier(kind: str, shape: tuple[int, ...], seed: int) -> Any:
    if kind == "boosting":
        return make_boosting(seed, min_child_samples=5, colsample_bytree=0.3)
    n_components = min(40, shape[0] - 1, shape[1])
    solver = "full" if min(shape) < 300 else "randomized"
    return make_pipeline(
        PCA(n_components, svd_solver=solver, random_state=seed),
        LogisticRegression(C=0.01, class_weight="balanced", max_iter=500),
    )
