"""`DepressionModel`: the tuned stack and its decision threshold; fits on a feature table, predicts a data set."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Self

import pandas as pd
from numpy.typing import ArrayLike

from pdmr_classic.alignment import align_rows
from pdmr_classic.config import Settings
from pdmr_classic.errors import ArtifactError, ConfigError, Finding, summarise_findings
from pdmr_classic.features.extractor import Extraction
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.labels.scales import Scale
from pdmr_classic.io.results import mark_uncertain
from pdmr_classic.models._prediction_checks import Allowed, check_recordings, extract_as_trained, note_hints
from pdmr_classic.models._predictor import AnswerOptions, HasPredictor, RawPredictions, StudySource, fit_predictor
from pdmr_classic.models._skipped import find_skipped, no_usable_data_error, skipped_finding
from pdmr_classic.models.decision.pooling import match_subjects
from pdmr_classic.models.decision.prevalence import Prevalence, check_prevalence
from pdmr_classic.models.persistence.artifact import load_artifact, save_artifact
from pdmr_classic.models.targets import Targets, check_targets, fingerprint_data
from pdmr_classic.progress import LogReporter, Reporter, shows_progress


class DepressionModel(HasPredictor):
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
    predictor_ : Predictor
        The fitted stacks; `stacker_`, `decision_` and `severity_` are its parts.
    oof_ : DataFrame
        Index `data_id`: true `status`, `predicted`, and the out-of-fold `probability` (or one column per class) of
        each training recording. Only after `fit`: a saved model does not store ids.
    metadata_ : dict
        Content of the manifest: counts, folds, scores, base learners with their hyperparameters.

    Examples
    --------
    >>> import numpy as np
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

    @shows_progress
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
        studies: StudySource | None = None,
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
        studies : Path or StudyDatabase, optional
            File that stores the trials, so that an interrupted fit can resume; delete it once the model is saved. Or a
            database in which several processes tune the same studies.

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
        reporter = reporter or LogReporter()
        for finding in targets.findings:
            reporter.note(finding)
        return self.fit_targets(features, targets, jobs=jobs, studies=studies, reporter=reporter)

    @shows_progress
    def fit_targets(
        self,
        features: pd.DataFrame,
        targets: Targets,
        *,
        jobs: int = 1,
        studies: StudySource | None = None,
        reporter: Reporter | None = None,
    ) -> Self:
        """Do the same as `fit`, with targets that `check_targets` has validated."""
        _, features = align_rows(groups=targets.groups, features=features)
        self.feature_names_ = list(features.columns)
        self.predictor_ = fit_predictor(
            features, targets, self.settings, jobs=jobs, studies=studies, reporter=reporter or LogReporter()
        )
        self.classes_, self.positive_ = self.predictor_.classes, self.predictor_.positive
        presence = self.predictor_.presence
        self.threshold_ = None if presence is None else presence.decision.threshold_
        self.oof_, self.metadata_ = self.predictor_.oof, self.predictor_.collect_metadata(self.feature_names_)
        self.metadata_["data_fingerprint"] = fingerprint_data(features, targets)
        if studies is not None and not isinstance(studies, Path):
            self.metadata_["shared_studies"] = studies.name
        return self

    @shows_progress
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
            Covariates of a model that has them are read from `data.labels`; nothing else there is used.
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
        self._check_options(prevalence, label_sets=label_sets or abstain)
        subjects = match_subjects(data.data_ids, pool_subjects)
        if extraction is None:
            extraction = self.extract(data, fps=fps, jobs=jobs, cache=cache, reporter=reporter)
        elif list(extraction.features.index) != data.data_ids:
            raise ValueError("extraction must be that of the same recordings")
        train_extraction = None
        if train is not None:
            train_extraction = self.extract(train, fps=fps, jobs=jobs, cache=cache, reporter=reporter)
        allowed = Allowed(overlap=allow_overlap, mismatch=allow_mismatch)
        notes = check_recordings(extraction, train_extraction, self.feature_names_, self.metadata_, allowed, reporter)
        features = extraction.features.reindex(columns=self.feature_names_)
        raw = self._predict_raw(features, conditions, reporter)
        unusable = ~raw.is_usable
        skipped = find_skipped(data, features.index[unusable], extraction.errors)
        if skipped and (unusable.all() or not skip_bad):
            raise no_usable_data_error(skipped)
        for finding in (*data.findings, *extraction.errors):
            reporter.note(finding)
        for finding in summarise_findings(extraction.findings):
            reporter.note(finding)
        used = None if subjects is None else subjects[~unusable]
        options = AnswerOptions(used, prevalence, self.threshold_, label_sets=label_sets or abstain)
        predictions = self.predictor_.describe(raw.select(~unusable), features.index[~unusable], options, reporter)
        decision = self.decision_ if self.learns_status else None
        note_hints(predictions, decision, data.status, subjects, prevalence, reporter)
        if abstain:
            predictions = mark_uncertain(predictions)
        if skipped:
            reporter.note(skipped_finding(skipped, len(data)))
            predictions.attrs["skipped"] = [recording.as_dict() for recording in skipped]
        predictions.attrs |= notes
        return predictions

    @shows_progress
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
        settings = self.settings.override({"reading.fps": fps})
        return extract_as_trained(
            data, settings, self.feature_names_, self.metadata_, jobs=jobs, cache=cache, reporter=reporter
        )

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
        reporter = reporter or LogReporter()
        self._check_options(prevalence, label_sets=label_sets)
        raw = self._predict_raw(features.reindex(columns=self.feature_names_), conditions, reporter)
        subjects = match_subjects(features.index, pool_subjects)
        options = AnswerOptions(subjects, prevalence, self.threshold_, label_sets=label_sets)
        return self.predictor_.describe(raw, features.index, options, reporter)

    def _check_options(self, prevalence: Prevalence | None, *, label_sets: bool) -> None:
        """Raise a ConfigError for options that this model cannot follow."""
        if prevalence is not None and not self.learns_status:
            raise ConfigError("--prevalence requires a model that learned classes", found="a model of a score")
        check_prevalence(prevalence, self.positive_)
        if label_sets and not self.classes_:
            raise ConfigError(
                "--sets and --abstain require classes, and the scale of this model has no clinical cut-off",
                hint="set [severity] clinical_cutoff in a settings file, and train again",
            )
        if label_sets and prevalence is not None:
            raise ConfigError(
                "--sets and --abstain cannot be combined with --prevalence",
                expected="label sets for the class shares of the training data",
                hint="drop one of them",
            )

    def _predict_raw(self, table: pd.DataFrame, conditions: pd.Series | None, reporter: Reporter) -> RawPredictions:
        """Predict rows, and tell about conditions that are unknown."""
        if self.has_experts and conditions is None:
            what = "no recording has a known condition: conditions are estimated from the features"
            reporter.note(Finding("unknown-condition", what))
        for finding in self.predictor_.find_unseen(conditions) if conditions is not None else ():
            reporter.note(finding)
        for finding in self.predictor_.find_ignored(table):
            reporter.note(finding)
        return self.predictor_.predict_raw(table, conditions)

    def save(self, path: str | Path, *, reporter: Reporter | None = None) -> Path:
        """Write the model and its manifest, and record its hash; see `save_artifact`.

        Neither file contains the name of a recording or a subject.
        """
        metadata = {"settings": self.settings.model_dump(mode="json"), **self.metadata_}
        is_lite = self.settings.learning.lite
        if is_lite:  # the model itself has them
            metadata.pop("feature_ranges", None)
        return save_artifact(self._anonymise(), path, metadata, compact=is_lite, reporter=reporter)

    def _anonymise(self) -> Self:
        """Return a copy without the rows that could be traced to a recording by their id or their order."""
        anonymous = copy(self)
        anonymous.predictor_ = self.predictor_.anonymise()
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
