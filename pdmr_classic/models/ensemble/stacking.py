"""The grouped stacker: base learners on views, joined by a meta-learner that saw out-of-fold scores only.

scikit-learn's `StackingClassifier` cannot be grouped: its inner folds leak subjects into the meta-learner. This one
turns the splitter into index lists for the rows at hand, and asks metadata routing for `groups`, so that it nests.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Self

import joblib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.errors import DataError
from pdmr_classic.models.ensemble._combiner import Choice, Combiner, choose_combination
from pdmr_classic.models.ensemble.fold_data import FITTED_MODALITY, FoldData, make_fold_data
from pdmr_classic.models.ensemble.sample_weights import check_weights
from pdmr_classic.models.ensemble.tuning import oof_columns
from pdmr_classic.models.ensemble.views import find_modalities
from pdmr_classic.models.learners.learners import LEARNERS, erase_ranges, fit_member, raw_scores
from pdmr_classic.models.learners.member import Member, default_members
from pdmr_classic.splits import feasible_folds
from pdmr_classic.text import format_count
from pdmr_classic.workers import one_thread

_Modalities = frozenset[str]


class GroupedStacker(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Stack base learners over views so that no subject is on both sides of any inner split.

    Columns named `view__channel__functional` are grouped into modalities by the part before the first `__`;
    `quality__…` is never learned from. A row without any value of a modality lacks it: the meta-learner exists once
    for each set of modalities, and a row uses the one that fits. Nothing is imputed across modalities.

    Parameters
    ----------
    members : sequence of Member, optional
        Learners on views with their parameters; default: each of `learners` on each view, with default parameters.
    learners : sequence of str
        Names of `LEARNERS`.
    folds, repeats : int
        Of the inner, grouped folds.
    random_state : int
    jobs : int
        Processes; the result does not depend on it.

    Attributes
    ----------
    classes_ : ndarray
    members_ : list of Member
        In the order of the meta-learners' columns.
    models_ : dict of str to Pipeline
        Each member fitted on all rows of its view.
    feature_names_in_ : ndarray of str
        Where the columns have names; predictions must then have the same.
    oof_probability_ : ndarray, shape [n, K]
        Of every training row, from learners and meta-learner that did not see its subject; NaN where impossible.

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

    # Asked of metadata routing by default: a stacker without groups would leak in silence.
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

        Parameters
        ----------
        X : DataFrame or ndarray, shape [n, F]
            NaN where a value is unknown.
        y : array-like, shape [n]
        groups : array-like, shape [n]
            The subject of each row.
        sample_weight : array-like of float, shape [n], optional
            How much each row counts for learners, calibrators and meta-learners; folds are made of all rows, and a row
            of weight 0 is only predicted.

        Raises
        ------
        ValueError
            `groups` is missing, or a weight is none.
        DataError
            There are too few classes or subjects.
        """
        if groups is None:
            raise ValueError("groups must be given: without them a subject could stand on both sides of a split")
        table, labels = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        check_classification_targets(labels)
        groups = np.asarray(groups)
        check_consistent_length(table, labels, groups)
        weights = check_weights(sample_weight, len(table))
        n_folds = feasible_folds(labels, groups, self.folds)
        feasible_folds(labels[weights > 0], groups[weights > 0], self.folds)
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
        columns = oof_columns(members, fold_data, self.random_state, jobs=self.jobs)
        return self.fit_columns(members, columns, fold_data, classes)

    def fit_columns(
        self, members: Sequence[Member], columns: Sequence[Floats], fold_data: FoldData, classes: NDArray[Any]
    ) -> Self:
        """Fit on the out-of-fold scores that members have already made.

        Parameters
        ----------
        members : sequence of Member
        columns : sequence of ndarray, shape [n, S]
            Of each member, as `oof_columns` makes them.
        fold_data : FoldData
            Its folds are used instead of `folds` and `repeats`.
        classes : ndarray, shape [K]
            Names of its class numbers.
        """
        self.classes_, self.n_features_in_ = classes, fold_data.X.shape[1]
        if fold_data.names is not None:
            self.feature_names_in_ = np.asarray(fold_data.names, dtype=object)
        self.members_ = list(members)
        self.views_ = fold_data.views
        self.columns_ = fold_data.columns
        self.fitted_ = fold_data.fitted
        self.models_ = self._fit_final_models(fold_data)
        with one_thread():
            self._fit_combiners(fold_data, columns)
        return self

    def _fit_final_models(self, fold_data: FoldData) -> dict[str, Pipeline]:
        tasks = (
            joblib.delayed(fit_member)(member, data.all_rows, data.y, data.audio, self.random_state, data.weights)
            for member in self.members_
            for data in [fold_data.view_data[member.view]]
        )
        fitted = joblib.Parallel(n_jobs=self.jobs)(tasks)
        models = {member.name: model for member, model in zip(self.members_, fitted, strict=True)}
        for model in models.values():
            erase_ranges(model)
        return models

    def _fit_combiners(self, fold_data: FoldData, columns: Sequence[Floats]) -> None:
        self.combiners_: dict[_Modalities, Combiner] = {}
        self.choices_: dict[_Modalities, Choice] = {}
        self.oof_probability_ = np.full((len(fold_data.y), len(self.classes_)), np.nan)
        for modalities in self._sets_of_modalities():
            places = self._usable(modalities)
            joined = np.hstack([columns[place] for place in places])
            rows = np.asarray(np.isfinite(joined).all(axis=1))
            number = np.cumsum(rows) - 1
            folds = [(number[train[rows[train]]], number[test[rows[test]]]) for train, test in fold_data.folds]
            x, y, groups, weights = joined[rows], fold_data.y[rows], fold_data.groups[rows], fold_data.weights[rows]
            widths = [columns[place].shape[1] for place in places]
            names = [self.members_[place].name for place in places]
            choice, probability = choose_combination(x, y, groups, folds, widths, names, weights)
            self.choices_[modalities] = choice
            counts = weights > 0
            combiner = Combiner(widths, choice.how, names)
            self.combiners_[modalities] = combiner.fit(x[counts], y[counts], weights[counts], groups[counts])
            exactly = self._have_exactly(modalities, fold_data.present)
            self.oof_probability_[exactly & rows] = probability[exactly[rows]]

    def _sets_of_modalities(self) -> list[_Modalities]:
        """Return every set of modalities for which there is a member."""
        trained = sorted({modality for view in self.views_.values() for modality in view.needs})
        sets = [frozenset(chosen) for size in range(1, len(trained) + 1) for chosen in combinations(trained, size)]
        return [modalities for modalities in sets if self._usable(modalities)]

    def _usable(self, modalities: _Modalities) -> list[int]:
        return [place for place, member in enumerate(self.members_) if self.views_[member.view].needs <= modalities]

    def _have_exactly(self, modalities: _Modalities, present: dict[str, Mask]) -> Mask:
        trained = {modality for view in self.views_.values() for modality in view.needs}
        return np.asarray(np.stack([present[name] == (name in modalities) for name in trained]).all(axis=0))

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return class probabilities, shape [n, K]; NaN for a row that has no modality the stacker was trained on."""
        check_is_fitted(self)
        table = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        present = find_modalities(table, self.columns_)
        columns = [self._member_scores(member, table, present) for member in self.members_]
        with one_thread():
            return self.join(columns, present)

    def join(self, columns: Sequence[Floats], present: dict[str, Mask]) -> Floats:
        """Return class probabilities [n, K] from each member's scores [n, S] and the modalities that rows have."""
        probability = np.full((len(columns[0]), len(self.classes_)), np.nan)
        for modalities, combiner in self.combiners_.items():
            rows = self._have_exactly(modalities, present)
            joined = np.hstack([columns[place][rows] for place in self._usable(modalities)])
            known = np.isfinite(joined).all(axis=1)
            if known.any():
                probability[np.flatnonzero(rows)[known]] = combiner.predict_proba(joined[known])
        return probability

    def _member_scores(self, member: Member, X: Floats, present: dict[str, Mask]) -> Floats:
        view = self.views_[member.view]
        rows = view.rows(present)
        width = 1 if len(self.classes_) == 2 else len(self.classes_)
        scores = np.full((len(X), width), np.nan)
        if rows.any():
            seen = X[rows][:, view.columns]
            if FITTED_MODALITY in view.needs and self.fitted_:
                seen = np.hstack([seen, self.fitted_.transform(X[rows])])
            scores[rows] = raw_scores(self.models_[member.name], seen)
        return scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each row.

        Raises
        ------
        DataError
            A row has no modality the stacker was trained on.
        """
        probability = self.predict_proba(X)
        unknown = np.isnan(probability).any(axis=1)
        if unknown.any():
            raise DataError(
                f"{format_count(unknown.sum(), 'row has', 'rows have')} no modality that the stacker was trained on",
                code="no-modality",
                expected=" or ".join(sorted({name for view in self.views_.values() for name in view.needs})),
            )
        return np.asarray(self.classes_[np.argmax(probability, axis=1)])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
