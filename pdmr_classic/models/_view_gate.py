"""The gate: weighs the modalities of each recording by their quality and by their certainty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax, xlogy

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.errors import Finding
from pdmr_classic.features.names import QUALITY, VIDEO, parse_name
from pdmr_classic.metrics import log_loss, loss_gain, row_losses
from pdmr_classic.models.ensemble.calibration import cross_fit, to_logits
from pdmr_classic.models.ensemble.fold_data import FoldData, have_all_classes
from pdmr_classic.models.learners.large_table import LargeTable
from pdmr_classic.models.learners.learners import log_odds
from pdmr_classic.sample_weights import weigh_evidence

# Log of how much more the stack weighs than a modality alone, without evidence; ridge penalties of the offset and of
# the slopes of quality and certainty, in units of subjects.
_OFFSET, _PENALTIES = 4.0, np.array([0.1, 0.1, 0.5])
_SECOND_START = np.array([1.0, 1.0, 0.5])
_MAX_DEVIATION, _MIN_SLOPE = 3.0, 0.1
_STREAM_CHANNEL = "stream"


class ViewGate:
    """Weighted average of the log-odds of the stack and of each modality alone, with weights of each recording.

    The weights are a softmax of offset + b x quality + c x certainty: three parameters for all modalities, b and c at
    least 0, with a ridge penalty towards no change. They sum to one, so that quality is never evidence: where stack and
    modalities agree, the log-odds are the same whatever the quality. The gate is kept if the cross-fitted log loss per
    subject falls by more than its standard error, and the weights differ between recordings.

    The quality of a modality is the share of its expected frames with usable values: coverage x (1 - share of missing
    values) x (1 - share of frozen frames), relative to the training recordings. Without quality features, it is the
    same for all recordings; that of the stack is the mean of the modalities in the recording. Certainty is one minus
    the normalised entropy of the probabilities.

    Attributes
    ----------
    is_kept_ : bool
    gain_ : float
        Fall of the cross-fitted log loss per subject, minus its standard error.
    losses_ : tuple of float
        Cross-fitted log loss without and with the gate.
    oof_ : ndarray, shape [n, K]
        Cross-fitted probabilities of the training rows; those of the stack if the gate is not kept. The choice has seen
        these rows.

    References
    ----------
    Jacobs et al. 1991 (mixtures of experts with a softmax gate).
    """

    def fit(self, probability: Floats, single: Mapping[str, Floats], fold_data: FoldData) -> Self:
        """Fit on out-of-fold probabilities [n, K] of the stack and of each modality alone."""
        self.modalities_ = list(single)
        names = [] if fold_data.names is None else list(fold_data.names)
        quality = {name: usable_share(fold_data.X, names, name) for name in single}
        self.quality_scale_ = {name: _center_and_spread(values) for name, values in quality.items()}
        certainty = [_certainty(outputs) for outputs in (probability, *single.values())]
        self.certainty_scale_ = [_center_and_spread(values) for values in certainty]
        experts = self._describe_experts(probability, single, quality)
        y, groups, weights = fold_data.y, fold_data.groups, fold_data.weights
        rows = np.flatnonzero(np.isfinite(experts[:, :, 0]).sum(axis=1) > 2)  # the stack, and two modalities
        index = np.full(len(y), -1)
        index[rows] = np.arange(len(rows))
        folds = [(index[train][index[train] >= 0], index[test][index[test] >= 0]) for train, test in fold_data.folds]
        self.is_kept_, self.gain_, self.oof_, self.losses_ = False, 0.0, probability, (np.nan, np.nan)
        if not have_all_classes(folds, y[rows], weights[rows], probability.shape[1]):
            return self
        table, codes, used = experts[rows], y[rows], weights[rows]

        def fit(train: Ints) -> _Weights:
            return _Weights().fit(
                table[train], codes[train], weigh_evidence(used[train], codes[train], groups[rows][train])
            )

        gated = probability.copy()
        fitted = cross_fit(fit, table, codes, folds, probability.shape[1], used)
        gated[rows] = np.where(np.isfinite(fitted), fitted, gated[rows])  # a row in no fold keeps that of the stack
        self.losses_ = (log_loss(probability[rows], codes, used), log_loss(gated[rows], codes, used))
        self.gain_ = loss_gain(row_losses(probability[rows], codes), row_losses(gated[rows], codes), groups[rows], used)
        self.weights_ = fit(np.flatnonzero(used > 0))
        # With the same weights in all recordings, it would only be another combination of the members.
        self.is_kept_ = bool(self.gain_ > 0 and self.weights_.parameters_[1:].max() > _MIN_SLOPE)
        if self.is_kept_:
            self.oof_ = gated
        return self

    def combine(self, probability: Floats, single: Mapping[str, Floats], table: pd.DataFrame) -> Floats:
        """Return the probabilities of the classes, shape [n, K].

        Parameters
        ----------
        probability : ndarray, shape [n, K]
            Of the stack.
        single : mapping of str to ndarray, shape [n, K]
            Of each modality alone; NaN if it is missing.
        table : DataFrame, shape [n, F]
            With the quality features.
        """
        if not self.is_kept_:
            return probability
        names, X = list(table.columns), table.to_numpy(dtype=np.float64)
        quality = {name: usable_share(X, names, name) for name in self.modalities_}
        experts = self._describe_experts(probability, single, quality)
        rows = np.isfinite(experts[:, :, 0]).sum(axis=1) > 2
        combined = probability.copy()
        combined[rows] = self.weights_.predict_proba(experts[rows])
        return combined

    def weigh(self, probability: Floats, single: Mapping[str, Floats], table: pd.DataFrame) -> Floats:
        """Return the weights of the stack and of each of `modalities_`, shape [n, 1 + modalities]; see `combine`."""
        names, X = list(table.columns), table.to_numpy(dtype=np.float64)
        quality = {name: usable_share(X, names, name) for name in self.modalities_}
        experts = self._describe_experts(probability, single, quality)
        weights = np.zeros(experts.shape[:2])
        weights[:, 0] = 1.0
        rows = np.isfinite(experts[:, :, 0]).sum(axis=1) > 2
        if self.is_kept_:
            weights[rows] = _weigh(experts[rows], self.weights_.parameters_)
        return weights

    def _describe_experts(
        self, probability: Floats, single: Mapping[str, Floats], quality: Mapping[str, Floats]
    ) -> Floats:
        """Return for the stack and each modality: log-odds, quality and certainty, shape [n, 1 + modalities, S + 2]."""
        outputs = [probability, *(single[name] for name in self.modalities_)]
        certainty = [
            _standardise(_certainty(values), *scale)
            for values, scale in zip(outputs, self.certainty_scale_, strict=True)
        ]
        qualities = [_standardise(quality[name], *self.quality_scale_[name]) for name in self.modalities_]
        present = np.column_stack([np.isfinite(values[:, 0]) for values in outputs[1:]])
        mean = (np.column_stack(qualities) * present).sum(axis=1) / np.maximum(present.sum(axis=1), 1)
        parts = zip(outputs, [mean, *qualities], certainty, strict=True)
        return np.stack([np.column_stack([log_odds(values), q, c]) for values, q, c in parts], axis=1)

    @property
    def finding(self) -> Finding:
        """What came of it, to be told."""
        found = f"log loss per recording {self.losses_[0]:.3f} without and {self.losses_[1]:.3f} with these weights"
        if self.is_kept_:
            return Finding(
                "view-gate", "modalities are weighed by their quality and certainty in each recording", found=found
            )
        what = "weighing the modalities of each recording by quality and certainty does not help, and is left out"
        return Finding("no-view-gate", what, found=found if np.isfinite(self.losses_[0]) else "too few recordings")

    def describe(self) -> dict[str, Any]:
        """Return whether the gate is kept, its losses and its parameters, JSON-serialisable."""
        if not np.isfinite(self.losses_[0]):
            return {"kept": False}
        return {
            "kept": self.is_kept_,
            "log_loss_without": self.losses_[0],
            "log_loss": self.losses_[1],
            "offset": float(self.weights_.parameters_[0]),
            "quality": float(self.weights_.parameters_[1]),
            "certainty": float(self.weights_.parameters_[2]),
        }

    def drop_training_rows(self) -> Self:
        """Return a copy without the predictions of the training rows."""
        anonymous = copy(self)
        anonymous.__dict__.pop("oof_", None)
        return anonymous


class _Weights:
    """Softmax weights of the stack and of each modality, from quality and certainty."""

    def fit(self, experts: Floats, y: Ints, evidence: Floats) -> Self:
        """Fit on log-odds, quality and certainty [n, experts, S + 2], class numbers [n] and weights [n]."""
        start = np.array([_OFFSET, 0.0, 0.0])

        def loss(parameters: Floats) -> float:
            log_p = log_softmax(to_logits(_average(experts, parameters)), axis=1)
            return float(_PENALTIES @ (parameters - start) ** 2 - evidence @ log_p[np.arange(len(y)), y])

        bounds = [(0.0, None)] * 3
        # From the prior alone, where modalities hardly weigh, the gradient almost vanishes.
        fits = [minimize(loss, x, method="L-BFGS-B", bounds=bounds) for x in (start, _SECOND_START)]
        self.parameters_ = min(fits, key=lambda fitted: float(fitted.fun)).x
        return self

    def predict_proba(self, experts: Floats) -> Floats:
        return np.asarray(softmax(to_logits(_average(experts, self.parameters_)), axis=1))


def _average(experts: Floats, parameters: Floats) -> Floats:
    """Return the weighted log-odds, shape [n, S]; the first expert is the stack."""
    values = experts[:, :, :-2]
    present = np.isfinite(values[:, :, :1])
    return np.asarray(np.einsum("ne,nes->ns", _weigh(experts, parameters), np.where(present, values, 0.0)))


def _weigh(experts: Floats, parameters: Floats) -> Floats:
    """Return the weight of each expert, shape [n, experts]; 0 where it is missing."""
    offset, quality_slope, certainty_slope = parameters
    scores = quality_slope * experts[:, :, -2] + certainty_slope * experts[:, :, -1]
    scores[:, 1:] -= offset
    return np.asarray(softmax(np.where(np.isfinite(experts[:, :, 0]), scores, -np.inf), axis=1))


def usable_share(X: Floats | LargeTable, names: Sequence[str], modality: str) -> Floats:
    """Return the share of expected frames with usable values, shape [n]; NaN where no quality feature is known.

    The quality features of a modality have its name as channel; those of video have the channel "stream".

    Examples
    --------
    >>> names = ["quality__stream__coverage", "quality__stream__nan_share"]
    >>> usable_share(np.array([[0.8, 0.5], [1.0, np.nan]]), names, "video")
    array([0.4, 1. ])
    """
    channel = _STREAM_CHANNEL if modality == VIDEO else modality
    places = {name.functional: k for k, name in enumerate(map(parse_name, names)) if name[:2] == (QUALITY, channel)}

    def column(functional: str, default: float) -> Floats:
        return np.asarray(X[:, places[functional]]) if functional in places else np.full(len(X), default)

    with np.errstate(invalid="ignore", divide="ignore"):
        frozen = column("frozen_s", 0.0) / column("duration_s", np.nan)
    missing = [np.nan_to_num(column("nan_share", 0.0)), np.nan_to_num(frozen, posinf=0.0)]
    return np.asarray(column("coverage", np.nan) * np.prod([1 - np.clip(share, 0, 1) for share in missing], axis=0))


def _certainty(probability: Floats) -> Floats:
    """Return one minus the normalised entropy, between 0 and 1, shape [n]."""
    return np.asarray(1 + xlogy(probability, probability).sum(axis=1) / np.log(probability.shape[1]))


def _center_and_spread(values: Floats) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    spread = float(finite.std()) if len(finite) else 0.0
    return (float(finite.mean()) if len(finite) else 0.0), (spread if spread > 1e-9 else np.inf)


def _standardise(values: Floats, center: float, spread: float) -> Floats:
    """Return deviations in standard deviations, limited to 3; 0 for NaN."""
    return np.asarray(np.clip(np.nan_to_num((values - center) / spread), -_MAX_DEVIATION, _MAX_DEVIATION))
