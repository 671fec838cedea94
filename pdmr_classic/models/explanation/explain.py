"""Why a model predicts what it predicts: contributions of features that add up to the log-odds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats
from pdmr_classic.features.names import AUDIO, feature_view, is_model_input, parse_name
from pdmr_classic.models.explanation._parts import PREDICTED_SCORES, SCORE, ModelParts, explain_model
from pdmr_classic.models.model import DepressionModel

__all__ = ["LIMITS", "PREDICTED_SCORES", "SCORE", "Explanation", "channel_of", "explain_features"]
LIMITS = "limits"
"""Adjustment for scores of members that were limited to the log-odds of a probability of 1e-6."""
_MAX_CELLS = 4_000_000
# Lite models store numbers in single precision.
_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class Explanation:
    """Contributions of features to the predictions of recordings.

    In each row, `base` plus the contributions plus the adjustments are the log-odds of the positive class; with several
    classes, the log-probability of the predicted class minus the mean over classes; for a model of a score, the score.

    Attributes
    ----------
    names : tuple of str
        Columns of the model, and what is fitted in training or explained only as a whole, such as the principal
        components of the audio vector.
    data_ids : tuple of str
    targets : tuple of str
        The class that the contributions of each recording speak for; "score" for a model of a score.
    log_odds : ndarray, shape [n]
        As predicted; NaN for recordings without a usable modality.
    base : ndarray, shape [n]
        Prediction without any feature.
    contributions : DataFrame, shape [n, F]
    adjustments : DataFrame, shape [n, k]
        What is no contribution of a feature: "predicted scores" that help to predict the class, and "limits".
    error : DataFrame, shape [n, families]
        Standard error of the sampled contributions; 0 where all members have an exact method.
    spread : DataFrame, shape [n, families]
        Weighted standard deviation over the members of what they say about a family, in their calibrated log-odds.
    exact_share : ndarray, shape [n]
        Share of members with an exact method in the sum of absolute contributions.
    method : list of str
        How each kind of member is explained.
    families : tuple of str
        Family of each of `names`.
    """

    names: tuple[str, ...]
    data_ids: tuple[str, ...]
    targets: tuple[str, ...]
    log_odds: Floats
    base: Floats
    contributions: pd.DataFrame
    adjustments: pd.DataFrame
    error: pd.DataFrame
    spread: pd.DataFrame
    exact_share: Floats
    method: list[str]
    families: tuple[str, ...]

    def by_view(self) -> pd.DataFrame:
        """Return the contributions of each view, such as video, shape [n, views]."""
        return self._sum([feature_view(name) for name in self.names])

    def by_family(self) -> pd.DataFrame:
        """Return the contributions of each feature family, shape [n, families]."""
        return self._sum(self.families)

    def by_channel(self) -> pd.DataFrame:
        """Return the contributions of each channel, such as "video AU12_r", shape [n, channels].

        The audio vector counts as one channel, because its components mean nothing alone.
        """
        return self._sum([channel_of(name) for name in self.names])

    def _sum(self, groups: Sequence[str]) -> pd.DataFrame:
        return self.contributions.T.groupby(np.asarray(groups, dtype=object), sort=False).sum(min_count=1).T


@lru_cache(maxsize=65536)
def channel_of(name: str) -> str:
    """Return the view and channel of a feature.

    Examples
    --------
    >>> channel_of("video__AU12_r__mean"), channel_of("audio__netvlad__017")
    ('video AU12_r', 'audio')
    """
    view, channel, functional = parse_name(name)
    if view == AUDIO:
        return view
    return f"{view} {channel or functional}"


def explain_features(
    model: DepressionModel,
    features: pd.DataFrame,
    *,
    conditions: pd.Series | None = None,
    seed: int = 0,
    n_permutations: int = 20,
) -> Explanation:
    """Split the predictions of recordings into contributions of features.

    The log-odds are a weighted sum of the members' scores, so that the contributions to each score add up. Gradient
    boosting: exact TreeSHAP. Linear models: coefficient times the deviation from the training median. RBF kernels and
    forests: exact Shapley values against the training median. Support vector machines of several classes, and learners
    of unknown kind: Shapley values of feature families, sampled over permutations. The weights of a gate of views and
    of experts by condition are taken as given.

    Parameters
    ----------
    model : DepressionModel
        Fitted or loaded.
    features : DataFrame, shape [n, F]
        Index `data_id`; as for `DepressionModel.predict_features`.
    conditions : Series of str, optional
        Condition of each recording, for a model with experts.
    seed : int
        Of the permutations; without sampled members, it changes nothing.
    n_permutations : int
        Rounded up to an even number.

    Raises
    ------
    ConfigError
        A member's preprocessing is not known.

    Examples
    --------
    >>> from pdmr_classic import Settings
    >>> rng = np.random.default_rng(0)
    >>> index = pd.Index([f"{k:03d}" for k in range(40)], name="data_id")
    >>> status = pd.Series(["Depression", "Depression", "Normal", "Normal"] * 10, index)
    >>> groups = pd.Series([f"S{k // 2}" for k in range(40)], index)
    >>> smiles = rng.normal(size=40) - 2 * (status == "Depression")
    >>> features = pd.DataFrame({"video__AU12_r__mean": smiles, "video__AU04_r__mean": rng.normal(size=40)}, index)
    >>> settings = Settings().override({"learning.learners": ["linear"], "learning.trials": 1})
    >>> explanation = explain_features(DepressionModel(settings).fit(features, status, groups), features)
    >>> total = explanation.base + explanation.contributions.sum(axis=1)
    >>> bool(np.allclose(total, explanation.log_odds)), explanation.contributions.abs().mean().idxmax()
    (True, 'video__AU12_r__mean')
    """
    table = features.reindex(columns=model.feature_names_)
    step = max(1, _MAX_CELLS // (max(1, table.shape[1]) * max(1, len(model.classes_))))
    chunks = [table.iloc[k : k + step] for k in range(0, max(1, len(table)), step)]
    parts = [explain_model(model, chunk, conditions, seed=seed, n_permutations=n_permutations) for chunk in chunks]
    return _assemble([str(data_id) for data_id in table.index], parts)


def _assemble(data_ids: list[str], chunks: Sequence[ModelParts]) -> Explanation:
    first, index = chunks[0], pd.Index(data_ids, name="data_id", dtype=object)

    def join(name: str) -> Any:
        return np.concatenate([getattr(chunk, name) for chunk in chunks])

    used = np.array([is_model_input(name) for name in first.names]) & ~first.is_spare
    names = tuple(name for name, is_used in zip(first.names, used, strict=True) if is_used)
    families = tuple(family for family, is_used in zip(first.families, used, strict=True) if is_used)
    contributions = pd.DataFrame(join("contributions")[:, used], index, list(names))
    log_odds, base = join("log_odds"), join("base")
    adjustments = {name: np.concatenate([chunk.adjustments[name] for chunk in chunks]) for name in first.adjustments}
    limits = log_odds - base - contributions.sum(axis=1).to_numpy() - sum(adjustments.values(), np.zeros(len(base)))
    limits = np.where(np.abs(limits) > _TOLERANCE, limits, 0.0)
    if np.any(limits != 0):
        adjustments[LIMITS] = limits
    return Explanation(
        names=names,
        data_ids=tuple(data_ids),
        targets=tuple(join("targets").tolist()),
        log_odds=log_odds,
        base=base,
        contributions=contributions,
        adjustments=pd.DataFrame(adjustments, index),
        error=_select_families(join("error"), first, families, index),
        spread=_select_families(join("spread"), first, families, index),
        exact_share=join("exact_share"),
        method=_describe_methods([chunk.methods for chunk in chunks]),
        families=families,
    )


def _select_families(table: Floats, parts: ModelParts, families: Sequence[str], index: pd.Index) -> pd.DataFrame:
    return pd.DataFrame(table, index, list(parts.family_names))[list(dict.fromkeys(families))]


def _describe_methods(methods: Sequence[Mapping[str, str]]) -> list[str]:
    """Return one sentence per method, with the members that it explains."""
    members: dict[str, list[str]] = {}
    for name, method in {name: method for chunk in methods for name, method in chunk.items()}.items():
        members.setdefault(method, []).append(name)
    return [f"{', '.join(sorted(names))}: {method}" for method, names in sorted(members.items())]
