"""`SeverityModel`: predicts a score with its interval and class; tuned and fitted like the ensemble of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.config import Settings
from pdmr_classic.io.results import SEVERITY_PREFIX
from pdmr_classic.models.decision.conformal import SeverityIntervals, subject_means
from pdmr_classic.models.ensemble.oof_scores import compute_oof_scores
from pdmr_classic.models.ensemble.study_storage import AnyStudies
from pdmr_classic.models.ensemble.training_folds import TrainingFolds, make_training_folds, tune_members
from pdmr_classic.models.experts.stacks import ExpertStacks
from pdmr_classic.models.learners.large_table import LargeTable, open_table
from pdmr_classic.models.learners.learners import select_allowed
from pdmr_classic.models.learners.member import Member, default_members
from pdmr_classic.models.severity._metadata import collect_metadata
from pdmr_classic.models.severity.stacker import SeverityStacker
from pdmr_classic.models.severity.target import SeverityTarget
from pdmr_classic.progress import Reporter


class SeverityModel:
    """A tuned stack of regressors, with conformal intervals and the classes of a scale.

    Parameters
    ----------
    settings : Settings

    Attributes
    ----------
    scale_ : Scale
    stacker_ : SeverityStacker
    intervals_ : SeverityIntervals
    oof_ : DataFrame
        Index `data_id`: true `score` and out-of-fold `severity` of each training recording. Only after `fit`.
    metadata_ : dict
        Part of the manifest, JSON-serialisable.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def fit(
        self,
        features: pd.DataFrame,
        target: SeverityTarget,
        *,
        conditions: pd.Series | None = None,
        jobs: int = 1,
        storage: AnyStudies | None = None,
        reporter: Reporter,
    ) -> Self:
        """Tune the base learners, stack them, and learn the distribution of the residuals.

        Parameters
        ----------
        features : DataFrame, shape [n, F]
            Of the recordings of the target, in the same order.
        target : SeverityTarget
        conditions : Series of str, optional
            Condition of the same recordings, for experts.
        jobs : int
            Number of processes. The result does not depend on it.
        storage : AnyStudies, optional
        reporter : Reporter

        Raises
        ------
        DataError
            The table has no usable column, or contains labels.
        """
        with open_table(features, self.settings.learning.max_rows) as X:
            names = [str(name) for name in features.columns]
            members, folds = self.tune(X, names, target, jobs=jobs, storage=storage, reporter=reporter)
            folds = folds.release_sample()  # before the final models, which need the memory
            self._fit_folds(members, folds, features.index, target, conditions, jobs=jobs, reporter=reporter)
        return self

    def _fit_folds(
        self,
        members: list[Member],
        folds: TrainingFolds,
        index: pd.Index,
        target: SeverityTarget,
        conditions: pd.Series | None,
        *,
        jobs: int,
        reporter: Reporter,
    ) -> None:
        learning, severity = self.settings.learning, self.settings.severity
        fold_data = folds.final
        scores = compute_oof_scores(members, fold_data, learning.seed, jobs=jobs).scores
        self.scale_ = target.scale
        self.stacker_ = SeverityStacker(
            members,
            folds=learning.folds,
            repeats=learning.repeats,
            shrinkage=severity.shrinkage,
            random_state=learning.seed,
            jobs=jobs,
        ).fit_oof_scores(members, scores, fold_data)
        findings, oof, self.experts_ = self.stacker_.findings_, self.stacker_.oof_, None
        if conditions is not None:
            known = conditions.to_numpy(dtype=object)
            self.experts_ = ExpertStacks(seed=learning.seed).fit(self.stacker_, fold_data, oof, known, jobs=jobs)
            findings, oof = [*findings, *self.experts_.findings], self.experts_.oof_
        for finding in findings:
            reporter.note(finding)
        oof = self.scale_.clip(oof[:, 0])
        self.oof_ = pd.DataFrame({"score": target.score, "severity": oof}, index=index)
        truth, subjects = target.score.to_numpy(dtype=np.float64), target.groups.to_numpy(dtype=object)
        is_used = target.weights > 0
        self.intervals_ = SeverityIntervals(severity.level).fit(oof[is_used], truth[is_used], subjects[is_used])
        self.metadata_ = collect_metadata(
            self.stacker_, self.experts_, self.oof_, target, severity.level, n_inner_folds=fold_data.n_folds
        )
        if sampling := folds.describe(members):
            self.metadata_["sampling"] = sampling

    def tune(
        self,
        X: Floats | LargeTable,
        names: Sequence[str],
        target: SeverityTarget,
        *,
        jobs: int,
        storage: AnyStudies | None,
        reporter: Reporter,
    ) -> tuple[list[Member], TrainingFolds]:
        """Tune the base learners; return them and the folds. Parameters as for `fit`, with an open table."""
        learning = self.settings.learning
        folds = make_training_folds(
            X,
            names,
            target.bins,
            target.groups.to_numpy(dtype=object),
            learning,
            n_folds=target.n_folds,
            weights=target.weights,
            scores=target.score.fillna(0.0).to_numpy(dtype=np.float64),  # rows without a score have weight 0
        )
        for finding in folds.findings:
            reporter.note(finding)
        members = default_members(folds.final.views, select_allowed(self.settings.severity.learners, learning))
        return tune_members(members, folds, learning, jobs=jobs, reporter=reporter, storage=storage), folds

    def predict_scores(self, table: pd.DataFrame, conditions: pd.Series | None = None) -> Floats:
        """Return the predicted scores of a feature table, shape [n], within the scale; NaN without usable modality.

        `conditions` are those of the rows, see `ExpertStacks.predict`.
        """
        outputs = self.stacker_.predict_outputs(table)
        if self.experts_ is not None:
            outputs = self.experts_.predict(table, outputs, conditions)
        return self.scale_.clip(outputs[:, 0])

    def predict_columns(self, table: pd.DataFrame, scores: Floats) -> dict[str, Floats]:
        """Return predicted scores, and those from each modality alone, for the meta-learner of the class."""
        return _name_columns(scores, self.stacker_.predict_modalities(table))

    def oof_columns(self, index: pd.Index) -> dict[str, Floats]:
        """Return the same, out of fold, for some of the training recordings. Only after `fit`."""
        rows = self.oof_.index.get_indexer(index)
        modalities = self.stacker_.oof_modalities()
        columns = _name_columns(self.oof_["severity"].to_numpy(dtype=np.float64), modalities)
        return {name: column[rows] for name, column in columns.items()}

    def describe(self, scores: Floats, index: pd.Index, subjects: NDArray[Any] | None = None) -> pd.DataFrame:
        """Return predicted scores with their intervals and classes.

        Parameters
        ----------
        scores : ndarray, shape [n]
            As returned by `predict_scores`.
        index : Index, length n
        subjects : ndarray, shape [n], optional
            Pool the recordings of each subject: all get its mean prediction.

        Returns
        -------
        DataFrame
            `severity`, `severity_low` and `severity_high` (the interval, within the scale), and with cut-offs
            `severity_class` and the probability `severity_p_<class>` of each class. NaN (class: "") where the score is
            NaN.
        """
        severity = scores if subjects is None else subject_means(scores, subjects)
        low, high = self.intervals_.predict(scores, subjects)
        columns: dict[str, Any] = {
            "severity": severity,
            "severity_low": self.scale_.clip(low),
            "severity_high": self.scale_.clip(high),
        }
        if self.scale_.n_classes:
            columns["severity_class"] = self.scale_.classify(severity)
            probability = self.intervals_.class_probabilities(scores, self.scale_, subjects)
            for k, name in enumerate(self.scale_.class_names):
                columns[SEVERITY_PREFIX + name] = probability[:, k]
        return pd.DataFrame(columns, index=index)

    def anonymise(self) -> Self:
        """Return a copy without the rows that could be traced to a recording by their id or their order."""
        anonymous = copy(self)
        anonymous.stacker_ = self.stacker_.drop_training_rows()
        if self.experts_ is not None:
            anonymous.experts_ = self.experts_.drop_training_rows()
        anonymous.__dict__.pop("oof_", None)
        return anonymous


def _name_columns(scores: Floats, modalities: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the columns by name; a single modality is the same as all together."""
    parts = {f"severity from {name}": column for name, column in modalities.items()} if len(modalities) > 1 else {}
    return {"severity": scores, **parts}
