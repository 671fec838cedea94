"""Grouped stacking: base learners on views, combined by a meta-learner that is fitted on out-of-fold scores.

scikit-learn's `StackingClassifier` does not support groups: its inner folds leak subjects into the meta-learner. This
stacker makes grouped inner folds itself and requests `groups` by metadata routing, so that it can be nested.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import copy
from itertools import combinations
from typing import Any, Self

import joblib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from pdmr_classic.alignment import align_rows
from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.models.ensemble._combiner import WEIGHTED_AVERAGE, Combiner, cross_fit_combiner
from pdmr_classic.models.ensemble.fold_data import FITTED_MODALITY, FoldData, have_all_classes, make_fold_data
from pdmr_classic.models.ensemble.oof_scores import compute_oof_scores
from pdmr_classic.models.ensemble.views import find_modalities
from pdmr_classic.models.learners.learners import LEARNERS, count_votes, erase_feature_ranges, fit_member, raw_scores
from pdmr_classic.models.learners.member import Member, default_members
from pdmr_classic.sample_weights import check_weights
from pdmr_classic.splits import count_feasible_folds
from pdmr_classic.text import format_count
from pdmr_classic.workers import use_one_thread

_Modalities = frozenset[str]


class GroupedStacker(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Stack base learners on views, without any subject in both training and test rows of an inner fold.

    Columns named `view__channel__functional` are grouped into modalities by the part before the first `__`;
    `quality__…` columns are never used. A modality is missing in a row if all its values are NaN. There is one
    meta-learner per set of available modalities; nothing is imputed across modalities.

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
        if groups is None:
            raise ValueError("groups are required: without them, a subject could be in both training and test")
        X, y, groups, sample_weight = align_rows(X=X, y=y, groups=groups, sample_weight=sample_weight)
        table, labels = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        check_classification_targets(labels)
        groups = np.asarray(groups)
        check_consistent_length(table, labels, groups)
        weights = check_weights(sample_weight, len(table))
        n_folds = count_feasible_folds(labels, groups, self.folds)
        count_feasible_folds(labels[weights > 0], groups[weights > 0], self.folds)
        classes, codes = np.unique(labels, return_inverse=True)
        fold_data = make_fold_data(
            table,
            getattr(self, "feature_names_in_", None),
            codes,
            groups,
            n_folds=n_folds,
            repeats=self.repeats,
            seed=self.random_state,
            weights=weights,
        )
        members = self.members if self.members is not None else default_members(fold_data.views, self.learners)
        members = [member for member in members if member.view in fold_data.views]
        oof = compute_oof_scores(members, fold_data, self.random_state, jobs=self.jobs)
        return self.fit_oof_scores(members, oof.scores, fold_data, classes)

    def fit_oof_scores(
        self, members: Sequence[Member], scores: Sequence[Floats], fold_data: FoldData, classes: NDArray[Any]
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
        """
        self.classes_, self.n_features_in_ = classes, fold_data.X.shape[1]
        if fold_data.names is not None:
            self.feature_names_in_ = np.asarray(fold_data.names, dtype=object)
        self.members_ = list(members)
        self.views_ = fold_data.views
        self.columns_ = fold_data.columns
        self.fold_fitted_ = fold_data.fold_fitted
        self.models_ = self._fit_final_models(fold_data)
        with use_one_thread():
            self._fit_combiners(fold_data.drop_features(), scores)
        return self

    def select_members(self, names: Collection[str]) -> Self:
        """Return a stack of some of the members, combined anew on their out-of-fold scores.

        No base learner is fitted again. The stack must have been fitted in this process: saved models have no
        out-of-fold scores.

        Parameters
        ----------
        names : collection of str
            Names of members, such as "video/svm".

        Examples
        --------
        >>> import numpy as np
        >>> X = np.random.default_rng(0).normal(size=(40, 3))
        >>> stacker = GroupedStacker(learners=["svm", "linear"], folds=2, repeats=1)
        >>> stacker = stacker.fit(X, np.arange(40) % 2, groups=np.arange(40))
        >>> [member.name for member in stacker.members_], stacker.select_members(["all/svm"]).predict_proba(X).shape
        (['all/svm', 'all/linear'], (40, 2))
        """
        part = copy(self)
        part.members_ = [member for member in self.members_ if member.name in names]
        views = {member.view for member in part.members_}
        part.views_ = {name: view for name, view in self.views_.items() if name in views}
        scores = [self.oof_scores_[k] for k, member in enumerate(self.members_) if member.name in names]
        with use_one_thread():
            part._fit_combiners(self.training_rows_, scores)
        return part

    def _fit_final_models(self, fold_data: FoldData) -> dict[str, Pipeline]:
        tasks = (
            joblib.delayed(fit_member)(member, data.final_features, data.y, data.audio, self.random_state, data.weights)
            for member in self.members_
            for data in [fold_data.view_data[member.view]]
        )
        fitted = joblib.Parallel(n_jobs=self.jobs)(tasks)
        models = {member.name: model for member, model in zip(self.members_, fitted, strict=True)}
        for model in models.values():
            erase_feature_ranges(model)
        return models

    def _fit_combiners(self, fold_data: FoldData, scores: Sequence[Floats]) -> None:
        self.training_rows_, self.oof_scores_ = fold_data, list(scores)
        self.combiners_: dict[_Modalities, Combiner] = {}
        self.losses_: dict[_Modalities, dict[str, float]] = {}
        self.findings_: list[Finding] = []
        probability: dict[_Modalities, Floats] = {}
        for modalities in self._modality_sets():
            members = self._usable_members(modalities)
            all_columns = np.hstack([scores[k] for k in members])
            rows = np.asarray(np.isfinite(all_columns).all(axis=1))
            columns, y = all_columns[rows], fold_data.y[rows]
            groups, weights = fold_data.groups[rows], fold_data.weights[rows]
            index = np.cumsum(rows) - 1
            folds = [(index[train[rows[train]]], index[test[rows[test]]]) for train, test in fold_data.folds]
            if not have_all_classes(folds, y, weights, len(self.classes_)):
                self.findings_.append(self._describe_fallback(modalities, int(rows.sum())))
                continue
            widths = [scores[k].shape[1] for k in members]
            names = [self.members_[k].name for k in members]
            votes = count_votes([self.members_[k] for k in members])
            cross_fitted = cross_fit_combiner(columns, y, groups, folds, widths, names, weights, votes)
            self.losses_[modalities] = cross_fitted.losses
            is_used = weights > 0
            combiner = Combiner(widths, names, votes=votes)
            self.combiners_[modalities] = combiner.fit(columns[is_used], y[is_used], weights[is_used], groups[is_used])
            probability[modalities] = np.full((len(rows), len(self.classes_)), np.nan)
            probability[modalities][rows] = cross_fitted.probability
        self.oof_probability_ = np.full((len(fold_data.y), len(self.classes_)), np.nan)
        for modalities in self._modality_sets():
            is_exact = self._has_exactly(modalities, fold_data.present)
            self.oof_probability_[is_exact] = probability[self._find_fitted(modalities)][is_exact]

    def _find_fitted(self, modalities: _Modalities) -> _Modalities:
        """Return the modalities of the combiner for recordings with these: all of them, or the best fitted subset."""
        fitted = [subset for subset in self.combiners_ if subset <= modalities]
        return max(fitted, key=lambda subset: (len(subset), -self.losses_[subset][WEIGHTED_AVERAGE]))

    def _describe_fallback(self, modalities: _Modalities, n_rows: int) -> Finding:
        # Smaller sets come first, so that the fallback has been fitted.
        names, fallback = " and ".join(sorted(modalities)), " and ".join(sorted(self._find_fitted(modalities)))
        what = f"too few training recordings have {names}: recordings with these are predicted from {fallback} only"
        return Finding("too-few-joint", what, found=format_count(n_rows, "recording"))

    def _modality_sets(self) -> list[_Modalities]:
        """Return all sets of modalities for which there is a member."""
        trained = sorted({modality for view in self.views_.values() for modality in view.needs})
        subsets = [frozenset(names) for size in range(1, len(trained) + 1) for names in combinations(trained, size)]
        return [modalities for modalities in subsets if self._usable_members(modalities)]

    def _usable_members(self, modalities: _Modalities) -> list[int]:
        return [k for k, member in enumerate(self.members_) if self.views_[member.view].needs <= modalities]

    def _has_exactly(self, modalities: _Modalities, present: dict[str, Mask]) -> Mask:
        trained = {modality for view in self.views_.values() for modality in view.needs}
        return np.asarray(np.stack([present[name] == (name in modalities) for name in trained]).all(axis=0))

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return class probabilities, shape [n, K]; NaN for rows without any of the trained modalities."""
        check_is_fitted(self)
        table = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        present = find_modalities(table, self.columns_)
        scores = [self._member_scores(member, table, present) for member in self.members_]
        with use_one_thread():
            return self.combine(scores, present)

    def combine(self, scores: Sequence[Floats], present: dict[str, Mask]) -> Floats:
        """Return class probabilities [n, K] from the scores [n, S] of each member and the masks of each modality."""
        probability = np.full((len(scores[0]), len(self.classes_)), np.nan)
        for modalities in self._modality_sets():
            rows, fitted = self._has_exactly(modalities, present), self._find_fitted(modalities)
            columns = np.hstack([scores[k][rows] for k in self._usable_members(fitted)])
            is_finite = np.isfinite(columns).all(axis=1)
            if is_finite.any():
                probability[np.flatnonzero(rows)[is_finite]] = self.combiners_[fitted].predict_proba(columns[is_finite])
        return probability

    def _member_scores(self, member: Member, X: Floats, present: dict[str, Mask]) -> Floats:
        view = self.views_[member.view]
        rows = view.rows(present)
        width = 1 if len(self.classes_) == 2 else len(self.classes_)
        scores = np.full((len(X), width), np.nan)
        if rows.any():
            features = X[rows][:, view.columns]
            if FITTED_MODALITY in view.needs and self.fold_fitted_:
                features = np.hstack([features, self.fold_fitted_.transform(X[rows])])
            scores[rows] = raw_scores(self.models_[member.name], features)
        return scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each row.

        Raises
        ------
        DataError
            A row has none of the modalities that the stacker was trained on.
        """
        probability = self.predict_proba(X)
        missing = np.isnan(probability).any(axis=1)
        if missing.any():
            raise DataError(
                f"{format_count(missing.sum(), 'row has', 'rows have')} no modality that was used in training",
                code="no-modality",
                expected=" or ".join(sorted({name for view in self.views_.values() for name in view.needs})),
            )
        return np.asarray(self.classes_[np.argmax(probability, axis=1)])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
