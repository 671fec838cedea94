"""Honest evaluation: repeated nested grouped cross-validation, in which everything that learns is inside the fold."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from pdmr_classic._version import __version__
from pdmr_classic.config import Settings
from pdmr_classic.errors import Finding
from pdmr_classic.evaluation.assemble import verdict
from pdmr_classic.evaluation.baselines import modalities_of
from pdmr_classic.evaluation.fold_storage import KeptFolds, kept_folds
from pdmr_classic.evaluation.outer_folds import SPLIT_COLUMN, OuterFold, outer_folds
from pdmr_classic.evaluation.predictions import SCHEMA
from pdmr_classic.evaluation.run_fold import Table, run_fold
from pdmr_classic.evaluation.stress import altered_features
from pdmr_classic.evaluation.subgroups import check_columns
from pdmr_classic.features.names import is_learned
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.labels import weights_of
from pdmr_classic.models.target_checks import check_learnable, positive_class
from pdmr_classic.models.training import training_set
from pdmr_classic.progress import LogReporter, Reporter
from pdmr_classic.storage.atomic import write_text_atomic
from pdmr_classic.storage.fingerprint import fingerprint, table_bytes
from pdmr_classic.text import counted, to_json

_WORTH_TELLING_S = 60.0


def evaluate(
    data: Dataset,
    *,
    settings: Settings | None = None,
    folds: int = 5,
    repeats: int = 3,
    by: Sequence[str] = (),
    stress: bool = True,
    jobs: int = 1,
    cache: str | Path | None = None,
    keep: str | Path | None = None,
    groups_out: Path | None = None,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Estimate how good a model is on people that it has not seen.

    In each outer fold a model is tuned, trained, calibrated and given its threshold on the training subjects alone,
    and predicts the others.

    Parameters
    ----------
    data : Dataset
        With labels; recordings without one are left out. Each distinct value of a column `split` is a held-out fold.
    settings : Settings, optional
    folds, repeats : int
        Of the outer folds; fewer folds where the rarest class has fewer subjects.
    by : sequence of str
        Columns of the labels, for scores by subgroup.
    stress : bool
        Predict held-out recordings also with a modality, frames or half of the frame rate taken away, or with noise.
    jobs : int
        Processes. The result does not depend on it.
    cache : path-like, optional
        Folder of the feature cache.
    keep : path-like, optional
        File that keeps finished outer folds, so that what was ended goes on; remove it when the result is safe.
    groups_out : Path, optional
        Where subjects that are proposed (`load_dataset(…, groups="infer")`) are written, for a person to correct.

    Returns
    -------
    dict
        Ready for JSON, `schema` "pdmr-classic/evaluation/2": `scores` of the model, `baselines`, `stress`, `by`,
        `optimism` (inner less outer scores), `permutation_p_fixed_predictions`, `warnings`, and the out-of-fold
        `predictions`, in which subjects are numbers and recordings pseudonyms: see `predictions.pseudonyms`.

    Raises
    ------
    DataError
        A file cannot be read, or the labels, subjects or splits do not serve.
    ConfigError
        A setting is wrong, or `keep` holds folds of other data or settings.

    References
    ----------
    Varma and Simon 2006 (nested cross-validation).
    """
    reporter, settings = reporter or LogReporter(), settings or Settings()
    labelled = data.labelled()
    assert labelled.labels is not None
    assert labelled.groups is not None
    check_columns(labelled.labels, by, labelled.groups)
    training = training_set(labelled, settings, jobs=jobs, cache=cache, groups_out=groups_out, reporter=reporter)
    altered = altered_features(labelled, training.features, settings, jobs=jobs, reporter=reporter) if stress else {}
    found = evaluate_features(
        training.features,
        training.status,
        training.groups,
        labels=training.labels,
        altered=altered,
        settings=settings,
        folds=folds,
        repeats=repeats,
        by=by,
        jobs=jobs,
        keep=keep,
        reporter=reporter,
    )
    found["synthetic"] = data.is_synthetic
    # Where people recur unknown, or are only guessed, the estimate is not honest, whatever else is done.
    doubts = [replace(finding, file=None).as_dict() for finding in training.doubts]
    found["warnings"] = [*doubts, *found["warnings"]]
    return found


def evaluate_features(
    features: pd.DataFrame,
    status: pd.Series,
    groups: pd.Series,
    *,
    labels: pd.DataFrame | None = None,
    altered: Mapping[str, pd.DataFrame] | None = None,
    settings: Settings | None = None,
    folds: int = 5,
    repeats: int = 3,
    by: Sequence[str] = (),
    jobs: int = 1,
    keep: str | Path | None = None,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Evaluate on a table of features, as `evaluate` does.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
        As `FeatureExtractor` makes it.
    status, groups : Series of str, length n
        Label and subject of each row, in the same order.
    labels : DataFrame, optional
        Same rows; for the columns of `by`, for `split`, and for the weights in training that the settings name.
    altered : mapping of str to DataFrame, optional
        The same rows under stress.
    """
    reporter, settings = reporter or LogReporter(), settings or Settings()
    check_learnable(status, groups, settings)
    kept_rows = _with_something(features, reporter)
    labels = pd.DataFrame(index=features.index) if labels is None else labels.set_axis(features.index)
    check_columns(labels, by, groups)
    table = _table(features, status, groups, altered or {}, settings, kept_rows)
    if (weights := weights_of(labels, settings.data.weights)) is not None:
        table = replace(table, weights=weights.to_numpy()[kept_rows])
    split = labels[SPLIT_COLUMN][kept_rows] if SPLIT_COLUMN in labels else None
    outer, source = outer_folds(
        table.status,
        table.groups,
        split,
        folds=folds,
        repeats=repeats,
        seed=settings.learning.seed,
        reporter=reporter,
    )
    reporter.tell(_cost(table, outer, settings))
    with kept_folds(keep, _fingerprint(table, outer, settings)) as kept:
        _run(table, settings, outer, kept, jobs, reporter)
        results = [kept.results[number] for number in range(len(outer))]
    _tell_counted(results, reporter)
    return {
        "schema": SCHEMA,
        "version": __version__,
        "synthetic": False,
        "positive": table.positive,
        "data": {
            "n_recordings": len(table.status),
            "n_subjects": int(table.groups.nunique()),
            "classes": {label: int((table.status == label).sum()) for label in table.classes},
        },
        "settings": settings.model_dump(mode="json"),
        "outer": {
            "from": source,
            "folds": len({one.fold for one in outer}),
            "repeats": len({one.repeat for one in outer}),
            "sizes": [one.sizes(table.groups.to_numpy(dtype=object)) for one in outer],
        },
        **verdict(table, outer, results, labels[kept_rows], by, settings.learning.seed),
    }


def write_evaluation(found: Mapping[str, Any], path: str | Path) -> Path:
    """Write an evaluation as JSON, whole or not at all.

    Raises
    ------
    TargetError
    """
    return write_text_atomic(path, to_json(found, indent=1) + "\n")


def _with_something(features: pd.DataFrame, reporter: Reporter) -> pd.Series:
    """Return which rows have a modality: without any, there is nothing to be right or wrong about."""
    behaviour = [name for name in features.columns if is_learned(name)]
    kept = features[behaviour].notna().any(axis=1)
    if not kept.all():
        lost = counted((~kept).sum(), "recording has", "recordings have")
        what = f"{lost} nothing that a model can use: left out"
        reporter.tell(Finding("nothing-left", what))
    return kept


def _table(
    features: pd.DataFrame,
    status: pd.Series,
    groups: pd.Series,
    altered: Mapping[str, pd.DataFrame],
    settings: Settings,
    rows: pd.Series,
) -> Table:
    kept = rows.to_numpy()
    classes = sorted(status[kept].unique())
    modalities = modalities_of(features)
    return Table(
        features[kept],
        status[kept],
        groups[kept],
        tuple(classes),
        positive_class(classes, settings.data.positive),
        tuple(modalities) if len(modalities) > 1 else (),
        {name: other[kept] for name, other in altered.items()},
    )


def _cost(table: Table, outer: Sequence[OuterFold], settings: Settings) -> Finding:
    learning, n_models = settings.learning, 1 + len(table.modalities)
    alone = f" and {n_models - 1} of single modalities" if table.modalities else ""
    what = f"{len(outer) * n_models} models will be tuned and trained: in {len(outer)} outer folds one of all{alone}"
    budget = f"trials of each base learner: {learning.trials}; learners of each view: {', '.join(learning.learners)}"
    return Finding("cost", what, found=budget, mend="fewer --folds, --repeats or --trials cost less")


def _fingerprint(table: Table, outer: Iterable[OuterFold], settings: Settings) -> str:
    altered = [part for name, features in table.altered.items() for part in (name.encode(), *table_bytes(features))]
    folds = [np.append(one.test, [one.repeat, one.fold]).tobytes() for one in outer]
    asked = settings.model_dump(mode="json")
    return fingerprint(
        table.features, table.status, table.groups, table.weights, asked=asked, further=[*altered, *folds]
    )


def _run(
    table: Table, settings: Settings, outer: Sequence[OuterFold], kept: KeptFolds, jobs: int, reporter: Reporter
) -> None:
    todo = [number for number in range(len(outer)) if number not in kept.results]
    if len(todo) < len(outer):
        what = f"{len(outer) - len(todo)} of {len(outer)} outer folds were finished by an earlier run"
        reporter.tell(Finding("resumed", what, file=kept.path))
    reporter.progress("outer folds", len(outer) - len(todo), len(outer))
    # Whole outer folds side by side: inside one, a model of few recordings keeps no second process busy.
    n_jobs = min(joblib.effective_n_jobs(jobs), max(len(todo), 1))
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator", pre_dispatch=n_jobs)
    started = time.monotonic()
    results = parallel(joblib.delayed(run_fold)(table, settings, outer[number]) for number in todo)
    for done, (number, result) in enumerate(zip(todo, results, strict=True), start=1):
        kept.add(number, result)
        reporter.progress("outer folds", len(outer) - len(todo) + done, len(outer))
        left = (time.monotonic() - started) / done * (len(todo) - done)
        if done == n_jobs and left > _WORTH_TELLING_S:
            reporter.tell(Finding("time-left", f"about {left / 60:.0f} min are left"))


def _tell_counted(results: Iterable[Mapping[str, Any]], reporter: Reporter) -> None:
    """Tell what the folds noticed: once a code, with the number of folds."""
    told: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        for code, finding in {finding["code"]: finding for finding in result["findings"]}.items():
            told.setdefault(code, []).append(finding)
    for same in told.values():
        reporter.tell(Finding(**{**same[0], "what": f"{same[0]['what']} (in {len(same)} outer folds)"}))
