"""Grouped stacking: base learners on views, combined by a meta-learner that is fitted on out-of-fold scores.

scikit-learn's `StackingClassifier` does not support groups: its inner folds leak subjects into the meta-learner. This
stacker makes grouped inner folds itself and requests `groups` by metadata routing, so that it can be nested.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from pdmr_classic.arrays import Floats
from pdmr_classic.models.ensemble._combiner import WEIGHTED_AVERAGE, Combiner, cross_fit_combiner
from pdmr_classic.models.ensemble.fold_data import FoldData, have_all_classes
from pdmr_classic.models.ensemble.view_stack import CombinerRows, ViewStack
from pdmr_classic.models.learners.learners import LEARNERS
from pdmr_classic.models.learners.member import Member
from pdmr_classic.splits import count_feasible_folds
from pdmr_classic.workers import use_one_thread


class GroupedStacker(ClassifierMixin, ViewStack):  # type: ignore[misc]
    """Stack base learners on views, without any subject in both training and test rows of an inner fold.

    Columns named `view__channel__functional` are grouped into modalities by the part before the first `__`;
    `quality__…` columns are never used. A modality is missing in a row if all its values are NaN. There is one
    meta-learner per set of available modalities; nothing is imputed across modalities.

    Each modality is a view, and so are several together: with two modalities both, with three or four all and all but
    one, with more only all. With more than four, only sets of modalities that occur in the training rows have a
    meta-learner, and each modality alone; other rows use the best set within theirs.

    Parameters
    ----------
    members : sequence of Member, optional
        Learners on views; by default, each of `learners` on each view, with default hyperparameters.
    learners : sequence of str
        Names in `LEARNERS`.
    folds, repeats : int
        Number of inner grouped folds, and of their repeats.
    random_state : int
    jobs : int
        Number of processes; does not affect the result.

    Attributes
    ----------
    classes_ : ndarray
    members_ : list of Member
        In the order of the score columns.
    models_ : dict of str to Pipeline
        Each member, fitted on all rows of its view.
    feature_names_in_ : ndarray of str
        Only if the columns have names; tables to predict must then have the same names.
    oof_probability_ : ndarray, shape [n, K]
        Probabilities of the training rows, from models trained without their subject; NaN if not available.
    oof_scores_ : list of ndarray, shape [n, S]
        Scores of the training rows by each member, from models trained without their subject.
    training_rows_ : FoldData
        Labels, subjects, weights and folds of the training rows, without their features.

    References
    ----------
    Wolpert 1992 (stacked generalisation).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> subjects = np.repeat(np.arange(20), 3)
    >>> y = subjects % 2
    >>> X = rng.normal(size=(60, 4)) + y[:, None]
    >>> stacker = GroupedStacker(learners=["svm"], repeats=1).fit(X, y, groups=subjects)
    >>> stacker.predict_proba(X).shape
    (60, 2)
    """

    # Requested by default, because without groups the stacker would leak silently.
    __metadata_request__fit = {"groups": True, "sample_weight": True}  # noqa: RUF012

    def __init__(
        self,
        members: Sequence[Member] | None = None,
        *,
        learners: Sequence[str] = tuple(LEARNERS),
        folds: int = 5,
        repeats: int = 2,
        random_state: int = 0,
        jobs: int = 1,
    ) -> None:
        self.members = members
        self.learners = learners
        self.folds = folds
        self.repeats = repeats
        self.random_state = random_state
        self.jobs = jobs

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit base learners, calibrators and meta-learners.

        Series and DataFrames are matched by their index, anything else by position.

        Parameters
        ----------
        X : DataFrame or ndarray, shape [n, F]
            May contain NaN.
        y : array-like, shape [n]
        groups : array-like, shape [n]
            The subject of each row.
        sample_weight : array-like of float, shape [n], optional
            Row weights for learners, calibrators and meta-learners. Folds include all rows; rows with weight 0 are only
            predicted.

        Raises
        ------
        ValueError
            `groups` is missing, or `sample_weight` is not valid.
        DataError
            There are too few classes or subjects, or pandas objects have different indexes.
        """
        table, labels, groups, weights = self._read_input(X, y, groups, sample_weight)
        check_classification_targets(labels)
        n_folds = count_feasible_folds(labels, groups, self.folds)
        count_feasible_folds(labels[weights > 0], groups[weights > 0], self.folds)
        classes, codes = np.unique(labels, return_inverse=True)
        fold_data = self._make_folds(table, codes, groups, weights, n_folds)
        return self.fit_oof_scores(*self._score_members(fold_data), fold_data, classes)

    def fit_oof_scores(
        self,
        members: Sequence[Member],
        scores: Sequence[Floats],
        fold_data: FoldData,
        classes: NDArray[Any],
        *,
        final_models: bool = True,
    ) -> Self:
        """Fit on given out-of-fold scores of the members.

        Parameters
        ----------
        members : sequence of Member
        scores : sequence of ndarray, shape [n, S]
            One array per member, see `compute_oof_scores`.
        fold_data : FoldData
            Replaces the parameters `folds` and `repeats`.
        classes : ndarray, shape [K]
            Class labels, in the order of the class numbers.
        final_models : bool
            Fit the members on all rows; without, the stack can only `combine` scores.
        """
        self.classes_ = classes
        (self._fit_members if final_models else self._set_members)(members, fold_data)
        with use_one_thread():
            self._fit_combiners(fold_data.drop_features(), scores)
        return self

    @property
    def oof_probability_(self) -> Floats:
        """Probabilities of the training rows, shape [n, K], from models trained without their subject."""
        return self.oof_

    def _is_trainable(self, part: CombinerRows) -> bool:
        return have_all_classes(part.folds, part.y, part.weights, len(self.classes_))

    def _cross_fit(self, part: CombinerRows) -> tuple[Floats, dict[str, float]]:
        cross_fitted = cross_fit_combiner(
            part.columns, part.y, part.groups, part.folds, part.widths, part.names, part.weights, part.votes
        )
        return cross_fitted.probability, cross_fitted.losses

    def _fit_combiner(self, part: CombinerRows) -> Combiner:
        is_used = part.weights > 0
        return Combiner(part.widths, part.names, votes=part.votes).fit(
            part.columns[is_used], part.y[is_used], part.weights[is_used], part.groups[is_used]
        )

    def _apply_combiner(self, combiner: Combiner, columns: Floats) -> Floats:
        return combiner.predict_proba(columns)

    @property
    def _n_outputs(self) -> int:
        return len(self.classes_)

    @property
    def _main_loss(self) -> str:
        return WEIGHTED_AVERAGE

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return class probabilities, shape [n, K]; NaN for rows without any of the trained modalities."""
        return self.predict_outputs(X)

    def predict_modalities(self, X: ArrayLike) -> dict[str, Floats]:
        """Return class probabilities from each modality alone, shape [n, K] each; NaN for rows without it."""
        check_is_fitted(self)
        table = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        return self._predict_by_modality(np.asarray(table))

    def oof_modalities(self) -> dict[str, Floats]:
        """Return the out-of-fold probabilities of the training rows from each modality alone, shape [n, K] each."""
        return {name: self.oof_outputs_[key] for key in self.oof_outputs_ if len(key) == 1 for name in key}

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each row.

        Raises
        ------
        DataError
            A row has none of the modalities that the stacker was trained on.
        """
        probability = self.predict_proba(X)
        self._require_modality(np.asarray(np.isnan(probability).any(axis=1)))
        return np.asarray(self.classes_[np.argmax(probability, axis=1)])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
