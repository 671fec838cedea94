"""Compiled stacks: plain arrays that predict what the fitted stack predicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import GroupedStacker
from pdmr_classic.errors import ConfigError
from pdmr_classic.models.compiled.stack import CompiledStack
from pdmr_classic.models.learners.member import Member

SUBJECTS = np.repeat(np.arange(24), 3)


def make_table(n_classes: int = 2) -> tuple[pd.DataFrame, np.ndarray]:
    """Return features of two modalities, some without one, with NaN and a constant column; and class numbers."""
    rng = np.random.default_rng(0)
    y = SUBJECTS % n_classes
    names = [f"video__c{k}__mean" for k in range(8)] + [f"audio__vector__{k:03d}" for k in range(6)]
    X = rng.normal(size=(len(y), len(names))) + y[:, None] * np.linspace(0, 1, len(names))
    X[:, 3] = 1.0
    X[rng.random(X.shape) < 0.05] = np.nan
    X[:6, :8] = np.nan
    X[6:12, 8:] = np.nan
    return pd.DataFrame(X, columns=names), y


def fit_stack(members: list[Member] | None = None, *, n_classes: int = 2, **options: Any) -> GroupedStacker:
    X, y = make_table(n_classes)
    return GroupedStacker(members, folds=2, repeats=1, **options).fit(X, y, groups=SUBJECTS)


def assert_equal_predictions(stacker: GroupedStacker, n_classes: int = 2, tolerance: float = 1e-6) -> None:
    X, _ = make_table(n_classes)
    X.iloc[12] = np.nan
    expected = stacker.predict_proba(X)
    assert np.isnan(expected[12]).all()
    assert np.isfinite(expected[:12]).all()
    np.testing.assert_allclose(CompiledStack(stacker).predict_proba(X), expected, atol=tolerance)


@pytest.mark.parametrize("learner", ["lightgbm", "xgboost", "svm", "linear", "extra_trees", "lite_ridge", "lite_trees"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_each_learner_predicts_the_same(learner: str, n_classes: int) -> None:
    members = [Member(view, learner, {"k": 5}) for view in ("video", "audio", "both")]
    assert_equal_predictions(fit_stack(members, n_classes=n_classes), n_classes)


@pytest.mark.parametrize("form", ["as_is", "l2", "signed_root"])
@pytest.mark.parametrize("components", [None, 3])
@pytest.mark.parametrize("share", [None, 0.5])
def test_each_form_of_the_audio_vector_predicts_the_same(
    form: str, components: int | None, share: float | None
) -> None:
    params = {"audio": form, "audio_components": components, "audio_share": share}
    assert_equal_predictions(fit_stack([Member(view, "svm", params) for view in ("video", "audio", "both")]))


@pytest.mark.parametrize("learner", ["lightgbm", "xgboost", "svm", "linear", "extra_trees"])
@pytest.mark.parametrize("number", [0, 2])
def test_suppressed_habits_predict_the_same(learner: str, number: int) -> None:
    params = {"k": 5, "suppress": "wccn", "suppress_number": number}
    assert_equal_predictions(fit_stack([Member(view, learner, params) for view in ("video", "audio", "both")]))


def test_a_stack_in_single_precision_is_smaller_and_close() -> None:
    stacker = fit_stack(learners=["lite_ridge", "lite_trees"])
    X, _ = make_table()
    single = CompiledStack(stacker, single=True)
    np.testing.assert_allclose(single.predict_proba(X), stacker.predict_proba(X), atol=1e-5)
    ridge = next(member for member in single.members_.values() if member.name == "video/lite_ridge")
    assert ridge.steps[-1].coefficients.dtype == np.float32


def test_members_without_weight_are_left_out() -> None:
    stacker = fit_stack(learners=["svm", "linear"])
    for combiner in stacker.combiners_.values():
        combiner.weights_ = np.where([name.endswith("svm") for name in combiner.names], combiner.weights_, 0.0)
    compiled = CompiledStack(stacker)
    assert {member.name for member in compiled.members_.values()} == {"video/svm", "audio/svm", "both/svm"}
    X, _ = make_table()
    np.testing.assert_allclose(compiled.predict_proba(X), stacker.predict_proba(X), atol=1e-12)


def test_the_prediction_of_a_row_does_not_depend_on_other_rows() -> None:
    compiled = CompiledStack(fit_stack(learners=["lite_ridge", "lite_trees"]))
    table = make_table()[0].to_numpy()
    together = compiled.predict_proba(table)
    alone = np.vstack([compiled.predict_proba(table[k : k + 1]) for k in range(len(table))])
    np.testing.assert_allclose(alone, together, rtol=1e-12)


def test_another_number_of_columns_is_refused() -> None:
    compiled = CompiledStack(fit_stack(learners=["linear"]))
    with pytest.raises(ValueError, match=r"X must have shape \[n, 14\], got \[1, 2\]"):
        compiled.predict_proba(np.zeros((1, 2)))


def test_a_step_without_a_compiled_form_is_refused() -> None:
    stacker = fit_stack(learners=["linear"])
    stacker.models_["video/linear"].steps.append(("other", object()))
    with pytest.raises(ConfigError, match="a part of the model has no compiled form"):
        CompiledStack(stacker)
