"""Canonical variates of two modalities as a further view."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.linalg import subspace_angles
from sklearn.cross_decomposition import CCA

from pdmr_classic import GroupedStacker
from pdmr_classic.config import Settings
from pdmr_classic.models.compiled.stack import CompiledStack
from pdmr_classic.models.ensemble import joining
from pdmr_classic.models.ensemble.fold_data import FoldData, make_fold_data
from pdmr_classic.models.ensemble.joining import JoinedFeatures
from pdmr_classic.models.ensemble.oof_scores import compute_oof_scores
from pdmr_classic.models.learners.canonical import N_PAIRS, CanonicalVariates
from pdmr_classic.models.learners.learners import LEARNERS
from pdmr_classic.models.learners.member import default_members
from pdmr_classic.models.learners.suppression import SuppressIdentity
from pdmr_classic.models.model import DepressionModel

N_SUBJECTS, N_COLUMNS = 80, 12
SUBJECTS = np.repeat(np.arange(N_SUBJECTS), 2)
Y = SUBJECTS % 2
FIRST, SECOND = np.arange(N_COLUMNS), np.arange(N_COLUMNS, 2 * N_COLUMNS)
VIEWS = ("video__c", "audio__vector", "text__vector")


def make_table(strength: float, *, n_views: int = 2, seed: int = 0) -> pd.DataFrame:
    """Return modalities that share a latent of each recording, which differs between classes."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=len(Y)) + Y
    parts = [
        rng.normal(size=(len(Y), N_COLUMNS)) + strength * np.outer(latent, rng.normal(size=N_COLUMNS))
        for _ in range(n_views)
    ]
    names = [f"{view}__{k:03d}" for view in VIEWS[:n_views] for k in range(N_COLUMNS)]
    return pd.DataFrame(np.hstack(parts), columns=names)


def make_folds(table: pd.DataFrame, *, join_views: bool = True) -> FoldData:
    options = {"n_folds": 4, "repeats": 1, "seed": 0, "join_views": join_views}
    return make_fold_data(table.to_numpy(), list(table.columns), Y, SUBJECTS, **options)  # type: ignore[arg-type]


def fit_features(table: pd.DataFrame, rows: NDArray[np.intp]) -> tuple[JoinedFeatures, NDArray[np.float64]]:
    joined = JoinedFeatures(FIRST, SECOND).choose_pairs(table.to_numpy(), Y, SUBJECTS, rows)
    return joined, joined.fit_transform(table.to_numpy(), Y, SUBJECTS, rows)


def test_a_shared_latent_becomes_a_joined_view() -> None:
    folds = make_folds(make_table(0.8))
    assert list(folds.views) == ["video", "audio", "both", "joined"]
    assert [finding.code for finding in folds.findings] == ["joined-view"]
    assert folds.view_data["joined"].n_columns == 4 * N_PAIRS


def test_unrelated_modalities_have_no_joined_view_and_this_is_told() -> None:
    n_kept = 0
    for seed in range(20):
        folds = make_folds(make_table(0.0, seed=seed))
        n_kept += "joined" in folds.views
        assert ("no-joined-view" in {finding.code for finding in folds.findings}) != ("joined" in folds.views)
    assert n_kept <= 3  # more with a probability of 2%, if 1 in 20 is kept


def test_without_join_views_nothing_changes() -> None:
    folds = make_folds(make_table(0.8), join_views=False)
    assert list(folds.views) == ["video", "audio", "both"]
    assert folds.findings == []


def test_each_pair_of_three_modalities_has_a_joined_view() -> None:
    names = [view for view in make_folds(make_table(0.8, n_views=3)).views if view.startswith("joined")]
    assert names == ["joined:audio+video", "joined:text+video", "joined:audio+text"]


def test_of_many_modalities_only_six_pairs_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    present = {name: np.ones(50, dtype=bool) for name in "abcde"}
    present["a"][0] = False
    columns = {name: np.array([k]) for k, name in enumerate("abcde")}
    views = [view for view, _ in joining.make_joined_views(columns, present, make_suppressor=None, seed=0)]
    assert [view.needs for view in views] == [set(pair) for pair in ("bc", "bd", "be", "cd", "ce", "de")]


def test_training_rows_have_variates_of_models_without_their_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    table = make_table(0.8)
    fitted: list[frozenset[float]] = []
    original = CanonicalVariates.fit

    def record(self: CanonicalVariates, first: NDArray[np.float64], *rest: NDArray[np.float64]) -> CanonicalVariates:
        fitted.append(frozenset(first[:, 0].tolist()))
        return original(self, first, *rest)

    monkeypatch.setattr(CanonicalVariates, "fit", record)
    train = np.flatnonzero(SUBJECTS < 60)
    fit_features(table, train)
    column = table.iloc[:, 0]
    assert all(values <= set(column[train]) for values in fitted)
    inner = fitted[-5:]
    for subject in range(60):
        own = set(column[subject == SUBJECTS])
        assert sum(not own & values for values in inner) == 1


def test_variates_of_training_rows_do_not_depend_on_rows_of_other_folds() -> None:
    table, changed = make_table(0.8), make_table(0.8)
    train = np.flatnonzero(SUBJECTS < 60)
    changed.iloc[120:] += 100.0
    features, other = fit_features(table, train)[1], fit_features(changed, train)[1]
    np.testing.assert_array_equal(features[train], other[train])


def test_cross_fitted_variates_are_aligned_with_those_of_new_rows() -> None:
    table = make_table(0.8)
    joined, features = fit_features(table, np.arange(len(Y)))
    new = joined.transform(table.to_numpy())
    for k in np.flatnonzero(joined.kept_):
        for place in (k, N_PAIRS + k):
            assert np.corrcoef(features[:, place], new[:, place])[0, 1] > 0.9
            assert 0.8 < features[:, place].std() / new[:, place].std() < 1.25


def test_cross_fitted_variates_of_unrelated_modalities_are_not_correlated() -> None:
    table = make_table(0.0, seed=3)
    variates = CanonicalVariates().fit(table.to_numpy()[:, FIRST], table.to_numpy()[:, SECOND], Y, SUBJECTS)
    u, v = variates.transform(table.to_numpy()[:, FIRST], table.to_numpy()[:, SECOND])
    assert np.corrcoef(u[:, 0], v[:, 0])[0, 1] > 0.3  # overfitted
    joined, _ = fit_features(table, np.arange(len(Y)))
    assert joined.correlations_[0] < 0.2


def test_canonical_directions_approach_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(2000, 2))
    first, second = (latent @ rng.normal(size=(2, 4)) + rng.normal(size=(2000, 4)) for _ in range(2))
    ours = CanonicalVariates().fit(first, second, np.zeros(2000), np.arange(2000)).transform(first, second)
    peer = CCA(2).fit(first, second).transform(first, second)
    for own, other in zip(ours, peer, strict=True):
        assert np.degrees(subspace_angles(own[:, :2] - own[:, :2].mean(axis=0), other)).max() < 15


@pytest.mark.parametrize("kind", ["constant", "missing", "few subjects"])
def test_what_cannot_be_joined_has_no_joined_view(kind: str) -> None:
    table = make_table(0.8)
    rows = np.arange(len(Y))
    if kind == "constant":
        table.iloc[:, SECOND] = 1.0
    elif kind == "missing":
        table.iloc[:80, SECOND] = np.nan
        table.iloc[80:, FIRST] = np.nan
    else:
        rows = np.arange(30)
    joined = JoinedFeatures(FIRST, SECOND).choose_pairs(table.to_numpy(), Y, SUBJECTS, rows)
    assert not joined.kept_.any()


def test_more_columns_than_recordings_are_reduced_to_a_fifth_of_the_subjects() -> None:
    rng = np.random.default_rng(0)
    wide = [np.repeat(rng.normal(size=(40, 500)), 2, axis=0) for _ in range(2)]
    variates = CanonicalVariates().fit(*wide, np.arange(80) % 2, np.arange(80) // 2)
    means = variates.first_.prepare(wide[0])[::2]
    assert np.linalg.matrix_rank((means - means.mean(axis=0)) @ variates.first_.weights) == N_PAIRS
    reduced, axes, _ = variates._reduce(wide[0], np.arange(80) % 2, np.arange(80) // 2)
    assert axes.shape == (500, 8)
    assert reduced.weights is axes


def test_personal_habits_are_suppressed_before_modalities_are_joined() -> None:
    table = make_table(0.0)
    habit = np.random.default_rng(1).normal(size=N_SUBJECTS)[SUBJECTS]
    table = table.add(3 * habit[:, None])

    class RemoveMean:
        def fit(self, X: NDArray[np.float64], y: NDArray[np.intp], groups: NDArray[np.intp]) -> None:
            assert len(X) == len(y) == len(groups)

        def transform(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(X - X.mean(axis=1, keepdims=True))

    joined = JoinedFeatures(FIRST, SECOND, make_suppressor=RemoveMean)
    joined.choose_pairs(table.to_numpy(), Y, SUBJECTS, np.arange(len(Y)))
    plain, _ = fit_features(table, np.arange(len(Y)))
    assert plain.kept_.any()
    assert not joined.kept_.any()


def test_suppression_of_personal_habits_reaches_the_joined_views_and_their_compiled_form() -> None:
    table = make_table(0.8, seed=1)
    habit = np.outer(np.random.default_rng(1).normal(size=N_SUBJECTS)[SUBJECTS], np.ones(len(table.columns)))
    table += 2 * habit
    folds = make_fold_data(
        table.to_numpy(),
        list(table.columns),
        Y,
        SUBJECTS,
        n_folds=4,
        repeats=1,
        seed=0,
        join_views=True,
        suppress_identity=True,
    )
    suppress = folds.joined_views["joined"].variates_.first_.suppress
    assert isinstance(suppress, SuppressIdentity)
    assert suppress.axes_.shape[1] > 0
    members = default_members(["joined"], ["linear"])
    scores = compute_oof_scores(members, folds, 0, jobs=1).scores
    stacker = GroupedStacker(members, folds=4, repeats=1).fit_oof_scores(members, scores, folds, np.array([0, 1]))
    compiled = CompiledStack(stacker).predict_proba(table.to_numpy())
    np.testing.assert_allclose(compiled, stacker.predict_proba(table), atol=1e-9)


def test_pairs_are_chosen_once_for_all_folds() -> None:
    joined = make_folds(make_table(0.5, seed=2))
    data = joined.view_data["joined"]
    kept = [np.isfinite(features).all(axis=0) for features in (*data.fitted_features, data.final_fitted_features)]
    assert all((columns == kept[-1]).all() for columns in kept)


def test_all_learners_accept_folds_without_any_pair() -> None:
    folds = make_folds(make_table(0.8))
    folds.view_data["joined"].fitted_features[0][:] = np.nan
    scores = compute_oof_scores(default_members(["joined"], LEARNERS), folds, 0, jobs=1).scores
    assert all(np.isfinite(values).all() for values in scores)


def test_a_model_with_joined_views_predicts_rows_with_and_without_both_modalities() -> None:
    table = make_table(0.8)
    index = pd.Index([f"r{k}" for k in range(len(Y))], name="data_id")
    table.index = index
    table.iloc[:8, SECOND] = np.nan
    settings = Settings().override(
        {"learning.learners": ["linear"], "learning.trials": 1, "learning.repeats": 1, "learning.join_views": True}
    )
    status = pd.Series(np.where(Y == 1, "Depression", "Normal"), index)
    model = DepressionModel(settings).fit(table, status, pd.Series(SUBJECTS.astype(str), index))
    assert "joined/linear" in [member.name for member in model.stacker_.members_]
    new = make_table(0.8, seed=0).set_axis(index)
    new.iloc[:5, FIRST] = np.nan
    predictions = model.predict_features(new)
    assert np.isfinite(predictions["probability"]).all()
    assert isinstance(model.stacker_, GroupedStacker)
    compiled = CompiledStack(model.stacker_).predict_proba(new.to_numpy())
    np.testing.assert_allclose(compiled, model.stacker_.predict_proba(new), atol=1e-9)
