"""`DepressionModel`: the tuned stack and its decision threshold; fits on a feature table, predicts a data set."""

from __future__ import annotations

from copy import copy
from dataclasses import asdict
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from pdmr_classic.alignment import align_rows
from pdmr_classic.config import Settings
from pdmr_classic.errors import ArtifactError
from pdmr_classic.features.extractor import Extraction, FeatureExtractor, summarise_findings
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.models._fitting import fit_ensemble
from pdmr_classic.models._skipped import find_skipped, no_usable_data_error, skipped_finding
from pdmr_classic.models.decision.hints import find_mixed_subjects, find_prediction_hints
from pdmr_classic.models.decision.pooling import match_subjects
from pdmr_classic.models.decision.prevalence import Prevalence, check_prevalence
from pdmr_classic.models.measurements import check_comparable, read_exclusions
from pdmr_classic.models.persistence.artifact import load_artifact, save_artifact
from pdmr_classic.models.target_checks import Target, check_target
from pdmr_classic.progress import LogReporter, Reporter
from pdmr_classic.subjects.overlap import check_overlap, find_overlap, make_unreadable_finding


class DepressionModel:
    """Classifier of recordings: a tuned grouped stack and, for two classes, a threshold that optimises the metric.

    Parameters
    ----------
    settings : Settings, optional

    Attributes
    ----------
    classes_ : list of str
    positive_ : str or None
        The positive class of F1; None with more than two classes.
    threshold_ : float or None
        A recording is positive if its probability is at least this.
    feature_names_ : list of str
    stacker_ : GroupedStacker
    oof_ : DataFrame
        Index `data_id`: true `status`, `predicted`, and the out-of-fold `probability` (or one column per class) of
        each training recording. Only after `fit`: a saved model does not store ids.
    metadata_ : dict
        Content of the manifest: counts, folds, scores, base learners with their hyperparameters.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> index = pd.Index([f"{k:03d}" for k in range(40)], name="data_id")
    >>> groups = pd.Series([f"S{k // 2}" for k in range(40)], index)
    >>> status = pd.Series(["Depression", "Depression", "Normal", "Normal"] * 10, index)
    >>> smiles = rng.normal(size=40) - 2 * (status == "Depression")
    >>> features = pd.DataFrame({"video__AU12_r__mean": smiles, "audio__vector__000": rng.normal(size=40)}, index)
    >>> settings = Settings().override({"learning.learners": ["linear"], "learning.trials": 1})
    >>> model = DepressionModel(settings).fit(features, status, groups)
    >>> model.classes_, model.positive_
    (['Depression', 'Normal'], 'Depression')
    >>> bool((model.predict_features(features)["status"] == status).mean() > 0.7)
    True
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()

    def fit(
        self,
        features: pd.DataFrame,
        status: pd.Series | None,
        groups: pd.Series,
        *,
        severity: pd.Series | None = None,
        scale: Scale | None = None,
        conditions: pd.Series | None = None,
        sample_weight: ArrayLike | None = None,
        jobs: int = 1,
        studies: Path | None = None,
        reporter: Reporter | None = None,
    ) -> Self:
        """Tune and train on a feature table.

        Parameters
        ----------
        features : DataFrame, shape [n, F]
            As returned by `FeatureExtractor`.
        status, groups : Series, length n
            Label and subject of each row, matched by their index. Without labels (None), only the score is learned.
        severity : Series of float, length n, optional
            Score of each row; NaN if it is unknown. With a score, an empty label is allowed.
        scale : Scale, optional
            Of the scores; by default their range, without classes.
        conditions : Series of str, length n, optional
            Condition of each row, for experts; "" if it is unknown.
        sample_weight : array-like of float, length n, optional
            Used in training, tuning and threshold selection.
        jobs : int
            Number of processes. The result does not depend on it.
        studies : Path, optional
            File that stores the trials, so that an interrupted fit can resume; delete it once the model is saved.

        Raises
        ------
        DataError
            A label is unknown, there is only one class, there are too few subjects, a score is outside its scale, or
            the indexes differ.
        ConfigError
            The positive class is not given or unknown, or the level of the intervals needs more subjects.
        """
        features, status, groups, severity, conditions, sample_weight = align_rows(
            features=features,
            status=status,
            groups=groups,
            severity=severity,
            conditions=conditions,
            sample_weight=sample_weight,
        )
        targets = check_targets(
            status,
            groups,
            self.settings,
            severity=severity,
            scale=scale,
            conditions=conditions,
            sample_weight=sample_weight,
        )
        return self.fit_targets(features, targets, jobs=jobs, studies=studies, reporter=reporter)

    def fit_targets(
        self,
        features: pd.DataFrame,
        targets: Targets,
        *,
        jobs: int = 1,
        studies: Path | None = None,
        reporter: Reporter | None = None,
    ) -> Self:
        """Do the same as `fit`, with targets that `check_targets` has validated."""
        reporter = reporter or LogReporter()
        _, features = align_rows(groups=targets.groups, features=features)
        self.feature_names_ = list(features.columns)
        self.severity_, self.severity_columns_ = None, None
        with open_studies(studies, fingerprint_fit(features, targets, self.settings)) as storage:
            if targets.severity is not None:
                self.severity_ = SeverityModel(self.settings).fit(
                    features, targets.severity, jobs=jobs, storage=storage, reporter=reporter
                )
            if targets.presence is not None:
                self._fit_presence(features, targets.presence, jobs, storage, reporter)
        if targets.presence is None:
            self._derive_status()
        if self.severity_ is not None:
            self.metadata_["severity"] = self.severity_.metadata_
            self.metadata_["contains_training_rows"] |= self.severity_.metadata_["contains_training_rows"]
        return self

    def _fit_presence(
        self, features: pd.DataFrame, target: Target, jobs: int, storage: Studies, reporter: Reporter
    ) -> None:
        rows = features if len(features) == len(target.status) else features.loc[target.status.index]
        ensemble = fit_ensemble(
            rows,
            target,
            self.settings,
            severity=None if self.severity_ is None else self.severity_.oof_columns(rows.index),
            jobs=jobs,
            storage=storage,
            reporter=reporter,
        )
        self.classes_, self.positive_ = target.classes, target.positive
        self.stacker_: GroupedStacker | None = ensemble.stacker
        self.decision_: Decision | None = ensemble.decision
        self.threshold_ = ensemble.decision.threshold_
        self.severity_columns_ = ensemble.severity_columns
        self.oof_, self.metadata_ = ensemble.oof, ensemble.metadata

    def _derive_status(self) -> None:
        """Take the classes from the clinical cut-off of the score: without labels, there is no stack of classes."""
        severity = self.severity_
        assert severity is not None
        has_cutoff = severity.scale_.clinical_cutoff is not None
        self.classes_ = [POSITIVE, NEGATIVE] if has_cutoff else []
        self.positive_ = POSITIVE if has_cutoff else None
        self.stacker_, self.decision_, self.threshold_ = None, None, None
        self.oof_ = severity.oof_
        self.metadata_ = {
            "classes": {},
            "positive": self.positive_,
            "n_recordings": severity.metadata_["n_recordings"],
            "n_subjects": severity.metadata_["n_subjects"],
            "contains_training_rows": False,
            "features": self.feature_names_,
        }

    def predict(
        self,
        data: Dataset,
        *,
        pool_subjects: pd.Series | None = None,
        prevalence: Prevalence | None = None,
        train: Dataset | None = None,
        allow_overlap: bool = False,
        allow_mismatch: bool = False,
        skip_bad: bool = False,
        fps: float | None = None,
        jobs: int = 1,
        cache: str | Path | None = None,
        extraction: Extraction | None = None,
        conditions: pd.Series | None = None,
        label_sets: bool = False,
        abstain: bool = False,
        reporter: Reporter | None = None,
    ) -> pd.DataFrame:
        """Predict the recordings of a data set.

        If one modality of a recording is missing or unreadable, the recording is predicted from the other.

        Parameters
        ----------
        data : Dataset
        pool_subjects : Series of str, optional
            Subjects, indexed by `data_id`. The recordings of a subject get one prediction, from their mean log-odds.
        prevalence : float or "estimate", optional
            Prevalence of the positive class among these recordings: probabilities are corrected for it and the
            threshold is chosen again. "estimate" uses the maximum-likelihood class shares, for any number of classes.
        train : Dataset, optional
            The training recordings, if available: needed to detect near-duplicates of them.
        allow_overlap : bool
            If a recording was in the training data, predict it with a warning instead of raising.
        allow_mismatch : bool
            If the files were written by another tracker than the training files, are on another scale, have another
            frame rate (by a factor of 1.5), or have none of their video channels, predict them with a warning instead
            of raising.
        skip_bad : bool
            If a recording has no data that the model can use, skip it with a note instead of raising.
        fps : float, optional
            Frame rate in Hz instead of the timestamps; default: as in training.
        extraction : Extraction, optional
            Of the same recordings, if `extract` was called before; `fps`, `jobs` and `cache` have no effect on them.
        conditions : Series of str, optional
            Condition of each recording, indexed by `data_id`, for a model with experts; "" or absent if it is unknown.
        label_sets : bool
            Add `label_set`: the labels that contain the true one with the probability `severity.level`. A model that
            learned a score always does.
        abstain : bool
            Predict "Uncertain" where the set has more than one label.
        jobs, cache, reporter
            As for `pdmr_classic.fit`.

        Returns
        -------
        DataFrame
            Index `data_id`; `status`, and `probability` of the positive class, or `probability_<class>` of each class.
            If a score was learned, the columns of `SeverityModel.describe`, and `status` only if there are labels or a
            clinical cut-off.
            `attrs`: the `positive` class and the `threshold` used; if pooled, `n_subjects`; if corrected, `prevalence`
            (share of each class), and if it was estimated, its 95% `prevalence_interval`; if training recordings were
            predicted, `overlap` (one dict per recording and modality); if recordings were skipped, `skipped` (one dict
            per recording); if they were measured in another way than in training, `mismatch` (codes of the findings).

        Raises
        ------
        DataError
            A recording has no data that the model can use (with `skip_bad`: none has any), has no subject, or was in
            the training data; all affected recordings are listed. Or the recordings were measured in another way than
            those of the training data.
        ConfigError
            `prevalence` is not between 0 and 1, or is a number although there are several classes; `fps` is not a
            valid frame rate.
        """
        reporter = reporter or LogReporter()
        check_prevalence(prevalence, self.positive_ if self.decision_ is not None else None)
        subjects = match_subjects(data.data_ids, pool_subjects)
        if extraction is None:
            extraction = self.extract(data, fps=fps, jobs=jobs, cache=cache, reporter=reporter)
        elif list(extraction.features.index) != data.data_ids:
            raise ValueError("extraction must be that of the same recordings")
        training_hashes = self.metadata_.get("content_hashes")
        train_extraction = None
        if train is not None:
            train_extraction = self.extract(train, fps=fps, jobs=jobs, cache=cache, reporter=reporter)
        if train_extraction is not None and train_extraction.errors:
            reporter.note(make_unreadable_finding(train_extraction.errors))
        copies = find_overlap(extraction, training_hashes, train_extraction)
        check_overlap(copies, allow_overlap, reporter)
        mismatches = check_comparable(extraction, self.feature_names_, self.metadata_, allow_mismatch, reporter)
        features = extraction.features.reindex(columns=self.feature_names_)
        raw = self._predict_raw(features, conditions)
        unusable = ~raw.is_usable
        skipped = find_skipped(data, features.index[unusable], extraction.errors)
        if skipped and (unusable.all() or not skip_bad):
            raise no_usable_data_error(skipped)
        for finding in (*data.findings, *extraction.errors):
            reporter.note(finding)
        for finding in summarise_findings(extraction.findings):
            reporter.note(finding)
        predictions = self._describe(
            raw.select(~unusable), features.index[~unusable], pool_subjects, prevalence, reporter, label_sets or abstain
        )
        hints = find_mixed_subjects(data.status, subjects)
        if self.decision_ is not None:
            hints = [*self._find_hints(predictions["status"], self.decision_, prevalence), *hints]
        for finding in hints:
            reporter.note(finding)
        if abstain:
            predictions = abstain_where_uncertain(predictions)
        if skipped:
            reporter.note(skipped_finding(skipped, len(data)))
            predictions.attrs["skipped"] = [recording.as_dict() for recording in skipped]
        if mismatches:
            predictions.attrs["mismatch"] = sorted({finding.code for finding in mismatches})
        if copies:
            predictions.attrs["overlap"] = [asdict(duplicate) for duplicate in copies]
        return predictions

    def extract(
        self,
        data: Dataset,
        *,
        fps: float | None = None,
        jobs: int = 1,
        cache: str | Path | None = None,
        reporter: Reporter | None = None,
    ) -> Extraction:
        """Return the features of a data set as the model needs them; parameters are those of `predict`."""
        extractor = FeatureExtractor(
            self.settings.override({"reading.fps": fps}),
            jobs=jobs,
            cache=cache,
            trained_names=self.feature_names_,
            exclusions=read_exclusions(self.metadata_),
            reporter=reporter or LogReporter(),
        )
        return extractor.extract(data)

    def predict_features(
        self,
        features: pd.DataFrame,
        *,
        pool_subjects: pd.Series | None = None,
        prevalence: Prevalence | None = None,
        conditions: pd.Series | None = None,
        label_sets: bool = False,
        reporter: Reporter | None = None,
    ) -> pd.DataFrame:
        """Predict from a feature table, as `predict` does; rows without a usable modality get NaN."""
        raw = self._predict_raw(features.reindex(columns=self.feature_names_), conditions)
        return self._describe(raw, features.index, pool_subjects, prevalence, reporter or LogReporter(), label_sets)

    def _predict_raw(self, table: pd.DataFrame, conditions: pd.Series | None) -> RawPredictions:
        scores = None if self.severity_ is None else self.severity_.predict_scores(table)
        if self.stacker_ is None:
            return RawPredictions(None, scores)
        probability = self.stacker_.predict_proba(table)
        if self.severity_columns_ is not None and self.severity_ is not None:
            probability = self.severity_columns_.combine(probability, self.severity_.predict_columns(table))
        return RawPredictions(probability, scores)

    def _describe(
        self,
        raw: RawPredictions,
        index: pd.Index,
        pool_subjects: pd.Series | None,
        prevalence: Prevalence | None,
        reporter: Reporter,
        label_sets: bool,
    ) -> pd.DataFrame:
        """Return classes and probabilities, and the score with its interval and class."""
        subjects = match_subjects(index, pool_subjects)
        described = None
        if self.severity_ is not None and raw.scores is not None:
            described = self.severity_.describe(raw.scores, index, subjects)
        if self.decision_ is None or raw.probability is None:
            assert self.severity_ is not None
            assert described is not None
            predictions = derive_status(described, self.severity_.scale_)
            predictions.attrs |= {"positive": self.positive_, "threshold": None}
        else:
            predictions = self._classify(raw.probability, index, subjects, prevalence, self.decision_, reporter)
            if label_sets or self.severity_ is not None:
                level = self.settings.severity.level
                sets = self.decision_.find_label_sets(raw.probability, subjects, level)
                predictions["label_set"] = pd.Series(sets, index=index, dtype=object)
            if described is not None:
                attrs = predictions.attrs
                predictions = pd.concat([predictions, described], axis=1)
                predictions.attrs = attrs
        if subjects is not None:
            predictions.attrs["n_subjects"] = len(set(subjects))
        return predictions

    def _classify(
        self,
        probability: Floats,
        index: pd.Index,
        subjects: NDArray[Any] | None,
        prevalence: Prevalence | None,
        decision: Decision,
        reporter: Reporter,
    ) -> pd.DataFrame:
        # Without pooling or correction, the model's own threshold applies (a user may have changed `threshold_`).
        answers = decision.adjust(probability, subjects, prevalence)
        is_default = subjects is None and prevalence is None
        threshold = self.threshold_ if is_default else answers.threshold
        for finding in answers.findings:
            reporter.note(finding)
        predictions = decision.assign_classes(answers.probability, index, threshold)
        predictions.attrs |= {"positive": self.positive_, "threshold": threshold}
        if answers.prevalence is not None:
            predictions.attrs["prevalence"] = answers.prevalence
        if answers.prevalence_interval is not None:
            predictions.attrs["prevalence_interval"] = answers.prevalence_interval
        return predictions

    def _find_hints(self, status: pd.Series, decision: Decision, prevalence: Prevalence | None) -> list[Finding]:
        is_corrected = prevalence is not None
        return find_prediction_hints(status, self.positive_, decision.priors_, self.classes_, is_corrected=is_corrected)

    def save(self, path: str | Path, *, reporter: Reporter | None = None) -> Path:
        """Write the model and its manifest, and record its hash; see `save_artifact`.

        Neither file contains the name of a recording or a subject.
        """
        settings = self.settings.model_dump(mode="json")
        return save_artifact(self._anonymise(), path, {"settings": settings, **self.metadata_}, reporter=reporter)

    def _anonymise(self) -> Self:
        """Return a copy without the rows that could be traced to a recording by their id or their order."""
        anonymous = copy(self)
        if self.stacker_ is not None:
            anonymous.stacker_ = self.stacker_.drop_training_rows()
        if self.severity_ is not None:
            anonymous.severity_ = self.severity_.anonymise()
        if self.severity_columns_ is not None:
            anonymous.severity_columns_ = self.severity_columns_.drop_training_rows()
        anonymous.__dict__.pop("oof_", None)
        return anonymous

    @classmethod
    def load(cls, path: str | Path, *, trust: bool = False, reporter: Reporter | None = None) -> DepressionModel:
        """Load a model that `save` wrote; see `load_artifact` for the checks that come first.

        Parameters
        ----------
        path : path-like
        trust : bool
            Also open a model that was not trained under this account. A model file can execute any code.

        Raises
        ------
        ArtifactError
        """
        model, manifest, findings = load_artifact(path, trust=trust)
        if not isinstance(model, cls):
            raise ArtifactError(
                "the file does not contain a DepressionModel",
                file=path,
                found=type(model).__name__,
                hint="pass a model that fit wrote",
            )
        if model.feature_names_ != manifest["features"]:
            raise ArtifactError(
                "the features in the manifest differ from those of the model",
                file=path,
                hint="copy both files again, or train the model again",
            )
        for finding in findings:
            (reporter or LogReporter()).note(finding)
        model.settings = Settings.from_manifest(model.settings.model_dump())
        return model
