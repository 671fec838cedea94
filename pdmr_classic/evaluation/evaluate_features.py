"""`evaluate_features`: repeated nested grouped cross-validation on a table, everything that learns inside the fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.errors import Finding
from pdmr_classic.evaluation._assemble import assemble_evaluation
from pdmr_classic.evaluation._run_folds import run_folds
from pdmr_classic.evaluation.outer_folds import OuterFold, outer_folds
from pdmr_classic.evaluation.subgroups import check_subgroup_columns
from pdmr_classic.evaluation.table import EvaluationTable, make_table, usable_rows
from pdmr_classic.io.labels import read_weights
from pdmr_classic.models.target_checks import check_target
from pdmr_classic.progress import LogReporter, Reporter
from pdmr_classic.splits import SPLIT_COLUMN


def evaluate_features(
    features: pd.DataFrame,
    status: pd.Series,
    groups: pd.Series,
    *,
    labels: pd.DataFrame | None = None,
    altered: Mapping[str, pd.DataFrame] | None = None,
    settings: Settings | None = None,
    folds: int | None = None,
    repeats: int | None = None,
    by: Sequence[str] | None = None,
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
    reporter = reporter or LogReporter()
    settings = override_evaluation(settings, folds=folds, repeats=repeats, by=by)
    asked = settings.evaluation
    target = check_target(status, groups, settings)
    rows = usable_rows(features, reporter)
    labels = pd.DataFrame(index=features.index) if labels is None else labels.set_axis(features.index)
    check_subgroup_columns(labels, asked.by, groups)
    weights = read_weights(labels, settings.data.weights)
    table = make_table(
        features, status, groups, positive=target.positive, altered=altered or {}, weights=weights, rows=rows
    )
    split = labels[SPLIT_COLUMN][rows] if SPLIT_COLUMN in labels else None
    outer, source = outer_folds(
        table.status,
        table.groups,
        split,
        folds=asked.folds,
        repeats=asked.repeats,
        seed=settings.learning.seed,
        reporter=reporter,
    )
    reporter.note(_cost(table, outer, settings))
    results = run_folds(table, outer, settings, jobs=jobs, keep=keep, reporter=reporter)
    return assemble_evaluation(table, outer, results, labels[rows], settings, folds_from=source)


def override_evaluation(settings: Settings | None, **evaluation: Any) -> Settings:
    """Return the settings, or the defaults, with values of the section `evaluation` replaced unless they are None."""
    return (settings or Settings()).override({f"evaluation.{name}": value for name, value in evaluation.items()})


def _cost(table: EvaluationTable, outer: Sequence[OuterFold], settings: Settings) -> Finding:
    learning, n_models = settings.learning, 1 + len(table.modalities)
    alone = f" and {n_models - 1} of single modalities" if table.modalities else ""
    what = f"{len(outer) * n_models} models will be tuned and trained: in {len(outer)} outer folds one of all{alone}"
    budget = f"trials of each base learner: {learning.trials}; learners of each view: {', '.join(learning.learners)}"
    return Finding("cost", what, found=budget, hint="fewer --folds, --repeats or --trials cost less")
