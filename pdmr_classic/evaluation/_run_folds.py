"""All outer folds of an evaluation, side by side; those that an earlier run finished are not run again."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from pdmr_classic.config import Settings
from pdmr_classic.errors import Finding
from pdmr_classic.evaluation._fold_storage import FoldStorage, open_fold_storage
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.run_fold import run_fold
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.progress import Reporter
from pdmr_classic.storage.fingerprint import hash_data, table_bytes

_WORTH_TELLING_S = 60.0


def run_folds(
    table: EvaluationTable,
    outer: Sequence[OuterFold],
    settings: Settings,
    *,
    jobs: int,
    keep: str | Path | None,
    reporter: Reporter,
) -> list[dict[str, Any]]:
    """Return the result of each outer fold, in their order, as `run_fold` returns it.

    Parameters
    ----------
    table, outer, settings, jobs, reporter
    keep : path-like or None
        File that keeps finished outer folds.

    Raises
    ------
    ConfigError
        `keep` holds folds of other data or settings.
    """
    with open_fold_storage(keep, _fingerprint(table, outer, settings)) as kept:
        _run(table, settings, outer, kept, jobs, reporter)
        results = [kept.results[number] for number in range(len(outer))]
    _tell_counted(results, reporter)
    return results


def _fingerprint(table: EvaluationTable, outer: Iterable[OuterFold], settings: Settings) -> str:
    altered = [part for name, features in table.altered.items() for part in (name.encode(), *table_bytes(features))]
    folds = [np.append(one.test, [one.repeat, one.fold]).tobytes() for one in outer]
    # Folds and stress are here themselves; scores by subgroup come after the folds.
    asked = settings.model_dump(mode="json", exclude={"evaluation"})
    return hash_data(table.features, table.status, table.groups, table.weights, asked=asked, further=[*altered, *folds])


def _run(
    table: EvaluationTable,
    settings: Settings,
    outer: Sequence[OuterFold],
    kept: FoldStorage,
    jobs: int,
    reporter: Reporter,
) -> None:
    todo = [number for number in range(len(outer)) if number not in kept.results]
    if len(todo) < len(outer):
        what = f"{len(outer) - len(todo)} of {len(outer)} outer folds were finished by an earlier run"
        reporter.note(Finding("resumed", what, file=kept.path))
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
            reporter.note(Finding("time-left", f"about {left / 60:.0f} min are left"))


def _tell_counted(results: Iterable[Mapping[str, Any]], reporter: Reporter) -> None:
    """Tell what the folds noticed: once a code, with the number of folds."""
    told: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        for code, finding in {finding["code"]: finding for finding in result["findings"]}.items():
            told.setdefault(code, []).append(finding)
    for same in told.values():
        reporter.note(Finding(**{**same[0], "what": f"{same[0]['what']} (in {len(same)} outer folds)"}))
