"""Exact Shapley values of RBF kernel machines, column by column."""

from __future__ import annotations

import numpy as np

from pdmr_classic.arrays import Floats

_N_NODES = 6
_TINY = 1e-300


def rbf_shapley(X: Floats, reference: Floats, vectors: Floats, gamma: float, coefficients: Floats) -> Floats:
    """Return the Shapley values of the columns for a sum of RBF kernels, against one reference row.

    A kernel is a product over columns, k_1 … k_F, and a column that is not in a coalition has the value of the
    reference, q_i instead of p_i. The Shapley value of column i is the integral over t from 0 to 1 of
    (p_i - q_i) x product over k != i of (q_k + t (p_k - q_k)): a polynomial, integrated by Gauss-Legendre quadrature
    with six nodes. The rest of about 1e-8 is spread over the columns, so that the sum is exact.

    Parameters
    ----------
    X : ndarray, shape [n, F]
    reference : ndarray, shape [F]
    vectors : ndarray, shape [V, F]
        Support vectors.
    gamma : float
    coefficients : ndarray, shape [V, S]

    Returns
    -------
    ndarray, shape [n, F, S]

    References
    ----------
    Owen 1972 (multilinear extension of games); Mohammadi et al. 2025 (Shapley values of product kernels).
    """
    nodes, weights = np.polynomial.legendre.leggauss(_N_NODES)
    nodes, weights = (nodes + 1) / 2, weights / 2
    absent = np.exp(-gamma * (reference - vectors) ** 2)
    values = np.zeros((len(X), X.shape[1], coefficients.shape[1]))
    for row, z in enumerate(X):
        present = np.exp(-gamma * (z - vectors) ** 2)
        difference = present - absent
        for t, weight in zip(nodes, weights, strict=True):
            mixed = np.maximum(absent + t * difference, _TINY)
            values[row] += weight * (difference / mixed).T @ (mixed.prod(axis=1)[:, None] * coefficients)
        expected = (present.prod(axis=1) - absent.prod(axis=1)) @ coefficients
        values[row] += spread_rest(values[row], expected - values[row].sum(axis=0))
    return values


def spread_rest(values: Floats, rest: Floats) -> Floats:
    """Return a rest [..., S] in shares of the magnitudes of values [..., F, S], or equal shares where all are 0."""
    size = np.abs(values)
    total = size.sum(axis=-2, keepdims=True)
    shares = np.where(total > 0, size / np.where(total > 0, total, 1.0), 1.0 / values.shape[-2])
    return np.asarray(shares * rest[..., None, :])
