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
from pdmr_classic.models.ensemble.combiner import Choice, Combiner, choose
from pdmr_classic.models.ensemble.fold_data import FITTED_MODALITY, Problem
from pdmr_classic.models.ensemble.sample_weights import as_weights
from pdmr_classic.models.ensemble.tuning import mean_scores, out_of_fold
from pdmr_classic.models.ensemble.views import presence
from pdmr_classic.models.learners.learners import LEARNERS, fit_member, forget_ranges, raw_scores
from pdmr_classic.models.learners.member import Member, default_members
from pdmr_classic.splits import feasible_folds
from pdmr_classic.text import counted
from pdmr_classic.workers import one_thread

Modalities = frozenset[str]


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
    groups_required : bool
        False lets each row be a subject of its own where no groups are given; by default they must be.

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
        groups_required: bool = True,
    ) -> None:
        self.members = members
        self.learners = learners
        self.folds = folds
        self.repeats = repeats
        self.random_state = random_state
        self.jobs = jobs
        self.groups_required = groups_required

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
        if groups is None and self.groups_required:
            raise ValueError("groups must be given: without them a subject could stand on both sides of a split")
        table, labels = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        check_classification_targets(labels)
        groups = np.arange(len(table)) if groups is None else np.asarray(groups)
        check_consistent_length(table, labels, groups)
        weights = as_weights(sample_weight, len(table))
        # These refuse by the labels' names, which the problem does not know.
        feasible_folds(labels, groups, self.folds)
        feasible_folds(labels[weights > 0], groups[weights > 0], self.folds)
        classes, codes = np.unique(labels, return_inverse=True)
        problem = Problem(
            table,
            getattr(self, "feature_names_in_", None),
            codes,
            groups,
            folds=self.folds,
            repeats=self.repeats,
            seed=self.random_state,
            weights=weights,
        )
        return self.fit_problem(problem, classes)

    def fit_problem(self, problem: Problem, classes: NDArray[Any]) -> Self:
        """Fit on a problem that is there already: the one that the members were tuned on.

        Parameters
        ----------
        problem : Problem
            Its folds are used instead of `folds` and `repeats`.
        classes : ndarray, shape [K]
            Names of the problem's class numbers.
        """
        self.classes_, self.n_features_in_ = classes, problem.X.shape[1]
        if problem.names is not None:
            self.feature_names_in_ = np.asarray(problem.names, dtype=object)
        members = self.members if self.members is not None else default_members(problem.views, self.learners)
        self.members_ = [member for member in members if member.view in problem.views]
        self.views_ = problem.views
        self.columns_ = problem.columns
        self.fitted_ = problem.fitted
        with joblib.Parallel(n_jobs=self.jobs) as parallel:
            scores = out_of_fold(self.members_, problem.data, self.random_state, parallel)
            self.models_ = self._fit_all(problem, parallel)
        columns = self._columns(problem, scores)
        with one_thread():
            self._fit_metas(problem, columns)
        return self

    def _fit_all(self, problem: Problem, parallel: joblib.Parallel) -> dict[str, Pipeline]:
        tasks = (
            joblib.delayed(fit_member)(member, data.of_all, data.y, data.audio, self.random_state, data.weights)
            for member in self.members_
            for data in [problem.data[member.view]]
        )
        models = {member.name: model for member, model in zip(self.members_, parallel(tasks), strict=True)}
        for model in models.values():
            forget_ranges(model)
        return models

    def _columns(self, problem: Problem, scores: list[list[Floats]]) -> list[Floats]:
        """Return each member's out-of-fold scores over all rows, shape [n, S]; NaN where it has none."""
        columns = []
        for member, found in zip(self.members_, scores, strict=True):
            data = problem.data[member.view]
            over_all = np.full((len(problem.y), found[0].shape[1]), np.nan)
            over_all[data.rows] = mean_scores(found, data)
            columns.append(over_all)
        return columns

    def _fit_metas(self, problem: Problem, columns: list[Floats]) -> None:
        self.metas_: dict[Modalities, Combiner] = {}
        self.choices_: dict[Modalities, Choice] = {}
        self.oof_probability_ = np.full((len(problem.y), len(self.classes_)), np.nan)
        for modalities in self._sets_of_modalities():
            places = self._usable(modalities)
            joined = np.hstack([columns[place] for place in places])
            rows = np.asarray(np.isfinite(joined).all(axis=1))
            number = np.cumsum(rows) - 1
            folds = [(number[train[rows[train]]], number[test[rows[test]]]) for train, test in problem.folds]
            x, y, groups, weights = joined[rows], problem.y[rows], problem.groups[rows], problem.weights[rows]
            widths = [columns[place].shape[1] for place in places]
            names = [self.members_[place].name for place in places]
            choice, probability = choose(x, y, groups, folds, widths, names, weights)
            self.choices_[modalities] = choice
            heard = weights > 0
            meta = Combiner(widths, choice.how, names)
            self.metas_[modalities] = meta.fit(x[heard], y[heard], weights[heard], groups[heard])
            exactly = self._have_exactly(modalities, problem.present)
            self.oof_probability_[exactly & rows] = probability[exactly[rows]]

    def _sets_of_modalities(self) -> list[Modalities]:
        """Return every set of modalities for which there is a member."""
        trained = sorted({modality for view in self.views_.values() for modality in view.needs})
        sets = [frozenset(chosen) for size in range(1, len(trained) + 1) for chosen in combinations(trained, size)]
        return [modalities for modalities in sets if self._usable(modalities)]

    def _usable(self, modalities: Modalities) -> list[int]:
        return [place for place, member in enumerate(self.members_) if self.views_[member.view].needs <= modalities]

    def _have_exactly(self, modalities: Modalities, present: dict[str, Mask]) -> Mask:
        trained = {modality for view in self.views_.values() for modality in view.needs}
        return np.asarray(np.stack([present[name] == (name in modalities) for name in trained]).all(axis=0))

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return class probabilities, shape [n, K]; NaN for a row that has no modality the stacker was trained on."""
        check_is_fitted(self)
        table = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        present = presence(table, self.columns_)
        columns = [self._member_scores(member, table, present) for member in self.members_]
        with one_thread():
            return self.join(columns, present)

    def join(self, columns: Sequence[Floats], present: dict[str, Mask]) -> Floats:
        """Return class probabilities [n, K] from each member's scores [n, S] and the modalities that rows have."""
        probability = np.full((len(columns[0]), len(self.classes_)), np.nan)
        for modalities, meta in self.metas_.items():
            rows = self._have_exactly(modalities, present)
            joined = np.hstack([columns[place][rows] for place in self._usable(modalities)])
            known = np.isfinite(joined).all(axis=1)
            if known.any():
                probability[np.flatnonzero(rows)[known]] = meta.predict_proba(joined[known])
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
                f"{counted(unknown.sum(), 'row has', 'rows have')} no modality that the stacker was trained on",
                code="no-modality",
                expected=" or ".join(sorted({name for view in self.views_.values() for name in view.needs})),
            )
        return np.asarray(self.classes_[np.argmax(probability, axis=1)])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
