"""LightGBM and XGBoost models are opened only if each node has existing columns and children."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from xgboost import XGBClassifier, XGBRegressor

from pdmr_classic.models.persistence._booster_text import BoosterError, check_lightgbm, check_xgboost
from pdmr_classic.models.persistence._plain_state import StateError, from_plain, to_plain

X = np.random.default_rng(0).normal(size=(120, 4))
BINARY, THREE = (X[:, 0] > 0).astype(int), np.digitize(X[:, 0], [-0.4, 0.4])
LIGHT: dict[str, Any] = {"n_estimators": 6, "num_leaves": 5, "min_child_samples": 5, "verbosity": -1, "n_jobs": 1}
EXTREME: dict[str, Any] = {"n_estimators": 6, "max_depth": 3, "n_jobs": 1}


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (LGBMClassifier(**LIGHT), BINARY),
        (LGBMClassifier(**LIGHT), THREE),
        (LGBMClassifier(**LIGHT | {"min_child_samples": 1000}), BINARY),  # stumps
        (LGBMRegressor(**LIGHT), X[:, 1]),
        (LGBMRegressor(**LIGHT, objective="quantile", alpha=0.5), X[:, 1]),
        (XGBClassifier(**EXTREME), BINARY),
        (XGBClassifier(**EXTREME), THREE),
        (XGBClassifier(**EXTREME, gamma=5.0), BINARY),  # pruned
        (XGBRegressor(**EXTREME), X[:, 1]),
        (XGBRegressor(**EXTREME, objective="reg:quantileerror", quantile_alpha=0.5), X[:, 1]),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else "",
)
# LightGBM before 4.7 names the columns of an array, and warns that they are missing.
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_models_that_the_libraries_wrote_predict_the_same(model: Any, y: np.ndarray) -> None:
    fitted = model.fit(X, y)
    opened = from_plain(to_plain(fitted))
    np.testing.assert_array_equal(opened.predict(X), fitted.predict(X))
    if hasattr(model, "predict_proba"):
        np.testing.assert_array_equal(opened.predict_proba(X), fitted.predict_proba(X))


@pytest.fixture(scope="module")
def light() -> str:
    return str(LGBMClassifier(**LIGHT).fit(X, BINARY).booster_.model_to_string())


@pytest.fixture(scope="module")
def extreme() -> str:
    return XGBClassifier(**EXTREME).fit(X, BINARY).get_booster().save_raw("json").decode()


def replace_first(pattern: str, replacement: str) -> Callable[[str], str]:
    return lambda text: re.sub(pattern, replacement, text, count=1)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (replace_first(r"(?<=\nsplit_feature=)\d+", "4"), "a column that does not exist"),
        (replace_first(r"(?<=\nsplit_feature=)\d+", "-1"), "a column that does not exist"),
        (replace_first(r"(?<=\nsplit_feature=)\d+", "0x1"), "no integer"),
        (replace_first(r"(?<=\nleft_child=)-?\d+", "77"), "a child that does not exist"),
        (replace_first(r"(?<=\nleft_child=)-?\d+", "0"), "a child that does not exist"),
        (replace_first(r"(?<=\nleft_child=)-?\d+", "-77"), "a leaf that does not exist"),
        (replace_first(r"\nleft_child=(-?\d+) (-?\d+)", r"\nleft_child=1 1"), "two parents"),
        (replace_first(r"\ndecision_type=\d+", r"\ndecision_type=1"), "a categorical split"),
        (replace_first(r"\nnum_cat=0", r"\nnum_cat=1"), "another kind"),
        (replace_first(r"\nis_linear=0", r"\nis_linear=1"), "another kind"),
        (replace_first(r"\nnum_leaves=\d+", r"\nnum_leaves=500"), "another number of leaves"),
        (replace_first(r"\nthreshold=\S+ ", r"\nthreshold="), "other numbers of splits"),
        (replace_first(r"\nnum_class=1", r"\nnum_class=9"), "other numbers of trees"),
        (replace_first(r"\nobjective=.*", r"\nobjective=multiclass num_class:9"), "another number of classes"),
        (
            replace_first(r"\nobjective=.*", r"\nobjective=multiclass num_class:+9"),
            "the objective 'multiclass num_class:+9'",
        ),
        (replace_first(r"\nobjective=.*", r"\nobjective=multiclass num_class:1 num_class:9"), "the objective"),
        (replace_first(r"\nobjective=.*", r"\nobjective=lambdarank"), "the objective 'lambdarank'"),
        (replace_first(r"\nobjective=", r"\nobjective=binary\nobjective="), "the line 'objective'"),
        (replace_first(r"\nshrinkage=", r"\nshrinkage=1\nshrinkage="), "the line 'shrinkage'"),
        (replace_first(r"\nversion=", r"\nforcedsplits_filename=x\nversion="), "the line 'forcedsplits_filename'"),
        (lambda text: text.split("end of trees")[0], "incomplete"),
        (lambda text: text.replace("tree\n", "tree\0\n", 1), "unprintable"),
    ],
)
def test_a_changed_lightgbm_model_is_refused(change: Callable[[str], str], problem: str, light: str) -> None:
    changed = change(light)
    assert changed != light
    with pytest.raises(BoosterError, match=re.escape(problem)):
        check_lightgbm(changed)


def test_offsets_of_trees_are_left_out(light: str) -> None:
    assert "\ntree_sizes=" in light
    assert "tree_sizes" not in check_lightgbm(light)
    assert check_lightgbm(check_lightgbm(light)) == check_lightgbm(light)


Edit = Callable[[dict[str, Any]], Any]


def change_tree(name: str, value: Any, place: int = 0) -> Edit:
    def edit(learner: dict[str, Any]) -> None:
        learner["gradient_booster"]["model"]["trees"][0][name][place] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (change_tree("split_indices", 4), "a column that does not exist"),
        (change_tree("left_children", 99), "a child that does not exist"),
        (change_tree("left_children", 0), "a child that does not exist"),
        (change_tree("left_children", 2), "two parents"),
        (change_tree("left_children", -1), "a node with one child"),
        (change_tree("left_children", 1.5), "no integer"),
        (change_tree("split_type", 1), "a categorical split"),
        (lambda learner: learner["gradient_booster"].update(name="dart"), "another booster"),
        (lambda learner: learner["gradient_booster"]["model"]["trees"][0]["parents"].pop(), "other numbers of nodes"),
        (lambda learner: learner["gradient_booster"]["model"]["trees"][0].update(more=[]), "other parts"),
        (lambda learner: learner["gradient_booster"]["model"]["trees"].pop(), "another number of trees"),
        (lambda learner: learner["gradient_booster"]["model"]["tree_info"].insert(0, 3), "a class without score"),
        (lambda learner: learner["gradient_booster"]["model"]["iteration_indptr"].append(99), "other iterations"),
        (lambda learner: learner["learner_model_param"].update(num_feature="400"), "trees of other columns"),
        (lambda learner: learner["learner_model_param"].update(base_score="[0.5, 0.5, 0.5]"), "other base scores"),
        (lambda learner: learner["learner_model_param"].update(num_target="2"), "more than one target"),
    ],
)
def test_a_changed_xgboost_model_is_refused(edit: Edit, problem: str, extreme: str) -> None:
    document = json.loads(extreme)
    edit(document["learner"])
    with pytest.raises(BoosterError, match=problem):
        check_xgboost(json.dumps(document))


def test_keys_of_an_xgboost_model_occur_once(extreme: str) -> None:
    twice = extreme.replace('"split_indices"', '"split_indices":[9],"split_indices"')
    assert check_xgboost(twice).count('"split_indices"') == extreme.count('"split_indices"')


def test_a_changed_booster_is_named_in_the_message() -> None:
    plain = to_plain(LGBMClassifier(**LIGHT).fit(X, BINARY))
    booster = plain["$state"]["_Booster"]["$state"]
    booster["model"] = booster["model"].replace("num_cat=0", "num_cat=3")
    with pytest.raises(StateError, match="Booster with a tree of another kind"):
        from_plain(plain)
