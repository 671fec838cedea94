"""Out-of-fold scores of the members, with and without shuffled columns."""

from __future__ import annotations

import numpy as np

from pdmr_classic.models.ensemble.fold_data import FoldData, make_fold_data
from pdmr_classic.models.ensemble.oof_scores import ALL_COLUMNS, compute_oof_scores
from pdmr_classic.models.learners.member import Member

NAMES = ["video__a__mean", "video__b__mean", "audio__vector__000"]
MEMBERS = [Member("video", "linear", {"C": 3.0}), Member("audio", "linear", {"C": 3.0})]


def make_data(repeats: int = 2) -> FoldData:
    """Return a signal in the first column; one row has no video."""
    rng = np.random.default_rng(0)
    y = np.arange(48) // 3 % 2
    X = rng.normal(size=(48, 3))
    X[:, 0] += 2 * y
    X[5, :2] = np.nan
    return make_fold_data(X, NAMES, y, np.arange(48) // 3, n_folds=4, repeats=repeats, seed=0)


def test_scores_do_not_depend_on_the_shuffled_groups() -> None:
    data = make_data()
    plain = compute_oof_scores(MEMBERS, data, 0, jobs=1)
    shuffled = compute_oof_scores(MEMBERS, data, 0, jobs=1, groups={"a": np.array([0])})
    for scores, same in zip(plain.scores, shuffled.scores, strict=True):
        np.testing.assert_array_equal(scores, same)
    assert plain.shuffled == [{}, {}]


def test_only_groups_in_the_view_of_a_member_are_shuffled() -> None:
    oof = compute_oof_scores(MEMBERS, make_data(), 0, jobs=1, groups={"a": np.array([0]), "audio": np.array([2])})
    assert [set(scores) for scores in oof.shuffled] == [{"a", ALL_COLUMNS}, {"audio", ALL_COLUMNS}]
    video, y = oof.shuffled[0], np.arange(48) // 3 % 2
    is_video = np.isfinite(oof.scores[0][:, 0])
    assert np.flatnonzero(~is_video).tolist() == [5]

    def accuracy(scores: np.ndarray) -> float:
        return float(np.mean((scores[is_video, 0] > 0) == y[is_video]))

    assert accuracy(oof.scores[0]) > accuracy(video["a"]) + 0.2


def test_repeats_can_be_selected() -> None:
    both = make_data()
    first, second = both.select_repeats(0, 1), both.select_repeats(1, 2)
    assert len(first.folds) == len(second.folds) == 4
    for half, folds in ((first, both.folds[:4]), (second, both.folds[4:])):
        for (_, expected), (_, test) in zip(folds, half.folds, strict=True):
            np.testing.assert_array_equal(test, expected)
        assert all(len(data.folds) == 4 for data in half.view_data.values())
    np.testing.assert_array_equal(make_data(repeats=1).folds[0][1], first.folds[0][1])
