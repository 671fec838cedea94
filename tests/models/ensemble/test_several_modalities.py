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
        (5, ["audio+covariates+eeg+text+video"]),
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


def test_of_five_modalities_only_sets_that_occur_in_training_and_single_ones_have_a_meta_learner() -> None:
    present = {name: np.ones(10, dtype=bool) for name in NAMES}
    present["text"][:3] = False
    sets = modality_sets(NAMES, present)
    assert sets == [*({name} for name in sorted(NAMES)), set(NAMES) - {"text"}, set(NAMES)]


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
    unseen = {"video", "audio"}
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
