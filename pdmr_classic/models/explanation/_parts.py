"""Contributions to what a whole model predicts: the stack, the gate of views, experts, and predicted scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.models.compiled.stack import CompiledStack
from pdmr_classic.models.ensemble.view_stack import ViewStack
from pdmr_classic.models.experts.stacks import ExpertStacks
from pdmr_classic.models.explanation._stacks import OutputParts, StackExplainer, prepare_stack
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.models.presence import Presence
from pdmr_classic.models.severity.model import SeverityModel

SCORE = "score"
PREDICTED_SCORES = "predicted scores"


@dataclass(frozen=True, eq=False)
class ModelParts:
    """Contributions to the predictions of some recordings.

    Attributes
    ----------
    names, families : tuple of str
        Of the columns.
    family_names : tuple of str
    is_spare : ndarray of bool, shape [columns]
        Columns that no member can use.
    targets : ndarray of str, shape [n]
    log_odds, base, exact_share : ndarray, shape [n]
    contributions : ndarray, shape [n, columns]
    adjustments : dict of str to ndarray, shape [n]
    error, spread : ndarray, shape [n, family_names]
    methods : dict of str to str
        Of each member.
    """

    names: tuple[str, ...]
    families: tuple[str, ...]
    family_names: tuple[str, ...]
    is_spare: Mask
    targets: NDArray[Any]
    log_odds: Floats
    base: Floats
    exact_share: Floats
    contributions: Floats
    adjustments: dict[str, Floats]
    error: Floats
    spread: Floats
    methods: dict[str, str]


class _StackReader:
    """Explains the stacks of one model for the same rows, and collects the methods of their members."""

    def __init__(self, model: DepressionModel, table: pd.DataFrame, *, seed: int, n_permutations: int) -> None:
        self.ranges = model.metadata_.get("feature_ranges", {}).get("features")
        self.names, self.X = list(table.columns), table.to_numpy(dtype=np.float64)
        self.seed, self.n_permutations = seed, n_permutations
        self.methods: dict[str, str] = {}

    def prepare(self, stack: ViewStack | CompiledStack) -> StackExplainer:
        return prepare_stack(stack, self.names, self.ranges)

    def explain(self, explainer: StackExplainer, only: str | None = None) -> OutputParts:
        parts, methods = explainer.explain(self.X, n_permutations=self.n_permutations, seed=self.seed, only=only)
        self.methods |= methods
        return parts


def explain_model(
    model: DepressionModel, table: pd.DataFrame, conditions: pd.Series | None, *, seed: int, n_permutations: int
) -> ModelParts:
    """Split the predictions of a feature table with the columns of the model."""
    reader = _StackReader(model, table, seed=seed, n_permutations=n_permutations)
    raw = model.predictor_.predict_raw(table, conditions)
    presence, severity = model.predictor_.presence, model.predictor_.severity
    if presence is not None and raw.probability is not None:
        explainer, parts = _explain_presence(presence, reader, table, conditions)
        weight, added = _split_severity(presence, severity, table, raw.scores, conditions)
        parts = parts.scale(weight)
        reduce = _choose_class(raw.probability, model.positive_, presence.decision.classes)
        targets, output = _name_targets(raw.probability, model.positive_, presence.decision.classes), raw.probability
        adjustments = {} if added is None else {PREDICTED_SCORES: reduce(added[:, None])}
        return _collect(reader, explainer, parts, reduce, targets, reduce(_exact_log_odds(output)), adjustments)
    if severity is None or raw.scores is None:
        raise ValueError("a model must have learned classes or a score")
    explainer, parts = _explain_severity(severity, reader, table, conditions)
    targets = np.full(len(table), SCORE, dtype=object)
    return _collect(reader, explainer, parts, _take_only_column, targets, raw.scores, {})


def _explain_presence(
    presence: Presence, reader: _StackReader, table: pd.DataFrame, conditions: pd.Series | None
) -> tuple[StackExplainer, OutputParts]:
    explainer = reader.prepare(presence.stack)
    parts = reader.explain(explainer)
    if not presence.uses_gate and presence.experts is None:
        return explainer, parts
    probability = presence.stack.predict_proba(table)
    if presence.gate is not None and presence.uses_gate and presence.stacker is not None:
        single = presence.stacker.predict_modalities(table)
        weights = presence.gate.weigh(probability, single, table)
        parts = parts.scale(weights[:, 0])
        for k, name in enumerate(presence.gate.modalities_):
            parts = parts.add(_fill_missing(reader.explain(explainer, only=name)).scale(weights[:, k + 1]))
        probability = presence.gate.combine(probability, single, table)
    return explainer, _add_experts(parts, presence.experts, probability, reader, table, conditions)


def _explain_severity(
    severity: SeverityModel, reader: _StackReader, table: pd.DataFrame, conditions: pd.Series | None
) -> tuple[StackExplainer, OutputParts]:
    explainer = reader.prepare(severity.stacker_)
    outputs = severity.stacker_.predict_outputs(table)
    parts = _add_experts(reader.explain(explainer), severity.experts_, outputs, reader, table, conditions)
    return explainer, parts


def _add_experts(
    parts: OutputParts,
    experts: ExpertStacks | None,
    outputs: Floats,
    reader: _StackReader,
    table: pd.DataFrame,
    conditions: pd.Series | None,
) -> OutputParts:
    """Return the parts of the common stack and the experts, with the weights that each row gives them."""
    if experts is None or not experts.experts_:
        return parts
    weights = experts.weigh(table, outputs, conditions)
    parts = parts.scale(1 - np.sum([*weights.values()], axis=0))
    for name, expert in experts.experts_.items():
        parts = parts.add(_fill_missing(reader.explain(reader.prepare(expert))).scale(weights[name]))
    return parts


def _fill_missing(parts: OutputParts) -> OutputParts:
    """Return parts with 0 where a row has no output: its weight is 0, too."""
    return replace(parts, base=np.nan_to_num(parts.base))


def _split_severity(
    presence: Presence,
    severity: SeverityModel | None,
    table: pd.DataFrame,
    scores: Floats | None,
    conditions: pd.Series | None,
) -> tuple[Floats, Floats | None]:
    """Return the weight of the stack in each row, and what predicted scores add to the log-odds of the second class."""
    if presence.severity_columns is None or not presence.uses_severity or severity is None or scores is None:
        return np.ones(len(table)), None
    columns = severity.predict_columns(table, scores)
    before = presence.predict_proba(table, None, conditions)
    return presence.severity_columns.split(before, columns)


def _exact_log_odds(probability: Floats) -> Floats:
    """Return log-odds [n, 1] or log-probabilities [n, K], without the limits of the members' scores."""
    logs = np.log(np.maximum(probability, np.finfo(float).tiny))
    return logs[:, 1:] - logs[:, :1] if logs.shape[1] == 2 else logs


Reduce = Callable[[Floats], Floats]


def _take_only_column(values: Floats) -> Floats:
    return values[..., 0]


def _choose_class(probability: Floats, positive: str | None, classes: list[str]) -> Reduce:
    """Return what turns outputs [n, …, S] into those of the explained class, shape [n, …]."""
    if probability.shape[1] == 2:
        sign = 1.0 if classes.index(str(positive)) == 1 else -1.0
        return lambda values: sign * values[..., 0]
    chosen = np.argmax(probability, axis=1)

    def reduce(values: Floats) -> Floats:
        picked = np.take_along_axis(values, chosen.reshape(-1, *(1,) * (values.ndim - 1)), axis=-1)[..., 0]
        return np.asarray(picked - values.mean(axis=-1))

    return reduce


def _name_targets(probability: Floats, positive: str | None, classes: list[str]) -> NDArray[Any]:
    if probability.shape[1] == 2:
        return np.full(len(probability), positive, dtype=object)
    return np.array([classes[k] for k in np.argmax(probability, axis=1)], dtype=object)


def _collect(
    reader: _StackReader,
    explainer: StackExplainer,
    parts: OutputParts,
    reduce: Reduce,
    targets: NDArray[Any],
    output: Floats,
    adjustments: dict[str, Floats],
) -> ModelParts:
    columns = explainer.columns
    is_spare = np.arange(len(columns.names)) >= columns.n_table
    for member in explainer.members.values():
        is_spare[member.origins] = False
    unusable = ~np.isfinite(output)
    contributions = reduce(parts.values)
    contributions[unusable] = np.nan
    size = parts.exact + parts.sampled
    return ModelParts(
        names=columns.names,
        families=columns.families,
        family_names=explainer.families,
        is_spare=is_spare,
        targets=targets,
        log_odds=output,
        base=reduce(parts.base),
        exact_share=np.divide(parts.exact, size, out=np.ones_like(size), where=size > 0),
        contributions=contributions,
        adjustments=adjustments,
        error=_bound_error(parts.variance),
        spread=_member_spread(parts, reduce),
        methods=dict(reader.methods),
    )


def _bound_error(variance: Floats) -> Floats:
    """Return the standard error of each family; with several classes, the largest over classes."""
    return np.asarray(np.sqrt(variance.max(axis=2)))


def _member_spread(parts: OutputParts, reduce: Reduce) -> Floats:
    """Return the weighted standard deviation over members of what they say about each family, shape [n, families]."""
    weights = np.array([weight for weight, _ in parts.members.values()])[:, None, None]
    says = np.stack([reduce(own) for _, own in parts.members.values()])
    share = np.where(np.isfinite(says), weights, 0.0)
    total = np.maximum(share.sum(axis=0), np.finfo(float).tiny)
    mean = (share * np.nan_to_num(says)).sum(axis=0) / total
    return np.asarray(np.sqrt((share * (np.nan_to_num(says) - mean) ** 2).sum(axis=0) / total))
