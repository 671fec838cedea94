"""What the stacks of a model predict, before thresholds, intervals and pooling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pdmr_classic.arrays import Floats, Mask


@dataclass(frozen=True, eq=False)
class RawPredictions:
    """Probabilities of the classes and predicted scores of some recordings; at least one of them.

    Attributes
    ----------
    probability : ndarray, shape [n, K], or None
    scores : ndarray, shape [n], or None
    """

    probability: Floats | None
    scores: Floats | None

    @property
    def is_usable(self) -> Mask:
        """Whether everything could be predicted, shape [n]: a recording without a trained modality has NaN."""
        parts = [part for part in (self.probability, self.scores) if part is not None]
        return np.asarray(np.isfinite(np.column_stack(parts)).all(axis=1))

    def select(self, rows: Mask) -> RawPredictions:
        """Return the predictions of some rows."""
        return RawPredictions(
            None if self.probability is None else self.probability[rows],
            None if self.scores is None else self.scores[rows],
        )
