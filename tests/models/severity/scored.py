"""Small tables of recordings with a score that some columns predict."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.errors import Finding
from pdmr_classic.io.labels.scales import SCALES, Scale
from pdmr_classic.progress import CollectingReporter

VIDEO, AUDIO = [f"video__c{k}__mean" for k in range(3)], [f"audio__c{k}__mean" for k in range(3)]
QUICK = {
    "severity.learners": ("ridge",),
    "severity.level": 0.8,
    "learning.learners": ("linear",),
    "learning.trials": 1,
    "learning.repeats": 1,
    "learning.folds": 4,
    "learning.importance": False,
}


class Scored(NamedTuple):
    """Features, status, score, subject and condition of the same recordings."""

    X: pd.DataFrame
    status: pd.Series
    score: pd.Series
    groups: pd.Series
    conditions: pd.Series

    def select(self, rows: Any) -> Scored:
        return Scored(*(part.loc[rows] for part in self))


def make_scored(subjects: int = 24, each: int = 2, *, noise: float = 1.0, missing: int = 0, seed: int = 0) -> Scored:
    """Return PHQ-8 scores that one column of each modality shows, and a status that is Depression from 10 on.

    `missing` recordings lack the video, and as many others the audio.
    """
    rng = np.random.default_rng(seed)
    number = np.repeat(np.arange(subjects), each)
    score = np.round(rng.uniform(0, 24, subjects))[number]
    columns = [*VIDEO, *AUDIO]
    X = pd.DataFrame(rng.normal(size=(len(number), 6)), columns=columns)
    for name in (VIDEO[0], AUDIO[0]):
        X[name] = (score - 12) / 7 + noise * X[name]
    rows = rng.permutation(len(X))
    X.loc[rows[:missing], VIDEO] = np.nan
    X.loc[rows[missing : 2 * missing], AUDIO] = np.nan
    X.index = pd.Index([f"r{row:03d}" for row in range(len(X))], name="data_id")
    return Scored(
        X,
        pd.Series(np.where(score >= 10, "Depression", "Normal"), X.index, dtype=object),
        pd.Series(score, X.index, name="phq8"),
        pd.Series([f"S{k:02d}" for k in number], X.index),
        pd.Series(np.array(["human", "robot"], dtype=object)[np.arange(len(X)) % 2], X.index),
    )


def fit_scored(
    data: Scored,
    target: str = "score",
    *,
    experts: bool = False,
    scale: Scale | None = SCALES["phq8"],
    settings: dict[str, Any] | None = None,
    **options: Any,
) -> tuple[DepressionModel, list[Finding]]:
    """Fit a model of the "score", the "status" or "both"; return it with what it told."""
    reporter = CollectingReporter()
    model = DepressionModel(Settings().override({**QUICK, **(settings or {})})).fit(
        data.X,
        None if target == "score" else data.status,
        data.groups,
        severity=None if target == "status" else data.score,
        scale=None if target == "status" else scale,
        conditions=data.conditions if experts else None,
        reporter=reporter,
        **options,
    )
    return model, reporter.findings
