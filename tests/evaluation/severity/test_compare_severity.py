from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from simulated import simulate_predictions
from simulated_severity import PHQ8, simulate_severity

from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.evaluation.compare import compare, compare_files
from pdmr_classic.evaluation.predictions import SCHEMA
from pdmr_classic.evaluation.severity.predictions import SeverityPredictions, store_severity_systems
from pdmr_classic.reporting.comparison_plot import plot_comparison
from pdmr_classic.reporting.comparison_tables import comparison_table
from pdmr_classic.text import to_json


def evaluation(model: SeverityPredictions, *, with_classes: bool = False) -> dict[str, Any]:
    model = model.sort_rows()
    constant = replace(model, predicted=np.full(len(model), model.truth.mean()))
    part = {
        "scale": model.scale.as_dict(),
        "predictions": model.to_records(),
        "systems": store_severity_systems(model, {"mean": constant}),
    }
    classes = simulate_predictions(1.0)
    labels = {
        "positive": classes.positive,
        "data": {"classes": dict.fromkeys(classes.classes, 1)},
        "predictions": classes.to_records(),
        "systems": {},
    }
    return {
        "schema": SCHEMA,
        "outer_folds": {"is_one_way": False},
        "severity": part,
        **(labels if with_classes else {}),
    }


MODEL = simulate_severity(0.4)
BETTER = replace(MODEL, predicted=(MODEL.predicted + MODEL.truth) / 2)


def test_a_better_model_is_best_by_concordance_and_has_the_smaller_error() -> None:
    comparison = compare(evaluation(MODEL), evaluation(BETTER), names=["old", "new"])
    assert "systems" not in comparison
    part = comparison["severity"]
    assert part["main_score"] == "ccc"
    differences = part["pairs"][0]["differences"]
    assert list(differences) == [
        *("mae", "rmse", "ccc", "pearson", "spearman", "quadratic_kappa", "linear_kappa", "accuracy", "macro_f1"),
    ]
    assert differences["mae"]["high"] < 0
    assert differences["ccc"]["low"] > 0
    assert part["winners"]["ccc"]["name"] == "new"
    assert part["winners"]["ccc"]["shares_of_rank_1"]["new"] > 0.99


def test_a_model_does_not_differ_from_itself() -> None:
    differences = compare(evaluation(MODEL), evaluation(MODEL))["severity"]["pairs"][0]["differences"]
    assert differences["ccc"] == {"difference": 0, "low": None, "high": None}  # no spread


def test_the_model_is_compared_with_the_training_mean_of_the_same_evaluation() -> None:
    part = compare(evaluation(BETTER))["severity"]
    assert list(part["systems"]) == ["model", "mean"]
    # One score for everyone has no correlation.
    assert part["pairs"][0]["differences"]["pearson"] == {"difference": None, "low": None, "high": None}


def test_classes_and_severities_are_both_compared_if_all_evaluations_have_both() -> None:
    both = evaluation(MODEL, with_classes=True)
    comparison = compare(both, both)
    assert comparison["main_score"] == "f1"
    assert comparison["severity"]["main_score"] == "ccc"
    assert "systems" not in compare(both, evaluation(MODEL))


def test_evaluations_without_a_common_target_are_not_compared() -> None:
    classes = evaluation(MODEL, with_classes=True)
    classes.pop("severity")
    with pytest.raises(DataError, match="no target in common") as caught:
        compare(classes, evaluation(MODEL))
    assert caught.value.finding.found == "A: labels, B: scores"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda p: replace(p, truth=p.truth[::-1].copy()), "scores"),
        (lambda p: replace(p, scale=replace(PHQ8, high=27.0)), "scale"),
        (lambda p: replace(p, fold=(p.fold + 1) % 5), "folds"),
        (lambda p: p.subset(np.arange(len(p) - 1)), "recordings"),
    ],
)
def test_evaluations_that_differ_cannot_be_paired(change: Any, what: str) -> None:
    with pytest.raises(DataError, match=f"evaluations A and B differ in their {what}"):
        compare(evaluation(MODEL), evaluation(change(MODEL)))


def test_an_unknown_system_is_refused() -> None:
    with pytest.raises(ConfigError, match="names a system that no evaluation has"):
        compare(evaluation(MODEL), systems=["model", "view video"])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_comparisons_are_shown_in_80_columns(n: int, tmp_path: Path) -> None:
    files = [tmp_path / f"study{number}.json" for number in range(n)]
    for number, file in enumerate(files):
        change = replace(MODEL, predicted=PHQ8.clip(MODEL.predicted + number))
        file.write_text(to_json(evaluation(change)))
    comparison = compare_files(*files)
    console = Console(width=80, file=(screen := io.StringIO()))
    console.print(comparison_table(comparison))
    text = screen.getvalue()
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "best by CCC" in text
    assert "Lower MAE and RMSE are better." in text


def test_severities_are_plotted() -> None:
    pytest.importorskip("matplotlib")
    figure = plot_comparison(compare(evaluation(MODEL), evaluation(BETTER)))
    assert [axis.get_xlabel() for axis in figure.axes] == ["CCC", "MAE", "rank 1 by CCC"]
