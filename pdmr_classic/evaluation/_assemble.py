"""Assemble the evaluation from the outer folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pdmr_classic import __version__
from pdmr_classic.config import Settings
from pdmr_classic.environment import describe_environment
from pdmr_classic.evaluation._held_out_flow import extend_to_scored
from pdmr_classic.evaluation._label_sets import summarise_label_sets
from pdmr_classic.evaluation._summary import summarise_results
from pdmr_classic.evaluation.intervals import interval_note
from pdmr_classic.evaluation.known_people import KNOWN_PEOPLE, warn_of_known_people
from pdmr_classic.evaluation.outer_folds import OuterFold, are_one_way, describe_held_out
from pdmr_classic.evaluation.predictions import SCHEMA
from pdmr_classic.evaluation.severity.collect import summarise_fold_severities
from pdmr_classic.evaluation.severity.predictions import SEVERITY
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.workers import use_one_thread


@use_one_thread()
def assemble_evaluation(
    table: EvaluationTable,
    outer: Sequence[OuterFold],
    results: Sequence[Mapping[str, Any]],
    labels: pd.DataFrame,
    settings: Settings,
    *,
    fold_source: str,
) -> dict[str, Any]:
    """Return the evaluation as a JSON-serialisable dict.

    Parameters
    ----------
    table : EvaluationTable
    outer : sequence of OuterFold
    results : sequence of dict
        Result of each outer fold, see `run_fold`.
    labels : DataFrame
        Label table of the same rows; provides the subgroup columns.
    settings : Settings
    fold_source : str
        Origin of the outer folds, see `make_outer_folds`.
    """
    return {
        "schema": SCHEMA,
        "version": __version__,
        "environment": describe_environment(),
        "synthetic": False,
        "held_out": describe_held_out(outer, table.groups),
        "positive": table.positive,
        "data": {
            "n_recordings": len(table.groups),
            "n_subjects": int(table.groups.nunique()),
            "classes": {label: int((table.status == label).sum()) for label in table.classes},
            "fingerprint": table.facts.fingerprint,
            **({"training_fingerprint": training} if (training := table.facts.training_fingerprint) else {}),
        },
        "flow": list(extend_to_scored(table, outer, results)),
        "settings": settings.model_dump(mode="json"),
        "outer_folds": {
            "source": fold_source,
            "n_folds": len({fold.fold for fold in outer}),
            "n_repeats": len({fold.repeat for fold in outer}),
            "is_one_way": are_one_way(outer),
            "sizes": [fold.count_rows(table.groups.to_numpy(dtype=object)) for fold in outer],
        },
        **_summarise_targets(table, outer, results, labels, settings),
    }


def _summarise_targets(
    table: EvaluationTable,
    outer: Sequence[OuterFold],
    results: Sequence[Mapping[str, Any]],
    labels: pd.DataFrame,
    settings: Settings,
) -> dict[str, Any]:
    """Return what is known of the classes, of the scores, or both."""
    by, seed = settings.evaluation.by, settings.learning.seed
    if table.scores is None:
        classes = summarise_results(table, outer, results, labels, by, seed)
        return {**classes, "abstention": summarise_label_sets(table, outer, results, settings.severity.level)}
    level = settings.severity.level
    severity = summarise_fold_severities(
        table, table.scores, outer, results, labels=labels, by=by, level=level, seed=seed
    )
    if not table.classes:
        counts = {name: severity[name] for name in ("n_recordings", "n_subjects")}
        held_out = describe_held_out(outer, table.groups)
        warnings = [finding.as_dict() for finding in warn_of_known_people(held_out)]
        note = interval_note(known_people=held_out == KNOWN_PEOPLE)
        alone = {"conclusion": [], "warnings": warnings, "interval_note": note}
        return {**counts, **alone, SEVERITY: severity}
    labelled = [fold.restrict(table.has_status) for fold in outer]
    classes = summarise_results(table, labelled, results, labels, by, seed)
    return {**classes, "abstention": summarise_label_sets(table, labelled, results, level), SEVERITY: severity}
