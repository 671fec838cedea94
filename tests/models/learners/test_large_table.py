"""Tables on disk: what is read of them, what samples contain, and boosting on all their rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdmr_classic.errors import TargetError
from pdmr_classic.models.learners import large_table
from pdmr_classic.models.learners.large_table import LargeTable, draw_sample, map_batches, open_table, write_array
from pdmr_classic.models.learners.learners import fit_member, raw_scores
from pdmr_classic.models.learners.member import Member
from pdmr_classic.models.learners.search_spaces import default_params

N, N_COLUMNS = 240, 6


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_table, "_BATCH_VALUES", 50 * N_COLUMNS)


def make_features(n_classes: int = 2) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return a signal, NaN, and three recordings per subject; values that single precision can hold."""
    rng = np.random.default_rng(0)
    groups = np.arange(N) // 3
    y = groups % n_classes
    X = rng.normal(size=(N, N_COLUMNS)) + np.eye(N_COLUMNS)[y]
    X[rng.random(X.shape) < 0.05] = np.nan
    return pd.DataFrame(X.astype(np.float32).astype(np.float64)), y, groups


def test_a_table_up_to_the_limit_stays_in_memory_in_double_precision() -> None:
    features = pd.DataFrame({"a": [0.1, np.nan]})
    with open_table(features, 2) as X:
        assert isinstance(X, np.ndarray)
        np.testing.assert_array_equal(X, features)


def test_rows_and_columns_are_read_from_the_file_which_is_deleted() -> None:
    features, _, _ = make_features()
    with open_table(features, 100) as X:
        assert isinstance(X, LargeTable)
        path = X.parts[0][0]
        rows, columns = np.array([239, 0, 77]), np.array([4, 1])
        part = X[rows].select_columns(columns)
        assert part.shape == (3, 2)
        np.testing.assert_array_equal(part.read(), features.to_numpy()[np.ix_(rows, columns)])
        np.testing.assert_array_equal(X[:, columns], features.to_numpy()[:, columns])
        np.testing.assert_array_equal(X[:, 4], features[4])
        np.testing.assert_array_equal(map_batches(lambda batch: batch[:, 0], X), features[0])
        write_array(X.folder / "more.npy", [np.ones((N, 2))], (N, 2))
        assert part.append(X.folder / "more.npy").read()[:, 2:].tolist() == [[1, 1]] * 3
        assert part.append(X.folder / "more.npy")[:, [3, 0]].tolist() == [[1, row] for row in features[4][rows]]
    assert not path.exists()


def test_values_beyond_single_precision_are_clipped() -> None:
    with open_table(pd.DataFrame({"a": [1e300, -1e300, np.nan]}), 2) as X:
        assert isinstance(X, LargeTable)
        limit = float(np.finfo(np.float32).max)
        np.testing.assert_array_equal(X.read()[:, 0], [limit, -limit, np.nan])


def test_infinite_values_are_refused() -> None:
    with pytest.raises(ValueError, match="infinity"), open_table(pd.DataFrame({"a": [1.0, 2.0, np.inf]}), 2):
        pass


def test_a_file_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="temporary file of a large feature table"):
        write_array(tmp_path / "absent" / "features.npy", [np.ones((1, 1))], (1, 1))


def test_a_sample_has_whole_subjects_of_each_class_in_proportion() -> None:
    groups = np.random.default_rng(0).permutation(np.arange(3000) // 3)
    y = (groups % 5 == 0).astype(int)
    rows = draw_sample(y, groups, 600, seed=1)
    assert 590 <= len(rows) <= 600
    assert np.all(np.diff(rows) > 0)
    assert set(np.bincount(groups[rows])) <= {0, 3}
    assert y[rows].mean() == pytest.approx(0.2, abs=0.01)
    np.testing.assert_array_equal(rows, draw_sample(y, groups, 600, seed=1))
    assert rows.tolist() != draw_sample(y, groups, 600, seed=2).tolist()


def test_a_rare_class_keeps_ten_subjects() -> None:
    groups = np.arange(3000) // 3
    y = (groups < 12).astype(int)
    rows = draw_sample(y, groups, 300, seed=0)
    assert len(np.unique(groups[rows][y[rows] == 1])) == 10


@pytest.mark.parametrize("rare", [[5], [5, 999]], ids=["beside-another", "beside-others"])
def test_every_class_is_in_a_sample_of_mixed_subjects(rare: list[int]) -> None:
    groups = np.arange(1000) // 50
    y = np.arange(1000) % 2
    y[rare] = 2
    rows = draw_sample(y, groups, 100, seed=0)
    assert set(y[rows]) == {0, 1, 2}


def test_of_subjects_with_very_many_rows_some_rows_are_drawn() -> None:
    rows = draw_sample(np.arange(4000) // 2000, np.arange(4000) // 1000, 300, seed=0)
    assert len(rows) == 300
    assert len(np.unique(rows)) == 300


def test_of_subjects_with_very_many_rows_each_keeps_a_row_of_each_class() -> None:
    # One subject of class 0 has nearly all rows; two of the twelve have both classes.
    groups = np.concatenate([np.zeros(3000, dtype=int), np.arange(1, 12), [1, 2]])
    y = np.concatenate([np.zeros(3001, dtype=int), np.ones(10, dtype=int), [1, 0]])
    rows = draw_sample(y, groups, 40, seed=0)
    assert len(rows) == 40
    drawn = np.unique(groups[rows])
    pairs = {(code, subject) for code, subject in zip(y, groups, strict=True) if subject in drawn}
    assert set(zip(y[rows], groups[rows], strict=True)) == pairs


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("learner", ["lightgbm", "xgboost"])
def test_boosting_batch_by_batch_equals_boosting_at_once(learner: str, n_classes: int) -> None:
    features, y, groups = make_features(n_classes)
    weights = np.where(np.arange(N) % 7, 1.0, 2.0)
    check_equal(Member("all", learner, default_params(learner, has_audio=False)), features, y, groups, weights)


@pytest.mark.parametrize("learner", ["lightgbm_regressor", "lightgbm_median", "xgboost_regressor", "xgboost_median"])
def test_regressors_batch_by_batch_equal_those_at_once(learner: str) -> None:
    features, y, groups = make_features()
    scores = y + np.random.default_rng(1).normal(size=N)
    check_equal(Member("all", learner, default_params(learner, has_audio=False)), features, scores, groups, np.ones(N))


def check_equal(member: Member, features: pd.DataFrame, y: np.ndarray, groups: np.ndarray, weights: np.ndarray) -> None:
    """Compare with a fit on an array: a sample that is the whole table gives the same preprocessing and bins."""
    X = features.to_numpy()
    at_once = fit_member(member, X, y, {}, 0, weights, groups)
    with open_table(features, N - 1) as table:
        assert isinstance(table, LargeTable)
        whole = LargeTable(table.parts, table.rows, N)
        by_batches = fit_member(member, whole, y, {}, 0, weights, groups)
        np.testing.assert_allclose(raw_scores(by_batches, whole), raw_scores(at_once, X), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(raw_scores(by_batches, X), raw_scores(at_once, X), rtol=1e-5, atol=1e-5)
    assert by_batches[-1].get_params() == at_once[-1].get_params()


@pytest.mark.parametrize("learner", ["lightgbm", "xgboost"])
def test_boosting_learns_from_rows_outside_the_sample(learner: str) -> None:
    features, y, groups = make_features()
    member = Member("all", learner, default_params(learner, has_audio=False))
    outside = np.where(np.isin(np.arange(N), draw_sample(y, groups, 60, 0)), 1.0, 2.0)
    with open_table(features, 60) as table:
        fitted = [raw_scores(fit_member(member, table, y, {}, 0, w, groups), table) for w in (None, outside)]
    assert (fitted[0] != fitted[1]).any()


@pytest.mark.parametrize("learner", ["svm", "linear", "extra_trees"])
def test_other_learners_learn_from_the_sample_only(learner: str) -> None:
    features, y, groups = make_features()
    member = Member("all", learner, default_params(learner, has_audio=False))
    drawn = draw_sample(y, groups, 60, 0)
    with open_table(features, 60) as table:
        model = fit_member(member, table, y, {}, 0, None, groups)
    same = fit_member(member, features.to_numpy()[drawn], y[drawn], {}, 0, None, groups[drawn])
    np.testing.assert_array_equal(raw_scores(model, features.to_numpy()), raw_scores(same, features.to_numpy()))
