"""The whole model in one object: features, tuned stack, threshold; fitted on a table, saved as one file."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import asdict
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from pdmr_classic.arrays import Floats
from pdmr_classic.config import Settings
from pdmr_classic.errors import ArtifactError, Finding
from pdmr_classic.features.extractor import Extraction, FeatureExtractor, summarise_findings
from pdmr_classic.features.names import audio_width, parse_name, view_of
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.models._fitting import fit_ensemble
from pdmr_classic.models._skipped import find_skipped, nothing_left_error, skipped_finding
from pdmr_classic.models.decision.pooling import match_subjects
from pdmr_classic.models.decision.prevalence import Prevalence, check_prevalence
from pdmr_classic.models.persistence.artifact import load_artifact, save_artifact
from pdmr_classic.models.target_checks import Target, check_target
from pdmr_classic.progress import LogReporter, Reporter
from pdmr_classic.subjects.overlap import check_overlap, find_overlap
from pdmr_classic.text import format_list


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
        target = check_target(status, groups, self.settings, sample_weight)
        return self.fit_target(features, target, jobs=jobs, studies=studies, reporter=reporter)

    def fit_target(
        self,
        features: pd.DataFrame,
        target: Target,
        *,
        jobs: int = 1,
        studies: Path | None = None,
        reporter: Reporter | None = None,
    ) -> Self:
        """Fit as `fit` does, on labels, subjects and weights that `check_target` has checked."""
        ensemble = fit_ensemble(
            features, target, self.settings, jobs=jobs, studies=studies, reporter=reporter or LogReporter()
        )
        self.classes_, self.positive_ = target.classes, target.positive
        self.feature_names_ = list(features.columns)
        self.stacker_, self.decision_ = ensemble.stacker, ensemble.decision
        self.threshold_ = ensemble.decision.threshold_
        self.oof_, self.facts_ = ensemble.oof, ensemble.facts
        return self

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
        match_subjects(data.data_ids, pool_subjects)
        settings = self.settings.override({"reading.fps": fps})
        width = audio_width(tuple(self.feature_names_)) or None
        extractor = FeatureExtractor(settings, jobs=jobs, cache=cache, vector_width=width, reporter=reporter)
        extraction = extractor.extract(data)
        known = self.facts_.get("contents")
        copies = find_overlap(extraction, known, extractor.extract(train) if train is not None else None)
        check_overlap(copies, allow_overlap, reporter)
        self._check_channels(extraction, reporter)
        features = extraction.features.reindex(columns=self.feature_names_)
        probability = self.stacker_.predict_proba(features)
        lost = np.asarray(np.isnan(probability).any(axis=1))
        skipped = find_skipped(data, features.index[lost], extraction.refused)
        if skipped and (lost.all() or not skip_bad):
            raise nothing_left_error(skipped)
        for finding in (*data.findings, *extraction.refused):
            reporter.note(finding)
        for finding in summarise_findings(extraction.findings):
            reporter.note(finding)
        found = self._answers(probability[~lost], features.index[~lost], pool_subjects, prevalence, reporter)
        if skipped:
            reporter.note(skipped_finding(skipped, len(data)))
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
        probability: Floats,
        index: pd.Index,
        pool_subjects: pd.Series | None,
        prevalence: Prevalence | None,
        reporter: Reporter,
    ) -> pd.DataFrame:
        subjects = match_subjects(index, pool_subjects)
        # The threshold in force is the model's own, unless something else is asked for.
        answers = self.decision_.answer(probability, subjects, prevalence)
        own = subjects is None and prevalence is None
        threshold = self.threshold_ if own else answers.threshold
        for finding in answers.findings:
            reporter.note(finding)
        predictions = self.decision_.labelled(answers.probability, index, threshold)
        predictions.attrs["threshold"] = threshold
        if subjects is not None:
            predictions.attrs["subjects"] = len(set(subjects))
        if answers.shares is not None:
            predictions.attrs["prevalence"] = answers.shares
        return predictions

    def _check_channels(self, extraction: Extraction, reporter: Reporter) -> None:
        known = extraction.features.notna().any()
        found = {str(name) for name in known.index[known]}
        for modality in ("video", "audio"):
            trained = _channels(self.feature_names_, modality)
            here = _channels(found, modality)
            missing = sorted(trained - here)
            if here and missing:
                what = f"{len(missing)} of {len(trained)} {modality} channels that the model was trained on are missing"
                reporter.note(Finding("missing-channels", what, found=format_list(missing)))

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
            raise ArtifactError("the manifest lists other features than the model has", file=path, hint="train anew")
        for finding in findings:
            (reporter or LogReporter()).note(finding)
        return model


def _channels(names: Iterable[str], modality: str) -> set[str]:
    return {parse_name(name).channel for name in names if view_of(name) == modality}
