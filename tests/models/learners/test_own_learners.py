"""Users' own learners: checks, the stack, resumed studies, the manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from own_code import STILLNESS, forget_plugins, own_modules
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.naive_bayes import GaussianNB

from pdmr_classic import DepressionModel, Settings, register_learner
from pdmr_classic.errors import ArtifactError, ConfigError
from pdmr_classic.models.compiled.stack import CompiledStack
from pdmr_classic.models.learners.learners import LEARNERS, count_votes, select_allowed
from pdmr_classic.models.learners.member import Member
from pdmr_classic.plugins import load_plugins

OWN = {
    "learning.learners": ("linear", "mine"),
    "learning.trials": 2,
    "learning.repeats": 1,
    "learning.folds": 3,
    "learning.importance": False,
    "data.classes": ("Depression", "Normal", "Other"),
}
Study = tuple[pd.DataFrame, pd.Series, pd.Series]


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    forget_plugins()


def make_bayes(params: Mapping[str, Any], seed: int) -> Any:
    return GaussianNB(**params)


def study(classes: int = 2) -> Study:
    rng = np.random.default_rng(0)
    index = pd.Index([f"r{k:02d}" for k in range(48)], name="data_id")
    label = np.arange(48) // 2 % classes
    features = rng.normal(size=(48, 6)) + (label == 0)[:, None]
    names = [*(f"video__c{k}__mean" for k in range(3)), *(f"audio__vector__{k:03d}" for k in range(3))]
    table = pd.DataFrame(features, index, names)
    table.iloc[0, :3] = np.nan
    status = pd.Series([("Depression", "Normal", "Other")[k] for k in label], index)
    return table, status, pd.Series([f"S{k // 2}" for k in range(48)], index)


def fit_own(settings: Mapping[str, Any] = OWN, classes: int = 2, **options: Any) -> DepressionModel:
    return DepressionModel(Settings().override(dict(settings))).fit(*study(classes), **options)


# -------------------------------------------------------------------------------------------- checks


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (lambda params, seed: Ridge(), {}, "mine is not a classifier(.|\n)*Ridge"),
        (lambda params, seed: GaussianNB, {}, "mine is not a classifier"),
        (lambda params, seed: 1 / 0, {}, "mine cannot be built(.|\n)*ZeroDivisionError"),
        (make_bayes, {"needs_scaling": False}, "mine does not accept missing values(.|\n)*needs_scaling=True"),
        (make_bayes, {"kind": "tree"}, "mine has an unknown kind"),
        (make_bayes, {"defaults": {"k": 3}}, "mine has hyperparameters that are taken"),
        (make_bayes, {"defaults": {"x": object()}}, "mine has defaults that are not valid"),
        (make_bayes, {"defaults": 3}, "mine has defaults that are not valid(.|\n)*int"),
        (make_bayes, {"search_space": 3}, "mine has a search space that is not valid(.|\n)*int"),
        (make_bayes, {"defaults": {"depth": 3}}, "mine cannot be built(.|\n)*TypeError"),
    ],
)
def test_a_learner_that_cannot_be_used_is_refused_when_it_is_registered(
    build: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        register_learner("mine", build, **options)
    assert "mine" not in LEARNERS


@pytest.mark.parametrize("name", ["svm", "ridge", "lite_trees"])
def test_the_name_of_a_built_in_learner_is_taken(name: str) -> None:
    with pytest.raises(ConfigError, match="the name of a learner is taken"):
        register_learner(name, make_bayes)


def test_an_unregistered_learner_is_unknown_and_the_hint_names_the_option() -> None:
    with pytest.raises(ConfigError, match=r"unknown learner(.|\n)*mine(.|\n)*--plugin"):
        fit_own()


class NoWeights(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Refuses sample weights."""

    def fit(self, X: Any, y: Any) -> NoWeights:
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X: Any) -> Any:
        return np.full((len(X), 2), 0.5)


def test_weights_that_a_learner_does_not_accept_are_an_error() -> None:
    register_learner("mine", lambda params, seed: NoWeights())
    with pytest.raises(ConfigError, match="mine does not accept weights"):
        fit_own(sample_weight=np.linspace(1, 2, 48))


class Broken(NoWeights):
    """Predicts NaN, or too few columns."""

    def __init__(self, columns: int = 1) -> None:
        self.columns = columns

    def predict_proba(self, X: Any) -> Any:
        return np.full((len(X), self.columns), np.nan if self.columns == 2 else 1.0)


@pytest.mark.parametrize(("columns", "found"), [(1, r"shape \[2, 1\]"), (2, "NaN or infinite scores")])
def test_scores_that_are_not_valid_are_an_error(columns: int, found: str) -> None:
    register_learner("mine", lambda params, seed: Broken(columns))
    with pytest.raises(ConfigError, match=f"mine returned scores that are not valid(.|\n)*{found}"):
        fit_own()


def test_an_error_in_fit_names_the_learner() -> None:
    register_learner("mine", lambda params, seed: GaussianNB(priors=[0.2, 0.2]))
    with pytest.raises(ConfigError, match=r"mine raised an error(.|\n)*ValueError"):
        fit_own()


@pytest.mark.parametrize(
    ("search_space", "found"), [(lambda trial: 1 / 0, "ZeroDivisionError"), (lambda trial: 5, "found: +int")]
)
def test_an_error_in_a_search_space_names_the_learner(search_space: Any, found: str) -> None:
    register_learner("mine", make_bayes, search_space=search_space)
    with pytest.raises(ConfigError, match=f"mine has a search space that failed(.|\n)*{found}"):
        fit_own()


# ------------------------------------------------------------------------------------------- the stack


def suggest(trial: Any) -> dict[str, Any]:
    return {"var_smoothing": trial.suggest_float("var_smoothing", 1e-9, 1.0, log=True)}


def test_a_tuned_learner_is_in_the_stack_and_in_the_manifest() -> None:
    register_learner("mine", make_bayes, search_space=suggest, defaults={"var_smoothing": 0.5}, stores_rows=False)
    model = fit_own()
    learners = {(part["view"], part["learner"]): part["params"] for part in model.metadata_["base_learners"]}
    assert {view for view, learner in learners if learner == "mine"} == {"video", "audio", "both"}
    assert "var_smoothing" in learners["video", "mine"]
    (plugin,) = model.metadata_["plugins"]
    assert (plugin["kind"], plugin["name"]) == ("learner", "mine")
    assert not model.metadata_["contains_training_rows"]


@pytest.mark.parametrize(
    ("build", "options", "classes"),
    [
        (lambda params, seed: RidgeClassifier(), {}, 2),
        (lambda params, seed: LinearDiscriminantAnalysis(), {}, 3),
        (
            lambda params, seed: HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=3),
            {"needs_scaling": False},
            2,
        ),
    ],
)
def test_classifiers_with_margins_several_classes_or_missing_values_work(
    build: Any, options: dict[str, Any], classes: int
) -> None:
    register_learner("mine", build, **options)
    model = fit_own({**OWN, "learning.learners": ("mine",)}, classes)
    assert (model.predict_features(study(classes)[0])["status"] == study(classes)[1]).mean() > 0.5


def test_a_learner_that_may_store_rows_is_left_out_without_training_rows() -> None:
    register_learner("mine", make_bayes)
    settings = Settings().override({"learning.training_rows": False})
    assert select_allowed(["linear", "mine"], settings.learning) == ["linear"]


def test_learners_of_one_kind_share_their_votes() -> None:
    register_learner("mine", make_bayes, kind="kernel")
    assert count_votes([Member("video", "svm"), Member("video", "mine")]) == [1.0, 1.0]


def test_a_subclass_of_a_known_learner_has_no_compiled_form() -> None:
    class Inverted(LogisticRegression):  # type: ignore[misc]
        pass

    register_learner("mine", lambda params, seed: Inverted())
    with pytest.raises(ConfigError, match=r"no compiled form(.|\n)*Inverted"):
        CompiledStack(fit_own().stacker_)


# ------------------------------------------------------------------- processes, resumption, saved models


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with own_modules(tmp_path):
        yield tmp_path


@pytest.mark.slow
@pytest.mark.usefixtures("several_threads")
def test_results_do_not_depend_on_the_number_of_processes(folder: Path) -> None:
    # These workers started before the folder was searched for modules.
    joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(number) for number in range(2))
    (folder / "own_jobs.py").write_text(STILLNESS)
    settings = Settings().override({**OWN, "plugins.modules": ("own_jobs",)})
    features, *targets = study()
    video = features.filter(like="video")
    models = [DepressionModel(settings).fit(video, *targets, jobs=jobs) for jobs in (1, 2)]
    one, two = (model.predict_features(video) for model in models)
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_a_study_is_not_resumed_with_another_version_of_the_learner(tmp_path: Path) -> None:
    def fit_version(version: str) -> DepressionModel:
        register_learner("mine", make_bayes, search_space=suggest, version=version)
        return fit_own(studies=tmp_path / "studies")

    first = fit_version("1").metadata_["base_learners"]
    assert fit_version("1").metadata_["base_learners"] == first
    with pytest.raises(ConfigError, match="studies of an unfinished fit with different"):
        fit_version("2")


def test_a_saved_model_imports_the_module_of_its_learner(folder: Path) -> None:
    (folder / "own_saved.py").write_text(STILLNESS)
    load_plugins(["own_saved"])
    fitted = fit_own()
    fitted.save("model.joblib")
    forget_plugins()
    loaded = DepressionModel.load("model.joblib")
    assert "mine" in LEARNERS
    features = study()[0]
    pd.testing.assert_frame_equal(loaded.predict_features(features), fitted.predict_features(features))


def test_a_module_that_is_missing_or_has_changed_is_not_run(folder: Path) -> None:
    file = folder / "own_gone.py"
    file.write_text(STILLNESS)
    load_plugins(["own_gone"])
    fit_own().save("model.joblib")
    forget_plugins()
    file.write_text(f"{STILLNESS}\nraise SystemExit('was run')\n")
    for trust in (False, True):
        with pytest.raises(ArtifactError, match="the learner mine has changed since the model was trained"):
            DepressionModel.load("model.joblib", trust=trust)
    file.unlink()
    with pytest.raises(ArtifactError, match=r"own_gone, which was not found(.|\n)*PYTHONPATH"):
        DepressionModel.load("model.joblib")


def test_a_module_that_was_not_used_here_is_not_run_without_trust(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "own_foreign.py").write_text(STILLNESS)
    load_plugins(["own_foreign"])
    fit_own().save("model.joblib")
    forget_plugins()
    recorded = "pdmr_classic.models.persistence._recorded_plugins.is_recorded"
    monkeypatch.setattr(recorded, lambda digest: False)
    with pytest.raises(ArtifactError, match=r"was not used for training under this account(.|\n)*--trust"):
        DepressionModel.load("model.joblib")
    assert "mine" not in LEARNERS
    DepressionModel.load("model.joblib", trust=True)
    assert "mine" in LEARNERS
