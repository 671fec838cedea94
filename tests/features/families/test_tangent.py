"""Covariances agree with scikit-learn, tangent vectors with pyRiemann; fitted on training rows only."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from pyriemann.tangentspace import TangentSpace
from sklearn.covariance import ledoit_wolf
from streams import AU_R, NAN, features, make_stream

from pdmr_classic.errors import ConfigError
from pdmr_classic.features.families.tangent import TangentMap

UNITS = AU_R[:4]
UPPER = np.triu_indices(4)


def make_triangles(n: int, seed: int = 0) -> NDArray[np.float64]:
    """Return upper triangles of covariances of four units, shape [n, 10]."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(n, 4, 6))
    return np.array([(f @ f.T / 6 + 0.1 * np.eye(4))[UPPER] for f in factors])


def to_matrices(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    result = np.zeros((len(rows), 4, 4))
    result[:, UPPER[0], UPPER[1]] = rows
    result[:, UPPER[1], UPPER[0]] = rows
    return result


def test_the_covariance_is_that_of_ledoit_and_wolf_over_usable_frames() -> None:
    x = np.random.default_rng(0).gamma(1.0, size=(300, 4)).astype(np.float32)
    x[:50] = 99.0
    valid = np.arange(300) >= 50
    result = features(make_stream(dict(zip(UNITS, x.T, strict=True)), valid=valid), "au_tangent")
    assert list(result)[1] == "material__covariance__AU01_r.AU02_r"
    expected = ledoit_wolf(x[50:].astype(np.float64))[0]
    np.testing.assert_allclose(list(result.values()), expected[UPPER], atol=2e-6)


@pytest.mark.parametrize("missing", ["a unit", "all frames but one"])
def test_a_covariance_that_cannot_be_computed_is_all_nan(missing: str) -> None:
    channels = dict(zip(UNITS, np.random.default_rng(0).gamma(1.0, size=(4, 30)), strict=True))
    if missing == "a unit":
        channels["AU02_r"] = np.full(30, NAN)
    stream = make_stream(channels, valid=np.ones(30) if missing == "a unit" else np.eye(30)[0])
    result = features(stream, "au_tangent")
    assert len(result) == 10
    assert np.isnan(list(result.values())).all()


def test_the_covariance_is_positive_definite_even_with_a_constant_unit() -> None:
    channels = dict(zip(UNITS, np.random.default_rng(0).gamma(1.0, size=(4, 300)), strict=True)) | {
        "AU01_r": np.zeros(300)
    }
    result = np.array(list(features(make_stream(channels), "au_tangent").values()))
    assert np.linalg.eigvalsh(to_matrices(result[None])[0]).min() > 0


def test_a_stream_without_intensities_has_no_material() -> None:
    assert features(make_stream({"AU12_c": [0.0, 1.0]}), "au_tangent") == {}


def test_tangent_vectors_agree_with_pyriemann() -> None:
    rows = make_triangles(20)
    expected = TangentSpace(metric="riemann").fit_transform(to_matrices(rows))
    np.testing.assert_allclose(TangentMap().fit(rows).transform(rows), expected, atol=1e-9)


def test_the_origin_is_the_geometric_mean_of_only_the_training_rows() -> None:
    train, test = make_triangles(12), make_triangles(5, seed=1) * 50
    fitted = TangentMap().fit(train)
    # Definition of the Karcher mean (1977): the tangent vectors of the training rows sum to 0.
    np.testing.assert_allclose(fitted.transform(train).mean(axis=0), 0.0, atol=1e-6)
    together = fitted.transform(np.vstack([train, test]))
    np.testing.assert_array_equal(together[:12], fitted.transform(train))
    np.testing.assert_array_equal(together[12:14], fitted.transform(test[:2]))
    origin = fitted.space_.reference_[UPPER][None]
    np.testing.assert_allclose(fitted.transform(origin), 0.0, atol=1e-9)


def test_distances_in_the_tangent_space_do_not_depend_on_the_scale_of_the_units() -> None:
    rows = make_triangles(12)
    scale = np.diag([1.0, 5.0, 0.2, 3.0])
    scaled = np.array([(scale @ m @ scale)[UPPER] for m in to_matrices(rows)])
    # The vectors may be rotated, but their lengths must not change.
    plain, rescaled = (np.linalg.norm(TangentMap().fit(x).transform(x), axis=1) for x in (rows, scaled))
    np.testing.assert_allclose(rescaled, plain, rtol=1e-4)


def test_rows_with_nan_are_not_used_for_fitting_and_remain_nan() -> None:
    rows = make_triangles(10)
    rows[3, 2] = NAN
    complete = np.arange(10) != 3
    result = TangentMap().fit(rows).transform(rows)
    assert np.isnan(result[3]).all()
    np.testing.assert_array_equal(result[complete], TangentMap().fit(rows[complete]).transform(rows[complete]))


def test_one_complete_row_is_not_enough_to_fit() -> None:
    rows = make_triangles(4)
    rows[1:] = NAN
    assert np.isnan(TangentMap().fit(rows).transform(make_triangles(3))).all()


def test_fitting_does_not_change_its_input() -> None:
    rows = make_triangles(6)
    before = rows.copy()
    TangentMap().fit(rows).transform(rows)
    np.testing.assert_array_equal(rows, before)


def test_without_pyriemann_the_error_names_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyriemann.tangentspace", None)
    with pytest.raises(ConfigError, match=r"(?s)au_tangent requires pyRiemann.*pdmr-classic\[riemann\]"):
        TangentMap().fit(make_triangles(4))
