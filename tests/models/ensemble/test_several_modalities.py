"""Views, sets of modalities and predictions with more than two modalities."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from pdmr_classic import GroupedStacker
from pdmr_classic.features.names import modality_columns
from pdmr_classic.models.compiled.stack import CompiledStack
from pdmr_classic.models.ensemble.fold_data import make_fold_data
from pdmr_classic.models.ensemble.views import find_modalities, make_views, modality_sets

NAMES = ("video", "audio", "text", "eeg", "covariates")
N = 60
SUBJECTS = np.arange(N) // 2
Y = SUBJECTS % 2


def make_table(n_modalities: int, n_columns: int = 4, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    names = [f"{name}__vector__{k:03d}" for name in NAMES[:n_modalities] for k in range(n_columns)]
    table = pd.DataFrame(rng.normal(size=(N, len(names))) + 0.6 * Y[:, None], columns=names)
    for k, name in enumerate(NAMES[:n_modalities]):
        table.loc[table.index[k::9], table.columns.str.startswith(f"{name}__")] = np.nan
    return table


def drop(table: pd.DataFrame, *modalities: str) -> pd.DataFrame:
    return table.assign(**{name: np.nan for name in table.columns if name.partition("__")[0] in modalities})


@pytest.mark.parametrize(
    ("n_modalities", "joint"),
    [
        (1, []),
        (2, ["both"]),
        (3, ["audio+video", "text+video", "audio+text", "audio+text+video"]),
        # Covariates only add the view of everything together.
        (
            5,
            [
                *("audio+text+video", "audio+eeg+video", "eeg+text+video", "audio+eeg+text"),
                *("audio+eeg+text+video", "audio+covariates+eeg+text+video"),
            ],
        ),
    ],
)
def test_joint_views_are_all_together_and_with_three_or_four_modalities_all_but_one(
    n_modalities: int, joint: list[str]
) -> None:
    table = make_table(n_modalities)
    columns = modality_columns(table.columns)
    views = make_views(columns, find_modalities(table.to_numpy(), columns))
    assert [view.name for view in views] == [*NAMES[:n_modalities], *joint]
    assert all(set(view.columns) == set(np.concatenate([columns[name] for name in view.needs])) for view in views)


def test_with_many_modalities_the_only_joint_view_is_of_all_together() -> None:
    names = [*NAMES[:4], "touch"]
    columns = {name: np.array([k]) for k, name in enumerate(names)}
    views = make_views(columns, dict.fromkeys(names, np.ones(3, dtype=bool)))
    assert [view.name for view in views] == [*names, "audio+eeg+text+touch+video"]


def test_changes_from_baseline_leave_the_joint_views_of_the_levels() -> None:
    names = ["video", "audio", "video_change", "audio_change"]
    columns = {name: np.array([k]) for k, name in enumerate(names)}
    views = make_views(columns, dict.fromkeys(names, np.ones(3, dtype=bool)))
    assert [view.name for view in views][4:] == ["audio+video", "audio+audio_change+video+video_change"]


def test_of_five_modalities_sets_of_training_rows_and_what_is_left_of_them_have_a_meta_learner() -> None:
    sets = modality_sets(NAMES, {name: np.ones(10, dtype=bool) for name in NAMES})
    whole, measured = set(NAMES), set(NAMES) - {"covariates"}
    expected = [whole, measured, *(whole - {name} for name in NAMES), *(measured - {name} for name in measured)]
    assert set(sets) == {frozenset(chosen) for chosen in [*expected, *({name} for name in NAMES)]}


@pytest.mark.parametrize("missing", [[], ["covariates"], ["text"], ["covariates", "text"]])
def test_without_covariates_and_another_modality_all_that_is_left_is_used(missing: list[str]) -> None:
    table = make_table(5).fillna(0.0)
    stacker = GroupedStacker(learners=["linear"], folds=3, repeats=1).fit(table, Y, groups=SUBJECTS)
    partial = drop(table, *missing).to_numpy()
    assert stacker.find_ignored(partial) == []
    few = drop(table, "covariates", "text", "eeg").to_numpy()
    (finding,) = stacker.find_ignored(few)
    assert finding.code == "ignored-modality"


def test_of_four_modalities_all_sets_have_a_meta_learner() -> None:
    present = {name: np.ones(10, dtype=bool) for name in NAMES[:4]}
    assert len(modality_sets(NAMES[:4], present)) == 15


@pytest.mark.parametrize("n_modalities", [3, 5])
def test_rows_are_predicted_whatever_modalities_they_lack(n_modalities: int) -> None:
    table = make_table(n_modalities)
    stacker = GroupedStacker(learners=["linear"], folds=3, repeats=1).fit(table, Y, groups=SUBJECTS)
    compiled, names = CompiledStack(stacker), NAMES[:n_modalities]
    new = make_table(n_modalities, seed=1).fillna(0.3)
    predictions: dict[frozenset[str], NDArray[np.float64]] = {}
    for size in range(n_modalities):
        for missing in combinations(names, size):
            rows = drop(new, *missing)
            predictions[frozenset(missing)] = stacker.predict_proba(rows)
            np.testing.assert_allclose(compiled.predict_proba(rows.to_numpy()), predictions[frozenset(missing)])
    assert all(np.isfinite(probability).all() for probability in predictions.values())
    assert np.isnan(stacker.predict_proba(drop(new, *names))).all()


def test_a_set_of_modalities_that_training_never_saw_uses_the_best_set_within_it() -> None:
    table = make_table(5)
    stacker = GroupedStacker(learners=["linear"], folds=3, repeats=1).fit(table, Y, groups=SUBJECTS)
    new = make_table(5, seed=1).fillna(0.3)
    seen = set(stacker.combiners_)
    unseen = {"video", "covariates"}
    assert unseen not in seen
    best = min(unseen, key=lambda name: stacker.losses_[frozenset({name})]["weighted_average"])
    others = set(NAMES) - {best}
    np.testing.assert_array_equal(
        stacker.predict_proba(drop(new, *(set(NAMES) - unseen))), stacker.predict_proba(drop(new, *others))
    )


def test_scaled_learners_balance_the_modalities_of_a_joint_view() -> None:
    table = make_table(3)
    stacker = GroupedStacker(learners=["svm"], folds=3, repeats=1).fit(table, Y, groups=SUBJECTS)
    assert len(stacker.models_["audio+text+video/svm"][-2].blocks_) == 3


@pytest.mark.parametrize("n_modalities", [2, 3])
def test_a_constant_view_is_left_out_and_rows_are_predicted_from_the_others(n_modalities: int) -> None:
    table, names = make_table(n_modalities), NAMES[:n_modalities]
    constant = names[-1]
    table = table.where(table.isna() | ~table.columns.str.startswith(f"{constant}__"), 2.5)
    others = [name for name in names if name != constant]
    # The first row has nothing but the constant view.
    table.loc[0] = table.loc[5]
    table.loc[0, ~table.columns.str.startswith(f"{constant}__")] = np.nan
    fold_data = make_fold_data(table.to_numpy(), list(table.columns), Y, SUBJECTS, n_folds=3, repeats=1, seed=0)
    assert [finding.what for finding in fold_data.findings] == [
        f"view {constant!r} is constant in the training data and is left out"
    ]
    stacker = GroupedStacker(learners=["linear"], folds=3, repeats=1).fit(table, Y, groups=SUBJECTS)
    assert {member.view for member in stacker.members_} == {*others, *(["both"] if len(others) > 1 else [])}
    new = make_table(n_modalities, seed=1).fillna(0.3)
    probability = stacker.predict_proba(new)
    assert np.isfinite(probability).all()
    np.testing.assert_array_equal(probability, stacker.predict_proba(drop(new, constant)))
    np.testing.assert_allclose(CompiledStack(stacker).predict_proba(new.to_numpy()), probability)
    assert np.isnan(stacker.predict_proba(drop(new, *others))).all()
