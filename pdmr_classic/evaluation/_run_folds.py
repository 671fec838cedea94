"""Run the outer folds of an evaluation in parallel, skipping those that an earlier run finished."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pdmr_classic.config import Settings
from pdmr_classic.environment import read_library_versions
from pdmr_classic.errors import ConfigError, Finding
from pdmr_classic.evaluation.fold_numbers import check_fold_numbers
from pdmr_classic.evaluation.fold_storage import (
    FoldOrigin,
    FoldStorage,
    check_all_finished,
    list_missing,
    open_fold_storage,
)
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.predictions import SCHEMA
from pdmr_classic.evaluation.run_fold import run_fold
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.parallel.backend import count_parallel, run_tasks
from pdmr_classic.plugins import list_plugins, share_plugins
from pdmr_classic.progress import Reporter
from pdmr_classic.storage.fingerprint import hash_data, table_bytes
from pdmr_classic.text import format_count, to_json

SOME_FOLDS_SCHEMA = "pdmr-classic/outer-folds/1"
_MIN_REPORTED_S = 60.0


def choose_folds(outer: Sequence[OuterFold], fold: Sequence[int] | None, *, join: bool) -> list[int]:
    """Return the indexes of the outer folds that a run computes: all, those of `fold` (from 1), or none to join.

    Raises
    ------
    ConfigError
        There are fewer folds, or both are asked for.
    """
    if join and fold is not None:
        raise ConfigError("--fold and --join exclude each other", hint="first --fold for each fold, then --join")
    if fold is None:
        return [] if join else [*range(len(outer))]
    check_fold_numbers(fold, len(outer))
    return sorted({number - 1 for number in fold})


def run_folds(
    table: EvaluationTable,
    outer: Sequence[OuterFold],
    settings: Settings,
    *,
    jobs: int,
    checkpoint: str | Path | None,
    join: bool = False,
    reporter: Reporter,
) -> list[dict[str, Any]]:
    """Return the result of each outer fold, in order; see `run_fold`.

    Parameters
    ----------
    table, outer, settings, jobs, reporter
    checkpoint : path-like or None
        Folder that stores finished outer folds.
    join : bool
        Compute nothing: all outer folds must be in the folder.

    Raises
    ------
    ConfigError
        A fold in `checkpoint` belongs to other data, settings or library versions, or is missing.
    """
    wanted = range(len(outer))
    with open_fold_storage(checkpoint, _origin(table, outer, settings), wanted=wanted) as storage:
        if join:
            check_all_finished(_need_checkpoint(checkpoint, "join"), len(outer))
        else:
            _run_missing_folds(table, settings, outer, wanted, storage, jobs, reporter)
        results = [storage.results[index] for index in wanted]
    _report_fold_findings(results, reporter)
    return results


def run_some_folds(
    table: EvaluationTable,
    outer: Sequence[OuterFold],
    settings: Settings,
    wanted: Sequence[int],
    *,
    jobs: int,
    checkpoint: str | Path | None,
    reporter: Reporter,
) -> dict[str, Any]:
    """Store the results of some outer folds in the folder `checkpoint`, while other runs store the others.

    Parameters
    ----------
    table, outer, settings, jobs, checkpoint, reporter
        As for `run_folds`.
    wanted : sequence of int
        Indexes of the folds.

    Returns
    -------
    dict
        `schema` "pdmr-classic/outer-folds/1", `folds` (numbers from 1), `n_folds` of the evaluation, `missing` (those
        that no run has finished yet), `checkpoint`.

    Raises
    ------
    ConfigError
        A fold in `checkpoint` belongs to other data, settings or library versions.
    """
    folder = _need_checkpoint(checkpoint, "fold")
    with open_fold_storage(folder, _origin(table, outer, settings), wanted=wanted, is_shared=True) as storage:
        _run_missing_folds(table, settings, outer, wanted, storage, jobs, reporter)
        _report_fold_findings([storage.results[index] for index in wanted], reporter)
    return {
        "schema": SOME_FOLDS_SCHEMA,
        "folds": [index + 1 for index in wanted],
        "n_folds": len(outer),
        "missing": list_missing(folder, len(outer)),
        "checkpoint": str(folder),
    }


def _need_checkpoint(checkpoint: str | Path | None, option: str) -> Path:
    if checkpoint is None:
        raise ConfigError(f"`{option}` needs `checkpoint`", expected="the folder that the runs share")
    return Path(checkpoint)


def _origin(table: EvaluationTable, outer: Sequence[OuterFold], settings: Settings) -> FoldOrigin:
    # Other evaluation settings are excluded: folds and altered features are hashed directly, and subgroups come later.
    hashed_settings = settings.model_dump(mode="json", exclude={"evaluation", "plugins"})
    hashed_settings["prevalence"] = settings.evaluation.prevalence
    fingerprint = _fingerprint(table, outer, settings, hashed_settings)
    return FoldOrigin(len(outer), fingerprint, hashed_settings, read_library_versions())


def _fingerprint(
    table: EvaluationTable, outer: Iterable[OuterFold], settings: Settings, hashed_settings: dict[str, Any]
) -> str:
    altered = [part for name, features in table.altered.items() for part in (name.encode(), *table_bytes(features))]
    folds = [np.concatenate([fold.train, fold.test, [fold.repeat, fold.fold]]).tobytes() for fold in outer]
    confounds = [] if table.confounds is None else table.confounds.fingerprint_parts()
    own = [plugin.code.encode() for plugin in list_plugins("learner") if plugin.name in settings.learning.learners]
    own += [estimator.code.encode() for estimator in table.estimators]
    return hash_data(
        table.features,
        table.status,
        table.groups,
        table.weights,
        settings=hashed_settings,
        extra=[SCHEMA.encode(), *altered, *folds, *confounds, *_score_bytes(table), *_recording_bytes(table), *own],
    )


def _recording_bytes(table: EvaluationTable) -> list[bytes]:
    """Return the single recordings of persons with events as bytes; nothing without events."""
    recordings = table.recordings
    return [] if recordings is None else [*table_bytes(recordings.features), "\0".join(recordings.persons).encode()]


def _score_bytes(table: EvaluationTable) -> list[bytes]:
    """Return scores, scale and conditions as bytes; nothing if only classes are learned."""
    scores = [] if table.scores is None else [table.scores.values.to_numpy(dtype=np.float64).tobytes()]
    scale = [] if table.scores is None else [to_json(table.scores.scale.as_dict()).encode()]
    conditions = [] if table.conditions is None else ["\0".join(table.conditions).encode()]
    return [*scores, *scale, *conditions]


def _run_missing_folds(
    table: EvaluationTable,
    settings: Settings,
    outer: Sequence[OuterFold],
    wanted: Sequence[int],
    storage: FoldStorage,
    jobs: int,
    reporter: Reporter,
) -> None:
    todo = [index for index in wanted if index not in storage.results]
    if len(todo) < len(wanted):
        what = f"resuming: an earlier run finished {len(wanted) - len(todo)} of {len(wanted)} outer folds"
        reporter.note(Finding("resumed", what, file=storage.path))
    reporter.progress("outer folds", len(wanted) - len(todo), len(wanted))
    # Parallel over outer folds: within a fold, a small data set does not keep a second process busy.
    n_jobs = count_parallel(jobs, len(todo))
    started = time.monotonic()
    folds = ((outer[index],) for index in todo)

    def keep(task: int, result: dict[str, Any]) -> None:
        storage.add(todo[task], result)

    results = run_tasks(share_plugins(run_fold), folds, n_jobs=n_jobs, shared=(table, settings), ahead=1, keep=keep)
    for done, _ in enumerate(results, start=1):
        reporter.progress("outer folds", len(wanted) - len(todo) + done, len(wanted))
        remaining_s = (time.monotonic() - started) / done * (len(todo) - done)
        if done == n_jobs and remaining_s > _MIN_REPORTED_S:
            reporter.note(Finding("time-left", f"about {remaining_s / 60:.0f} min left"))


def _report_fold_findings(results: Iterable[Mapping[str, Any]], reporter: Reporter) -> None:
    """Report the findings of the folds: one note per code, with the number of folds."""
    by_code: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        for code, finding in {finding["code"]: finding for finding in result["findings"]}.items():
            by_code.setdefault(code, []).append(finding)
    for findings in by_code.values():
        first = findings[0]
        reporter.note(Finding(**{**first, "what": f"{first['what']} (in {format_count(len(findings), 'outer fold')})"}))
