"""What the stacks of classes and of scores share: members on views, and a meta-learner per set of modalities."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Self

import joblib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from pdmr_classic.alignment import align_rows
from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.models.ensemble.fold_data import FoldData, make_fold_data
from pdmr_classic.models.ensemble.oof_scores import compute_oof_scores
from pdmr_classic.models.ensemble.suppression import find_suppression
from pdmr_classic.models.ensemble.views import View, find_modalities, modality_sets
from pdmr_classic.models.learners.learners import count_votes, erase_feature_ranges, fit_member, raw_scores
from pdmr_classic.models.learners.member import Member, default_members
from pdmr_classic.plugins import share_plugins
from pdmr_classic.sample_weights import check_weights
from pdmr_classic.splits import Fold
from pdmr_classic.text import format_count
from pdmr_classic.workers import use_one_thread

Modalities = frozenset[str]


@dataclass(frozen=True, eq=False)
class CombinerRows:
    """What a meta-learner is fitted on: the rows that have the scores of all its members.

    Attributes
    ----------
    rows : ndarray of bool, shape [n]
        Mask of these rows in the full table.
    columns : ndarray, shape [rows, S]
        Out-of-fold scores of the members, side by side.
    y, groups, weights : ndarray, shape [rows]
    folds : list of (train, test)
        Indices of these rows.
    members : list of Member
    widths : list of int
        Number of score columns of each member.
    """

    rows: Mask
    columns: Floats
    y: NDArray[Any]
    groups: NDArray[Any]
    weights: Floats
    folds: list[Fold]
    members: list[Member]
    widths: list[int]

    @property
    def names(self) -> list[str]:
        """Name of each member."""
        return [member.name for member in self.members]

    @property
    def votes(self) -> list[float]:
        """Votes of each member, see `count_votes`."""
        return count_votes(self.members)


def _select_rows(
    fold_data: FoldData, scores: Sequence[Floats], members: Sequence[Member], chosen: Sequence[int]
) -> CombinerRows:
    columns = np.hstack([scores[k] for k in chosen])
    rows = np.asarray(np.isfinite(columns).all(axis=1))
    index = np.cumsum(rows) - 1
    return CombinerRows(
        rows=rows,
        columns=columns[rows],
        y=fold_data.y[rows],
        groups=fold_data.groups[rows],
        weights=fold_data.weights[rows],
        folds=[(index[train[rows[train]]], index[test[rows[test]]]) for train, test in fold_data.folds],
        members=[members[k] for k in chosen],
        widths=[scores[k].shape[1] for k in chosen],
    )


def _too_few_error(modalities: Modalities, n_rows: int) -> DataError:
    return DataError(
        f"too few recordings with {' and '.join(sorted(modalities))} to learn from",
        code="too-few-recordings",
        expected="recordings of several subjects with this modality in every fold",
        found=format_count(n_rows, "recording"),
        hint="add recordings, or leave this modality out",
    )


class ViewStack(BaseEstimator):  # type: ignore[misc]
    """Members on views, combined by one meta-learner per set of available modalities; base of the stacks.

    A subclass says how a meta-learner is fitted (`_cross_fit` and `_fit_combiner`) and applied (`_apply_combiner`).

    Attributes
    ----------
    members_ : list of Member
        In the order of the score columns.
    models_ : dict of str to Pipeline
        Each member, fitted on all rows of its view.
    oof_scores_ : list of ndarray, shape [n, S]
        Scores of the training rows by each member, from models trained without their subject.
    training_rows_ : FoldData
        Targets, subjects, weights and folds of the training rows, without their features.
    oof_ : ndarray, shape [n, W]
        Cross-fitted outputs of the training rows: probabilities, or scores; NaN if not available.
    oof_outputs_ : dict
        Cross-fitted outputs of the training rows for each set of modalities, shape [n, W]; NaN for rows without them.
    losses_ : dict
        Cross-fitted losses for each set of modalities; smaller is better.
    findings_ : list of Finding
    """

    members: Sequence[Member] | None
    learners: Sequence[str]
    repeats: int
    random_state: int
    jobs: int
    members_: list[Member]
    models_: dict[str, Pipeline]
    views_: dict[str, View]
    columns_: dict[str, Ints]

    def _cross_fit(self, part: CombinerRows) -> tuple[Floats, dict[str, float]]:
        """Return cross-fitted outputs [rows, W] and losses."""
        raise NotImplementedError

    def _fit_combiner(self, part: CombinerRows) -> Any:
        raise NotImplementedError

    def _apply_combiner(self, combiner: Any, columns: Floats) -> Floats:
        raise NotImplementedError

    def _is_trainable(self, part: CombinerRows) -> bool:
        raise NotImplementedError

    @property
    def _n_outputs(self) -> int:
        """Number of columns of the result, W."""
        raise NotImplementedError

    @property
    def _main_loss(self) -> str:
        """Name of the loss by which sets of modalities are compared."""
        raise NotImplementedError

    def _read_input(
        self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None, sample_weight: ArrayLike | None, **checks: Any
    ) -> tuple[Floats, NDArray[Any], NDArray[Any], Floats]:
        """Return features, target, subjects and weights, matched and validated; `checks` are of `validate_data`."""
        if groups is None:
            raise ValueError("groups are required: without them, a subject could be in both training and test")
        X, y, groups, sample_weight = align_rows(X=X, y=y, groups=groups, sample_weight=sample_weight)
        table, target = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan", **checks)
        subjects = np.asarray(groups)
        check_consistent_length(table, target, subjects)
        return table, target, subjects, check_weights(sample_weight, len(table))

    def _make_folds(self, table: Floats, codes: Ints, groups: NDArray[Any], weights: Floats, n_folds: int) -> FoldData:
        return make_fold_data(
            table,
            getattr(self, "feature_names_in_", None),
            codes,
            groups,
            n_folds=n_folds,
            repeats=self.repeats,
            seed=self.random_state,
            weights=weights,
        )

    def _score_members(self, fold_data: FoldData) -> tuple[list[Member], list[Floats]]:
        """Return the members on the views that there are, and their out-of-fold scores."""
        members = self.members if self.members is not None else default_members(fold_data.views, self.learners)
        members = [member for member in members if member.view in fold_data.views]
        return members, compute_oof_scores(members, fold_data, self.random_state, jobs=self.jobs).scores

    def _require_modality(self, is_missing: Mask) -> None:
        """Raise if there are rows without any of the modalities that the stack was trained on."""
        if is_missing.any():
            raise DataError(
                f"{format_count(is_missing.sum(), 'row has', 'rows have')} no modality that was used in training",
                code="no-modality",
                expected=" or ".join(sorted({name for view in self.views_.values() for name in view.needs})),
            )

    def _fit_members(self, members: Sequence[Member], fold_data: FoldData) -> None:
        """Fit the final model of each member on all rows, and remember the views."""
        self._set_members(members, fold_data)
        tasks = (
            joblib.delayed(share_plugins(fit_member))(
                member, data.final_features, data.y, data.blocks, self.random_state, data.weights, data.groups
            )
            for member in self.members_
            for data in [fold_data.view_data[member.view]]
        )
        fitted = joblib.Parallel(n_jobs=self.jobs)(tasks)
        self.models_ = {member.name: model for member, model in zip(self.members_, fitted, strict=True)}
        for model in self.models_.values():
            erase_feature_ranges(model)

    def _set_members(self, members: Sequence[Member], fold_data: FoldData) -> None:
        self.n_features_in_ = fold_data.X.shape[1]
        if fold_data.names is not None:
            self.feature_names_in_ = np.asarray(fold_data.names, dtype=object)
        self.members_ = list(members)
        self.views_ = fold_data.views
        self.columns_ = fold_data.columns
        self.fold_fitted_ = fold_data.fold_fitted
        self.models_ = {}

    def refit(self, fold_data: FoldData, scores: Sequence[Floats]) -> Self:
        """Return a stack with the same members, fitted on the same rows with other weights.

        Parameters
        ----------
        fold_data : FoldData
        scores : sequence of ndarray, shape [n, S]
            Out-of-fold scores of each member with these weights.
        """
        other = copy(self)
        other._fit_members(self.members_, fold_data)
        with use_one_thread():
            other._fit_combiners(fold_data.drop_features(), scores)
        return other

    def predict_outputs(self, X: ArrayLike) -> Floats:
        """Return the outputs, shape [n, W]: probabilities, or scores; NaN for rows without a trained modality."""
        check_is_fitted(self)
        table = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        return self._predict_outputs(np.asarray(table))

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
        >>> from pdmr_classic import GroupedStacker
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

    def _fit_combiners(self, fold_data: FoldData, scores: Sequence[Floats]) -> None:
        """Fit a meta-learner for each set of modalities, and cross-fit the outputs of all rows."""
        self.training_rows_, self.oof_scores_ = fold_data, list(scores)
        self.combiners_: dict[Modalities, Any] = {}
        self.losses_: dict[Modalities, dict[str, float]] = {}
        self.findings_: list[Finding] = find_suppression(self.models_)
        self.oof_outputs_: dict[Modalities, Floats] = {}
        for modalities in self._modality_sets():
            part = _select_rows(fold_data, scores, self.members_, self._usable_members(modalities))
            if not self._is_trainable(part):
                if not any(fitted <= modalities for fitted in self.combiners_):
                    raise _too_few_error(modalities, int(part.rows.sum()))
                self.findings_.append(self._describe_fallback(modalities, int(part.rows.sum())))
                continue
            cross_fitted, self.losses_[modalities] = self._cross_fit(part)
            self.combiners_[modalities] = self._fit_combiner(part)
            self.oof_outputs_[modalities] = np.full((len(part.rows), self._n_outputs), np.nan)
            self.oof_outputs_[modalities][part.rows] = cross_fitted
        self.oof_ = np.full((len(fold_data.y), self._n_outputs), np.nan)
        for rows, modalities, _, _ in self._assign_rows(fold_data.present):
            self.oof_[rows] = self.oof_outputs_[modalities][rows]

    def drop_training_rows(self) -> Self:
        """Return a copy without anything that is in the order of the training rows."""
        anonymous = copy(self)
        for name in ("oof_", "oof_outputs_", "oof_scores_", "training_rows_"):
            anonymous.__dict__.pop(name, None)
        return anonymous

    def _find_fitted(self, modalities: Modalities) -> Modalities:
        """Return the modalities of the combiner for recordings with these: all of them, or the best fitted subset."""
        fitted = [subset for subset in self.combiners_ if subset <= modalities]
        return max(fitted, key=lambda subset: (len(subset), -self.losses_[subset][self._main_loss]))

    def _describe_fallback(self, modalities: Modalities, n_rows: int) -> Finding:
        # Smaller sets come first, so that the fallback has been fitted.
        names, fallback = " and ".join(sorted(modalities)), " and ".join(sorted(self._find_fitted(modalities)))
        what = f"too few training recordings have {names}: recordings with these are predicted from {fallback} only"
        return Finding("too-few-joint", what, found=format_count(n_rows, "recording"))

    def _modality_sets(self) -> list[Modalities]:
        """Return the sets of modalities that get a meta-learner, for which there is a member."""
        subsets = modality_sets(self._trained(), self.training_rows_.present)
        return [modalities for modalities in subsets if self._usable_members(modalities)]

    def _trained(self) -> Modalities:
        """Return the modalities that some member needs."""
        return frozenset(modality for view in self.views_.values() for modality in view.needs)

    def _usable_members(self, modalities: Modalities) -> list[int]:
        return [k for k, member in enumerate(self.members_) if self.views_[member.view].needs <= modalities]

    def list_combiners(self) -> list[tuple[Modalities, Any, list[int]]]:
        """Return each fitted set of modalities, its meta-learner, and the members that it combines, best first.

        A row uses the first of which it has all modalities: most modalities, and among sets of equal size, the smallest
        loss in training.
        """
        ordered = sorted(self.combiners_, key=lambda names: (-len(names), self.losses_[names][self._main_loss]))
        return [(names, self.combiners_[names], self._usable_members(names)) for names in ordered]

    def _assign_rows(self, present: dict[str, Mask]) -> Iterator[tuple[Mask, Modalities, Any, list[int]]]:
        """Yield the rows that use each meta-learner; rows without any trained modality are left out."""
        free = np.ones(len(next(iter(present.values()))), dtype=bool)
        for modalities, combiner, members in self.list_combiners():
            rows = free & np.stack([present[name] for name in modalities]).all(axis=0)
            free = free & ~rows
            yield rows, modalities, combiner, members

    def find_ignored(self, X: Floats) -> list[Finding]:
        """Return a finding for each set of modalities of which some rows are predicted from a part only."""
        present = find_modalities(X, self.columns_)
        findings = []
        for rows, used, _, _ in self._assign_rows(present):
            ignored = {name for name in self._trained() - used if present[name][rows].any()}
            if ignored:
                what = (
                    f"{format_count(int(rows.sum()), 'recording is', 'recordings are')} predicted from "
                    f"{' and '.join(sorted(used))}; of these, some also have {' and '.join(sorted(ignored))}"
                )
                hint = "there was no training recording with such a set of modalities, or too few"
                findings.append(Finding("ignored-modality", what, hint=hint))
        return findings

    def _predict_outputs(self, table: Floats) -> Floats:
        """Return the outputs of the stack, shape [n, W]; NaN for rows without any of the trained modalities."""
        present = find_modalities(table, self.columns_)
        scores = [self._member_scores(member, table, present) for member in self.members_]
        with use_one_thread():
            return self.combine(scores, present)

    def _predict_by_modality(self, table: Floats) -> dict[str, Floats]:
        """Return the outputs of the stack from each modality alone, shape [n, W]; NaN for rows without it."""
        present = find_modalities(table, self.columns_)
        scores = [self._member_scores(member, table, present) for member in self.members_]
        absent = {name: np.zeros(len(table), dtype=bool) for name in present}
        single = {name for modalities in self.combiners_ if len(modalities) == 1 for name in modalities}
        with use_one_thread():
            return {name: self.combine(scores, absent | {name: present[name]}) for name in present if name in single}

    def combine(self, scores: Sequence[Floats], present: dict[str, Mask]) -> Floats:
        """Return the outputs [n, W] from the scores [n, S] of each member and the masks of each modality."""
        outputs = np.full((len(scores[0]), self._n_outputs), np.nan)
        for rows, _, combiner, members in self._assign_rows(present):
            columns = np.hstack([scores[k][rows] for k in members])
            is_finite = np.isfinite(columns).all(axis=1)
            if is_finite.any():
                outputs[np.flatnonzero(rows)[is_finite]] = self._apply_combiner(combiner, columns[is_finite])
        return outputs

    def _member_scores(self, member: Member, X: Floats, present: dict[str, Mask]) -> Floats:
        view = self.views_[member.view]
        rows = view.rows(present)
        scores = np.full((len(X), self._n_scores), np.nan)
        if rows.any():
            scores[rows] = raw_scores(self.models_[member.name], self.view_features(view, X[rows]))
        return scores

    def view_features(self, view: View, X: Floats) -> Floats:
        """Return the columns of a view, with those that were fitted in training, of rows that have it."""
        return np.hstack([X[:, view.columns], *(self.fold_fitted_[name].transform(X) for name in view.sources)])

    @property
    def _n_scores(self) -> int:
        """Number of score columns of a member, S."""
        return self._n_outputs if self._n_outputs > 2 else 1
