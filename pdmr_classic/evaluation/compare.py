"""Paired comparison of evaluations of the same recordings in the same folds, and of the systems in one evaluation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.arrays import finite_or_none
from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.evaluation._winner import describe_winners
from pdmr_classic.evaluation.inflation import null_inflation
from pdmr_classic.evaluation.intervals import (
    INTERVAL_NOTE,
    bootstrap_scores,
    count_rarest_class_subjects,
    simultaneous_intervals,
)
from pdmr_classic.evaluation.predictions import Predictions, read_predictions
from pdmr_classic.evaluation.stored_systems import read_systems
from pdmr_classic.evaluation.system_scores import find_limits, main_score
from pdmr_classic.text import format_list, format_quoted

_SCORE_NAMES = ("f1", "macro_f1", "auc", "brier")
_MODEL = "model"
# What is compared within a single evaluation.
_PARTS = (_MODEL, "view", "member")
_MIN_SYSTEMS = 2
_MAX_LISTED = 40


def compare(
    *evaluations: Mapping[str, Any], names: Sequence[str] | None = None, systems: Sequence[str] | None = None
) -> dict[str, Any]:
    """Compare evaluations, paired over the same folds; or the systems in one evaluation.

    Parameters
    ----------
    *evaluations : dict
        As returned by `evaluate`.
    names : sequence of str, optional
        One name per evaluation; default: A, B, C and so on.
    systems : sequence of str, optional
        Systems to compare, by their name ("view video") or its first word ("member"); default: the model of each
        evaluation, or, of a single evaluation, the model, its views and its base learners.

    Returns
    -------
    dict
        `positive`, `main_score`, `synthetic`, counts (`n_left_out`: recordings that some system does not predict),
        `interval_note`; `systems`: for each name, `mean`, `low` and `high` of each score; `pairs`: for each pair, its
        names `a` and `b`, and in `differences` for each score `difference` (b - a), `low` and `high`. These intervals
        are simultaneous: in 95% of studies, all of them contain the true difference. `winners`: who is best in the main
        score and AUC, see `describe_winners`.

    Raises
    ------
    DataError
        One of them is not an evaluation, or they do not contain the same recordings in the same folds.
    ConfigError
        There are not two systems to compare.

    Examples
    --------
    >>> from pdmr_classic.evaluation.predictions import SCHEMA
    >>> rows = [dict(recording=f"{k:02d}", subject=k, repeat=0, fold=k % 2, status="ny"[k // 2 % 2], predicted="y",
    ...              probability=k / 16) for k in range(16)]
    >>> folds = {"is_one_way": False}
    >>> evaluation = {"schema": SCHEMA, "positive": "y", "data": {"classes": {"n": 8, "y": 8}}, "outer_folds": folds,
    ...               "predictions": rows, "systems": {}}
    >>> comparison = compare(evaluation, evaluation, names=["old", "new"])
    >>> comparison["winners"]["f1"]["shares_of_rank_1"], comparison["pairs"][0]["differences"]["auc"]["difference"]
    ({'old': 0.5, 'new': 0.5}, 0.0)
    """
    names = names or [chr(ord("A") + number) for number in range(len(evaluations))]
    candidates = _select_systems(dict(zip(names, evaluations, strict=True)), systems)
    n_recordings = max(len(np.unique(predictions.recording.astype(str))) for predictions in candidates.values())
    candidates = _keep_common_rows(candidates)
    first = next(iter(candidates.values()))
    # Paired: the same seed draws the same subjects for each system.
    drawn = {name: bootstrap_scores(predictions) for name, predictions in candidates.items()}
    n_common = len(np.unique(first.recording.astype(str)))
    main = main_score(first.positive)
    return {
        "positive": first.positive,
        "main_score": main,
        "synthetic": any(bool(evaluation.get("synthetic")) for evaluation in evaluations),
        "n_recordings": n_common,
        "n_left_out": n_recordings - n_common,
        "n_subjects": len(np.unique(first.subject)),
        "systems": {name: _summarise(candidates[name], drawn[name]) for name in candidates},
        "pairs": _compare_pairs(first, drawn),
        "winners": describe_winners(candidates, (main, "auc")),
        "interval_note": INTERVAL_NOTE,
    }


def _select_systems(
    evaluations: Mapping[str, Mapping[str, Any]], wanted: Sequence[str] | None
) -> dict[str, Predictions]:
    """Return the systems to compare by their names, after checking that the evaluations can be paired."""
    available = {name: read_systems(evaluation) for name, evaluation in evaluations.items()}
    (first, model), *others = ((name, systems[_MODEL].sort_rows()) for name, systems in available.items())
    for name, other in others:
        _check_paired(model, other, f"{first} and {name}")
    stored = dict.fromkeys(system for systems in available.values() for system in systems)
    unknown = [name for name in wanted or () if not any(name in _system_names(system) for system in stored)]
    if unknown:
        raise ConfigError(
            "--systems names a system that no evaluation has",
            expected=format_list(stored, limit=_MAX_LISTED),
            found=format_quoted(unknown),
        )
    wanted = wanted or (_PARTS if len(evaluations) == 1 else (_MODEL,))
    selected = {
        _join_names(name, system, len(evaluations) > 1, wanted): predictions.sort_rows()
        for name, systems in available.items()
        for system, predictions in systems.items()
        if any(name in wanted for name in _system_names(system))
    }
    if len(selected) < _MIN_SYSTEMS:
        raise ConfigError(
            "there are not two systems to compare",
            expected=f"--systems {format_list(stored, limit=_MAX_LISTED)}",
            found=format_list(selected) or format_list(wanted),
            hint="pass several evaluations, or select several systems of one",
        )
    return selected


def _system_names(system: str) -> tuple[str, str]:
    """Return the names that select a system: its own, and the first word."""
    return system, system.partition(" ")[0]


def _join_names(name: str, system: str, are_several: bool, wanted: Sequence[str]) -> str:
    if not are_several:
        return system
    return name if tuple(wanted) == (_MODEL,) else f"{name}: {system}"


def _keep_common_rows(candidates: Mapping[str, Predictions]) -> dict[str, Predictions]:
    """Return the rows that every system has: a view does not predict recordings without its modality."""
    keys = {name: predictions.row_keys for name, predictions in candidates.items()}
    common = reduce(pd.MultiIndex.intersection, keys.values())
    if not len(common):
        raise DataError("no recording is predicted by all systems", code="unpaired", found=format_list(candidates))
    return {name: predictions.subset(keys[name].isin(common)) for name, predictions in candidates.items()}


def _summarise(predictions: Predictions, drawn: Mapping[str, np.ndarray]) -> dict[str, dict[str, float | None]]:
    return {
        name: {"mean": finite_or_none(drawn[name][0]), **find_limits(predictions, name, drawn[name])}
        for name in _SCORE_NAMES
        if name in drawn
    }


def _compare_pairs(first: Predictions, drawn: Mapping[str, Mapping[str, np.ndarray]]) -> list[dict[str, Any]]:
    n_rarest = count_rarest_class_subjects(first)
    # The common part of two systems cancels; what remains depends on training almost as much as without any signal.
    inflation = null_inflation(first)
    pairs = list(combinations(drawn, 2))
    results: list[dict[str, Any]] = [{"a": a, "b": b, "differences": {}} for a, b in pairs]
    for name in (name for name in _SCORE_NAMES if name in next(iter(drawn.values()))):
        differences = np.stack([drawn[b][name] - drawn[a][name] for a, b in pairs])
        limits = simultaneous_intervals(differences, n_rarest, inflation)
        for result, difference, interval in zip(results, differences[:, 0], limits, strict=True):
            low, high = interval or (None, None)
            result["differences"][name] = {"difference": finite_or_none(difference), "low": low, "high": high}
    return results


def compare_files(*paths: str | Path, systems: Sequence[str] | None = None) -> dict[str, Any]:
    """Compare evaluation files; see `compare`.

    Raises
    ------
    DataError
        A file cannot be read or is not an evaluation, or they cannot be paired.
    ConfigError
        There are not two systems to compare.
    """
    names = name_files(paths)
    comparison = compare(*map(read_evaluation, paths), names=names, systems=systems)
    return {"files": dict(zip(names, map(str, paths), strict=True)), **comparison}


def name_files(paths: Sequence[str | Path]) -> list[str]:
    """Return a short name for each file: as little of its path as tells it from the others.

    Examples
    --------
    >>> name_files(["run1/svm.json", "run2/svm.json", "trees.json"])
    ['run1/svm', 'run2/svm', 'trees']
    >>> name_files(["a.json", "a.json"])
    ['a', 'a (2)']
    """
    parts = [Path(path).with_suffix("").parts for path in paths]
    n_parts = next(
        (n for n in range(1, max(map(len, parts)) + 1) if len({part[-n:] for part in parts}) == len(set(parts))), 1
    )
    seen: dict[str, int] = {}
    names = []
    for part in parts:
        is_alone = sum(other[-1:] == part[-1:] for other in set(parts)) == 1
        name = part[-1] if is_alone else "/".join(part[-n_parts:])
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def read_evaluation(path: str | Path) -> dict[str, Any]:
    """Read an evaluation file.

    Raises
    ------
    DataError
        The file cannot be read or is not an evaluation.
    """
    try:
        evaluation: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(
            "the evaluation cannot be read", code="not-an-evaluation", file=path, expected="JSON", found=reason
        ) from None
    try:
        read_predictions(evaluation)
    except DataError as error:
        parts = {name: getattr(error.finding, name) for name in ("code", "expected", "found", "hint")}
        raise DataError(error.finding.what, file=path, **parts) from None
    return evaluation


def _check_paired(a: Predictions, b: Predictions, names: str) -> None:
    if (a.classes, a.positive) != (b.classes, b.positive):
        raise _unpaired_error(names, "classes", f"{_format_classes(a)} and {_format_classes(b)}")
    ids_a, ids_b = set(a.recording), set(b.recording)
    if ids_a != ids_b:
        raise _unpaired_error(
            names, "recordings", f"{len(ids_a)} and {len(ids_b)}, of which {len(ids_a & ids_b)} are shared"
        )
    if len(np.unique(a.repeat)) != len(np.unique(b.repeat)):
        raise _unpaired_error(names, "repeats", f"{len(np.unique(a.repeat))} and {len(np.unique(b.repeat))}")
    has_same_folds = len(a) == len(b) and all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("repeat", "fold", "recording")
    )
    if not has_same_folds:
        raise _unpaired_error(names, "folds", "the same recordings in different outer folds")
    for name, label in (("subject", "subjects"), ("truth", "labels")):
        n_different = np.count_nonzero(getattr(a, name) != getattr(b, name))
        if n_different:
            raise _unpaired_error(names, label, f"{n_different} of {len(a)} rows differ")


def _format_classes(predictions: Predictions) -> str:
    return ", ".join(predictions.classes) + (f" (positive: {predictions.positive})" if predictions.positive else "")


def _unpaired_error(names: str, what: str, found: str) -> DataError:
    return DataError(
        f"the evaluations {names} differ in their {what}",
        code="unpaired",
        expected="the same recordings, labels, subjects and folds",
        found=found,
        hint="evaluate both on the same data, with the same --folds, --repeats, --seed and --groups",
    )
