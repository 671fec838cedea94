"""The stack of a score: its estimator interface, its moments, and rows without a modality or a weight."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from scored import AUDIO, VIDEO, make_scored
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from pdmr_classic import DataError
from pdmr_classic.metrics import concordance
from pdmr_classic.models.ensemble import fold_data as fold_data_module
from pdmr_classic.models.learners.member import Member
from pdmr_classic.models.learners.regressors import REGRESSORS
from pdmr_classic.models.severity.stacker import SeverityStacker, count_score_folds, score_bins
from pdmr_classic.splits import GroupedFolds


def make_stacker(**changes: Any) -> SeverityStacker:
    return SeverityStacker(**{"learners": ["ridge"], "folds": 4, "repeats": 1, **changes})


def fit(data: Any, **changes: Any) -> SeverityStacker:
    return make_stacker(**changes).fit(data.X, data.score, groups=data.groups)


class UngroupedStacker(SeverityStacker):
    """A stacker for scikit-learn's checks, which do not pass groups: each row is its own subject."""

    def fit(self, X: Any, y: Any, groups: Any = None, sample_weight: Any = None) -> UngroupedStacker:
        return super().fit(X, y, np.arange(np.asarray(y).size) if groups is None else groups, sample_weight)


@parametrize_with_checks(
    [UngroupedStacker(learners=["ridge"], folds=2, repeats=1)],
    expected_failed_checks=lambda estimator: {
        "check_sample_weight_equivalence_on_dense_data": "removing rows with weight 0 changes the folds",
        "check_fit2d_1sample": "raises a DataError, which is not a ValueError",
    },
)
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_groups_are_required() -> None:
    data = make_scored(12)
    with pytest.raises(ValueError, match="groups are required"):
        make_stacker().fit(data.X, data.score)


def test_groups_are_requested_from_cross_validation() -> None:
    data = make_scored(16)
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = Pipeline([("stack", make_stacker())])
        scores = cross_val_score(
            pipeline, data.X, data.score, cv=GroupKFold(2), params={"groups": data.groups}, error_score="raise"
        )
        with pytest.raises(ValueError, match="groups are required"):
            cross_val_score(pipeline, data.X, data.score, cv=2, error_score="raise")
    assert (scores > 0.3).all()


def test_series_are_matched_by_their_index() -> None:
    data = make_scored(12)
    order = np.random.default_rng(1).permutation(len(data.X))
    shuffled = make_stacker().fit(data.X, data.score.iloc[order], groups=data.groups.iloc[order])
    np.testing.assert_array_equal(shuffled.predict(data.X), fit(data).predict(data.X))
    with pytest.raises(DataError, match="index"):
        make_stacker().fit(data.X, data.score.set_axis(range(24)), groups=data.groups)


def test_a_score_that_is_missing_is_refused() -> None:
    data = make_scored(12)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        make_stacker().fit(data.X, data.score.where(data.score.index != "r003"), groups=data.groups)


# ------------------------------------------------------------------------------------------------- moments


@pytest.mark.parametrize("shrinkage", [0.0, 0.5, 1.0])
def test_out_of_fold_predictions_have_the_moments_of_the_training_scores(shrinkage: float) -> None:
    data = make_scored(60)
    oof = fit(data, shrinkage=shrinkage, repeats=2).oof_prediction_
    assert oof.mean() == pytest.approx(data.score.mean(), abs=0.3)
    r = np.corrcoef(oof, data.score)[0, 1]
    assert 0.5 < r < 0.95
    assert oof.std() / data.score.std(ddof=0) == pytest.approx(r**shrinkage, abs=0.04)


def test_the_whole_spread_gives_a_higher_concordance_and_the_smallest_one_a_smaller_error() -> None:
    data = make_scored(60, noise=2.0)
    full, least = (fit(data, shrinkage=shrinkage).oof_prediction_ for shrinkage in (0.0, 1.0))
    assert concordance(data.score, full) > concordance(data.score, least) + 0.02
    assert np.mean((data.score - full) ** 2) > np.mean((data.score - least) ** 2) + 1


def test_moments_are_not_those_of_the_rows_to_predict() -> None:
    """All predicted rows are alike: their mean is far from that of training, and they have no spread."""
    data = make_scored(24)
    stacker = fit(data, shrinkage=0.0)
    high = pd.DataFrame(np.full((5, 6), 1.5), columns=data.X.columns)
    assert stacker.predict(high).std() < 1e-9
    assert stacker.predict(high).mean() > data.score.mean() + 5


@pytest.mark.parametrize(("shrinkage", "largest_spread"), [(0.0, 1.5), (0.5, 0.75), (1.0, 0.5)])
def test_random_scores_are_predicted_near_their_mean(shrinkage: float, largest_spread: float) -> None:
    concordances = []
    for seed in range(6):
        data = make_scored(30, seed=seed)
        of_subject = data.score.groupby(data.groups).first()
        shuffled = pd.Series(np.random.default_rng(seed).permutation(of_subject), of_subject.index)
        random = data._replace(score=data.groups.map(shuffled))
        stacker = fit(random, shrinkage=shrinkage)
        concordances.append(concordance(random.score, stacker.oof_prediction_))
        predicted = stacker.predict(make_scored(100, seed=100 + seed).X)
        spread = random.score.std()
        assert predicted.std() < largest_spread * spread
        assert predicted.mean() == pytest.approx(random.score.mean(), abs=0.4 * spread)
    assert abs(np.mean(concordances)) < 0.15


def test_one_constant_column_predicts_the_training_mean() -> None:
    data = make_scored(16)
    X = pd.DataFrame({"video__c__mean": np.ones(len(data.X))}, data.X.index)
    np.testing.assert_allclose(fit(data._replace(X=X)).predict(X), data.score.mean(), atol=1e-6)


# ------------------------------------------------------------------------------------ modalities and members


def test_a_row_is_predicted_from_the_modalities_that_it_has() -> None:
    data = make_scored(24, missing=6)
    stacker = fit(data)
    assert set(stacker.combiners_) == {frozenset({"video"}), frozenset({"audio"}), frozenset({"video", "audio"})}
    assert np.isfinite(stacker.oof_prediction_).all()
    for lost in (VIDEO, AUDIO):
        X = data.X.assign(**dict.fromkeys(lost, np.nan))
        X = X[X.notna().any(axis=1)]
        assert np.corrcoef(stacker.predict(X), data.score[X.index])[0, 1] > 0.5
    with pytest.raises(DataError, match=r"1 row has no modality that was used in training[^\0]*audio or video"):
        stacker.predict(data.X.iloc[:1] * np.nan)
    assert np.isnan(stacker.predict_scores(data.X.iloc[:1] * np.nan)).tolist() == [True]


def test_each_modality_alone_is_predicted_as_for_a_row_without_the_others() -> None:
    data = make_scored(24, missing=4)
    stacker = fit(data)
    single = stacker.predict_modalities(data.X)
    assert set(single) == set(stacker.oof_modalities()) == {"video", "audio"}
    for name, other in (("video", AUDIO), ("audio", VIDEO)):
        expected = stacker.predict_scores(data.X.assign(**dict.fromkeys(other, np.nan)))
        np.testing.assert_array_equal(single[name], expected)
        is_missing = data.X[VIDEO if name == "video" else AUDIO].isna().all(axis=1)
        np.testing.assert_array_equal(np.isnan(single[name]), is_missing)
        np.testing.assert_array_equal(np.isnan(stacker.oof_modalities()[name]), is_missing)


def test_the_prediction_of_a_row_does_not_depend_on_its_neighbours() -> None:
    data = make_scored(16, missing=4)
    stacker = fit(data, learners=["ridge", "svr", "lightgbm_regressor"])
    together = stacker.predict(data.X)
    single = [stacker.predict(data.X.iloc[[row]])[0] for row in range(len(data.X))]
    np.testing.assert_allclose(single, together, rtol=1e-9)


def test_selected_members_predict_as_a_stack_of_only_these() -> None:
    data = make_scored(16)
    stacker = fit(data, learners=["ridge", "svr"])
    names = ["video/svr", "audio/svr"]
    part = stacker.select_members(names)
    expected = fit(data, members=[Member("video", "svr", stacker.members_[1].params), Member("audio", "svr")])
    assert [member.name for member in part.members_] == names
    np.testing.assert_allclose(part.oof_prediction_, expected.oof_prediction_)
    np.testing.assert_allclose(part.predict(data.X), expected.predict(data.X))


def test_the_better_member_has_the_larger_weight() -> None:
    data = make_scored(40)
    X = data.X.assign(**{VIDEO[0]: np.random.default_rng(9).normal(size=80)})
    stacker = fit(data._replace(X=X))
    weights = stacker.combiners_[frozenset({"video", "audio"})].member_weights
    assert sum(weights.values()) == pytest.approx(1)
    assert min(weights.values()) >= 0
    assert weights["audio/ridge"] > weights["video/ridge"] + 0.1


def test_a_stack_can_be_cloned_and_pickled() -> None:
    data = make_scored(12)
    stacker = fit(data)
    assert not hasattr(clone(stacker), "models_")
    copy = pickle.loads(pickle.dumps(stacker))
    np.testing.assert_array_equal(copy.predict(data.X), stacker.predict(data.X))


@pytest.mark.slow
@pytest.mark.usefixtures("several_threads")
def test_the_number_of_jobs_does_not_matter() -> None:
    data = make_scored(12, missing=2)
    one, two = (fit(data, learners=["ridge", "lightgbm_regressor"], jobs=jobs) for jobs in (1, 2))
    np.testing.assert_array_equal(one.oof_prediction_, two.oof_prediction_)
    np.testing.assert_array_equal(one.predict(data.X), two.predict(data.X))


# ------------------------------------------------------------------------------------------------- weights


def test_weights_of_one_change_nothing() -> None:
    data = make_scored(12)
    weighted = make_stacker().fit(data.X, data.score, groups=data.groups, sample_weight=np.ones(24))
    np.testing.assert_array_equal(weighted.oof_prediction_, fit(data).oof_prediction_)


@pytest.mark.parametrize("learner", REGRESSORS)
def test_rows_with_weight_zero_have_no_influence_but_are_predicted(
    learner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, rng = make_scored(24), np.random.default_rng(1)
    is_ignored = rng.random(48) < 0.3
    folds = list(GroupedFolds(3).split(data.X, data.status, data.groups))

    class Fixed(GroupedFolds):
        def split(self, X: Any, y: Any = None, groups: Any = None, sample_weight: Any = None) -> Any:
            yield from folds

    monkeypatch.setattr(fold_data_module, "GroupedFolds", Fixed)
    changed_X, changed_y = data.X.copy(), data.score.copy()
    changed_X[is_ignored] = 1e3 * rng.normal(size=(is_ignored.sum(), 6))
    changed_y[is_ignored] = 1e3
    original, changed = (
        make_stacker(learners=[learner], folds=3).fit(X, y, groups=data.groups, sample_weight=1.0 - is_ignored)
        for X, y in ((data.X, data.score), (changed_X, changed_y))
    )
    np.testing.assert_allclose(original.oof_prediction_[~is_ignored], changed.oof_prediction_[~is_ignored], rtol=1e-9)
    np.testing.assert_allclose(original.predict(data.X), changed.predict(data.X), rtol=1e-9)
    assert np.isfinite(original.oof_prediction_).all()


# --------------------------------------------------------------------------------------------------- folds


def test_bins_hold_subjects_of_similar_mean_scores() -> None:
    groups = np.repeat(np.arange(40), 2)
    scores = np.random.default_rng(0).permutation(40)[groups] + np.tile([-0.2, 0.2], 40)
    bins = score_bins(scores, groups, 5)
    assert np.bincount(bins[::2]).tolist() == [10, 10, 10, 10]
    np.testing.assert_array_equal(bins[::2], bins[1::2])
    tops = [scores[bins == k].max() for k in range(4)]
    assert all(top < scores[bins == k + 1].min() for k, top in enumerate(tops[:-1]))


@pytest.mark.parametrize(("n_subjects", "n_bins"), [(4, 1), (9, 1), (10, 2), (19, 3), (200, 4)])
def test_bins_have_as_many_subjects_as_folds(n_subjects: int, n_bins: int) -> None:
    groups = np.arange(n_subjects)
    bins = score_bins(np.random.default_rng(0).normal(size=n_subjects), groups, 5)
    assert len(set(bins)) == n_bins
    assert count_score_folds(bins, groups, 5) == min(5, n_subjects)


def test_one_subject_is_too_few() -> None:
    with pytest.raises(DataError, match="cross-validation needs at least two subjects"):
        count_score_folds(np.zeros(3, dtype=np.intp), np.zeros(3), 5)


def test_rows_without_a_weight_are_spread_over_the_bins_and_do_not_change_those_of_the_others() -> None:
    groups = np.repeat(np.arange(30), 2)
    scores, weights = np.random.default_rng(0).normal(size=60), np.where(groups < 20, 1.0, 0.0)
    weights[0] = 0.0
    bins = score_bins(scores, groups, 5, weights)
    assert np.ptp(np.bincount(bins[groups >= 20])) <= 2
    for other in (np.where(weights == 0, 1e6, scores), np.where(weights == 0, np.nan, scores)):
        np.testing.assert_array_equal(score_bins(other, groups, 5, weights), bins)
    assert set(bins[groups < 20]) == set(range(4))
