"""A hundred small studies evaluated from the table on: what the program says of them, beside what is true."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest
from sklearn.metrics import roc_auc_score

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.evaluation import run_fold as folds
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.evaluation.outer_folds import OuterFold

STUDIES = 100
QUICK = Settings().override(
    {
        "learning.learners": ("linear",),
        "learning.trials": 1,
        "learning.repeats": 1,
        "learning.folds": 2,
        "learning.importance": False,
    }
)
Study = tuple[pd.DataFrame, pd.Series, pd.Series]


def drawn(signal: float, subjects: int, each: int, seed: int) -> Study:
    """Draw people from a population: half are positive, and recordings of one person are alike."""
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(subjects), each)
    positive = rng.permutation(np.arange(subjects) % 2)[subject]
    of_person = 0.8 * rng.normal(size=(subjects, 4))[subject]
    X = signal * np.array([1, 0.5, 0, 0]) * positive[:, None] + of_person + rng.normal(size=(len(subject), 4))
    index = pd.Index([f"r{place:05d}" for place in range(len(X))], name="data_id")
    status = pd.Series(np.where(positive, "Depression", "Normal").astype(object), index=index)
    groups = pd.Series([f"S{number}" for number in subject], index=index)
    return pd.DataFrame(X, columns=[f"video__c{k}__mean" for k in range(4)], index=index), status, groups


def evaluated(signal: float, seed: int) -> dict[str, Any]:
    made = drawn(signal, 40, 2, seed)
    with pytest.MonkeyPatch.context() as patch:
        # Half of the time is the baseline's, and nothing that is asked here depends on it.
        patch.setattr(folds, "_shortcut", no_shortcut)
        return evaluate_features(*made, settings=QUICK, folds=3, repeats=1)


def no_shortcut(table: folds.EvaluationTable, settings: Settings, outer: OuterFold) -> dict[str, Any]:
    return folds._record(outer.test, table.codes[outer.test], np.full((len(outer.test), 2), 0.5))


@pytest.fixture(scope="module")
def nothing_to_find() -> list[dict[str, Any]]:
    """Return evaluations of studies whose labels mean nothing."""
    return [evaluated(0.0, seed) for seed in range(STUDIES)]


@pytest.mark.slow
def test_where_labels_mean_nothing_the_interval_holds_one_half(nothing_to_find: list[dict[str, Any]]) -> None:
    aucs = [found["scores"]["auc"] for found in nothing_to_find]
    assert np.mean([auc["mean"] for auc in aucs]) == pytest.approx(0.5, abs=0.03)
    assert sum(auc["low"] <= 0.5 <= auc["high"] for auc in aucs) >= 92


@pytest.mark.slow
def test_where_labels_mean_nothing_p_is_spread_evenly(nothing_to_find: list[dict[str, Any]]) -> None:
    p = pd.DataFrame([found["permutation_p_fixed_predictions"] for found in nothing_to_find])
    assert kstest(p["auc"], "uniform").pvalue > 0.05
    # Where everybody is called positive, as a threshold for F1 has it, no permutation differs: p is 1.
    assert ((p <= 0.05).mean() <= 0.09).all()


@pytest.fixture
def true_aucs(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Collect the AUC that each model of an outer fold has among 4,000 other people."""
    others, status, _ = drawn(1.0, 4000, 1, seed=10_000)
    found: list[float] = []
    fit = folds._fitted

    def judged(*args: Any) -> DepressionModel:
        model = fit(*args)
        found.append(float(roc_auc_score(status == "Depression", model.predict_features(others)["probability"])))
        return model

    monkeypatch.setattr(folds, "_fitted", judged)
    return found


@pytest.mark.slow
def test_the_interval_covers_what_the_models_are_worth_among_many_other_people(true_aucs: list[float]) -> None:
    """Not what another training would give: the interval leaves that spread out, and says so."""
    covered = 0
    for seed in range(STUDIES):
        true_aucs.clear()
        auc = evaluated(1.0, seed)["scores"]["auc"]
        assert len(true_aucs) == 3
        covered += auc["low"] <= np.mean(true_aucs) <= auc["high"]
    assert covered >= 92
