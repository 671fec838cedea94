"""Views and single learners of a model as systems of their own, from the models that were trained for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.evaluation._member_systems import predict_parts
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.evaluation.stored_systems import read_systems
from pdmr_classic.models.ensemble import view_stack

QUICK = Settings().override(
    {"learning.learners": ("linear", "svm"), "learning.trials": 1, "learning.repeats": 1, "learning.folds": 3}
)
VIEWS = ["view video", "view audio", "view both"]
MEMBERS = [f"member {view}/{learner}" for view in ("video", "audio", "both") for learner in ("linear", "svm")]
Study = tuple[pd.DataFrame, pd.Series, pd.Series]


def study(classes: tuple[str, ...] = ("Depression", "Normal")) -> Study:
    """Return a set of 36 people; three have no audio, and three no video."""
    rng = np.random.default_rng(3)
    code = np.arange(36) % len(classes)
    index = pd.Index([f"r{k:02d}" for k in range(36)], name="data_id")
    names = [f"{view}__c{k}__mean" for view in ("video", "audio") for k in range(3)]
    X = pd.DataFrame(rng.normal(size=(36, 6)) + np.tile(np.eye(3)[code], 2), index, names)
    X.iloc[:3, 3:] = np.nan
    X.iloc[20:23, :3] = np.nan
    groups = pd.Series([f"S{k}" for k in range(36)], index)
    return X, pd.Series(np.array(classes, dtype=object)[code], index), groups


def test_a_view_predicts_as_a_model_that_was_trained_on_this_view_only() -> None:
    X, status, groups = study()
    video = [name for name in X if name.startswith("video")]
    alone = DepressionModel(QUICK).fit(X[video], status, groups).predict_features(X)
    parts = predict_parts(DepressionModel(QUICK).fit(X, status, groups), X)
    pd.testing.assert_frame_equal(parts["view video"], alone)


def test_no_base_learner_is_trained_again(monkeypatch: pytest.MonkeyPatch) -> None:
    X, status, groups = study()
    model = DepressionModel(QUICK).fit(X, status, groups)
    monkeypatch.delattr(view_stack, "fit_member")
    assert list(predict_parts(model, X)) == [*VIEWS, *MEMBERS]


def test_a_threshold_given_by_the_user_holds_for_every_part() -> None:
    X, status, groups = study()
    model = DepressionModel(QUICK.override({"learning.threshold": 0.05})).fit(X, status, groups)
    for predictions in predict_parts(model, X).values():
        usable = predictions.dropna()
        assert ((usable["probability"] >= 0.05) == (usable["status"] == "Depression")).all()


@pytest.mark.parametrize(
    ("learners", "columns", "expected"),
    [
        (("linear", "svm"), "video|audio", [*VIEWS, *MEMBERS]),
        (("svm",), "video|audio", VIEWS),
        (("linear", "svm"), "audio", ["member audio/linear", "member audio/svm"]),
        (("svm",), "audio", []),
    ],
)
def test_a_part_with_the_same_members_as_a_larger_one_is_left_out(
    learners: tuple[str, ...], columns: str, expected: list[str]
) -> None:
    X, status, groups = study()
    model = DepressionModel(QUICK.override({"learning.learners": learners}))
    X = X.filter(regex=columns).dropna()
    assert list(predict_parts(model.fit(X, status[X.index], groups[X.index]), X)) == expected


@pytest.mark.parametrize("classes", [("Depression", "Normal"), ("a", "b", "c")])
def test_an_evaluation_keeps_the_predictions_of_views_and_single_learners(classes: tuple[str, ...]) -> None:
    X, status, groups = study(classes)
    systems = read_systems(evaluate_features(X, status, groups, settings=QUICK, folds=3, repeats=2))
    assert {*VIEWS, *MEMBERS} <= set(systems)
    n_rows = {"video": 33, "audio": 33, "both": 30}
    for name in (*VIEWS, *MEMBERS):
        view = name.split(" ")[1].split("/")[0]
        assert len(systems[name]) == 2 * n_rows[view]
        np.testing.assert_allclose(systems[name].probability.sum(axis=1), 1)


def test_a_part_predicts_each_recording_as_it_does_among_others() -> None:
    X, status, groups = study()
    train, test = slice(0, 24), slice(24, 36)
    model = DepressionModel(QUICK).fit(X[train], status[train], groups[train])
    one_by_one = [predict_parts(model, X.iloc[[row]])["member video/svm"] for row in range(test.start, test.stop)]
    pd.testing.assert_frame_equal(pd.concat(one_by_one), predict_parts(model, X[test])["member video/svm"])
