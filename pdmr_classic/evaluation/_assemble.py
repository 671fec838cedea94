"""Results of the outer folds to what the evaluation says: scores, baselines, stress, subgroups, warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic._version import __version__
from pdmr_classic.config import Settings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.evaluation._permutation import permutation_test
from pdmr_classic.evaluation.baselines import floor_scores, shortcut_columns
from pdmr_classic.evaluation.intervals import NOTE
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.predictions import SCHEMA, Predictions, make_pseudonyms
from pdmr_classic.evaluation.run_fold import MODEL, ONLY, SHORTCUT, STRESS
from pdmr_classic.evaluation.stress import score_stress
from pdmr_classic.evaluation.subgroups import score_subgroups
from pdmr_classic.evaluation.system_scores import main_score, summarise_scores
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.models.persistence.versions import describe_environment

_OPTIMISM = ("f1", "macro_f1", "balanced_accuracy", "auc", "brier")
_LABELS = {"f1": "F1", "macro_f1": "macro F1", "auc": "AUC"}


def assemble_evaluation(
    table: EvaluationTable,
    outer: Sequence[OuterFold],
    results: Sequence[Mapping[str, Any]],
    labels: pd.DataFrame,
    settings: Settings,
    *,
    folds_from: str,
) -> dict[str, Any]:
    """Return the evaluation that follows from the predictions of the outer folds, ready for JSON.

    Parameters
    ----------
    table : EvaluationTable
    outer : sequence of OuterFold
    results : sequence of dict
        Of each outer fold, as `run_fold` returns it.
    labels : DataFrame
        Of the same rows as the table; for the columns of subgroups.
    settings : Settings
    folds_from : str
        Where the outer folds come from.
    """
    return {
        "schema": SCHEMA,
        "version": __version__,
        "made_with": describe_environment(),
        "synthetic": False,
        "positive": table.positive,
        "data": {
            "n_recordings": len(table.status),
            "n_subjects": int(table.groups.nunique()),
            "classes": {label: int((table.status == label).sum()) for label in table.classes},
        },
        "settings": settings.model_dump(mode="json"),
        "outer": {
            "from": folds_from,
            "folds": len({one.fold for one in outer}),
            "repeats": len({one.repeat for one in outer}),
            "sizes": [one.sizes(table.groups.to_numpy(dtype=object)) for one in outer],
        },
        **_results(table, outer, results, labels, settings.evaluation.by, settings.learning.seed),
    }


def _results(
    table: EvaluationTable,
    outer: Sequence[OuterFold],
    results: Sequence[Mapping[str, Any]],
    labels: pd.DataFrame,
    by: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    systems = _systems(table, outer, results)
    model = systems.get(MODEL)
    if model is None:
        raise DataError("no held-out recording could be predicted", code="nothing-left")
    found = summarise_scores(model, seed)
    test = permutation_test(model, seed=seed)
    baselines = _baselines(table, model, systems, seed)
    under = {name.removeprefix(STRESS): rows for name, rows in systems.items() if name.startswith(STRESS)}
    return {
        **found,
        "note": NOTE,
        "permutation_p_fixed_predictions": test.pop("p"),
        "permutation": test,
        "optimism": _optimism(results, found["scores"]),
        "importance": _importance(results),
        "baselines": baselines,
        "stress": score_stress(model, under),
        "by": {column: score_subgroups(model, labels[column], seed) for column in by},
        "warnings": [finding.as_dict() for finding in _warnings(found["scores"], baselines, table.positive)],
        "predictions": model.nameless(make_pseudonyms(table.status, table.groups)).as_records(),
    }


def _importance(results: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return the rise of the log loss when columns are shuffled, averaged over the models of the outer folds."""
    found = [result["importance"] for result in results if result.get("importance")]
    means: dict[str, dict[str, float]] = {}
    for kind in ("by_family", "by_modality", "by_view"):
        frame = pd.DataFrame([one[kind] for one in found])
        means[kind] = {str(name): float(rise) for name, rise in frame.mean().sort_values(ascending=False).items()}
    return means


def _systems(
    table: EvaluationTable, outer: Sequence[OuterFold], results: Sequence[Mapping[str, Any]]
) -> dict[str, Predictions]:
    names = dict.fromkeys(name for result in results for name in result["systems"])
    found = {name: _joined(table, outer, [result["systems"].get(name) for result in results]) for name in names}
    return {name: predictions for name, predictions in found.items() if len(predictions)}


def _joined(
    table: EvaluationTable, outer: Sequence[OuterFold], parts: Sequence[Mapping[str, Any] | None]
) -> Predictions:
    """Put the predictions that one system made in all folds into one table."""
    pairs = [(one, part) for one, part in zip(outer, parts, strict=True) if part is not None and part["rows"]]
    rows = np.array([row for _, part in pairs for row in part["rows"]], dtype=np.intp)
    subject = np.unique(table.groups.to_numpy(dtype=object), return_inverse=True)[1]
    return Predictions(
        recording=table.features.index.to_numpy(dtype=object)[rows],
        subject=subject[rows],
        repeat=np.array([one.repeat for one, part in pairs for _ in part["rows"]], dtype=np.intp),
        fold=np.array([one.fold for one, part in pairs for _ in part["rows"]], dtype=np.intp),
        truth=table.codes[rows],
        predicted=np.array([code for _, part in pairs for code in part["predicted"]], dtype=np.intp),
        probability=np.array([p for _, part in pairs for p in part["probability"]], dtype=np.float64),
        classes=table.classes,
        positive=table.positive,
    )


def _baselines(
    table: EvaluationTable, model: Predictions, systems: Mapping[str, Predictions], seed: int
) -> dict[str, Any]:
    first = model.subset(next(model.of_repeats()))
    found = {
        "floor": floor_scores(first.truth, table.classes, table.positive),
        "shortcut": summarise_scores(systems[SHORTCUT], seed)
        | {"columns": list(shortcut_columns(table.features.head(1)).columns)},
    }
    alone = {name: rows for name, rows in systems.items() if name.startswith(ONLY)}
    return {
        **found,
        **{f"{name.removeprefix(ONLY)}_only": summarise_scores(rows, seed) for name, rows in alone.items()},
    }


def _optimism(results: Sequence[Mapping[str, Any]], outer: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return how much better the models looked on their own inner folds than they are."""
    found = {}
    for name in _OPTIMISM:
        inner = [result["inner"][name] for result in results if np.isfinite(result["inner"].get(name, np.nan))]
        mean = outer.get(name, {}).get("mean")
        if inner and mean is not None:
            found[name] = {"inner": float(np.mean(inner)), "outer": mean, "gap": float(np.mean(inner)) - mean}
    return found


def _warnings(scores: Mapping[str, Any], baselines: Mapping[str, Any], positive: str | None) -> list[Finding]:
    found = []
    main = main_score(positive)
    for name in (main, "auc"):
        ours, theirs = scores.get(name), baselines["shortcut"]["scores"].get(name)
        if ours and theirs and None not in (ours["low"], theirs["mean"]) and theirs["mean"] >= ours["low"]:
            found.append(_about_shortcut(name, ours, theirs["mean"]))
    floor, low = baselines["floor"][main], scores[main]["low"]
    if low is not None and floor >= low:
        what = f"{_LABELS[main]} is not told apart from answering {baselines['floor']['answer']!r} to everything"
        found.append(Finding("floor", what, expected=f"{floor:.3f} below the interval", found=_interval(scores[main])))
    return found


def _about_shortcut(name: str, ours: Mapping[str, float], theirs: float) -> Finding:
    where = "within" if theirs <= ours["high"] else "above"
    return Finding(
        "shortcut",
        f"knowing only how a recording was made (length, frame rate, quality, what is missing) gives {_LABELS[name]} "
        f"{theirs:.3f}, {where} the model's interval: this does not show that the model has learned more",
        column=name,
        expected="the shortcut below the model's interval",
        found=f"model {_interval(ours)}",
        hint="look at the columns quality__ that `extract` writes, class by class",
    )


def _interval(score: Mapping[str, float]) -> str:
    return f"{score['mean']:.3f} ({score['low']:.3f} to {score['high']:.3f})"
