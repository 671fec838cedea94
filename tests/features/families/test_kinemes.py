"""Windows of head movement by hand, and clusters fitted on training rows, as in scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.fft
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from streams import NAN, RATE, features, make_stream, sine

from pdmr_classic.features.families.kinemes import N_KINEMES, KinemeHistogram

AXES = ("pose_Rx", "pose_Ry", "pose_Rz")
SHAPE = (120, 3 * 4)


def compute_codes(x: Any, y: Any = None, z: Any = None, rate: float = RATE, **options: Any) -> NDArray[np.float64]:
    """Return the windows of a head movement, shape [120, 12]; omitted axes are constant."""
    constant = np.zeros(len(x))
    channels = zip(AXES, (x, constant if y is None else y, constant if z is None else z), strict=True)
    result = features(make_stream(dict(channels), rate=rate, **options), "kinemes")
    return np.array(list(result.values())).reshape(SHAPE)


def count_windows(codes: NDArray[np.float64]) -> int:
    has_windows = np.isfinite(codes)
    assert (has_windows.all(axis=1) == has_windows.any(axis=1)).all()
    return int(has_windows.all(axis=1).sum())


@pytest.mark.parametrize(
    ("seconds", "expected"), [(1.9, 0), (2.0, 1), (2.9, 1), (3.0, 2), (10.0, 9), (121, 120), (500, 120)]
)
def test_windows_of_two_seconds_overlap_by_half_and_are_at_most_120(seconds: float, expected: int) -> None:
    assert count_windows(compute_codes(np.zeros(round(seconds * RATE)))) == expected


def test_a_window_is_the_cosine_transform_of_each_axis_without_its_mean() -> None:
    x = np.random.default_rng(0).normal(size=(3, 90)).astype(np.float32)
    result = compute_codes(*x)
    for window, start in enumerate((0, 30)):
        expected = scipy.fft.dct(x[:, start : start + 60].astype(np.float64), norm="ortho")[:, 1:5] / np.sqrt(60)
        np.testing.assert_allclose(result[window].reshape(4, 3), expected.T, rtol=1e-6)
    np.testing.assert_allclose(compute_codes(*(x + 8.0))[:2], result[:2], atol=1e-6)


def test_nods_differ_from_shakes_at_any_frame_rate() -> None:
    nod = {rate: compute_codes(sine(0.5, 4, rate=rate), rate=rate)[0] for rate in (15.0, 30.0)}
    shake = compute_codes(np.zeros(120), sine(0.5, 4))[0]
    np.testing.assert_allclose(nod[15.0], nod[30.0], atol=0.02)
    assert np.linalg.norm(nod[30.0] - shake) > 0.5


def test_no_window_bridges_a_gap_longer_than_200_ms() -> None:
    valid = np.ones(150, dtype=bool)
    valid[64:71] = False
    jump = np.where(np.arange(150) < 71, 0.0, 5.0)
    result = compute_codes(jump, valid=valid)
    assert count_windows(result) == 2
    np.testing.assert_allclose(result[:2], 0.0, atol=1e-12)


def test_without_one_axis_there_are_no_windows() -> None:
    assert count_windows(compute_codes(np.zeros(90), np.full(90, NAN))) == 0
    assert features(make_stream({"pose_Rx": np.zeros(90)}), "kinemes") == {}


def make_recordings(n: int, seed: int = 0, windows: int = 10) -> NDArray[np.float64]:
    """Return the material of recordings with a few windows each, scattered around 16 movements."""
    rng = np.random.default_rng(seed)
    movements = np.random.default_rng(99).normal(0, 5, (N_KINEMES, 12))
    result = np.full((n, *SHAPE), NAN)
    result[:, :windows] = movements[rng.integers(0, N_KINEMES, (n, windows))] + rng.normal(0, 0.1, (n, windows, 12))
    return result.reshape(n, -1)


def test_shares_equal_those_of_the_clusters_from_scikit_learn() -> None:
    rows = make_recordings(30)
    windows = rows.reshape(30, *SHAPE)[:, :10]
    labels = KMeans(N_KINEMES, n_init=2, random_state=5).fit(windows.reshape(-1, 12)).labels_.reshape(30, 10)
    expected = np.array([np.bincount(row, minlength=N_KINEMES) / 10 for row in labels])
    np.testing.assert_allclose(KinemeHistogram(seed=5).fit(rows).transform(rows), expected)


def test_a_histogram_sums_to_one_and_depends_only_on_its_own_recording() -> None:
    fitted = KinemeHistogram().fit(make_recordings(20))
    test = make_recordings(6, seed=1)
    result = fitted.transform(test)
    np.testing.assert_allclose(result.sum(axis=1), 1.0)
    changed = test.copy()
    changed[3:] *= 9
    np.testing.assert_array_equal(fitted.transform(changed)[:3], result[:3])


def test_rows_without_windows_are_not_used_for_fitting_and_remain_nan() -> None:
    rows = make_recordings(20)
    rows[4] = NAN
    result = KinemeHistogram().fit(rows).transform(rows)
    assert np.isnan(result[4]).all()
    has_windows = np.arange(20) != 4
    np.testing.assert_array_equal(
        result[has_windows], KinemeHistogram().fit(rows[has_windows]).transform(rows[has_windows])
    )


def test_fewer_windows_than_kinemes_are_not_enough_to_fit() -> None:
    fitted = KinemeHistogram().fit(make_recordings(1, windows=N_KINEMES - 1))
    assert np.isnan(fitted.transform(make_recordings(2))).all()


@pytest.mark.parametrize("distinct", [1, 5])
def test_fitting_recordings_with_little_movement_gives_no_warning(distinct: int) -> None:
    rows = np.full((6, *SHAPE), NAN)
    rows[:, :10] = np.arange(distinct)[np.arange(60) % distinct].reshape(6, 10, 1)
    result = KinemeHistogram().fit(rows.reshape(6, -1)).transform(rows.reshape(6, -1))
    assert result.shape == (6, N_KINEMES)
    assert np.isnan(result).all() or np.allclose(result.sum(axis=1), 1.0)


def test_the_seed_determines_the_clusters() -> None:
    rows = make_recordings(20)
    first, second = (KinemeHistogram(seed=3).fit(rows).transform(rows) for _ in range(2))
    np.testing.assert_array_equal(first, second)
