"""Paired comparison of evaluations of the same recordings in the same folds, and of the systems in one evaluation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from pdmr_classic.arrays import finite_or_none
from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.evaluation._pairing import check_paired, keep_common_rows
from pdmr_classic.evaluation._winner import describe_winners
from pdmr_classic.evaluation.held_out_rows import Rows
from pdmr_classic.evaluation.inflation import null_inflation
from pdmr_classic.evaluation.intervals import interval_note, simultaneous_intervals
from pdmr_classic.evaluation.known_people import KNOWN_PEOPLE, NEW_PEOPLE
from pdmr_classic.evaluation.predictions import CLASSES, check_schema
from pdmr_classic.evaluation.scoring import CLASS_SCORING, SEVERITY_SCORING, Scoring
from pdmr_classic.text import format_list, format_quoted

SCHEMA = "pdmr-classic/comparison/1"
_MODEL = "model"
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
        `synthetic`, `held_out`, `interval_note`; of the predicted classes `positive`, `main_score`, counts
        (`n_left_out`: recordings that some system does not predict); `systems`: for each name, `mean`, `low` and `high`
        of each score; `pairs`: for each pair, its names `a` and `b`, and in `differences` for each score `difference`
        (b - a), `low` and `high`. These intervals are simultaneous: in 95% of studies, all of them contain the true
        difference.
        `winners`: who is best in the main score and AUC, see `describe_winners`. If all evaluations predict severities,
        `severity` has the same keys for these; the main score is the concordance.

    Raises
    ------
    DataError
        One of them is not an evaluation, they have no target in common, or they do not contain the same recordings in
        the same folds.
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
    by_name = dict(zip(names, evaluations, strict=True))
    scorings = _find_common_targets(by_name)
    held_out = _find_held_out(by_name)
    stored = {scoring.key: _read_systems(by_name, scoring) for scoring in scorings}
    _check_names(stored, systems)
    selected = {
        scoring.key: _select_systems(stored[scoring.key], systems, scoring.default_systems) for scoring in scorings
    }
    if not any(len(candidates) >= _MIN_SYSTEMS for candidates in selected.values()):
        raise _too_few_systems_error(stored, selected, systems)
    parts = {
        scoring.key: _compare_systems(selected[scoring.key], scoring)
        for scoring in scorings
        if len(selected[scoring.key]) >= _MIN_SYSTEMS
    }
    return {
        **parts.pop(CLASSES, {}),
        **parts,
        "synthetic": any(bool(evaluation.get("synthetic")) for evaluation in evaluations),
        "held_out": held_out,
        "interval_note": interval_note(known_people=held_out == KNOWN_PEOPLE),
    }


def _find_common_targets(evaluations: Mapping[str, Mapping[str, Any]]) -> list[Scoring[Any]]:
    """Return how to score what all evaluations predict: classes, severities, or both."""
    for evaluation in evaluations.values():
        check_schema(evaluation)
    scorings: list[Scoring[Any]] = [CLASS_SCORING, SEVERITY_SCORING]
    common = [scoring for scoring in scorings if all(scoring.key in evaluation for evaluation in evaluations.values())]
    if not common:
        raise DataError(
            "the evaluations have no target in common",
            code="unpaired",
            expected="classes in all of them, or severities in all of them",
            found=", ".join(
                f"{name}: {format_list(scoring.truth for scoring in scorings if scoring.key in evaluation)}"
                for name, evaluation in evaluations.items()
            ),
            hint="evaluate with the same --target",
        )
    return common


def _find_held_out(evaluations: Mapping[str, Mapping[str, Any]]) -> str:
    """Return who is held out in all evaluations; raise if some hold out new people and some known ones."""
    held_out = {name: str(evaluation.get("held_out", NEW_PEOPLE)) for name, evaluation in evaluations.items()}
    if len({*held_out.values()}) > 1:
        raise DataError(
            "the evaluations differ in who is held out",
            code="unpaired",
            expected="new people in all of them, or another visit of known people in all of them",
            found=format_list(f"{name}: {who}" for name, who in held_out.items()),
            hint="evaluate with the same --leave",
        )
    return next(iter(held_out.values()), NEW_PEOPLE)


def _read_systems(evaluations: Mapping[str, Mapping[str, Any]], scoring: Scoring[Rows]) -> dict[str, dict[str, Rows]]:
    """Return the systems of each evaluation, after checking that the evaluations can be paired."""
    available = {name: scoring.read_systems(evaluation) for name, evaluation in evaluations.items()}
    (first, model), *others = ((name, systems[_MODEL].sort_rows()) for name, systems in available.items())
    for name, other in others:
        check_paired(model, other, f"{first} and {name}", scoring)
    return available


def _check_names(stored: Mapping[str, Mapping[str, Mapping[str, Any]]], wanted: Sequence[str] | None) -> None:
    names = _list_stored(stored)
    unknown = [name for name in wanted or () if not any(name in _system_names(system) for system in names)]
    if unknown:
        raise ConfigError(
            "--systems names a system that no evaluation has",
            expected=format_list(names, limit=_MAX_LISTED),
            found=format_quoted(unknown),
        )


def _list_stored(stored: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    return list(dict.fromkeys(name for part in stored.values() for systems in part.values() for name in systems))


def _select_systems(
    available: Mapping[str, Mapping[str, Rows]], wanted: Sequence[str] | None, default: Sequence[str]
) -> dict[str, Rows]:
    """Return the systems to compare by their names."""
    wanted = wanted or (default if len(available) == 1 else (_MODEL,))
    return {
        _join_names(name, system, len(available) > 1, wanted): predictions.sort_rows()
        for name, systems in available.items()
        for system, predictions in systems.items()
        if any(name in wanted for name in _system_names(system))
    }


def _too_few_systems_error(
    stored: Mapping[str, Mapping[str, Mapping[str, Any]]],
    selected: Mapping[str, Mapping[str, Any]],
    wanted: Sequence[str] | None,
) -> ConfigError:
    found = list(dict.fromkeys(name for candidates in selected.values() for name in candidates))
    return ConfigError(
        "there are not two systems to compare",
        expected=f"--systems {format_list(_list_stored(stored), limit=_MAX_LISTED)}",
        found=format_list(found) or format_list(wanted or (_MODEL,)),
        hint="pass several evaluations, or select several systems of one",
    )


def _system_names(system: str) -> tuple[str, str]:
    """Return the names that select a system: its own, and the first word."""
    return system, system.partition(" ")[0]


def _join_names(name: str, system: str, are_several: bool, wanted: Sequence[str]) -> str:
    if not are_several:
        return system
    return name if tuple(wanted) == (_MODEL,) else f"{name}: {system}"


def _compare_systems(candidates: Mapping[str, Rows], scoring: Scoring[Rows]) -> dict[str, Any]:
    n_recordings = max(len(np.unique(predictions.recording.astype(str))) for predictions in candidates.values())
    candidates = keep_common_rows(candidates)
    first = next(iter(candidates.values()))
    # Paired: the same seed draws the same subjects for each system.
    drawn = {name: scoring.bootstrap(predictions) for name, predictions in candidates.items()}
    n_common = len(np.unique(first.recording.astype(str)))
    main, *others = scoring.winner_scores(first)
    return {
        "positive": getattr(first, "positive", None),
        "main_score": main,
        "n_recordings": n_common,
        "n_left_out": n_recordings - n_common,
        "n_subjects": len(np.unique(first.subject)),
        "systems": {name: _summarise(candidates[name], drawn[name], scoring) for name in candidates},
        "pairs": _compare_pairs(first, drawn, scoring),
        "winners": describe_winners(candidates, (main, *others), scoring=scoring),
    }


def _summarise(
    predictions: Rows, drawn: Mapping[str, np.ndarray], scoring: Scoring[Rows]
) -> dict[str, dict[str, float | None]]:
    return {
        name: {"mean": finite_or_none(drawn[name][0]), **scoring.find_limits(predictions, name, drawn[name])}
        for name in scoring.scores
        if name in drawn
    }


def _compare_pairs(
    first: Rows, drawn: Mapping[str, Mapping[str, np.ndarray]], scoring: Scoring[Rows]
) -> list[dict[str, Any]]:
    # The common part of two systems cancels; what remains depends on training almost as much as without any signal.
    inflation = null_inflation(first)
    pairs = list(combinations(drawn, 2))
    results: list[dict[str, Any]] = [{"a": a, "b": b, "differences": {}} for a, b in pairs]
    for name in (name for name in scoring.scores if name in next(iter(drawn.values()))):
        differences = np.stack([drawn[b][name] - drawn[a][name] for a, b in pairs])
        # One score for everyone has no correlation; the other systems are compared without it.
        defined = np.flatnonzero(np.isfinite(differences[:, 0]))
        limits = simultaneous_intervals(differences[defined], scoring.count_subjects(first, name), inflation)
        intervals = dict(zip(defined.tolist(), limits, strict=True))
        for number, result in enumerate(results):
            low, high = intervals.get(number) or (None, None)
            difference = finite_or_none(differences[number, 0])
            result["differences"][name] = {"difference": difference, "low": low, "high": high}
    return results


def compare_files(*paths: str | Path, systems: Sequence[str] | None = None) -> dict[str, Any]:
    """Compare evaluation files; see `compare`. The result also has `schema` "pdmr-classic/comparison/1" and `files`.

    Raises
    ------
    DataError
        A file cannot be read or is not an evaluation, or they cannot be paired.
    ConfigError
        There are not two systems to compare.
    """
    names = name_files(paths)
    comparison = compare(*map(read_evaluation, paths), names=names, systems=systems)
    return {"schema": SCHEMA, "files": dict(zip(names, map(str, paths), strict=True)), **comparison}


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
    check_evaluation(evaluation, path)
    return evaluation


def check_evaluation(evaluation: Any, path: str | Path) -> None:
    """Check that the content of a file is an evaluation with predictions that can be read.

    Raises
    ------
    DataError
        Names the file.
    """
    try:
        check_schema(evaluation)
        scorings: list[Scoring[Any]] = [CLASS_SCORING, SEVERITY_SCORING]
        for scoring in [scoring for scoring in scorings if scoring.key in evaluation] or scorings[:1]:
            scoring.read_systems(evaluation)
    except DataError as error:
        parts = {name: getattr(error.finding, name) for name in ("code", "expected", "found", "hint")}
        raise DataError(error.finding.what, file=path, **parts) from None
