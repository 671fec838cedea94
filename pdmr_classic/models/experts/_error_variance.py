"""Predicted variance of the error of a model, as a smooth function of its prediction."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy.optimize import minimize

from pdmr_classic.arrays import Floats

# Shrinks the curve towards a constant, in units of subjects.
_RIDGE = 4.0
# Predictions are standardised; beyond this range, the variance is that of the nearest prediction inside.
_RANGE = 2.5
_MIN_SHARE = 0.1  # smallest variance as a share of the mean one


class ErrorVariance:
    """Variance of the error at a prediction: exp of a parabola, fitted by Gaussian likelihood to squared residuals.

    Parameters
    ----------
    degree : int
        0 for a constant variance, 2 for a parabola.
    """

    def __init__(self, degree: int = 2) -> None:
        self.degree = degree

    def fit(self, prediction: Floats, squared_residual: Floats, weights: Floats) -> Self:
        """Fit on out-of-fold predictions [n], their squared residuals [n] and weights [n] that sum to the evidence."""
        self.mean_ = max(float(np.average(squared_residual, weights=weights)), np.finfo(float).tiny)
        self.centre_ = float(np.average(prediction, weights=weights))
        self.scale_ = float(np.sqrt(np.average((prediction - self.centre_) ** 2, weights=weights))) or 1.0
        self.coefficients_ = np.zeros(1 + self.degree)
        if not self.degree:
            return self
        design, relative = self._design(prediction), squared_residual / self.mean_

        def loss(coefficients: Floats) -> tuple[float, Floats]:
            log_variance = design @ coefficients
            ratio = relative * np.exp(-log_variance)
            penalty = _RIDGE * np.append(0.0, coefficients[1:])
            value = 0.5 * (weights @ (log_variance + ratio) + penalty @ coefficients)
            return float(value), 0.5 * design.T @ (weights * (1 - ratio)) + penalty

        self.coefficients_ = np.asarray(minimize(loss, self.coefficients_, jac=True, method="L-BFGS-B").x)
        return self

    def predict(self, prediction: Floats) -> Floats:
        """Return the variance at each prediction, shape [n]; NaN where the prediction is NaN."""
        return self.mean_ * np.maximum(np.exp(self._design(prediction) @ self.coefficients_), _MIN_SHARE)

    def _design(self, prediction: Floats) -> Floats:
        z = np.clip((prediction - self.centre_) / self.scale_, -_RANGE, _RANGE)
        return np.vander(z, 1 + self.degree, increasing=True)
