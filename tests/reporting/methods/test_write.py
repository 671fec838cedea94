"""The methods in Markdown say what the files say, and leave blanks for everything else."""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.environment import describe_environment
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.reporting.methods.write import write_methods

QUICK = {
    "learning.learners": ["linear"],
    "learning.trials": 1,
    "learning.folds": 3,
    "learning.repeats": 1,
    "evaluation.folds": 3,
    "evaluation.repeats": 1,
}
ITEMS = (
    *("1", "2", "3a", "3b", "3c", "4", "5a", "5b", "6a", "6b", "6c", "7", "8a", "8b", "8c", "9a", "9b", "9c", "10"),
    *("11", "12a", "12b", "12c", "12d", "12e", "12f", "12g", "13", "14", "15", "16", "17", "18a", "18b", "18c", "18d"),
    *("18e", "18f", "19", "20a", "20b", "20c", "21", "22", "23a", "23b", "24", "25", "26", "27a", "27b", "27c"),
)

Files = tuple[dict[str, Any], dict[str, Any]]


@pytest.fixture(scope="module")
def files() -> Files:
    """Manifest and evaluation of a model of 15 subjects, two of whose labels would break a page."""
    rng = np.random.default_rng(0)
    index = pd.Index([f"{k:03d}" for k in range(30)], name="data_id")
    groups = pd.Series([f"S{k // 2}" for k in range(30)], index)
    status = pd.Series(["Depression" if k // 2 % 2 else "<b>|No" for k in range(30)], index)
    smiles = rng.normal(size=30) - (status == "Depression")
    features = pd.DataFrame({"video__AU12_r__mean": smiles, "audio__vector__000": rng.normal(size=30)}, index)
    settings = Settings().override(QUICK)
    model = DepressionModel(settings).fit(features, status, groups)
    manifest = {
        **describe_environment(),
        **model.metadata_,
        "settings": settings.model_dump(mode="json"),
        "features": list(features.columns),
    }
    return manifest, evaluate_features(features, status, groups, settings=settings)


def section(text: str, title: str) -> str:
    return text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_figures_come_from_the_files(files: Files) -> None:
    manifest, evaluation = copy.deepcopy(files)
    assert "30 recordings of 15 subjects" in section(write_methods(manifest, evaluation), "Data")
    manifest |= {"n_recordings": 31, "threshold": 0.123}
    evaluation["scores"]["auc"] = {"mean": 0.777, "sd": None, "low": 0.701, "high": 0.801}
    text = write_methods(manifest, evaluation)
    assert "31 recordings" in section(text, "Data")
    assert "(0.123)" in section(text, "Training")
    assert "0.777 (95% CI 0.701 to 0.801)" in section(text, "Results")


def test_without_an_evaluation_there_are_no_results_and_the_command_is_shown(files: Files) -> None:
    manifest = files[0]
    text = write_methods(manifest, None)
    assert section(text, "Evaluation") == section(text, "Results")
    assert "pdmr-classic evaluate DATA" in section(text, "Results")
    # Inner scores are never passed off as results.
    assert f"{manifest['inner_scores']['auc']:.3f}" not in text


def test_without_a_manifest_the_training_is_a_note(files: Files) -> None:
    text = write_methods(None, files[1])
    assert "needs the manifest" in section(text, "Training")
    assert "15 subjects" in section(text, "Evaluation")


@pytest.mark.parametrize("n_files", [0, 1, 2])
def test_every_item_of_the_checklist_is_filled_or_blank(files: Files, n_files: int) -> None:
    manifest, evaluation = (files[0] if n_files else None), (files[1] if n_files != 1 else None)
    table = section(write_methods(manifest, evaluation), "TRIPOD+AI checklist (draft)")
    rows = re.findall(r"^\| (\d\w*) \| (.+) \|$", table, re.MULTILINE)
    assert tuple(item for item, _ in rows) == ITEMS
    filled = {item for item, content in rows if "TO FILL IN" not in content}
    # What nobody but the authors can know.
    assert not filled & {"4", "5a", "6b", "8a", "14", "17", "18a", "19", "25", "26"}
    assert ({"7", "12c"} <= filled) == (manifest is not None)
    assert ({"12a", "23a"} <= filled) == (evaluation is not None)


def test_labels_have_no_effect_on_the_markdown(files: Files) -> None:
    text = write_methods(*files)
    assert "<b>" not in text
    assert r"\<b\>\|No" in text


def test_citations_are_numbered_and_every_source_is_cited(files: Files) -> None:
    body, references = write_methods(*files).split("## References\n", 1)
    cited = {int(number) for group in re.findall(r" \[([\d, ]+)\]", body) for number in group.split(", ")}
    assert cited == set(range(1, 1 + len(re.findall(r"^\d+\. ", references, re.MULTILINE))))
    assert "@" not in body


def test_a_fixed_split_is_not_called_cross_validation(files: Files) -> None:
    evaluation = copy.deepcopy(files[1])
    evaluation["outer_folds"]["is_one_way"] = True
    for title in ("Evaluation", "TRIPOD+AI checklist (draft)"):
        assert "cross-validation" not in section(write_methods(None, evaluation), title)
        assert "cross-validation" in section(write_methods(None, files[1]), title)
    assert "dependence between folds" not in write_methods(None, evaluation)
    assert "are parts of the same data" not in write_methods(None, evaluation)


def test_only_libraries_and_class_weights_of_the_learners_are_named(files: Files) -> None:
    manifest = copy.deepcopy(files[0])
    text = write_methods(manifest, None)
    assert "Implementations: scikit-learn [" in text
    assert "LightGBM" not in text
    assert "| 13 | No resampling and no class weights. See Training. |" in text
    manifest["base_learners"] = [{"view": "video", "learner": name} for name in ("lite_ridge", "lightgbm")]
    text = write_methods(manifest, None)
    assert re.search(r"Implementations: scikit-learn \[\d+\] and LightGBM\.", text)
    assert "inversely proportional to class frequency in the ridge classifier. See Training." in text


def test_single_people_are_not_named(files: Files) -> None:
    evaluation = copy.deepcopy(files[1])
    group = {"n_recordings": 2, "n_subjects": 1, "scores": {"auc": None}}
    evaluation["subgroups"] = {"subject_id": {"groups": {"S07": group, "S08": group}}}
    text = write_methods(None, evaluation)
    assert "S07" not in text
    assert "person 2: 2 recordings" in text


def test_scores_of_known_people_are_named_as_such(files: Files) -> None:
    evaluation = {**files[1], "held_out": "another visit of known people"}
    assert "not for new people" in section(write_methods(None, evaluation), "Evaluation")


def test_without_any_file_nothing_is_written() -> None:
    with pytest.raises(ValueError, match="a manifest or an evaluation"):
        write_methods(None, None)


@pytest.mark.parametrize(
    ("learners", "trials", "phrase"),
    [
        (["linear"], 1, "No hyperparameter was tuned"),
        (["lite_trees", "lite_ridge"], 12, "No hyperparameter was tuned"),
        (["linear", "svm"], 12, "tuned with Optuna (12 trials per learner and view), minimising the log loss"),
        (["linear", "extra_trees"], 12, "Those of extremely randomised trees had their default values."),
    ],
)
def test_only_what_was_tuned_is_called_tuned(files: Files, learners: list[str], trials: int, phrase: str) -> None:
    manifest = copy.deepcopy(files[0])
    manifest["base_learners"] = [{"view": "video", "learner": name, "params": {}} for name in learners]
    manifest["settings"]["learning"]["trials"] = trials
    text = section(write_methods(manifest, None), "Training")
    assert phrase in re.sub(r" \[\d+\]", "", text)
    assert ("LightGBM" in text) == ("lightgbm" in learners)
