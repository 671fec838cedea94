"""`CompiledStack`: a fitted grouped stack as plain arrays, without scikit-learn objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.models.compiled.compile import compile_fitted_features, compile_pipeline
from pdmr_classic.models.compiled.steps import Columns, LogOdds, Softmax, Step, store_single
from pdmr_classic.models.ensemble.stacking import GroupedStacker

Modalities = frozenset[str]


@dataclass(frozen=True, eq=False)
class CompiledMember:
    """A base learner: the modalities that it needs, and its steps from the whole table to scores [n, S]."""

    name: str
    needs: Modalities
    steps: tuple[Step, ...]

    def apply(self, X: Floats) -> Floats:
        """Return the scores of rows, shape [n, S]."""
        for step in self.steps:
            X = step.apply(X)
        return X


@dataclass(frozen=True, eq=False)
class CompiledCombiner:
    """The meta-learner of one set of modalities; see `Combiner`.

    Attributes
    ----------
    members : tuple of int
    slopes, weights : ndarray, shape [members]
    biases : ndarray, shape [members, S]
    final_slope : float
    final_bias : ndarray, shape [S]
    """

    members: tuple[int, ...]
    slopes: Floats
    biases: Floats
    weights: Floats
    final_slope: float
    final_bias: Floats

    @classmethod
    def from_combiner(cls, combiner: Any, members: Sequence[int]) -> CompiledCombiner:
        """Return the arrays of a fitted `Combiner` of these members; those without weight are left out."""
        used, final = np.flatnonzero(combiner.weights_ > 0), combiner.final_calibrator_
        calibrators = [combiner.calibrators_[int(k)] for k in used]
        return cls(
            members=tuple(members[int(k)] for k in used),
            slopes=np.array([calibrator.slope_ for calibrator in calibrators]),
            biases=np.array([calibrator.bias_ for calibrator in calibrators]),
            weights=combiner.weights_[used],
            final_slope=final.slope_,
            final_bias=final.bias_,
        )

    def apply(self, scores: Sequence[Floats]) -> Floats:
        """Combine scores [n, S] into probabilities, shape [n, 1] (of the second class) or [n, K]."""
        is_binary = len(self.final_bias) == 1
        to_probability, to_log_odds = Softmax(is_binary), LogOdds(is_binary)
        total = 0.0
        for k, weight in enumerate(self.weights):
            calibrated = to_probability.apply(self.slopes[k] * scores[k] + self.biases[k])
            total = total + weight * to_log_odds.apply(calibrated)
        return to_probability.apply(self.final_slope * np.asarray(total) + self.final_bias)


class CompiledStack:
    """Predicts what a fitted `GroupedStacker` predicts, from plain arrays.

    Parameters
    ----------
    stacker : GroupedStacker
        Fitted.
    single : bool
        Store numbers in single precision: half the size, and probabilities differ by about 1e-7.

    Attributes
    ----------
    classes_ : ndarray, shape [K]
    n_features_in_ : int
    columns_ : dict of str to ndarray of int
        Column indices of each modality.
    fitted_ : tuple of Step
        Features that are fitted in folds: additional columns of the table, after its own.
    members_ : dict of int to CompiledMember
        By their number in the stacker; those that are not used are left out.
    combiners_ : dict of frozenset of str to CompiledCombiner
        For each fitted set of modalities, best first: a row uses the first of which it has all modalities.

    Raises
    ------
    ConfigError
        A part of the model has no compiled form.

    Examples
    --------
    >>> from pdmr_classic import GroupedStacker
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> stacker = GroupedStacker(learners=["lightgbm", "linear"], folds=2, repeats=1)
    >>> stacker = stacker.fit(X, np.arange(40) % 2, groups=np.arange(40))
    >>> bool(np.allclose(CompiledStack(stacker).predict_proba(X), stacker.predict_proba(X)))
    True
    """

    def __init__(self, stacker: GroupedStacker, *, single: bool = False) -> None:
        self.classes_, self.n_features_in_ = stacker.classes_, stacker.n_features_in_
        used = {name for view in stacker.views_.values() for name in view.sources}
        fitted = {
            name: compile_fitted_features(stacker.fold_fitted_[name]) for name in stacker.fold_fitted_ if name in used
        }
        self.fitted_ = tuple(step for steps in fitted.values() for step in steps)
        widths = {name: sum(step.width for step in steps) for name, steps in fitted.items()}
        places = np.split(self.n_features_in_ + np.arange(sum(widths.values())), np.cumsum([*widths.values()]))
        places_of = dict(zip(widths, places, strict=False))
        self.combiners_ = {
            modalities: CompiledCombiner.from_combiner(combiner, members)
            for modalities, combiner, members in stacker.list_combiners()
        }
        self.members_: dict[int, CompiledMember] = {}
        for k in sorted({k for combiner in self.combiners_.values() for k in combiner.members}):
            member = stacker.members_[k]
            view = stacker.views_[member.view]
            columns = np.concatenate([view.columns, *(places_of[name] for name in view.sources)])
            steps = compile_pipeline(stacker.models_[member.name], Columns(columns))
            if single:
                steps = tuple(store_single(step) for step in steps)
            self.members_[k] = CompiledMember(member.name, view.needs, steps)
        trained = {modality for modalities in self.combiners_ for modality in modalities}
        self.columns_ = {modality: columns for modality, columns in stacker.columns_.items() if modality in trained}

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return class probabilities, shape [n, K]; NaN for rows without any of the trained modalities.

        Parameters
        ----------
        X : array-like, shape [n, F]
            In the order of the training columns; names are not checked. NaN marks missing values.

        Raises
        ------
        ValueError
            The number of columns differs from that in training.
        """
        table = np.asarray(X, dtype=np.float64)
        if table.ndim != 2 or table.shape[1] != self.n_features_in_:
            raise ValueError(f"X must have shape [n, {self.n_features_in_}], got {list(table.shape)}")
        if self.fitted_:
            table = np.hstack([table, *(step.apply(table) for step in self.fitted_)])
        n_classes = len(self.classes_)
        probability = np.full((len(table), n_classes), np.nan)
        for rows, combiner in self._group_rows(table):
            part = table if len(rows) == len(table) else table[rows]
            combined = combiner.apply([self.members_[k].apply(part) for k in combiner.members])
            probability[rows] = np.hstack([1 - combined, combined]) if n_classes == 2 else combined
        return probability

    def _group_rows(self, table: Floats) -> Iterator[tuple[Ints, CompiledCombiner]]:
        """Yield the rows that use each meta-learner."""
        present: Mapping[str, Mask] = {
            name: np.asarray(np.isfinite(table[:, columns]).any(axis=1)) for name, columns in self.columns_.items()
        }
        free = np.ones(len(table), dtype=bool)
        for modalities, combiner in self.combiners_.items():
            rows = free.copy()
            for name in modalities:
                rows &= present[name]
            free &= ~rows
            if rows.any():
                yield np.flatnonzero(rows), combiner
