"""Grouped stacking of a score: the same views, folds and preprocessing as for classes, with regressors as members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.errors import DataError
from pdmr_classic.models.ensemble.fold_data import FoldData
from pdmr_classic.models.ensemble.view_stack import CombinerRows, ViewStack
from pdmr_classic.models.learners.member import Member
from pdmr_classic.models.learners.regressors import REGRESSORS
from pdmr_classic.models.severity._blend import Blend, cross_fit_blend
from pdmr_classic.splits import count_feasible_folds
from pdmr_classic.workers import use_one_thread

_SQUARED_ERROR = "squared_error"
_MAX_BINS = 4
_MIN_ROWS = 5


class SeverityStacker(RegressorMixin, ViewStack):  # type: ignore[misc]
    """Stack regressors on views, without any subject in both training and test rows of an inner fold.

    Columns, views and missing modalities are treated as in `GroupedStacker`.

    Parameters
    ----------
    members : sequence of Member, optional
        Learners on views; by default, each of `learners` on each view, with default hyperparameters.
    learners : sequence of str
        Names in `REGRESSORS`.
    folds, repeats : int
        Number of inner grouped folds, and of their repeats.
    shrinkage : float
        See `Blend`.
    random_state : int
    jobs : int
        Number of processes; does not affect the result.

    Attributes
    ----------
    members_ : list of Member
    models_ : dict of str to Pipeline
        Each member, fitted on all rows of its view.
    oof_prediction_ : ndarray, shape [n]
        Predictions of the training rows, from models trained without their subject; NaN if not available.

    References
    ----------
    Wolpert 1992; Breiman 1996 (stacked regressions with non-negative weights).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> subjects = np.repeat(np.arange(20), 3)
    >>> y = 12 + 5 * rng.normal(size=20)[subjects]
    >>> X = y[:, None] + 3 * rng.normal(size=(60, 4))
    >>> stacker = SeverityStacker(learners=["ridge"], repeats=1).fit(X, y, groups=subjects)
    >>> bool(np.corrcoef(stacker.oof_prediction_, y)[0, 1] > 0.8)
    True
    """

    # Requested by default, because without groups the stacker would leak silently.
    __metadata_request__fit = {"groups": True, "sample_weight": True}  # noqa: RUF012

    def __init__(
        self,
        members: Sequence[Member] | None = None,
        *,
        learners: Sequence[str] = tuple(REGRESSORS),
        folds: int = 5,
        repeats: int = 2,
        shrinkage: float = 0.5,
        random_state: int = 0,
        jobs: int = 1,
    ) -> None:
        self.members = members
        self.learners = learners
        self.folds = folds
        self.repeats = repeats
        self.shrinkage = shrinkage
        self.random_state = random_state
        self.jobs = jobs

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit base learners and meta-learners.

        Series and DataFrames are matched by their index, anything else by position.

        Parameters
        ----------
        X : DataFrame or ndarray, shape [n, F]
            May contain NaN.
        y : array-like of float, shape [n]
            Scores, without NaN.
        groups : array-like, shape [n]
            The subject of each row.
        sample_weight : array-like of float, shape [n], optional
            Rows with weight 0 are only predicted.

        Raises
        ------
        ValueError
            `groups` is missing, or `y` or `sample_weight` is not valid.
        DataError
            There are too few subjects, or pandas objects have different indexes.
        """
        table, scores, groups, weights = self._read_input(X, y, groups, sample_weight, y_numeric=True)
        bins = score_bins(scores, groups, self.folds, weights)
        n_folds = count_score_folds(bins[weights > 0], groups[weights > 0], self.folds)
        fold_data = self._make_folds(table, bins, groups, weights, n_folds)
        fold_data = fold_data.replace_target(np.asarray(scores, dtype=np.float64))
        return self.fit_oof_scores(*self._score_members(fold_data), fold_data)

    def fit_oof_scores(self, members: Sequence[Member], scores: Sequence[Floats], fold_data: FoldData) -> Self:
        """Fit on given out-of-fold predictions of the members [n, 1]; `fold_data` replaces `folds` and `repeats`."""
        self._fit_members(members, fold_data)
        with use_one_thread():
            self._fit_combiners(fold_data.drop_features(), scores)
        return self

    @property
    def oof_prediction_(self) -> Floats:
        """Predictions of the training rows, shape [n], from models trained without their subject."""
        return self.oof_[:, 0]

    def _is_trainable(self, part: CombinerRows) -> bool:
        used = [part.y[train[part.weights[train] > 0]] for train, _ in part.folds]
        return all(len(scores) >= _MIN_ROWS and np.ptp(scores) > 0 for scores in used)

    def _cross_fit(self, part: CombinerRows) -> tuple[Floats, dict[str, float]]:
        blend = Blend(part.names, part.votes, self.shrinkage)
        predicted, loss = cross_fit_blend(blend, part.columns, part.y, part.groups, part.folds, part.weights)
        return predicted[:, None], {_SQUARED_ERROR: loss}

    def _fit_combiner(self, part: CombinerRows) -> Blend:
        used = part.weights > 0
        blend = Blend(part.names, part.votes, self.shrinkage)
        return blend.fit(part.columns[used], part.y[used], part.weights[used], part.groups[used])

    def _apply_combiner(self, combiner: Blend, columns: Floats) -> Floats:
        return combiner.predict(columns)[:, None]

    @property
    def _n_outputs(self) -> int:
        return 1

    @property
    def _main_loss(self) -> str:
        return _SQUARED_ERROR

    def predict_scores(self, X: ArrayLike) -> Floats:
        """Return the predicted scores, shape [n]; NaN for rows without any of the trained modalities."""
        return self.predict_outputs(X)[:, 0]

    def predict_modalities(self, X: ArrayLike) -> dict[str, Floats]:
        """Return the scores predicted from each modality alone, shape [n] each; NaN for rows without it."""
        check_is_fitted(self)
        table = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        return {name: outputs[:, 0] for name, outputs in self._predict_by_modality(table).items()}

    def oof_modalities(self) -> dict[str, Floats]:
        """Return the out-of-fold predictions of the training rows from each modality alone, shape [n] each."""
        return {name: self.oof_outputs_[key][:, 0] for key in self.oof_outputs_ if len(key) == 1 for name in key}

    def predict(self, X: ArrayLike) -> Floats:
        """Return the predicted scores, shape [n].

        Raises
        ------
        DataError
            A row has none of the modalities that the stacker was trained on.
        """
        predicted = self.predict_scores(X)
        self._require_modality(np.isnan(predicted))
        return predicted

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def score_bins(scores: Floats, groups: NDArray[Any], n_folds: int, weights: Floats | None = None) -> Ints:
    """Return the bin of each row, so that folds can be stratified: bins of subjects of similar mean score.

    Parameters
    ----------
    scores : ndarray, shape [n]
    groups : ndarray, shape [n]
    n_folds : int
    weights : ndarray, shape [n], optional
        Scores of rows with weight 0 are not used; subjects with only such rows are spread over the bins.

    Returns
    -------
    ndarray of int, shape [n]
        From 0; at most four bins, with at least `n_folds` subjects in each if there are as many.
    """
    _, subject = np.unique(groups, return_inverse=True)
    is_used = np.ones(len(scores), dtype=bool) if weights is None else weights > 0
    n_rows = np.bincount(subject, is_used)
    used = np.flatnonzero(n_rows)
    means = np.bincount(subject, np.where(is_used, scores, 0.0))[used] / n_rows[used]
    n_bins = int(np.clip(len(used) // n_folds, 1, _MAX_BINS))
    bins = np.arange(len(n_rows)) % n_bins
    bins[used] = np.argsort(np.argsort(means, kind="stable"), kind="stable") * n_bins // len(used)
    return np.asarray(bins[subject])


def count_score_folds(bins: Ints, groups: NDArray[Any], n_folds: int) -> int:
    """Return the number of folds to use: `n_folds`, or fewer if there are too few subjects.

    Raises
    ------
    DataError
        There are fewer than two subjects.
    """
    if bins.max() > 0:
        return count_feasible_folds(bins, groups, n_folds)
    n_subjects = len(np.unique(groups))
    if n_subjects < 2:
        raise DataError(
            "cross-validation needs at least two subjects",
            code="too-few-groups",
            expected="several subjects: a model is evaluated on people who were not in its training data",
            found=str(n_subjects),
        )
    return min(n_folds, n_subjects)
