"""Agreement of predicted with true scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def find_agreement(points: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[float], dict[str, float]]:
    """Return means and differences of predicted and true scores, and bias and limits of agreement.

    References
    ----------
    Bland and Altman 1986: the limits are 1.96 standard deviations from the bias.
    """
    mean = [(point["truth"] + point["predicted"]) / 2 for point in points]
    differences = [point["predicted"] - point["truth"] for point in points]
    bias = sum(differences) / len(differences)
    spread = (sum((part - bias) ** 2 for part in differences) / max(len(differences) - 1, 1)) ** 0.5
    return mean, differences, {"bias": bias, "low": bias - 1.96 * spread, "high": bias + 1.96 * spread}
