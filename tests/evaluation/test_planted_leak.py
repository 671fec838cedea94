"""A planted leak: features identify the subject, and each subject has a random label. The AUC must be at chance.

AUC, because F1 is near its floor under random labels even with a leak.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pdmr_classic import DepressionModel, Settings, evaluate, load_dataset
from pdmr_classic.evaluation import _run_folds as run_folds
from pdmr_classic.evaluation import run_fold as folds
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.models.learners.learners import LEARNERS, raw_scores

SUBJECTS, EACH, COLUMNS = 20, 4, 12
QUICK = Settings().override(
    {
        "learning.learners": ("svm",),
        "learning.trials": 1,
        "learning.repeats": 1,
        "learning.folds": 3,
        "learning.importance": False,
    }
)
Study = tuple[pd.DataFrame, pd.Series, pd.Series]


@pytest.fixture(scope="module")
def leak() -> Study:
    rng = np.random.default_rng(0)
    subject = np.repeat(np.arange(SUBJECTS), EACH)
    prints = rng.normal(size=(SUBJECTS, COLUMNS))[subject]
    index = pd.Index([f"r{place:03d}" for place in range(len(subject))], name="data_id")
    views = ["video"] * (COLUMNS // 2) + ["audio"] * (COLUMNS // 2)
    names = [f"{view}__vector__{place:03d}" for place, view in enumerate(views)]
    table = pd.DataFrame(prints + 0.01 * rng.normal(size=prints.shape), index=index, columns=names)
    table["quality__stream__duration_s"] = rng.normal(size=SUBJECTS)[subject]
    label = rng.permutation(np.arange(SUBJECTS) % 2)[subject]
    status = pd.Series(np.array(["Depression", "Normal"], dtype=object)[label], index=index)
    return table, status, pd.Series([f"S{number}" for number in subject], index=index)


def ignore_subjects(leak: Study) -> Study:
    table, status, _ = leak
    return table, status, pd.Series(table.index, index=table.index)


def run(study: Study, changes: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    settings = QUICK.override(changes or {})
    return evaluate_features(*study, **{"settings": settings, "folds": 4, "repeats": 1, **options})


def is_chance(evaluation: dict[str, Any]) -> bool:
    """Return whether the scores of models, calibration and threshold are at chance."""
    auc, right, brier = (evaluation["scores"][name] for name in ("auc", "balanced_accuracy", "brier"))
    baselines = (part for part in evaluation["baselines"].values() if part.get("scores"))
    systems = [evaluation, *baselines]
    near_chance = all(part["scores"]["auc"]["low"] <= 0.5 for part in systems)
    return near_chance and auc["high"] >= 0.5 and right["low"] <= 0.5 and brier["high"] > 0.25


def test_without_groups_the_leak_inflates_models_calibration_and_threshold(leak: Study) -> None:
    evaluation = run(ignore_subjects(leak))
    for part in (evaluation, evaluation["baselines"]["video_only"], evaluation["baselines"]["audio_only"]):
        assert part["scores"]["auc"]["mean"] > 0.95
        assert part["scores"]["auc"]["low"] > 0.7
    assert evaluation["scores"]["balanced_accuracy"]["low"] > 0.7
    assert evaluation["scores"]["brier"]["high"] < 0.2
    assert not is_chance(evaluation)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="fit, calibrate, threshold"),
        pytest.param({"learning.metric": "balanced_accuracy", "learning.repeats": 2}, id="another metric"),
        pytest.param({"learning.learners": tuple(LEARNERS)}, id="stack", marks=pytest.mark.slow),
        pytest.param({"learning.trials": 6, "learning.repeats": 2}, id="select", marks=pytest.mark.slow),
    ],
)
def test_a_planted_leak_leaves_scores_at_chance(leak: Study, changes: dict[str, Any]) -> None:
    assert is_chance(run(leak, changes))


def test_out_of_fold_scores_are_at_chance_although_the_learners_memorise_every_subject(leak: Study) -> None:
    model = DepressionModel(QUICK).fit(*leak)
    is_positive = leak[1] == "Depression"
    video = leak[0].filter(regex="^video").to_numpy()
    known = raw_scores(model.stacker_.models_["video/svm"], video)[:, 0]
    assert roc_auc_score(is_positive, -known) > 0.95, "Normal is the second class"
    assert roc_auc_score(is_positive[model.oof_.index], model.oof_["probability"]) < 0.75
    assert model.metadata_["inner_scores"]["balanced_accuracy"] < 0.75


def test_scores_are_at_chance_after_resuming_from_a_checkpoint(
    leak: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def interrupt_third_fold(*args: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return folds.run_fold(*args)

    with monkeypatch.context() as patch:
        patch.setattr(run_folds, "run_fold", interrupt_third_fold)
        with pytest.raises(KeyboardInterrupt):
            run(leak, checkpoint=tmp_path / "folds")
    assert (tmp_path / "folds").exists()
    assert is_chance(run(leak, checkpoint=tmp_path / "folds"))


@pytest.mark.parametrize("groups", ["subject_id", "re:(.*)"])
def test_scores_are_at_chance_from_files_and_from_the_cache(leak: Study, tmp_path: Path, groups: str) -> None:
    table, status, subjects = leak
    (tmp_path / "audio").mkdir()
    for data_id, row in table.iloc[:, :COLUMNS].iterrows():
        (tmp_path / "audio" / f"{data_id}.csv").write_text(",".join(map(str, row)) + "\n")
    labels = pd.DataFrame({"status": status, "subject_id": subjects})
    labels.to_csv(tmp_path / "labels.csv")
    data = load_dataset(tmp_path, groups=groups)
    options: dict[str, Any] = {"settings": QUICK, "folds": 4, "repeats": 1, "cache": tmp_path / "cache"}
    first, cached = (evaluate(data, **options) for _ in range(2))
    assert first == cached
    assert is_chance(first) == (groups == "subject_id")
