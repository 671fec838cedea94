"""The whole model in one object: features, tuned stack, threshold; fitted on a data set, saved as one file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import copy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import xxhash
from numpy.typing import ArrayLike, NDArray

from pdmr_classic import __version__
from pdmr_classic.config import LearningSettings, Settings
from pdmr_classic.errors import ArtifactError, ConfigError, DataError, Finding
from pdmr_classic.features.extractor import Extraction, FeatureExtractor, channel_of, vector_width, without_paths
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.labels import weights_of
from pdmr_classic.io.results import PROBABILITY_PREFIX
from pdmr_classic.metrics import score
from pdmr_classic.models.artifact import load_artifact, save_artifact
from pdmr_classic.models.decision import Decision
from pdmr_classic.models.importance import permutation_importance
from pdmr_classic.models.learners import LEARNERS
from pdmr_classic.models.lost import left_out, lost_recordings, nothing_left
from pdmr_classic.models.members import default_members
from pdmr_classic.models.overlap import Copy, copies_between_subjects, known_contents, overlap, overlapping
from pdmr_classic.models.prevalence import Prevalence, check_prevalence
from pdmr_classic.models.problem import Problem
from pdmr_classic.models.stacking import GroupedStacker
from pdmr_classic.models.studies import kept_studies
from pdmr_classic.models.subjects import settle_subjects, with_face_shape
from pdmr_classic.models.target import check_labels, positive_class
from pdmr_classic.models.tuning import tune
from pdmr_classic.models.weights import as_weights
from pdmr_classic.reporter import LogReporter, Reporter
from pdmr_classic.splits import feasible_folds


class DepressionModel:
    """Features to a label: a tuned grouped stack and, for two classes, the threshold that the metric asks for.

    Parameters
    ----------
    settings : Settings, optional

    Attributes
    ----------
    classes_ : list of str
    positive_ : str or None
        The class that F1 is about; None with more than two classes.
    threshold_ : float or None
        A recording is positive from this probability on.
    feature_names_ : list of str
    stacker_ : GroupedStacker
    oof_ : DataFrame
        Index `data_id`: true `status`, and the out-of-fold `probability` (or one column a class) of every training
        recording. Only after `fit`: a saved model does not know whose recordings it was trained on.
    facts_ : dict
        What the manifest says: counts, folds, scores, members with their parameters.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()

    def fit(
        self,
        features: pd.DataFrame,
        status: pd.Series,
        groups: pd.Series,
        *,
        sample_weight: ArrayLike | None = None,
        jobs: int = 1,
        studies: Path | None = None,
        reporter: Reporter | None = None,
    ) -> Self:
        """Tune and train on a table of features.

        Parameters
        ----------
        features : DataFrame, shape [n, F]
            As `FeatureExtractor` makes it.
        status, groups : Series, length n
            Label and subject of each row, in the same order.
        sample_weight : array-like of float, length n, optional
            How much each row counts in whatever is learned, tuned or chosen.
        studies : Path, optional
            File that keeps the trials, so that a fit that was ended goes on; remove it when the model is saved.

        Raises
        ------
        DataError
            Labels that do not go together, one class, or too few subjects.
        ConfigError
            The positive class is missing or unknown.
        """
        reporter = reporter or LogReporter()
        learning = self.settings.learning
        _check_target(status, groups, self.settings)
        self.positive_ = positive_class(sorted(status.unique()), self.settings.data.positive)
        self.feature_names_ = list(features.columns)
        X, y = features.to_numpy(dtype=np.float64), np.unique(status, return_inverse=True)[1]
        weights = as_weights(sample_weight, len(X))
        problem = Problem(
            X,
            self.feature_names_,
            y,
            groups,
            folds=learning.folds,
            repeats=learning.repeats,
            seed=learning.seed,
            weights=weights,
        )
        for finding in problem.findings:
            reporter.tell(finding)
        members = default_members(problem.views, _learners(learning))
        fingerprint = _fingerprint(features, status, groups, weights, self.settings)
        with kept_studies(studies, fingerprint) as kept:
            members = tune(members, problem.data, learning, jobs=jobs, reporter=reporter, kept=kept)
        reporter.progress("training", 0, 1)
        self.stacker_ = GroupedStacker(
            members, folds=learning.folds, repeats=learning.repeats, random_state=learning.seed, jobs=jobs
        )
        self.stacker_.fit(
            features, status.to_numpy(dtype=object), groups=groups.to_numpy(dtype=object), sample_weight=weights
        )
        self.classes_ = [str(label) for label in self.stacker_.classes_]
        self._decide(features, status, groups, weights)
        for finding in self.decision_.findings:
            reporter.tell(finding)
        self.facts_ = self._facts(features, status, groups, problem)
        if learning.importance:
            self.facts_["importance"] = permutation_importance(
                self.stacker_, problem, self.feature_names_, seed=learning.seed, jobs=jobs
            )
        reporter.progress("training", 1, 1)
        return self

    def _decide(
        self, features: pd.DataFrame, status: pd.Series, groups: pd.Series, weights: NDArray[np.float64]
    ) -> None:
        """Choose the threshold on what cross-fitted models say of the training recordings, and keep that."""
        probability = self.stacker_.oof_probability_
        known = np.asarray(np.isfinite(probability).all(axis=1))
        self.decision_ = Decision(
            probability[known],
            status.to_numpy(dtype=object)[known],
            groups.to_numpy(dtype=object)[known],
            weights[known],
            classes=self.classes_,
            positive=self.positive_,
            settings=self.settings.learning,
        )
        self.threshold_ = self.decision_.threshold
        self.oof_ = self._named(probability[known], features.index[known]).rename(columns={"status": "predicted"})
        self.oof_.insert(0, "status", status.to_numpy()[known])

    def _facts(self, features: pd.DataFrame, status: pd.Series, groups: pd.Series, problem: Problem) -> dict[str, Any]:
        members = self.stacker_.members_
        probability = self.oof_.drop(columns=["status", "predicted"]).rename(
            columns=lambda name: name.removeprefix(PROBABILITY_PREFIX)
        )
        return {
            "classes": {label: int((status == label).sum()) for label in self.classes_},
            "positive": self.positive_,
            # None: the threshold was given, and no metric chose it.
            "metric": self.decision_.metric if self.settings.learning.threshold is None else None,
            "threshold": self.threshold_,
            "n_recordings": len(features),
            "n_subjects": int(groups.nunique()),
            "folds": problem.n_folds,
            "views": {name: len(data.y) for name, data in problem.data.items()},
            "combined": {
                "+".join(sorted(modalities)): {"how": choice.how, "log_loss": choice.losses}
                for modalities, choice in self.stacker_.choices_.items()
            },
            "members": [{"view": m.view, "learner": m.learner, "params": dict(m.params)} for m in members],
            # The threshold was chosen on these very rows: a check of the fit, not an estimate for new people.
            "inner_scores": score(
                self.oof_["status"], self.oof_["predicted"], positive=self.positive_, probability=probability
            ),
            "contains_training_rows": any(LEARNERS[member.learner].keeps_rows for member in members),
            "data_fingerprint": _fingerprint(features, status, groups, problem.weights),
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
        skip_bad: bool = False,
        fps: float | None = None,
        jobs: int = 1,
        cache: str | Path | None = None,
        reporter: Reporter | None = None,
    ) -> pd.DataFrame:
        """Predict every recording of a data set.

        A recording without one modality, or whose one file cannot be read, is predicted from the other.

        Parameters
        ----------
        data : Dataset
        pool_subjects : Series of str, optional
            Index `data_id`: who is who. A subject's recordings get one answer, from the mean of their log-odds.
        prevalence : float or "estimate", optional
            Share of the positive class among these recordings, for which probabilities are corrected and the threshold
            is chosen anew; "estimate" takes the most likely shares, of several classes too.
        train : Dataset, optional
            The training recordings, where they are at hand: copies of them under other contents are found then.
        allow_overlap : bool
            Predict recordings that the model was trained on as well, and tell it, instead of refusing.
        skip_bad : bool
            Leave out recordings that have nothing the model can use, and tell it, instead of refusing all of them.
        fps : float, optional
            Frame rate in Hz of streams without timestamps; default: as in training.
        jobs, cache, reporter
            As for `fit`.

        Returns
        -------
        DataFrame
            Index `data_id`; `status`, and `probability` of the positive class, or `probability_<class>` of each. Its
            `attrs` hold the `threshold` in force, the number of `subjects` where they were pooled, and `prevalence` (a
            share for each class) where it was corrected, `overlap` (a dict for each recording and modality) where
            training recordings were predicted, and `skipped` (a dict for each recording) where some were left out.

        Raises
        ------
        DataError
            A recording has nothing that the model can use, or no subject, or the model was trained on it; all of them
            are named. With `skip_bad`, no recording is left.
        ConfigError
            `prevalence` is no share, or one for several classes; `fps` is no frame rate.
        """
        reporter = reporter or LogReporter()
        check_prevalence(prevalence, self.positive_)
        _subjects_of(data.data_ids, pool_subjects)
        settings = self.settings.override({"reading.fps": fps})
        width = vector_width(tuple(self.feature_names_)) or None
        extractor = FeatureExtractor(settings, jobs=jobs, cache=cache, vector_width=width, reporter=reporter)
        extraction = extractor.extract(data)
        known = self.facts_.get("contents")
        copies = overlapping(extraction, known, extractor.extract(train) if train is not None else None)
        _check_overlap(copies, allow_overlap, reporter)
        self._check_channels(extraction, reporter)
        features = extraction.features.reindex(columns=self.feature_names_)
        probability = self.stacker_.predict_proba(features)
        lost = np.asarray(np.isnan(probability).any(axis=1))
        skipped = lost_recordings(data, features.index[lost], extraction.refused)
        if skipped and (lost.all() or not skip_bad):
            raise nothing_left(skipped)
        for finding in (*data.findings, *extraction.refused):
            reporter.tell(finding)
        for finding in without_paths(extraction.findings):
            reporter.tell(finding)
        found = self._answers(probability[~lost], features.index[~lost], pool_subjects, prevalence, reporter)
        if skipped:
            reporter.tell(left_out(skipped, len(data)))
            found.attrs["skipped"] = [one.as_dict() for one in skipped]
        if copies:
            found.attrs["overlap"] = [asdict(one) for one in copies]
        return found

    def predict_features(
        self,
        features: pd.DataFrame,
        *,
        pool_subjects: pd.Series | None = None,
        prevalence: Prevalence | None = None,
        reporter: Reporter | None = None,
    ) -> pd.DataFrame:
        """Predict from a table of features, as `predict` does; rows without a usable modality are NaN."""
        probability = self.stacker_.predict_proba(features.reindex(columns=self.feature_names_))
        return self._answers(probability, features.index, pool_subjects, prevalence, reporter or LogReporter())

    def _answers(
        self,
        probability: NDArray[np.float64],
        index: pd.Index,
        pool_subjects: pd.Series | None,
        prevalence: Prevalence | None,
        reporter: Reporter,
    ) -> pd.DataFrame:
        subjects = _subjects_of(index, pool_subjects)
        # The threshold in force is the model's own, unless something else is asked for.
        answers = self.decision_.answer(probability, subjects, prevalence)
        own = subjects is None and prevalence is None
        threshold = self.threshold_ if own else answers.threshold
        for finding in answers.findings:
            reporter.tell(finding)
        found = self._named(answers.probability, index, threshold)
        found.attrs["threshold"] = threshold
        if subjects is not None:
            found.attrs["subjects"] = len(set(subjects))
        if answers.shares is not None:
            found.attrs["prevalence"] = answers.shares
        return found

    def _check_channels(self, extraction: Extraction, reporter: Reporter) -> None:
        known = extraction.features.notna().any()
        found = {str(name) for name in known.index[known]}
        for modality in ("video", "audio"):
            trained = {channel_of(name) for name in self.feature_names_ if name.startswith(f"{modality}__")}
            here = {channel_of(name) for name in found if name.startswith(f"{modality}__")}
            missing = sorted(trained - here)
            if here and missing:
                shown = ", ".join(missing[:6]) + (" …" if len(missing) > 6 else "")
                what = f"{len(missing)} of {len(trained)} {modality} channels that the model was trained on are missing"
                reporter.tell(Finding("missing-channels", what, found=shown))

    def _named(self, probability: NDArray[np.float64], index: pd.Index, threshold: float | None = None) -> pd.DataFrame:
        """Return probabilities with the classes that they call, by the model's own threshold or another one."""
        threshold = self.threshold_ if threshold is None else threshold
        if self.positive_ is not None and threshold is not None:
            chosen = probability[:, self.classes_.index(self.positive_)]
            negative = next(label for label in self.classes_ if label != self.positive_)
            status = np.where(chosen >= threshold, self.positive_, negative)
            return pd.DataFrame({"status": status.astype(object), "probability": chosen}, index=index)
        best = np.array(self.classes_, dtype=object)[np.argmax(probability, axis=1)]
        columns = {f"{PROBABILITY_PREFIX}{label}": probability[:, k] for k, label in enumerate(self.classes_)}
        return pd.DataFrame({"status": best, **columns}, index=index)

    def save(self, path: str | Path, *, reporter: Reporter | None = None) -> Path:
        """Write the model and its manifest, and record it as made here; see `save_artifact`.

        Neither of them names a recording or a subject.
        """
        settings = self.settings.model_dump(mode="json")
        return save_artifact(self._nameless(), path, {"settings": settings, **self.facts_}, reporter=reporter)

    def _nameless(self) -> Self:
        """Return the model without what tells recordings apart: rows under their names, or in the order of these."""
        nameless = copy(self)
        nameless.stacker_ = copy(self.stacker_)
        nameless.__dict__.pop("oof_", None)
        nameless.stacker_.__dict__.pop("oof_probability_", None)
        return nameless

    @classmethod
    def load(cls, path: str | Path, *, trust: bool = False, reporter: Reporter | None = None) -> DepressionModel:
        """Read a model that `save` wrote; see `load_artifact` for what is checked first.

        Parameters
        ----------
        path : path-like
        trust : bool
            Also open a model that was not made on this account: it can run any program in your name.

        Raises
        ------
        ArtifactError
        """
        model, manifest, findings = load_artifact(path, trust=trust)
        if not isinstance(model, cls):
            raise ArtifactError("the file holds no DepressionModel", file=path, found=type(model).__name__)
        if model.feature_names_ != manifest["features"]:
            raise ArtifactError("the manifest lists other features than the model has", file=path, mend="train anew")
        for finding in findings:
            (reporter or LogReporter()).tell(finding)
        return model


def fit(
    data: Dataset,
    *,
    settings: Settings | None = None,
    trials: int | None = None,
    timeout: float | None = None,
    seed: int | None = None,
    positive: str | None = None,
    jobs: int = 1,
    cache: str | Path | None = None,
    studies: Path | None = None,
    groups_out: Path | None = None,
    reporter: Reporter | None = None,
) -> DepressionModel:
    """Extract features of the labelled recordings, tune, train and return a model.

    Parameters
    ----------
    data : Dataset
        With labels; recordings without one are left out.
    settings : Settings, optional
        The named arguments override it.
    jobs : int
        Processes. The result does not depend on it.
    cache : path-like, optional
        Folder of the feature cache.
    studies : Path, optional
        File that keeps the trials; see `DepressionModel.fit`.
    groups_out : Path, optional
        Where subjects that are proposed (`load_dataset(…, groups="infer")`) are written, for a person to correct.

    Raises
    ------
    DataError
        A file cannot be read, or the labels do not serve.
    ConfigError
        A setting is wrong.
    """
    reporter = reporter or LogReporter()
    changes = {"learning.trials": trials, "learning.timeout": timeout, "learning.seed": seed, "data.positive": positive}
    settings = (settings or Settings()).override(changes)
    labelled = data.labelled()
    assert labelled.status is not None
    groups = labelled.groups
    assert groups is not None
    _check_target(labelled.status, groups, settings)
    weights = weights_of(labelled.labels, settings.data.weights)
    for finding in data.findings:
        reporter.tell(finding)
    asked = with_face_shape(settings) if data.infer_groups else settings
    extraction = FeatureExtractor(asked, jobs=jobs, cache=cache, reporter=reporter).extract(labelled)
    features = extraction.checked()
    for finding in without_paths(extraction.findings):
        reporter.tell(finding)
    if data.infer_groups:
        features, groups, _ = settle_subjects(extraction, groups_out, reporter, seed=settings.learning.seed)
        _check_target(labelled.status, groups, settings)
    if leak := copies_between_subjects(extraction.contents, groups):
        reporter.tell(leak)
    model = DepressionModel(settings).fit(
        features,
        labelled.status,
        groups,
        sample_weight=weights,
        jobs=jobs,
        studies=studies,
        reporter=reporter,
    )
    model.facts_["synthetic"] = data.is_synthetic
    model.facts_["contents"] = known_contents(extraction.contents)
    return model


def _check_target(status: pd.Series, groups: pd.Series, settings: Settings) -> None:
    """Refuse learners, labels and subjects that do not serve, before any file is read."""
    unknown = [name for name in settings.learning.learners if name not in LEARNERS]
    if unknown:
        raise ConfigError("there is no such learner", expected=", ".join(LEARNERS), found=", ".join(unknown))
    if not _learners(settings.learning):
        raise ConfigError(
            "no learner is left without those that keep rows of their training data",
            expected=", ".join(name for name, learner in LEARNERS.items() if not learner.keeps_rows),
            found=", ".join(settings.learning.learners),
            mend="name another learner, or allow training rows",
        )
    check_labels(status, settings.data.classes)
    feasible_folds(status, groups, settings.learning.folds)
    positive_class(sorted(status.unique()), settings.data.positive)


def _learners(learning: LearningSettings) -> list[str]:
    return [name for name in learning.learners if learning.training_rows or not LEARNERS[name].keeps_rows]


def _check_overlap(copies: Sequence[Copy], allowed: bool, reporter: Reporter) -> None:
    if copies and not allowed:
        raise DataError(overlap(copies))
    if copies:
        reporter.tell(replace(overlap(copies), mend=None))  # it was asked for


def _subjects_of(data_ids: Sequence[str] | pd.Index, subjects: pd.Series | None) -> NDArray[Any] | None:
    """Return the subject of each recording; None without any.

    Raises
    ------
    DataError
        A recording has none: it could not be pooled with its subject's others.
    """
    if subjects is None:
        return None
    known = subjects.reindex(pd.Index(data_ids)).astype(object)
    lost = known.index[known.isna() | (known == "")]
    if len(lost):
        raise DataError(
            f"{len(lost)} of {len(known)} recordings have no subject to be pooled with",
            code="no-group",
            column="subject_id",
            found=", ".join(map(repr, lost[:5])) + (" …" if len(lost) > 5 else ""),
            mend="fill the column, or predict without --pool-subjects",
        )
    return known.to_numpy(dtype=object)


def _fingerprint(
    features: pd.DataFrame,
    status: pd.Series,
    groups: pd.Series,
    weights: NDArray[np.float64],
    settings: Settings | None = None,
) -> str:
    """Hash data, and our version and settings but for those that no trial depends on."""
    digest = xxhash.xxh3_128()
    if settings is not None:
        asked = settings.model_dump(mode="json")
        for name in ("trials", "timeout", "metric", "threshold"):
            del asked["learning"][name]
        digest.update(json.dumps([__version__, asked], sort_keys=True).encode())
    digest.update("\n".join(features.columns).encode())
    digest.update(np.ascontiguousarray(features.to_numpy(dtype=np.float64)).tobytes())
    for column in (features.index, status, groups):
        digest.update("\n".join(map(str, column)).encode())
    # Weights of 1 are as good as none.
    if (weights != 1).any():
        digest.update(weights.tobytes())
    return digest.hexdigest()
