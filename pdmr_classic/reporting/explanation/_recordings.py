"""An explanation of recordings as one plain dict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, cast

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from pdmr_classic._version import __version__
from pdmr_classic.arrays import Floats, finite_or_none
from pdmr_classic.models.explanation.explain import LIMITS, PREDICTED_SCORES, SCORE, Explanation, explain_features
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.reporting.explanation._sentences import (
    Direction,
    compare_with_training,
    describe_feature,
    write_sentences,
)

SCHEMA = "pdmr-classic/explanation/1"
N_FEATURES = N_CHANNELS = 20
_ADJUSTMENTS = {
    PREDICTED_SCORES: "Predicted scores: what the predicted score adds to the prediction of the class; it is not "
    "attributed to features.",
    LIMITS: "Limits: the scores of members are limited to probabilities from 1e-6 to 1 - 1e-6. What this takes away is "
    "not attributed to features.",
}


def explain_recordings(
    model: DepressionModel,
    features: pd.DataFrame,
    predictions: pd.DataFrame | None = None,
    *,
    conditions: pd.Series | None = None,
    seeds: int = 5,
    n_permutations: int = 20,
    first: Explanation | None = None,
) -> dict[str, Any]:
    """Explain the predictions of recordings.

    Parameters
    ----------
    model : DepressionModel
    features : DataFrame, shape [n, F]
        Index `data_id`.
    predictions : DataFrame, optional
        As `DepressionModel.predict` returns them; by default, they are made from the features.
    conditions : Series of str, optional
        Condition of each recording, for a model with experts.
    seeds : int
        Number of seeds over which sampled contributions are compared; the contributions are those of the first.
    n_permutations : int
        See `explain_features`.
    first : Explanation, optional
        That of seed 0, if it was made before.

    Returns
    -------
    dict
        JSON-serialisable: `schema`, `version`, `positive`, `unit`, `method` (sentences), `stability` over seeds, and
        `recordings`. Each has `data_id`, `status`, `probability`, `threshold`, `target`, `log_odds`, `base`,
        `adjustments`, `by_view`, `by_family` (value, standard error, and spread over members), `by_channel` and
        `features` (the 20 strongest), `rest` (the sum of all other features), and `sentences`.
    """
    if predictions is None:
        predictions = model.predict_features(features, conditions=conditions)

    def run(seed: int) -> Explanation:
        return explain_features(model, features, conditions=conditions, seed=seed, n_permutations=n_permutations)

    first = run(0) if first is None else first
    runs = [first, *(run(seed) for seed in range(1, seeds if np.any(first.exact_share < 1) else 1))]
    stored = model.metadata_.get("feature_ranges") or {}
    ranges = stored.get("features") or {}
    return {
        "schema": SCHEMA,
        "version": __version__,
        "positive": model.positive_,
        "classes": list(model.classes_),
        "unit": _name_unit(model, first),
        "method": [*_general_method(model, first), *first.method],
        "stability": _measure_stability(runs, seeds),
        "synthetic": bool(model.metadata_.get("synthetic", False)),
        "recordings": [
            _describe_recording(model, part, _pick(features, part.data_id), _pick(predictions, part.data_id), ranges)
            for part in _split_rows(first)
        ],
    }


def _name_unit(model: DepressionModel, explanation: Explanation) -> str:
    if SCORE in explanation.targets:
        return "points of the score"
    return "log-odds" if model.positive_ is not None else "relative log-probability"


def _general_method(model: DepressionModel, explanation: Explanation) -> list[str]:
    """Return how contributions are to be read."""
    if SCORE in explanation.targets:
        what = "the predicted score"
    elif model.positive_ is None:
        what = "the relative log-probability of the predicted class: its log-probability minus the mean over classes"
    else:
        what = f"the log-odds of {model.positive_}"
    sentences = [
        f"Contributions, base and adjustments add up to {what}.",
        "The number in a sentence is what all features of the channel contribute together.",
    ]
    if model.has_experts or model.has_view_gate:
        sentences.append("The weights of experts and of modalities in a recording are taken as given.")
    notes = [_ADJUSTMENTS[name] for name in explanation.adjustments.columns]
    return [*sentences, *notes]


def _measure_stability(runs: Sequence[Explanation], seeds: int) -> dict[str, Any]:
    """Return how much the contributions of families differ between seeds."""
    families = np.stack([run.by_family().to_numpy() for run in runs])
    usable = np.isfinite(families).all(axis=(0, 2))
    families = families[:, usable]
    if len(runs) == 1 or not families.size:
        return {
            "seeds": seeds,
            "rank_correlation": 1.0,
            "max_sd": 0.0,
            "note": "no contribution is sampled: all seeds give the same",
        }
    return {
        "seeds": seeds,
        "rank_correlation": _mean_rank_correlation(np.abs(families)),
        "max_sd": float(families.std(axis=0, ddof=1).max()),
        "note": "rank correlation of the families' absolute contributions between seeds, mean over recordings",
    }


def _mean_rank_correlation(families: Floats) -> float:
    """Return the mean Spearman correlation between runs of values [runs, n, families]."""
    ranks = rankdata(families, axis=2)
    ranks = ranks - ranks.mean(axis=2, keepdims=True)
    norm = np.maximum(np.sqrt((ranks**2).sum(axis=2, keepdims=True)), np.finfo(float).tiny)
    ranks = ranks / norm
    return float(np.mean([(ranks[i] * ranks[j]).sum(axis=1) for i, j in combinations(range(len(ranks)), 2)]))


@dataclass(frozen=True, eq=False)
class _Row:
    """The explanation of one recording."""

    data_id: str
    target: str
    log_odds: float
    base: float
    exact_share: float
    contributions: pd.Series
    adjustments: pd.Series
    error: pd.Series
    spread: pd.Series
    by_view: pd.Series
    by_family: pd.Series
    by_channel: pd.Series


def _split_rows(explanation: Explanation) -> Iterator[_Row]:
    """Yield the recordings that have a prediction."""
    tables = [explanation.contributions, explanation.adjustments, explanation.error, explanation.spread]
    tables += [explanation.by_view(), explanation.by_family(), explanation.by_channel()]
    for row in np.flatnonzero(np.isfinite(explanation.log_odds)).tolist():
        yield _Row(
            explanation.data_ids[row],
            explanation.targets[row],
            float(explanation.log_odds[row]),
            float(explanation.base[row]),
            float(explanation.exact_share[row]),
            *(table.iloc[row] for table in tables),
        )


def _describe_recording(
    model: DepressionModel, row: _Row, features: pd.Series, prediction: pd.Series, ranges: Mapping[str, list[float]]
) -> dict[str, Any]:
    values = {str(name): float(value) for name, value in features.items()}
    strongest = row.contributions.abs().sort_values(ascending=False, kind="stable").index[:N_FEATURES]
    others = [name for name in model.classes_ if name != model.positive_] if model.positive_ else []
    direction = Direction(row.target, others[0] if others and row.target != SCORE else None)
    return {
        "data_id": row.data_id,
        "status": str(prediction["status"]) if "status" in prediction else None,
        "probability": _read_probability(prediction, row.target),
        "threshold": finite_or_none(model.threshold_),
        "target": row.target,
        "log_odds": row.log_odds,
        "base": row.base,
        "adjustments": _to_floats(row.adjustments[row.adjustments != 0]),
        "exact_share": row.exact_share,
        "by_view": _to_floats(row.by_view),
        "by_family": _describe_families(row),
        "by_channel": _take_largest(row.by_channel, N_CHANNELS),
        "features": [
            _describe_feature(str(name), float(row.contributions[name]), values.get(name), ranges.get(str(name)))
            for name in strongest
        ],
        "rest": float(row.contributions.drop(strongest).sum()),
        "sentences": write_sentences(row.contributions, values, ranges, direction),
    }


def _pick(table: pd.DataFrame, data_id: str) -> pd.Series:
    return cast("pd.Series", table.loc[data_id])


def _read_probability(prediction: pd.Series, target: str) -> float | None:
    for name in ("probability", f"probability_{target}"):
        if name in prediction:
            return finite_or_none(float(prediction[name]))
    return None


def _describe_families(row: _Row) -> dict[str, dict[str, float | None]]:
    return {
        str(name): {
            "value": float(row.by_family[name]),
            "error": finite_or_none(float(row.error[name])),
            "spread": float(row.spread[name]),
        }
        for name in row.by_family.abs().sort_values(ascending=False, kind="stable").index
    }


def _describe_feature(
    name: str, contribution: float, value: float | None, ranges: list[float] | None
) -> dict[str, Any]:
    known = finite_or_none(value)
    return {
        "name": name,
        "value": known,
        "contribution": contribution,
        "percentile": None if known is None else compare_with_training(known, ranges),
        "words": describe_feature(name, known, ranges),
    }


def _to_floats(values: pd.Series) -> dict[str, float]:
    return {str(name): float(value) for name, value in values.items()}


def _take_largest(values: pd.Series, n: int) -> dict[str, float]:
    order = values.abs().sort_values(ascending=False, kind="stable").index[:n]
    return _to_floats(values[order])
